internal import DatabaseProtocol
internal import DatabaseReplica
public import Packets
public import Switching

// What rows of Port and Interface say about bonds and LACP: conf.db(5), "Bonding Configuration".
//
// A number that is none, or out of range, counts as its default, as in Open vSwitch; text that is
// no known mode is kept, so that the operator can be told.

/// A port with several interfaces.
public struct WantedBond: Hashable, Sendable {
    public var settings: Bond.Settings
    /// How often the links are looked at; nil: they tell by themselves (`carrier`).
    public var miimonInterval: Duration?
    /// What stands in a column and is not understood.
    public var misunderstood: [String] = []
}

/// A port that speaks LACP.
public struct WantedLACP: Hashable, Sendable {
    public var isActive: Bool
    public var isFast: Bool
    /// nil: the bridge's own address.
    public var system: MACAddress?
    public var systemPriority: UInt16
    public var fallsBack: Bool
}

/// What an interface says of itself in LACP; nil and 0 mean "made by the switch".
public struct WantedLACPMember: Hashable, Sendable {
    public var portID: UInt16?
    public var priority: UInt16?
    public var key: UInt16 = 0
}

extension WantedBond {
    init?(row: TypedRow<PortColumns>) {
        guard row.interfaces.count > 1 else { return nil }
        let mode = row.bondMode
        let known = mode.map { Bond.Mode(rawValue: $0) } ?? .activeBackup
        let fallsBack = row.otherConfig.isTrue("lacp-fallback-ab")
        let interval = row.otherConfig.number("bond-rebalance-interval") ?? 10_000
        settings = Bond.Settings(
            mode: known ?? .activeBackup,
            upDelay: .milliseconds(max(0, row.bondUpdelay)),
            downDelay: .milliseconds(max(0, row.bondDowndelay)),
            rebalanceInterval: interval == 0 ? nil : .milliseconds(max(0, interval)),
            hashBasis: UInt32(
                truncatingIfNeeded: row.otherConfig.number("bond-hash-basis") ?? 0),
            fallsBackToActiveBackup: fallsBack,
            allMembersActive: row.otherConfig.isTrue("all-members-active"))
        if settings.mode == .activeBackup || fallsBack {
            settings.primary = row.otherConfig["bond-primary"]
        }
        if let mode, known == nil { misunderstood.append("bond_mode \(mode)") }
        switch row.otherConfig["bond-detect-mode"] {
        case nil, "carrier": break
        case "miimon":
            let wanted = row.otherConfig.number("bond-miimon-interval") ?? 0
            miimonInterval = wanted > 0 ? .milliseconds(wanted) : BondLimits.miimonInterval
        case let other?: misunderstood.append("bond-detect-mode \(other)")
        }
    }
}

extension WantedLACP {
    init?(row: TypedRow<PortColumns>) {
        switch row.lacp {
        case "active": isActive = true
        case "passive": isActive = false
        default: return nil
        }
        isFast = row.otherConfig["lacp-time"]?.lowercased() == "fast"
        if let text = row.otherConfig["lacp-system-id"] {
            // An address that is none switches LACP off rather than claim another system's.
            guard let address = MACAddress(text), address != .zero else { return nil }
            system = address
        }
        let priority = row.otherConfig.number("lacp-system-priority") ?? 0
        // Links that can be aggregated are the better ones.
        let isAlone = row.interfaces.count < 2
        systemPriority =
            UInt16(exactly: priority).flatMap { $0 > 0 ? $0 : nil }
            ?? (isAlone ? 65535 : 65534)
        fallsBack = row.otherConfig.isTrue("lacp-fallback-ab")
    }
}

extension WantedLACPMember {
    init(row: TypedRow<InterfaceColumns>) {
        func positive(_ key: String) -> UInt16? {
            row.otherConfig.number(key).flatMap { UInt16(exactly: $0) }
                .flatMap { $0 > 0 ? $0 : nil }
        }
        portID = positive("lacp-port-id")
        priority = positive("lacp-port-priority")
        key = positive("lacp-aggregation-key") ?? 0
    }
}

extension ColumnMap<String, String> {
    fileprivate func number(_ key: String) -> Int64? { self[key].flatMap { Int64($0) } }

    fileprivate func isTrue(_ key: String) -> Bool { self[key]?.lowercased() == "true" }
}
