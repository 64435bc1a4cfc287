import DatabaseHistory
import DatabaseProtocol
import Testing

@testable import Tools

/// `log`, `undo` and `diff` on a database with br0, whose file tells how it came about.
@Suite struct HistoryCommandTests {
    static let ethPort = "cccccccc-0000-4000-8000-000000000001"
    static let eth = "dddddddd-0000-4000-8000-000000000001"

    static let made = """
        {"Open_vSwitch":{"\(Conversation.root)":{"bridges":["uuid","\(Conversation.bridge)"]}},\
        "Bridge":{"\(Conversation.bridge)":{"name":"br0","ports":["uuid","\(Conversation.port)"]}},\
        "Port":{"\(Conversation.port)":{"name":"br0",\
        "interfaces":["uuid","\(Conversation.interface)"]}},\
        "Interface":{"\(Conversation.interface)":{"name":"br0","type":"internal"}},\
        "_date":0,"_comment":"ovs-vsctl (invoked by bash): ovs-vsctl add-br br0"}
        """
    static let configured = """
        {"Bridge":{"\(Conversation.bridge)":{"other_config":["map",[["a","1"]]]}},\
        "_date":1795356505633,\
        "_comment":"ovs-vsctl (invoked by sh): ovs-vsctl set bridge br0 other_config:a=1"}
        """
    static let reported = """
        {"Open_vSwitch":{"\(Conversation.root)":{"cur_cfg":5}},"_date":1795356505700}
        """
    static let portDeleted = """
        {"Bridge":{"\(Conversation.bridge)":{"ports":["uuid","\(Conversation.port)"]}},\
        "Port":{"\(ethPort)":null},"Interface":{"\(eth)":null},\
        "_comment":"ovs-vsctl: ovs-vsctl del-port eth0"}
        """
    static let portAdded = """
        {"Bridge":{"\(Conversation.bridge)":{"ports":["set",[["uuid","\(Conversation.port)"],\
        ["uuid","\(ethPort)"]]]}},\
        "Port":{"\(ethPort)":{"name":"eth0","tag":5,"interfaces":["uuid","\(eth)"]}},\
        "Interface":{"\(eth)":{"name":"eth0","ofport":7}},\
        "_comment":"ovs-vsctl: ovs-vsctl add-port br0 eth0 tag=5"}
        """

    static func history(_ records: [String]) throws -> VsctlFiles {
        let bytes = ([DatabaseSchema.openVSwitch.json.text] + records).flatMap { text -> [UInt8] in
            let checksum = String(repeating: "0", count: 40)
            return Array("OVSDB JSON \(text.utf8.count) \(checksum)\n\(text)".utf8)
        }
        var files = VsctlFiles()
        files.history = try History(reading: bytes)
        return files
    }

