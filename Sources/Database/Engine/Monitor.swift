// One monitor: which rows and columns of which tables one client hears of, and in which dialect.

import DatabaseProtocol

/// The three forms of news. RFC 7047 §4.1.6; ovsdb-server(7) for the other two.
enum MonitorDialect: Sendable {
    /// Rows as they were and as they are.
    case update
    /// Differences.
    case update2
    /// Differences, and the name of the transaction that made them.
    case update3

    var method: String {
        switch self {
        case .update: "update"
        case .update2: "update2"
        case .update3: "update3"
        }
    }
}

/// What is monitored of one table.
struct MonitoredTable: Sendable {
    struct Column: Sendable {
        let name: String
        let place: ColumnPlace
        let type: ColumnType
        /// What is not told of a new row.
        let initial: Datum
        let selection: MonitorRequest.Selection
    }
    /// Of the table, in the schema.
    let place: Int
    let columns: [Column]
    /// Kinds of news wanted of any column.
    let selection: MonitorRequest.Selection
    /// `nil` for all rows.
    var test: RowTest?

    /// - Throws: "syntax error" if two requests speak of one column, as RFC 7047 §4.1.5 forbids.
    init(_ requests: [MonitorRequest], place: Int, table: TableSchema) throws(DatabaseError) {
        self.place = place
        var columns: [Column] = []
        var any = MonitorRequest.Selection()
        (any.initial, any.insert, any.delete, any.modify) = (false, false, false, false)
        var conditions: [Condition]?
        for request in requests {
            let chosen = request.selection
            any.initial = any.initial || chosen.initial
            any.insert = any.insert || chosen.insert
            any.delete = any.delete || chosen.delete
            any.modify = any.modify || chosen.modify
            if let more = request.conditions { conditions = (conditions ?? []) + more }
            for name in request.columns ?? ["_version"] + table.columns.map(\.name) {
                guard let column = table.column(name) else { continue }
                guard !columns.contains(where: { $0.name == name }) else {
                    throw DatabaseError(
                        .syntaxError, "column \(name) is mentioned more than once")
                }
                columns.append(
                    Column(
                        name: name, place: ColumnPlace(name, in: table), type: column.type,
                        initial: .initial(of: column.type), selection: chosen))
            }
        }
        (self.columns, selection) = (columns, any)
        test = conditions.map { RowTest($0, table: table) }
    }

    /// Whether the client may know of `row`.
    func shows(_ row: Row) -> Bool { test?.isMetSomehow(by: row) ?? true }
}

/// One monitor of one client.
struct Monitor: Sendable {
    /// Of the database, in the server.
    let database: String
    let dialect: MonitorDialect
    /// In the order of the schema.
    var tables: [MonitoredTable]

    /// The table at `place` of the schema, if it is monitored.
    func table(_ place: Int) -> MonitoredTable? { tables.first { $0.place == place } }
}
