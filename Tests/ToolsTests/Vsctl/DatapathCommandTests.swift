import DatabaseProtocol
import Testing
import Tools

/// Conntrack zones, capabilities and Auto Attach. Tests/AsRoot/vsctl-compare.sh compares the same
/// with Open vSwitch's own tool.
@Suite struct DatapathCommandTests {
    static let rows: JSON = [
        "Open_vSwitch": [
            "aaaaaaaa-0000-4000-8000-000000000000": [
                "bridges": ["uuid", "bbbbbbbb-0000-4000-8000-000000000000"],
                "datapaths": [
                    "map", [["system", ["uuid", "cccccccc-0000-4000-8000-000000000000"]]],
                ],
            ]
        ],
        "Bridge": [
            "bbbbbbbb-0000-4000-8000-000000000000": [
                "name": "br0", "auto_attach": ["uuid", "dddddddd-0000-4000-8000-000000000000"],
            ]
        ],
        "AutoAttach": [
            "dddddddd-0000-4000-8000-000000000000": ["mappings": ["map", [[5, 7], [100, 200]]]]
        ],
        "Datapath": [
            "cccccccc-0000-4000-8000-000000000000": [
                "capabilities": ["map", [["max_vlan", "2"], ["recirc", "true"]]],
                "ct_zones": [
                    "map",
                    [
                        [1, ["uuid", "eeeeeeee-0000-4000-8000-000000000001"]],
                        [9, ["uuid", "eeeeeeee-0000-4000-8000-000000000009"]],
                    ],
                ],
            ]
        ],
        "CT_Zone": [
            "eeeeeeee-0000-4000-8000-000000000001": [
                "timeout_policy": ["uuid", "ffffffff-0000-4000-8000-000000000000"]
            ],
            "eeeeeeee-0000-4000-8000-000000000009": ["limit": 20],
        ],
        "CT_Timeout_Policy": [
            "ffffffff-0000-4000-8000-000000000000": [
                "timeouts": ["map", [["icmp_first", 1], ["icmp_reply", 2]]]
            ]
        ],
    ]

    private func run(_ line: String) throws -> Conversation {
        try #require(
            try Conversation(line.split(separator: " ").map(String.init), rows: Self.rows))
    }

    @Test(arguments: [
        (
            "list-zone-tp system",
            "Zone:1, Timeout Policies: icmp_first=1 icmp_reply=2\n"
                + "Zone:9, Timeout Policies: system default\n"
        ),
        ("list-dp-cap system", "max_vlan=2 recirc=true\n"),
        ("list-zone-limits system", "Zone: 9, Limit: 20\n"),
        (
            "--no-wait set-zone-limit system default 5 -- set-zone-limit system 3 0 "
                + "-- list-zone-limits system",
            "Default, Limit: 5\nZone: 3, Limit: 0\nZone: 9, Limit: 20\n"
        ),
        ("--no-wait del-zone-limit system 9 -- list-zone-limits system", ""),
        (
            "--no-wait add-zone-tp system zone=9 udp_first=1 -- del-zone-limit system 9 "
                + "-- list-zone-tp system",
            "Zone:1, Timeout Policies: icmp_first=1 icmp_reply=2\n"
                + "Zone:9, Timeout Policies: udp_first=1\n"
        ),
        ("-- --if-exists del-zone-limit system default", ""),
        ("get-aa-mapping br0", "5 7\n100 200\n"),
        ("-- --if-exists del-zone-tp system zone=2", ""),
        ("del-aa-mapping br0 5 8", ""), ("add-aa-mapping br0 5 8", ""),
    ])
    func tells(_ line: String, _ output: String) throws {
        var conversation = try run(line)
        // What changes nothing is not sent.
        if conversation.status == nil { conversation.commit() }
        #expect(conversation.output == output)
        #expect(conversation.status == VsctlExit.success)
    }

    @Test(arguments: [
        ("add-zone-tp nope zone=3 icmp_first=1", "datapath nope does not exist"),
        ("add-zone-tp system zone=1 icmp_first=1", "zone id 1 already exists"),
        (
            "add-zone-tp system zone=65536 icmp_first=1",
            "constraint violation: 65536 is not in the valid range 0 to 65535 (inclusive)"
        ),
        (
            "add-zone-tp system zone=x icmp_first=1",
            "zone=x: write the zone as zone=ID, with ID from 0 to 65535"
        ),
        ("del-zone-tp system zone=3", "zone id 3 does not exist"),
        ("del-zone-tp nope zone=1", "datapath nope does not exist"),
        ("list-zone-tp nope", "datapath: nope record not found"),
        ("set-zone-limit nope 1 5", "datapath nope does not exist"),
        ("set-zone-limit system x 5", "invalid zone id, x"),
        ("set-zone-limit system 65536 5", "zone_id (65536) out of range"),
        ("set-zone-limit system 1 4294967296", "limit (4294967296) out of range"),
        ("del-zone-limit system 1", "zone_id 1 does not have a limit"),
        ("del-zone-limit system default", "datapath system does not have a limit"),
        ("list-zone-limits nope", "datapath: nope record not found"),
        ("list-dp-cap nope", "datapath \"nope\" record not found"),
        ("add-aa-mapping br0 x 1", "Invalid argument x"),
        ("get-aa-mapping nope", "no bridge named nope"),
    ])
    func refuses(_ line: String, _ complaint: String) throws {
        let conversation = try run(line)
        #expect(conversation.complaints == [complaint])
        #expect(conversation.status == VsctlExit.failure)
    }

    @Test func zonesWithTheSameTimeoutsShareAPolicy() throws {
        let shared = try run("--no-wait add-zone-tp system zone=3 icmp_first=1 icmp_reply=2")
        let inserts = shared.operations.compactMap(\.object).filter { $0["op"] == "insert" }
        #expect(inserts.map { $0["table"]?.string } == ["CT_Zone"])
        let own = try run("--no-wait add-zone-tp system zone=3 tcp_unack=5")
        let tables = own.operations.compactMap(\.object).filter { $0["op"] == "insert" }
            .map { $0["table"]?.string }
        #expect(tables == ["CT_Timeout_Policy", "CT_Zone"])
    }
}
