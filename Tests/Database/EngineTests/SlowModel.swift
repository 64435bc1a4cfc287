import DatabaseProtocol

/// RFC 7047 as one would tell it to a child: the database is a dictionary that is copied before
/// each transaction; references are counted by looking at everything; nothing is remembered.
///
/// Knows only what the random transactions of `ModelTests` say, and takes them as JSON, so that it
/// shares neither the engine's parser nor its values.
struct SlowModel {
    /// A column's value: its elements, or the pairs of a map as two-element arrays, sorted by text.
    typealias Value = [JSON]
    typealias Row = [String: Value]
    struct Failure: Error { let name: String }

    let schema: [String: JSONObject]
    var rows: [String: [String: Row]] = [:]
    private var names: [String: String] = [:]
    /// The rows before the transaction.
    private var start: [String: [String: Row]] = [:]

    init(schema json: JSON) {
        let tables = json.object?["tables"]?.object ?? [:]
        schema = Dictionary(uniqueKeysWithValues: tables.members.map { ($0, $1.object ?? [:]) })
        for name in tables.names { rows[name] = [:] }
    }

    /// The results, with the name alone of an error.
    mutating func transact(_ operations: [JSON]) -> [JSON] {
        start = rows
        names = [:]
        for operation in operations {
            guard let object = operation.object, let name = object["uuid-name"]?.string else {
                continue
            }
            names[name] = object["uuid"]?.string
        }
        var results: [JSON] = []
        do {
            for operation in operations { results.append(try execute(operation.object ?? [:])) }
            try commit()
        } catch {
            rows = start
            results.append(.string((error as? Failure)?.name ?? "\(error)"))
            while results.count < operations.count { results.append(.null) }
        }
        return results
    }

    // MARK: Operations

    private mutating func execute(_ operation: JSONObject) throws -> JSON {
        let table = operation["table"]?.string ?? ""
        switch operation["op"]?.string {
        case "insert":
            let uuid = operation["uuid"]?.string ?? ""
            var row: Row = [:]
            for column in columns(table) { row[column] = initial(table, column) }
            for (column, json) in operation["row"]?.object?.members ?? JSONObject().members {
                row[column] = try value(json, table, column)
            }
            guard rows[table]?[uuid] == nil, start[table]?[uuid] == nil else {
                throw Failure(name: "duplicate uuid")
            }
            rows[table]?[uuid] = row
            return ["uuid": ["uuid", .string(uuid)]]
        case "delete":
            let found = try matching(operation)
            for uuid in found { rows[table]?[uuid] = nil }
            return ["count": .integer(Int64(found.count))]
        case "update":
            var new: Row = [:]
            for (column, json) in operation["row"]?.object?.members ?? JSONObject().members {
                new[column] = try value(json, table, column)
            }
            guard new.keys.allSatisfy({ isMutable(table, $0) }) else {
                throw Failure(name: "constraint violation")
            }
            let found = try matching(operation)
            for uuid in found { rows[table]?[uuid]?.merge(new) { $1 } }
            return ["count": .integer(Int64(found.count))]
        case "mutate": return try mutate(operation, table)
        case "select":
            let wanted = operation["columns"]?.array?.compactMap(\.string) ?? []
            let told = try matching(operation).map { uuid in
                let row = rows[table]?[uuid] ?? [:]
                return JSON.array(wanted.map { .array(row[$0] ?? []) })
            }
            return .array(Set(told).sorted { $0.text < $1.text })
        case "abort": throw Failure(name: "aborted")
        default: return [:]
        }
    }

    private mutating func mutate(_ operation: JSONObject, _ table: String) throws -> JSON {
        let mutations = (operation["mutations"]?.array ?? []).map { $0.array ?? [] }
        for mutation in mutations {
            let column = mutation[0].string ?? ""
            guard isMutable(table, column) else { throw Failure(name: "constraint violation") }
            let type = type(table, column)
            let isSingle = type.min == 1 && type.max == 1
            guard !isSingle || mutation[1].string?.hasSuffix("=") == true else {
                throw Failure(name: "syntax error")
            }
            switch mutation[1].string {
            case "insert": try check(mutation[2], table, column, min: 0)
            case "delete": try check(mutation[2], table, column, min: 0, max: .max)
            default: break
            }
        }
        let found = try matching(operation)
        for uuid in found {
            for mutation in mutations {
                let column = mutation[0].string ?? ""
                let old = rows[table]?[uuid]?[column] ?? []
                let new = try mutated(old, mutation[1].string ?? "", mutation[2], table, column)
                rows[table]?[uuid]?[column] = new
            }
        }
        return ["count": .integer(Int64(found.count))]
    }

