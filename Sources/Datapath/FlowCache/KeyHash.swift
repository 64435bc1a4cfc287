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
    /// 22 words: one per word of a key, one to fill up the last pair, two for the end.
    @usableFromInline let secrets: UnsafeMutablePointer<UInt64>

    /// - Parameter seed: Random, anew in each process. Equal seeds give equal hashes.
    public init(seed: UInt64) {
        // Safe: owned by this value alone, freed in its deinit.
        unsafe secrets = .allocate(capacity: 22)
        var state = seed
        for index in 0..<22 {
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
        for first in stride(from: 0, to: 18, by: 2) {
            // Safe: words 0 to 18 and secrets 0 to 21 are there.
            let product = unsafe (key[first] &+ secrets[first])
                .multipliedFullWidth(by: key[first + 1] &+ secrets[first + 1])
            high &+= product.high
            low &+= product.low
        }
        let last = unsafe (key[18] &+ secrets[18]).multipliedFullWidth(by: secrets[19])
        return finish(high &+ last.high, low &+ last.low)
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
            // Safe: `pairs` has ten bits, so that `first` is 18 at most.
            let a = unsafe key[first] & mask[first]
            let b = unsafe first < 18 ? key[first + 1] & mask[first + 1] : 0
            let product = unsafe (a &+ secrets[first])
                .multipliedFullWidth(by: b &+ secrets[first + 1])
            high &+= product.high
            low &+= product.low
        }
        return finish(high, low)
    }

    @inlinable @inline(__always)
    func finish(_ high: UInt64, _ low: UInt64) -> UInt64 {
        // Safe: 22 secrets are there.
        let product = unsafe (high ^ secrets[20]).multipliedFullWidth(by: low ^ secrets[21])
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
