// The tables around the switch itself: who controls it, what it samples, mirrors and queues.

extension TableSchema {
    static let qos = TableSchema(
        "QoS", isRoot: true,
        [
            .column("type", .string),
            .column("queues", .map(.unsigned32, .rows(of: "Queue"))),
            .column("other_config", .strings),
            .column("external_ids", .strings),
        ])

    static let queue = TableSchema(
        "Queue", isRoot: true,
        [
            .column("dscp", .optional(.integer(0...63))),
            .column("other_config", .strings),
            .column("external_ids", .strings),
        ])

    static let mirror = TableSchema(
        "Mirror",
        [
            .column("name", .string),
            .column("select_all", .boolean),
            .column("select_src_port", .any(.rows(of: "Port", .weak))),
            .column("select_dst_port", .any(.rows(of: "Port", .weak))),
            .column("select_vlan", .upTo(4096, .vlan)),
            .column("output_port", .optional(.rows(of: "Port", .weak))),
            .column("output_vlan", .optional(.integer(1...4095))),
            .column("snaplen", .optional(.integer(14...65535))),
            .column("filter", .optional(.string)),
            .column("statistics", .counters).ephemeral,
            .column("external_ids", .strings),
        ])

    static let controller = TableSchema(
        "Controller",
        [
            .column("type", .optional(.one(of: "primary", "service"))),
            .column("target", .string),
            .column("max_backoff", .optional(.integer(1000...))),
            .column("inactivity_probe", .optional(.integer)),
            .column("connection_mode", .optional(.one(of: "in-band", "out-of-band"))),
            .column("local_ip", .optional(.string)),
            .column("local_netmask", .optional(.string)),
            .column("local_gateway", .optional(.string)),
            .column("enable_async_messages", .optional(.boolean)),
            .column("controller_queue_size", .optional(.integer(1...512))),
            .column("controller_rate_limit", .optional(.integer(100...))),
            .column("controller_burst_limit", .optional(.integer(25...))),
            .column("is_connected", .boolean).ephemeral,
            .column("role", .optional(.one(of: "other", "master", "slave"))).ephemeral,
            .column("status", .strings).ephemeral,
            .column("other_config", .strings),
            .column("external_ids", .strings),
        ])

    static let manager = TableSchema(
        "Manager", index: ["target"],
        [
            .column("target", .string),
            .column("max_backoff", .optional(.integer(1000...))),
            .column("inactivity_probe", .optional(.integer)),
            .column("connection_mode", .optional(.one(of: "in-band", "out-of-band"))),
            .column("is_connected", .boolean).ephemeral,
            .column("status", .strings).ephemeral,
            .column("other_config", .strings),
            .column("external_ids", .strings),
        ])

    static let ssl = TableSchema(
        "SSL", rowCountMax: 1,
        [
            .column("private_key", .string),
            .column("certificate", .string),
            .column("ca_cert", .string),
            .column("bootstrap_ca_cert", .boolean),
            .column("external_ids", .strings),
        ])

    static let netFlow = TableSchema(
        "NetFlow",
        [
            .column("targets", .some(.string)),
            .column("engine_type", .optional(.integer(0...255))),
            .column("engine_id", .optional(.integer(0...255))),
            .column("add_id_to_interface", .boolean),
            .column("active_timeout", .one(.integer((-1)...))),
            .column("external_ids", .strings),
        ])

    static let sFlow = TableSchema(
        "sFlow",
        [
            .column("targets", .some(.string)),
            .column("agent", .optional(.string)),
            .column("header", .optional(.integer)),
            .column("polling", .optional(.integer)),
            .column("sampling", .optional(.integer)),
            .column("external_ids", .strings),
        ])

    static let ipfix = TableSchema(
        "IPFIX",
        [
            .column("targets", .any(.string)),
            .column("sampling", .optional(.integer(1...0xffff_ffff))),
            .column("obs_domain_id", .optional(.unsigned32)),
            .column("obs_point_id", .optional(.unsigned32)),
            .column("cache_active_timeout", .optional(.integer(0...4200))),
            .column("cache_max_flows", .optional(.unsigned32)),
            .column("stats_interval", .optional(.integer(1...3600))),
            .column("template_interval", .optional(.integer(1...3600))),
            .column("other_config", .strings),
            .column("external_ids", .strings),
        ])

    static let flowSampleCollectorSet = TableSchema(
        "Flow_Sample_Collector_Set", isRoot: true, index: ["id", "bridge"],
        [
            .column("id", .one(.unsigned32)),
            .column("bridge", .one(.rows(of: "Bridge"))),
            .column("ipfix", .optional(.rows(of: "IPFIX"))),
            .column("local_group_id", .optional(.unsigned32)),
            .column("external_ids", .strings),
        ])

    static let flowTable = TableSchema(
        "Flow_Table",
        [
            .column("name", .optional(.string)),
            .column("flow_limit", .optional(.integer(0...))),
            .column("overflow_policy", .optional(.one(of: "refuse", "evict"))),
            .column("groups", .any(.string)),
            .column("prefixes", .upTo(4, .string)),
            .column("external_ids", .strings),
        ])

    static let autoAttach = TableSchema(
        "AutoAttach",
        [
            .column("system_name", .string),
            .column("system_description", .string),
            .column("mappings", .map(.integer(0...0xff_ffff), .vlan)),
        ])

    static let datapath = TableSchema(
        "Datapath",
        [
            .column("datapath_version", .string),
            .column("ct_zones", .map(.integer(0...65535), .rows(of: "CT_Zone"))),
            .column("ct_zone_default_limit", .optional(.unsigned32)),
            .column("capabilities", .strings),
            .column("external_ids", .strings),
        ])

    static let conntrackZone = TableSchema(
        "CT_Zone",
        [
            .column("timeout_policy", .optional(.rows(of: "CT_Timeout_Policy"))),
            .column("limit", .optional(.unsigned32)),
            .column("external_ids", .strings),
        ])

    static let conntrackTimeoutPolicy = TableSchema(
        "CT_Timeout_Policy",
        [
            .column(
                "timeouts",
                .map(
                    .one(
                        of: "tcp_syn_sent", "tcp_syn_recv", "tcp_established", "tcp_fin_wait",
                        "tcp_close_wait", "tcp_last_ack", "tcp_time_wait", "tcp_close",
                        "tcp_syn_sent2", "tcp_retransmit", "tcp_unack", "udp_first", "udp_single",
                        "udp_multiple", "icmp_first", "icmp_reply"), .unsigned32)),
            .column("external_ids", .strings),
        ])
}
