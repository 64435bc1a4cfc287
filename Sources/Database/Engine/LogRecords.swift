// Transactions as they stand in the file, and the database that comes of reading them again.
//
//     {"Port": {"<uuid>": {"name": "eth1", "tag": 5}, "<uuid>": null}, "_date": ms}
//
// Inserted rows tell the columns that are not at their initial value, changed rows the columns that
// changed, deleted rows nothing. Ephemeral columns are never told. Open vSwitch since 2.16 may mark
// a record "_is_diff": then a changed column tells only its difference. Both kinds are read; ours
// are whole values, which every version of ovsdb-tool understands.

package import DatabaseProtocol

/// One transaction as it stands in the file.
public struct LogRecord: Sendable {
    /// A JSON object.
    public private(set) var text: [UInt8]

    fileprivate init(text: [UInt8]) { self.text = text }

    /// Says `value` beside the rows, under a name that no table has.
    public mutating func add(_ name: String, _ value: Int64) {
        text.removeLast()
        text.append(UInt8(ascii: ","))
        JSON.write(name, to: &text)
        text.append(UInt8(ascii: ":"))
        JSON.write(value, to: &text)
        text.append(UInt8(ascii: "}"))
    }
}

extension Database {
    /// What is to be written to the log, or `nil` if nothing that lasts has changed.
    ///
    /// - Parameter changes: In the order of their tables.
    func logRecord(of changes: [RowChange], comments: [String]) -> LogRecord? {
        var out: [UInt8] = []
        out.reserveCapacity(256)
        out.append(UInt8(ascii: "{"))
        var table: Int?
        for change in changes {
            let before = out.count
            if table != change.table {
                out.append(contentsOf: (table == nil ? "" : "},").utf8)
                JSON.write(tables[change.table].schema.name, to: &out)
                out.append(contentsOf: ":{".utf8)
            } else {
                out.append(UInt8(ascii: ","))
            }
            if writeLogged(change, to: &out) {
                table = change.table
            } else {
                out.removeLast(out.count - before)
            }
        }
        guard table != nil else { return nil }
        out.append(UInt8(ascii: "}"))
        if !comments.isEmpty {
            out.append(contentsOf: #","_comment":"#.utf8)
            JSON.write(comments.joined(separator: "\n"), to: &out)
        }
        out.append(UInt8(ascii: "}"))
        return LogRecord(text: out)
    }

    /// Appends a row's name and what the log says of it.
    ///
    /// - Returns: Whether there is something to say; if not, what was appended means nothing.
    func writeLogged(_ change: RowChange, to out: inout [UInt8]) -> Bool {
        out.append(UInt8(ascii: "\""))
        change.uuid.write(to: &out)
        out.append(contentsOf: "\":".utf8)
        guard let new = change.new else {
            out.append(contentsOf: "null".utf8)
            return true
        }
        let before = change.old?.values ?? tables[change.table].initialValues
        var isEmpty = true
        out.append(UInt8(ascii: "{"))
        var next = 0
        while let place = Datum.difference(new.values, before, from: next) {
            next = place + 1
            // None for a column that is not kept over a restart.
            guard let name = tables[change.table].lastingNames[place] else { continue }
            if !isEmpty { out.append(UInt8(ascii: ",")) }
            isEmpty = false
            JSON.write(name, to: &out)
            out.append(UInt8(ascii: ":"))
            new.values[place].write(to: &out)
        }
        out.append(UInt8(ascii: "}"))
        return change.old == nil || !isEmpty
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
