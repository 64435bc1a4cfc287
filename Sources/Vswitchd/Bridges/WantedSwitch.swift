public import DatabaseProtocol
public import DatabaseReplica
internal import DatapathMessages
public import Flows
public import LinkValues
public import Packets
internal import Switching

// What the database asks for, as plain values.
//
// Rows are how an operator wrote it; this is what is meant: defaults filled in, references
// followed, numbers within their ranges. Everything downstream compares this picture with the
// present one and never sees a row. Reading it twice gives the same value, so "nothing changed" is
// `==`.

/// All bridges that the database asks for, ordered by name.
public struct WantedSwitch: Hashable, Sendable {
    public var bridges: [WantedBridge] = []
    /// `next_cfg` of the root row: what to write to `cur_cfg` once this picture is in force.
    public var configuration: Int64 = 0
    /// The root row; nil while the database is empty.
    public var root: UUIDValue?
    /// The row of `SSL`, if it names all three files.
    public var tls: WantedTLS?
    /// `other_config:max-idle` in milliseconds: cached flows unused for so long go. Default 10,000.
    public var maxIdleMilliseconds: UInt64 = 10_000
    /// Whether openvswitch.ko is to forward where it is loaded: bridges say so, by `datapath_type`
    /// "system" or by saying nothing. One that says "netdev" decides for all, because there is one
    /// datapath at a time. Without bridges nobody has said anything: `nil`.
    public var prefersKernelModule: Bool? {
        bridges.isEmpty ? nil : !bridges.contains { $0.datapathType == "netdev" }
    }
    /// `other_config:flow-limit`: cached flows at most. Default 200,000.
    public var flowLimit = 200_000
    /// `other_config:vlan-limit`: how many VLAN tags of a frame are tags to NORMAL, 1 or 2.
    public var vlanLimit = 1
}

/// Names of files of keys and certificates. ovs-vswitchd.conf.db(5), "SSL TABLE".
public struct WantedTLS: Hashable, Sendable {
    public var privateKey: String
    public var certificate: String
    public var authority: String
    /// Whether a missing file of `authority` is made from what the first peer shows.
    public var bootstrapsAuthority = false
}

public struct WantedBridge: Hashable, Sendable {
    public var uuid: UUIDValue
    public var name: String
    public var ports: [WantedPort] = []
    /// VLANs without learning, in which everything floods.
    public var floodVLANs: [UInt16] = []
    public var failMode = FailMode.standalone
    /// "system", "netdev", or empty.
    public var datapathType = ""
    public var controllers: [WantedController] = []
    /// By number of the table.
    public var flowTables: [UInt8: WantedFlowTable] = [:]
    public var forwardsReservedMulticast = false
    /// Seconds that a learned address lives.
    public var macAgeingSeconds = 300
    public var macTableSize = 8192
    /// nil: multicast goes everywhere.
    public var multicast: WantedMulticast?
    public var mirrors: [WantedMirror] = []
    /// `other_config:datapath-id`: 64 bits; nil means made from the local port's address.
    public var datapathID: UInt64?
    /// `other_config:hwaddr`.
    public var hardwareAddress: String?
    /// `other_config:dp-desc`: what OFPMP_DESC tells as the datapath's description.
    public var description: String?
    /// Wire versions that the `protocols` column allows; empty means all that we speak.
    public var protocols: [String] = []
    /// nil: it has no spanning tree.
    public var spanning: WantedSpanning?

    public enum FailMode: String, Hashable, Sendable { case standalone, secure }
}

public struct WantedPort: Hashable, Sendable {
    public var uuid: UUIDValue
    public var name: String
    public var tag: UInt16?
    /// VLANs of a trunk; empty means all.
    public var trunks: [UInt16] = []
    /// The `vlan_mode` column; nil means that `tag` decides.
    public var vlanMode: String?
    /// VLANs of a customer that a dot1q-tunnel takes; empty means all.
    public var customerVLANs: [UInt16] = []
    public var qinqEtherType: String?
    public var priorityTags: String?
    public var isProtected = false
    /// `mcast-snooping-flood` and `mcast-snooping-flood-reports`.
    public var floodsMulticast = false
    public var floodsReports = false
    public var interfaces: [WantedInterface] = []
    /// nil: it has one interface.
    public var bond: WantedBond?
    public var lacp: WantedLACP?
    /// Address of the bond's last active member, kept in the database over restarts.
    public var lastActive: MACAddress?
    public var qos: WantedQoS?
    public var spanning = WantedSpanningPort()
}

