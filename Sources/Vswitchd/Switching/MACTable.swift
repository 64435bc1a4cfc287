public import Packets
public import Timekeeping

// Which port a MAC address was last seen on, for each VLAN.
//
// The table is small and anyone on the wire can write to it by inventing source addresses. So it
// is bounded, and when it is full the port that takes most of it gives up its own oldest entry:
// whoever floods the table evicts himself.
//
// Only `learn`, `expire` and their like change what a lookup answers, never the passing of time by
// itself: so whoever cached an answer can be told when it no longer holds (`takeChanges`).
//
//     oldest <--> o <--> o <--> newest      one such list of all learned entries, for ageing,
//        oldest <--> o <--> newest          and one for each port, for eviction

/// A learning table of a bridge: (VLAN, MAC) → port. Entries that no packet has confirmed for the
/// ageing time are removed by `expire`.
public struct MACTable: Sendable {
    public struct Key: Hashable, Comparable, Sendable {
        public var vlan: UInt16
        public var mac: MACAddress
        public init(vlan: UInt16, mac: MACAddress) {
            self.vlan = vlan
            self.mac = mac
        }
        public static func < (a: Key, b: Key) -> Bool { (a.vlan, a.mac) < (b.vlan, b.mac) }

        /// Both in one word: an address has 48 bits.
        public func hash(into hasher: inout Hasher) {
            hasher.combine(mac.bits << 16 | UInt64(vlan))
        }
    }

    public struct Entry: Hashable, Sendable {
        public var key: Key
        public var port: SwitchPort.ID
        /// When a packet last confirmed it.
        public var usedAt: Instant
        /// Set by an operator (`fdb/add`): neither ages nor moves.
        public var isStatic: Bool
    }

    /// What `learn` did.
    public enum Outcome: Hashable, Sendable {
        case added, refreshed
        case moved(from: SwitchPort.ID)
        /// A static entry, or a group address, which is never learned; or the table holds nothing
        /// that may give way.
        case ignored
    }

    /// Which decisions may differ from before.
    public enum Changes: Hashable, Sendable {
        /// Those that asked for one of these, sorted; none if empty.
        case some([Key])
        case all
    }

    /// Most entries that it holds (`mac-table-size`).
    public private(set) var limit: Int
    /// After how long an unconfirmed entry is gone (`mac-aging-time`).
    public private(set) var ageing: Duration
    /// Grows whenever a lookup may answer something new.
    public private(set) var generation: UInt64 = 0
    /// What has happened to it since it was made, or since `clearStatistics`.
    public struct Statistics: Hashable, Sendable {
        public var learned: UInt64 = 0
        public var expired: UInt64 = 0
        /// Entries that had to go because the table was full.
        public var evicted: UInt64 = 0
        /// Entries that changed their port.
        public var moved: UInt64 = 0
    }

    public private(set) var statistics = Statistics()
    public var evictionCount: UInt64 { statistics.evicted }
    /// Entries set by an operator.
    public private(set) var staticCount = 0

    @usableFromInline var nodes = RecencyLists()
    /// Only ever asked by key; its order reaches no result.
    @usableFromInline private(set) var slots: [Key: Int] = [:]
    /// Addresses that moved to a port just now, each with when its hold ends, and the ends in
    /// order. An end that does not agree with `holds` was renewed or is void.
    @usableFromInline private(set) var holds: [Key: Instant] = [:]
    private var holdEnds: [(key: Key, end: Instant)] = []
    private var changed: Set<Key> = []
    private var everythingChanged = false

    public init(limit: Int = Limits.macTableEntries, ageing: Duration = Limits.macAgeing) {
        self.limit = limit.clamped(to: Limits.macTableRange)
        self.ageing = ageing.clamped(to: Limits.macAgeingRange)
    }

    public var count: Int { slots.count }

    /// Where `key` is. Does not look at the entry's age. Inlinable, as `isHeld`: who asks a table
    /// that lies in something else need not copy it.
    @inlinable public func lookup(_ key: Key) -> Entry? { slots[key].map { nodes[$0] } }

    /// A packet from `key` came in by `port` at `now`. `now` may lie before the newest entry's
    /// time by the pause between two collections of counters; it then counts as that.
    @discardableResult
    public mutating func learn(_ key: Key, on port: SwitchPort.ID, now: Instant) -> Outcome {
        guard !key.mac.isMulticast else { return .ignored }
        guard let slot = slots[key] else {
            guard makeRoom() else { return .ignored }
            insert(Entry(key: key, port: port, usedAt: now, isStatic: false))
            statistics.learned += 1
            return .added
        }
        let entry = nodes[slot]
        guard !entry.isStatic else { return .ignored }
        nodes.refresh(slot, port: port, now: now)
        guard entry.port != port else { return .refreshed }
        note(key)
        statistics.moved += 1
        return .moved(from: entry.port)
    }

