import DatabaseProtocol
import DatabaseReplica
import Testing

@Suite struct DatabaseReplicaTests {
    static let bridge = "11111111-2222-4333-8444-555555555555"
    static let other = "01111111-2222-4333-8444-555555555555"
    static var uuid: UUIDValue { UUIDValue(bridge) ?? .zero }

    static let initial: JSON = [
        "Bridge": [
            "11111111-2222-4333-8444-555555555555": [
                "initial": [
                    "name": "br0", "flood_vlans": ["set", [1, 2]],
                    "other_config": ["map", [["a", "1"], ["b", "2"]]],
                ]
            ]
        ]
    ]
    static let oldStyle: JSON = [
        "Bridge": [
            "11111111-2222-4333-8444-555555555555": ["new": ["name": "br0", "flood_vlans": 1]]
        ]
    ]

    @Test(arguments: ["monitor_cond_since", "monitor_cond", "monitor"])
    func fallsBackToWhatTheServerKnows(method: String) {
        var server = ScriptedServer()
        server.synchronise(method, rows: method == "monitor" ? Self.oldStyle : Self.initial)
        #expect(server.told == [.synchronised, .changed])
        #expect(server.replica.isSynchronised)
        #expect(server.replica.rows(of: "Bridge").map { $0.string("name") } == ["br0"])
        #expect(server.heard.isEmpty)
    }

    @Test func givesUpWhenNoMonitorIsKnown() {
        var server = ScriptedServer()
        server.synchronise("none", rows: [:])
        guard case .disconnect(let reason)? = server.told.last else {
            Issue.record("told: \(server.told)")
            return
        }
        #expect(reason.contains("unknown method"))
        #expect(!server.replica.isSynchronised)
    }

