// Rows at rest, and what is kept beside them so that no check has to look at all of them.
//
//     rows[uuid]      the values, one Datum for each column of the schema, in the schema's order
//     strongCounts    how often other rows refer to a row; at zero a row of a non-root table goes
//     indexes         for each index of the schema: values -> the one row that has them

package import DatabaseProtocol

/// One row.
package struct Row: Hashable, Sendable {
    package let uuid: UUIDValue
    /// Another one after each change: the column `_version`.
    package var version: UUIDValue
    /// In the order of the schema's columns.
    package var values: [Datum]
}

/// A column that refers to rows.
struct ReferenceColumn: Sendable {
    /// Of the column, in the schema.
    let place: Int
    /// Whether the map's values refer, and not the keys.
    let isValue: Bool
    /// Of the table referred to, in the schema.
    let target: Int
    let strength: BaseType.ReferenceStrength

    /// The rows that `row` refers to by this column.
    func targets(in row: Row) -> [UUIDValue] {
        let datum = row.values[place]
        return (isValue ? datum.values : datum.keys).compactMap(\.uuid)
    }
}

/// One table and what is kept beside it.
struct Table: Sendable {
    let schema: TableSchema
    let strongReferences: [ReferenceColumn]
    let weakReferences: [ReferenceColumn]
    /// What a row's columns hold when nobody gave a value. Rows share these.
    let initialValues: [Datum]
    /// Places of columns whose initial value is none that they may hold: an "insert" must give one.
    let columnsToGive: [Int]
    /// The names of the columns, in order; `nil` for one that is not kept over a restart.
    let lastingNames: [String?]
    /// For each index: the places of its columns.
    let indexColumns: [[Int]]
    var rows: [UUIDValue: Row] = [:]
    var strongCounts: [UUIDValue: Int] = [:]
    var indexes: [[[Datum]: UUIDValue]]

    init(_ schema: TableSchema, in database: DatabaseSchema) {
        self.schema = schema
        var references: [ReferenceColumn] = []
        for (place, column) in schema.columns.enumerated() {
            for (base, isValue) in [(column.type.key, false), (column.type.value, true)] {
                guard let base, let name = base.referencedTable,
                    let target = database.place(of: name)
                else { continue }
                references.append(
                    ReferenceColumn(
                        place: place, isValue: isValue, target: target, strength: base.strength))
            }
        }
        strongReferences = references.filter { $0.strength == .strong }
        weakReferences = references.filter { $0.strength == .weak }
        let initialValues = schema.columns.map { Datum.initial(of: $0.type) }
        self.initialValues = initialValues
        columnsToGive = schema.columns.indices.filter {
            schema.columns[$0].type.complaint(about: initialValues[$0]) != nil
        }
        lastingNames = schema.columns.map { $0.isEphemeral ? nil : $0.name }
        indexColumns = schema.indexes.map { $0.compactMap { schema.place(of: $0) } }
        indexes = Array(repeating: [:], count: indexColumns.count)
    }

    /// Names of all rows, ascending: the only order in which rows are ever told.
    var sortedUUIDs: [UUIDValue] { rows.keys.sorted() }

    /// What `row` is filed under in the index at `place`.
    func indexKey(_ place: Int, _ row: Row) -> [Datum] {
        indexColumns[place].map { row.values[$0] }
    }

    /// A new row with every column at its initial value.
    func initialRow(_ uuid: UUIDValue, version: UUIDValue) -> Row {
        Row(uuid: uuid, version: version, values: initialValues)
    }
}
