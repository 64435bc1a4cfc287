// The flows of one mask: an open-addressing table of slots.
//
// A bucket is one word: the low 32 bits of the masked key's hash, and the flow's slot plus one.
// Most wrong buckets are told apart without touching a flow. Removing shifts the followers back
// (no tombstones), so that a table that lives for months does not fill with dead places.

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

    init(pairs: UInt32) {
        unsafe self.pairs = pairs
        unsafe bucketMask = 7
        unsafe buckets = .allocate(capacity: 8)
        unsafe buckets.initialize(repeating: 0, count: 8)
    }

    mutating func insert(hash: UInt32, slot: FlowSlot) {
        if unsafe 2 * (count + 1) > bucketMask + 1 { unsafe grow() }
        unsafe place(UInt64(hash) << 32 | UInt64(slot) + 1)
        unsafe count += 1
    }

    private func place(_ bucket: UInt64) {
        var at = unsafe Bucket.hash(bucket) & bucketMask
        while unsafe buckets[Int(at)] != 0 { unsafe at = (at + 1) & bucketMask }
        unsafe buckets[Int(at)] = bucket
    }

    /// Doubles the buckets. The hashes are in them, so no flow is touched.
    private mutating func grow() {
        let (old, oldCount) = unsafe (buckets, Int(bucketMask) + 1)
        unsafe buckets = .allocate(capacity: oldCount * 2)
        unsafe buckets.initialize(repeating: 0, count: oldCount * 2)
        unsafe bucketMask = UInt32(oldCount * 2 - 1)
        for index in 0..<oldCount where unsafe old[index] != 0 { unsafe place(old[index]) }
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
                unsafe buckets[Int(hole)] = buckets[Int(at)]
                hole = at
            }
            unsafe at = (at + 1) & bucketMask
        }
        unsafe buckets[Int(hole)] = 0
        unsafe count -= 1
    }
}
