// The database as it will be when the command line is done: the picture with changes laid over it.
//
// Commands read and write the draft, so that each sees what those before it did; nothing leaves
// until all have run. Then the draft becomes one transaction: waits that hold if the picture is
// still true, and after them the changes.

import DatabaseProtocol
import DatabaseReplica

/// A row of the draft: one of the picture, or one that the draft inserts.
struct RowKey: Hashable {
    let table: String
    /// `.uuid`, or `.namedUUID` for a row without a name yet.
    let name: Atom
}

struct VsctlDraft {
    let replica: DatabaseReplica
    let schema: DatabaseSchema
    var symbols: VsctlSymbols
    /// Counts changes, so that whoever keeps a view of the draft knows when it is old.
    private(set) var revision = 0

    private(set) var edits: [RowKey: RowEdit] = [:]
    /// Keys of `edits` in the order in which they were first touched.
    private(set) var touched: [RowKey] = []
    private(set) var verified: [RowKey: Set<String>] = [:]

    struct RowEdit {
        var isInserted = false
        var isDeleted = false
        /// What the user wishes the row to be called for ever.
        var persistentUUID: UUIDValue?
        var written = RowValues()
        var mutations: [Mutation] = []
    }

    init(
        of replica: DatabaseReplica, schema: DatabaseSchema, symbols: VsctlSymbols = VsctlSymbols()
    ) {
        (self.replica, self.schema, self.symbols) = (replica, schema, symbols)
    }

    // MARK: Reading

    /// Rows by ascending UUID, then inserted ones in their order.
    func rows(of table: String) -> [RowKey] {
        let old = replica.rows(of: table).map { RowKey(table: table, name: .uuid($0.uuid)) }
        let new = touched.filter { $0.table == table && edits[$0]?.isInserted == true }
        return (old + new).filter { edits[$0]?.isDeleted != true }
    }

    /// The row of `table` that `name` refers to, if it is there.
    func row(_ table: String, _ name: Atom) -> RowKey? {
        let key = RowKey(table: table, name: name)
        if let edit = edits[key] { return edit.isDeleted ? nil : key }
        return original(key) == nil ? nil : key
    }

    /// The rows of `table` that a column of `owner` refers to, in the column's order.
    func rows(_ table: String, in owner: RowKey, _ column: String) -> [RowKey] {
        read(owner, column).keys.compactMap { row(table, $0) }
    }

    func read(_ row: RowKey, _ column: String) -> Datum {
        if let value = edits[row]?.written[column] { return value }
        if let original = original(row) { return original[column] }
        guard let type = schema.table(row.table)?.column(column)?.type else { return .empty }
        return .initial(of: type)
    }

    func string(_ row: RowKey, _ column: String) -> String? { read(row, column).only?.string }

    /// The row in the picture; `nil` if the draft inserts it.
    func original(_ row: RowKey) -> ReplicaRow? {
        row.name.uuid.flatMap { replica.row(row.table, $0) }
    }

    func isInserted(_ row: RowKey) -> Bool { edits[row]?.isInserted ?? false }

    // MARK: Writing

    /// Sets a column, whatever it holds.
    mutating func write(_ row: RowKey, _ column: String, _ value: Datum) {
        edit(row) { $0.written[column] = value }
    }

    /// Sets one pair of a map without caring for the others: two tools that set different keys at
    /// the same time do not get in each other's way.
    mutating func put(_ row: RowKey, _ column: String, _ key: Atom, _ value: Atom) {
        guard let original = original(row), edits[row]?.written[column] == nil else {
            var map = read(row, column)
            map[key] = value
            write(row, column, map)
            return
        }
        let old = original[column][key]
        guard old != value else { return }
        edit(row) { edit in
            if old != nil { edit.mutations.append(Mutation(column, .delete, Datum(key))) }
            edit.mutations.append(Mutation(column, .insert, Datum(map: [(key, value)])))
        }
    }

    /// Makes the transaction depend on `column` still holding what the picture says.
    mutating func verify(_ row: RowKey, _ column: String) {
        guard original(row) != nil, edits[row]?.written[column] == nil else { return }
        verified[row, default: []].insert(column)
    }

    /// - Parameter name: From `symbols`; `nil` if nothing else on the command line knows the row.
    mutating func insert(into table: String, as name: Atom? = nil) -> RowKey {
        let key = RowKey(table: table, name: name ?? symbols.freshRow())
        edit(key) { $0.isInserted = true }
        return key
    }

    /// Inserts a row that is to be called `uuid` for ever.
    mutating func insert(into table: String, uuid: UUIDValue) -> RowKey {
        let key = RowKey(table: table, name: .uuid(uuid))
        edit(key) { ($0.isInserted, $0.persistentUUID) = (true, uuid) }
        return key
    }

    mutating func delete(_ row: RowKey) {
        edit(row) { $0.isDeleted = true }
    }

    private mutating func edit(_ row: RowKey, _ change: (inout RowEdit) -> Void) {
        if edits[row] == nil { touched.append(row) }
        change(&edits[row, default: RowEdit()])
        revision += 1
    }
}