    /// Adds an entry that neither ages nor moves, in place of a learned one. False: the table is
    /// full of such entries.
    @discardableResult
    public mutating func addStatic(_ key: Key, on port: SwitchPort.ID, now: Instant) -> Bool {
        if slots[key] == nil, !makeRoom() { return false }
        remove(key)
        insert(Entry(key: key, port: port, usedAt: now, isStatic: true))
        staticCount += 1
        return true
    }

    @discardableResult
    public mutating func remove(_ key: Key) -> Bool {
        guard let slot = slots.removeValue(forKey: key) else { return false }
        if nodes[slot].isStatic { staticCount -= 1 }
        nodes.remove(slot)
        holds[key] = nil
        note(key)
        return true
    }

    /// Removes what was learned on `port`; nil = on any. Static entries stay unless
    /// `includingStatic` is set: their port is gone.
    public mutating func flush(port: SwitchPort.ID? = nil, includingStatic: Bool = false) {
        for entry in entries()
        where (port == nil || entry.port == port) && (includingStatic || !entry.isStatic) {
            remove(entry.key)
        }
    }

    /// What was learned on `old` is true of `new` now, and counts as confirmed as lately as the
    /// newest entry.
    public mutating func move(from old: SwitchPort.ID, to new: SwitchPort.ID) {
        for entry in entries() where entry.port == old && !entry.isStatic {
            guard let slot = slots[entry.key] else { continue }
            nodes.refresh(slot, port: new, now: entry.usedAt)
            note(entry.key)
        }
    }

    /// Removes what no packet has confirmed for `ageing`.
    public mutating func expire(now: Instant) {
        while let slot = nodes.oldest, nodes[slot].usedAt + ageing <= now {
            remove(nodes[slot].key)
            statistics.expired += 1
        }
        let over = holdEnds.prefix { $0.end <= now }
        for (key, end) in over where holds[key] == end {
            holds[key] = nil
            note(key)
        }
        holdEnds.removeFirst(over.count)
    }

    /// When to call `expire` next; nil: nothing ages.
    public var nextDeadline: Instant? {
        let oldest = nodes.oldest.map { nodes[$0].usedAt + ageing }
        guard let hold = holdEnds.first?.end else { return oldest }
        return oldest.map { min($0, hold) } ?? hold
    }

    /// A host said by a gratuitous ARP, which came by no bond, where it is now. For a while the
    /// reflections of that frame, which a bond's other members may bring, are not believed.
    public mutating func hold(_ key: Key, now: Instant) {
        guard slots[key] != nil else { return }
        let end = now + BondLimits.reflectionHold
        if let before = holds[key] {
            // Renewed once a second at most, which bounds `holdEnds`.
            guard end.since(before) >= .seconds(1) else { return }
        } else {
            guard holds.count < Limits.heldAddresses else { return }
            note(key)
        }
        holds[key] = end
        let place = holdEnds.lastIndex { $0.end <= end }.map { $0 + 1 } ?? 0
        holdEnds.insert((key, end), at: place)
    }

    /// Whether reflections of `key`'s gratuitous ARPs are not believed now.
    @inlinable public func isHeld(_ key: Key) -> Bool { holds[key] != nil }

    /// Takes new bounds, forced into their ranges. Of too many entries those that may go, go.
    public mutating func configure(limit: Int, ageing: Duration) {
        self.limit = limit.clamped(to: Limits.macTableRange)
        self.ageing = ageing.clamped(to: Limits.macAgeingRange)
        while count > self.limit, evict() {}
    }

    public mutating func clearStatistics() { statistics = Statistics() }

    /// Whether `takeChanges` has something to tell.
    public var hasChanges: Bool { everythingChanged || !changed.isEmpty }

    /// What changed since the last call.
    public mutating func takeChanges() -> Changes {
        let taken: Changes = everythingChanged ? .all : .some(changed.sorted())
        changed = []
        everythingChanged = false
        return taken
    }

    /// All entries, by VLAN and then MAC. O(n log n).
    public func entries() -> [Entry] { slots.sorted { $0.key < $1.key }.map { nodes[$0.value] } }

    private mutating func insert(_ entry: Entry) {
        slots[entry.key] = nodes.insert(entry)
        note(entry.key)
    }

    /// Whether one more entry fits, after an eviction if need be.
    private mutating func makeRoom() -> Bool { count < limit || evict() }

    private mutating func evict() -> Bool {
        guard let slot = nodes.oldestOfLargestPort else { return false }
        statistics.evicted += 1
        return remove(nodes[slot].key)
    }

    private mutating func note(_ key: Key) {
        generation += 1
        guard !everythingChanged else { return }
        changed.insert(key)
        if changed.count > Limits.namedChanges {
            changed = []
            everythingChanged = true
        }
    }
}

extension Comparable {
    fileprivate func clamped(to range: ClosedRange<Self>) -> Self {
        min(max(self, range.lowerBound), range.upperBound)
    }
}
