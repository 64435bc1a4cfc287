// A row of a table that we know, read by the columns' own names and types.
//
//     for port in replica.rows(bridge.ports) { port.tag … }     port: TypedRow<PortColumns>
//
// The server's schema may be another version of ours. A column that it does not have, or that the
// client did not ask for, reads as if it had its initial value: see ReplicaRow.

public import DatabaseProtocol

/// A row with the columns of `Table`: `row.tag` is what `PortColumns.tag` says.
@dynamicMemberLookup
public struct TypedRow<Table: TableColumns>: Hashable, Sendable {
    /// The row as the server's schema has it.
    public let row: ReplicaRow

    public var uuid: UUIDValue { row.uuid }

    public subscript<Value>(dynamicMember column: KeyPath<Table, Column<Value>>) -> Value {
        Value(datum: row[Table.columns[keyPath: column].name])
    }
}

extension DatabaseReplica {
    /// The row that `reference` names.
    public func row<Table>(_ reference: Reference<Table>) -> TypedRow<Table>? {
        row(Table.table, reference.uuid).map { TypedRow(row: $0) }
    }

    /// The rows that are there, in the order of `references`.
    public func rows<Table>(_ references: [Reference<Table>]) -> [TypedRow<Table>] {
        references.compactMap { row($0) }
    }

    /// The only row of a table that has one; the first if it has more.
    public func root<Table>(of table: Table.Type) -> TypedRow<Table>? {
        root(Table.table).map { TypedRow(row: $0) }
    }
}

extension ReplicaWish.TableWish {
    /// Some columns of a table that we know.
    ///
    ///     .init(QoSColumns.self) { [$0.type, $0.queues] }
    public init<Table: TableColumns>(
        _ table: Table.Type, _ columns: (Table) -> [any AnyColumn]
    ) {
        self.init(Table.table, columns(Table.columns).map(\.schema.name))
    }
}
