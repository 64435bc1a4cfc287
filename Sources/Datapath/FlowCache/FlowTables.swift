public import Flows

/// Both caches, asked in the order of their cost. Owned by one thread.
public struct FlowTables: ~Copyable {
    public var megaflows: MegaflowTable
    @usableFromInline var microflows: MicroflowCache
    /// Packets that a microflow knew.
    public var microflowHits: UInt64 { microflowHitCount }
    @usableFromInline var microflowHitCount: UInt64 = 0
    /// Packets that only the megaflow table knew.
    public var megaflowHits: UInt64 { megaflowHitCount }
    @usableFromInline var megaflowHitCount: UInt64 = 0
    /// Packets that nobody knew.
    public var misses: UInt64 { missCount }
    @usableFromInline var missCount: UInt64 = 0

    /// Whether the last lookup is one to look at more closely: it made a microflow (as a rule, the
    /// second packet of a flow), or is one of every `FlowCacheLimits.hitsBetweenSamples` others.
    @usableFromInline var isSample = false
    public var sampled: Bool { @inlinable get { isSample } }
    @usableFromInline var hitsUntilSample = FlowCacheLimits.hitsBetweenSamples

    /// - Parameter seed: Random, anew in each process.
    public init(flowLimit: Int, microflowCount: Int, seed: UInt64) {
        megaflows = MegaflowTable(flowLimit: flowLimit, seed: seed)
        microflows = MicroflowCache(minimumCapacity: microflowCount)
    }

    /// The flow that answers for `key`, or nil: a miss. Allocates nothing.
    @inlinable
    public mutating func lookup(_ key: borrowing FlowKey) -> FlowSlot? {
        unsafe Words.of(key) { unsafe lookup($0) }
    }

    @inlinable
    mutating func lookup(_ key: KeyWords) -> FlowSlot? {
        let hashed = unsafe megaflows.hash.hash(key)
        isSample = false
        if let slot = unsafe microflows.find(key, hash: hashed, in: megaflows) {
            microflowHitCount &+= 1
            hitsUntilSample &-= 1
            if hitsUntilSample == 0 {
                hitsUntilSample = FlowCacheLimits.hitsBetweenSamples
                isSample = true
            }
            return slot
        }
        guard let slot = unsafe megaflows.lookup(key) else {
            missCount &+= 1
            return nil
        }
        megaflowHitCount &+= 1
        isSample = true
        unsafe microflows.insert(
            key, hash: hashed, slot: slot, generation: megaflows.generation(of: slot))
        return slot
    }

    /// Removes all flows, from both caches.
    public mutating func removeAll() {
        megaflows.removeAll()
        microflows.removeAll()
    }

    /// The first broken invariant of either cache, or nil.
    public func brokenInvariant() -> String? {
        megaflows.brokenInvariant() ?? microflows.brokenInvariant(megaflows: megaflows)
    }
}
