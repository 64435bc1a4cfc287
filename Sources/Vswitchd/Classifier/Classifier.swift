public import Flows

// Finding the best rule, and saying what that took.
//
// Rules that look at the same bits live in one hash table, a subtable. A lookup asks the subtables
// one after the other, those with the highest priorities first, and stops as soon as no subtable
// that is left could hold a better rule. Each subtable that was asked adds the bits that it looked
// at to the caller's mask: two packets that agree in those bits get the same answer, which is what
// makes the answer worth caching.
//
//     packet --> [mask A, max priority 300] --> [mask B, 200] --> [mask C, 100] --> [mask D, 5]
//                    miss: adds bits of A      hit at 150: adds bits of B      not asked: C < 150
//
// Before a subtable with an address prefix is asked, a tree of all such prefixes may rule it out
// (`PrefixTrie`), which is faster, and looks at fewer bits.
//
// Open vSwitch's classifier (NSDI 2015, "The Design and Implementation of Open vSwitch" §5) has
// the same shape.

/// A set of rules `(key, mask, priority)`, each with a payload. Of two rules with the same
/// priority that match the same packet, the one whose mask was used first answers, always.
///
/// A value: a copy costs a few references, and shares what neither side changes.
@safe
public struct Classifier<Payload: Sendable> {
    private var subtables: [Subtable?] = []
    /// For each subtable what its rules carry, by number of the entry.
    @usableFromInline var payloads: [[Payload]] = []
    private var freeSlots: [Int] = []
    /// All subtables, by falling maximum priority, then age. They point into `subtables`.
    @usableFromInline var probes: [Probe] = unsafe []
    /// Only ever asked by key: its order reaches no result.
    private var slotByMask: [PipelineMask: Int] = [:]
    private var nextSerial: UInt64 = 0
    /// The prefixes of all rules, for each `TrackedField`.
    @usableFromInline var tries: [PrefixTrie] = TrackedField.allCases.map { _ in PrefixTrie() }

    /// How many rules it holds.
    public private(set) var count = 0

    public init() {}

    /// How many different masks its rules have: what a lookup costs at worst.
    public var subtableCount: Int { unsafe probes.count }

    /// Memory in use, in bytes, but for what payloads point to.
    public var byteCount: Int {
        subtables.reduce(0) { $0 + ($1?.byteCount ?? 0) } + tries.reduce(0) { $0 + $1.byteCount }
            + payloads.reduce(0) { $0 + $1.capacity * MemoryLayout<Payload>.stride }
    }

    /// The rule with exactly this key, mask and priority.
    public func find(key: PipelineKey, mask: PipelineMask, priority: UInt16) -> Payload? {
        guard let slot = slotByMask[mask] else { return nil }
        return subtables[slot]?.find(key: key, priority: priority).map { payloads[slot][$0] }
    }

    /// A rule of the same priority that could match a packet that these conditions match too.
    public func overlap(key: PipelineKey, mask: PipelineMask, priority: UInt16) -> Payload? {
        for slot in slotsInOrder {
            guard let subtable = subtables[slot], subtable.maxPriority >= priority else { break }
            let found = subtable.overlapping(key: key, mask: mask).first {
                subtable.priorityOf($0) == priority
            }
            if let found { return payloads[slot][found] }
        }
        return nil
    }

    /// Rules that match nothing but what these conditions match: at least as specific ones.
    public func rules(within key: PipelineKey, _ mask: PipelineMask) -> [Payload] {
        var found: [Payload] = []
        for slot in slotsInOrder {
            guard let subtable = subtables[slot], subtable.mask.covers(mask) else { continue }
            for entry in subtable.overlapping(key: key, mask: mask) {
                found.append(payloads[slot][entry])
            }
        }
        return found
    }

