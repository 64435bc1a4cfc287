import DatabaseProtocol
import Testing
import Tools

/// What the tool asks of the database: the operations that were recorded from Open vSwitch's own
/// tool, in an order that is ours where its is left to chance.
@Suite struct VsctlTransactionTests {
    static func id(_ uuid: String) -> String {
        "\"where\":[[\"_uuid\",\"==\",[\"uuid\",\"\(uuid)\"]]]"
    }
    static let (root, bridge) = (id(Conversation.root), id(Conversation.bridge))
    /// The waits of a command that must know all ports.
    static let waits = """
        {"op":"wait","table":"Bridge",\(bridge),"columns":["ports"],"until":"==",\
        "rows":[{"ports":["uuid","\(Conversation.port)"]}],"timeout":0}
        {"op":"wait","table":"Open_vSwitch",\(root),"columns":["bridges"],"until":"==",\
        "rows":[{"bridges":["uuid","\(Conversation.bridge)"]}],"timeout":0}
        {"op":"wait","table":"Port",\(id(Conversation.port)),"columns":["interfaces"],\
        "until":"==","rows":[{"interfaces":["uuid","\(Conversation.interface)"]}],"timeout":0}

        """
    static let bridgesWait = waits.split(separator: "\n")[1] + "\n"
    static let counter = """
        {"op":"mutate","table":"Open_vSwitch",\(root),"mutations":[["next_cfg","+=",1]]}
        {"op":"select","table":"Open_vSwitch",\(root),"columns":["next_cfg"]}

        """
    static func comment(_ line: String) -> String {
        "{\"op\":\"comment\",\"comment\":\"ovs-vsctl \(line)\"}"
    }

