// Which rows an operation is about. RFC 7047 §5.1, <condition>.

/// One clause of a "where": all clauses of it must hold.
public enum Condition: Hashable, Sendable {
    public enum Function: String, Hashable, Sendable, CaseIterable {
        case less = "<"
        case lessOrEqual = "<="
        case equal = "=="
        case notEqual = "!="
        case greaterOrEqual = ">="
        case greater = ">"
        case includes
        case excludes
    }
    /// `true` or `false`: Open vSwitch allows them in place of a clause.
    case always(Bool)
    /// The column's value compared with the given one.
    case compare(column: String, Function, Datum)

    /// The clause that only the row called `uuid` meets.
    public static func row(_ uuid: UUIDValue) -> Condition {
        .compare(column: "_uuid", .equal, Datum(.uuid(uuid)))
    }

    /// Reads a clause about rows of `table`.
    ///
    /// - Throws: "syntax error", "unknown column" or, in the operand, "constraint violation".
    public init(parsing json: JSON, table: TableSchema) throws(DatabaseError) {
        if let value = json.bool {
            self = .always(value)
            return
        }
        guard let parts = json.array, parts.count == 3, let name = parts[0].string else {
            throw .syntax("a condition is [column, function, value]", json)
        }
        guard let column = table.column(name) else {
            throw DatabaseError(
                .unknownColumn, "no column \(name) in table \(table.name)", syntax: json)
        }
        guard let function = parts[1].string.flatMap(Function.init) else {
            throw DatabaseError(.unknownFunction, parts[1].text, syntax: json)
        }
        let type = column.type
        if function.isRelational {
            let isNumber = type.key.type == .integer || type.key.type == .real
            guard isNumber, type.isScalar || type.isOptional else {
                throw DatabaseError(
                    .syntaxError,
                    "\(function.rawValue) needs a column of one number, which \(name) is not",
                    syntax: json)
            }
        }
        var operand = type
        if function.isRelational { operand.min = 1 }
        if function == .includes || function == .excludes, !type.isScalar { operand.min = 0 }
        if function == .excludes, !type.isScalar { operand.max = nil }
        self = .compare(column: name, function, try Datum(parsing: parts[2], as: operand))
    }

    /// The clause as JSON.
    public var json: JSON {
        switch self {
        case .always(let value): .bool(value)
        case .compare(let column, let function, let value):
            [.string(column), .string(function.rawValue), value.json]
        }
    }
}

extension Condition.Function {
    /// Whether it asks for an order, which only numbers have.
    public var isRelational: Bool {
        switch self {
        case .less, .lessOrEqual, .greaterOrEqual, .greater: true
        case .equal, .notEqual, .includes, .excludes: false
        }
    }

    /// Whether `value` stands in this relation to `operand`. No order holds for an empty value.
    public func holds(_ value: Datum, _ operand: Datum) -> Bool {
        switch self {
        case .equal: value == operand
        case .notEqual: value != operand
        case .includes: value.includesAll(of: operand)
        case .excludes: value.excludesAll(of: operand)
        case .less: Self.compare(value, operand) { $0 < $1 }
        case .lessOrEqual: Self.compare(value, operand) { $0 <= $1 }
        case .greaterOrEqual: Self.compare(value, operand) { $0 >= $1 }
        case .greater: Self.compare(value, operand) { $0 > $1 }
        }
    }

    private static func compare(_ a: Datum, _ b: Datum, _ holds: (Atom, Atom) -> Bool) -> Bool {
        guard let a = a.only, let b = b.only else { return false }
        return holds(a, b)
    }
}

extension Datum {
    /// Whether every element (of a map: every pair) of `other` is here too.
    public func includesAll(of other: Datum) -> Bool {
        isMap
            ? other.pairs.allSatisfy { self[$0] == $1 } : other.keys.allSatisfy { contains($0) }
    }

    /// Whether no element (of a map: no pair) of `other` is here.
    public func excludesAll(of other: Datum) -> Bool {
        isMap
            ? other.pairs.allSatisfy { self[$0] != $1 } : other.keys.allSatisfy { !contains($0) }
    }
}
