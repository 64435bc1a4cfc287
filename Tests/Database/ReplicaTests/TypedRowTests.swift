import DatabaseProtocol
import DatabaseReplica
import Testing

/// Rows of our tables, read by the columns' own types from servers of this schema and of others.
@Suite struct TypedRowTests {
    static let uuid = UUIDValue(high: 0, low: 7)
    static let other = UUIDValue(high: 0, low: 8)

    /// A replica that has been told `rows` by a server with `schema`.
    static func replica(_ schema: DatabaseSchema, _ rows: JSON) throws -> DatabaseReplica {
        var replica = DatabaseReplica(wish: .everything)
        func answer(_ effects: [ReplicaEffect], _ result: JSON) throws -> [ReplicaEffect] {
            var id: JSON?
            for case .send(let bytes) in effects {
                guard case .request(_, _, let number) = try RPCMessage(
                    parsing: JSON(parsing: bytes))
                else { continue }
                id = number
            }
            return replica.receive(RPCMessage.reply(result: result, id: try #require(id)).bytes)
        }
        let monitor = try answer(replica.connectionReady(), schema.json)
        _ = try answer(monitor, [false, "0", rows])
        #expect(replica.isSynchronised)
        return replica
    }

    @Test func readsEachKind() throws {
        let replica = try Self.replica(
            .openVSwitch,
            [
                "Port": [
                    "\(Self.uuid)": [
                        "initial": [
                            "name": "p1", "tag": 5, "trunks": ["set", [9, 3]], "protected": true,
                            "interfaces": ["set", [["uuid", .string("\(Self.other)")]]],
                            "other_config": ["map", [["b", "2"], ["a", "1"]]],
                            "statistics": ["map", [["rx", 12]]],
                        ]
                    ]
                ],
                "Interface": ["\(Self.other)": ["initial": ["name": "i1"]]],
            ])
        let port = try #require(replica.row(Reference<PortColumns>(Self.uuid)))
        #expect(port.name == "p1" && port.tag == 5 && port.trunks == [3, 9] && port.protected)
        #expect(port.vlanMode == nil && port.bondUpdelay == 0 && port.mac == nil)
        #expect(port.otherConfig["a"] == "1" && port.otherConfig["c"] == nil)
        #expect(port.otherConfig.pairs.map(\.key) == ["a", "b"])
        #expect(port.statistics["rx"] == 12)
        #expect(replica.rows(port.interfaces).map(\.name) == ["i1"])
        #expect(port.qos.flatMap { replica.row($0) } == nil)
        #expect(replica.root(of: OpenVSwitchColumns.self) == nil)
    }

    /// A switch of today runs on a schema of yesterday, and on one that is wrong.
    @Test func readsWhatIsNotThereAsInitial() throws {
        let schema = DatabaseSchema(
            name: "Open_vSwitch", version: "1.0.0",
            tables: [
                TableSchema(
                    "Port",
                    columns: [
                        ColumnSchema("name", ColumnType(key: BaseType(.string))),
                        ColumnSchema("tag", ColumnType(key: BaseType(.string))),
                    ], isRoot: true)
            ])
        let replica = try Self.replica(
            schema, ["Port": ["\(Self.uuid)": ["initial": ["name": "p1", "tag": "red"]]]])
        let port = try #require(replica.row(Reference<PortColumns>(Self.uuid)))
        #expect(port.name == "p1" && port.tag == nil && port.trunks.isEmpty && !port.protected)
        #expect(port.otherConfig["a"] == nil && port.interfaces.isEmpty && port.bondUpdelay == 0)
        #expect(replica.row(Reference<BridgeColumns>(Self.uuid)) == nil)
    }

    @Test func writesWhatTheServerReads() throws {
        let settings: [(String, Datum)] = [
            InterfaceColumns.setting(\.ofport, 3), InterfaceColumns.setting(\.error, nil),
            InterfaceColumns.setting(\.linkState, "up"),
            InterfaceColumns.setting(\.lacpCurrent, true),
            InterfaceColumns.setting(\.statistics, ColumnMap([("b", 2), ("a", 1), ("b", 3)])),
            OpenVSwitchColumns.setting(\.ifaceTypes, ["b", "a", "b"]),
            PortColumns.setting(\.qos, Reference(Self.uuid)),
        ]
        let texts = settings.map { "\($0)=\($1.json.text)" }
        #expect(
            texts == [
                "ofport=3", #"error=["set",[]]"#, #"link_state="up""#, "lacp_current=true",
                #"statistics=["map",[["a",1],["b",3]]]"#, #"iface_types=["set",["a","b"]]"#,
                #"qos=["uuid","\#(Self.uuid)"]"#,
            ])
    }
}
