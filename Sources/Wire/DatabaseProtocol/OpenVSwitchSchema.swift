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
            .openVSwitch, .bridge, .port, .interface, .qos, .queue, .mirror, .controller,
            .manager, .ssl, .netFlow, .sFlow, .ipfix, .flowSampleCollectorSet, .flowTable,
            .autoAttach, .datapath, .conntrackZone, .conntrackTimeoutPolicy,
        ])
}

extension TableSchema {
    fileprivate static let openVSwitch = TableSchema(
        "Open_vSwitch", rowCountMax: 1, isRoot: true,
        [
            .column("bridges", .any(.rows(of: "Bridge"))),
            .column("manager_options", .any(.rows(of: "Manager"))),
            .column("ssl", .optional(.rows(of: "SSL"))),
            .column("datapaths", .map(.string, .rows(of: "Datapath"))),
            .column("next_cfg", .integer),
            .column("cur_cfg", .integer),
            .column("statistics", .strings).ephemeral,
            .column("ovs_version", .optional(.string)),
            .column("db_version", .optional(.string)),
            .column("system_type", .optional(.string)),
            .column("system_version", .optional(.string)),
            .column("datapath_types", .any(.string)),
            .column("iface_types", .any(.string)),
            .column("dpdk_initialized", .boolean),
            .column("dpdk_version", .optional(.string)),
            .column("other_config", .strings),
            .column("external_ids", .strings),
        ])

    fileprivate static let bridge = TableSchema(
        "Bridge", index: ["name"],
        [
            .column("name", .string).immutable,
            .column("datapath_type", .string),
            .column("datapath_version", .string),
            .column("datapath_id", .optional(.string)).ephemeral,
            .column("ports", .any(.rows(of: "Port"))),
            .column("mirrors", .any(.rows(of: "Mirror"))),
            .column("controller", .any(.rows(of: "Controller"))),
            .column("fail_mode", .optional(.one(of: "standalone", "secure"))),
            .column(
                "protocols",
                .any(
                    .one(
                        of: "OpenFlow10", "OpenFlow11", "OpenFlow12", "OpenFlow13", "OpenFlow14",
                        "OpenFlow15"))),
            .column("flood_vlans", .upTo(4096, .vlan)),
            .column("flow_tables", .map(.integer(0...254), .rows(of: "Flow_Table"))),
            .column("stp_enable", .boolean),
            .column("rstp_enable", .boolean),
            .column("mcast_snooping_enable", .boolean),
            .column("netflow", .optional(.rows(of: "NetFlow"))),
            .column("sflow", .optional(.rows(of: "sFlow"))),
            .column("ipfix", .optional(.rows(of: "IPFIX"))),
            .column("auto_attach", .optional(.rows(of: "AutoAttach"))),
            .column("status", .strings).ephemeral,
            .column("rstp_status", .strings).ephemeral,
            .column("other_config", .strings),
            .column("external_ids", .strings),
        ])

    fileprivate static let port = TableSchema(
        "Port", index: ["name"],
        [
            .column("name", .string).immutable,
            .column("interfaces", .some(.rows(of: "Interface"))),
            .column("tag", .optional(.vlan)),
            .column("trunks", .upTo(4096, .vlan)),
            .column("cvlans", .upTo(4096, .vlan)),
            .column(
                "vlan_mode",
                .optional(
                    .one(
                        of: "trunk", "access", "native-tagged", "native-untagged",
                        "dot1q-tunnel"))),
            .column("qos", .optional(.rows(of: "QoS"))),
            .column("mac", .optional(.string)),
            .column(
                "bond_mode", .optional(.one(of: "balance-tcp", "balance-slb", "active-backup"))),
            .column("lacp", .optional(.one(of: "active", "passive", "off"))),
            .column("bond_updelay", .integer),
            .column("bond_downdelay", .integer),
            .column("bond_active_slave", .optional(.string)),
            .column("bond_fake_iface", .boolean),
            .column("fake_bridge", .boolean),
            .column("protected", .boolean),
            .column("status", .strings).ephemeral,
            .column("rstp_status", .strings).ephemeral,
            .column("rstp_statistics", .counters).ephemeral,
            .column("statistics", .counters).ephemeral,
            .column("other_config", .strings),
            .column("external_ids", .strings),
        ])

    fileprivate static let interface = TableSchema(
        "Interface", index: ["name"],
        [
            .column("name", .string).immutable,
            .column("type", .string),
            .column("options", .strings),
            .column("ofport", .optional(.integer)),
            .column("ofport_request", .optional(.integer(1...65279))),
            .column("mac", .optional(.string)),
            .column("mac_in_use", .optional(.string)).ephemeral,
            .column("mtu", .optional(.integer)).ephemeral,
            .column("mtu_request", .optional(.integer(1...))),
            .column("error", .optional(.string)),
            .column("ifindex", .optional(.unsigned32)).ephemeral,
            .column("admin_state", .optional(.one(of: "up", "down"))).ephemeral,
            .column("link_state", .optional(.one(of: "up", "down"))).ephemeral,
            .column("link_resets", .optional(.integer)).ephemeral,
            .column("link_speed", .optional(.integer)).ephemeral,
            .column("duplex", .optional(.one(of: "half", "full"))).ephemeral,
            .column("ingress_policing_rate", .one(.integer(0...))),
            .column("ingress_policing_burst", .one(.integer(0...))),
            .column("ingress_policing_kpkts_rate", .one(.integer(0...))),
            .column("ingress_policing_kpkts_burst", .one(.integer(0...))),
            .column("lacp_current", .optional(.boolean)).ephemeral,
            .column("bfd", .strings),
            .column("bfd_status", .strings).ephemeral,
            .column("cfm_mpid", .optional(.integer)),
            .column("cfm_remote_mpids", .any(.integer)).ephemeral,
            .column("cfm_flap_count", .optional(.integer)),
            .column("cfm_fault", .optional(.boolean)).ephemeral,
            .column("cfm_fault_status", .any(.string)).ephemeral,
            .column("cfm_remote_opstate", .optional(.one(of: "up", "down"))).ephemeral,
            .column("cfm_health", .optional(.integer(0...100))).ephemeral,
            .column("lldp", .strings),
            .column("statistics", .counters).ephemeral,
            .column("status", .strings).ephemeral,
            .column("other_config", .strings),
            .column("external_ids", .strings),
        ])
}
