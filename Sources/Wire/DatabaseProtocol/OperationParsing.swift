// Operations out of JSON, against the schema they are meant for.

extension Operation {
    /// Reads one operation of a transaction on a database of `schema`.
    ///
    /// - Throws: "syntax error", "unknown table", "unknown column" or "constraint violation",
    ///   as RFC 7047 §5.2 wants for this operation.
    public init(parsing json: JSON, schema: DatabaseSchema) throws(DatabaseError) {
        guard let object = json.object else { throw .syntax("an operation is an object", json) }
        let reader = OperationReader(object: object, schema: schema)
        guard let name = object["op"]?.string else { throw reader.missing("op") }
        guard let members = Self.members(name) else {
            throw .syntax("no operation \"\(name)\"", json)
        }
        for (member, _) in object.members where member != "op" && !members.contains(member) {
            throw .syntax("member \"\(member)\" is present but not allowed here", json)
        }
        switch name {
        case "insert": self = try reader.insert()
        case "select":
            let table = try reader.table()
            self = .select(
                table: table.name, where: try reader.conditions(table),
                columns: try reader.columns(table))
        case "update":
            let table = try reader.table()
            let row = try reader.row(try reader.member("row"), table)
            for name in row.names where table.column(name)?.isMutable == false {
                throw DatabaseError(
                    .constraintViolation,
                    "cannot update immutable column \(name) in table \(table.name)", syntax: json)
            }
            self = .update(table: table.name, where: try reader.conditions(table), row: row)
        case "mutate":
            let table = try reader.table()
            let mutations = try reader.mutations(table)
            self = .mutate(table: table.name, where: try reader.conditions(table), mutations)
        case "delete":
            let table = try reader.table()
            self = .delete(table: table.name, where: try reader.conditions(table))
        case "wait": self = try reader.wait()
        case "commit":
            guard let durable = try reader.member("durable").bool else {
                throw reader.wrong("durable", "true or false")
            }
            self = .commit(durable: durable)
        case "abort": self = .abort
        case "comment": self = .comment(try reader.string("comment"))
        default:
            let lock = try reader.string("lock")
            guard isIdentifier(lock) else { throw reader.wrong("lock", "an identifier") }
            self = .assert(lock: lock)
        }
    }

    /// What may stand in the operation called `name` beside "op"; `nil` if there is none.
    private static func members(_ name: String) -> [String]? {
        switch name {
        case "insert": ["table", "row", "uuid-name", "uuid"]
        case "update": ["table", "where", "row"]
        case "mutate": ["table", "where", "mutations"]
        case "delete": ["table", "where"]
        case "select": ["table", "where", "columns", "sort"]
        case "wait": ["table", "where", "columns", "until", "rows", "timeout"]
        case "commit": ["durable"]
        case "comment": ["comment"]
        case "assert": ["lock"]
        case "abort": []
        default: nil
        }
    }
}

/// Reads the members of one operation.
private struct OperationReader {
    let object: JSONObject
    let schema: DatabaseSchema

    func missing(_ name: String) -> DatabaseError {
        .syntax("required \"\(name)\" member is missing", .object(object))
    }

    func wrong(_ name: String, _ wanted: String) -> DatabaseError {
        .syntax("\"\(name)\" must be \(wanted)", .object(object))
    }

    func member(_ name: String) throws(DatabaseError) -> JSON {
        guard let value = object[name] else { throw missing(name) }
        return value
    }

    func string(_ name: String) throws(DatabaseError) -> String {
        guard let text = try member(name).string else { throw wrong(name, "a string") }
        return text
    }

    func array(_ name: String) throws(DatabaseError) -> [JSON] {
        guard let elements = try member(name).array else { throw wrong(name, "an array") }
        return elements
    }

    func table() throws(DatabaseError) -> TableSchema {
        let name = try string("table")
        guard let table = schema.table(name) else {
            throw .syntax("no table named \(name)", .object(object))
        }
        return table
    }

    func conditions(_ table: TableSchema) throws(DatabaseError) -> [Condition] {
        var conditions: [Condition] = []
        for json in try array("where") {
            conditions.append(try Condition(parsing: json, table: table))
        }
        return conditions
    }

    func columns(_ table: TableSchema) throws(DatabaseError) -> [String]? {
        guard object["columns"] != nil else { return nil }
        var names: [String] = []
        for json in try array("columns") {
            guard let name = json.string else { throw wrong("columns", "an array of names") }
            guard table.column(name) != nil else {
                throw .syntax("\(name) is not a valid column name", .object(object))
            }
            guard !names.contains(name) else { throw wrong("columns", "without duplicates") }
            names.append(name)
        }
        return names
    }

