public import Flows

// Which rules there are, and where the best one lies: a classifier without what its rules carry.
//
// It is no generic type, so that it is compiled once, and well: what a generic type does to a
// payload that it does not know goes through tables of functions, for each rule that is added.

/// A set of rules `(key, mask, priority)`, by subtable and number of the entry there. A value.
@safe
@usableFromInline
struct RuleIndex {
    /// Where a rule lies. When the last entry of a subtable takes the number of one that went, so
    /// must what belongs to it.
    @usableFromInline typealias Place = (slot: Int, entry: Int)

    private var subtables: [Subtable?] = []
    private var freeSlots: [Int] = []
    /// All subtables, by falling maximum priority, then age. They point into `subtables`.
    private var probes: [Probe] = unsafe []
    /// Only ever asked by key: its order reaches no result.
    private var slotByMask: [MaskName: Int] = [:]
    private var nextSerial: UInt64 = 0
    /// The prefixes of all rules, for each `TrackedField`.
    private var tries: [PrefixTrie] = TrackedField.allCases.map { _ in PrefixTrie() }

    /// How many rules it holds.
    @usableFromInline private(set) var count = 0

    @usableFromInline init() {}

    @usableFromInline var subtableCount: Int { unsafe probes.count }

    /// Numbers of subtables are below this.
    var slotCount: Int { subtables.count }

    /// Memory in use, in bytes.
    @usableFromInline var byteCount: Int {
        subtables.reduce(0) { $0 + ($1?.byteCount ?? 0) } + tries.reduce(0) { $0 + $1.byteCount }
    }

    /// The best rule for `packet`; see `Classifier.lookup`.
    @usableFromInline
    func lookup(_ packet: PipelineKey, looking mask: inout PipelineMask) -> Place? {
        // Safe: each subtable reads and writes words of the rows, inside the call.
        unsafe packet.withWords { packet in
            unsafe mask.withMutableWords { mask in
                unsafe ClassifierSearch.run(probes, tries, packet, mask)
            }
        }
    }

    /// The same, and no word of what it depends on.
    @usableFromInline
    func lookup(_ packet: PipelineKey) -> Place? {
        // Safe: as above.
        unsafe packet.withWords { packet in
            unsafe ClassifierSearch.run(probes, tries, packet, nil)
        }
    }

    @usableFromInline
    func find(key: PipelineKey, mask: PipelineMask, priority: UInt16) -> Place? {
        guard let slot = slotByMask[MaskName(mask)] else { return nil }
        return subtables[slot]?.find(key: key, priority: priority).map { (slot, $0) }
    }

    @usableFromInline
    func overlap(key: PipelineKey, mask: PipelineMask, priority: UInt16) -> Place? {
        for slot in slotsInOrder {
            guard let subtable = subtables[slot], subtable.maxPriority >= priority else { break }
            let found = subtable.overlapping(key: key, mask: mask).first {
                subtable.priorityOf($0) == priority
            }
            if let found { return (slot, found) }
        }
        return nil
    }

    @usableFromInline
    func rules(within key: PipelineKey, _ mask: PipelineMask) -> [Place] {
        var found: [Place] = []
        for slot in slotsInOrder {
            guard let subtable = subtables[slot], subtable.mask.covers(mask) else { continue }
            found += subtable.overlapping(key: key, mask: mask).map { (slot, $0) }
        }
        return found
    }

    /// In the order in which a lookup would meet them.
    @usableFromInline
    func matches(
        _ packet: PipelineKey, looking mask: inout PipelineMask
    ) -> [(priority: UInt16, place: Place)] {
        var found: [(priority: UInt16, place: Place)] = []
        for slot in slotsInOrder {
            guard let subtable = subtables[slot] else { continue }
            mask.formUnion(subtable.mask)
            for entry in subtable.chain(packet) {
                found.append((subtable.priorityOf(entry), (slot, entry)))
            }
        }
        return found.enumerated().sorted {
            ($1.element.priority, $0.offset) < ($0.element.priority, $1.offset)
        }.map(\.element)
    }

    private var slotsInOrder: [Int] { unsafe probes.map { unsafe Int($0.slot) } }
}

// Safe to hand to another thread: what the probes point to is owned by `subtables`, which a copy
// shares and nobody changes while it is shared.
extension RuleIndex: @unchecked Sendable {}

// Changing.

extension RuleIndex {
    /// Adds a rule, if there is none with the same key, mask and priority: then its entry is the
    /// last of its subtable.
    @usableFromInline
    mutating func insert(
        key: PipelineKey, mask: PipelineMask, priority: UInt16
    ) -> (place: Place, isNew: Bool) {
        let slot = slotByMask[MaskName(mask)] ?? addSubtable(mask)
        if let entry = subtables[slot]?.find(key: key, priority: priority) {
            return ((slot, entry), false)
        }
        let entry = subtables[slot]?.count ?? 0
        change(slot) { $0.insert(key: key, priority: priority) }
        updateTries(slot) {
            $0.insert($1.high, $1.low, length: $2, priority: priority)
        } of: {
            $0.value(in: key)
        }
        count += 1
        return ((slot, entry), true)
    }

