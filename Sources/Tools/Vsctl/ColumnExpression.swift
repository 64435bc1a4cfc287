// `column`, `column:key`, `column:key=value` and conditions: how one argument speaks of a column.

import DatabaseProtocol

/// What a condition compares by. ovs-vsctl(8), "find".
enum VsctlOperator: String, CaseIterable {
    case equal = "="
    case notEqual = "!="
    case less = "<"
    case greater = ">"
    case lessOrEqual = "<="
    case greaterOrEqual = ">="
    case setEqual = "{=}"
    case setNotEqual = "{!=}"
    case setLess = "{<}"
    case setGreater = "{>}"
    case setLessOrEqual = "{<=}"
    case setGreaterOrEqual = "{>=}"
    case setIn = "{in}"
    case setNotIn = "{not-in}"

    /// Whether it treats a missing key as the empty set; the others are false for one.
    var isOfSets: Bool { rawValue.hasPrefix("{") }

    func holds(_ a: Datum, _ b: Datum) -> Bool {
        switch self {
        case .equal, .setEqual: a == b
        case .notEqual, .setNotEqual: a != b
        case .less: a.precedes(b)
        case .greater: b.precedes(a)
        case .lessOrEqual: !b.precedes(a)
        case .greaterOrEqual: !a.precedes(b)
        case .setLess: b.count > a.count && b.includesAll(of: a)
        case .setGreater: a.count > b.count && a.includesAll(of: b)
        case .setLessOrEqual, .setIn: b.includesAll(of: a)
        case .setGreaterOrEqual: a.includesAll(of: b)
        case .setNotIn: a.excludesAll(of: b)
        }
    }
}

extension Datum {
    /// Shorter before longer; of the same length, by elements.
    fileprivate func precedes(_ other: Datum) -> Bool {
        guard count == other.count else { return count < other.count }
        let (mine, others) = (keys + values, other.keys + other.values)
        for (a, b) in zip(mine, others) where a != b { return a < b }
        return false
    }
}

/// One argument, taken apart.
struct ColumnExpression {
    let column: ColumnSchema
    let key: String?
    /// What stands after the column and its key.
    let op: VsctlOperator?
    let value: String

    /// - Parameter operators: Those that may follow; none if the argument must end there.
    init(
        _ argument: String, of table: TableSchema, operators: [VsctlOperator]
    ) throws(VsctlStop) {
        var scanner = WordScanner(argument)
        column = try Self.column(&scanner, argument, table)
        if scanner.take(":") { key = try scanner.word() } else { key = nil }
        let rest = scanner.rest
        let found =
            operators
            .filter { rest.utf8.count > $0.rawValue.utf8.count && rest.hasPrefix($0.rawValue) }
            .max { $0.rawValue.utf8.count < $1.rawValue.utf8.count }
        guard operators.isEmpty else {
            guard let found else {
                throw .failure(
                    "\(argument): argument does not end in \(Self.list(operators)) followed by a "
                        + "value.")
            }
            (op, value) = (found, String(rest.dropFirst(found.rawValue.count)))
            return
        }
        guard rest.isEmpty else {
            throw .failure("\(argument): trailing garbage \"\(rest)\" in argument")
        }
        (op, value) = (nil, "")
    }

    /// Only the column; whatever follows is not looked at.
    static func column(
        of argument: String, _ table: TableSchema
    ) throws(VsctlStop) -> ColumnSchema {
        var scanner = WordScanner(argument)
        return try column(&scanner, argument, table)
    }

    private static func column(
        _ scanner: inout WordScanner, _ argument: String, _ table: TableSchema
    ) throws(VsctlStop) -> ColumnSchema {
        let name = try scanner.word()
        guard !name.isEmpty else { throw .failure("\(argument): missing column name") }
        return try table.column(matching: name)
    }

    private static func list(_ operators: [VsctlOperator]) -> String {
        let quoted = operators.map { "\"\($0.rawValue)\"" }
        guard quoted.count > 2, let last = quoted.last else {
            return quoted.joined(separator: " or ")
        }
        return quoted.dropLast().joined(separator: ", ") + ", or " + last
    }
}

extension VsctlContext {
    /// Whether `row` meets a condition such as `other_config:a=b`.
    mutating func meets(
        _ condition: String, _ row: RowKey, of table: TableSchema
    ) throws(VsctlStop) -> Bool {
        let expression = try ColumnExpression(
            condition, of: table, operators: VsctlOperator.allCases)
        guard let op = expression.op else { return false }
        let column = expression.column
        let present = read(row, column)
        guard let keyText = expression.key else {
            let reader = ValueReader(type: column.type)
            return op.holds(present, try reader.read(expression.value, &draft.symbols))
        }
        guard let valueType = column.type.value else {
            throw .failure("cannot specify key to check for non-map column \(column.name)")
        }
        let key = try ValueReader.atom(keyText, column.type.key, &draft.symbols)
        let reader = ValueReader(type: ColumnType(key: valueType, min: column.type.min, max: nil))
        let wanted = try reader.read(expression.value, &draft.symbols)
        guard let value = present[key] else {
            return op.isOfSets && op.holds(.empty, wanted)
        }
        return op.holds(Datum(value), wanted)
    }

    /// The column's value; also of `_uuid`.
    func read(_ row: RowKey, _ column: ColumnSchema) -> Datum {
        column.name == "_uuid" ? Datum(row.name) : draft.read(row, column.name)
    }

    /// Carries out `column[:key]=value` on a row.
    mutating func set(_ setting: String, of row: RowKey) throws(VsctlStop) {
        let table = try draft.table(row.table)
        let expression = try ColumnExpression(setting, of: table, operators: [.equal])
        let column = expression.column
        try refuseReadOnly(column, row)
        guard let keyText = expression.key else {
            let reader = ValueReader(type: column.type)
            draft.write(row, column.name, try reader.read(expression.value, &draft.symbols))
            return
        }
        guard let valueType = column.type.value else {
            throw .failure("cannot specify key to set for non-map column \(column.name)")
        }
        let key = try ValueReader.atom(keyText, column.type.key, &draft.symbols)
        let value = try ValueReader.atom(expression.value, valueType, &draft.symbols)
        if isLast {
            draft.put(row, column.name, key, value)
        } else {
            draft.verify(row, column.name)
            var map = draft.read(row, column.name)
            map[key] = value
            draft.write(row, column.name, map)
        }
    }

    /// Some columns, such as a bridge's name, cannot change once their row is there.
    func refuseReadOnly(_ column: ColumnSchema, _ row: RowKey) throws(VsctlStop) {
        guard column.isMutable || draft.isInserted(row) else {
            throw .failure(
                "cannot modify read-only column \(column.name) in table \(row.table)")
        }
    }
}
