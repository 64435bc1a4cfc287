import DatabaseProtocol
import Testing
import Tools

/// The life of one command line: retries, waits, and what is said when time is over.
@Suite struct VsctlMachineTests {
    static let reached: JSON = [
        "Open_vSwitch": ["aaaaaaaa-0000-4000-8000-000000000000": ["modify": ["cur_cfg": 6]]]
    ]
    static let changed: JSON = [
        "Port": [
            "cccccccc-0000-4000-8000-000000000000": ["modify": ["tag": 9]]
        ]
    ]

    @Test func waitsForTheSwitch() throws {
        var conversation = try #require(try Conversation("set", "port", "br0", "tag=7"))
        conversation.commit()
        #expect(conversation.status == nil)
        conversation.update(Self.changed)
        #expect(conversation.status == nil, "another change is not the switch's answer")
        conversation.update(Self.reached)
        #expect(conversation.status == VsctlExit.success)
        #expect(conversation.complaints.isEmpty)
    }

    @Test func doesNotWaitWhenAskedNotTo() throws {
        var conversation = try #require(
            try Conversation("--no-wait", "set", "port", "br0", "tag=7"))
        conversation.commit()
        #expect(conversation.status == VsctlExit.success)
    }

    @Test(
        arguments: [
            (["ofport": 7], VsctlExit.success, []),
            (
                ["ofport": -1, "error": "could not open eth9"], VsctlExit.interfaceFailed,
                [
                    "Error detected while setting up 'eth9': could not open eth9.  "
                        + "See ovs-vswitchd log for details.",
                    "The default log directory is \"/var/log/test\".",
                ]
            ),
            (
                [:], VsctlExit.interfaceFailed,
                [
                    "Error detected while setting up 'eth9'.  See ovs-vswitchd log for details.",
                    "The default log directory is \"/var/log/test\".",
                ]
            ),
        ] as [(JSON, Int32, [String])])
    func asksHowNewInterfacesFare(columns: JSON, status: Int32, complaints: [String]) throws {
        var conversation = try #require(try Conversation("add-port", "br0", "eth9"))
        let insert = try #require(
            conversation.operations.firstIndex { $0.object?["table"] == "Interface" })
        var row = columns.object ?? [:]
        row["name"] = "eth9"
        var rows: JSONObject = [:]
        rows[Conversation.rowUUID(insert)] = ["insert": .object(row)]
        conversation.commit()
        conversation.update(["Interface": .object(rows)])
        #expect(conversation.status == nil)
        conversation.update(Self.reached)
        #expect(conversation.status == status)
        #expect(conversation.complaints == complaints)
    }

    @Test func createPrintsThePermanentName() throws {
        var conversation = try #require(try Conversation("--no-wait", "create", "qos", "type=x"))
        #expect(conversation.output.isEmpty)
        conversation.commit()
        #expect(conversation.output == Conversation.rowUUID(0) + "\n")
    }

    @Test(arguments: [[], ["-f", "json"]])
    func whatShowsANewRowShowsItsPermanentName(options: [String]) throws {
        let words = options + ["--no-wait", "show"]
        var conversation = try #require(try Conversation(words, rows: [:]))
        let insert = try #require(
            conversation.operations.firstIndex { $0.object?["op"] == "insert" })
        conversation.commit()
        #expect(conversation.output.contains(Conversation.rowUUID(insert)))
        #expect(!conversation.output.contains("row1"))

        conversation = try #require(
            try Conversation(
                options + [
                    "--no-wait", "--", "--id=@m", "create", "mirror", "name=m0", "--", "get",
                    "mirror", "m0", "_uuid", "--", "set", "bridge", "br0", "mirrors=@m", "--",
                    "get", "bridge", "br0", "mirrors",
                ], rows: Conversation.oneBridge))
        let mirror = try #require(
            conversation.operations.firstIndex { $0.object?["table"] == "Mirror" })
        conversation.commit()
        let count = conversation.output.components(of: Conversation.rowUUID(mirror))
        #expect(count == 3, "create, get of the row, get of what refers to it")
        #expect(!conversation.output.contains("row"))
    }

    @Test func startsAgainWhenSomebodyWasFaster() throws {
        var conversation = try #require(try Conversation("--no-wait", "add-port", "br0", "eth9"))
        conversation.operations = []
        conversation.commit([["error": "timed out"], nil, nil])
        #expect(conversation.operations.isEmpty, "the other's change is not here yet")
        conversation.update(Self.changed)
        #expect(!conversation.operations.isEmpty)
        conversation.commit()
        #expect(conversation.status == VsctlExit.success)
    }

    @Test func startsAgainAtOnceWhenTheChangeIsHereAlready() throws {
        var conversation = try #require(try Conversation("--no-wait", "add-port", "br0", "eth9"))
        conversation.operations = []
        conversation.update(Self.changed)
        conversation.commit([["error": "timed out"]])
        #expect(!conversation.operations.isEmpty)
    }

    @Test func givesUpAfterSoManyAttempts() throws {
        var conversation = try #require(try Conversation("--no-wait", "add-port", "br0", "eth9"))
        for attempt in 1...VsctlLimits.attemptCountMax {
            #expect(conversation.status == nil, "attempt \(attempt)")
            conversation.update(Self.changed)
            conversation.commit([["error": "timed out"]])
        }
        #expect(conversation.status == VsctlExit.failure)
    }

    @Test func aRefusalIsShownAsTheDatabaseSaidIt() throws {
        var conversation = try #require(try Conversation("--no-wait", "init", rows: [:]))
        conversation.commit([[:], ["error": "constraint violation", "details": "no"]])
        #expect(
            conversation.complaints == [
                "transaction error: {\"details\":\"no\",\"error\":\"constraint violation\"}"
            ])
        #expect(conversation.status == VsctlExit.failure)
    }

    @Test func waitUntilWaitsForItsCondition() throws {
        var conversation = try #require(
            try Conversation(
                "wait-until", "port", "br0", "tag=9", "--", "get", "port", "br0", "tag"))
        #expect(conversation.status == nil)
        conversation.update(Self.reached)
        #expect(conversation.status == nil)
        conversation.update(Self.changed)
        #expect(conversation.status == VsctlExit.success)
        #expect(conversation.output == "9\n")
    }

    @Test(arguments: [
        (
            ["wait-until", "port", "x"], false,
            "what wait-until waits for did not happen within 5 s"
        ),
        (
            ["add-br", "br1"], false,
            "the database did not answer the transaction within 5 s; it is unknown whether the "
                + "change was made"
        ),
        (
            ["add-br", "br1"], true,
            "the change is saved in the database, but ovs-vswitchd did not take it over within "
                + "5 s (is it running? --no-wait does not wait)"
        ),
    ])
    func saysWhatIsKnownWhenTimeIsOver(words: [String], isSaved: Bool, message: String) throws {
        var conversation = try #require(try Conversation(words, rows: Conversation.oneBridge))
        if isSaved { conversation.commit() }
        #expect(conversation.status == nil)
        conversation.take(conversation.machine.timedOut(afterSeconds: 5))
        #expect(conversation.complaints == [message])
        #expect(conversation.status == VsctlExit.timedOut)
        #expect(conversation.machine.timedOut(afterSeconds: 5).isEmpty, "once is enough")
    }

    @Test func saysWhatIsKnownWhenTheConnectionEnds() throws {
        var conversation = try #require(try Conversation("add-br", "br1"))
        conversation.commit()
        conversation.take(conversation.machine.connectionLost(reason: "reset"))
        #expect(conversation.complaints.first?.hasPrefix("the change is saved") == true)
        #expect(conversation.status == VsctlExit.failure)
    }

    @Test func warnsOnceOfRowsThatWillNotStay() throws {
        let conversation = try #require(
            try Conversation(
                ["--no-wait", "create", "mirror", "name=m"], rows: Conversation.oneBridge))
        #expect(
            conversation.complaints == [
                "applying \"create\" command to table Mirror without --id option will have no "
                    + "effect"
            ])
    }

    @Test func aNamedRowMayBeUsedBeforeItIsMade() throws {
        #expect(throws: Never.self) {
            let conversation = try Conversation(
                [
                    "--", "set", "bridge", "br0", "netflow=@n", "--", "--id=@n", "create",
                    "netflow",
                    "targets=\"1.2.3.4:5\"",
                ], rows: Conversation.oneBridge)
            #expect(conversation?.complaints == [])
        }
    }
}
