// Types as RFC 7047 §3.2 writes them, in the shortest form there is.

extension BaseType {
    /// Reads a type: its name alone, or an object with limits.
    ///
    /// - Throws: "syntax error".
    public init(parsing json: JSON) throws(DatabaseError) {
        guard let object = json.object else {
            guard let type = json.string.flatMap(AtomType.init) else {
                throw .syntax("not the name of a type", json)
            }
            self.init(type)
            return
        }
        guard let type = object["type"]?.string.flatMap(AtomType.init) else {
            throw .syntax("a type needs \"type\"", json)
        }
        self.init(type)
        if let list = object["enum"] {
            let plain = ColumnType(key: BaseType(type), min: 1, max: nil)
            allowed = try Datum(parsing: list, as: plain).keys
        }
        integerMin = object["minInteger"]?.integer
        integerMax = object["maxInteger"]?.integer
        realMin = try Self.real(object["minReal"])
        realMax = try Self.real(object["maxReal"])
        lengthMin = object["minLength"]?.integer.map(Int.init)
        lengthMax = object["maxLength"]?.integer.map(Int.init)
        referencedTable = object["refTable"]?.string
        if let text = object["refType"]?.string {
            guard let strength = ReferenceStrength(rawValue: text) else {
                throw .syntax("\"refType\" must be \"strong\" or \"weak\"", json)
            }
            self.strength = strength
        }
    }

    private static func real(_ json: JSON?) throws(DatabaseError) -> Double? {
        guard let json else { return nil }
        return try Atom(parsing: json, as: .real).real
    }

    /// The type's name if there is nothing more to say, else an object.
    public var json: JSON {
        var object: JSONObject = ["type": .string(type.rawValue)]
        if !allowed.isEmpty { object["enum"] = ["set", .array(allowed.sorted().map(\.json))] }
        object["minInteger"] = integerMin.map(JSON.integer)
        object["maxInteger"] = integerMax.map(JSON.integer)
        object["minReal"] = realMin.map(JSON.real)
        object["maxReal"] = realMax.map(JSON.real)
        object["minLength"] = lengthMin.map { .integer(Int64($0)) }
        object["maxLength"] = lengthMax.map { .integer(Int64($0)) }
        if let referencedTable {
            object["refTable"] = .string(referencedTable)
            if strength == .weak { object["refType"] = "weak" }
        }
        return object.count == 1 ? .string(type.rawValue) : .object(object)
    }
}

extension ColumnType {
    /// Reads a column's type: the name of an atom's type, or an object.
    ///
    /// - Throws: "syntax error".
    public init(parsing json: JSON) throws(DatabaseError) {
        guard let object = json.object else {
            self.init(key: try BaseType(parsing: json))
            return
        }
        guard let key = object["key"] else { throw .syntax("a type needs \"key\"", json) }
        self.init(key: try BaseType(parsing: key))
        if let value = object["value"] { self.value = try BaseType(parsing: value) }
        if let min = object["min"] {
            guard let number = min.integer, number == 0 || number == 1 else {
                throw .syntax("\"min\" must be 0 or 1", json)
            }
            self.min = Int(number)
        }
        switch object["max"] {
        case nil: break
        case "unlimited"?: max = nil
        case .integer(let number)? where number >= 1 && number >= min: max = Int(number)
        default: throw .syntax("\"max\" must be \"unlimited\" or at least 1 and \"min\"", json)
        }
    }

    /// The type as RFC 7047 writes it.
    public var json: JSON {
        guard isMap || min != 1 || max != 1 || key.json.string == nil else { return key.json }
        var object: JSONObject = ["key": key.json]
        object["value"] = value?.json
        if min != 1 { object["min"] = .integer(Int64(min)) }
        if max != 1 { object["max"] = max.map { .integer(Int64($0)) } ?? "unlimited" }
        return .object(object)
    }
}
