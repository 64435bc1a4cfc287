// What a client wants to be told of. RFC 7047 §4.1.5; conditions are Open vSwitch's extension.

/// One request about one table. A table may have several, for instance to hear of some columns
/// only once and of others always.
public struct MonitorRequest: Hashable, Sendable {
    /// Which kinds of news are wanted.
    public struct Selection: Hashable, Sendable {
        /// Rows that exist when the monitor begins.
        public var initial = true
        public var insert = true
        public var delete = true
        public var modify = true

        public init() {}
    }
    /// `nil` is all columns but `_uuid`, which stands beside the row anyway.
    public var columns: [String]?
    /// Only rows that meet one of these are told of; `nil` is every row. (Unlike in an operation,
    /// the clauses are alternatives.)
    public var conditions: [Condition]?
    public var selection = Selection()

    public init(columns: [String]? = nil, conditions: [Condition]? = nil) {
        (self.columns, self.conditions) = (columns, conditions)
    }

    /// Reads a request about `table`.
    ///
    /// - Throws: "syntax error" or "unknown column".
    public init(parsing json: JSON, table: TableSchema) throws(DatabaseError) {
        guard let object = json.object else {
            throw .syntax("a monitor request must be an object", json)
        }
        for name in object.names where !["columns", "where", "select"].contains(name) {
            throw .syntax("member \"\(name)\" is present but not allowed here", json)
        }
        if let list = object["columns"] {
            var names: [String] = []
            guard let elements = list.array else {
                throw .syntax("\"columns\" must be an array", json)
            }
            for element in elements {
                guard let name = element.string, table.column(name) != nil else {
                    throw .syntax("\(element.text) is not a valid column name", json)
                }
                guard !names.contains(name) else {
                    throw .syntax("column \(name) is mentioned more than once", json)
                }
                names.append(name)
            }
            columns = names
        }
        conditions = try Self.conditions(object["where"], table)
        guard let chosen = object["select"] else { return }
        guard let members = chosen.object else {
            throw .syntax("\"select\" must be an object", json)
        }
        for (name, value) in members.members {
            guard let isWanted = value.bool else { throw .syntax("\(name) is not a boolean", json) }
            switch name {
            case "initial": selection.initial = isWanted
            case "insert": selection.insert = isWanted
            case "delete": selection.delete = isWanted
            case "modify": selection.modify = isWanted
            default: throw .syntax("member \"\(name)\" is present but not allowed here", json)
            }
        }
    }

    /// Reads the "where" of a monitor of `table`; `nil` if there is none.
    ///
    /// - Throws: As `Condition` does.
    public static func conditions(
        _ json: JSON?, _ table: TableSchema
    ) throws(DatabaseError) -> [Condition]? {
        guard let json else { return nil }
        if let all = json.bool { return [.always(all)] }
        guard let elements = json.array else { throw .syntax("\"where\" must be an array", json) }
        var conditions: [Condition] = []
        for element in elements {
            conditions.append(try Condition(parsing: element, table: table))
        }
        return conditions.isEmpty ? nil : conditions
    }

    /// The request as JSON.
    public var json: JSON {
        var object = JSONObject()
        object["columns"] = columns.map { .array($0.map(JSON.string)) }
        object["where"] = conditions.map { .array($0.map(\.json)) }
        if selection != Selection() {
            object["select"] = [
                "initial": .bool(selection.initial), "insert": .bool(selection.insert),
                "delete": .bool(selection.delete), "modify": .bool(selection.modify),
            ]
        }
        return .object(object)
    }
}
