// What the user calls tables, columns and rows, and which ones are meant.
//
// Names of tables and columns may be cut short, in any case, with `-` for `_`: `FLOOD-VLANS`.

import DatabaseProtocol
import DatabaseReplica

extension VsctlDraft {
    /// The table that `name` means.
    func table(_ name: String) throws(VsctlStop) -> TableSchema {
        let names = schema.tables.map(\.name)
        let matches = bestMatches(for: name, among: names)
        guard matches.count <= 1 else {
            throw .failure(
                "\"\(name)\" matches multiple table names: \(matches.joined(separator: ", "))")
        }
        guard let match = matches.first, let table = schema.table(match) else {
            throw .failure("unknown table \"\(name)\"" + suggestion(for: name, among: names))
        }
        return table
    }

    /// A row as the user calls it: by UUID, by the first four or more digits of one, by its name,
    /// or `.` for the only row of a table.
    func row(_ name: String, in table: TableSchema) throws(VsctlStop) -> RowKey? {
        if let uuid = UUIDValue(name), let row = row(table.name, .uuid(uuid)) { return row }
        let all = rows(of: table.name)
        if name == ".", all.count == 1 { return all[0] }
        if let row = try namedRow(name, in: table) { return row }
        guard isPartialUUID(name) else { return nil }
        let wanted = name.lowercased()
        let matches = all.filter { $0.name.uuid?.description.hasPrefix(wanted) ?? false }
        guard matches.count <= 1 else {
            throw .failure(
                "\(table.name) contains 2 or more rows whose UUIDs begin with \(name): at least "
                    + "\(matches[0].name.text) and \(matches[1].name.text)")
        }
        return matches.first
    }

    /// As `row(_:in:)`; the row must be there unless `isOptional`.
    func row(
        _ name: String, in table: TableSchema, isOptional: Bool
    ) throws(VsctlStop) -> RowKey? {
        let row = try row(name, in: table)
        guard row != nil || isOptional else {
            throw .failure(
                "no row \"\(name)\" in table \(table.name)"
                    + suggestion(for: name, among: names(in: table)))
        }
        return row
    }

    /// What rows of `table` can be called, for suggestions.
    private func names(in table: TableSchema) -> [String] {
        guard let way = RowNaming.ways[table.name] else { return [] }
        return rows(of: way.table).compactMap { read($0, way.nameColumn).only?.bareText }
            .sortedByBytes()
    }

    private func namedRow(_ name: String, in table: TableSchema) throws(VsctlStop) -> RowKey? {
        guard let way = RowNaming.ways[table.name] else { return nil }
        let matches = rows(of: way.table).filter { row in
            guard let atom = read(row, way.nameColumn).only else { return false }
            return way.matches(atom, name)
        }
        guard matches.count <= 1 else {
            throw .failure("multiple rows in \(way.table) match \"\(name)\"")
        }
        guard let match = matches.first, let column = way.referenceColumn else {
            return matches.first
        }
        return read(match, column).only.flatMap { row(table.name, $0) }
    }

    private func isPartialUUID(_ text: String) -> Bool {
        guard (4...36).contains(text.utf8.count) else { return false }
        return text.utf8.enumerated().allSatisfy { place, byte in
            [8, 13, 18, 23].contains(place)
                ? byte == UInt8(ascii: "-") : UnicodeScalar(byte).properties.isASCIIHexDigit
        }
    }
}

extension TableSchema {
    /// The column that `name` means.
    func column(matching name: String) throws(VsctlStop) -> ColumnSchema {
        let names = columns.map(\.name)
        let matches = bestMatches(for: name, among: names)
        guard matches.count <= 1 else {
            throw .failure(
                "\(self.name) contains more than one column whose name matches \"\(name)\": "
                    + matches.joined(separator: ", "))
        }
        guard let match = matches.first, let column = column(match) else {
            throw .failure(
                "\(self.name) does not contain a column whose name matches \"\(name)\""
                    + suggestion(for: name, among: names))
        }
        return column
    }
}

/// By what a row can be called other than its UUID. ovs-vsctl(8), "Database Commands".
private struct RowNaming {
    let table: String
    let nameColumn: String
    /// Where the named row refers to the row that is meant; `nil` if it is that row itself.
    var referenceColumn: String?

    static let ways: [String: RowNaming] = [
        "Bridge": RowNaming(table: "Bridge", nameColumn: "name"),
        "Controller": RowNaming(
            table: "Bridge", nameColumn: "name", referenceColumn: "controller"),
        "Interface": RowNaming(table: "Interface", nameColumn: "name"),
        "Mirror": RowNaming(table: "Mirror", nameColumn: "name"),
        "Manager": RowNaming(table: "Manager", nameColumn: "target"),
        "NetFlow": RowNaming(table: "Bridge", nameColumn: "name", referenceColumn: "netflow"),
        "Port": RowNaming(table: "Port", nameColumn: "name"),
        "QoS": RowNaming(table: "Port", nameColumn: "name", referenceColumn: "qos"),
        "sFlow": RowNaming(table: "Bridge", nameColumn: "name", referenceColumn: "sflow"),
        "Flow_Table": RowNaming(table: "Flow_Table", nameColumn: "name"),
        "IPFIX": RowNaming(table: "Bridge", nameColumn: "name", referenceColumn: "ipfix"),
        "AutoAttach": RowNaming(
            table: "Bridge", nameColumn: "name", referenceColumn: "auto_attach"),
        "Flow_Sample_Collector_Set": RowNaming(
            table: "Flow_Sample_Collector_Set", nameColumn: "id"),
    ]

    func matches(_ atom: Atom, _ name: String) -> Bool {
        switch atom {
        case .string(let text): atom == .string(name) || isCutUUID(text, name)
        case .integer(let number): Int64(name) == number && name.utf8.first != 0x2d
        case .real, .boolean, .uuid, .namedUUID: false
        }
    }

    /// Names that look like UUIDs may be cut short like UUIDs.
    private func isCutUUID(_ text: String, _ name: String) -> Bool {
        name.utf8.count >= 4 && UUIDValue(text) != nil && text.hasPrefix(name)
    }
}

/// Names equal to `word`; if there is none, those equal but for case and `-`; if there is none,
/// those that begin with it.
private func bestMatches(for word: String, among names: [String]) -> [String] {
    if names.contains(word) { return [word] }
    let wanted = folded(word)
    guard !wanted.isEmpty else { return [] }
    let equal = names.filter { folded($0) == wanted }
    if !equal.isEmpty { return equal }
    return names.filter { folded($0).utf8.starts(with: wanted.utf8) }.sortedByBytes()
}
