import DatabaseProtocol
import Testing
import Tools

/// What the tool prints, letter for letter. Tests/AsRoot/vsctl-compare.sh compares such lines with
/// those of Open vSwitch's own tool.
@Suite struct VsctlOutputTests {
    /// br0 with its local port, a trunk port whose interface is broken, and a controller.
    static let rows: JSON = [
        "Open_vSwitch": [
            "aaaaaaaa-0000-4000-8000-000000000000": [
                "bridges": ["uuid", "bbbbbbbb-0000-4000-8000-000000000000"],
                "ovs_version": "3.1.0",
            ]
        ],
        "Bridge": [
            "bbbbbbbb-0000-4000-8000-000000000000": [
                "name": "br0", "fail_mode": "secure",
                "ports": [
                    "set",
                    [
                        ["uuid", "cccccccc-0000-4000-8000-000000000000"],
                        ["uuid", "cccccccc-0000-4000-8000-000000000001"],
                    ],
                ],
                "controller": ["uuid", "ffffffff-0000-4000-8000-000000000000"],
                "flood_vlans": ["set", [101, 102]],
                "other_config": ["map", [["hwaddr", "02:00:00:00:00:01"], ["k", "plain"]]],
            ]
        ],
        "Controller": [
            "ffffffff-0000-4000-8000-000000000000": [
                "target": "tcp:10.0.0.1:6653", "is_connected": true,
            ]
        ],
        "Port": [
            "cccccccc-0000-4000-8000-000000000000": [
                "name": "br0", "interfaces": ["uuid", "dddddddd-0000-4000-8000-000000000000"],
            ],
            "cccccccc-0000-4000-8000-000000000001": [
                "name": "eth 1", "interfaces": ["uuid", "dddddddd-0000-4000-8000-000000000001"],
                "trunks": ["set", [101, 102]],
            ],
        ],
        "Interface": [
            "dddddddd-0000-4000-8000-000000000000": ["name": "br0", "type": "internal"],
            "dddddddd-0000-4000-8000-000000000001": [
                "name": "eth 1", "error": "no such \"device\"",
            ],
        ],
    ]

    @Test(arguments: [
        (
            ["show"],
            """
            aaaaaaaa-0000-4000-8000-000000000000
                Bridge br0
                    Controller "tcp:10.0.0.1:6653"
                        is_connected: true
                    fail_mode: secure
                    Port br0
                        Interface br0
                            type: internal
                    Port "eth 1"
                        trunks: [101, 102]
                        Interface "eth 1"
                            error: "no such \\"device\\""
                ovs_version: "3.1.0"

            """
        ),
        (
            ["--", "--filter=Port(ETH)", "show"],
            """
            aaaaaaaa-0000-4000-8000-000000000000
                Bridge br0
                    Controller "tcp:10.0.0.1:6653"
                        is_connected: true
                    fail_mode: secure
                    Port "eth 1"
                        trunks: [101, 102]
                        Interface "eth 1"
                            error: "no such \\"device\\""
                ovs_version: "3.1.0"

            """
        ),
        (
            ["--columns=name,tag,trunks", "list", "port"],
            """
            name                : br0
            tag                 : []
            trunks              : []

            name                : "eth 1"
            tag                 : []
            trunks              : [101, 102]

            """
        ),
        (
            ["-f", "table", "--columns=name,trunks", "list", "port"],
            """
            name    trunks
            ------- ----------
            br0     []
            "eth 1" [101, 102]

            """
        ),
        (
            ["-f", "csv", "--columns=name,trunks", "list", "port"],
            """
            name,trunks
            br0,[]
            \"""eth 1""\","[101, 102]"

            """
        ),
        (
            ["-f", "json", "--columns=name,trunks", "list", "port"],
            """
            {"data":[["br0",["set",[]]],["eth 1",["set",[101,102]]]],"headings":["name","trunks"]}

            """
        ),
        (
            ["-f", "html", "--columns=_uuid,interfaces", "list", "port", "br0"],
            """
            <table border=1>
              <tr>
                <th>_uuid</th>
                <th>interfaces</th>
              </tr>
              <tr>
                <td><a name="cccccccc-0000-4000-8000-000000000000">cccccccc</a></td>
                <td>[<a href="#dddddddd-0000-4000-8000-000000000000">dddddddd</a>]</td>
              </tr>
            </table>

            """
        ),
        (["--bare", "--columns=name", "find", "port", "trunks!=[]"], "eth 1\n"),
        (["--bare", "--columns=name", "find", "port", "trunks{>=}101,102"], "eth 1\n"),
        (["--bare", "--columns=name", "find", "port", "trunks{>}101,102"], ""),
        (["--bare", "--columns=name", "find", "bridge", "other_config:k{in}plain"], "br0\n"),
        (["--bare", "--columns=name", "find", "bridge", "other_config:z{not-in}x"], "br0\n"),
        (["--bare", "--columns=name", "find", "bridge", "other_config:z!=x"], ""),
        (["get", "bridge", "br0", "flood-vlans", "fail"], "[101, 102]\nsecure\n"),
        (["get", "bridge", "bbbb", "name", "_uuid"], "br0\n\(Conversation.bridge)\n"),
        (["get", "open", ".", "ovs_version"], "\"3.1.0\"\n"),
        (["get", "controller", "br0", "target"], "\"tcp:10.0.0.1:6653\"\n"),
        (
            ["get", "bridge", "br0", "other_config", "other_config:k", "other_config:hwaddr"],
            "{hwaddr=\"02:00:00:00:00:01\", k=plain}\nplain\n\"02:00:00:00:00:01\"\n"
        ),
        (["--oneline", "get", "port", "br0", "name", "tag"], "br0\\n[]\n"),
        (["--oneline", "list-ports", "br0", "--", "list-br"], "eth 1\nbr0\n"),
        (["list-ports", "br0", "--", "iface-to-br", "eth 1"], "eth 1\nbr0\n"),
    ])
    func isPrinted(words: [String], expected: String) throws {
        let conversation = try #require(try Conversation(words, rows: Self.rows))
        #expect(conversation.output == expected)
        #expect(conversation.complaints.isEmpty)
        #expect(conversation.status == VsctlExit.success)
    }

