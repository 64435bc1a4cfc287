// A hash over the words of a rule, taken word by word so that every stage has one.
//
// Peers can make us learn rules, and whoever could choose rules with equal hashes could turn a
// subtable into a list. So the hash starts from a secret. `Hasher` is seeded anew in each process
// and is asked once for it; asking it for every word would cost more than all the rest of a lookup.

/// A running hash of words.
@usableFromInline
struct RuleHash {
    @usableFromInline var state: UInt64

    /// Drawn once per process.
    @usableFromInline static let start: UInt64 = {
        var hasher = Hasher()
        hasher.combine(0x6170_7573)
        return UInt64(truncatingIfNeeded: hasher.finalize())
    }()
    @usableFromInline static let factor: UInt64 = {
        var hasher = Hasher()
        hasher.combine(0x7275_6c65)
        return UInt64(truncatingIfNeeded: hasher.finalize()) | 1
    }()

    @inlinable @inline(__always)
    init(start: UInt64) { state = start }

    @inlinable @inline(__always)
    mutating func add(_ word: UInt64, factor: UInt64) {
        let product = (state ^ word).multipliedFullWidth(by: factor)
        // The state goes on beside the product, so that a factor of 0 cannot come to stay.
        state = product.high ^ product.low &+ (state &<< 7 | state &>> 57)
    }

    /// 32 bits of what was added so far; more can be added afterwards.
    @inlinable @inline(__always)
    var bits: UInt32 { UInt32(truncatingIfNeeded: state ^ state &>> 32) }
}
