// From a hash to a number: open addressing in one run of words.
//
// A bucket is one word: the hash in the high half, the number in the low one; 0 is empty. A probe
// that misses touches one cache line. Removing shifts followers back, so that no dead places stay.

/// Numbers from 1 by their 32-bit hash. Owned by a `Subtable`, which frees it.
@unsafe
@usableFromInline
struct HashIndex: BitwiseCopyable {
    /// A power of two minus one; at most three quarters of the buckets are in use.
    @usableFromInline var bucketMask: UInt32
    @usableFromInline var buckets: UnsafeMutablePointer<UInt64>
    private var count: UInt32 = 0

    init() {
        unsafe bucketMask = 1
        unsafe buckets = .allocate(capacity: 2)
        unsafe buckets.initialize(repeating: 0, count: 2)
    }

    /// The same content in memory of its own.
    func copied() -> HashIndex {
        var copy = unsafe self
        let size = unsafe Int(bucketMask) + 1
        unsafe copy.buckets = .allocate(capacity: size)
        // Safe: both have `size` words.
        unsafe copy.buckets.initialize(from: buckets, count: size)
        return unsafe copy
    }

    // Safe: allocated here, trivial, and nobody uses the index afterwards.
    func free() { unsafe buckets.deallocate() }

    var byteCount: Int { unsafe 8 * (Int(bucketMask) + 1) }

    /// The number of `hash`, 0 if there is none.
    @inlinable @inline(__always)
    func find(_ hash: UInt32) -> UInt32 {
        unsafe Self.find(hash, buckets, bucketMask)
    }

    @inlinable @inline(__always)
    static func find(
        _ hash: UInt32, _ buckets: UnsafePointer<UInt64>, _ bucketMask: UInt32
    ) -> UInt32 {
        var at = hash & bucketMask
        while true {
            // Safe: `at` is at most `bucketMask`, and a quarter of the buckets is empty.
            let bucket = unsafe buckets[Int(at)]
            if bucket == 0 { return 0 }
            if UInt32(truncatingIfNeeded: bucket &>> 32) == hash {
                return UInt32(truncatingIfNeeded: bucket)
            }
            at = (at &+ 1) & bucketMask
        }
    }

    /// Gives `hash` the number `value`; 0 takes it out.
    mutating func set(_ hash: UInt32, to value: UInt32) {
        var at = unsafe hash & bucketMask
        // Safe here and below: as in `find`.
        while unsafe buckets[Int(at)] != 0 {
            if unsafe UInt32(truncatingIfNeeded: buckets[Int(at)] >> 32) == hash {
                if value == 0 { return unsafe remove(at) }
                unsafe buckets[Int(at)] = UInt64(hash) << 32 | UInt64(value)
                return
            }
            unsafe at = (at + 1) & bucketMask
        }
        guard value != 0 else { return }
        if unsafe 4 * (count + 1) > 3 * (bucketMask + 1) {
            unsafe grow()
            unsafe place(UInt64(hash) << 32 | UInt64(value))
        } else {
            unsafe buckets[Int(at)] = UInt64(hash) << 32 | UInt64(value)
        }
        unsafe count += 1
    }

    private func place(_ bucket: UInt64) {
        var at = unsafe UInt32(truncatingIfNeeded: bucket >> 32) & bucketMask
        while unsafe buckets[Int(at)] != 0 { unsafe at = (at + 1) & bucketMask }
        unsafe buckets[Int(at)] = bucket
    }

    private mutating func grow() {
        let (old, oldSize) = unsafe (buckets, Int(bucketMask) + 1)
        unsafe buckets = .allocate(capacity: oldSize * 2)
        unsafe buckets.initialize(repeating: 0, count: oldSize * 2)
        unsafe bucketMask = UInt32(oldSize * 2 - 1)
        for index in 0..<oldSize where unsafe old[index] != 0 { unsafe place(old[index]) }
        unsafe old.deallocate()
    }

    private mutating func remove(_ found: UInt32) {
        var hole = found
        var at = unsafe (hole + 1) & bucketMask
        while unsafe buckets[Int(at)] != 0 {
            let home = unsafe UInt32(truncatingIfNeeded: buckets[Int(at)] >> 32) & bucketMask
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
