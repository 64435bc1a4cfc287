import DatabaseProtocol
import DatabaseReplica

/// Plays the server to a replica: reads what the replica sends, says what the test wants.
struct ScriptedServer {
    static let schema = DatabaseSchema(
        name: "Open_vSwitch", version: "1.0.0",
        tables: [
            TableSchema(
                "Open_vSwitch",
                columns: [
                    ColumnSchema("bridges", ColumnType(key: reference("Bridge"), min: 0, max: nil)),
                    ColumnSchema("cur_cfg", ColumnType(key: BaseType(.integer))),
                ], rowCountMax: 1, isRoot: true),
            TableSchema(
                "Bridge",
                columns: [
                    ColumnSchema("name", ColumnType(key: BaseType(.string))),
                    ColumnSchema("fail_mode", ColumnType(key: BaseType(.string), min: 0)),
                    ColumnSchema(
                        "flood_vlans", ColumnType(key: BaseType(.integer), min: 0, max: 4096)),
                    ColumnSchema(
                        "other_config",
                        ColumnType(
                            key: BaseType(.string), value: BaseType(.string), min: 0, max: nil)),
                ]),
        ])

    static func reference(_ table: String) -> BaseType {
        var base = BaseType(.uuid)
        base.referencedTable = table
        return base
    }

    var replica: DatabaseReplica
    /// Everything that came out of the replica and was not sent to the server.
    var told: [ReplicaEffect] = []
    /// Requests and replies of the replica, not yet looked at.
    var heard: [RPCMessage] = []

    init(wish: ReplicaWish = .everything, lock: String? = nil) {
        replica = DatabaseReplica(wish: wish, lock: lock)
    }

    mutating func take(_ effects: [ReplicaEffect]) {
        for effect in effects {
            guard case .send(let bytes) = effect else {
                told.append(effect)
                continue
            }
            var stream = JSONStream()
            stream.append(bytes)
            do {
                while let json = try stream.next() { heard.append(try RPCMessage(parsing: json)) }
            } catch {
                preconditionFailure("the replica sent \(String(decoding: bytes, as: UTF8.self))")
            }
        }
    }

    mutating func connect() { take(replica.connectionReady()) }

    mutating func say(_ message: RPCMessage) { take(replica.receive(message.bytes)) }

    /// The next request of the replica, which must be of `method`.
    mutating func hear(_ method: String) -> (parameters: [JSON], id: JSON)? {
        guard !heard.isEmpty, case .request(method, let parameters, let id) = heard.removeFirst()
        else { return nil }
        return (parameters, id)
    }

    /// Answers `get_schema`, refuses newer monitors than `method`, and sends `rows`.
    mutating func synchronise(_ method: String = "monitor_cond_since", rows: JSON) {
        connect()
        if let schema = hear("get_schema") {
            say(.reply(result: Self.schema.json, id: schema.id))
        }
        for tried in ["monitor_cond_since", "monitor_cond", "monitor"] {
            guard let request = hear(tried) else { return }
            guard tried == method else {
                say(.failure(error: ["error": "unknown method"], id: request.id))
                continue
            }
            let since: JSON = [false, "00000000-0000-0000-0000-000000000000", rows]
            say(.reply(result: tried == "monitor_cond_since" ? since : rows, id: request.id))
            return
        }
    }
}
