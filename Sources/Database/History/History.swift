// What happened to a database, transaction by transaction, as its file tells it.
//
//     records ──> rows before │ rows after ──> PastChange (date, comment, rows) ──> log, undo
//
// A file that was compacted begins with one record that holds all rows: history begins there.

public import DatabaseProtocol

/// One row as it was before and after a transaction. Ephemeral columns are in no file.
public struct PastRow: Hashable, Sendable {
    public let table: String
    public let uuid: UUIDValue
    /// `nil` if the row was inserted.
    public let before: RowValues?
    /// `nil` if the row was deleted.
    public let after: RowValues?

    public init(table: String, uuid: UUIDValue, before: RowValues?, after: RowValues?) {
        (self.table, self.uuid) = (table, uuid)
        (self.before, self.after) = (before, after)
    }
}

/// One transaction of the file.
public struct PastChange: Hashable, Sendable {
    /// As `ovsdb-tool show-log` numbers it: the schema is 0.
    public let number: Int
    /// Milliseconds since 1970, UTC; `nil` if the file does not say.
    public let milliseconds: Int64?
    public let comment: String
    /// By table and UUID.
    public let rows: [PastRow]

    init(number: Int, milliseconds: Int64?, comment: String, rows: [PastRow]) {
        (self.number, self.milliseconds) = (number, milliseconds)
        (self.comment, self.rows) = (comment, rows)
    }

    /// The program that made it, with whoever started it: `ovs-vsctl (invoked by bash)`.
    public var author: String {
        guard let end = comment.firstIndex(of: ":") else { return "" }
        let author = comment[..<end]
        return author.contains("\n") ? "" : String(author)
    }

    /// What its author said of it, the author's name left out.
    public var text: String {
        author.isEmpty
            ? comment : String(comment.dropFirst(author.count + 1).drop { $0 == " " })
    }
}

public struct History: Sendable {
    public let schema: DatabaseSchema
    /// Oldest first.
    public private(set) var changes: [PastChange] = []

    /// Rows as the records so far have made them, by table; only while reading.
    private var rows: [String: [UUIDValue: RowValues]] = [:]
    private var initialRows: [String: RowValues] = [:]

    /// Reads the bytes of a file.
    ///
    /// - Throws: If it is no database's file, or says what its own schema does not know.
    public init(reading file: [UInt8]) throws(HistoryError) {
        var records = HistoryRecords(file)
        guard let first = try records.next() else {
            throw HistoryError(description: "it is empty")
        }
        do throws(DatabaseError) {
            schema = try DatabaseSchema(parsing: first)
        } catch {
            throw HistoryError(description: "\(error)")
        }
        var number = 0
        while let record = try records.next() {
            number += 1
            do throws(DatabaseError) {
                try add(record, number)
            } catch {
                throw HistoryError(description: "record \(number): \(error)")
            }
        }
        (rows, initialRows) = ([:], [:])
    }

    /// The transaction called `number`, if it is remembered.
    public func change(_ number: Int) -> PastChange? { changes.first { $0.number == number } }

    /// The newest transaction that an operator may want to take back: one that changed more than
    /// what the switch itself reports.
    public var lastOfOperator: PastChange? { changes.last { $0.isOfOperator } }

    private mutating func add(_ record: JSON, _ number: Int) throws(DatabaseError) {
        guard let object = record.object else {
            throw DatabaseError(.syntaxError, "a record must be an object")
        }
        let isDifference = object["_is_diff"]?.bool ?? false
        var changed: [PastRow] = []
        for (name, rows) in object.members where !name.hasPrefix("_") {
            guard let table = schema.table(name), let rows = rows.object else {
                throw DatabaseError(.syntaxError, "rows of an unknown table \(name)")
            }
            for (text, columns) in rows.members {
                guard let uuid = UUIDValue(text) else {
                    throw DatabaseError(.syntaxError, "\"\(text)\" is not a valid UUID")
                }
                let before = self.rows[name]?[uuid]
                let after = try row(after: before, columns, table, isDifference)
                self.rows[name, default: [:]][uuid] = after
                changed.append(PastRow(table: name, uuid: uuid, before: before, after: after))
            }
        }
        changed.sort { ($0.table, $0.uuid) < ($1.table, $1.uuid) }
        if changes.count >= HistoryLimits.transactionCountMax { changes.removeFirst() }
        changes.append(
            PastChange(
                number: number, milliseconds: object["_date"]?.integer,
                comment: object["_comment"]?.string ?? "", rows: changed))
    }

    /// All rows of a table begin as one array, which they share until they differ.
    private mutating func initialRow(of table: TableSchema) -> RowValues {
        if let row = initialRows[table.name] { return row }
        let row = RowValues(table.storedColumns.map { ($0.name, .initial(of: $0.type)) })
        initialRows[table.name] = row
        return row
    }

    private mutating func row(
        after before: RowValues?, _ json: JSON, _ table: TableSchema, _ isDifference: Bool
    ) throws(DatabaseError) -> RowValues? {
        guard json != .null else { return nil }
        guard let columns = json.object else {
            throw DatabaseError(.syntaxError, "a row must be an object or null")
        }
        var row = before ?? initialRow(of: table)
        for (name, value) in columns.members {
            guard let type = table.column(name)?.type else {
                throw DatabaseError(.unknownColumn, "no column \(name) in table \(table.name)")
            }
            let old = row[name] ?? .initial(of: type)
            // The difference to an initial value is written as the value itself.
            guard isDifference, old != .initial(of: type) else {
                row[name] = try Datum(parsing: value, as: type)
                continue
            }
            var free = type
            (free.min, free.max) = (0, type.max == 1 ? 1 : nil)
            row[name] = old.applying(try Datum(parsing: value, as: free), type: type)
        }
        return row
    }
}

extension TableSchema {
    /// Columns that are in the file.
    public var storedColumns: [ColumnSchema] { columns.filter { !$0.isEphemeral } }
}
