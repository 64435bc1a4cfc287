// The database "Open_vSwitch": what an operator wants of the switch and what the switch reports.
//
// Version 8.8.0, as Open vSwitch has it in 2026. Files of older versions, such as 8.3.1 of Open
// vSwitch 3.1, are served as they are until somebody asks to convert them. Columns nobody here uses
// yet are present all the same: tools read and write them.
//
//     Open_vSwitch -- bridges --> Bridge -- ports --> Port -- interfaces --> Interface
//        (one row)                  |                   '-- qos --> QoS -- queues --> Queue
//                                   '-- controller, mirrors, netflow, sflow, ipfix, flow_tables

extension DatabaseSchema {
    /// The schema of the database called "Open_vSwitch".
    public static let openVSwitch = DatabaseSchema(
        name: "Open_vSwitch", version: "8.8.0", checksum: "2823623553 27869",
        tables: [
            OpenVSwitchColumns.schema, BridgeColumns.schema, PortColumns.schema,
            InterfaceColumns.schema, QoSColumns.schema, QueueColumns.schema, MirrorColumns.schema,
            ControllerColumns.schema, ManagerColumns.schema, SSLColumns.schema,
            NetFlowColumns.schema, SFlowColumns.schema, IPFIXColumns.schema,
            FlowSampleCollectorSetColumns.schema, FlowTableColumns.schema,
            AutoAttachColumns.schema, DatapathColumns.schema, ConntrackZoneColumns.schema,
            ConntrackTimeoutPolicyColumns.schema,
        ])
}

/// The one row of the switch itself.
public struct OpenVSwitchColumns: TableColumns {
    public static let table = "Open_vSwitch"
    public static let columns = OpenVSwitchColumns()
    public static let rowCountMax: Int? = 1
    public static let isRoot = true

    public let bridges = Column("bridges", .any(.rows(of: BridgeColumns.self)))
    public let managerOptions = Column("manager_options", .any(.rows(of: ManagerColumns.self)))
    public let ssl = Column("ssl", .optional(.rows(of: SSLColumns.self)))
    public let datapaths = Column("datapaths", .map(.string, .rows(of: DatapathColumns.self)))
    public let nextConfiguration = Column("next_cfg", .integer)
    public let currentConfiguration = Column("cur_cfg", .integer)
    public let statistics = Column("statistics", .strings).ephemeral
    public let ovsVersion = Column("ovs_version", .optional(.string))
    public let dbVersion = Column("db_version", .optional(.string))
    public let systemType = Column("system_type", .optional(.string))
    public let systemVersion = Column("system_version", .optional(.string))
    public let datapathTypes = Column("datapath_types", .any(.string))
    public let ifaceTypes = Column("iface_types", .any(.string))
    public let dpdkInitialized = Column("dpdk_initialized", .boolean)
    public let dpdkVersion = Column("dpdk_version", .optional(.string))
    public let otherConfig = Column("other_config", .strings)
    public let externalIDs = Column("external_ids", .strings)
}

/// A bridge: a switch among the switches.
public struct BridgeColumns: TableColumns {
    public static let table = "Bridge"
    public static let columns = BridgeColumns()

    public let name = Column("name", .string).immutable.indexed
    public let datapathType = Column("datapath_type", .string)
    public let datapathVersion = Column("datapath_version", .string)
    public let datapathID = Column("datapath_id", .optional(.string)).ephemeral
    public let ports = Column("ports", .any(.rows(of: PortColumns.self)))
    public let mirrors = Column("mirrors", .any(.rows(of: MirrorColumns.self)))
    public let controller = Column("controller", .any(.rows(of: ControllerColumns.self)))
    public let failMode = Column("fail_mode", .optional(.word(of: "standalone", "secure")))
    public let protocols = Column(
        "protocols",
        .any(
            .word(
                of: "OpenFlow10", "OpenFlow11", "OpenFlow12", "OpenFlow13", "OpenFlow14",
                "OpenFlow15")))
    public let floodVLANs = Column("flood_vlans", .upTo(4096, .vlan))
    public let flowTables = Column(
        "flow_tables", .map(.integer(0...254), .rows(of: FlowTableColumns.self)))
    public let stpEnable = Column("stp_enable", .boolean)
    public let rstpEnable = Column("rstp_enable", .boolean)
    public let mcastSnoopingEnable = Column("mcast_snooping_enable", .boolean)
    public let netflow = Column("netflow", .optional(.rows(of: NetFlowColumns.self)))
    public let sflow = Column("sflow", .optional(.rows(of: SFlowColumns.self)))
    public let ipfix = Column("ipfix", .optional(.rows(of: IPFIXColumns.self)))
    public let autoAttach = Column("auto_attach", .optional(.rows(of: AutoAttachColumns.self)))
    public let status = Column("status", .strings).ephemeral
    public let rstpStatus = Column("rstp_status", .strings).ephemeral
    public let otherConfig = Column("other_config", .strings)
    public let externalIDs = Column("external_ids", .strings)
}

