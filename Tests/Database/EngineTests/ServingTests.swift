import DatabaseProtocol
import Testing

@testable import DatabaseEngine

/// Databases that come, go and change, full disks, and what clients hear of them.
@Suite struct ServingTests {
    static func little(_ type: String) throws -> DatabaseSchema {
        try DatabaseSchema(
            parsing: JSON(
                parsing: #"""
                    {"name":"Little","version":"2.0.0","tables":{"T":{"columns":{
                    "a":{"type":"\#(type)"},"b":{"type":"integer"}}}}}
                    """#))
    }

    @Test func comingAndGoingIsTold() throws {
        var bench = try Bench()
        _ = try bench.tell(call("set_db_change_aware", "true"), client: 1)
        _ = try bench.tell(
            call("monitor", #""_Server","s",{"Database":[{"columns":["name"]}]}"#), client: 1)
        let added = try bench.heard(
            bench.server.add(Self.little("string"), random: &bench.random))
        guard case .news(1, "update", _)? = added.first else {
            Issue.record("no news but \(added)")
            return
        }
        #expect(added.dropFirst() == [.closed(2), .closed(3)])
        #expect(bench.server.databaseNames == ["Little", "Open_vSwitch", "_Server"])
        #expect(throws: DatabaseError.self) {
            try bench.server.add(Self.little("string"), random: &bench.random)
        }

        _ = try bench.tell(call("monitor", #""Little",["m"],{"T":[{}]}"#), client: 1)
        let wait = #"{"op":"wait","table":"T","where":[],"until":"!=","rows":[]}"#
        #expect(try bench.tell(call("transact", #""Little",\#(wait)"#, id: "9")) == [])
        let removed = bench.server.remove("Little", random: &bench.random)
        let heard = try bench.heard(try #require(removed))
        #expect(
            heard.prefix(2) == [.failure(1, "canceled", 9), .news(1, "monitor_canceled", [["m"]])])
        #expect(heard.count == 3 && bench.server.deadline == nil)
        #expect(bench.server.remove("Little", random: &bench.random) == nil)
        #expect(bench.server.remove("_Server", random: &bench.random) == nil)
    }

    @Test(arguments: [
        ("string", #"["b","c"]"#), ("integer", "constraint violation"),
        ("real", "constraint violation"),
    ])
    func conversionKeepsWhatFits(_ type: String, _ outcome: String) throws {
        var bench = try Bench(schema: Self.little("string"))
        for value in ["b", "c"] {
            _ = try bench.tell(
                call("transact", #""Little",\#(insert("T", #"{"a":"\#(value)"}"#))"#))
        }
        let heard = try bench.tell(
            call("convert", #""Little",\#(Self.little(type).json.text)"#), client: 2)
        guard
            case .reply(2, [:], _)? = heard.first(where: {
                if case .reply = $0 { true } else { false }
            })
        else {
            #expect(heard.map(\.error) == [outcome])
            return
        }
        #expect(heard.last == .closed(3))
        #expect(bench.journal.records.isEmpty)
        _ = bench.server.open(SessionID(1))
        let rows = try bench.tell(call("transact", #""Little",\#(select("T", #""a""#))"#))
        #expect("\(rows)".contains("b") && "\(rows)".contains("c"))
    }

    /// Numbers become text and back; columns come and go.
    @Test func conversionReadsValuesAnew() throws {
        func schema(_ columns: String) throws -> DatabaseSchema {
            try DatabaseSchema(
                parsing: JSON(
                    parsing:
                        #"{"name":"L","version":"1.0.0","tables":{"T":{"columns":{\#(columns)}}}}"#)
            )
        }
        var bench = try Bench(schema: schema(#""n":{"type":"integer"},"gone":{"type":"string"}"#))
        _ = try bench.tell(call("transact", #""L",\#(insert("T", #"{"n":5,"gone":"x"}"#))"#))
        try bench.server.convert(
            schema(
                #""n":{"type":{"key":"string","min":0,"max":"unlimited"}},"new":{"type":"boolean"}"#
            ),
            random: &bench.random, journal: bench.journal)
        let records = bench.journal.takeRecords()
        #expect(records.last?.object?["T"]?.object?.values == [["n": "5"]])
        try bench.server.convert(
            schema(#""n":{"type":"real"}"#), random: &bench.random, journal: bench.journal)
        #expect(bench.journal.takeRecords().last?.object?["T"]?.object?.values == [["n": 5]])
    }

    @Test func aFullDiskRefusesAndLosesNothing() throws {
        var bench = try Bench()
        _ = try bench.transact(root + "," + bridge)
        _ = try bench.tell(call("monitor", #""Open_vSwitch",1,{"Port":[{}]}"#), client: 2)
        bench.journal.isFull = true
        let change = try bench.tell(
            transact(ops(update("Port", #"{"tag":5}"#), insert("Queue", "{}"))))
        guard case .reply(1, let results, 1)? = change.first, change.count == 1 else {
            Issue.record("not a reply alone but \(change)")
            return
        }
        #expect(verdicts(results.array ?? []) == ["ok", "ok", "I/O error"])
        #expect(
            try bench.tell(call("convert", #""Open_vSwitch",{"name":"Open_vSwitch","tables":{}}"#))
                .map(\.error) == ["I/O error"])
        #expect(
            try verdicts(bench.transact(update("Port", #"{"status":["map",[["a","b"]]]}"#))) == [
                "ok"
            ])
        bench.journal.isFull = false
        #expect(
            try bench.transact(select("Port", #""tag""#)) == [["rows": [["tag": ["set", []]]]]])
        #expect(try verdicts(bench.transact(update("Port", #"{"tag":5}"#))) == ["ok"])
        bench.checkWhatIsBesideTheRows()
    }

    @Test func aSnapshotIsTheWhole() throws {
        var bench = try Bench()
        _ = try bench.transact(root + "," + bridge)
        _ = try bench.transact(update("Port", #"{"tag":5,"status":["map",[["a","b"]]]}"#))
        let snapshot = try #require(bench.server.snapshot("Open_vSwitch"))
        let content = try JSON(parsing: #require(snapshot.text(adding: ["_date": 1])))
        var again = try Bench(schema: snapshot.schema, log: [content])
        #expect(SessionTests.lasting(&again) == SessionTests.lasting(&bench))
        #expect(bench.server.snapshot("_Server") == nil && bench.server.snapshot("x") == nil)
        #expect(try Bench().server.snapshot("Open_vSwitch")?.text() == nil)
    }

    /// Effects wait for the writes before them, share a synchronisation, and keep their order.
    @Test func nobodyIsToldOfWhatIsNotOnTheDisk() {
        func effect(_ number: UInt8) -> DatabaseEffect { .send([number], SessionID(1)) }
        var outbox = Outbox()
        outbox.hold([effect(0)])
        #expect(outbox.takeReady() == [effect(0)])
        outbox.wrote(to: "a")
        outbox.hold([effect(1)])
        #expect(outbox.takeReady().isEmpty && outbox.filesToSynchronize == ["a"])
        let first = outbox.beginSynchronizing("a")
        #expect(outbox.filesToSynchronize.isEmpty)
        outbox.wrote(to: "a")
        outbox.hold([effect(2)])
        outbox.wrote(to: "a")
        outbox.hold([effect(3), effect(4)])
        outbox.endSynchronizing("a", first)
        #expect(outbox.takeReady() == [effect(1)] && outbox.heldCount == 3)
        let second = outbox.beginSynchronizing("a")
        outbox.wrote(to: "b")
        outbox.hold([effect(5)])
        outbox.endSynchronizing("a", first)
        #expect(outbox.takeReady().isEmpty)
        outbox.endSynchronizing("a", second)
        #expect(outbox.takeReady() == [effect(2), effect(3), effect(4)])
        let third = outbox.beginSynchronizing("b")
        outbox.settle("b")
        #expect(outbox.takeReady() == [effect(5)] && outbox.heldCount == 0)
        outbox.wrote(to: "b")
        outbox.hold([effect(6)])
        outbox.endSynchronizing("b", third)
        #expect(outbox.takeReady().isEmpty && outbox.filesToSynchronize == ["b"])
    }
}