    private func mutated(
        _ old: Value, _ mutator: String, _ json: JSON, _ table: String, _ column: String
    ) throws -> Value {
        let type = type(table, column)
        let operand = elements(json).map(resolved)
        var new = old
        switch mutator {
        case "insert" where type.isMap:
            new += operand.filter { pair in !old.contains { $0.array?[0] == pair.array?[0] } }
        case "insert": new += operand.filter { !old.contains($0) }
        case "delete" where type.isMap:
            new.removeAll { pair in operand.contains(pair) || operand.contains(pair.array![0]) }
        case "delete": new.removeAll { operand.contains($0) }
        default:
            new = try old.map { atom in
                guard let a = atom.integer, let b = operand[0].integer else { return atom }
                return .integer(try Self.arithmetic(a, mutator, b))
            }
            for atom in new { try check(atom, type.key) }
        }
        guard Set(new).count == new.count, new.count >= type.min, new.count <= type.max ?? .max
        else { throw Failure(name: "constraint violation") }
        return sorted(new)
    }

    private static func arithmetic(_ a: Int64, _ mutator: String, _ b: Int64) throws -> Int64 {
        if b == 0, mutator == "/=" || mutator == "%=" { throw Failure(name: "domain error") }
        let (result, overflow) =
            switch mutator {
            case "+=": a.addingReportingOverflow(b)
            case "-=": a.subtractingReportingOverflow(b)
            case "*=": a.multipliedReportingOverflow(by: b)
            case "/=": a.dividedReportingOverflow(by: b)
            default: a.remainderReportingOverflow(dividingBy: b)
            }
        guard !overflow else { throw Failure(name: "range error") }
        return result
    }

    private func matching(_ operation: JSONObject) throws -> [String] {
        let table = operation["table"]?.string ?? ""
        let clauses = operation["where"]?.array ?? []
        for clause in clauses {
            guard let parts = clause.array, let column = parts[0].string, column != "_uuid" else {
                continue
            }
            switch parts[1].string {
            case "includes": try check(parts[2], table, column, min: 0)
            case "excludes": try check(parts[2], table, column, min: 0, max: .max)
            default: try check(parts[2], table, column)
            }
        }
        return try (rows[table] ?? [:]).keys.sorted().filter { uuid in
            try clauses.allSatisfy { try holds($0, uuid, table) }
        }
    }

    private func holds(_ clause: JSON, _ uuid: String, _ table: String) throws -> Bool {
        guard let parts = clause.array else { return clause.bool ?? false }
        let column = parts[0].string ?? ""
        let operand = sorted(elements(parts[2]).map(resolved))
        let own = column == "_uuid" ? [["uuid", .string(uuid)]] : rows[table]?[uuid]?[column] ?? []
        switch parts[1].string {
        case "==": return own == operand
        case "!=": return own != operand
        case "includes": return operand.allSatisfy { own.contains($0) }
        case "excludes": return operand.allSatisfy { !own.contains($0) }
        default:
            guard let a = own.first?.integer, let b = operand.first?.integer else { return false }
            return parts[1] == "<"
                ? a < b : parts[1] == "<=" ? a <= b : parts[1] == ">" ? a > b : a >= b
        }
    }

    // MARK: Values

    func columns(_ table: String) -> [String] {
        (schema[table]?["columns"]?.object ?? [:]).names.sorted()
    }

    private func type(_ table: String, _ column: String) -> ColumnType {
        let json = schema[table]?["columns"]?.object?[column]?.object?["type"] ?? "string"
        return (try? ColumnType(parsing: json)) ?? ColumnType(key: BaseType(.string))
    }

    private func isMutable(_ table: String, _ column: String) -> Bool {
        schema[table]?["columns"]?.object?[column]?.object?["mutable"]?.bool ?? true
    }

