public import DatabaseProtocol
internal import DatabaseReplica
internal import Pipeline
internal import Switching
internal import Timekeeping

// What rows say of mirrors and multicast snooping, and how NORMAL is told. conf.db(5), "Mirror
// Table", and "Multicast Snooping" of the Bridge and Port tables.

/// A bridge's multicast snooping. Numbers are as written; the table forces them into its ranges.
public struct WantedMulticast: Hashable, Sendable {
    public var ageingSeconds = 300
    public var tableSize = 2048
    public var floodsUnregistered = true
}

/// A row of `Mirror` that has a destination.
public struct WantedMirror: Hashable, Sendable {
    public var uuid: UUIDValue
    public var name: String
    public var selectsAll = false
    /// Rows of Port.
    public var sources: [UUIDValue] = []
    public var destinations: [UUIDValue] = []
    /// Empty means all.
    public var vlans: [UInt16] = []
    public var outputPort: UUIDValue?
    public var outputVLAN: UInt16?
    /// 14 to 65535; nil means whole frames.
    public var snapLength: UInt16?
}

extension WantedMulticast {
    init?(row: TypedRow<BridgeColumns>) {
        guard row.mcastSnoopingEnable else { return nil }
        func number(_ key: String) -> Int? {
            WantedSwitch.number(row.otherConfig, key, in: 1...UInt64(Int32.max)).map { Int($0) }
        }
        ageingSeconds = number("mcast-snooping-aging-time") ?? ageingSeconds
        tableSize = number("mcast-snooping-table-size") ?? tableSize
        floodsUnregistered =
            row.otherConfig["mcast-snooping-disable-flood-unregistered"] != "true"
    }
}

extension WantedMirror {
    init?(row: TypedRow<MirrorColumns>, _ replica: DatabaseReplica) {
        self.init(uuid: row.uuid, name: row.name)
        selectsAll = row.selectAll
        sources = row.selectSrcPort.map(\.uuid)
        destinations = row.selectDstPort.map(\.uuid)
        vlans = row.selectVLAN.compactMap { UInt16(exactly: $0) }
        outputPort = row.outputPort?.uuid
        outputVLAN = row.outputVLAN.flatMap { UInt16(exactly: $0) }
        snapLength = row.snaplen.flatMap { UInt16(exactly: $0) }
    }
}

extension SwitchPort.PriorityTags {
    /// `other_config:priority-tags`; "true" is what it was called when there were two values.
    init(text: String?) {
        switch text {
        case "if-nonzero", "true": self = .ifNonzero
        case "always": self = .always
        default: self = .never
        }
    }
}

extension SwitchPort {
    /// Whether what was learned on this port still holds when it becomes `other`.
    func learnsLike(_ other: SwitchPort) -> Bool {
        vlan == other.vlan && priorityTags == other.priorityTags
            && isProtected == other.isProtected
    }
}

extension Vswitch {
    /// The bridge's mirrors as NORMAL knows them, each with the number that it had.
    mutating func mirrors(of bridge: PresentBridge) -> [Mirror] {
        let rows = Dictionary(
            bridge.wanted.ports.compactMap { port in
                bridge.switchPorts[port.name].map { (port.uuid, $0) }
            }, uniquingKeysWith: { first, _ in first })
        var mirrors: [Mirror] = []
        var numbers: [UUIDValue: Mirror.ID] = [:]
        for wanted in bridge.wanted.mirrors {
            let title = "bridge \(bridge.wanted.name): mirror \(wanted.name)"
            let output: Mirror.Output
            if let port = wanted.outputPort {
                guard let id = rows[port] else {
                    log(.error, "bridge", "\(title) outputs to port not on bridge")
                    continue
                }
                output = .port(id)
            } else if let vlan = wanted.outputVLAN {
                output = .vlan(vlan)
            } else {
                log(.error, "bridge", "\(title) does not specify output; ignoring")
                continue
            }
            guard mirrors.count < Limits.mirrors else {
                log(.warning, "bridge", "\(title): a bridge has \(Limits.mirrors) mirrors at most")
                continue
            }
            let id = bridge.mirrors[wanted.uuid] ?? bridge.nextMirror
            if bridge.mirrors[wanted.uuid] == nil { bridge.nextMirror += 1 }
            numbers[wanted.uuid] = id
            let all = wanted.selectsAll
            mirrors.append(
                Mirror(
                    id: id,
                    sources: Set(all ? Array(rows.values) : wanted.sources.compactMap { rows[$0] }),
                    destinations: Set(
                        all ? Array(rows.values) : wanted.destinations.compactMap { rows[$0] }),
                    vlans: wanted.vlans.isEmpty ? nil : VLANSet(wanted.vlans), output: output,
                    snapLength: wanted.snapLength))
        }
        bridge.mirrors = numbers
        model[bridge: bridge.index].forgetCounters(ofMirrorsExcept: Set(numbers.values))
        return mirrors
    }

    /// Multicast snooping on or off, and as large as wanted.
    mutating func configureGroups(_ bridge: PresentBridge) {
        let index = bridge.index
        guard let multicast = bridge.wanted.multicast else {
            if model[bridge: index].groups != nil { model[bridge: index].setGroups(nil) }
            return
        }
        if model[bridge: index].groups == nil { model[bridge: index].setGroups(MulticastTable()) }
        model[bridge: index].changeGroups {
            $0.configure(
                limit: multicast.tableSize, ageing: .seconds(multicast.ageingSeconds),
                floodsUnregistered: multicast.floodsUnregistered)
        }
    }
}
