public import Flows

// The second of the two caches: flows with wildcards, as vswitchd installed them.
//
// One table of flows per distinct mask. A packet is looked up in each until one answers, so the
// masks with many hits stand in front. vswitchd installs flows that do not overlap; if two that
// overlap are there nevertheless, either may answer, and it need not be always the same one.
//
// A flow lies in a slot of one slab and never moves: its slot is the plain index that microflows,
// dumps and the packet path use. Storage for the slab is reserved when the table is made (the
// machine backs it with memory as it is touched); only buckets are allocated later, when a flow is
// put, never when a packet is looked up.

/// Flows by mask. Owned by one thread.
@safe
public struct MegaflowTable: ~Copyable {
    public let flowLimit: Int
    @usableFromInline let hash: KeyHash
    /// Slots `0..<slotCount` are initialised, live or free: a record, and the words of a key with 0
    /// wherever its mask has 0.
    @usableFromInline let keys: UnsafeMutablePointer<UInt64>
    @usableFromInline let records: UnsafeMutablePointer<FlowRecord>
    @usableFromInline var slotCount = 0
    var freeSlot = FlowSlot.max
    /// Flows in the table.
    public private(set) var count = 0

    /// The tables of `order[0..<maskCount]` are initialised.
    @usableFromInline let masks: UnsafeMutablePointer<MaskTable>
    /// The words of each mask, by its index.
    @usableFromInline let maskWords: UnsafeMutablePointer<UInt64>
    /// A permutation of all mask indices: first those in use, those with many hits first of all.
    @usableFromInline let order: UnsafeMutablePointer<UInt16>
    /// Masks in use.
    public private(set) var maskCount = 0
    @usableFromInline var probes: UInt64 = 0
    /// Masks probed by all lookups.
    public var probeCount: UInt64 { probes }
    @usableFromInline var lookupsUntilSort = FlowCacheLimits.lookupsBetweenSorts

    /// - Parameters:
    ///   - flowLimit: Held within 1 and `FlowCacheLimits.flows`.
    ///   - seed: Of the hash: random, anew in each process.
    public init(flowLimit: Int, seed: UInt64) {
        self.flowLimit = min(max(flowLimit, 1), FlowCacheLimits.flows)
        hash = KeyHash(seed: seed)
        // Safe: owned by this value alone, freed in its deinit.
        unsafe keys = .allocate(capacity: self.flowLimit * FlowKey.wordCount)
        unsafe records = .allocate(capacity: self.flowLimit)
        unsafe maskWords = .allocate(capacity: FlowCacheLimits.masks * FlowKey.wordCount)
        unsafe masks = .allocate(capacity: FlowCacheLimits.masks)
        unsafe order = .allocate(capacity: FlowCacheLimits.masks)
        for index in 0..<FlowCacheLimits.masks {
            unsafe (order + index).initialize(to: UInt16(index))
        }
    }

    deinit {
        // Safe: all allocated by this value; records and order are trivial.
        for index in 0..<maskCount { unsafe masks[Int(order[index])].deallocate() }
        unsafe masks.deallocate()
        unsafe maskWords.deallocate()
        unsafe order.deallocate()
        unsafe keys.deallocate()
        unsafe records.deallocate()
    }

    // MARK: The packet path

    /// A flow that answers for `key`, or nil. Probes each mask once at most.
    public mutating func lookup(_ key: FlowKey) -> FlowSlot? {
        unsafe Words.of(key) { unsafe lookup($0) }
    }

    @inlinable
    mutating func lookup(_ key: KeyWords) -> FlowSlot? {
        lookupsUntilSort &-= 1
        if lookupsUntilSort < 0 { moveBusyMasksForward() }
        for rank in 0..<maskCount {
            // Safe: ranks below maskCount name initialised tables.
            let index = unsafe Int(order[rank])
            guard let slot = unsafe probe(index, key) else { continue }
            unsafe masks[index].hits &+= 1
            probes &+= UInt64(rank + 1)
            return slot
        }
        probes &+= UInt64(maskCount)
        return nil
    }

    @inlinable
    func probe(_ mask: Int, _ key: KeyWords) -> FlowSlot? {
        unsafe probe(mask, key, hashed: maskedHash(key, mask))
    }