    private func initial(_ table: String, _ column: String) -> Value {
        let type = type(table, column)
        guard type.min > 0 else { return [] }
        return [Atom.initial(of: type.key.type).json]
    }

    private func elements(_ json: JSON) -> [JSON] {
        guard let pair = json.array, pair.count == 2, pair[0] == "set" || pair[0] == "map" else {
            return [json]
        }
        return pair[1].array ?? []
    }

    private func sorted(_ value: Value) -> Value { value.sorted { $0.text < $1.text } }

    private func resolved(_ json: JSON) -> JSON {
        guard let parts = json.array, parts.count == 2 else { return json }
        guard parts[0] == "named-uuid", let name = parts[1].string else {
            return .array(parts.map(resolved))
        }
        return ["uuid", .string(names[name] ?? "unknown \(name)")]
    }

    private func value(_ json: JSON, _ table: String, _ column: String) throws -> Value {
        try check(json, table, column)
        return sorted(elements(json).map(resolved))
    }

    /// A value, or an operand that may have another count of elements than a value.
    private func check(
        _ json: JSON, _ table: String, _ column: String, min: Int? = nil, max: Int? = nil
    ) throws {
        let type = type(table, column)
        let given = elements(json)
        guard given.count >= min ?? type.min, given.count <= max ?? type.max ?? .max else {
            throw Failure(name: "syntax error")
        }
        for element in given { try check(type.isMap ? element.array![0] : element, type.key) }
    }

    private func check(_ atom: JSON, _ type: BaseType) throws {
        let number = atom.integer ?? 0
        let isAllowed = type.allowed.isEmpty || type.allowed.contains { $0.json == atom }
        guard isAllowed, number >= type.integerMin ?? .min, number <= type.integerMax ?? .max else {
            throw Failure(name: "constraint violation")
        }
    }

    // MARK: The end of a transaction

    /// All references: from which row, by which element of which column, to which row.
    private func references(_ strength: BaseType.ReferenceStrength)
        -> [(table: String, row: String, column: String, element: JSON, target: String, to: String)]
    {
        rows.flatMap { table, rows in
            rows.flatMap { uuid, row in
                row.flatMap { column, value in
                    let type = type(table, column)
                    return [(type.key, 0), (type.value ?? BaseType(.string), 1)].flatMap {
                        base, place in
                        guard let target = base.referencedTable, base.strength == strength else {
                            return [] as [(String, String, String, JSON, String, String)]
                        }
                        return value.map { element in
                            let atom = type.isMap ? element.array![place] : element
                            let to = atom.array?[1].string ?? ""
                            return (table, uuid, column, element, target, to)
                        }
                    }
                }
            }
        }
    }

    private mutating func commit() throws {
        for reference in references(.strong) where rows[reference.target]?[reference.to] == nil {
            throw Failure(name: "referential integrity violation")
        }
        while collectOne() || pruneOne() {}
        for (table, rows) in rows {
            for row in rows.values {
                for (column, value) in row where value.count < type(table, column).min {
                    throw Failure(name: "constraint violation")
                }
            }
        }
        for (table, definition) in schema {
            guard rows[table]?.count ?? 0 <= definition["maxRows"]?.integer ?? .max else {
                throw Failure(name: "constraint violation")
            }
            for index in definition["indexes"]?.array ?? [] {
                let names = index.array?.compactMap(\.string) ?? []
                let keys = (rows[table] ?? [:]).values.map { row in names.map { row[$0] ?? [] } }
                guard Set(keys).count == keys.count else {
                    throw Failure(name: "constraint violation")
                }
            }
        }
    }

    private mutating func collectOne() -> Bool {
        let used = Set(references(.strong).map { $0.target + $0.to })
        for (table, definition) in schema where definition["isRoot"]?.bool != true {
            for uuid in (rows[table] ?? [:]).keys where !used.contains(table + uuid) {
                rows[table]?[uuid] = nil
                return true
            }
        }
        return false
    }

    private mutating func pruneOne() -> Bool {
        for reference in references(.weak) where rows[reference.target]?[reference.to] == nil {
            rows[reference.table]?[reference.row]?[reference.column]?.removeAll {
                $0 == reference.element
            }
            return true
        }
        return false
    }
}
