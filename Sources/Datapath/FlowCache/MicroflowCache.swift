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

/// What a key in the microflow cache leads to.
@usableFromInline
struct Microflow {
    @usableFromInline let slot: FlowSlot
    @usableFromInline let generation: UInt32

    @inlinable init(slot: FlowSlot, generation: UInt32) {
        self.slot = slot
        self.generation = generation
    }
}

/// A bounded, set-associative map from exact keys to megaflow slots. Owned by one thread.
@safe
public struct MicroflowCache: ~Copyable {
    /// Entries in the cache; a power of two, at least 4.
    public let capacity: Int
    @usableFromInline let setMask: Int
    /// 0 is an empty entry. Always `capacity` words.
    @usableFromInline let tags: UnsafeMutablePointer<UInt32>
    /// Initialised where the tag is not 0; room for `capacity` keys and entries.
    @usableFromInline let keys: UnsafeMutablePointer<UInt64>
    @usableFromInline let entries: UnsafeMutablePointer<Microflow>
    /// Which way of a full set is given up next.
    @usableFromInline var victim = 0

    /// - Parameter minimumCapacity: Rounded up to a power of two, held within 4 and
    ///   `FlowCacheLimits.microflows`. Allocates once, here.
    public init(minimumCapacity: Int) {
        var capacity = 4
        while capacity < min(minimumCapacity, FlowCacheLimits.microflows) { capacity *= 2 }
        self.capacity = capacity
        setMask = capacity / 4 - 1
        // Safe: owned by this value alone, freed in its deinit.
        unsafe tags = .allocate(capacity: capacity)
        unsafe tags.initialize(repeating: 0, count: capacity)
        unsafe keys = .allocate(capacity: capacity * FlowKey.wordCount)
        unsafe entries = .allocate(capacity: capacity)
    }

    deinit {
        // Safe: allocated in init; all are trivial and need no deinitialisation.
        unsafe tags.deallocate()
        unsafe keys.deallocate()
        unsafe entries.deallocate()
    }

    @inlinable static func tag(_ hash: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: hash >> 32) | 1
    }

    /// The slot of the megaflow that last answered for `key`, if that flow is still there.
    ///
    /// - Parameters:
    ///   - hash: The hash of the whole key.
    ///   - megaflows: The table whose slots the entries name.
    @inlinable
    mutating func find(
        _ key: KeyWords, hash: UInt64, in megaflows: borrowing MegaflowTable
    ) -> FlowSlot? {
        let first = (Int(truncatingIfNeeded: hash) & setMask) &* 4
        let tag = Self.tag(hash)
        for index in first..<first &+ 4 {
            // Safe: first ≤ capacity - 4; an entry with a tag is initialised.
            guard unsafe tags[index] == tag,
                unsafe Words.areEqual(KeyWords(keys + index &* FlowKey.wordCount), key)
            else { continue }
            let entry = unsafe entries[index]
            if megaflows.generation(of: entry.slot) == entry.generation { return entry.slot }
            unsafe tags[index] = 0
            return nil
        }
        return nil
    }

    /// Remembers that the flow at `slot` answers for `key`. If the key's set is full, an entry of
    /// it is given up, each way in turn.
    @inlinable
    mutating func insert(_ key: KeyWords, hash: UInt64, slot: FlowSlot, generation: UInt32) {
        let first = (Int(truncatingIfNeeded: hash) & setMask) &* 4
        var place = first &+ victim
        // Safe: first ≤ capacity - 4, so the set lies in the table.
        if let empty = (first..<first &+ 4).first(where: { unsafe tags[$0] == 0 }) {
            place = empty
        } else {
            victim = (victim &+ 1) & 3
        }
        unsafe Words.copy(key, to: keys + place &* FlowKey.wordCount)
        unsafe (entries + place).initialize(to: Microflow(slot: slot, generation: generation))
        unsafe tags[place] = Self.tag(hash)
    }

    public mutating func removeAll() {
        // Safe: `capacity` tags were initialised in init.
        unsafe tags.update(repeating: 0, count: capacity)
    }

    /// The first broken invariant, or nil: no key is there twice in a set, each lies where its hash
    /// says, and each that is believed agrees with its megaflow.
    func brokenInvariant(megaflows: borrowing MegaflowTable) -> String? {
        for index in 0..<capacity where unsafe tags[index] != 0 {
            // Safe: the tag is not 0, so the entry is initialised.
            let words = unsafe KeyWords(keys + index * FlowKey.wordCount)
            let entry = unsafe entries[index]
            let hashed = unsafe megaflows.hash.hash(words)
            guard index / 4 == Int(truncatingIfNeeded: hashed) & setMask,
                unsafe tags[index] == Self.tag(hashed)
            else { return "microflow \(index) lies where its hash does not say" }
            for other in (index / 4 * 4)..<index
            where unsafe tags[other] != 0
                && Words.areEqual(KeyWords(keys + other * FlowKey.wordCount), words)
            {
                return "microflows \(other) and \(index) have the same key"
            }
            if megaflows.generation(of: entry.slot) == entry.generation,
                unsafe !megaflows.answers(entry.slot, Words.key(words))
            {
                return "microflow \(index) names a megaflow that does not match its key"
            }
        }
        return nil
    }
}
