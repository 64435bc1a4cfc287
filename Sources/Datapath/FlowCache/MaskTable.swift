// The flows of one mask: an open-addressing table of slots.
//
// A bucket is one word: the low 32 bits of the masked key's hash, and the flow's slot plus one.
// Most wrong buckets are told apart without touching a flow. Removing shifts the followers back
// (no tombstones), so that a table that lives for months does not fill with dead places.
//
// In front of the buckets lies a sieve: a byte for each, of the same hash. Eight of them are looked
// at with one load, and nearly every packet that no flow knows is told so by them alone. That is
// what a flood of new flows asks for most, and the sieve of a hundred thousand flows stays in the
// processor's own cache, where their buckets do not.
//
//     sieve:    [t][ ][t][t][ ]...      t: 128 + 7 bits of the hash; 0: the bucket is empty
//     buckets:  [b][ ][b][b][ ]...      the sieve's first eight bytes stand behind its last again

/// The two halves of a bucket.
@usableFromInline
enum Bucket {
    @inlinable static func slot(_ bucket: UInt64) -> FlowSlot {
        UInt32(truncatingIfNeeded: bucket) &- 1
    }
    @inlinable static func hash(_ bucket: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: bucket >> 32)
    }
}

/// Eight bytes of a sieve in a word, the first in its lowest bits.
@usableFromInline
enum Sieve {
    /// Bytes that are looked at together.
    @usableFromInline static let width = 8

    @inlinable @inline(__always)
    static func tag(_ hash: UInt32) -> UInt8 { UInt8(truncatingIfNeeded: hash >> 24) | 0x80 }

    /// The top bit of each byte that is 0. Of the bytes above the lowest of them some may be told
    /// that are 1.
    @inlinable @inline(__always)
    static func zeros(_ word: UInt64) -> UInt64 {
        (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
    }

    /// The bytes of `word` that are `tag` and stand in front of the first that is empty, as their
    /// top bits; and whether there is an empty one. One byte that is not `tag` may be among them.
    @inlinable @inline(__always)
    static func search(_ word: UInt64, _ tag: UInt8) -> (found: UInt64, ends: Bool) {
        let empty = zeros(word)
        let same = zeros(word ^ UInt64(tag) &* 0x0101_0101_0101_0101)
        // All below the lowest bit of `empty`; all, if there is none.
        return (same & (empty &- 1) & ~empty, empty != 0)
    }
}

@unsafe
@usableFromInline
struct MaskTable {
    /// Which pairs of words the mask touches, see `KeyHash`. Its words lie in the megaflow table.
    @usableFromInline var pairs: UInt32
    @usableFromInline var count: UInt32 = 0
    /// Hits since the last sorts, halved at each.
    @usableFromInline var hits: UInt64 = 0
    /// A power of two minus one; at most half of the buckets are in use.
    @usableFromInline var bucketMask: UInt32
    /// `bucketMask + 1` words; 0 is empty.
    @usableFromInline var buckets: UnsafeMutablePointer<UInt64>
    /// `bucketMask + 1 + Sieve.width` bytes.
    @usableFromInline var sieve: UnsafeMutablePointer<UInt8>

    init(pairs: UInt32) {
        unsafe self.pairs = pairs
        unsafe bucketMask = 7
        unsafe (buckets, sieve) = Self.allocate(8)
    }

    private static func allocate(
        _ count: Int
    ) -> (UnsafeMutablePointer<UInt64>, UnsafeMutablePointer<UInt8>) {
        // Initialised here, freed by `deallocate`.
        let buckets = UnsafeMutablePointer<UInt64>.allocate(capacity: count)
        unsafe buckets.initialize(repeating: 0, count: count)
        let sieve = UnsafeMutablePointer<UInt8>.allocate(capacity: count + Sieve.width)
        unsafe sieve.initialize(repeating: 0, count: count + Sieve.width)
        return unsafe (buckets, sieve)
    }

    func deallocate() {
        unsafe buckets.deallocate()
        unsafe sieve.deallocate()
    }

    private func set(_ at: UInt32, _ bucket: UInt64) {
        let tag = bucket == 0 ? 0 : Sieve.tag(Bucket.hash(bucket))
        unsafe buckets[Int(at)] = bucket
        unsafe sieve[Int(at)] = tag
        // Tables have eight buckets at least, so that this is behind the last.
        if at < Sieve.width { unsafe sieve[Int(bucketMask) + 1 + Int(at)] = tag }
    }

    mutating func insert(hash: UInt32, slot: FlowSlot) {
        if unsafe 2 * (count + 1) > bucketMask + 1 { unsafe grow() }
        unsafe place(UInt64(hash) << 32 | UInt64(slot) + 1)
        unsafe count += 1
    }

    private func place(_ bucket: UInt64) {
        var at = unsafe Bucket.hash(bucket) & bucketMask
        while unsafe buckets[Int(at)] != 0 { unsafe at = (at + 1) & bucketMask }
        unsafe set(at, bucket)
    }

    /// Doubles the buckets. The hashes are in them, so no flow is touched.
    private mutating func grow() {
        let (old, oldCount) = unsafe (self, Int(bucketMask) + 1)
        unsafe (buckets, sieve) = Self.allocate(oldCount * 2)
        unsafe bucketMask = UInt32(oldCount * 2 - 1)
        for index in 0..<oldCount where unsafe old.buckets[index] != 0 {
            unsafe place(old.buckets[index])
        }
        unsafe old.deallocate()
    }

    /// Takes `slot` out. It must be there.
    mutating func remove(hash: UInt32, slot: FlowSlot) {
        var hole = unsafe hash & bucketMask
        while unsafe Bucket.slot(buckets[Int(hole)]) != slot {
            unsafe precondition(buckets[Int(hole)] != 0, "the flow is in its mask's table")
            unsafe hole = (hole + 1) & bucketMask
        }
        // Whoever stands behind the hole, and whose home is not between the hole and its place,
        // moves into the hole and leaves a new one.
        var at = unsafe (hole + 1) & bucketMask
        while unsafe buckets[Int(at)] != 0 {
            let home = unsafe Bucket.hash(buckets[Int(at)]) & bucketMask
            if unsafe (at &- home) & bucketMask >= (at &- hole) & bucketMask {
                unsafe set(hole, buckets[Int(at)])
                hole = at
            }
            unsafe at = (at + 1) & bucketMask
        }
        unsafe set(hole, 0)
        unsafe count -= 1
    }

    /// Whether the sieve says of each bucket what is in it.
    var hasTrueSieve: Bool {
        for at in 0..<Int(unsafe bucketMask) + 1 + Sieve.width {
            let bucket = unsafe buckets[at & Int(bucketMask)]
            let tag = bucket == 0 ? 0 : Sieve.tag(Bucket.hash(bucket))
            guard unsafe sieve[at] == tag else { return false }
        }
        return true
    }
}
