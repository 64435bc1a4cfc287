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
// Open vSwitch's classifier (NSDI 2015, "The Design and Implementation of Open vSwitch" §5) has
// the same shape.

/// A set of rules `(key, mask, priority)`, each with a payload. Of two rules with the same
/// priority that match the same packet, the one whose mask was used first answers, always.
public struct Classifier<Payload: Sendable>: Sendable {
    @usableFromInline var subtables: [Subtable<Payload>?] = []
    private var freeSlots: [Int] = []
    /// Slots of `subtables`, by falling maximum priority, then age.
    @usableFromInline var order: [Int] = []
    /// Only ever asked by key: its order reaches no result.
    private var slotByMask: [PipelineMask: Int] = [:]
    private var nextSerial: UInt64 = 0

    /// How many rules it holds.
    public private(set) var count = 0

    public init() {}

    /// How many different masks its rules have: what a lookup costs at worst.
    public var subtableCount: Int { order.count }

    /// The best rule for `packet`, or nil. ORs into `mask` every bit that the answer depends on.
    ///
    /// - Complexity: O(`subtableCount`); allocates nothing. Inlinable, because a generic that is
    ///   not specialised copies every payload and every table through its metadata.
    @inlinable
    public func lookup(_ packet: PipelineKey, looking mask: inout PipelineMask) -> Payload? {
        // Safe: each subtable reads and writes words of the rows, inside the call.
        unsafe packet.withWords { packet in
            unsafe mask.withMutableWords { mask in unsafe lookup(packet, mask) }
        }
    }

    @inlinable
    func lookup(
        _ packet: UnsafePointer<UInt64>, _ mask: UnsafeMutablePointer<UInt64>
    ) -> Payload? {
        var best: (priority: UInt16, slot: Int, entry: Int)?
        for slot in order {
            guard let maxPriority = subtables[slot]?.maxPriority else { continue }
            if let best, best.priority >= maxPriority { break }
            guard let entry = unsafe subtables[slot]?.find(packet, looking: mask),
                let priority = subtables[slot]?.entries[entry].priority
            else { continue }
            if best.map({ priority > $0.priority }) ?? true { best = (priority, slot, entry) }
        }
        return best.flatMap { subtables[$0.slot]?.entries[$0.entry].payload }
    }

    /// The rule with exactly this key, mask and priority.
    public func find(key: PipelineKey, mask: PipelineMask, priority: UInt16) -> Payload? {
        guard let slot = slotByMask[mask], let subtable = subtables[slot] else { return nil }
        return subtable.find(key: key.masked(by: mask), priority: priority)
            .map { subtable.entries[$0].payload }
    }

    /// A rule of the same priority that could match a packet that these conditions match too.
    public func overlap(key: PipelineKey, mask: PipelineMask, priority: UInt16) -> Payload? {
        for slot in order {
            guard let subtable = subtables[slot], subtable.maxPriority >= priority else { break }
            if let found = subtable.overlap(key: key, mask: mask, priority: priority) {
                return found
            }
        }
        return nil
    }

    /// Adds a rule. Returns the payload of the one with the same key, mask and priority that it
    /// replaces. Bits of `key` outside `mask` do not count.
    @discardableResult
    public mutating func insert(
        key: PipelineKey, mask: PipelineMask, priority: UInt16, payload: Payload
    ) -> Payload? {
        let slot = slotByMask[mask] ?? addSubtable(mask)
        let maxBefore = subtables[slot]?.maxPriority
        let replaced = subtables[slot]?.insert(
            key: key.masked(by: mask), priority: priority, payload: payload)
        if replaced == nil { count += 1 }
        if subtables[slot]?.maxPriority != maxBefore || subtables[slot]?.entries.count == 1 {
            place(slot)
        }
        return replaced
    }

    /// Removes the rule with exactly this key, mask and priority, and returns its payload.
    @discardableResult
    public mutating func remove(
        key: PipelineKey, mask: PipelineMask, priority: UInt16
    ) -> Payload? {
        guard let slot = slotByMask[mask], let maxBefore = subtables[slot]?.maxPriority,
            let removed = subtables[slot]?.remove(key: key.masked(by: mask), priority: priority)
        else { return nil }
        count -= 1
        if subtables[slot]?.entries.isEmpty ?? true {
            order.removeAll { $0 == slot }
            slotByMask[mask] = nil
            subtables[slot] = nil
            freeSlots.append(slot)
        } else if subtables[slot]?.maxPriority != maxBefore {
            place(slot)
        }
        return removed
    }

    private mutating func addSubtable(_ mask: PipelineMask) -> Int {
        let subtable = Subtable<Payload>(mask: mask, serial: nextSerial)
        nextSerial += 1
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = free
            subtables[slot] = subtable
        } else {
            slot = subtables.count
            subtables.append(subtable)
        }
        slotByMask[mask] = slot
        return slot
    }

    /// Puts `slot` where its maximum priority belongs in `order`.
    private mutating func place(_ slot: Int) {
        order.removeAll { $0 == slot }
        let rank = rank(of: slot)
        var low = 0
        var high = order.count
        while low < high {
            let middle = (low + high) / 2
            if self.rank(of: order[middle]) < rank { low = middle + 1 } else { high = middle }
        }
        order.insert(slot, at: low)
    }

    /// Smaller is asked earlier.
    private func rank(of slot: Int) -> (Int, UInt64) {
        subtables[slot].map { (-Int($0.maxPriority), $0.serial) } ?? (0, .max)
    }
}