    /// Removes the rule with exactly this key, mask and priority. Returns where it was.
    @usableFromInline
    mutating func remove(key: PipelineKey, mask: PipelineMask, priority: UInt16) -> Place? {
        guard let slot = slotByMask[MaskName(mask)],
            let entry = subtables[slot]?.find(key: key, priority: priority)
        else { return nil }
        updateTries(slot) {
            $0.remove($1.high, $1.low, length: $2)
        } of: {
            $0.value(in: key)
        }
        count -= 1
        if subtables[slot]?.count == 1 {
            unsafe probes.removeAll { unsafe Int($0.slot) == slot }
            slotByMask[MaskName(mask)] = nil
            subtables[slot] = nil
            freeSlots.append(slot)
        } else {
            change(slot) { $0.remove(entry, key: key) }
        }
        return (slot, entry)
    }

    /// Changes a subtable of our own. Its probe is written anew, where it belongs, if it is not
    /// what it was: most rules are added to a subtable with room, below its highest priority.
    private mutating func change(_ slot: Int, _ body: (Subtable) -> Void) {
        let isShared = !isKnownUniquelyReferenced(&subtables[slot])
        if isShared { subtables[slot] = subtables[slot]?.copied() }
        guard let subtable = subtables[slot] else { return }
        let layout = subtable.layout
        let isNew = subtable.count == 0
        body(subtable)
        if !isShared, !isNew, subtable.layout == layout { return }
        let probe = unsafe Probe(subtable, slot: slot)
        if !isNew {
            let before = place(maxPriority: layout.maxPriority, serial: subtable.serial)
            // Safe: the place of a subtable that has rules is its probe's.
            if unsafe probes[before].maxPriority == probe.maxPriority {
                unsafe probes[before] = probe
                return
            }
            unsafe probes.remove(at: before)
        }
        let place = place(maxPriority: subtable.maxPriority, serial: subtable.serial)
        unsafe probes.insert(probe, at: place)
    }

    /// Where a probe stands, or belongs, by its subtable's maximum priority and age.
    private func place(maxPriority: UInt16, serial: UInt64) -> Int {
        let rank = (-Int(maxPriority), serial)
        var low = 0
        var high = unsafe probes.count
        while low < high {
            let middle = (low + high) / 2
            // Safe: a place of the row.
            let other = unsafe probes[middle]
            let serial = unsafe subtables[Int(other.slot)]?.serial ?? 0
            if unsafe (-Int(other.maxPriority), serial) < rank {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }

    private mutating func addSubtable(_ mask: PipelineMask) -> Int {
        let subtable = Subtable(mask: mask, serial: nextSerial)
        nextSerial += 1
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = free
            subtables[slot] = subtable
        } else {
            slot = subtables.count
            subtables.append(subtable)
        }
        slotByMask[MaskName(mask)] = slot
        return slot
    }

    private mutating func updateTries(
        _ slot: Int,
        _ change: (inout PrefixTrie, (high: UInt64, low: UInt64), Int) -> Void,
        of value: (TrackedField) -> (high: UInt64, low: UInt64)
    ) {
        guard let prefixes = subtables[slot]?.prefixes, prefixes.lengths != 0 else { return }
        for field in TrackedField.allCases where prefixes[field] > 0 {
            change(&tries[field.rawValue], value(field), prefixes[field])
        }
    }

    /// All views of the rules agree; `counts` are how many payloads each subtable has. O(n).
    @usableFromInline
    func checkInvariants(_ counts: [Int]) -> Bool {
        let sizes = subtables.indices.allSatisfy {
            (subtables[$0]?.count ?? 0) == (counts.indices.contains($0) ? counts[$0] : 0)
        }
        let ranks = unsafe probes.map { probe in
            let slot = unsafe Int(probe.slot)
            return unsafe (-Int(probe.maxPriority), subtables[slot]?.serial ?? 0)
        }
        let isSorted = zip(ranks, ranks.dropFirst()).allSatisfy { $0 < $1 }
        let areTrue = unsafe probes.allSatisfy { probe in
            unsafe subtables[Int(probe.slot)].map { unsafe probe.isOf($0) } ?? false
        }
        return sizes && isSorted && areTrue && counts.reduce(0, +) == count
            && tries.allSatisfy { $0.checkInvariants() }
    }
}

/// A mask as the name of its subtable: hashed with few multiplications, where the standard hash
/// would take longer than all the rest of adding a rule.
struct MaskName: Hashable {
    private let mask: PipelineMask

    init(_ mask: PipelineMask) { self.mask = mask }

    func hash(into hasher: inout Hasher) {
        var hash = RuleHash(start: RuleHash.start)
        // Safe: a row has `wordCount` words.
        unsafe mask.withWords { words in
            for index in 0..<PipelineMask.wordCount where unsafe words[index] != 0 {
                unsafe hash.add(words[index] &+ UInt64(index), factor: RuleHash.factor)
            }
        }
        hasher.combine(hash.state)
    }
}