    @Test func givesUpWhenTheDatabaseIsNotThere() {
        var server = ScriptedServer()
        server.connect()
        guard let request = server.hear("get_schema") else {
            Issue.record("no get_schema")
            return
        }
        server.say(.failure(error: ["error": "unknown database"], id: request.id))
        #expect(
            server.told == [
                .disconnect(
                    reason: "the server does not offer the database Open_vSwitch "
                        + "(unknown database)")
            ])
    }

    @Test func asksOnlyForColumnsThatTheServerHas() {
        var server = ScriptedServer(
            wish: .tables([
                .init("Bridge", ["name", "no_such"]), .init("Open_vSwitch", []), .init("Nothing"),
            ]))
        server.connect()
        if let request = server.hear("get_schema") {
            server.say(.reply(result: ScriptedServer.schema.json, id: request.id))
        }
        let monitor = server.hear("monitor_cond_since")
        #expect(
            monitor?.parameters == [
                "Open_vSwitch", ["monid", "Open_vSwitch"],
                ["Bridge": [["columns": ["name"]]], "Open_vSwitch": [["columns": []]]],
                "00000000-0000-0000-0000-000000000000",
            ])
    }

    @Test func differencesChangeSidesOfSetsAndMaps() {
        var server = ScriptedServer()
        server.synchronise(rows: Self.initial)
        _ = server.replica.takeChanges()
        server.say(
            .notification(
                method: "update3",
                parameters: [
                    ["monid", "Open_vSwitch"], "00000000-0000-0000-0000-000000000000",
                    [
                        "Bridge": [
                            Self.bridge: [
                                "modify": [
                                    "flood_vlans": ["set", [2, 3]], "fail_mode": "secure",
                                    "other_config": [
                                        "map", [["a", "1"], ["b", "x"], ["c", "3"]],
                                    ],
                                ]
                            ]
                        ]
                    ],
                ]))
        let row = server.replica.row("Bridge", Self.uuid)
        #expect(row?["flood_vlans"] == Datum(set: [.integer(1), .integer(3)]))
        #expect(row?.string("fail_mode") == "secure")
        #expect(row?["other_config"] == Datum(strings: ["b": "x", "c": "3"]))
        #expect(server.replica.takeChanges() == [Self.change])
        #expect(server.replica.takeChanges().isEmpty)
        #expect(server.replica.revision == 2)
    }

    static var change: TableChange {
        var server = ScriptedServer()
        server.synchronise(rows: initial)
        return server.replica.takeChanges()[0]
    }

    @Test func oldStyleUpdatesReplaceRows() {
        var server = ScriptedServer()
        server.synchronise("monitor", rows: Self.oldStyle)
        let update: (JSON) -> RPCMessage = { row in
            .notification(
                method: "update",
                parameters: [["monid", "Open_vSwitch"], ["Bridge": [Self.bridge: row]]])
        }
        server.say(update(["old": ["name": "br0"], "new": ["name": "br9", "flood_vlans": 1]]))
        #expect(server.replica.row("Bridge", Self.uuid)?.string("name") == "br9")
        server.say(update(["old": ["name": "br9"]]))
        #expect(server.replica.rows(of: "Bridge").isEmpty)
    }

    @Test func anEmptyDifferenceEmptiesAnOptionalColumn() {
        var server = ScriptedServer()
        server.synchronise(rows: [
            "Bridge": [Self.bridge: ["initial": ["name": "b", "fail_mode": "secure"]]]
        ])
        server.say(
            .notification(
                method: "update3",
                parameters: [
                    ["monid", "Open_vSwitch"], "0",
                    ["Bridge": [Self.bridge: ["modify": ["fail_mode": ["set", []]]]]],
                ]))
        #expect(server.replica.row("Bridge", Self.uuid)?.string("fail_mode") == nil)
    }

    @Test func rowsComeInOrderOfTheirNames() {
        var server = ScriptedServer()
        server.synchronise(rows: [
            "Bridge": [
                Self.bridge: ["initial": ["name": "a"]],
                Self.other: ["initial": ["name": "b"]],
            ]
        ])
        #expect(server.replica.rows(of: "Bridge").map { $0.string("name") } == ["b", "a"])
    }

    @Test func aNewConnectionTellsOnlyWhatDiffers() {
        var server = ScriptedServer()
        server.synchronise(rows: Self.initial)
        _ = server.replica.takeChanges()
        server.take(server.replica.connectionLost())
        #expect(server.replica.rows(of: "Bridge").count == 1, "the last picture stays readable")
        server.told = []
        server.synchronise(rows: Self.initial)
        #expect(server.told == [.synchronised])
        #expect(server.replica.takeChanges().isEmpty)
        server.synchronise(rows: [:])
        #expect(server.replica.takeChanges() == [Self.change])
        #expect(server.replica.rows(of: "Bridge").isEmpty)
    }

    @Test func echoIsAnsweredAtOnce() {
        var server = ScriptedServer()
        server.connect()
        server.heard = []
        server.say(.request(method: "echo", parameters: ["x"], id: "echo"))
        #expect(server.heard == [.reply(result: ["x"], id: "echo")])
    }

    @Test func theLockComesAndGoes() {
        var server = ScriptedServer(lock: "ovs_vswitchd")
        server.connect()
        _ = server.hear("get_schema")
        guard let lock = server.hear("lock") else {
            Issue.record("no lock")
            return
        }
        #expect(lock.parameters == ["ovs_vswitchd"])
        server.say(.reply(result: ["locked": false], id: lock.id))
        #expect(!server.replica.holdsLock)
        server.say(.notification(method: "locked", parameters: ["ovs_vswitchd"]))
        #expect(server.replica.holdsLock)
        server.say(.notification(method: "stolen", parameters: ["ovs_vswitchd"]))
        #expect(server.told == [.lock(isHeld: true), .lock(isHeld: false)])
    }

    @Test(arguments: [
        ("[1,2", "ends"), ("}", "not"), ("[1]", "object"),
    ])
    func nonsenseEndsTheConnectionAtMost(text: String, _: String) {
        var server = ScriptedServer()
        server.synchronise(rows: Self.initial)
        server.told = []
        server.take(server.replica.receive(Array(text.utf8)))
        let isOver = server.told.contains { if case .disconnect = $0 { true } else { false } }
        #expect(isOver == (text != "[1,2"))
        #expect(server.replica.rows(of: "Bridge").count == 1)
    }

    @Test func everyTruncationIsHarmless() {
        let text = RPCMessage.notification(
            method: "update3", parameters: [["monid", "Open_vSwitch"], "0", Self.initial]
        ).bytes
        for end in text.indices {
            var server = ScriptedServer()
            server.synchronise(rows: [:])
            server.take(server.replica.receive(Array(text[..<end])))
            #expect(server.replica.rows(of: "Bridge").isEmpty)
            server.take(server.replica.receive(Array(text[end...])))
            #expect(server.replica.rows(of: "Bridge").count == 1)
        }
    }

    @Test(
        arguments: [
            ["Nothing": [:]], ["Bridge": ["x": ["initial": [:]]]], ["Bridge": 1], 7,
            ["Bridge": ["01111111-2222-4333-8444-555555555555": ["modify": ["name": "x"]]]],
            ["Bridge": ["01111111-2222-4333-8444-555555555555": ["insert": ["name": 5]]]],
        ] as [JSON])
    func unbelievableUpdatesEndTheConnection(update: JSON) {
        var server = ScriptedServer()
        server.synchronise(rows: Self.initial)
        server.told = []
        server.say(
            .notification(method: "update3", parameters: [["monid", "Open_vSwitch"], "0", update]))
        guard case .disconnect? = server.told.first else {
            Issue.record("believed \(update.text)")
            return
        }
        #expect(!server.replica.isSynchronised)
    }
}