    /// What a bucket of `mask` holds of `key`'s hash.
    @inlinable @inline(__always)
    func maskedHash(_ key: KeyWords, _ mask: Int) -> UInt32 {
        // Safe: the caller's mask is in use, so its table and words are initialised.
        let words = unsafe KeyWords(maskWords + mask &* FlowKey.wordCount)
        return unsafe UInt32(
            truncatingIfNeeded: hash.hash(key, mask: words, pairs: masks[mask].pairs))
    }

    @inlinable @inline(__always)
    func probe(_ mask: Int, _ key: KeyWords, hashed: UInt32) -> FlowSlot? {
        // Safe: the caller's mask is in use, so its table and words are initialised.
        let words = unsafe KeyWords(maskWords + mask &* FlowKey.wordCount)
        let table = unsafe masks + mask
        let (bucketMask, buckets) = unsafe (table.pointee.bucketMask, table.pointee.buckets)
        let sieve = unsafe UnsafeRawPointer(table.pointee.sieve)
        let tag = Sieve.tag(hashed)
        var at = hashed & bucketMask
        while true {
            // Safe: `at` is masked, and the sieve eight bytes longer than that. Half of the buckets
            // are empty, so this ends.
            let tags = unsafe UInt64(
                littleEndian: sieve.loadUnaligned(fromByteOffset: Int(at), as: UInt64.self))
            var (found, ends) = Sieve.search(tags, tag)
            while found != 0 {
                let place = at &+ UInt32(truncatingIfNeeded: found.trailingZeroBitCount >> 3)
                found &= found &- 1
                // Safe: masked; it is not empty, so its slot is live and the key initialised.
                let bucket = unsafe buckets[Int(place & bucketMask)]
                guard Bucket.hash(bucket) == hashed else { continue }
                let slot = Bucket.slot(bucket)
                let flow = unsafe KeyWords(keys + Int(slot) &* FlowKey.wordCount)
                if unsafe Words.agree(key, flow, mask: words, pairs: table.pointee.pairs) {
                    return slot
                }
            }
            if ends { return nil }
            at = (at &+ 8) & bucketMask
        }
    }

    /// Changes whenever a flow leaves `slot`. `slot` must once have come from this table.
    @inlinable
    public func generation(of slot: FlowSlot) -> UInt32 {
        precondition(Int(slot) < slotCount, "a slot of this table")
        // Safe: below slotCount records are initialised.
        return unsafe records[Int(slot)].generation
    }

    /// Handle of the actions of the flow at `slot`.
    @inlinable
    public func program(of slot: FlowSlot) -> UInt32 {
        precondition(Int(slot) < slotCount, "a slot of this table")
        // Safe: below slotCount records are initialised.
        return unsafe records[Int(slot)].program
    }

    /// Counts a packet that used the flow at `slot`.
    @inlinable
    public mutating func count(
        _ slot: FlowSlot, byteCount: Int, tcpFlags: UInt16, nowMilliseconds: UInt64
    ) {
        precondition(Int(slot) < slotCount, "a slot of this table")
        // Safe: below slotCount records are initialised.
        unsafe records[Int(slot)].count(
            byteCount: byteCount, tcpFlags: tcpFlags, nowMilliseconds: nowMilliseconds)
    }

    /// Counts packets that used the flow at `slot` without coming here one by one.
    public mutating func count(
        _ slot: FlowSlot, packets: UInt64, bytes: UInt64, nowMilliseconds: UInt64
    ) {
        precondition(Int(slot) < slotCount, "a slot of this table")
        // Safe: below slotCount records are initialised.
        unsafe records[Int(slot)].isTold = false
        unsafe records[Int(slot)].packets &+= packets
        unsafe records[Int(slot)].bytes &+= bytes
        unsafe records[Int(slot)].usedMilliseconds = nowMilliseconds
    }

