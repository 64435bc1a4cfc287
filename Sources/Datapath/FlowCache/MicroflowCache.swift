public import Flows

// The first of the two caches: exact keys seen lately.
//
// An entry says "this very key was last answered by that megaflow". It holds no actions and no
// counters of its own, so nothing here ever has to be written back, and dropping an entry costs one
// lookup in the megaflow table at most. An entry is believed only while the megaflow's slot still
// has the generation that the entry remembers: deleting a flow therefore makes all its microflows
// void at once, without searching for them.
//
// Sets of four: a key may lie in four places, whose tags stand side by side in 16 bytes.

/// Where a flow lies in the megaflow table: a plain index, valid until the flow is removed.
public typealias FlowSlot = UInt32

@usableFromInline
struct Microflow {
    @usableFromInline var key: FlowKey
    @usableFromInline var slot: FlowSlot
    @usableFromInline var generation: UInt32

    @inlinable init(key: FlowKey, slot: FlowSlot, generation: UInt32) {
        self.key = key
        self.slot = slot
        self.generation = generation
    }
}

/// A bounded, set-associative map from exact keys to megaflow slots. Owned by one thread.
@safe
public struct MicroflowCache: ~Copyable {
    /// Entries in the cache; a power of two, at least `ways`.
    public let capacity: Int
    @usableFromInline static let ways = 4
    @usableFromInline let setMask: Int
    /// 0 is an empty entry. Always `capacity` words.
    @usableFromInline let tags: UnsafeMutablePointer<UInt32>
    /// Initialised where the tag is not 0. Always `capacity` entries.
    @usableFromInline let entries: UnsafeMutablePointer<Microflow>
    /// Which way of a full set is given up next.
    @usableFromInline var victim = 0

    /// - Parameter minimumCapacity: Rounded up to a power of two, held within 4 and
    ///   `FlowCacheLimits.microflows`. Allocates once, here.
    public init(minimumCapacity: Int) {
        var capacity = Self.ways
        while capacity < min(minimumCapacity, FlowCacheLimits.microflows) { capacity *= 2 }
        self.capacity = capacity
        setMask = capacity / Self.ways - 1
        // Safe: owned by this value alone, freed in its deinit.
        unsafe tags = .allocate(capacity: capacity)
        unsafe tags.initialize(repeating: 0, count: capacity)
        unsafe entries = .allocate(capacity: capacity)
    }

    deinit {
        // Safe: allocated in init; the entries are trivial and need no deinitialisation.
        unsafe tags.deallocate()
        unsafe entries.deallocate()
    }

    @inlinable static func tag(_ hash: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: hash >> 32) | 1
    }

    /// The slot of the megaflow that last answered for `key`, if that flow is still there.
    ///
    /// - Parameters:
    ///   - hash: `KeyHash.hash(key)`.
    ///   - megaflows: The table whose slots the entries name.
    @inlinable
    public mutating func find(
        _ key: borrowing FlowKey, hash: UInt64, in megaflows: borrowing MegaflowTable
    ) -> FlowSlot? {
        let first = (Int(truncatingIfNeeded: hash) & setMask) * Self.ways
        let tag = Self.tag(hash)
        for index in first..<first + Self.ways {
            // Safe: first ≤ capacity - ways; an entry with a tag is initialised.
            guard unsafe tags[index] == tag, unsafe keysAgree(entries + index, key) else {
                continue
            }
            let (slot, generation) = unsafe (entries[index].slot, entries[index].generation)
            if megaflows.generation(of: slot) == generation { return slot }
            unsafe tags[index] = 0
            return nil
        }
        return nil
    }

    @inlinable @inline(__always)
    func keysAgree(_ entry: UnsafeMutablePointer<Microflow>, _ key: borrowing FlowKey) -> Bool {
        var difference: UInt64 = 0
        for index in 0..<FlowKey.wordCount {
            // Safe: the caller found the entry's tag, so it is initialised.
            difference |= unsafe entry.pointee.key.words[index] ^ key.words[index]
        }
        return difference == 0
    }

    /// Remembers that the flow at `slot` answers for `key`. If the key's set is full, an entry of
    /// it is given up, each way in turn.
    @inlinable
    public mutating func insert(
        _ key: FlowKey, hash: UInt64, slot: FlowSlot, generation: UInt32
    ) {
        let first = (Int(truncatingIfNeeded: hash) & setMask) * Self.ways
        var place = first + victim
        for index in first..<first + Self.ways where unsafe tags[index] == 0 {
            place = index
            break
        }
        if place == first + victim { victim = (victim + 1) & (Self.ways - 1) }
        // Safe: place lies in the set, and a set lies in the table.
        unsafe (entries + place).initialize(
            to: Microflow(key: key, slot: slot, generation: generation))
        unsafe tags[place] = Self.tag(hash)
    }

    public mutating func removeAll() {
        // Safe: `capacity` tags were initialised in init.
        unsafe tags.update(repeating: 0, count: capacity)
    }

    /// The first broken invariant, or nil: no key is there twice in a set, each lies where its hash
    /// says, and each that is believed agrees with its megaflow.
    public func brokenInvariant(hash: KeyHash, megaflows: borrowing MegaflowTable) -> String? {
        for index in 0..<capacity where unsafe tags[index] != 0 {
            // Safe: the tag is not 0, so the entry is initialised.
            let entry = unsafe entries[index]
            let hashed = hash.hash(entry.key)
            guard index / Self.ways == Int(truncatingIfNeeded: hashed) & setMask,
                unsafe tags[index] == Self.tag(hashed)
            else { return "microflow \(index) lies where its hash does not say" }
            for other in (index / Self.ways * Self.ways)..<index
            where unsafe tags[other] != 0 && entries[other].key == entry.key {
                return "microflows \(other) and \(index) have the same key"
            }
            if megaflows.generation(of: entry.slot) == entry.generation,
                !megaflows.answers(entry.slot, entry.key)
            {
                return "microflow \(index) names a megaflow that does not match its key"
            }
        }
        return nil
    }
}
