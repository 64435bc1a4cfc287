// A transaction being written: operations in the order in which the server will carry them out.
//
// The order is also that of their results, so every function that has one tells its place.

public import DatabaseProtocol

/// Collects the operations of one transaction.
///
///     var change = TransactionBuilder(database: "Open_vSwitch")
///     let port = change.insert(into: "Port", ["name": Datum(.string("eth0"))])
///     change.mutate(bridge, [Mutation("ports", .insert, Datum(port))])
///     let place = change.bumpNextConfiguration(of: root)
public struct TransactionBuilder: Hashable, Sendable {
    public let database: String
    public private(set) var operations: [Operation] = []
    private var insertCount = 0

    public init(database: String) { self.database = database }

    /// Whether nothing but waits and comments was asked for.
    public var changesNothing: Bool {
        operations.allSatisfy { operation in
            switch operation {
            case .wait, .comment, .abort, .assert, .select, .commit: true
            case .insert, .update, .mutate, .delete: false
            }
        }
    }

    /// Adds any operation.
    ///
    /// - Returns: Its place, for `TransactionResults`.
    @discardableResult
    public mutating func append(_ operation: Operation) -> Int {
        operations.append(operation)
        return operations.count - 1
    }

    /// Adds a row.
    ///
    /// - Parameter name: What other operations may call it; must look like an identifier and be
    ///   unique in the transaction. `nil` makes one up.
    /// - Returns: What to write in columns that refer to it.
    @discardableResult
    public mutating func insert(
        into table: String, _ row: RowValues, named name: String? = nil
    ) -> Atom {
        insertCount += 1
        let name = name ?? "row\(insertCount)"
        append(.insert(table: table, row: row, name: name))
        return .namedUUID(name)
    }

    /// Sets columns of a row, whatever they hold now.
    public mutating func update(_ row: ReplicaRow, _ values: RowValues) {
        update(row.uuid, in: row.table.name, values)
    }

    /// Sets columns of the row called `uuid`.
    public mutating func update(_ uuid: UUIDValue, in table: String, _ values: RowValues) {
        append(.update(table: table, where: [.row(uuid)], row: values))
    }

    /// Changes columns of a row relative to what they hold then.
    public mutating func mutate(_ row: ReplicaRow, _ mutations: [Mutation]) {
        append(.mutate(table: row.table.name, where: [.row(row.uuid)], mutations))
    }

    public mutating func delete(_ row: ReplicaRow) {
        append(.delete(table: row.table.name, where: [.row(row.uuid)]))
    }

    /// Goes on only if `columns` of `row` still hold what the picture says.
    public mutating func verify(_ row: ReplicaRow, _ columns: [String]) {
        let values = RowValues(columns.map { ($0, row[$0]) })
        append(
            .wait(
                table: row.table.name, where: [.row(row.uuid)], columns: columns, until: .equal,
                rows: [values], timeoutMilliseconds: 0))
    }

    /// Goes on only if `table` has no row.
    public mutating func verifyEmpty(_ table: String) {
        append(
            .wait(
                table: table, where: [], columns: nil, until: .equal, rows: [],
                timeoutMilliseconds: 0))
    }

    /// Says in the log of the database who made this change.
    public mutating func comment(_ text: String) { append(.comment(text)) }

    /// Goes on only if this client holds `lock`.
    public mutating func assert(lock: String) { append(.assert(lock: lock)) }

    /// Adds one to `next_cfg` and reads it back.
    ///
    /// - Returns: The place of the select that tells the new number.
    @discardableResult
    public mutating func bumpNextConfiguration(of root: UUIDValue) -> Int {
        bumpNextConfiguration(where: .row(root))
    }

    /// As above, also for a root row that this transaction inserts.
    @discardableResult
    public mutating func bumpNextConfiguration(of root: Atom) -> Int {
        bumpNextConfiguration(where: .compare(column: "_uuid", .equal, Datum(root)))
    }

    private mutating func bumpNextConfiguration(where condition: Condition) -> Int {
        append(
            .mutate(
                table: "Open_vSwitch", where: [condition],
                [Mutation("next_cfg", .add, Datum(.integer(1)))]))
        return append(
            .select(table: "Open_vSwitch", where: [condition], columns: ["next_cfg"]))
    }

    /// The parameters of the `transact` request. RFC 7047 §4.1.3.
    public var parameters: [JSON] { [.string(database)] + operations.map(\.json) }
}
