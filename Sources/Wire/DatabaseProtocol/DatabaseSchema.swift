// What a database is made of: tables of columns. RFC 7047 §3.2.

/// One column of a table.
public struct ColumnSchema: Hashable, Sendable {
    public var name: String
    public var type: ColumnType
    /// Not kept over a restart, so never written to the file.
    public var isEphemeral: Bool
    /// Whether it may change after its row was inserted.
    public var isMutable: Bool

    public init(
        _ name: String, _ type: ColumnType, isEphemeral: Bool = false, isMutable: Bool = true
    ) {
        (self.name, self.type) = (name, type)
        (self.isEphemeral, self.isMutable) = (isEphemeral, isMutable)
    }

    /// The column every table has: the row's own name.
    public static let uuid = ColumnSchema(
        "_uuid", ColumnType(key: BaseType(.uuid)), isEphemeral: true, isMutable: false)
    /// The column every table has: another value after each change of the row.
    public static let version = ColumnSchema(
        "_version", ColumnType(key: BaseType(.uuid)), isEphemeral: true, isMutable: false)
}

/// One table.
public struct TableSchema: Hashable, Sendable {
    public let name: String
    /// Columns in order of their names; without `_uuid` and `_version`.
    public let columns: [ColumnSchema]
    /// Most rows after a transaction; `nil` is any number.
    public let rowCountMax: Int?
    /// Whether rows stay though nothing refers to them.
    public let isRoot: Bool
    /// Sets of column names whose values no two rows may share.
    public let indexes: [[String]]
    private let places: [String: Int]

    public init(
        _ name: String, columns: [ColumnSchema], rowCountMax: Int? = nil, isRoot: Bool = false,
        indexes: [[String]] = []
    ) {
        self.name = name
        self.columns = columns.sorted { $0.name < $1.name }
        (self.rowCountMax, self.isRoot, self.indexes) = (rowCountMax, isRoot, indexes)
        places = Dictionary(
            self.columns.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first }
        )
    }

    /// Where the column called `name` stands in `columns`.
    public func place(of name: String) -> Int? { places[name] }

    /// The column called `name`; also `_uuid` and `_version`.
    public func column(_ name: String) -> ColumnSchema? {
        if let place = places[name] { return columns[place] }
        return name == "_uuid" ? .uuid : name == "_version" ? .version : nil
    }
}

/// A whole database.
public struct DatabaseSchema: Hashable, Sendable {
    public let name: String
    /// Three numbers with dots: "8.3.1".
    public let version: String
    /// Open vSwitch's checksum of its own schema text, kept as it came.
    public let checksum: String?
    /// Tables in order of their names.
    public let tables: [TableSchema]
    private let places: [String: Int]

    public init(name: String, version: String, checksum: String? = nil, tables: [TableSchema]) {
        (self.name, self.version, self.checksum) = (name, version, checksum)
        self.tables = tables.sorted { $0.name < $1.name }
        places = Dictionary(
            self.tables.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Where the table called `name` stands in `tables`.
    public func place(of name: String) -> Int? { places[name] }

    /// The table called `name`.
    public func table(_ name: String) -> TableSchema? { places[name].map { tables[$0] } }

    /// Whether its version comes before that of `other`, number by number.
    public func isOlder(than other: DatabaseSchema) -> Bool {
        func numbers(_ schema: DatabaseSchema) -> [Int] {
            schema.version.split(separator: ".").map { Int($0) ?? 0 }
        }
        return numbers(self).lexicographicallyPrecedes(numbers(other))
    }
}

extension DatabaseSchema: CustomStringConvertible {
    /// Name and version: "Open_vSwitch 8.3.1".
    public var description: String { "\(name) \(version)" }
}
