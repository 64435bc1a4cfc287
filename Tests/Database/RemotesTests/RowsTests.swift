import DatabaseProtocol
import DatabaseReplica
import Testing
import Timekeeping

@testable import DatabaseRemotes

/// The keeper with a server that has rows of Manager and SSL: what it does for them, and what it
/// writes into them.
@Suite struct RowsTests {
    private static let manager = "aaaaaaaa-0000-4000-8000-000000000001"

    private struct Bench {
        var keeper: RemoteKeeper
        var orders: [String] = []
        var transactions: [[JSON]] = []
        private var requests: [(method: String, id: JSON)] = []

        init() throws {
            var tls = TLSSources()
            let source = { (column: String) in
                try RemoteSource(parsing: "db:Open_vSwitch,SSL,\(column)", .openVSwitch)
            }
            tls.privateKey = try source("private_key")
            tls.certificate = try source("certificate")
            tls.authority = try source("ca_cert")
            keeper = RemoteKeeper(
                remotes: [
                    .word("punix:/s"),
                    .column(table: "Open_vSwitch", column: "manager_options"),
                ], tls: tls, schema: .openVSwitch)
            take(keeper.start(now: .start), .start)
            answer(DatabaseSchema.openVSwitch.json, .start)
        }

        mutating func take(_ effects: [RemoteEffect], _ now: Instant) {
            for effect in effects {
                guard case .tellServer(let bytes) = effect else {
                    orders.append(RemoteKeeperTests.text(effect))
                    continue
                }
                guard let json = try? JSON(parsing: bytes),
                    case .request(let method, let parameters, let id)? = try? RPCMessage(
                        parsing: json)
                else { continue }
                requests.append((method, id))
                if method == "transact" { transactions.append(Array(parameters.dropFirst())) }
            }
        }

        /// Answers the oldest request.
        mutating func answer(_ result: JSON, _ now: Instant) {
            guard !requests.isEmpty else { return }
            let id = requests.removeFirst().id
            take(keeper.receive(RPCMessage.reply(result: result, id: id).bytes, now: now), now)
        }

        mutating func update(_ rows: JSON, _ now: Instant) {
            let message = RPCMessage.notification(
                method: "update3", parameters: [["monid", "Open_vSwitch"], "0", rows])
            take(keeper.receive(message.bytes, now: now), now)
        }
    }

    private static func rows(_ target: String, probe: JSON = ["set", []]) -> JSON {
        [
            "Open_vSwitch": [
                "bbbbbbbb-0000-4000-8000-000000000001": [
                    "initial": ["manager_options": ["uuid", .string(manager)]]
                ]
            ],
            "Manager": [
                "aaaaaaaa-0000-4000-8000-000000000001": [
                    "initial": [
                        "target": .string(target), "max_backoff": 2000, "inactivity_probe": probe,
                    ]
                ]
            ],
            "SSL": [
                "cccccccc-0000-4000-8000-000000000001": [
                    "initial": ["private_key": "/k", "certificate": "/c", "ca_cert": "/a"]
                ]
            ],
        ]
    }

    private static func at(_ second: Int) -> Instant { .start + .seconds(second) }

    @Test func listensWhereARowSaysSoAndTellsHowItGoes() throws {
        var bench = try Bench()
        #expect(bench.orders == ["listen punix:/s"])
        bench.answer([false, "0", Self.rows("ptcp:6641", probe: 0)], Self.at(1))
        #expect(bench.orders.dropFirst() == ["TLS /k", "listen ptcp:6641"])
        bench.take(bench.keeper.listening(at: "ptcp:6641", port: 6641), Self.at(1))
        bench.take(
            bench.keeper.opened(RemoteClient(1), at: "ptcp:6641", now: Self.at(2)), Self.at(2))
        bench.take(bench.keeper.clockAdvanced(now: Self.at(3)), Self.at(3))
        let row = try #require(bench.transactions.last?.first?.object)
        #expect(row["table"] == "Manager")
        #expect(
            row["row"]?.text == """
                {"is_connected":true,"status":["map",[["bound_port","6641"],\
                ["sec_since_connect","1"],["state","ACTIVE"]]]}
                """)
        // Probes are off, however long the client is silent.
        bench.orders = []
        for second in stride(from: 10, to: 100, by: 10) {
            bench.take(bench.keeper.clockAdvanced(now: Self.at(second)), Self.at(second))
        }
        #expect(bench.orders.isEmpty)
    }

    @Test func stopsWhenTheRowIsGone() throws {
        var bench = try Bench()
        bench.answer([false, "0", Self.rows("tcp:10.0.0.1:6640")], Self.at(1))
        bench.take(bench.keeper.clockAdvanced(now: Self.at(1)), Self.at(1))
        bench.take(
            bench.keeper.opened(RemoteClient(4), at: "tcp:10.0.0.1:6640", now: Self.at(2)),
            Self.at(2))
        bench.orders = []
        bench.update(
            [
                "Open_vSwitch": [
                    "bbbbbbbb-0000-4000-8000-000000000001": [
                        "modify": ["manager_options": ["uuid", .string(Self.manager)]]
                    ]
                ],
                "Manager": ["aaaaaaaa-0000-4000-8000-000000000001": ["delete": nil]],
                "SSL": ["cccccccc-0000-4000-8000-000000000001": ["delete": nil]],
            ], Self.at(3))
        #expect(bench.orders == ["TLS none", "close 4"])
    }

    @Test func theBackoffOfTheRowIsKept() throws {
        var bench = try Bench()
        bench.answer([false, "0", Self.rows("tcp:10.0.0.1:6640")], Self.at(1))
        bench.orders = []
        var calls: [Int] = []
        for second in 1...12 {
            bench.orders = []
            bench.take(bench.keeper.clockAdvanced(now: Self.at(second)), Self.at(second))
            guard bench.orders.contains("call tcp:10.0.0.1:6640") else { continue }
            calls.append(second)
            bench.take(
                bench.keeper.failed(at: "tcp:10.0.0.1:6640", reason: "no", now: Self.at(second)),
                Self.at(second))
        }
        #expect(calls == [1, 2, 4, 6, 8, 10, 12])
    }
}
