import DatabaseProtocol
import DatabaseReplica
import Testing

@testable import Bridges

/// The row of `SSL`: when it says enough to speak TLS, and that the machine asks for it at all.
@Suite struct WantedTLSTests {
    private static let row = "bbbbbbbb-0000-4000-8000-000000000000"

    private func wanted(_ columns: JSON) throws -> WantedTLS? {
        var replica = DatabaseReplica(wish: Vswitch.wish)
        var requests: [(parameters: JSON, id: JSON)] = []
        func note(_ effects: [ReplicaEffect]) throws {
            for case .send(let bytes) in effects {
                let message = try RPCMessage(parsing: try JSON(parsing: bytes))
                guard case .request(_, let parameters, let id) = message else { continue }
                requests.append((.array(parameters), id))
            }
        }
        try note(replica.connectionReady())
        let schema = RPCMessage.reply(
            result: DatabaseSchema.openVSwitch.json, id: requests.removeFirst().id)
        try note(replica.receive(schema.bytes))
        // What was not asked for would not come.
        let asked = try #require(requests.first)
        #expect(asked.parameters.text.contains("\"SSL\":"))
        #expect(asked.parameters.text.contains("\"ssl\""))
        let rows: JSON = [
            false, "0",
            [
                "Open_vSwitch": [
                    "aaaaaaaa-0000-4000-8000-000000000000": [
                        "initial": ["ssl": ["uuid", .string(Self.row)]]
                    ]
                ],
                "SSL": ["bbbbbbbb-0000-4000-8000-000000000000": ["initial": columns]],
            ],
        ]
        try note(replica.receive(RPCMessage.reply(result: rows, id: asked.id).bytes))
        return WantedSwitch(reading: replica).tls
    }

    @Test func aWholeRowIsUsed() throws {
        let tls = try wanted([
            "private_key": "/k", "certificate": "/c", "ca_cert": "/a", "bootstrap_ca_cert": true,
        ])
        let whole = WantedTLS(
            privateKey: "/k", certificate: "/c", authority: "/a", bootstrapsAuthority: true)
        #expect(tls == whole)
    }

    @Test(arguments: ["private_key", "certificate", "ca_cert"])
    func aRowWithAGapIsNot(_ missing: String) throws {
        var columns: JSONObject = ["private_key": "/k", "certificate": "/c", "ca_cert": "/a"]
        columns[missing] = ""
        #expect(try wanted(.object(columns)) == nil)
    }
}