    @Test func logTellsWhenWhoAndWhat() throws {
        let files = try Self.history([Self.made, Self.configured, Self.reported])
        guard case .run(let line) = try VsctlCommandLine.parse(["log"]) else { return }
        #expect(!line.wantsServer && line.wantsHistory)
        var machine = VsctlMachine(line, logDirectory: "", files: files)
        #expect(
            machine.runWithoutServer() == [
                .output(
                    """
                    1  1970-01-01 00:00:00 UTC  ovs-vsctl (invoked by bash)
                        ovs-vsctl add-br br0
                        + Bridge br0: ports=br0
                        + Interface br0: type=internal
                        + Open_vSwitch aaaaaaaa: bridges=br0
                        + Port br0: interfaces=br0
                    2  2026-11-22 14:08:25 UTC  ovs-vsctl (invoked by sh)
                        ovs-vsctl set bridge br0 other_config:a=1
                        ~ Bridge br0: other_config +a=1

                    """),
                .exit(0),
            ])
    }

    @Test func undoMakesTheInverseAndSaysSo() throws {
        let files = try Self.history([Self.made, Self.configured, Self.reported])
        var undo = try #require(try Conversation("undo", files: files))
        #expect(
            undo.transcript.split(separator: "\n").dropLast(3) == [
                """
                {"op":"wait","table":"Bridge",\
                "where":[["_uuid","==",["uuid","\(Conversation.bridge)"]]],\
                "columns":["other_config"],"until":"==",\
                "rows":[{"other_config":["map",[["a","1"]]]}],"timeout":0}
                """,
                """
                {"op":"update","table":"Bridge",\
                "where":[["_uuid","==",["uuid","\(Conversation.bridge)"]]],\
                "row":{"other_config":["map",[]]}}
                """,
            ])
        #expect(
            undo.operations.last?.object?["comment"]?.string?.hasSuffix(
                "\nundo of 2: ovs-vsctl set bridge br0 other_config:a=1") == true)
        undo.commit()
        #expect(undo.output == "~ Bridge br0: other_config -a=1\n")
    }

    @Test func aDeletedRowComesBackUnderItsOwnName() throws {
        let files = try Self.history([Self.made, Self.portAdded, Self.portDeleted])
        let undo = try #require(try Conversation("--no-wait", "undo", files: files))
        let inserts = undo.operations.compactMap(\.object).filter { $0["op"] == "insert" }
        #expect(inserts.map { $0["uuid"]?.array?.last?.string } == [Self.eth, Self.ethPort])
        #expect(inserts.last?["row"]?.object?["tag"] == 5)
        #expect(inserts.first?["row"]?.object?["ofport"] == nil)
        let update = undo.operations.compactMap(\.object).first { $0["op"] == "update" }
        #expect(update?["row"]?.text.contains(Self.ethPort) == true)
    }

    @Test(arguments: [
        ([made, portAdded], ["undo"], "cannot undo 2: Interface eth0 is gone already"),
        (
            [made, portAdded, portDeleted, configured], ["undo", "2"],
            "cannot undo 2: Interface eth0 is gone already"
        ),
        (
            [made, configured.replacing("\"1\"", with: "\"2\"")], ["undo"],
            "cannot undo 2: other_config of Bridge br0 was changed since"
        ),
        ([made, reported], ["undo", "2"], "transaction 2 only reports what the switch does"),
        ([made], ["undo", "9"], "there is no transaction 9; see: ovs-vsctl log"),
        (
            [], ["undo"],
            "there is nothing to undo: the file tells of no change since it was compacted or made"
        ),
        (
            [made.replacing("ovs-vsctl (invoked by bash)", with: "compacting database online")],
            ["undo"],
            "transaction 1 is what was left when the file was compacted; what came before cannot "
                + "be undone"
        ),
    ])
    func refusesWhatNoLongerApplies(
        _ records: [String], _ words: [String], _ complaint: String
    ) throws {
        let undo = try #require(
            try Conversation(words, rows: Conversation.oneBridge, files: Self.history(records)))
        #expect(undo.complaints == [complaint])
        #expect(undo.status == 1)
        #expect(undo.operations.isEmpty)
    }

    @Test(arguments: [
        ("{1,2}", "{1,2,3}", "{1,2,3,9}", "{1,2,9}"),
        ("{1,2,3}", "{1,2}", "{1,2,9}", "{1,2,3,9}"),
        ("{1}", "{2}", "{2}", "{1}"),
        ("{1}", "{2}", "{3}", nil),
        ("{1}", "{1,2}", "{1}", nil),
        ("{1,2}", "{1}", "{1,2}", nil),
    ])
    func takesBackOnlyWhatTheChangeDid(
        _ before: String, _ after: String, _ present: String, _ expected: String?
    ) {
        func set(_ text: String) -> Datum {
            Datum(set: text.split { !$0.isNumber }.compactMap { Int64($0) }.map(Atom.integer))
        }
        let inverse = ColumnInverse(before: set(before), after: set(after), isCollection: true)
        #expect(inverse.applied(to: set(present)) == expected.map(set))
    }

    @Test func mapsGoBackPairByPair() {
        func map(_ pairs: (String, String)...) -> Datum {
            Datum(map: pairs.map { (.string($0), .string($1)) })
        }
        let inverse = ColumnInverse(
            before: map(("a", "1"), ("b", "2")), after: map(("a", "9"), ("c", "3")),
            isCollection: true)
        #expect(
            inverse.applied(to: map(("a", "9"), ("c", "3"), ("z", "0")))
                == map(("a", "1"), ("b", "2"), ("z", "0")))
        #expect(inverse.applied(to: map(("a", "8"), ("c", "3"))) == nil)
    }

    @Test func diffShowsWhatTheLinesWouldDoAndDoesNothing() throws {
        var files = VsctlFiles()
        files.texts["plan"] = """
            # a plan
            ovs-vsctl add-port br0 eth1 tag=5 -- set interface eth1 type=internal
            set bridge br0 other_config:a=2 fail_mode="secure"

            sudo apus vsctl set-controller br0 tcp:10.0.0.1:6653
            """
        let diff = try #require(
            try Conversation(["diff", "plan"], rows: Conversation.oneBridge, files: files))
        #expect(
            diff.output == """
                + Interface eth1: type=internal
                + Port eth1: interfaces=eth1, tag=5
                ~ Bridge br0: controller +tcp:10.0.0.1:6653, fail_mode [] -> secure, \
                other_config -a=1 +a=2, ports +eth1
                + Controller tcp:10.0.0.1:6653: target=tcp:10.0.0.1:6653

                """)
        #expect(diff.status == 0)
        #expect(diff.operations.isEmpty)
    }

    @Test(arguments: [
        (
            "add-br br0",
            "plan:1: cannot create a bridge named br0 because a bridge named br0 already exists"
        ),
        (
            "\nadd-prot br0 x",
            "plan:2: unknown command 'add-prot'; use --help for help (did you mean add-port?)"
        ),
        ("set port br0 tag='5", "plan:1: a quotation mark is not closed"),
        ("undo", "plan:1: undo changes nothing by itself"),
    ])
    func aWrongLineIsNamed(_ text: String, _ complaint: String) throws {
        var files = VsctlFiles()
        files.texts["plan"] = text
        let diff = try #require(
            try Conversation(["diff", "plan"], rows: Conversation.oneBridge, files: files))
        #expect(diff.complaints == [complaint])
        #expect(diff.status == 1)
    }

    @Test(arguments: [
        ("a b", ["a", "b"]), (" a\t b ", ["a", "b"]), ("'a b' \"c d\"", ["a b", "c d"]),
        ("a'b'c", ["abc"]), ("a\\ b", ["a b"]), ("\"a\\\"b\\n\"", ["a\"b\\n"]), ("''", [""]),
        ("# x", []), ("a #x", ["a"]), ("a#x", ["a#x"]), ("", []),
    ])
    func readsWordsAsAShell(_ line: String, _ words: [String]) throws {
        #expect(try ShellWords.split(line[...]) == words)
    }

    @Test(
        arguments: [
            (0, "1970-01-01 00:00:00 UTC"), (951_782_400_000, "2000-02-29 00:00:00 UTC"),
            (951_868_800_000, "2000-03-01 00:00:00 UTC"), (-1000, "1969-12-31 23:59:59 UTC"),
            (4_107_542_400_000, "2100-03-01 00:00:00 UTC"),
            (1_795_356_505_633, "2026-11-22 14:08:25 UTC"),
        ] as [(Int64, String)])
    func writesDates(_ milliseconds: Int64, _ text: String) {
        #expect(HistoryDate.text(milliseconds) == text)
    }
}
