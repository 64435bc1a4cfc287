// A row as a client knows it, and the questions that callers ask of one.
//
// By names that are known only at run time: a tool's arguments, a source on a command line. Who
// knows the table beforehand asks a TypedRow.
//
// A column that the client did not ask for, or that the server's schema does not have, reads as if
// it had its initial value: a switch of today can then be run on a schema of yesterday.

public import DatabaseProtocol

/// One row of one table. RFC 7047 §3.1.
public struct ReplicaRow: Hashable, Sendable {
    public let uuid: UUIDValue
    /// The server's words about the table.
    public let table: TableSchema
    /// Values in the order of `table.columns`.
    var values: [Datum]

    /// A row in which every column has its initial value.
    init(uuid: UUIDValue, table: TableSchema) {
        (self.uuid, self.table) = (uuid, table)
        values = table.columns.map { .initial(of: $0.type) }
    }

    /// The value of the column called `name`; the empty set if there is no such column.
    public subscript(name: String) -> Datum {
        if let place = table.place(of: name) { return values[place] }
        return name == "_uuid" ? Datum(.uuid(uuid)) : .empty
    }

    /// The text of an optional or required string column; `nil` if it is empty.
    public func string(_ name: String) -> String? { self[name].only?.string }
    /// The number of an optional or required integer column.
    public func integer(_ name: String) -> Int64? { self[name].only?.integer }
    /// The texts of a set, ascending by bytes.
    public func strings(_ name: String) -> [String] { self[name].keys.compactMap(\.string) }
    /// The rows a set refers to, ascending.
    public func references(_ name: String) -> [UUIDValue] { self[name].keys.compactMap(\.uuid) }
}