    /// One pass from the back: the busiest mask comes to the front, others one place at most. Then
    /// all hits are halved, so that yesterday's traffic fades.
    @usableFromInline
    mutating func moveBusyMasksForward() {
        lookupsUntilSort = FlowCacheLimits.lookupsBetweenSorts
        var rank = maskCount - 1
        while rank > 0 {
            // Safe: ranks below maskCount name initialised tables.
            let (front, back) = unsafe (order[rank - 1], order[rank])
            if unsafe masks[Int(front)].hits < masks[Int(back)].hits {
                unsafe (order[rank - 1], order[rank]) = (back, front)
            }
            rank -= 1
        }
        for rank in 0..<maskCount { unsafe masks[Int(order[rank])].hits >>= 1 }
    }
}

// MARK: Orders

extension MegaflowTable {
    /// Puts a flow. One with the same key and mask is replaced: it keeps its counters and its slot.
    ///
    /// - Parameter isNews: Whether a new flow is one: it is not to whoever asked for it.
    /// - Returns: The handle of the actions that the flow had before; nil if it is new.
    /// - Throws: `.tooManyFlows` or `.tooManyMasks`; then nothing has changed.
    /// - Complexity: O(masks); once in a while a mask's buckets are doubled.
    public mutating func put(
        key: FlowKey, mask: FlowMask, program: UInt32, name: FlowName? = nil, isNews: Bool = true
    ) throws(MegaflowRefusal) -> UInt32? {
        let present = index(of: mask)
        if let present, let slot = unsafe Words.of(key, { unsafe probe(present, $0) }) {
            // Safe: a slot that was found is live.
            let before = unsafe records[Int(slot)].program
            unsafe records[Int(slot)].program = program
            unsafe records[Int(slot)].name = name
            return before
        }
        guard count < flowLimit else { throw .tooManyFlows(limit: flowLimit) }
        guard let index = present ?? addMask(mask) else {
            throw .tooManyMasks(limit: FlowCacheLimits.masks)
        }
        let slot = takeSlot(
            FlowRecord(
                program: program, mask: UInt32(index), generation: 0, name: name, isTold: !isNews))
        unsafe Words.of(key) { key in
            // Safe: every slot has room for a key, and the mask is in use.
            unsafe Words.copy(
                key, maskedBy: KeyWords(maskWords + index * FlowKey.wordCount),
                to: keys + Int(slot) * FlowKey.wordCount)
            unsafe masks[index].insert(hash: maskedHash(key, index), slot: slot)
        }
        count += 1
        return nil
    }

    /// The slot of the flow with exactly this key (masked or not) and mask.
    public func find(key: FlowKey, mask: FlowMask) -> FlowSlot? {
        guard let index = index(of: mask) else { return nil }
        return unsafe Words.of(key) { unsafe probe(index, $0) }
    }

    /// What the bucket of a live flow holds as its hash.
    private func bucketHash(ofFlowAt slot: FlowSlot) -> UInt32 {
        // Safe: a live slot is initialised, and its mask too.
        let index = unsafe Int(records[Int(slot)].link)
        let flow = unsafe KeyWords(keys + Int(slot) * FlowKey.wordCount)
        let mask = unsafe KeyWords(maskWords + index * FlowKey.wordCount)
        let hashed = unsafe hash.hash(flow, mask: mask, pairs: masks[index].pairs)
        return UInt32(truncatingIfNeeded: hashed)
    }

    /// Removes the flow at `slot`, which must be live. All microflows of it become void.
    @discardableResult
    public mutating func remove(_ slot: FlowSlot) -> FlowRecord {
        precondition(isLive(slot), "the slot of a flow that is there")
        // Safe: a live slot is initialised, and its mask's table too.
        let record = unsafe records[Int(slot)]
        let index = Int(record.link)
        unsafe masks[index].remove(hash: bucketHash(ofFlowAt: slot), slot: slot)
        if unsafe masks[index].count == 0 { removeMask(index) }
        unsafe records[Int(slot)].isLive = false
        unsafe records[Int(slot)].generation &+= 1
        unsafe records[Int(slot)].link = freeSlot
        freeSlot = slot
        count -= 1
        return record
    }

    /// Removes all flows. O(slots in use).
    public mutating func removeAll() {
        for slot in 0..<slotCount where isLive(FlowSlot(slot)) { remove(FlowSlot(slot)) }
    }

