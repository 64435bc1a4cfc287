// Programs for the kernel's small machine (eBPF, RFC 9669), written down as data.
//
// The few programs that the datapath hands to the kernel are short and fixed, so they are composed
// here, instruction by instruction, and need neither a compiler for that machine nor files of it at
// run time. Being data they can be read, compared and tested without a kernel.
//
//     8 bytes:  opcode │ source, destination │ offset (16) │ immediate (32)

/// A register of the kernel's machine (RFC 9669 §2).
public enum Register: UInt8, Sendable {
    /// Result of a call, and of the program.
    case r0
    /// Arguments of a call; lost by it. `r1` holds the context when the program begins.
    case r1, r2, r3, r4, r5
    /// Kept over calls.
    case r6, r7, r8, r9
    /// End of the stack frame of 512 bytes; cannot be written.
    case frame
}

/// One instruction as it is handed to `bpf(BPF_PROG_LOAD)`, in the machine's byte order.
public struct Instruction: Hashable, Sendable {
    public var opcode: UInt8
    public var destination: Register
    /// A register, or a kind of reference (`Assembler.load(map:into:)`).
    public var source: UInt8
    public var offset: Int16
    public var immediate: Int32

    public init(
        _ opcode: UInt8, _ destination: Register = .r0, source: UInt8 = 0, offset: Int16 = 0,
        immediate: Int32 = 0
    ) {
        self.opcode = opcode
        self.destination = destination
        self.source = source
        self.offset = offset
        self.immediate = immediate
    }

    /// The eight bytes as one number, in the layout of a little-endian `struct bpf_insn`.
    public var word: UInt64 {
        UInt64(opcode) | UInt64(destination.rawValue) << 8 | UInt64(source) << 12
            | UInt64(UInt16(bitPattern: offset)) << 16
            | UInt64(UInt32(bitPattern: immediate)) << 32
    }
}
