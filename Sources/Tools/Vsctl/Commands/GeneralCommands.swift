// Commands about the whole configuration. ovs-vsctl(8), "Open vSwitch Commands".

import DatabaseProtocol

extension VsctlCommand {
    static let general = [
        VsctlCommand("init", 0...0) { _ throws(VsctlStop) in
            // Any command makes the root row if it is missing; this one does nothing else.
        },
        VsctlCommand("show", 0...0, options: ["--filter="], prints: ["Open_vSwitch"], run: show),
        VsctlCommand("emer-reset", 0...0, run: reset),
    ]

    // MARK: emer-reset

    /// Takes back whatever a controller or manager may have set; bridges and ports stay.
    @Sendable private static func reset(_ context: inout VsctlContext) throws(VsctlStop) {
        for column in ["manager_options", "ssl"] {
            context.draft.write(context.root, column, .empty)
        }
        let columns = [
            "controller", "fail_mode", "mirrors", "netflow", "sflow", "ipfix", "flood_vlans",
        ]
        for bridge in context.draft.rows(of: "Bridge") {
            for column in columns { context.draft.write(bridge, column, .empty) }
            var kept = Datum.emptyMap
            let key = Atom.string("hwaddr")
            kept[key] = context.draft.read(bridge, "other_config")[key]
            context.draft.write(bridge, "other_config", kept)
        }
        for port in context.draft.rows(of: "Port") {
            context.draft.write(port, "other_config", .emptyMap)
        }
        for interface in context.draft.rows(of: "Interface") {
            for column in ["ingress_policing_rate", "ingress_policing_burst"] {
                context.draft.write(interface, column, Datum(.integer(0)))
            }
        }
        let tables = [
            "Mirror", "Controller", "Manager", "NetFlow", "SSL", "sFlow", "IPFIX",
            "Flow_Sample_Collector_Set",
        ]
        for table in tables {
            for row in context.draft.rows(of: table) { context.draft.delete(row) }
        }
    }

    // MARK: show

    /// What `show` tells of a table: under which name, and which columns.
    private static let shown: [(table: String, name: String?, columns: [String])] = [
        ("Open_vSwitch", nil, ["manager_options", "bridges", "ovs_version"]),
        ("Bridge", "name", ["controller", "fail_mode", "datapath_type", "ports"]),
        ("Port", "name", ["tag", "trunks", "interfaces"]),
        ("Interface", "name", ["type", "options", "error", "bfd_status"]),
        ("Controller", "target", ["is_connected"]),
        ("Manager", "target", ["is_connected"]),
    ]

    @Sendable private static func show(_ context: inout VsctlContext) throws(VsctlStop) {
        let filter = try ShowFilter(context.value(of: "--filter") ?? "", context.draft)
        for root in context.draft.rows(of: "Open_vSwitch") {
            let lines = lines(of: root, 0, context.draft, filter)
            if !lines.isEmpty {
                context.say(lines, cells: [tree(of: root, context.draft, filter)])
            }
        }
    }

    /// A row with all that hangs below it. Tables hang below each other in the order of `shown`, so
    /// this ends after as many steps.
    private static func lines(
        of row: RowKey, _ level: Int, _ draft: VsctlDraft, _ filter: ShowFilter
    ) -> [String] {
        let margin = String(repeating: " ", count: level * 4)
        guard let table = draft.schema.table(row.table),
            let place = shown.firstIndex(where: { $0.table == row.table })
        else { return [] }
        let words = shown[place]
        var lines = [margin + row.name.text]
        if let name = words.name, let type = table.column(name)?.type {
            lines = ["\(margin)\(row.table) \(draft.read(row, name).text(as: type))"]
        }
        for name in words.columns {
            guard let column = table.column(name) else { continue }
            let value = draft.read(row, name)
            let below = shown.firstIndex { $0.table == column.type.key.referencedTable }
            if let below, below > place {
                for child in draft.rows(shown[below].table, in: row, name) {
                    lines += Self.lines(of: child, level + 1, draft, filter)
                }
            } else if value != .initial(of: column.type) {
                lines.append("\(margin)    \(name): \(value.text(as: column.type))")
            }
        }
        return filter.keeps(lines, of: row.table) ? lines : []
    }

    /// The same as one JSON object, in which references have become what they refer to.
    private static func tree(
        of row: RowKey, _ draft: VsctlDraft, _ filter: ShowFilter
    ) -> JSON {
        var object: JSONObject = ["_uuid": row.name.json]
        guard let table = draft.schema.table(row.table),
            let place = shown.firstIndex(where: { $0.table == row.table })
        else { return .object(object) }
        if let name = shown[place].name { object[name] = draft.read(row, name).json }
        for name in shown[place].columns {
            guard let column = table.column(name) else { continue }
            let value = draft.read(row, name)
            let below = shown.firstIndex { $0.table == column.type.key.referencedTable }
            if let below, below > place {
                let children = draft.rows(shown[below].table, in: row, name)
                    .filter { !lines(of: $0, 0, draft, filter).isEmpty }
                object[name] = .array(children.map { tree(of: $0, draft, filter) })
            } else if value != .initial(of: column.type) {
                object[name] = value.json
            }
        }
        return .object(object)
    }
}

/// `--filter=br0,Port(eth0|eth1)`: shows only rows whose lines contain one of the words. A word
/// without a table is about the root.
private struct ShowFilter {
    private var words: [String: [String]] = [:]

    init(_ text: String, _ draft: VsctlDraft) throws(VsctlStop) {
        for item in text.split(separator: ",").map(String.init) {
            var (table, list) = ("Open_vSwitch", item)
            if let open = item.firstIndex(of: "(") {
                guard item.hasSuffix(")") else {
                    throw .failure("Malformed filter: missing closing ')'")
                }
                table = try draft.table(String(item[..<open])).name
                list = String(item[item.index(after: open)...].dropLast())
            }
            words[table, default: []] += list.split(separator: "|").map { $0.lowercased() }
        }
    }

    func keeps(_ lines: [String], of table: String) -> Bool {
        guard let wanted = words[table] else { return true }
        let text = Array(lines.joined(separator: "\n").lowercased().utf8)
        return wanted.contains { word in
            let word = Array(word.utf8)
            return word.count <= text.count
                && (0...(text.count - word.count)).contains { start in
                    text[start..<(start + word.count)].elementsEqual(word)
                }
        }
    }
}
