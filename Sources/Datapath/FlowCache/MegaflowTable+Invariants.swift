public import Flows

// What must hold of a megaflow table, and the slow twin that its lookup is compared with.

extension MegaflowTable {
    /// Whether the flow at `slot` is there and matches `key`: one comparison, no hash.
    public func answers(_ slot: FlowSlot, _ key: FlowKey) -> Bool {
        guard isLive(slot) else { return false }
        let flow = flow(at: slot)
        return key.masked(by: flow.mask) == flow.key
    }

    /// All flows that match `key`, by looking at every one. For tests and for traces.
    public func slowLookup(_ key: FlowKey) -> [FlowSlot] {
        (0..<FlowSlot(slotCount)).filter { answers($0, key) }
    }

    /// The first broken invariant, or nil.
    public func brokenInvariant() -> String? {
        var seen = [Bool](repeating: false, count: FlowCacheLimits.masks)
        for rank in 0..<FlowCacheLimits.masks {
            // Safe: order holds as many as there may be masks.
            let index = unsafe Int(order[rank])
            if seen[index] { return "mask \(index) has two ranks" }
            seen[index] = true
        }
        var inTables = 0
        for rank in 0..<maskCount {
            let index = unsafe Int(order[rank])
            if let broken = brokenInvariant(ofMask: index) { return broken }
            inTables += unsafe Int(masks[index].count)
        }
        let live = (0..<slotCount).count { isLive(FlowSlot($0)) }
        guard live == count, inTables == count else {
            return "\(count) flows counted, \(live) live, \(inTables) in tables"
        }
        var free = 0
        var slot = freeSlot
        while slot != .max, free <= slotCount {
            if isLive(slot) { return "live slot \(slot) in the list of free ones" }
            free += 1
            // Safe: slots of the list are below slotCount.
            slot = unsafe records[Int(slot)].link
        }
        return free == slotCount - live ? nil : "\(free) free slots of \(slotCount - live) in list"
    }

    private func brokenInvariant(ofMask index: Int) -> String? {
        // Safe: the caller's index is a mask in use.
        let table = unsafe masks[index]
        var count: UInt32 = 0
        for at in 0...Int(unsafe table.bucketMask) where unsafe table.buckets[at] != 0 {
            count += 1
            let slot = unsafe Bucket.slot(table.buckets[at])
            guard isLive(slot) else { return "mask \(index) holds dead slot \(slot)" }
            let (key, mask, record) = flow(at: slot)
            guard Int(record.link) == index else { return "slot \(slot) in another's table" }
            guard key.masked(by: mask) == key else { return "slot \(slot) unmasked" }
            guard find(key: key, mask: mask) == slot else { return "slot \(slot) is lost" }
        }
        guard unsafe table.hasTrueSieve else { return "mask \(index) has a false sieve" }
        guard unsafe count == table.count, count > 0 else { return "mask \(index) miscounted" }
        return unsafe 2 * count <= table.bucketMask + 1 ? nil : "mask \(index) is too full"
    }
}
