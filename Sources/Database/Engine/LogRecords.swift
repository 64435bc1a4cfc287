// Transactions as they stand in the file, and the database that comes of reading them again.
//
//     {"Port": {"<uuid>": {"name": "eth1", "tag": 5}, "<uuid>": null}, "_date": ms}
//
// Inserted rows tell the columns that are not at their initial value, changed rows the columns that
// changed, deleted rows nothing. Ephemeral columns are never told. Open vSwitch since 2.16 may mark
// a record "_is_diff": then a changed column tells only its difference. Both kinds are read; ours
// are whole values, which every version of ovsdb-tool understands.

package import DatabaseProtocol

extension Database {
    /// What is to be written to the log, or `nil` if nothing that lasts has changed.
    func logRecord(of changes: [RowChange], comments: [String]) -> JSON? {
        var byTable = JSONObject()
        var rows: [(String, JSON)] = []
        for (place, change) in changes.enumerated() {
            let table = tables[change.table].schema
            if let told = columnsToLog(change, table) {
                rows.append((change.uuid.description, told))
            }
            // Changes are in the order of their tables.
            let isLast = place + 1 == changes.count || changes[place + 1].table != change.table
            guard isLast, !rows.isEmpty else { continue }
            byTable[table.name] = .object(JSONObject(distinct: rows))
            rows = []
        }
        guard !byTable.isEmpty else { return nil }
        if !comments.isEmpty { byTable["_comment"] = .string(comments.joined(separator: "\n")) }
        return .object(byTable)
    }

    func columnsToLog(_ change: RowChange, _ table: TableSchema) -> JSON? {
        guard let new = change.new else { return JSON.null }
        let before = change.old?.values ?? tables[change.table].initialValues
        var columns: [(String, JSON)] = []
        for (place, column) in table.columns.enumerated() where !column.isEphemeral {
            guard new.values[place] != before[place] else { continue }
            columns.append((column.name, new.values[place].json))
        }
        return change.old != nil && columns.isEmpty ? nil : .object(JSONObject(distinct: columns))
    }

    /// Applies one record of the log. Call `finishReplay` after the last.
    ///
    /// - Throws: What the record says that this schema does not know. The database is then of no
    ///   use: half of the record may have been applied.
    package mutating func replay(
        _ record: JSON, random: inout UUIDSource
    ) throws(DatabaseError) {
        guard let object = record.object else {
            throw .init(.syntaxError, "a record must be an object")
        }
        let isDifference = object["_is_diff"]?.bool ?? false
        for (tableName, rows) in object.members where !tableName.hasPrefix("_") {
            guard let table = schema.place(of: tableName) else {
                throw DatabaseError(.unknownTable, "no table named \(tableName)")
            }
            guard let rows = rows.object else {
                throw DatabaseError(.syntaxError, "rows of table \(tableName) must be an object")
            }
            for (text, columns) in rows.members {
                guard let uuid = UUIDValue(text) else {
                    throw DatabaseError(.syntaxError, "\"\(text)\" is not a valid UUID")
                }
                let name = RowName(table: table, uuid: uuid)
                setRow(name, try replayed(name, columns, isDifference, random: &random))
            }
        }
    }

    private func replayed(
        _ name: RowName, _ columns: JSON, _ isDifference: Bool,
        random: inout UUIDSource
    ) throws(DatabaseError) -> Row? {
        guard columns != .null else { return nil }
        guard let columns = columns.object else {
            throw DatabaseError(.syntaxError, "row \(name.uuid) must be an object or null")
        }
        let table = tables[name.table]
        let version = UUIDValue(random: random.next(), random.next())
        var row = row(name) ?? table.initialRow(name.uuid, version: version)
        for (column, json) in columns.members {
            guard let place = table.schema.place(of: column) else {
                throw DatabaseError(
                    .unknownColumn, "no column \(column) in table \(table.schema.name)")
            }
            let type = table.schema.columns[place].type
            let old = row.values[place]
            // The difference to an initial value is written as the value itself.
            guard isDifference, old != .initial(of: type) else {
                row.values[place] = try Datum(parsing: json, as: type)
                continue
            }
            var free = type
            (free.min, free.max) = (0, type.max == 1 ? 1 : nil)
            let difference = try Datum(parsing: json, as: free)
            row.values[place] = old.applying(difference, type: type)
        }
        return row
    }

    /// Counts references and fills indexes after the last record of a log.
    package mutating func finishReplay() {
        for table in tables.indices {
            tables[table].strongCounts = [:]
            tables[table].indexes = tables[table].indexes.map { _ in [:] }
        }
        for table in tables.indices {
            for uuid in tables[table].sortedUUIDs {
                guard let row = tables[table].rows[uuid] else { continue }
                for column in tables[table].strongReferences {
                    for target in column.targets(in: row) {
                        tables[column.target].strongCounts[target, default: 0] += 1
                    }
                }
                for index in tables[table].indexes.indices {
                    tables[table].indexes[index][tables[table].indexKey(index, row)] = uuid
                }
            }
        }
    }
}
