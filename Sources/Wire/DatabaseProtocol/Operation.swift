// The steps of a transaction. RFC 7047 §5.2.

/// Columns of a row and their values, in the order in which they were given.
public struct RowValues: Hashable, Sendable {
    /// Column names, without duplicates.
    public private(set) var names: [String] = []
    /// The value of the column at the same place.
    public private(set) var values: [Datum] = []

    public init() {}

    public init(_ columns: some Sequence<(String, Datum)>) {
        for (name, value) in columns { self[name] = value }
    }

    public var isEmpty: Bool { names.isEmpty }
    public var columns: Zip2Sequence<[String], [Datum]> { zip(names, values) }

    /// The value given for the column called `name`.
    public subscript(name: String) -> Datum? {
        get { names.firstIndex(of: name).map { values[$0] } }
        set {
            let place = names.firstIndex(of: name)
            switch (place, newValue) {
            case (let place?, let value?): values[place] = value
            case (nil, let value?):
                names.append(name)
                values.append(value)
            case (let place?, nil):
                names.remove(at: place)
                values.remove(at: place)
            case (nil, nil): break
            }
        }
    }
}

extension RowValues: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, Datum)...) { self.init(elements) }
}

/// One step of a transaction. Clients build them and send `json`; the server parses them.
public enum Operation: Hashable, Sendable {
    /// Adds a row. `name` is what other operations of the transaction may call it; `uuid` is what
    /// it shall be called for ever, if the client wishes to say (an extension of Open vSwitch).
    case insert(table: String, row: RowValues, name: String? = nil, uuid: UUIDValue? = nil)
    /// Tells rows. `columns` is `nil` for all of them.
    case select(table: String, where: [Condition], columns: [String]? = nil)
    case update(table: String, where: [Condition], row: RowValues)
    case mutate(table: String, where: [Condition], [Mutation])
    case delete(table: String, where: [Condition])
    /// Goes on only when the rows meet the wish. `timeoutMilliseconds` is `nil` for ever.
    case wait(
        table: String, where: [Condition], columns: [String]?, until: WaitUntil,
        rows: [RowValues], timeoutMilliseconds: Int64?)
    case commit(durable: Bool)
    case abort
    case comment(String)
    /// Goes on only if this client owns the lock.
    case assert(lock: String)

    public enum WaitUntil: String, Hashable, Sendable {
        case equal = "=="
        case notEqual = "!="
    }
}

/// One change of a column that depends on its present value. RFC 7047 §5.1, <mutation>.
public struct Mutation: Hashable, Sendable {
    public enum Mutator: String, Hashable, Sendable, CaseIterable {
        case add = "+="
        case subtract = "-="
        case multiply = "*="
        case divide = "/="
        case remainder = "%="
        case insert
        case delete
    }
    public var column: String
    public var mutator: Mutator
    /// The operand. To delete from a map it may be a set of keys.
    public var operand: Datum

    public init(_ column: String, _ mutator: Mutator, _ operand: Datum) {
        (self.column, self.mutator, self.operand) = (column, mutator, operand)
    }

    /// The mutation as JSON.
    public var json: JSON { [.string(column), .string(mutator.rawValue), operand.json] }
}

extension Operation {
    /// The operation as JSON.
    public var json: JSON {
        var object: JSONObject = ["op": .string(name)]
        switch self {
        case .insert(let table, let row, let name, let uuid):
            object["table"] = .string(table)
            object["row"] = row.json
            object["uuid-name"] = name.map(JSON.string)
            object["uuid"] = uuid.map { Atom.uuid($0).json }
        case .select(let table, let conditions, let columns):
            object["table"] = .string(table)
            object["where"] = .array(conditions.map(\.json))
            object["columns"] = columns.map { .array($0.map(JSON.string)) }
        case .update(let table, let conditions, let row):
            object["table"] = .string(table)
            object["where"] = .array(conditions.map(\.json))
            object["row"] = row.json
        case .mutate(let table, let conditions, let mutations):
            object["table"] = .string(table)
            object["where"] = .array(conditions.map(\.json))
            object["mutations"] = .array(mutations.map(\.json))
        case .delete(let table, let conditions):
            object["table"] = .string(table)
            object["where"] = .array(conditions.map(\.json))
        case .wait(let table, let conditions, let columns, let until, let rows, let timeout):
            object["table"] = .string(table)
            object["where"] = .array(conditions.map(\.json))
            object["columns"] = columns.map { .array($0.map(JSON.string)) }
            object["until"] = .string(until.rawValue)
            object["rows"] = .array(rows.map(\.json))
            object["timeout"] = timeout.map(JSON.integer)
        case .commit(let durable): object["durable"] = .bool(durable)
        case .abort: break
        case .comment(let text): object["comment"] = .string(text)
        case .assert(let lock): object["lock"] = .string(lock)
        }
        return .object(object)
    }

    /// The operation's name in the protocol.
    public var name: String {
        switch self {
        case .insert: "insert"
        case .select: "select"
        case .update: "update"
        case .mutate: "mutate"
        case .delete: "delete"
        case .wait: "wait"
        case .commit: "commit"
        case .abort: "abort"
        case .comment: "comment"
        case .assert: "assert"
        }
    }
}

extension RowValues {
    /// The row as a JSON object.
    public var json: JSON { .object(JSONObject(columns.map { ($0, $1.json) })) }
}
