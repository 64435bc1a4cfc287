public import Packets
public import Timekeeping

// Which port a MAC address was last seen on, for each VLAN.
//
// The table is small and anyone on the wire can write to it by inventing source addresses. So it
// is bounded, and when it is full the port that takes most of it gives up its own oldest entry:
// whoever floods the table evicts himself.

/// A learning table of a bridge: (VLAN, MAC) → port. Entries that no packet has confirmed for the
/// ageing time are gone.
public struct MACTable: Sendable {
    public struct Key: Hashable, Comparable, Sendable {
        public var vlan: UInt16
        public var mac: MACAddress
        public init(vlan: UInt16, mac: MACAddress) {
            self.vlan = vlan
            self.mac = mac
        }
        public static func < (a: Key, b: Key) -> Bool { (a.vlan, a.mac) < (b.vlan, b.mac) }
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
        /// A static entry, or a group address, which is never learned.
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
    /// Entries that had to go because the table was full.
    public private(set) var evictionCount: UInt64 = 0

    public init(limit: Int = Limits.macTableEntries, ageing: Duration = Limits.macAgeing) {
        self.limit = limit
        self.ageing = ageing
    }

    public var count: Int { 0 }
    public func lookup(_ key: Key, now: Instant) -> Entry? { nil }
    public mutating func learn(_ key: Key, on port: SwitchPort.ID, now: Instant) -> Outcome {
        .ignored
    }
    /// Adds an entry that neither ages nor moves. False: the table is full of such entries.
    public mutating func addStatic(_ key: Key, on port: SwitchPort.ID, now: Instant) -> Bool {
        false
    }
    public mutating func remove(_ key: Key) -> Bool { false }
    /// Removes what was learned on `port`; nil = everything. Static entries stay, unless their
    /// port is gone (`includingStatic`).
    public mutating func flush(port: SwitchPort.ID? = nil, includingStatic: Bool = false) {}
    /// Removes what is too old.
    public mutating func expire(now: Instant) {}
    public var nextDeadline: Instant? { nil }
    public mutating func configure(limit: Int, ageing: Duration, now: Instant) {}
    /// What changed since the last call.
    public mutating func takeChanges() -> Changes { .some([]) }
    /// All entries, by VLAN and then MAC.
    public func entries(now: Instant) -> [Entry] { [] }
}