    public func isLive(_ slot: FlowSlot) -> Bool {
        // Safe: below slotCount records are initialised.
        Int(slot) < slotCount ? unsafe records[Int(slot)].isLive : false
    }

    /// The flow at `slot`, which must be live. The key has 0 wherever the mask has 0.
    public func flow(at slot: FlowSlot) -> (key: FlowKey, mask: FlowMask, record: FlowRecord) {
        precondition(isLive(slot), "the slot of a flow that is there")
        // Safe: a live slot is initialised, and its mask too.
        let record = unsafe records[Int(slot)]
        let key = unsafe Words.key(KeyWords(keys + Int(slot) * FlowKey.wordCount))
        return (key, mask(at: Int(record.link)), record)
    }

    private func mask(at index: Int) -> FlowMask {
        // Safe: the caller's mask is in use.
        unsafe Words.key(KeyWords(maskWords + index * FlowKey.wordCount))
    }

    /// The first live slot at or behind `slot`; looks at no more than `limit` slots.
    ///
    /// Slots never move, so a dump that goes on from here later meets every flow that stayed, once.
    ///
    /// - Returns: The live slot, if one was met, and where to go on; `next` is nil at the end.
    public func nextLive(from slot: Int, limit: Int) -> (live: FlowSlot?, next: Int?) {
        next(from: slot, limit: limit) { isLive($0) }
    }

    /// As `nextLive`, but passes over flows that nothing has happened to since this told of them.
    public mutating func nextNews(from slot: Int, limit: Int) -> (live: FlowSlot?, next: Int?) {
        // Safe: a live slot is initialised.
        let found = next(from: slot, limit: limit) {
            unsafe isLive($0) && !records[Int($0)].isTold
        }
        // Safe: as before.
        if let live = found.live { unsafe records[Int(live)].isTold = true }
        return found
    }

    private func next(
        from slot: Int, limit: Int, where isWanted: (FlowSlot) -> Bool
    ) -> (live: FlowSlot?, next: Int?) {
        var at = max(slot, 0)
        let end = min(slotCount, at + limit)
        while at < end {
            if isWanted(FlowSlot(at)) { return (FlowSlot(at), at + 1) }
            at += 1
        }
        return (nil, at < slotCount ? at : nil)
    }

    private func index(of mask: FlowMask) -> Int? {
        unsafe Words.of(mask) { mask in
            for rank in 0..<maskCount {
                // Safe: ranks below maskCount name initialised tables, with words for each.
                let index = unsafe Int(order[rank])
                let words = unsafe KeyWords(maskWords + index * FlowKey.wordCount)
                if unsafe Words.areSame(words, mask) { return index }
            }
            return nil
        }
    }

    private mutating func addMask(_ mask: FlowMask) -> Int? {
        guard maskCount < FlowCacheLimits.masks else { return nil }
        // Safe: order is a permutation; what stands at maskCount is not in use.
        let index = unsafe Int(order[maskCount])
        unsafe (masks + index).initialize(to: MaskTable(pairs: KeyHash.pairs(of: mask)))
        unsafe Words.of(mask) { unsafe Words.copy($0, to: maskWords + index * FlowKey.wordCount) }
        maskCount += 1
        return index
    }

    private mutating func removeMask(_ index: Int) {
        // Safe: the caller's mask is in use, so it has a rank below maskCount.
        unsafe masks[index].deallocate()
        var rank = 0
        while unsafe Int(order[rank]) != index { rank += 1 }
        maskCount -= 1
        while rank < maskCount {
            unsafe order[rank] = order[rank + 1]
            rank += 1
        }
        unsafe order[maskCount] = UInt16(index)
    }

    private mutating func takeSlot(_ record: FlowRecord) -> FlowSlot {
        guard freeSlot != .max else {
            // Safe: count < flowLimit and no slot is free, so slotCount < flowLimit.
            unsafe (records + slotCount).initialize(to: record)
            slotCount += 1
            return FlowSlot(slotCount - 1)
        }
        let slot = freeSlot
        freeSlot = unsafe records[Int(slot)].link
        let generation = unsafe records[Int(slot)].generation
        unsafe records[Int(slot)] = record
        unsafe records[Int(slot)].generation = generation
        return slot
    }
}
