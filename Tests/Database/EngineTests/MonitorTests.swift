import DatabaseProtocol
import Testing

@testable import DatabaseEngine

/// Who hears what, in which words, and before what.
@Suite struct MonitorTests {
    static let columns = #"{"columns":["name","tag"]}"#

    static func started(_ method: String, _ request: String = columns) throws -> Bench {
        var bench = try Bench()
        _ = try bench.transact(root + "," + bridge)
        let since = method == "monitor_cond_since" ? #","\#(UUIDValue.zero)""# : ""
        let heard = try bench.tell(
            call(
                method, #""Open_vSwitch",["m",1],{"Port":[\#(request)]}\#(since)"#, id: "5"),
            client: 2)
        guard case .reply(2, _, 5)? = heard.first else {
            Issue.record("no monitor but \(heard)")
            return bench
        }
        return bench
    }

    static func change(_ operations: String, _ bench: inout Bench, client: UInt64 = 1) throws
        -> [Heard]
    {
        try bench.tell(
            #"{"method":"transact","params":["Open_vSwitch",\#(operations)],"id":6}"#,
            client: client)
    }

    static let setTag = update("Port", #"{"tag":5}"#)

    @Test(arguments: [
        ("monitor", "update", #"{"old":{"tag":["set",[]]},"new":{"name":"br0","tag":5}}"#),
        ("monitor_cond", "update2", #"{"modify":{"tag":5}}"#),
        ("monitor_cond_since", "update3", #"{"modify":{"tag":5}}"#),
    ])
    func theClientHearsOfItsChangeBeforeItsReply(_ method: String, _ news: String, _ row: String)
        throws
    {
        var bench = try Self.started(method)
        let heard = try Self.change(Self.setTag, &bench, client: 2)
        #expect(heard.count == 3)
        guard case .record(let record) = heard[0], case .news(2, news, let parameters) = heard[1],
            case .reply(2, [["count": 1]], 6) = heard[2]
        else {
            Issue.record("not record, news, reply but \(heard)")
            return
        }
        #expect(record.object?["Port"]?.object?.values == [["tag": 5]])
        #expect(parameters.first == ["m", 1])
        #expect(parameters.count == (news == "update3" ? 3 : 2))
        #expect(parameters.last?.object?["Port"]?.object?.values == [try JSON(parsing: row)])
    }

    @Test func nothingIsToldOfColumnsThatNobodyAskedFor() throws {
        var bench = try Self.started("monitor")
        let heard = try Self.change(
            update("Port", #"{"mac":"x"}"#), &bench)
        #expect(heard.count == 2)
    }

    @Test func ephemeralColumnsAreToldButNotWritten() throws {
        var bench = try Self.started("monitor", #"{"columns":["status"]}"#)
        let heard = try Self.change(
            update("Port", #"{"status":["map",[["a","b"]]]}"#),
            &bench)
        #expect(heard.count == 2)
        guard case .news(2, "update", _) = heard[0] else {
            Issue.record("no news but \(heard)")
            return
        }
    }

    @Test(arguments: [
        ("initial", 0, 1, 1, 1), ("insert", 1, 0, 1, 1), ("modify", 1, 1, 0, 1),
        ("delete", 1, 1, 1, 0),
    ])
    func kindsOfNewsCanBeLeftOut(
        _ kind: String, _ initial: Int, _ insert: Int, _ modify: Int, _ delete: Int
    ) throws {
        var bench = try Bench()
        _ = try bench.transact(root + "," + bridge)
        let request = #"{"columns":["name","tag"],"select":{"\#(kind)":false}}"#
        let begun = try bench.tell(
            #"{"method":"monitor","params":["Open_vSwitch",null,{"Port":\#(request)}],"id":5}"#)
        #expect(begun == [.reply(1, initial == 1 ? begun.first.map(Self.result) ?? nil : [:], 5)])
        #expect(begun.first.map(Self.result)?.object?.count == initial)
        func newsCount(_ operations: String) throws -> Int {
            try Self.change(operations, &bench).filter {
                if case .news = $0 { true } else { false }
            }.count
        }
        #expect(try newsCount(Self.setTag) == modify)
        let clear =
            update("Open_vSwitch", #"{"bridges":["set",[]]}"#)
        #expect(try newsCount(clear) == delete)
        #expect(try newsCount(bridge) == insert)
    }

    static func result(_ heard: Heard) -> JSON {
        if case .reply(_, let result, _) = heard { result } else { .null }
    }

    @Test func rowsComeIntoSightAndLeaveItByTheirValues() throws {
        var bench = try Self.started(
            "monitor_cond", #"{"columns":["name"],"where":[["tag","==",5]]}"#)
        func row(_ heard: [Heard]) -> [JSON] {
            heard.compactMap {
                guard case .news(_, _, let parameters) = $0 else { return nil }
                return parameters.last?.object?["Port"]?.object?.values.first
            }
        }
        #expect(row(try Self.change(Self.setTag, &bench)) == [["insert": ["name": "br0"]]])
        let other = update("Port", #"{"tag":6}"#)
        #expect(row(try Self.change(other, &bench)) == [["delete": nil]])
        let wish =
            call(
                "monitor_cond_change",
                #"["m",1],"new",{"Port":[{"where":[["tag","==",6]]}]}"#, id: "8")
        let heard = try bench.tell(wish, client: 2)
        #expect(row(heard) == [["insert": ["name": "br0"]]])
        #expect(heard.last == .reply(2, [:], 8))
        #expect(try bench.tell(wish, client: 2).first?.error == "syntax error")
    }

    @Test func aClientThatKnowsTheLastStateHearsNothingTwice() throws {
        var bench = try Bench()
        _ = try bench.transact(root)
        func begin(_ state: String, _ id: Int) throws -> [JSON] {
            let request = #"{"Open_vSwitch":[{"columns":[]}]}"#
            let heard = try bench.tell(
                call(
                    "monitor_cond_since", #""Open_vSwitch",\#(id),\#(request),"\#(state)""#)
            )
            return heard.first.map(Self.result)?.array ?? []
        }
        let first = try begin(UUIDValue.zero.description, 1)
        #expect(first.count == 3 && first[0] == false && first[2].object?.count == 1)
        let second = try begin(first[1].string ?? "", 2)
        #expect(second == [true, first[1], [:]])
    }

    @Test func anUnmodifiedClientsFirstQuestionsAreAnswered() throws {
        var bench = try Bench()
        #expect(
            try bench.tell(#"{"id":0,"method":"list_dbs","params":[]}"#) == [
                .reply(1, ["Open_vSwitch", "_Server"], 0)
            ])
        #expect(
            try bench.tell(#"{"id":1,"method":"set_db_change_aware","params":[true]}"#) == [
                .reply(1, [:], 1)
            ])
        #expect(
            try bench.tell(#"{"id":"echo","method":"echo","params":[1]}"#) == [
                .reply(1, [1], "echo")
            ])
        let schema = try bench.tell(#"{"id":2,"method":"get_schema","params":["_Server"]}"#)
        #expect(schema == [.reply(1, DatabaseSchema.server.json, 2)])
        let begun = try bench.tell(
            call(
                "monitor_cond",
                #""_Server",["monid","_Server"],{"Database":[{"columns":["name","model","#
                    + #""connected","leader","schema","cid","index"]}]}"#)
        )
        let rows = begun.first.map(Self.result)?.object?["Database"]?.object?.values ?? []
        let told = rows.compactMap { $0.object?["initial"]?.object }.filter {
            $0["name"] == "Open_vSwitch"
        }
        #expect(
            told.first?["schema"]?.string.flatMap { try? JSON(parsing: $0) }
                == DatabaseSchema.openVSwitch.json)
        #expect(told.first?["connected"] == true && told.first?["leader"] == true)
    }

    @Test(arguments: [
        (#"{"id":1,"method":"get_schema","params":["X"]}"#, "unknown database"),
        (#"{"id":1,"method":"monitor","params":["X",null,{}]}"#, "unknown database"),
        (#"{"id":1,"method":"transact","params":["X"]}"#, "unknown database"),
        (#"{"id":1,"method":"transact","params":[]}"#, "syntax error"),
        (#"{"id":1,"method":"monitor","params":["Open_vSwitch",null,{"X":{}}]}"#, "syntax error"),
        (
            call("monitor", #""Open_vSwitch",null,{"Port":{"columns":["x"]}}"#),
            "syntax error"
        ),
        (#"{"id":1,"method":"monitor","params":["Open_vSwitch",null,5]}"#, "syntax error"),
        (
            call(
                "monitor",
                #""Open_vSwitch",null,{"Port":[{"columns":["mac"]},{"columns":["mac"]}]}"#),
            "syntax error"
        ),
        (#"{"id":1,"method":"monitor_cancel","params":[5]}"#, "unknown monitor"),
        (#"{"id":1,"method":"unlock","params":["x"]}"#, "syntax error"),
        (#"{"id":1,"method":"lock","params":["1x"]}"#, "syntax error"),
        (#"{"id":1,"method":"dance","params":[]}"#, "unknown method"),
    ])
    func refuses(_ text: String, _ error: String) throws {
        var bench = try Bench()
        #expect(try bench.tell(text).map(\.error) == [error])
    }
}
