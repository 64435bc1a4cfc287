// Schemas in and out of JSON. RFC 7047 §3.2.

extension DatabaseSchema {
    /// Reads a schema and checks that its references and indexes name what exists.
    ///
    /// - Throws: "syntax error" that names the table and column.
    public init(parsing json: JSON) throws(DatabaseError) {
        guard let object = json.object, let name = object["name"]?.string,
            let tables = object["tables"]?.object
        else { throw .syntax("a schema needs \"name\" and \"tables\"", json) }
        let version = object["version"]?.string ?? ""
        var parsed: [TableSchema] = []
        // Before `isRoot` was invented, all tables were roots: so they are if none claims it.
        let allAreRoots = !tables.values.contains { $0.object?["isRoot"] == true }
        for (name, table) in tables.members {
            parsed.append(try TableSchema(name, parsing: table, isRootUnsaid: allAreRoots))
        }
        self.init(
            name: name, version: version, checksum: object["cksum"]?.string, tables: parsed)
        try checkReferences()
    }

    private func checkReferences() throws(DatabaseError) {
        for table in tables {
            for column in table.columns {
                for base in [column.type.key, column.type.value].compactMap({ $0 }) {
                    guard let target = base.referencedTable, place(of: target) == nil else {
                        continue
                    }
                    throw DatabaseError(
                        .syntaxError,
                        "table \(table.name) column \(column.name) refers to table \(target), "
                            + "which does not exist")
                }
            }
            for name in table.indexes.joined() where table.place(of: name) == nil {
                throw DatabaseError(
                    .syntaxError, "table \(table.name) has an index on unknown column \(name)")
            }
        }
    }

    /// The schema as JSON, with names in ascending order.
    public var json: JSON {
        var object: JSONObject = ["name": .string(name), "version": .string(version)]
        object["cksum"] = checksum.map(JSON.string)
        // If all tables are roots, none says so: see `init(parsing:)`.
        let allAreRoots = tables.allSatisfy(\.isRoot)
        object["tables"] = .object(
            JSONObject(tables.map { ($0.name, $0.json(sayingRoot: !allAreRoots)) }))
        return .object(object)
    }
}

extension TableSchema {
    init(_ name: String, parsing json: JSON, isRootUnsaid: Bool) throws(DatabaseError) {
        guard let object = json.object, let columns = object["columns"]?.object else {
            throw .syntax("table \(name) needs \"columns\"", json)
        }
        var parsed: [ColumnSchema] = []
        for (name, column) in columns.members {
            guard !name.hasPrefix("_") else {
                throw .syntax("names that begin with \"_\" are reserved: \(name)", json)
            }
            parsed.append(try ColumnSchema(name, parsing: column))
        }
        var rowCountMax: Int?
        if let limit = object["maxRows"] {
            guard let number = limit.integer, number > 0 else {
                throw .syntax("\"maxRows\" must be at least 1", json)
            }
            rowCountMax = Int(number)
        }
        let indexes = object["indexes"]?.array ?? []
        self.init(
            name, columns: parsed, rowCountMax: rowCountMax,
            isRoot: object["isRoot"]?.bool ?? isRootUnsaid,
            indexes: indexes.map { ($0.array ?? []).compactMap(\.string) })
    }

    func json(sayingRoot: Bool) -> JSON {
        var object: JSONObject = [
            "columns": .object(JSONObject(columns.map { ($0.name, $0.json) }))
        ]
        object["maxRows"] = rowCountMax.map { .integer(Int64($0)) }
        if isRoot && sayingRoot { object["isRoot"] = true }
        if !indexes.isEmpty {
            object["indexes"] = .array(indexes.map { .array($0.map(JSON.string)) })
        }
        return .object(object)
    }
}

extension ColumnSchema {
    init(_ name: String, parsing json: JSON) throws(DatabaseError) {
        guard let type = json.object?["type"] else {
            throw .syntax("column \(name) needs \"type\"", json)
        }
        self.init(
            name, try ColumnType(parsing: type),
            isEphemeral: json.object?["ephemeral"]?.bool ?? false,
            isMutable: json.object?["mutable"]?.bool ?? true)
    }

    /// The column as JSON.
    public var json: JSON {
        var object: JSONObject = ["type": type.json]
        if isEphemeral { object["ephemeral"] = true }
        if !isMutable { object["mutable"] = false }
        return .object(object)
    }
}
