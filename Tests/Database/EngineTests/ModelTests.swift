import DatabaseProtocol
import Testing
import Timekeeping

@testable import DatabaseEngine

/// The engine and the slow model are told the same, and must say and become the same; and whoever
/// monitors the engine, from whatever moment on, must see the same.
@Suite struct ModelTests {
    /// Every kind of column, reference, index and limit, in little.
    static let schema = #"""
        {"name":"Little","version":"1.0.0","tables":{
        "Root":{"isRoot":true,"maxRows":4,"indexes":[["name"],["number","kind"]],"columns":{
          "name":{"type":"string","mutable":false},"number":{"type":"integer"},
          "kind":{"type":{"key":{"type":"string","enum":["set",["a","b",""]]}}},
          "maybe":{"type":{"key":{"type":"integer","minInteger":0,"maxInteger":9},"min":0}},
          "many":{"type":{"key":{"type":"integer","minInteger":-5,"maxInteger":9},"min":0,"max":4}},
          "words":{"type":{"key":"string","value":"string","min":0,"max":"unlimited"}},
          "seen":{"type":{"key":"integer","min":0,"max":"unlimited"},"ephemeral":true},
          "leaves":{"type":{"key":{"type":"uuid","refTable":"Leaf"},"min":0,"max":"unlimited"}},
          "ring":{"type":{"key":"integer","value":{"type":"uuid","refTable":"Ring"},
            "min":0,"max":"unlimited"}},
          "friend":{"type":{"key":{"type":"uuid","refTable":"Root","refType":"weak"},"min":0}}}},
        "Leaf":{"columns":{"name":{"type":"string"},
          "likes":{"type":{"key":{"type":"uuid","refTable":"Leaf","refType":"weak"},
            "min":0,"max":"unlimited"}}},"indexes":[["name"]]},
        "Ring":{"columns":{"next":{"type":{"key":{"type":"uuid","refTable":"Ring"},"min":0}},
          "watch":{"type":{"key":{"type":"uuid","refTable":"Root","refType":"weak"},
            "value":"integer","min":0,"max":"unlimited"}},
          "must":{"type":{"key":{"type":"uuid","refTable":"Leaf","refType":"weak"},
            "min":1,"max":"unlimited"}}}}}}
        """#

    /// Random transactions that are well formed, and rather often right.
    struct Author {
        var dice: SeededGenerator

        mutating func number(_ count: Int) -> Int { Int(dice.next() % UInt64(count)) }
        mutating func pick<T>(_ choices: T...) -> T { choices[number(choices.count)] }

        mutating func uuid(_ table: Int, _ row: Int? = nil) -> String {
            "c0ffee00-0000-4000-8000-0000000\(table)000\(row ?? number(6))"
        }
        mutating func row(_ table: Int) -> JSON { ["uuid", .string(uuid(table))] }
        mutating func reference(_ table: Int) -> JSON {
            number(4) == 0 ? ["named-uuid", .string(pick("x", "y"))] : row(table)
        }
        mutating func set(_ element: (inout Author) -> JSON, _ max: Int = 3) -> JSON {
            var elements: [JSON] = []
            for _ in 0..<number(max + 1) {
                let new = element(&self)
                if !elements.contains(new) { elements.append(new) }
            }
            return ["set", .array(elements)]
        }
        mutating func map(_ key: (inout Author) -> JSON, _ value: (inout Author) -> JSON) -> JSON {
            var pairs: [JSON] = []
            for _ in 0..<number(3) {
                let new = key(&self)
                if !pairs.contains(where: { $0.array?[0] == new }) {
                    pairs.append([new, value(&self)])
                }
            }
            return ["map", .array(pairs)]
        }

        mutating func value(_ column: String) -> JSON {
            func small(_ author: inout Author) -> JSON { .integer(Int64(author.number(11)) - 1) }
            func word(_ author: inout Author) -> JSON { .string(author.pick("a", "b", "é", "")) }
            switch column {
            case "name": return .string(pick("a", "b", "c", "d", "e"))
            case "number": return .integer(Int64(number(4)))
            case "kind": return .string(pick("a", "b", "", "z"))
            case "maybe": return number(2) == 0 ? ["set", []] : small(&self)
            case "many": return set(small, 5)
            case "seen": return set(small)
            case "words": return map(word, word)
            case "leaves": return set { $0.reference(1) }
            case "likes": return set { $0.reference(1) }
            case "must": return set { $0.reference(1) }
            case "friend": return number(2) == 0 ? ["set", []] : reference(0)
            case "next": return number(2) == 0 ? ["set", []] : reference(2)
            case "ring": return map(small) { $0.reference(2) }
            default: return map({ $0.reference(0) }, small)
            }
        }

        static let tables = ["Root", "Leaf", "Ring"]
        static let columns = [
            [
                "name", "number", "kind", "maybe", "many", "words", "seen", "leaves", "ring",
                "friend",
            ],
            ["name", "likes"], ["next", "watch", "must"],
        ]

        mutating func conditions(_ table: Int) -> JSON {
            var clauses: [JSON] = []
            for _ in 0..<number(3) {
                let column = Self.columns[table][number(Self.columns[table].count)]
                switch number(5) {
                case 0: clauses.append(["_uuid", pick("==", "!="), row(table)])
                case 1 where table == 0:
                    clauses.append(["number", pick("<", "<=", ">", ">="), value("number")])
                case 2: clauses.append(.bool(number(4) > 0))
                default:
                    let function: JSON =
                        ["name", "number", "kind", "maybe", "friend", "next"].contains(column)
                        ? pick("==", "!=") : pick("==", "!=", "includes", "excludes")
                    clauses.append([.string(column), function, value(column)])
                }
            }
            return .array(clauses)
        }

        mutating func operation() -> JSON {
            let table = number(3)
            let name = JSON.string(Self.tables[table])
            let columns = Self.columns[table]
            var row = JSONObject()
            for column in columns where number(3) == 0 { row[column] = value(column) }
            switch number(9) {
            case 0, 1, 2, 3:
                for column in ["name", "must"] where columns.contains(column) {
                    row[column] = value(column)
                }
                var insert: JSONObject = [
                    "op": "insert", "table": name, "uuid": .string(uuid(table)),
                    "row": .object(row),
                ]
                // Rows with names have UUIDs that nobody writes, so that no set holds a row twice.
                if number(2) == 0 {
                    let isX = number(2) == 0
                    insert["uuid-name"] = isX ? "x" : "y"
                    insert["uuid"] = .string(uuid(table, isX ? 6 : 7))
                }
                return .object(insert)
            case 4:
                return ["op": "delete", "table": name, "where": conditions(table)]
            case 5:
                return [
                    "op": "update", "table": name, "where": conditions(table), "row": .object(row),
                ]
            case 6, 7: return mutation(table)
            default:
                if number(6) == 0 { return ["op": "abort"] }
                return [
                    "op": "select", "table": name, "where": conditions(table),
                    "columns": .array(columns.map(JSON.string)),
                ]
            }
        }

        mutating func mutation(_ table: Int) -> JSON {
            let columns = Self.columns[table]
            let column = columns[number(columns.count)]
            let mutation: JSON
            switch column {
            case "name", "kind": mutation = ["name", "insert", "a"]
            case "number", "maybe":
                mutation = [
                    .string(column), pick("+=", "-=", "*=", "/=", "%="),
                    pick(1, 0, 3, -2, .integer(.max)),
                ]
            case "friend", "next":
                mutation = [.string(column), pick("insert", "delete"), value(column)]
            default: mutation = [.string(column), pick("insert", "delete"), value(column)]
            }
            return [
                "op": "mutate", "table": .string(Self.tables[table]), "where": conditions(table),
                "mutations": [mutation],
            ]
        }

        /// Names stand for one row each, and are declared.
        mutating func transaction() -> [JSON] {
            var operations: [JSON] = []
            var declared: Set<String> = []
            for _ in 0...number(5) {
                let next = operation()
                if let name = next.object?["uuid-name"]?.string,
                    !declared.insert(name).inserted
                {
                    continue
                }
                operations.append(next)
            }
            let text = JSON.array(operations).text
            for name in ["x", "y"] where text.contains(#"["named-uuid","\#(name)"]"#) {
                if !declared.contains(name) { return transaction() }
            }
            return operations
        }
    }

    /// The results in the model's words.
    static func plain(_ results: [JSON]) -> [JSON] {
        results.map { result in
            guard let object = result.object else { return result }
            if let error = object["error"] { return error }
            guard let rows = object["rows"]?.array else { return result }
            return .array(
                Set(
                    rows.map { row in
                        .array((row.object ?? [:]).values.map { .array(elements($0)) })
                    }
                ).sorted { $0.text < $1.text })
        }
    }

    static func elements(_ json: JSON) -> [JSON] {
        guard let pair = json.array, pair[0] == "set" || pair[0] == "map" else { return [json] }
        return (pair[1].array ?? []).sorted { $0.text < $1.text }
    }

    static func content(_ bench: Bench) -> [String: [String: SlowModel.Row]] {
        var content: [String: [String: SlowModel.Row]] = [:]
        for table in bench.server.databases["Little"]?.database.tables ?? [] {
            var rows: [String: SlowModel.Row] = [:]
            for (uuid, row) in table.rows {
                rows[uuid.description] = Dictionary(
                    uniqueKeysWithValues: zip(table.schema.columns, row.values).map {
                        ($0.name, elements($1.json))
                    })
            }
            content[table.schema.name] = rows
        }
        return content
    }

    @Test(arguments: Array(1...20))
    func theSameHappensAsInTheModel(_ seed: UInt64) throws {
        let schema = try JSON(parsing: Self.schema)
        var bench = try Bench(schema: DatabaseSchema(parsing: schema))
        var model = SlowModel(schema: schema)
        var author = Author(dice: SeededGenerator(state: seed))
        var committedCount = 0
        for step in 0..<400 {
            let operations = author.transaction()
            let heard = try bench.tell(
                RPCMessage.request(
                    method: "transact", parameters: ["Little"] + operations, id: 1
                ).json.text)
            guard case .reply(_, let reply, _)? = heard.last else {
                Issue.record("no reply to \(operations) but \(heard)")
                return
            }
            let ours = Self.plain(reply.array ?? [])
            let wanted = model.transact(operations)
            try #require(
                ours == wanted, "seed \(seed), step \(step): \(JSON.array(operations).text)")
            if !wanted.contains(where: { $0.string != nil }) { committedCount += 1 }
            try #require(Self.content(bench) == model.rows, "seed \(seed), step \(step)")
        }
        #expect(committedCount > 60, "the random transactions are too often wrong")
    }
}
