import Flows

// Which parts of a key are followed with prefix trees, and where they lie.

/// The four addresses of a packet. Word numbers are those of `FlowKey`.
@usableFromInline
enum TrackedField: Int, CaseIterable, Sendable {
    case ipv4Source, ipv4Destination, ipv6Source, ipv6Destination

    /// The address in a key or mask, left-aligned in two words.
    func value(in row: PipelineKey) -> (high: UInt64, low: UInt64) {
        switch self {
        case .ipv4Source: (row[word: 8] << 32, 0)
        case .ipv4Destination: (row[word: 8] & 0xffff_ffff_0000_0000, 0)
        case .ipv6Source: (row[word: 9], row[word: 10])
        case .ipv6Destination: (row[word: 11], row[word: 12])
        }
    }

    @inlinable @inline(__always)
    func value(in words: UnsafePointer<UInt64>) -> (high: UInt64, low: UInt64) {
        // Safe: the words of a whole key.
        switch self {
        case .ipv4Source: unsafe (words[8] &<< 32, 0)
        case .ipv4Destination: unsafe (words[8] & 0xffff_ffff_0000_0000, 0)
        case .ipv6Source: unsafe (words[9], words[10])
        case .ipv6Destination: unsafe (words[11], words[12])
        }
    }

    /// ORs the first `count` bits of the address into a mask; more than it has mean all.
    @inlinable
    func look(at count: Int, in mask: UnsafeMutablePointer<UInt64>) {
        let ones = PrefixTrie.ones(count)
        // Safe: the words of a whole mask.
        switch self {
        case .ipv4Source: unsafe mask[8] |= ones.high &>> 32
        case .ipv4Destination: unsafe mask[8] |= ones.high & 0xffff_ffff_0000_0000
        case .ipv6Source:
            unsafe mask[9] |= ones.high
            unsafe mask[10] |= ones.low
        case .ipv6Destination:
            unsafe mask[11] |= ones.high
            unsafe mask[12] |= ones.low
        }
    }
}

extension TrackedField {
    /// Whether a mask has the first `count` bits of the address already.
    func isLooked(at count: Int, in mask: UnsafePointer<UInt64>) -> Bool {
        let ones = PrefixTrie.ones(count)
        // Safe: the words of a whole mask.
        let has = unsafe value(in: mask)
        // Of IPv4 there are 32 bits.
        let all = rawValue < 2 ? UInt64(0xffff_ffff) << 32 : ~0
        return ones.high & all & ~has.high == 0 && (rawValue < 2 || ones.low & ~has.low == 0)
    }
}

/// How many first bits a mask has of each address; 0: none, or others than the first.
@usableFromInline
struct TrackedPrefixes: Equatable, Sendable {
    /// One byte for each `TrackedField`.
    @usableFromInline private(set) var lengths: UInt32 = 0

    init(of mask: PipelineMask) {
        for field in TrackedField.allCases {
            let (high, low) = field.value(in: mask)
            let length =
                high == ~0 ? 64 + (~low).leadingZeroBitCount : (~high).leadingZeroBitCount
            guard PrefixTrie.ones(length) == (high, low) else { continue }
            lengths |= UInt32(length) << UInt32(8 * field.rawValue)
        }
    }

    subscript(field: TrackedField) -> Int {
        Int(lengths >> UInt32(8 * field.rawValue) & 0xff)
    }
}

/// Where source and destination port lie, as one number with the source in its high half.
enum PortsWord {
    static let index = 7

    @inlinable
    static func value(_ word: UInt64) -> UInt32 {
        let both = UInt32(truncatingIfNeeded: word)
        return both << 16 | both >> 16
    }
}
