import DatabaseProtocol
import Testing
import Timekeeping

@testable import DatabaseEngine

/// Locks, waits and ends of clients, and the log that a server is born from again.
@Suite struct SessionTests {
    @Test func locksPassFromOwnerToTheNextInLine() throws {
        var bench = try Bench()
        func call(_ method: String, _ client: UInt64) throws -> [Heard] {
            try bench.tell(#"{"method":"\#(method)","params":["l"],"id":1}"#, client: client)
        }
        let (mine, not): (JSON, JSON) = (["locked": true], ["locked": false])
        #expect(try call("lock", 1) == [.reply(1, mine, 1)])
        #expect(try call("lock", 2) == [.reply(2, not, 1)])
        #expect(try call("lock", 1).map(\.error) == ["syntax error"])
        #expect(try verdicts(bench.transact(#"{"op":"assert","lock":"l"}"#, client: 1)) == ["ok"])
        #expect(
            try verdicts(bench.transact(#"{"op":"assert","lock":"l"}"#, client: 2)) == ["not owner"]
        )
        #expect(try call("steal", 3) == [.reply(3, mine, 1), .news(1, "stolen", ["l"])])
        #expect(try call("unlock", 1) == [.reply(1, [:], 1)])
        #expect(try bench.heard(bench.server.close(SessionID(3))) == [.news(2, "locked", ["l"])])
        #expect(try verdicts(bench.transact(#"{"op":"assert","lock":"l"}"#, client: 2)) == ["ok"])
        #expect(try call("unlock", 2) == [.reply(2, [:], 1)])
    }

    static func wait(_ timeout: String) -> String {
        #"{"op":"wait","table":"Queue","where":[],"columns":["dscp"],"until":"==""#
            + #","rows":[{"dscp":5}]\#(timeout)}"#
    }
    static let insertion = insert("Queue", #"{"dscp":5}"#)

    @Test func aWaitIsAnsweredWhenTheDatabaseIsAsItWishes() throws {
        var bench = try Bench()
        let call =
            transact(ops(insert("Queue", #"{"dscp":9}"#), Self.wait("")), id: #""w""#)
        let waiting = #"{"method":"transact","params":["Open_vSwitch",\#(Self.wait(""))],"id":"w"}"#
        #expect(try bench.tell(call, client: 2) == [])
        #expect(try bench.tell(waiting, client: 3) == [])
        #expect(bench.server.deadline == nil)
        let heard = try bench.tell(
            #"{"method":"transact","params":["Open_vSwitch",\#(Self.insertion)],"id":1}"#)
        #expect(heard.count == 3)
        #expect(heard.last == .reply(3, [[:]], "w"))
        #expect(
            try bench.tell(#"{"method":"cancel","params":["w"],"id":null}"#, client: 2) == [
                .failure(2, "canceled", "w")
            ])
    }

    @Test func aWaitGivesUpWhenItsTimeIsOver() throws {
        var bench = try Bench()
        let call =
            transact(Self.wait(#","timeout":100"#), id: #""w""#)
        bench.now = .start + .seconds(1)
        #expect(try bench.tell(call) == [])
        #expect(bench.server.deadline == .start + .milliseconds(1100))
        #expect(try bench.pass(milliseconds: 99) == [])
        guard case .reply(1, let result, "w")? = try bench.pass(milliseconds: 1).first else {
            Issue.record("the wait goes on")
            return
        }
        #expect(verdicts(result.array ?? []) == ["timed out"])
        #expect(bench.server.deadline == nil)
    }

    @Test func waitsMonitorsAndLocksAreBounded() throws {
        var bench = try Bench()
        var errors: [String?] = []
        for number in 0...EngineLimits.waitingPerSessionMax {
            errors = try bench.tell(
                transact(Self.wait(""), id: "\(number)")
            ).map(\.error)
        }
        #expect(errors == ["resources exhausted"])
        for number in 0...EngineLimits.monitorsPerSessionMax {
            errors = try bench.tell(
                #"{"method":"monitor","params":["Open_vSwitch",\#(number),{}],"id":1}"#
            ).map(\.error)
        }
        #expect(errors == ["resources exhausted"])
        for number in 0...EngineLimits.locksPerSessionMax {
            errors = try bench.tell(#"{"method":"lock","params":["l\#(number)"],"id":1}"#).map(
                \.error)
        }
        #expect(errors == ["resources exhausted"])
        for number in 4...UInt64(EngineLimits.sessionCountMax) {
            #expect(bench.server.open(SessionID(number)) == [])
        }
        #expect(try bench.heard(bench.server.open(SessionID(9999))) == [.closed(9999)])
    }

    @Test(arguments: ["x", "{]", "[1]", #"{"id":1}"#, #"{"method":5,"params":[]}"#])
    func whoSpeaksNoJSONRPCIsClosed(_ text: String) throws {
        var bench = try Bench()
        #expect(try bench.tell(text, client: 2) == [.closed(2)])
        #expect(bench.server.sessionCount == 2)
        #expect(try bench.tell("{}", client: 2) == [])
    }

    @Test func _ServerCannotBeWritten() throws {
        var bench = try Bench()
        let heard = try bench.tell(
            call("transact", #""_Server","# + delete("Database"))
        )
        guard case .reply(_, let result, _)? = heard.first else {
            Issue.record("no reply")
            return
        }
        #expect(verdicts(result.array ?? []) == ["not allowed"])
    }

    /// A thousand random transactions; the server born from their records knows what the first did.
    @Test(arguments: [1, 2, 3, 4])
    func theLogTellsEverythingThatLasts(_ seed: UInt64) throws {
        var bench = try Bench()
        var dice = SeededGenerator(state: seed)
        var log: [JSON] = []
        func pick(_ choices: [String]) -> String {
            choices[Int(dice.next() % UInt64(choices.count))]
        }
        let table = ["Port", "Bridge", "Queue", "Interface", "Mirror", "QoS"]
        var operations = root + "," + bridge
        for _ in 0..<1000 {
            let heard = try bench.tell(
                #"{"method":"transact","params":["Open_vSwitch",\#(operations)],"id":6}"#)
            for case .record(let record) in heard { log.append(record) }
            let number = dice.next() % 7
            operations = pick([
                bridge.replacing("br0", "br\(number)"), bridge,
                insert("Queue", #"{"dscp":\#(number)}"#),
                ops(
                    insert("QoS", #"{"queues":["map",[[\#(number),["named-uuid","q"]]]]}"#),
                    insert("Queue", "{}", as: "q")),
                delete("\(pick(table))"),
                delete("Queue", where: #"[["dscp","==",\#(number)]]"#),
                update("Port", #"{"trunks":["set",[\#(number),99]]}"#),
                update("Port", #"{"statistics":["map",[["a",\#(number)]]]}"#),
                ops(
                    mutate("Bridge", #"["ports","insert",["named-uuid","p"]]"#),
                    insert(
                        "Port", #"{"name":"p\#(number)","interfaces":["named-uuid","i"]}"#,
                        as: "p"),
                    insert("Interface", #"{"name":"p\#(number)"}"#, as: "i")),
                update("Bridge", #"{"ports":["set",[]]}"#),
                update("Open_vSwitch", #"{"bridges":["set",[]]}"#),
                ops(
                    insert("Mirror", #"{"name":"m"}"#, as: "m"),
                    mutate("Bridge", #"["mirrors","insert",["named-uuid","m"]]"#)),
            ])
        }
        var again = try Bench(log: log)
        #expect(Self.lasting(&again) == Self.lasting(&bench))
        #expect(log.count > 100)
        bench.checkWhatIsBesideTheRows()
        again.checkWhatIsBesideTheRows()
    }

    static func lasting(_ bench: inout Bench) -> [[UUIDValue: [Datum]]] {
        (bench.server.databases["Open_vSwitch"]?.database.tables ?? []).map { table in
            table.rows.mapValues { row in
                zip(table.schema.columns, row.values).filter { !$0.0.isEphemeral }.map(\.1)
            }
        }
    }

    @Test func newerFilesTellDifferences() throws {
        let log = [
            #"{"other_config":["map",[["a","1"],["b","2"]]],"dscp":1}"#,
            #"{"other_config":["map",[["a","1"],["b","3"],["c","4"]]],"dscp":["set",[]]}"#,
        ]
        var bench = try Bench(
            log: log.map { text in
                let row = try JSON(parsing: text)
                return ["Queue": ["00000000-0000-4000-8000-000000000001": row], "_is_diff": true]
            })
        let rows = try bench.transact(
            select("Queue", #""other_config","dscp""#))
        #expect(
            rows == [
                [
                    "rows": [
                        [
                            "other_config": ["map", [["b", "3"], ["c", "4"]]], "dscp": ["set", []],
                        ]
                    ]
                ]
            ])
    }
}

extension String {
    func replacing(_ old: String, _ new: String) -> String {
        split(separator: old, omittingEmptySubsequences: false).joined(separator: new)
    }
    func replacing(_ old: Int, _ new: Int) -> String { replacing("\(old)", "\(new)") }
}