    /// Every rule that matches `packet`, by falling priority, then as `lookup` would meet them. ORs
    /// all bits into `mask` that this depends on.
    public func matches(
        _ packet: PipelineKey, looking mask: inout PipelineMask
    ) -> [(priority: UInt16, payload: Payload)] {
        var found: [(priority: UInt16, payload: Payload)] = []
        for slot in slotsInOrder {
            guard let subtable = subtables[slot] else { continue }
            mask.formUnion(subtable.mask)
            for entry in subtable.chain(packet) {
                found.append((subtable.priorityOf(entry), payloads[slot][entry]))
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
extension Classifier: @unchecked Sendable {}

// Changing.

extension Classifier {
    /// Adds a rule. Returns the payload of the one with the same key, mask and priority that it
    /// replaces. Bits of `key` outside `mask` do not count.
    @discardableResult
    public mutating func insert(
        key: PipelineKey, mask: PipelineMask, priority: UInt16, payload: Payload
    ) -> Payload? {
        let slot = slotByMask[mask] ?? addSubtable(mask)
        if let entry = subtables[slot]?.find(key: key, priority: priority) {
            defer { payloads[slot][entry] = payload }
            return payloads[slot][entry]
        }
        change(slot) { $0.insert(key: key, priority: priority) }
        payloads[slot].append(payload)
        updateTries(slot) {
            $0.insert($1.high, $1.low, length: $2)
        } of: {
            $0.value(in: key)
        }
        count += 1
        return nil
    }

    /// Removes the rule with exactly this key, mask and priority, and returns its payload.
    @discardableResult
    public mutating func remove(
        key: PipelineKey, mask: PipelineMask, priority: UInt16
    ) -> Payload? {
        guard let slot = slotByMask[mask],
            let entry = subtables[slot]?.find(key: key, priority: priority)
        else { return nil }
        updateTries(slot) {
            $0.remove($1.high, $1.low, length: $2)
        } of: {
            $0.value(in: key)
        }
        let removed = payloads[slot][entry]
        let last = payloads[slot].removeLast()
        if entry < payloads[slot].count { payloads[slot][entry] = last }
        count -= 1
        guard !payloads[slot].isEmpty else {
            unsafe probes.removeAll { unsafe Int($0.slot) == slot }
            slotByMask[mask] = nil
            subtables[slot] = nil
            freeSlots.append(slot)
            return removed
        }
        change(slot) { $0.remove(entry, key: key) }
        return removed
    }

    /// Changes a subtable of our own, and writes its probe where it belongs.
    private mutating func change(_ slot: Int, _ body: (Subtable) -> Void) {
        if !isKnownUniquelyReferenced(&subtables[slot]) {
            subtables[slot] = subtables[slot]?.copied()
        }
        guard let subtable = subtables[slot] else { return }
        let before = place(of: subtable)
        body(subtable)
        let probe = unsafe Probe(subtable, slot: slot)
        // Safe here and below: the place of a subtable that has a probe is its probe's.
        if unsafe before < probes.count, unsafe Int(probes[before].slot) == slot {
            if unsafe probes[before].maxPriority == probe.maxPriority {
                unsafe probes[before] = probe
                return
            }
            unsafe probes.remove(at: before)
        }
        unsafe probes.insert(probe, at: place(of: subtable))
    }

    /// Where the probe of `subtable` stands, or belongs, by its maximum priority and age.
    private func place(of subtable: Subtable) -> Int {
        let rank = (-Int(subtable.maxPriority), subtable.serial)
        var low = 0
        var high = unsafe probes.count
        while low < high {
            let middle = (low + high) / 2
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
            payloads.append([])
        }
        slotByMask[mask] = slot
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

    /// All views of the rules agree. O(n); for tests.
    public func checkInvariants() -> Bool {
        let sizes = subtables.indices.allSatisfy {
            (subtables[$0]?.count ?? 0) == payloads[$0].count
        }
        let ranks = unsafe probes.map { probe in
            let slot = unsafe Int(probe.slot)
            return unsafe (-Int(probe.maxPriority), subtables[slot]?.serial ?? 0)
        }
        let isSorted = zip(ranks, ranks.dropFirst()).allSatisfy { $0 < $1 }
        return sizes && isSorted && payloads.reduce(0) { $0 + $1.count } == count
            && tries.allSatisfy { $0.checkInvariants() }
    }
}