public struct WantedInterface: Hashable, Sendable {
    public var uuid: UUIDValue
    public var name: String
    public var kind: Kind
    /// `ofport_request`, 1 to 65279.
    public var portRequest: UInt16?
    /// The number it has in the database, kept over restarts.
    public var presentPort: Int64?
    /// The error it has in the database.
    public var presentError: String?
    public var lacp = WantedLACPMember()
    public var policing = PortTraffic.Policing()
    /// `lldp:enable`.
    public var speaksLLDP = false

    public enum Kind: Hashable, Sendable {
        case system
        case `internal`
        case patch(peer: String?)
        /// A link that is made for the row, unless it is there.
        case link(LinkOrder)
        /// A row that lacks something, in words for its `error` column.
        case invalid(String)
        /// A type that this switch does not offer; the operator is told.
        case unknown(String)
    }
}

public struct WantedController: Hashable, Sendable {
    public var uuid: UUIDValue
    public var target: String
    /// Milliseconds between attempts at most; 8,000 by default, at least 1,000.
    public var maxBackoffMilliseconds: Int64
    /// Milliseconds of silence after which the controller is asked whether it lives; 0 = never.
    public var inactivityProbeMilliseconds: Int64
}

extension WantedSwitch {
    /// Reads the picture from the rows of a synchronised replica.
    public init(reading replica: DatabaseReplica) {
        guard let root = replica.root() else { return }
        self.root = root.uuid
        configuration = root.integer("next_cfg") ?? 0
        tls = root.reference("ssl").flatMap { replica.row("SSL", $0) }.flatMap(WantedTLS.init)
        maxIdleMilliseconds = Self.number(root, "max-idle", in: 500...3_600_000) ?? 10_000
        flowLimit = Int(Self.number(root, "flow-limit", in: 0...1_000_000) ?? 200_000)
        vlanLimit = Self.number(root, "vlan-limit", in: 0...UInt64.max) == 1
            || root.string("other_config", "vlan-limit") == nil ? 1 : 2
        bridges = root.references("bridges")
            .compactMap { replica.row("Bridge", $0) }
            .compactMap { WantedBridge(row: $0, replica) }
            .sorted { $0.name < $1.name }
    }

    /// A number of `other_config`, if it is one and lies in `range`.
    static func number(
        _ row: ReplicaRow, _ key: String, in range: ClosedRange<UInt64>
    ) -> UInt64? {
        row.string("other_config", key).flatMap { UInt64($0) }.flatMap {
            range.contains($0) ? $0 : nil
        }
    }
}

extension WantedTLS {
    init?(row: ReplicaRow) {
        guard let key = row.string("private_key"), let certificate = row.string("certificate"),
            let authority = row.string("ca_cert"),
            ![key, certificate, authority].contains("")
        else { return nil }
        self.init(
            privateKey: key, certificate: certificate, authority: authority,
            bootstrapsAuthority: row.boolean("bootstrap_ca_cert") ?? false)
    }
}