    @Test(arguments: [
        ("list prot", "unknown table \"prot\" (did you mean Port?)"),
        ("list f", "\"f\" matches multiple table names: Flow_Sample_Collector_Set, Flow_Table"),
        ("list xyzzy", "unknown table \"xyzzy\""),
        (
            "set port br0 tagg=1",
            "Port does not contain a column whose name matches \"tagg\" (did you mean tag?)"
        ),
        (
            "get port br0 b",
            "Port contains more than one column whose name matches \"b\": bond_active_slave, "
                + "bond_downdelay, bond_fake_iface, bond_mode, bond_updelay"
        ),
        ("add-port br9 x", "no bridge named br9 (did you mean br0?)"),
        ("get bridge br9 name", "no row \"br9\" in table Bridge (did you mean br0?)"),
        (
            "set port br0 vlan_mode=acess",
            "constraint violation: acess is not one of the allowed values ([access, dot1q-tunnel, "
                + "native-tagged, native-untagged, trunk]) (did you mean access?)"
        ),
        (
            "set bridge br0 stp_enable=ture",
            "\"ture\" is not a valid boolean (use \"true\" or \"false\") (did you mean true?)"
        ),
        (
            "get bridge br0 other_config:hwadr",
            "no key \"hwadr\" in Bridge record \"br0\" column other_config (did you mean hwaddr?)"
        ),
        (
            "set-fail-mode br0 secrue",
            "fail-mode must be \"standalone\" or \"secure\" (did you mean secure?)"
        ),
        ("get port nope tag", "no row \"nope\" in table Port"),
        ("get port br0 tag:a", "cannot specify key to get for non-map column tag"),
        (
            "get bridge br0 other_config:zz",
            "no key \"zz\" in Bridge record \"br0\" column other_config"
        ),
        ("set port br0 tag", "tag: argument does not end in \"=\" followed by a value."),
        ("set port br0 tag=x", "\"x\" is not a valid integer or range"),
        (
            "set port br0 tag=4096",
            "constraint violation: 4096 is not in the valid range 0 to 4095 (inclusive)"
        ),
        (
            "set port br0 trunks=0-4096",
            "constraint violation: Range \"0-4096\" is too big. Maximum allowed size is 4096."
        ),
        (
            "set port br0 vlan_mode=x",
            "constraint violation: x is not one of the allowed values ([access, dot1q-tunnel, "
                + "native-tagged, native-untagged, trunk])"
        ),
        ("set port br0 trunks=1,1", "1,1: set contains duplicate value"),
        ("set port br0 tag=1,2", "1,2: 2 value(s) specified but the maximum number is 1"),
        ("set port br0 trunks=[1", "[1: missing \"]\" at end of data"),
        ("set bridge br0 name=x", "cannot modify read-only column name in table Bridge"),
        (
            "clear bridge br0 name",
            "cannot modify read-only column name in table Bridge"
        ),
        (
            "add port br0 tag 1 2",
            "\"add\" operation would put 2 values in column tag of table Port but the maximum "
                + "number is 1"
        ),
        (
            "set bridge br0 mirrors=@m",
            "row id \"@m\" is referenced but never created (e.g. with \"-- --id=@m create ...\")"
        ),
        (
            "add-br br0",
            "cannot create a bridge named br0 because a bridge named br0 already exists"
        ),
        ("add-port nope x", "no bridge named nope"),
        ("set-fail-mode br0 x", "fail-mode must be \"standalone\" or \"secure\""),
        // The first command is fine, and still nothing is sent.
        ("add-br br1 -- del-br nope", "no bridge named nope"),
    ])
    func isRefusedBeforeAnythingIsSent(line: String, message: String) throws {
        let conversation = try #require(
            try Conversation(line.split(separator: " ").map(String.init), rows: Self.rows))
        #expect(conversation.operations.isEmpty)
        #expect(conversation.complaints == [message])
        #expect(conversation.status == VsctlExit.failure)
    }

    /// With `-f json` every command that prints anything prints a table, and the others nothing.
    @Test(arguments: [
        ("list-br", #"{"data":[["br0"]],"headings":["bridge"]}"#),
        ("list-br --", #"{"data":[["br0"]],"headings":["bridge"]}"#),
        ("-- --fake list-br", #"{"data":[],"headings":["bridge"]}"#),
        ("br-to-vlan br0", #"{"data":[[0]],"headings":["vlan"]}"#),
        ("br-to-parent br0", #"{"data":[["br0"]],"headings":["bridge"]}"#),
        ("list-ports br0", #"{"data":[["eth 1"]],"headings":["port"]}"#),
        ("list-ifaces br0", #"{"data":[["eth 1"]],"headings":["interface"]}"#),
        ("get-controller br0", #"{"data":[["tcp:10.0.0.1:6653"]],"headings":["target"]}"#),
        ("get-manager", #"{"data":[],"headings":["target"]}"#),
        ("get-fail-mode br0", #"{"data":[["secure"]],"headings":["fail_mode"]}"#),
        ("get-aa-mapping br0", #"{"data":[],"headings":["i-sid","vlan"]}"#),
        (
            "get bridge br0 flood_vlans name other_config:k",
            #"{"data":[[["set",[101,102]],"br0","plain"]],"headings":["flood_vlans","name","#
                + #""other_config:k"]}"#
        ),
        ("br-exists br0", ""),
        ("comment x", ""),
        (
            "show",
            #"{"data":[[{"_uuid":["uuid","aaaaaaaa-0000-4000-8000-000000000000"],"mana"#
                + #"ger_options":[],"bridges":[{"_uuid":["uuid","bbbbbbbb-0000-4000-8000-000"#
                + #"000000000"],"name":"br0","controller":[{"_uuid":["uuid","ffffffff-0000-4"#
                + #"000-8000-000000000000"],"target":"tcp:10.0.0.1:6653","is_connected":true"#
                + #"}],"fail_mode":"secure","ports":[{"_uuid":["uuid","cccccccc-0000-4000-80"#
                + #"00-000000000000"],"name":"br0","interfaces":[{"_uuid":["uuid","dddddddd-"#
                + #"0000-4000-8000-000000000000"],"name":"br0","type":"internal"}]},{"_uuid""#
                + #":["uuid","cccccccc-0000-4000-8000-000000000001"],"name":"eth 1","trunks""#
                + #":["set",[101,102]],"interfaces":[{"_uuid":["uuid","dddddddd-0000-4000-80"#
                + #"00-000000000001"],"name":"eth 1","error":"no such \"device\""}]}]}],"ovs"#
                + #"_version":"3.1.0"}]],"headings":["Open_vSwitch"]}"#
        ),
    ])
    func isPrintedAsJSON(line: String, expected: String) throws {
        let words = ["-f", "json"] + line.split(separator: " ").map(String.init)
        let conversation = try #require(try Conversation(words, rows: Self.rows))
        #expect(conversation.output == (expected.isEmpty ? "" : expected + "\n"))
        #expect(conversation.status == VsctlExit.success)
    }

    @Test func aMissingBridgeIsStatusTwo() throws {
        let conversation = try #require(try Conversation("br-exists", "br9"))
        #expect(conversation.status == VsctlExit.noSuchBridge)
        #expect(conversation.complaints.isEmpty && conversation.output.isEmpty)
    }
}
