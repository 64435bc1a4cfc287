public import Flows

// A hash that nobody outside can aim.
//
// Whoever sends packets chooses keys, and whoever could choose keys with equal hashes could turn
// every table into a list. So the hash is keyed by secrets from a random seed. Its form is NH (RFC
// 4418 §5.2): a sum of products of (word + secret), whose chance of a collision over the choice of
// secrets is bounded for any two keys. The products do not wait for each other, so that all 19
// words cost about as much as five words in a chain would.

/// The secrets of one process, drawn from its seed.
public struct KeyHash: Sendable {
    @usableFromInline let secrets: InlineArray<22, UInt64>

    /// Pairs of words in a key, the last one with half a pair.
    @usableFromInline static let pairCount = 10

    /// - Parameter seed: Random, anew in each process. Equal seeds give equal hashes.
    public init(seed: UInt64) {
        var state = seed
        secrets = InlineArray { _ in
            // SplitMix64: the standard way to draw many words from one.
            state &+= 0x9e37_79b9_7f4a_7c15
            var word = state
            word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
            word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
            return word ^ word >> 31
        }
    }

    /// Hashes the whole key.
    @inlinable
    public func hash(_ key: borrowing FlowKey) -> UInt64 {
        var (high, low) = (0 as UInt64, 0 as UInt64)
        for pair in 0..<9 {
            let product = (key.words[2 * pair] &+ secrets[2 * pair])
                .multipliedFullWidth(by: key.words[2 * pair + 1] &+ secrets[2 * pair + 1])
            high &+= product.high
            low &+= product.low
        }
        let last = (key.words[18] &+ secrets[18]).multipliedFullWidth(by: secrets[19])
        return finish(high &+ last.high, low &+ last.low)
    }

    /// Hashes the bits of `key` that `mask` selects.
    ///
    /// - Parameter pairs: Bit n stands for words 2n and 2n + 1, and is set if `mask` selects any
    ///   bit of them.
    @inlinable
    func hash(_ key: borrowing FlowKey, mask: borrowing FlowMask, pairs: UInt32) -> UInt64 {
        var (high, low) = (0 as UInt64, 0 as UInt64)
        var rest = pairs
        while rest != 0 {
            let first = 2 * rest.trailingZeroBitCount
            rest &= rest &- 1
            let a = key.words[first] & mask.words[first]
            let b = first < 18 ? key.words[first + 1] & mask.words[first + 1] : 0
            let product = (a &+ secrets[first]).multipliedFullWidth(by: b &+ secrets[first + 1])
            high &+= product.high
            low &+= product.low
        }
        return finish(high, low)
    }

    @inlinable
    func finish(_ high: UInt64, _ low: UInt64) -> UInt64 {
        let product = (high ^ secrets[20]).multipliedFullWidth(by: low ^ secrets[21])
        return product.high ^ product.low
    }

    /// The `pairs` of a mask.
    @usableFromInline
    static func pairs(of mask: borrowing FlowMask) -> UInt32 {
        var pairs: UInt32 = 0
        for index in 0..<FlowMask.wordCount where mask.words[index] != 0 {
            pairs |= 1 << UInt32(index / 2)
        }
        return pairs
    }
}
