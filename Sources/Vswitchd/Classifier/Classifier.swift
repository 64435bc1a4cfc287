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
/// A value: a copy costs a few references, and shares what neither side changes. What the rules
/// are is `RuleIndex`'s; here stands what they carry.
public struct Classifier<Payload: Sendable>: Sendable {
    @usableFromInline var index = RuleIndex()
    /// For each subtable what its rules carry, by number of the entry.
    @usableFromInline var payloads: [[Payload]] = []

    @inlinable public init() {}

    /// How many rules it holds.
    @inlinable public var count: Int { index.count }

    /// How many different masks its rules have: what a lookup costs at worst.
    @inlinable public var subtableCount: Int { index.subtableCount }

    /// Memory in use, in bytes, but for what payloads point to.
    public var byteCount: Int {
        index.byteCount
            + payloads.reduce(0) { $0 + $1.capacity * MemoryLayout<Payload>.stride }
    }

    /// The rule with exactly this key, mask and priority.
    @inlinable
    public func find(key: PipelineKey, mask: PipelineMask, priority: UInt16) -> Payload? {
        index.find(key: key, mask: mask, priority: priority).map { payloads[$0.slot][$0.entry] }
    }

    /// A rule of the same priority that could match a packet that these conditions match too.
    @inlinable
    public func overlap(key: PipelineKey, mask: PipelineMask, priority: UInt16) -> Payload? {
        index.overlap(key: key, mask: mask, priority: priority).map {
            payloads[$0.slot][$0.entry]
        }
    }

    /// Rules that match nothing but what these conditions match: at least as specific ones.
    @inlinable
    public func rules(within key: PipelineKey, _ mask: PipelineMask) -> [Payload] {
        index.rules(within: key, mask).map { payloads[$0.slot][$0.entry] }
    }

    /// Every rule that matches `packet`, by falling priority, then as `lookup` would meet them. ORs
    /// all bits into `mask` that this depends on.
    @inlinable
    public func matches(
        _ packet: PipelineKey, looking mask: inout PipelineMask
    ) -> [(priority: UInt16, payload: Payload)] {
        index.matches(packet, looking: &mask).map {
            ($0.priority, payloads[$0.place.slot][$0.place.entry])
        }
    }

    /// Adds a rule. Returns the payload of the one with the same key, mask and priority that it
    /// replaces. Bits of `key` outside `mask` do not count.
    @inlinable
    @discardableResult
    public mutating func insert(
        key: PipelineKey, mask: PipelineMask, priority: UInt16, payload: Payload
    ) -> Payload? {
        let (place, isNew) = index.insert(key: key, mask: mask, priority: priority)
        guard isNew else {
            defer { payloads[place.slot][place.entry] = payload }
            return payloads[place.slot][place.entry]
        }
        if place.slot == payloads.count { payloads.append([]) }
        payloads[place.slot].append(payload)
        return nil
    }

    /// Removes the rule with exactly this key, mask and priority, and returns its payload.
    @inlinable
    @discardableResult
    public mutating func remove(
        key: PipelineKey, mask: PipelineMask, priority: UInt16
    ) -> Payload? {
        guard let place = index.remove(key: key, mask: mask, priority: priority) else {
            return nil
        }
        // The last entry has its number now.
        let last = payloads[place.slot].removeLast()
        guard place.entry < payloads[place.slot].count else { return last }
        defer { payloads[place.slot][place.entry] = last }
        return payloads[place.slot][place.entry]
    }

    /// All views of the rules agree. O(n); for tests.
    public func checkInvariants() -> Bool { index.checkInvariants(payloads.map(\.count)) }
}
