// From a hash to a number: open addressing in one run of words.
//
// A bucket is one word: the hash in the high half, the number in the low one; 0 is empty. A probe
// that misses touches one cache line. Removing shifts followers back, so that no dead places stay.
//
// Most questions are answered with no, and all buckets of a hundred thousand rules do not fit into
// a processor's nearer caches. So a sieve of one byte a bucket lies behind them: a hash whose bit
// is not set was never put in, and its bucket need not be fetched. Bits of hashes that went stay,
// until there are as many of these as buckets.

/// Numbers from 1 by their 32-bit hash. Owned by a `Subtable`, which frees it.
@unsafe
@usableFromInline
struct HashIndex: BitwiseCopyable {
    /// A power of two minus one; at most three quarters of the buckets are in use.
    @usableFromInline var bucketMask: UInt32
    @usableFromInline var buckets: UnsafeMutablePointer<UInt64>
    private var count: UInt32 = 0
    /// Hashes that went and whose bits are set still.
    private var staleBits: UInt32 = 0

    init() { unsafe (bucketMask, buckets) = Self.empty(8) }

    /// Buckets, a power of two and at least 8, and the sieve behind them.
    private static func empty(_ size: Int) -> (UInt32, UnsafeMutablePointer<UInt64>) {
        let count = unsafe words(size)
        let memory = UnsafeMutablePointer<UInt64>.allocate(capacity: count)
        // Safe: `count` words, allocated just now.
        unsafe memory.initialize(repeating: 0, count: count)
        return unsafe (UInt32(size - 1), memory)
    }

    /// Words of memory for so many buckets, and for a byte of the sieve each.
    private static func words(_ size: Int) -> Int { size + size / 8 }

    /// The same content in memory of its own.
    func copied() -> HashIndex {
        var copy = unsafe self
        let count = unsafe Self.words(Int(bucketMask) + 1)
        unsafe copy.buckets = .allocate(capacity: count)
        // Safe: both have `count` words.
        unsafe copy.buckets.initialize(from: buckets, count: count)
        return unsafe copy
    }

    // Safe: allocated here, trivial, and nobody uses the index afterwards.
    func free() { unsafe buckets.deallocate() }

    var byteCount: Int { unsafe 8 * Self.words(Int(bucketMask) + 1) }

    /// Where the bit of a hash lies in the sieve: other bits of the hash say so than which bucket.
    @inlinable @inline(__always)
    static func sieve(_ hash: UInt32, _ bucketMask: UInt32) -> (word: Int, bit: UInt64) {
        let mixed = hash &>> 13 | hash &<< 19
        // The sieve has an eighth as many words as there are buckets.
        let word = Int(bucketMask) &+ 1 &+ Int(mixed &>> 6 & bucketMask &>> 3)
        return (word, 1 &<< UInt64(truncatingIfNeeded: mixed & 63))
    }

    /// The number of `hash`, 0 if there is none.
    @inlinable @inline(__always)
    func find(_ hash: UInt32) -> UInt32 {
        unsafe Self.find(hash, buckets, bucketMask)
    }

    @inlinable @inline(__always)
    static func find(
        _ hash: UInt32, _ buckets: UnsafePointer<UInt64>, _ bucketMask: UInt32
    ) -> UInt32 {
        let (word, bit) = unsafe sieve(hash, bucketMask)
        // Safe: a word behind the buckets.
        if unsafe buckets[word] & bit == 0 { return 0 }
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
        if unsafe 4 * (count + 1) > 3 * (bucketMask + 1) { unsafe grow() }
        unsafe place(UInt64(hash) << 32 | UInt64(value))
        unsafe count += 1
    }

    private func place(_ bucket: UInt64) {
        let hash = UInt32(truncatingIfNeeded: bucket >> 32)
        var at = unsafe hash & bucketMask
        while unsafe buckets[Int(at)] != 0 { unsafe at = (at + 1) & bucketMask }
        unsafe buckets[Int(at)] = bucket
        unsafe mark(hash)
    }

    private func mark(_ hash: UInt32) {
        let (word, bit) = unsafe Self.sieve(hash, bucketMask)
        // Safe: a word behind the buckets.
        unsafe buckets[word] |= bit
    }

    private mutating func grow() {
        let (old, oldSize) = unsafe (buckets, Int(bucketMask) + 1)
        unsafe (bucketMask, buckets) = Self.empty(oldSize * 2)
        unsafe staleBits = 0
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
        unsafe staleBits += 1
        if unsafe staleBits > bucketMask { unsafe sieveAnew() }
    }

    private mutating func sieveAnew() {
        unsafe staleBits = 0
        let size = unsafe Int(bucketMask) + 1
        // Safe: the words of the sieve are behind the buckets.
        for word in size..<(unsafe Self.words(size)) { unsafe buckets[word] = 0 }
        for index in 0..<size where unsafe buckets[index] != 0 {
            unsafe mark(UInt32(truncatingIfNeeded: buckets[index] >> 32))
        }
    }
}
