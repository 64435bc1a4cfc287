// Actions as the packet path reads them: a row of words, without pointers or references.
//
// The first word of a step says what it is; some are followed by operands.
//
//      63            32 31         16 15      8 7       0
//     +----------------+-------------+---------+---------+
//     |   immediate    |    small    |    0    |  kind   |
//     +----------------+-------------+---------+---------+
//
// A masked value and its mask share an operand word, the value in the high half; values of more
// than 32 bits have a word each.

@usableFromInline
enum StepKind: UInt8 {
    /// Ends the row.
    case end = 0
    /// immediate = port
    case output = 1
    /// small = bytes of the cookie, which follows
    case userspace = 2
    /// 4 operands: source, its mask, destination, its mask
    case setEthernet = 3
    /// immediate = tos, mask, ttl, mask; 2 operands: source, destination
    case setIPv4 = 4
    /// immediate = class, mask, hop limit, mask; 9 operands: addresses with masks, label
    case setIPv6 = 5
    /// small = protocol; 1 operand: source, mask, destination, mask
    case setPorts = 6
    /// 1 operand
    case setMark = 7
    /// immediate = priority
    case setPriority = 8
    /// small = TPID, immediate = TCI
    case pushVLAN = 9
    case popVLAN = 10
    /// immediate = bytes
    case truncate = 11
    /// immediate = raw value of a `PacketEnd`
    case drop = 12
    /// small = raw value of a `PacketHash`, immediate = basis
    case hash = 13
    /// immediate = recirculation id
    case recirculate = 14
}

@usableFromInline
struct Step {
    @usableFromInline let word: UInt64

    @inlinable init(word: UInt64) { self.word = word }

    init(_ kind: StepKind, small: UInt16 = 0, immediate: UInt32 = 0) {
        word = UInt64(kind.rawValue) | UInt64(small) << 16 | UInt64(immediate) << 32
    }

    /// Only rows that `ProgramStore` wrote are read, so an unknown kind cannot be met; it would end
    /// the row.
    @inlinable var kind: StepKind { StepKind(rawValue: UInt8(truncatingIfNeeded: word)) ?? .end }
    @inlinable var small: UInt16 { UInt16(truncatingIfNeeded: word >> 16) }
    @inlinable var immediate: UInt32 { UInt32(truncatingIfNeeded: word >> 32) }

    /// Words that follow the first one.
    @inlinable var operandCount: Int {
        switch kind {
        case .userspace: (Int(small) + 7) / 8
        case .setEthernet: 4
        case .setIPv4: 2
        case .setIPv6: 9
        case .setPorts, .setMark: 1
        case .end, .output, .setPriority, .pushVLAN, .popVLAN, .truncate, .drop, .hash,
            .recirculate:
            0
        }
    }
}