    @Test(arguments: [
        (
            "add-br br1",
            waits + """
                {"op":"insert","table":"Interface","row":{"name":"br1","type":"internal"},\
                "uuid-name":"row1"}
                {"op":"insert","table":"Port","row":{"name":"br1",\
                "interfaces":["named-uuid","row1"]},"uuid-name":"row2"}
                {"op":"insert","table":"Bridge","row":{"name":"br1",\
                "ports":["named-uuid","row2"]},"uuid-name":"row3"}
                {"op":"update","table":"Open_vSwitch",\(root),"row":{"bridges":["set",\
                [["uuid","\(Conversation.bridge)"],["named-uuid","row3"]]]}}

                """ + counter
        ),
        (
            "--no-wait add-port br0 eth9 tag=5",
            waits + """
                {"op":"insert","table":"Interface","row":{"name":"eth9"},"uuid-name":"row1"}
                {"op":"insert","table":"Port","row":{"name":"eth9",\
                "interfaces":["named-uuid","row1"],"tag":5},"uuid-name":"row2"}
                {"op":"update","table":"Bridge",\(bridge),"row":{"ports":["set",\
                [["uuid","\(Conversation.port)"],["named-uuid","row2"]]]}}

                """
        ),
        (
            "--no-wait add-bond br0 bond0 e0 e1 bond_mode=active-backup lacp=passive",
            waits + """
                {"op":"insert","table":"Interface","row":{"name":"e0"},"uuid-name":"row1"}
                {"op":"insert","table":"Interface","row":{"name":"e1"},"uuid-name":"row2"}
                {"op":"insert","table":"Port","row":{"name":"bond0","interfaces":["set",\
                [["named-uuid","row1"],["named-uuid","row2"]]],"bond_mode":"active-backup",\
                "lacp":"passive"},"uuid-name":"row3"}
                {"op":"update","table":"Bridge",\(bridge),"row":{"ports":["set",\
                [["uuid","\(Conversation.port)"],["named-uuid","row3"]]]}}

                """
        ),
        (
            "--no-wait del-br br0",
            bridgesWait + """
                {"op":"update","table":"Open_vSwitch",\(root),"row":{"bridges":["set",[]]}}

                """
        ),
        (
            "--no-wait set port br0 tag=7 other_config:a=b",
            """
            {"op":"update","table":"Port",\(id(Conversation.port)),"row":{"tag":7}}
            {"op":"mutate","table":"Port",\(id(Conversation.port)),\
            "mutations":[["other_config","insert",["map",[["a","b"]]]]]}

            """
        ),
        (
            "--no-wait set bridge br0 other-config:a=2",
            """
            {"op":"mutate","table":"Bridge",\(bridge),"mutations":[["other_config","delete","a"],\
            ["other_config","insert",["map",[["a","2"]]]]]}

            """
        ),
        (
            "--no-wait set-controller br0 tcp:1.2.3.4:6653",
            """
            {"op":"wait","table":"Bridge",\(bridge),"columns":["controller"],"until":"==",\
            "rows":[{"controller":["set",[]]}],"timeout":0}
            \(bridgesWait)\
            {"op":"insert","table":"Controller","row":{"target":"tcp:1.2.3.4:6653"},\
            "uuid-name":"row1"}
            {"op":"update","table":"Bridge",\(bridge),\
            "row":{"controller":["named-uuid","row1"]}}

            """
        ),
        (
            "--no-wait -- set bridge br0 mirrors=@m -- --id=@m create mirror name=m0",
            """
            {"op":"update","table":"Bridge",\(bridge),"row":{"mirrors":["named-uuid","row1"]}}
            {"op":"insert","table":"Mirror","row":{"name":"m0"},"uuid-name":"row1"}

            """
        ),
        (
            "--no-wait -- --id=@q create queue dscp=1 -- create qos type=x queues=0=@q",
            """
            {"op":"insert","table":"Queue","row":{"dscp":1},"uuid-name":"row1"}
            {"op":"insert","table":"QoS","row":{"type":"x",\
            "queues":["map",[[0,["named-uuid","row1"]]]]},"uuid-name":"row2"}

            """
        ),
        (
            "--no-wait set bridge br0 flood-vlans=101,102-104",
            """
            {"op":"update","table":"Bridge",\(bridge),\
            "row":{"flood_vlans":["set",[101,102,103,104]]}}

            """
        ),
    ])
    func commandsBecomeOperations(line: String, expected: String) throws {
        let conversation = try #require(
            try Conversation(
                line.split(separator: " ").map(String.init), rows: Conversation.oneBridge))
        #expect(conversation.transcript == expected + Self.comment(line))
        #expect(conversation.complaints.isEmpty)
        #expect(conversation.status == nil, "nothing is done before the database says so")
    }

    @Test func theFirstCommandMakesTheRoot() throws {
        let conversation = try #require(try Conversation("--no-wait", "init", rows: [:]))
        #expect(
            conversation.transcript == """
                {"op":"wait","table":"Open_vSwitch","where":[],"until":"==","rows":[],"timeout":0}
                {"op":"insert","table":"Open_vSwitch","row":{},"uuid-name":"row1"}

                """ + Self.comment("--no-wait init"))
    }

    @Test func aDryRunEndsWithAbortAndDoesNotWait() throws {
        var conversation = try #require(try Conversation("--dry-run", "add-br", "br1"))
        #expect(conversation.operations.last == ["op": "abort"])
        var results: [JSON] = conversation.operations.dropLast().map { _ in [:] }
        results.append(["error": "aborted"])
        conversation.commit(results)
        #expect(conversation.status == VsctlExit.success)
        #expect(conversation.complaints.isEmpty)
    }

    @Test(arguments: [
        "list-br", "init", "comment x", "--if-exists del-br nope", "--may-exist add-br br0",
        "clear bridge br0 flood_vlans", "remove bridge br0 other_config zz", "set port br0 tag=[]",
        "set bridge br0 other_config:a=1", "get port br0 tag", "show", "list port", "find port",
        "destroy qos",
    ])
    func whatChangesNothingIsNotSent(line: String) throws {
        let conversation = try #require(
            try Conversation(
                line.split(separator: " ").map(String.init), rows: Conversation.oneBridge))
        #expect(conversation.operations.isEmpty)
        #expect(conversation.status == VsctlExit.success)
    }
}
