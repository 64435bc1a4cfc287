// The columns of our tables, described once.
//
//     struct PortColumns { let tag = Column("tag", .optional(.vlan)) … }
//        |-> .schema            what the server serves and clients learn
//        |-> row.tag: Int64?    how vswitchd reads it   (DatabaseReplica: TypedRow)
//        '-> setting(\.tag, 7)  how vswitchd writes it
//
// A name that is not there, or a value of another type, does not compile.

/// One column of one table; reads as `Value`.
public struct Column<Value: ColumnValue>: Sendable {
    public private(set) var schema: ColumnSchema
    /// Whether no two rows may have the same value; several such columns are one index together.
    fileprivate var isIndexed = false

    init(_ name: String, _ kind: ColumnKind<Value>) { schema = ColumnSchema(name, kind.type) }

    public var name: String { schema.name }

    /// Gone after a restart: what a daemon observes, not what an operator wants.
    var ephemeral: Column {
        var column = self
        column.schema.isEphemeral = true
        return column
    }

    /// Fixed when the row is inserted.
    var immutable: Column {
        var column = self
        column.schema.isMutable = false
        return column
    }

    /// Part of the table's index.
    var indexed: Column {
        var column = self
        column.isIndexed = true
        return column
    }
}

/// A column, whatever it holds.
public protocol AnyColumn: Sendable {
    var schema: ColumnSchema { get }
    var isPartOfIndex: Bool { get }
}

extension Column: AnyColumn {
    public var isPartOfIndex: Bool { isIndexed }
}

/// A table: each stored property is a column of it.
public protocol TableColumns: Sendable {
    /// The table's name in the database.
    static var table: String { get }
    static var columns: Self { get }
    /// Most rows after a transaction; `nil`, as by default, is any number.
    static var rowCountMax: Int? { get }
    /// Whether rows stay though nothing refers to them; by default they do not.
    static var isRoot: Bool { get }
}

extension TableColumns {
    public static var rowCountMax: Int? { nil }
    public static var isRoot: Bool { false }

    /// The table's schema, made of the properties.
    static var schema: TableSchema {
        let columns = Mirror(reflecting: columns).children.compactMap { $0.value as? any AnyColumn }
        let index = columns.filter(\.isPartOfIndex).map(\.schema.name)
        return TableSchema(
            table, columns: columns.map(\.schema), rowCountMax: rowCountMax, isRoot: isRoot,
            indexes: index.isEmpty ? [] : [index])
    }

    /// A column and a value for it, to be written.
    public static func setting<Value>(
        _ column: KeyPath<Self, Column<Value>>, _ value: Value
    ) -> (String, Datum) {
        (columns[keyPath: column].name, value.datum)
    }
}