extension WantedBridge {
    init?(row: ReplicaRow, _ replica: DatabaseReplica) {
        guard let name = row.string("name") else { return nil }
        self.init(uuid: row.uuid, name: name)
        ports = row.references("ports")
            .compactMap { replica.row("Port", $0) }
            .compactMap { WantedPort(row: $0, replica) }
            .sorted { $0.name < $1.name }
        floodVLANs = WantedPort.vlans(row, "flood_vlans")
        failMode = row.string("fail_mode").flatMap(FailMode.init) ?? .standalone
        datapathType = row.string("datapath_type") ?? ""
        flowTables = WantedFlowTable.read(row, replica)
        controllers = row.references("controller")
            .compactMap { replica.row("Controller", $0) }
            .compactMap(WantedController.init)
            .sorted { $0.target < $1.target }
        forwardsReservedMulticast = row.string("other_config", "forward-bpdu") == "true"
        macAgeingSeconds = Int(
            WantedSwitch.number(row, "mac-aging-time", in: 1...UInt64(Int32.max)) ?? 300)
        macTableSize = Int(
            WantedSwitch.number(row, "mac-table-size", in: 1...UInt64(Int32.max)) ?? 8192)
        multicast = WantedMulticast(row: row)
        mirrors = row.references("mirrors")
            .compactMap { replica.row("Mirror", $0) }
            .compactMap { WantedMirror(row: $0, replica) }
        datapathID = row.string("other_config", "datapath-id").flatMap {
            UInt64($0.hasPrefix("0x") ? $0.dropFirst(2) : $0[...], radix: 16)
        }
        hardwareAddress = row.string("other_config", "hwaddr")
        description = row.string("other_config", "dp-desc")
        protocols = row.strings("protocols")
        spanning = WantedSpanning(row: row)
        if spanning?.version == .rstp, row.string("other_config", "mac-aging-time") == nil {
            macAgeingSeconds = spanning?.ageingSeconds ?? macAgeingSeconds
        }
    }
}

extension WantedPort {
    init?(row: ReplicaRow, _ replica: DatabaseReplica) {
        guard let name = row.string("name") else { return nil }
        self.init(uuid: row.uuid, name: name)
        tag = row.integer("tag").flatMap { UInt16(exactly: $0) }
        trunks = Self.vlans(row, "trunks")
        vlanMode = row.string("vlan_mode")
        priorityTags = row.string("other_config", "priority-tags")
        customerVLANs = Self.vlans(row, "cvlans")
        qinqEtherType = row.string("other_config", "qinq-ethtype")
        isProtected = row.boolean("protected") ?? false
        floodsMulticast = row.string("other_config", "mcast-snooping-flood") == "true"
        floodsReports = row.string("other_config", "mcast-snooping-flood-reports") == "true"
        bond = WantedBond(row: row)
        lacp = WantedLACP(row: row)
        spanning = WantedSpanningPort(row: row)
        lastActive = row.string("bond_active_slave").flatMap { MACAddress($0) }
        qos = row.reference("qos").flatMap { replica.row("QoS", $0) }
            .map { WantedQoS(row: $0, replica) }
        interfaces = row.references("interfaces")
            .compactMap { replica.row("Interface", $0) }
            .compactMap(WantedInterface.init)
            .sorted { $0.name < $1.name }
    }

    static func vlans(_ row: ReplicaRow, _ column: String) -> [UInt16] {
        row.integers(column).compactMap { UInt16(exactly: $0) }
    }
}

extension WantedInterface {
    init?(row: ReplicaRow) {
        guard let name = row.string("name") else { return nil }
        let kind: Kind =
            switch row.string("type") ?? "" {
            case "", "system": .system
            case "internal": .internal
            case "patch": .patch(peer: row.string("options", "peer"))
            case let made where ["veth", "vlan", "bond"].contains(made):
                Self.kind(ofType: made, name: name) { row.string("options", $0) }
            case let other: .unknown(other)
            }
        self.init(
            uuid: row.uuid, name: name, kind: kind,
            portRequest: row.integer("ofport_request").flatMap { UInt16(exactly: $0) },
            presentPort: row.integer("ofport"), presentError: row.string("error"),
            lacp: WantedLACPMember(row: row), policing: PortTraffic.Policing(row: row),
            speaksLLDP: row.string("lldp", "enable") == "true")
    }
}

extension WantedController {
    init?(row: ReplicaRow) {
        guard let target = row.string("target") else { return nil }
        self.init(
            uuid: row.uuid, target: target,
            maxBackoffMilliseconds: max(row.integer("max_backoff") ?? 8_000, 1_000),
            inactivityProbeMilliseconds: max(row.integer("inactivity_probe") ?? 5_000, 0))
    }
}
