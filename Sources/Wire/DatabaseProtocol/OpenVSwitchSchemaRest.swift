// The tables around the switch itself: who controls it, what it samples, mirrors and queues.

/// What is promised to the traffic that leaves a port.
public struct QoSColumns: TableColumns {
    public static let table = "QoS"
    public static let columns = QoSColumns()
    public static let isRoot = true

    public let type = Column("type", .string)
    public let queues = Column("queues", .map(.unsigned32, .rows(of: QueueColumns.self)))
    public let otherConfig = Column("other_config", .strings)
    public let externalIDs = Column("external_ids", .strings)
}

/// One of the queues of a QoS.
public struct QueueColumns: TableColumns {
    public static let table = "Queue"
    public static let columns = QueueColumns()
    public static let isRoot = true

    public let dscp = Column("dscp", .optional(.integer(0...63)))
    public let otherConfig = Column("other_config", .strings)
    public let externalIDs = Column("external_ids", .strings)
}

/// Whose frames are copied, and to where.
public struct MirrorColumns: TableColumns {
    public static let table = "Mirror"
    public static let columns = MirrorColumns()

    public let name = Column("name", .string)
    public let selectAll = Column("select_all", .boolean)
    public let selectSrcPort = Column("select_src_port", .any(.rows(of: PortColumns.self, .weak)))
    public let selectDstPort = Column("select_dst_port", .any(.rows(of: PortColumns.self, .weak)))
    public let selectVLAN = Column("select_vlan", .upTo(4096, .vlan))
    public let outputPort = Column("output_port", .optional(.rows(of: PortColumns.self, .weak)))
    public let outputVLAN = Column("output_vlan", .optional(.integer(1...4095)))
    public let snaplen = Column("snaplen", .optional(.integer(14...65535)))
    public let filter = Column("filter", .optional(.string))
    public let statistics = Column("statistics", .counters).ephemeral
    public let externalIDs = Column("external_ids", .strings)
}

/// An OpenFlow controller of a bridge.
public struct ControllerColumns: TableColumns {
    public static let table = "Controller"
    public static let columns = ControllerColumns()

    public let type = Column("type", .optional(.word(of: "primary", "service")))
    public let target = Column("target", .string)
    public let maxBackoff = Column("max_backoff", .optional(.integer(1000...)))
    public let inactivityProbe = Column("inactivity_probe", .optional(.integer))
    public let connectionMode = Column(
        "connection_mode", .optional(.word(of: "in-band", "out-of-band")))
    public let localIP = Column("local_ip", .optional(.string))
    public let localNetmask = Column("local_netmask", .optional(.string))
    public let localGateway = Column("local_gateway", .optional(.string))
    public let enableAsyncMessages = Column("enable_async_messages", .optional(.boolean))
    public let controllerQueueSize = Column("controller_queue_size", .optional(.integer(1...512)))
    public let controllerRateLimit = Column("controller_rate_limit", .optional(.integer(100...)))
    public let controllerBurstLimit = Column("controller_burst_limit", .optional(.integer(25...)))
    public let isConnected = Column("is_connected", .boolean).ephemeral
    public let role = Column("role", .optional(.word(of: "other", "master", "slave"))).ephemeral
    public let status = Column("status", .strings).ephemeral
    public let otherConfig = Column("other_config", .strings)
    public let externalIDs = Column("external_ids", .strings)
}

/// An OVSDB client that is called, or listened for.
public struct ManagerColumns: TableColumns {
    public static let table = "Manager"
    public static let columns = ManagerColumns()

    public let target = Column("target", .string).indexed
    public let maxBackoff = Column("max_backoff", .optional(.integer(1000...)))
    public let inactivityProbe = Column("inactivity_probe", .optional(.integer))
    public let connectionMode = Column(
        "connection_mode", .optional(.word(of: "in-band", "out-of-band")))
    public let isConnected = Column("is_connected", .boolean).ephemeral
    public let status = Column("status", .strings).ephemeral
    public let otherConfig = Column("other_config", .strings)
    public let externalIDs = Column("external_ids", .strings)
}

/// The files of keys and certificates.
public struct SSLColumns: TableColumns {
    public static let table = "SSL"
    public static let columns = SSLColumns()
    public static let rowCountMax: Int? = 1

    public let privateKey = Column("private_key", .string)
    public let certificate = Column("certificate", .string)
    public let caCert = Column("ca_cert", .string)
    public let bootstrapCaCert = Column("bootstrap_ca_cert", .boolean)
    public let externalIDs = Column("external_ids", .strings)
}

/// Where NetFlow records of a bridge go.
public struct NetFlowColumns: TableColumns {
    public static let table = "NetFlow"
    public static let columns = NetFlowColumns()

    public let targets = Column("targets", .some(.string))
    public let engineType = Column("engine_type", .optional(.integer(0...255)))
    public let engineID = Column("engine_id", .optional(.integer(0...255)))
    public let addIdToInterface = Column("add_id_to_interface", .boolean)
    public let activeTimeout = Column("active_timeout", .one(.integer((-1)...)))
    public let externalIDs = Column("external_ids", .strings)
}