/// A port of a bridge: one interface, or a bond of several.
public struct PortColumns: TableColumns {
    public static let table = "Port"
    public static let columns = PortColumns()

    public let name = Column("name", .string).immutable.indexed
    public let interfaces = Column("interfaces", .some(.rows(of: InterfaceColumns.self)))
    public let tag = Column("tag", .optional(.vlan))
    public let trunks = Column("trunks", .upTo(4096, .vlan))
    public let customerVLANs = Column("cvlans", .upTo(4096, .vlan))
    public let vlanMode = Column(
        "vlan_mode",
        .optional(.word(of: "trunk", "access", "native-tagged", "native-untagged", "dot1q-tunnel")))
    public let qos = Column("qos", .optional(.rows(of: QoSColumns.self)))
    public let mac = Column("mac", .optional(.string))
    public let bondMode = Column(
        "bond_mode", .optional(.word(of: "balance-tcp", "balance-slb", "active-backup")))
    public let lacp = Column("lacp", .optional(.word(of: "active", "passive", "off")))
    public let bondUpdelay = Column("bond_updelay", .integer)
    public let bondDowndelay = Column("bond_downdelay", .integer)
    public let bondActiveSlave = Column("bond_active_slave", .optional(.string))
    public let bondFakeInterface = Column("bond_fake_iface", .boolean)
    public let fakeBridge = Column("fake_bridge", .boolean)
    public let protected = Column("protected", .boolean)
    public let status = Column("status", .strings).ephemeral
    public let rstpStatus = Column("rstp_status", .strings).ephemeral
    public let rstpStatistics = Column("rstp_statistics", .counters).ephemeral
    public let statistics = Column("statistics", .counters).ephemeral
    public let otherConfig = Column("other_config", .strings)
    public let externalIDs = Column("external_ids", .strings)
}

/// One network interface.
public struct InterfaceColumns: TableColumns {
    public static let table = "Interface"
    public static let columns = InterfaceColumns()

    public let name = Column("name", .string).immutable.indexed
    public let type = Column("type", .string)
    public let options = Column("options", .strings)
    public let ofport = Column("ofport", .optional(.integer))
    public let ofportRequest = Column("ofport_request", .optional(.integer(1...65279)))
    public let mac = Column("mac", .optional(.string))
    public let macInUse = Column("mac_in_use", .optional(.string)).ephemeral
    public let mtu = Column("mtu", .optional(.integer)).ephemeral
    public let mtuRequest = Column("mtu_request", .optional(.integer(1...)))
    public let error = Column("error", .optional(.string))
    public let ifindex = Column("ifindex", .optional(.unsigned32)).ephemeral
    public let adminState = Column("admin_state", .optional(.word(of: "up", "down"))).ephemeral
    public let linkState = Column("link_state", .optional(.word(of: "up", "down"))).ephemeral
    public let linkResets = Column("link_resets", .optional(.integer)).ephemeral
    public let linkSpeed = Column("link_speed", .optional(.integer)).ephemeral
    public let duplex = Column("duplex", .optional(.word(of: "half", "full"))).ephemeral
    public let ingressPolicingRate = Column("ingress_policing_rate", .one(.integer(0...)))
    public let ingressPolicingBurst = Column("ingress_policing_burst", .one(.integer(0...)))
    public let ingressPolicingKpktsRate = Column(
        "ingress_policing_kpkts_rate", .one(.integer(0...)))
    public let ingressPolicingKpktsBurst = Column(
        "ingress_policing_kpkts_burst", .one(.integer(0...)))
    public let lacpCurrent = Column("lacp_current", .optional(.boolean)).ephemeral
    public let bfd = Column("bfd", .strings)
    public let bfdStatus = Column("bfd_status", .strings).ephemeral
    public let cfmMpid = Column("cfm_mpid", .optional(.integer))
    public let cfmRemoteMpids = Column("cfm_remote_mpids", .any(.integer)).ephemeral
    public let cfmFlapCount = Column("cfm_flap_count", .optional(.integer))
    public let cfmFault = Column("cfm_fault", .optional(.boolean)).ephemeral
    public let cfmFaultStatus = Column("cfm_fault_status", .any(.string)).ephemeral
    public let cfmRemoteOpstate = Column("cfm_remote_opstate", .optional(.word(of: "up", "down")))
        .ephemeral
    public let cfmHealth = Column("cfm_health", .optional(.integer(0...100))).ephemeral
    public let lldp = Column("lldp", .strings)
    public let statistics = Column("statistics", .counters).ephemeral
    public let status = Column("status", .strings).ephemeral
    public let otherConfig = Column("other_config", .strings)
    public let externalIDs = Column("external_ids", .strings)
}
