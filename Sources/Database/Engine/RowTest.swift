// Conditions made ready: column names become places once, not once for each row.

import DatabaseProtocol

/// Where a column's value is to be found.
enum ColumnPlace: Hashable, Sendable {
    case stored(Int)
    case uuid, version

    /// The place of a column that the parser has found in `table`'s schema.
    init(_ name: String, in table: TableSchema) {
        self =
            table.place(of: name).map(ColumnPlace.stored) ?? (name == "_version" ? .version : .uuid)
    }

    func value(in row: Row) -> Datum {
        switch self {
        case .stored(let place): row.values[place]
        case .uuid: Datum(.uuid(row.uuid))
        case .version: Datum(.uuid(row.version))
        }
    }
}

/// A condition on rows of one table.
struct RowTest: Sendable {
    private enum Clause: Sendable {
        case always(Bool)
        case compare(ColumnPlace, Condition.Function, Datum)
    }
    private let clauses: [Clause]
    /// If only one row can meet the condition, which.
    let onlyRow: UUIDValue?

    init(_ conditions: [Condition], table: TableSchema) {
        clauses = conditions.map { condition in
            switch condition {
            case .always(let value): .always(value)
            case .compare(let column, let function, let operand):
                .compare(ColumnPlace(column, in: table), function, operand)
            }
        }
        onlyRow =
            conditions.lazy.compactMap { condition in
                guard case .compare("_uuid", .equal, let operand) = condition else { return nil }
                return operand.only?.uuid
            }.first
    }

    /// Whether `row` meets every clause: the "where" of an operation.
    func isMetEntirely(by row: Row) -> Bool { clauses.allSatisfy { Self.isMet($0, row) } }

    /// Whether `row` meets some clause: the "where" of a monitor.
    func isMetSomehow(by row: Row) -> Bool { clauses.contains { Self.isMet($0, row) } }

    private static func isMet(_ clause: Clause, _ row: Row) -> Bool {
        switch clause {
        case .always(let value): value
        case .compare(let column, let function, let operand):
            function.holds(column.value(in: row), operand)
        }
    }
}
