// Names instead of numbers: jumps go to labels, and are resolved when the program is finished.

/// Composes one program from front to back.
public struct Assembler {
    /// A place to jump to; forward only, so that a program ends whatever it meets.
    public struct Label: Hashable, Sendable {
        fileprivate let index: Int
    }

    /// How many bytes a load or store moves (RFC 9669 §5.1).
    public enum Width: UInt8, Sendable {
        case word = 0x00
        case half = 0x08
        case byte = 0x10
        case double = 0x18
    }

    /// Unless said otherwise unsigned, over 64 bits (RFC 9669 §4.3).
    public enum Comparison: UInt8, Sendable {
        case equal = 0x10
        case greater = 0x20
        case notEqual = 0x50
        case signedLess = 0xc0
    }

    /// `BPF_FUNC_*` of `linux/bpf.h`.
    public enum Helper: Int32, Sendable {
        case mapLookup = 1
        case vlanPush = 18
        case vlanPop = 19
        case redirect = 23
        case loadBytes = 26
        case redirectToPeer = 155
    }

    private var instructions: [Instruction] = []
    private var places: [Int?] = []
    private var jumps: [(at: Int, to: Label)] = []

    public init() {}

    public mutating func label() -> Label {
        places.append(nil)
        return Label(index: places.count - 1)
    }

    /// What follows is where jumps to `label` land.
    public mutating func place(_ label: Label) { places[label.index] = instructions.count }

    // MARK: Arithmetic, over 64 bits

    public mutating func move(_ to: Register, _ value: Int32) {
        instructions.append(Instruction(0xb7, to, immediate: value))
    }
    public mutating func move(_ to: Register, _ from: Register) {
        instructions.append(Instruction(0xbf, to, source: from.rawValue))
    }
    public mutating func add(_ to: Register, _ value: Int32) {
        instructions.append(Instruction(0x07, to, immediate: value))
    }
    public mutating func add(_ to: Register, _ from: Register) {
        instructions.append(Instruction(0x0f, to, source: from.rawValue))
    }
    public mutating func multiply(_ to: Register, _ value: Int32) {
        instructions.append(Instruction(0x27, to, immediate: value))
    }
    public mutating func or(_ to: Register, _ value: Int32) {
        instructions.append(Instruction(0x47, to, immediate: value))
    }
    public mutating func or(_ to: Register, _ from: Register) {
        instructions.append(Instruction(0x4f, to, source: from.rawValue))
    }
    public mutating func and(_ to: Register, _ value: Int32) {
        instructions.append(Instruction(0x57, to, immediate: value))
    }
    public mutating func and(_ to: Register, _ from: Register) {
        instructions.append(Instruction(0x5f, to, source: from.rawValue))
    }
    public mutating func shiftLeft(_ to: Register, _ count: Int32) {
        instructions.append(Instruction(0x67, to, immediate: count))
    }
    public mutating func shiftRight(_ to: Register, _ count: Int32) {
        instructions.append(Instruction(0x77, to, immediate: count))
    }
    /// Takes the lower 16 bits from network order to the machine's (RFC 9669 §4.2).
    public mutating func fromNetwork16(_ register: Register) {
        instructions.append(Instruction(0xdc, register, immediate: 16))
    }

    // MARK: Memory

    public mutating func load(_ width: Width, _ to: Register, _ base: Register, _ offset: Int16) {
        instructions.append(
            Instruction(0x61 | width.rawValue, to, source: base.rawValue, offset: offset))
    }
    public mutating func store(_ width: Width, _ base: Register, _ offset: Int16, _ from: Register)
    {
        instructions.append(
            Instruction(0x63 | width.rawValue, base, source: from.rawValue, offset: offset))
    }
    public mutating func store(_ width: Width, _ base: Register, _ offset: Int16, _ value: Int32) {
        instructions.append(
            Instruction(0x62 | width.rawValue, base, offset: offset, immediate: value))
    }
    /// Adds a register to 64 bits in memory, atomically (RFC 9669 §5.3).
    public mutating func addAtomically(_ base: Register, _ offset: Int16, _ from: Register) {
        instructions.append(Instruction(0xdb, base, source: from.rawValue, offset: offset))
    }
    /// The map with this descriptor, for a helper (`BPF_PSEUDO_MAP_FD`).
    public mutating func load(map descriptor: Int32, into register: Register) {
        instructions.append(Instruction(0x18, register, source: 1, immediate: descriptor))
        instructions.append(Instruction(0))
    }
    /// The address of the first value of an array (`BPF_PSEUDO_MAP_VALUE`).
    public mutating func load(valueOf descriptor: Int32, into register: Register) {
        instructions.append(Instruction(0x18, register, source: 2, immediate: descriptor))
        instructions.append(Instruction(0))
    }

    // MARK: Control

    public mutating func call(_ helper: Helper) {
        instructions.append(Instruction(0x85, immediate: helper.rawValue))
    }
    public mutating func exit() { instructions.append(Instruction(0x95)) }
    public mutating func jump(to label: Label) {
        jumps.append((instructions.count, label))
        instructions.append(Instruction(0x05))
    }
    public mutating func jump(
        if register: Register, _ comparison: Comparison, _ value: Int32, to label: Label
    ) {
        jumps.append((instructions.count, label))
        instructions.append(Instruction(0x05 | comparison.rawValue, register, immediate: value))
    }
    public mutating func jump(
        if register: Register, _ comparison: Comparison, _ other: Register, to label: Label
    ) {
        jumps.append((instructions.count, label))
        instructions.append(
            Instruction(0x0d | comparison.rawValue, register, source: other.rawValue))
    }

    /// The program, as words to be loaded. Every label that is jumped to must have its place,
    /// behind the jump: programs are fixed texts of ours, so anything else is a fault of ours.
    public consuming func finish() -> [UInt64] {
        for (at, label) in jumps {
            guard let place = places[label.index], place > at else {
                preconditionFailure("a label without its place behind the jump")
            }
            instructions[at].offset = Int16(place - at - 1)
        }
        return instructions.map(\.word)
    }
}
