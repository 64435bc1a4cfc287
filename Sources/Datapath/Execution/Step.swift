public import Flows

// Actions as the packet path reads them: a row of words, without pointers or references.
//
// The first word of a step says what it is; some are followed by operands. Lists inside an action
// are rows of their own among its operands, each with its `.end`.
//
//      63            32 31         16 15        8 7       0
//     +----------------+-------------+-----------+---------+
//     |   immediate    |    small    |  operands |  kind   |
//     +----------------+-------------+-----------+---------+
//
// A `set` has the words of the flow key that its header owns, each as value and mask, so that the
// same place in key, netlink and program means the same field.

@usableFromInline
enum StepKind: UInt8 {
    /// Ends the row.
    case end = 0
    /// immediate = port
    case output = 1
    /// small = bytes of the cookie, which follows
    case userspace = 2
    /// small = raw value of a `HeaderKind`, operands = two for each of its words
    case set = 3
    /// small = TPID, immediate = TCI
    case pushVLAN = 4
    case popVLAN = 5
    /// immediate = bytes
    case truncate = 6
    /// immediate = raw value of a `PacketEnd`
    case drop = 7
    /// small = raw value of a `PacketHash`, immediate = basis
    case hash = 8
    /// immediate = recirculation id
    case recirculate = 9
    /// small = Ethernet type, immediate = label-stack entry
    case pushMPLS = 10
    /// small = Ethernet type
    case popMPLS = 11
    /// small = words of the list that follows
    case decrementTTL = 12
    /// immediate = meter
    case meter = 13
    /// immediate = probability, small = words of the list that follows
    case sample = 14
    /// small = words of the list that follows
    case clone = 15
    /// immediate = bytes, small = words that follow: how many the first list has, and both lists
    case checkLength = 16
}

@usableFromInline
struct Step {
    @usableFromInline let word: UInt64

    @inlinable init(word: UInt64) { self.word = word }

    init(_ kind: StepKind, operands: Int = 0, small: UInt16 = 0, immediate: UInt32 = 0) {
        word =
            UInt64(kind.rawValue) | UInt64(operands) << 8 | UInt64(small) << 16
            | UInt64(immediate) << 32
    }

    /// Only rows that `ProgramStore` wrote are read, so an unknown kind cannot be met; it would end
    /// the row.
    @inlinable var kind: StepKind { StepKind(rawValue: UInt8(truncatingIfNeeded: word)) ?? .end }
    @inlinable var small: UInt16 { UInt16(truncatingIfNeeded: word >> 16) }
    @inlinable var immediate: UInt32 { UInt32(truncatingIfNeeded: word >> 32) }
    /// The header of a `set`.
    @inlinable var header: HeaderKind {
        HeaderKind(rawValue: UInt8(truncatingIfNeeded: small)) ?? .ethernet
    }

    /// Words that follow the first one.
    @inlinable var operandCount: Int {
        switch kind {
        case .userspace: (Int(small) + 7) / 8
        case .set: Int(word >> 8 & 0xff)
        case .decrementTTL, .sample, .clone, .checkLength: Int(small)
        case .end, .output, .pushVLAN, .popVLAN, .truncate, .drop, .hash, .recirculate, .pushMPLS,
            .popMPLS, .meter:
            0
        }
    }
}
