// The rows themselves, and how updates change them.
//
// Updates come in two styles. RFC 7047 §4.1.6 tells a row's old and new columns. Open vSwitch's
// later methods tell differences: of a column with at most one value the new value, of a larger set
// the elements that changed sides, of a larger map the pairs that were added, changed or removed.

import DatabaseProtocol

/// Why an update cannot be believed.
struct ReplicaError: Error {
    let reason: String
}

/// How an update describes a row.
enum UpdateStyle {
    case oldAndNew, differences
}

struct ReplicaPicture: Sendable {
    private var schema = DatabaseSchema(name: "", version: "", tables: [])
    /// Rows of each table, in the order of the schema's tables.
    private var tables: [[UUIDValue: ReplicaRow]] = []
    private var touched: [Touched] = []
    private var rowCount = 0

    private struct Touched {
        var rows: Set<UUIDValue> = []
        var isTooMany = false
    }

    // MARK: Asking

    func rows(of table: String) -> [ReplicaRow] {
        guard let place = schema.place(of: table) else { return [] }
        return tables[place].values.sorted { $0.uuid < $1.uuid }
    }

    func row(_ table: String, _ uuid: UUIDValue) -> ReplicaRow? {
        schema.place(of: table).flatMap { tables[$0][uuid] }
    }

    mutating func takeChanges() -> [TableChange] {
        var changes: [TableChange] = []
        for place in touched.indices {
            let rows = touched[place].rows
            guard touched[place].isTooMany || !rows.isEmpty else { continue }
            changes.append(
                TableChange(
                    table: schema.tables[place].name,
                    rows: touched[place].isTooMany ? nil : rows.sorted()))
            touched[place] = Touched()
        }
        return changes
    }

    // MARK: Changing

    /// Gets ready for rows of `schema`. If it is not the present one, the old rows are forgotten.
    mutating func adopt(_ schema: DatabaseSchema) {
        guard schema != self.schema else { return }
        self.schema = schema
        tables = Array(repeating: [:], count: schema.tables.count)
        touched = Array(repeating: Touched(), count: schema.tables.count)
        rowCount = 0
    }

    /// Takes a complete picture.
    ///
    /// - Returns: Whether anything differs from before.
    mutating func replace(
        with updates: JSON, _ style: UpdateStyle
    ) throws(ReplicaError) -> Bool {
        var fresh = ReplicaPicture()
        fresh.adopt(schema)
        _ = try fresh.apply(updates, style)
        var hasChanged = false
        for place in tables.indices {
            let (old, new) = (tables[place], fresh.tables[place])
            let different = Set(old.keys).union(new.keys).filter { old[$0] != new[$0] }
            for uuid in different.sorted() { touch(uuid, in: place) }
            hasChanged = hasChanged || !different.isEmpty
        }
        (tables, rowCount) = (fresh.tables, fresh.rowCount)
        return hasChanged
    }

    /// Takes changes.
    ///
    /// - Returns: Whether there were any.
    mutating func apply(_ updates: JSON, _ style: UpdateStyle) throws(ReplicaError) -> Bool {
        guard let byTable = updates.object else {
            throw ReplicaError(reason: "an update is not an object of tables")
        }
        var hasChanged = false
        for (name, rows) in byTable.members {
            guard let place = schema.place(of: name), let rows = rows.object else {
                throw ReplicaError(reason: "an update is about an unknown table \(name)")
            }
            for (text, update) in rows.members {
                guard let uuid = UUIDValue(text), let update = update.object else {
                    throw ReplicaError(reason: "an update of \(name) is about no row: \(text)")
                }
                try apply(update, style, to: uuid, in: place)
                touch(uuid, in: place)
                hasChanged = true
            }
        }
        return hasChanged
    }

    private mutating func apply(
        _ update: JSONObject, _ style: UpdateStyle, to uuid: UUIDValue, in place: Int
    ) throws(ReplicaError) {
        let fresh = ReplicaRow(uuid: uuid, table: schema.tables[place])
        switch style {
        case .oldAndNew:
            guard let new = update["new"]?.object else {
                set(nil, uuid, in: place)
                return
            }
            try set(Self.merge(new, into: fresh), uuid, in: place)
        case .differences:
            if let new = update["initial"]?.object ?? update["insert"]?.object {
                try set(Self.merge(new, into: fresh), uuid, in: place)
            } else if let changes = update["modify"]?.object {
                guard let old = tables[place][uuid] else {
                    throw ReplicaError(reason: "a row that never was is modified: \(uuid)")
                }
                try set(Self.modify(old, by: changes), uuid, in: place)
            } else {
                set(nil, uuid, in: place)
            }
        }
        guard rowCount <= ReplicaLimits.rowCountMax else {
            throw ReplicaError(reason: "more than \(ReplicaLimits.rowCountMax) rows")
        }
    }

    private mutating func set(_ row: ReplicaRow?, _ uuid: UUIDValue, in place: Int) {
        rowCount += (row == nil ? 0 : 1) - (tables[place][uuid] == nil ? 0 : 1)
        tables[place][uuid] = row
    }

    private mutating func touch(_ uuid: UUIDValue, in place: Int) {
        guard !touched[place].isTooMany else { return }
        touched[place].rows.insert(uuid)
        if touched[place].rows.count > ReplicaLimits.touchedRowCountMax {
            touched[place] = Touched(isTooMany: true)
        }
    }

    // MARK: Columns

    /// `row` with the columns that `columns` gives.
    private static func merge(
        _ columns: JSONObject, into row: ReplicaRow
    ) throws(ReplicaError) -> ReplicaRow {
        var row = row
        for (name, json) in columns.members {
            guard let place = row.table.place(of: name) else { continue }
            row.values[place] = try read(json, row.table.columns[place], row.table)
        }
        return row
    }

    /// `row` with the differences that `columns` gives.
    private static func modify(
        _ row: ReplicaRow, by columns: JSONObject
    ) throws(ReplicaError) -> ReplicaRow {
        var row = row
        for (name, json) in columns.members {
            guard let place = row.table.place(of: name) else { continue }
            let column = row.table.columns[place]
            let difference = try read(json, column, row.table)
            row.values[place] =
                column.type.max == 1
                ? difference : row.values[place].changed(by: difference)
        }
        return row
    }

    /// Reads a value of any count: a difference may be shorter or longer than the column allows.
    private static func read(
        _ json: JSON, _ column: ColumnSchema, _ table: TableSchema
    ) throws(ReplicaError) -> Datum {
        var type = column.type
        (type.min, type.max) = (0, nil)
        do throws(DatabaseError) {
            return try Datum(parsing: json, as: type)
        } catch {
            throw ReplicaError(
                reason: "column \(column.name) of \(table.name) is not understood: \(error)")
        }
    }
}

extension Datum {
    /// The set or map after its elements changed sides: what is in both goes, what is new comes,
    /// and a pair whose value differs gets the new value.
    fileprivate func changed(by difference: Datum) -> Datum {
        var result = self
        for (key, value) in difference.pairs { result[key] = self[key] == value ? nil : value }
        guard !isMap else { return result }
        let (mine, others) = (keys.filter { !difference.contains($0) }, difference.keys)
        return Datum(set: mine + others.filter { !contains($0) })
    }
}
