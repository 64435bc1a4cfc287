// What the switch itself writes, as opposed to what somebody wishes of it.
//
// Taking back a wish must not be hindered by a report that followed it (a new port gets a number),
// and a report is never taken back. ovs-vswitchd.conf.db(5) says of each column who writes it.

import DatabaseProtocol

extension PastRow {
    /// Columns that the switch or its start-up script writes.
    private static let reports: [String: Set<String>] = [
        "Open_vSwitch": [
            "cur_cfg", "next_cfg", "ovs_version", "db_version", "system_type", "system_version",
            "datapath_types", "iface_types", "dpdk_initialized", "dpdk_version", "statistics",
        ],
        "Bridge": ["datapath_id", "datapath_version", "status", "rstp_status"],
        "Port": ["status", "rstp_status", "rstp_statistics", "statistics", "bond_active_slave"],
        "Interface": [
            "admin_state", "bfd_status", "cfm_fault", "cfm_fault_status", "cfm_flap_count",
            "cfm_health", "cfm_remote_mpids", "cfm_remote_opstate", "duplex", "error", "ifindex",
            "lacp_current", "link_resets", "link_speed", "link_state", "mac_in_use", "mtu",
            "ofport", "statistics", "status",
        ],
        "Controller": ["is_connected", "role", "status"],
        "Manager": ["is_connected", "status"],
        "Mirror": ["statistics"],
        "Datapath": ["capabilities", "datapath_version"],
    ]

    public static func isReport(_ column: String, of table: String) -> Bool {
        reports[table]?.contains(column) ?? false
    }

    /// Columns that somebody wished to be otherwise, in order; all of an inserted or deleted row.
    public var wishedColumns: [String] {
        (after ?? before ?? RowValues()).names.filter { name in
            guard !Self.isReport(name, of: table) else { return false }
            guard let before, let after else { return true }
            return before[name] != after[name]
        }
    }
}

extension PastChange {
    /// Whether it says more than what the switch itself reports.
    public var isOfOperator: Bool { rows.contains { $0.isWish } }

    /// Rows that somebody wished to be otherwise.
    public var wishedRows: [PastRow] { rows.filter(\.isWish) }
}

extension PastRow {
    fileprivate var isWish: Bool {
        before == nil || after == nil || !wishedColumns.isEmpty
    }
}
