public import Flows

// A hash that nobody outside can aim.
//
// Whoever sends packets chooses keys, and whoever could choose keys with equal hashes could turn
// every table into a list. So the hash is keyed by secrets from a random seed. Its form is NH (RFC
// 4418 §5.2): a sum of products of (word + secret), whose chance of a collision over the choice of
// secrets is bounded for any two keys. The products do not wait for each other, so that all 19
// words cost about as much as five words in a chain would.

/// The hash of one process, drawn from its seed.
@safe
public struct KeyHash: ~Copyable {
    /// 28 words: one per word of a key, two for the end.
    @usableFromInline let secrets: UnsafeMutablePointer<UInt64>

    private static let secretCount = FlowKey.wordCount + 2

    /// - Parameter seed: Random, anew in each process. Equal seeds give equal hashes.
    public init(seed: UInt64) {
        // Safe: owned by this value alone, freed in its deinit.
        unsafe secrets = .allocate(capacity: Self.secretCount)
        var state = seed
        for index in 0..<Self.secretCount {
            // SplitMix64: the standard way to draw many words from one.
            state &+= 0x9e37_79b9_7f4a_7c15
            var word = state
            word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
            word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
            unsafe (secrets + index).initialize(to: word ^ word >> 31)
        }
    }

    // Safe: allocated in init, trivial.
    deinit { unsafe secrets.deallocate() }

    /// Hashes the whole key.
    public func hash(_ key: FlowKey) -> UInt64 { unsafe Words.of(key) { unsafe hash($0) } }

    @inlinable @inline(__always)
    func hash(_ key: KeyWords) -> UInt64 {
        var (high, low) = (0 as UInt64, 0 as UInt64)
        unsafe add(key, 0, 18, &high, &low)
        // Safe: word 18 says whether there are words of a tunnel.
        if unsafe key[18] != 0 { unsafe add(key, 18, FlowKey.wordCount, &high, &low) }
        return finish(high, low)
    }

    @inlinable @inline(__always)
    func add(
        _ key: KeyWords, _ start: Int, _ end: Int, _ high: inout UInt64, _ low: inout UInt64
    ) {
        for first in stride(from: start, to: end, by: 2) {
            // Safe: both bounds are even, and no more than the words that are there.
            let product = unsafe (key[first] &+ secrets[first])
                .multipliedFullWidth(by: key[first + 1] &+ secrets[first + 1])
            high &+= product.high
            low &+= product.low
        }
    }

    /// Hashes the bits of `key` that `mask` selects.
    ///
    /// - Parameter pairs: Bit n stands for words 2n and 2n + 1, and is set if `mask` selects any
    ///   bit of them.
    @inlinable @inline(__always)
    func hash(_ key: KeyWords, mask: KeyWords, pairs: UInt32) -> UInt64 {
        var (high, low) = (0 as UInt64, 0 as UInt64)
        var rest = pairs
        while rest != 0 {
            let first = 2 * rest.trailingZeroBitCount
            rest &= rest &- 1
            // Safe: `pairs` has thirteen bits, so that `first` is 24 at most.
            let a = unsafe key[first] & mask[first]
            let b = unsafe key[first + 1] & mask[first + 1]
            let product = unsafe (a &+ secrets[first])
                .multipliedFullWidth(by: b &+ secrets[first + 1])
            high &+= product.high
            low &+= product.low
        }
        return finish(high, low)
    }

    @inlinable @inline(__always)
    func finish(_ high: UInt64, _ low: UInt64) -> UInt64 {
        // Safe: the two secrets behind those of the words.
        let last = FlowKey.wordCount
        let product = unsafe (high ^ secrets[last])
            .multipliedFullWidth(by: low ^ secrets[last + 1])
        return product.high ^ product.low
    }

    /// The `pairs` of a mask.
    static func pairs(of mask: FlowMask) -> UInt32 {
        var pairs: UInt32 = 0
        for index in 0..<FlowMask.wordCount where mask[word: index] != 0 {
            pairs |= 1 << UInt32(index / 2)
        }
        return pairs
    }
}