/// Where sFlow samples of a bridge go.
public struct SFlowColumns: TableColumns {
    public static let table = "sFlow"
    public static let columns = SFlowColumns()

    public let targets = Column("targets", .some(.string))
    public let agent = Column("agent", .optional(.string))
    public let header = Column("header", .optional(.integer))
    public let polling = Column("polling", .optional(.integer))
    public let sampling = Column("sampling", .optional(.integer))
    public let externalIDs = Column("external_ids", .strings)
}

/// Where IPFIX records go.
public struct IPFIXColumns: TableColumns {
    public static let table = "IPFIX"
    public static let columns = IPFIXColumns()

    public let targets = Column("targets", .any(.string))
    public let sampling = Column("sampling", .optional(.integer(1...0xffff_ffff)))
    public let obsDomainID = Column("obs_domain_id", .optional(.unsigned32))
    public let obsPointID = Column("obs_point_id", .optional(.unsigned32))
    public let cacheActiveTimeout = Column("cache_active_timeout", .optional(.integer(0...4200)))
    public let cacheMaxFlows = Column("cache_max_flows", .optional(.unsigned32))
    public let statsInterval = Column("stats_interval", .optional(.integer(1...3600)))
    public let templateInterval = Column("template_interval", .optional(.integer(1...3600)))
    public let otherConfig = Column("other_config", .strings)
    public let externalIDs = Column("external_ids", .strings)
}

/// Where the samples of one bridge go.
public struct FlowSampleCollectorSetColumns: TableColumns {
    public static let table = "Flow_Sample_Collector_Set"
    public static let columns = FlowSampleCollectorSetColumns()
    public static let isRoot = true

    public let id = Column("id", .one(.unsigned32)).indexed
    public let bridge = Column("bridge", .one(.rows(of: BridgeColumns.self))).indexed
    public let ipfix = Column("ipfix", .optional(.rows(of: IPFIXColumns.self)))
    public let localGroupID = Column("local_group_id", .optional(.unsigned32))
    public let externalIDs = Column("external_ids", .strings)
}

/// What is wanted of one flow table.
public struct FlowTableColumns: TableColumns {
    public static let table = "Flow_Table"
    public static let columns = FlowTableColumns()

    public let name = Column("name", .optional(.string))
    public let flowLimit = Column("flow_limit", .optional(.integer(0...)))
    public let overflowPolicy = Column("overflow_policy", .optional(.word(of: "refuse", "evict")))
    public let groups = Column("groups", .any(.string))
    public let prefixes = Column("prefixes", .upTo(4, .string))
    public let externalIDs = Column("external_ids", .strings)
}

/// Automatic attachment to services, IEEE 802.1Qcj.
public struct AutoAttachColumns: TableColumns {
    public static let table = "AutoAttach"
    public static let columns = AutoAttachColumns()

    public let systemName = Column("system_name", .string)
    public let systemDescription = Column("system_description", .string)
    public let mappings = Column("mappings", .map(.integer(0...0xff_ffff), .vlan))
}

/// A datapath, as connection tracking sees it.
public struct DatapathColumns: TableColumns {
    public static let table = "Datapath"
    public static let columns = DatapathColumns()

    public let datapathVersion = Column("datapath_version", .string)
    public let ctZones = Column(
        "ct_zones", .map(.integer(0...65535), .rows(of: ConntrackZoneColumns.self)))
    public let ctZoneDefaultLimit = Column("ct_zone_default_limit", .optional(.unsigned32))
    public let capabilities = Column("capabilities", .strings)
    public let externalIDs = Column("external_ids", .strings)
}

/// A zone of connection tracking.
public struct ConntrackZoneColumns: TableColumns {
    public static let table = "CT_Zone"
    public static let columns = ConntrackZoneColumns()

    public let timeoutPolicy = Column(
        "timeout_policy", .optional(.rows(of: ConntrackTimeoutPolicyColumns.self)))
    public let limit = Column("limit", .optional(.unsigned32))
    public let externalIDs = Column("external_ids", .strings)
}

/// How long connections of a zone live.
public struct ConntrackTimeoutPolicyColumns: TableColumns {
    public static let table = "CT_Timeout_Policy"
    public static let columns = ConntrackTimeoutPolicyColumns()

    public let timeouts = Column(
        "timeouts",
        .map(
            .word(
                of: "tcp_syn_sent", "tcp_syn_recv", "tcp_established", "tcp_fin_wait",
                "tcp_close_wait", "tcp_last_ack", "tcp_time_wait", "tcp_close", "tcp_syn_sent2",
                "tcp_retransmit", "tcp_unack", "udp_first", "udp_single", "udp_multiple",
                "icmp_first", "icmp_reply"), .unsigned32))
    public let externalIDs = Column("external_ids", .strings)
}
