// Loading programs into the kernel, and tables that they share with us.

internal import CLinuxPacket
internal import Glibc
internal import KernelPrograms

/// What a program may be attached to.
enum KernelProgram {
    /// Decides which frames a packet socket receives, or which socket of a group does.
    static let socketFilter = UInt32(BPF_PROG_TYPE_SOCKET_FILTER.rawValue)
    /// Decides what becomes of a frame at tc ingress.
    static let ingress = UInt32(BPF_PROG_TYPE_SCHED_CLS.rawValue)

    /// - Parameters:
    ///   - name: At most 15 bytes; what `bpftool prog` shows.
    ///   - interface: For the error.
    static func load(
        _ words: [UInt64], type: UInt32, name: String, interface: String
    ) throws(PortError) -> Descriptor {
        // Safe: the array's words for the length of the call.
        let result = unsafe apus_program_load(type, words, UInt32(words.count), name)
        return try Descriptor(result, interface: interface, call: "bpf(BPF_PROG_LOAD \(name))")
    }

    /// A table of the kernel's; `name` and `interface` as in `load`.
    static func table(
        type: bpf_map_type, keyByteCount: Int, valueByteCount: Int, count: Int, flags: UInt32 = 0,
        name: String, interface: String
    ) throws(PortError) -> Descriptor {
        let result = unsafe apus_table_make(
            type.rawValue, UInt32(keyByteCount), UInt32(valueByteCount), UInt32(count), flags, name)
        return try Descriptor(result, interface: interface, call: "bpf(BPF_MAP_CREATE \(name))")
    }
}
