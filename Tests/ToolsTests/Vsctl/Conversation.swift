import DatabaseProtocol
import Tools

/// Plays the database to one command line.
struct Conversation {
    var machine: VsctlMachine
    /// What the tool wrote, and its exit status once there is one.
    var output = ""
    var complaints: [String] = []
    var status: Int32?
    /// The operations of the last `transact`, and its id.
    var operations: [JSON] = []
    private var transaction: JSON = nil
    private var heard: [RPCMessage] = []

    /// Reads the line, connects, and shows the tool `rows`: tables of UUIDs of columns.
    ///
    /// - Returns: `nil` if the line asks for help or a version.
    init?(
        _ words: String..., rows: JSON = Conversation.oneBridge, files: VsctlFiles = VsctlFiles()
    ) throws(VsctlStop) {
        try self.init(words, rows: rows, files: files)
    }

    init?(
        _ words: [String], rows: JSON, files: VsctlFiles = VsctlFiles()
    ) throws(VsctlStop) {
        guard case .run(let line) = try VsctlCommandLine.parse(words) else { return nil }
        machine = VsctlMachine(line, logDirectory: "/var/log/test", files: files)
        take(machine.connectionReady())
        reply(DatabaseSchema.openVSwitch.json)
        var updates: JSONObject = [:]
        for (table, rows) in rows.object?.members ?? [] {
            updates[table] = .object(
                JSONObject(rows.object?.members.map { ($0, ["initial": $1]) } ?? []))
        }
        reply([false, "00000000-0000-0000-0000-000000000000", .object(updates)])
    }

    mutating func take(_ effects: [VsctlEffect]) {
        for effect in effects {
            switch effect {
            case .output(let text): output += text
            case .complain(let text): complaints.append(text)
            case .exit(let code): status = code
            case .send(let bytes):
                guard let json = try? JSON(parsing: bytes),
                    let message = try? RPCMessage(parsing: json)
                else { preconditionFailure("sent \(String(decoding: bytes, as: UTF8.self))") }
                if case .request(method: "transact", let parameters, let id) = message {
                    (operations, transaction) = (Array(parameters.dropFirst()), id)
                }
                heard.append(message)
            }
        }
    }

    /// Answers the oldest unanswered request.
    private mutating func reply(_ result: JSON) {
        guard !heard.isEmpty, case .request(_, _, let id) = heard.removeFirst() else { return }
        take(machine.receive(RPCMessage.reply(result: result, id: id).bytes))
    }

    /// Answers the transaction; by default every insert with `rowUUID(place)`, every select with
    /// `next_cfg` 6.
    mutating func commit(_ results: [JSON]? = nil) {
        let results =
            results
            ?? operations.enumerated().map { place, operation in
                switch operation.object?["op"]?.string {
                case "insert": ["uuid": ["uuid", .string(Self.rowUUID(place))]]
                case "select": ["rows": [["next_cfg": 6]]]
                case "update", "mutate", "delete": ["count": 1]
                default: [:]
                }
            }
        take(machine.receive(RPCMessage.reply(result: .array(results), id: transaction).bytes))
    }

    /// Tells of changes, as `update3` has them.
    mutating func update(_ rows: JSON) {
        let message = RPCMessage.notification(
            method: "update3", parameters: [["monid", "Open_vSwitch"], "0", rows])
        take(machine.receive(message.bytes))
    }

    /// The operations as text, one a line, UUIDs of `oneBridge` by their first letter.
    var transcript: String {
        operations.map(\.text).joined(separator: "\n")
    }

    static func rowUUID(_ place: Int) -> String {
        "eeeeeeee-0000-4000-8000-00000000000\(place)"
    }

    static let root = "aaaaaaaa-0000-4000-8000-000000000000"
    static let bridge = "bbbbbbbb-0000-4000-8000-000000000000"
    static let port = "cccccccc-0000-4000-8000-000000000000"
    static let interface = "dddddddd-0000-4000-8000-000000000000"

    /// A database with br0 and its local port.
    static let oneBridge: JSON = [
        "Open_vSwitch": [
            "aaaaaaaa-0000-4000-8000-000000000000": [
                "bridges": ["uuid", "bbbbbbbb-0000-4000-8000-000000000000"],
                "next_cfg": 5, "cur_cfg": 5, "ovs_version": "3.1.0",
            ]
        ],
        "Bridge": [
            "bbbbbbbb-0000-4000-8000-000000000000": [
                "name": "br0", "ports": ["uuid", "cccccccc-0000-4000-8000-000000000000"],
                "other_config": ["map", [["a", "1"]]],
            ]
        ],
        "Port": [
            "cccccccc-0000-4000-8000-000000000000": [
                "name": "br0", "interfaces": ["uuid", "dddddddd-0000-4000-8000-000000000000"],
            ]
        ],
        "Interface": [
            "dddddddd-0000-4000-8000-000000000000": ["name": "br0", "type": "internal"]
        ],
    ]
}