    func row(_ json: JSON, _ table: TableSchema) throws(DatabaseError) -> RowValues {
        guard let members = json.object else { throw .syntax("a row must be an object", json) }
        var row = RowValues()
        for (name, value) in members.members {
            guard let column = table.column(name) else {
                throw DatabaseError(
                    .unknownColumn, "no column \(name) in table \(table.name)", syntax: json)
            }
            row[name] = try Datum(parsing: value, as: column.type)
        }
        return row
    }

    func insert() throws(DatabaseError) -> Operation {
        let table = try table()
        var name: String?
        if let given = object["uuid-name"] {
            guard let text = given.string, isIdentifier(text) else {
                throw wrong("uuid-name", "an identifier")
            }
            name = text
        }
        var uuid: UUIDValue?
        if let given = object["uuid"] {
            // Open vSwitch's clients send the text alone; the pair is accepted as well.
            let text = given.string ?? given.array.flatMap { $0.count == 2 ? $0[1].string : nil }
            guard let value = text.flatMap({ UUIDValue($0) }) else { throw wrong("uuid", "a UUID") }
            uuid = value
        }
        let row = try row(try member("row"), table)
        return .insert(table: table.name, row: row, name: name, uuid: uuid)
    }

    func mutations(_ table: TableSchema) throws(DatabaseError) -> [Mutation] {
        var mutations: [Mutation] = []
        for json in try array("mutations") {
            mutations.append(try Mutation(parsing: json, table: table))
        }
        return mutations
    }

    func wait() throws(DatabaseError) -> Operation {
        let table = try table()
        guard let until = Operation.WaitUntil(rawValue: try string("until")) else {
            throw wrong("until", "\"==\" or \"!=\"")
        }
        var rows: [RowValues] = []
        for json in try array("rows") { rows.append(try row(json, table)) }
        var timeout: Int64?
        if let given = object["timeout"] {
            guard let milliseconds = given.integer, milliseconds >= 0 else {
                throw wrong("timeout", "a number of milliseconds")
            }
            timeout = milliseconds
        }
        return .wait(
            table: table.name, where: try conditions(table), columns: try columns(table),
            until: until, rows: rows, timeoutMilliseconds: timeout)
    }
}

/// Whether `text` is a letter or "_" followed by letters, digits and "_". RFC 7047 §3.1, <id>.
func isIdentifier(_ text: String) -> Bool {
    let rest = text.utf8.dropFirst()
    func isLetter(_ byte: UInt8) -> Bool {
        (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte) || byte == 0x5f
    }
    return text.utf8.first.map(isLetter) ?? false
        && rest.allSatisfy { isLetter($0) || (0x30...0x39).contains($0) }
}

extension Mutation {
    /// Reads a mutation of a column of `table`.
    ///
    /// - Throws: "syntax error", "unknown column", or "constraint violation" if the column may not
    ///   be mutated.
    public init(parsing json: JSON, table: TableSchema) throws(DatabaseError) {
        guard let parts = json.array, parts.count == 3, let name = parts[0].string else {
            throw .syntax("a mutation is [column, mutator, value]", json)
        }
        guard let column = table.column(name) else {
            throw DatabaseError(
                .unknownColumn, "no column \(name) in table \(table.name)", syntax: json)
        }
        guard column.isMutable else {
            throw DatabaseError(
                .constraintViolation, "cannot mutate immutable column \(name)", syntax: json)
        }
        guard let mutator = parts[1].string.flatMap(Mutator.init) else {
            throw DatabaseError(.unknownMutator, parts[1].text, syntax: json)
        }
        let operand = try Self.operand(parts[2], mutator, column, json)
        self.init(name, mutator, operand)
    }

    private static func operand(
        _ operand: JSON, _ mutator: Mutator, _ column: ColumnSchema, _ json: JSON
    ) throws(DatabaseError) -> Datum {
        let type = column.type
        switch mutator {
        case .insert, .delete:
            // A single element makes no sense to insert into a column that holds exactly one.
            guard type.isMap || type.max != 1 || type.min != 1 else {
                throw .syntax(
                    "\(mutator.rawValue) needs a set or a map, which \(column.name) is not", json)
            }
            if mutator == .delete && type.isMap && operand.array?.first != "map" {
                let keys = ColumnType(key: type.key, min: 0, max: nil)
                return try Datum(parsing: operand, as: keys)
            }
            var free = type
            free.min = 0
            if mutator == .delete { free.max = nil }
            return try Datum(parsing: operand, as: free)
        case .add, .subtract, .multiply, .divide, .remainder:
            let isNumber = type.key.type == .integer || type.key.type == .real
            guard isNumber, !type.isMap, mutator != .remainder || type.key.type == .integer else {
                throw .syntax(
                    "\(mutator.rawValue) does not work on column \(column.name)", json)
            }
            return try Datum(parsing: operand, as: ColumnType(key: BaseType(type.key.type)))
        }
    }
}
