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
    /// `other_config:vlan-limit`: how many VLAN tags of a frame are looked at, 1 or 2.
    public var vlanLimit = 1
    var workers = WantedWorkers()
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
    var receiving = WantedReceiving()

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
        guard let root = replica.root(of: OpenVSwitchColumns.self) else { return }
        self.root = root.uuid
        configuration = root.nextConfiguration
        tls = root.ssl.flatMap { replica.row($0) }.flatMap(WantedTLS.init)
        maxIdleMilliseconds =
            Self.number(root.otherConfig, "max-idle", in: 500...3_600_000) ?? 10_000
        flowLimit = Int(Self.number(root.otherConfig, "flow-limit", in: 0...1_000_000) ?? 200_000)
        vlanLimit =
            Self.number(root.otherConfig, "vlan-limit", in: 0...UInt64.max) == 1
                || root.otherConfig["vlan-limit"] == nil ? 1 : 2
        workers = WantedWorkers(root.otherConfig)
        bridges = replica.rows(root.bridges)
            .compactMap { WantedBridge(row: $0, replica) }
            .sorted { $0.name < $1.name }
    }

    /// A number of `other_config`, if it is one and lies in `range`.
    static func number(
        _ map: ColumnMap<String, String>, _ key: String, in range: ClosedRange<UInt64>
    ) -> UInt64? {
        map[key].flatMap { UInt64($0) }.flatMap { range.contains($0) ? $0 : nil }
    }
}

extension WantedTLS {
    init?(row: TypedRow<SSLColumns>) {
        self.init(
            privateKey: row.privateKey, certificate: row.certificate, authority: row.caCert,
            bootstrapsAuthority: row.bootstrapCaCert)
        guard ![privateKey, certificate, authority].contains("") else { return nil }
    }
}

extension WantedBridge {
    init?(row: TypedRow<BridgeColumns>, _ replica: DatabaseReplica) {
        guard !row.name.isEmpty else { return nil }
        self.init(uuid: row.uuid, name: row.name)
        ports = replica.rows(row.ports)
            .compactMap { WantedPort(row: $0, replica) }
            .sorted { $0.name < $1.name }
        floodVLANs = WantedPort.vlans(row.floodVLANs)
        failMode = row.failMode.flatMap(FailMode.init) ?? .standalone
        datapathType = row.datapathType
        flowTables = WantedFlowTable.read(row, replica)
        controllers = replica.rows(row.controller)
            .compactMap(WantedController.init)
            .sorted { $0.target < $1.target }
        forwardsReservedMulticast = row.otherConfig["forward-bpdu"] == "true"
        macAgeingSeconds = Int(
            WantedSwitch.number(row.otherConfig, "mac-aging-time", in: 1...UInt64(Int32.max)) ?? 300
        )
        macTableSize = Int(
            WantedSwitch.number(row.otherConfig, "mac-table-size", in: 1...UInt64(Int32.max))
                ?? 8192)
        multicast = WantedMulticast(row: row)
        mirrors = replica.rows(row.mirrors)
            .compactMap { WantedMirror(row: $0, replica) }
        datapathID = row.otherConfig["datapath-id"].flatMap {
            UInt64($0.hasPrefix("0x") ? $0.dropFirst(2) : $0[...], radix: 16)
        }
        hardwareAddress = row.otherConfig["hwaddr"]
        description = row.otherConfig["dp-desc"]
        protocols = row.protocols
        spanning = WantedSpanning(row: row)
        if spanning?.version == .rstp, row.otherConfig["mac-aging-time"] == nil {
            macAgeingSeconds = spanning?.ageingSeconds ?? macAgeingSeconds
        }
    }
}

extension WantedPort {
    init?(row: TypedRow<PortColumns>, _ replica: DatabaseReplica) {
        guard !row.name.isEmpty else { return nil }
        self.init(uuid: row.uuid, name: row.name)
        tag = row.tag.flatMap { UInt16(exactly: $0) }
        trunks = Self.vlans(row.trunks)
        vlanMode = row.vlanMode
        priorityTags = row.otherConfig["priority-tags"]
        customerVLANs = Self.vlans(row.customerVLANs)
        qinqEtherType = row.otherConfig["qinq-ethtype"]
        isProtected = row.protected
        floodsMulticast = row.otherConfig["mcast-snooping-flood"] == "true"
        floodsReports = row.otherConfig["mcast-snooping-flood-reports"] == "true"
        bond = WantedBond(row: row)
        lacp = WantedLACP(row: row)
        spanning = WantedSpanningPort(row: row)
        lastActive = row.bondActiveSlave.flatMap { MACAddress($0) }
        qos = row.qos.flatMap { replica.row($0) }
            .map { WantedQoS(row: $0, replica) }
        interfaces = replica.rows(row.interfaces)
            .compactMap(WantedInterface.init)
            .sorted { $0.name < $1.name }
    }

    static func vlans(_ numbers: [Int64]) -> [UInt16] {
        numbers.compactMap { UInt16(exactly: $0) }
    }
}

extension WantedInterface {
    init?(row: TypedRow<InterfaceColumns>) {
        let name = row.name
        guard !name.isEmpty else { return nil }
        let kind: Kind =
            switch row.type {
            case "", "system": .system
            case "internal": .internal
            case "patch": .patch(peer: row.options["peer"])
            case let made where ["veth", "vlan", "bond"].contains(made):
                Self.kind(ofType: made, name: name) { row.options[$0] }
            case let other: .unknown(other)
            }
        self.init(
            uuid: row.uuid, name: name, kind: kind,
            portRequest: row.ofportRequest.flatMap { UInt16(exactly: $0) },
            presentPort: row.ofport, presentError: row.error,
            lacp: WantedLACPMember(row: row), policing: PortTraffic.Policing(row: row),
            speaksLLDP: row.lldp["enable"] == "true",
            receiving: WantedReceiving(
                queueCount: row.options["n_rxq"], affinity: row.otherConfig["pmd-rxq-affinity"]))
    }
}

extension WantedController {
    init?(row: TypedRow<ControllerColumns>) {
        guard !row.target.isEmpty else { return nil }
        self.init(
            uuid: row.uuid, target: row.target,
            maxBackoffMilliseconds: max(row.maxBackoff ?? 8_000, 1_000),
            inactivityProbeMilliseconds: max(row.inactivityProbe ?? 5_000, 0))
    }
}
