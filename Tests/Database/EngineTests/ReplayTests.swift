import DatabaseProtocol
import Testing

@testable import DatabaseEngine

/// Whoever follows a monitor, from whatever moment on and however interrupted, sees what is.
@Suite struct ReplayTests {
    static let numbers: JSON = [
        "Root": [["columns": ["name", "number", "many", "words"]]],
        "Leaf": [["columns": ["name", "likes"]]],
    ]
    static let some: JSON = [
        "Root": [
            [
                "columns": ["name", "number", "many", "words", "leaves", "ring"],
                "where": [["number", "<", 2], ["many", "includes", ["set", [1]]]],
            ]
        ],
        "Ring": [["columns": ["watch", "must"]]],
    ]

    /// What `viewer` ought to see of the content. Values that are told as initial ones may be left
    /// out, so both sides are compared without empty sets, zeros and empty strings.
    static func visible(_ viewer: Viewer, _ content: [String: [String: SlowModel.Row]])
        -> [String: [String: SlowModel.Row]]
    {
        var seen: [String: [String: SlowModel.Row]] = [:]
        for (table, request) in viewer.requests.object?.members ?? JSONObject().members {
            let columns = request.array?[0].object?["columns"]?.array?.compactMap(\.string) ?? []
            let isSome = viewer.method != "monitor" && request.array?[0].object?["where"] != nil
            let rows = (content[table] ?? [:]).filter { _, row in
                !isSome || (row["number"]?.first?.integer ?? 0) < 2
                    || row["many"]?.contains(1) ?? false
            }
            if !rows.isEmpty {
                seen[table] = rows.mapValues { $0.filter { columns.contains($0.key) } }
            }
        }
        return plain(seen)
    }

    static func plain(_ rows: [String: [String: SlowModel.Row]])
        -> [String: [String: SlowModel.Row]]
    {
        rows.filter { !$0.value.isEmpty }.mapValues {
            $0.mapValues { $0.filter { ![[], [0], [""]].contains($0.value) } }
        }
    }

    @Test(arguments: Array(1...12))
    func monitorsShowWhatIs(_ seed: UInt64) throws {
        var bench = try Bench(
            schema: DatabaseSchema(parsing: JSON(parsing: ModelTests.schema)))
        var author = ModelTests.Author(dice: SeededGenerator(state: seed &* 77))
        let wishes: [UInt64: (String, JSON)] = [
            2: (["monitor", "monitor_cond"][Int(seed % 2)], Self.numbers),
            3: ("monitor_cond_since", seed % 3 == 0 ? Self.numbers : Self.some),
        ]
        var viewers: [UInt64: Viewer] = [:]
        var away: [UInt64: Viewer] = [:]
        for step in 0..<300 {
            for client in [2, 3] as [UInt64] where author.number(9) == 0 {
                if let viewer = viewers.removeValue(forKey: client) {
                    away[client] = viewer
                    _ = bench.server.close(SessionID(client))
                    _ = bench.server.open(SessionID(client))
                } else if let wish = wishes[client] {
                    var viewer = away[client] ?? Viewer(wish.0, wish.1)
                    guard
                        case .reply(_, let result, _)? = try bench.tell(
                            viewer.request, client: client
                        ).first
                    else {
                        Issue.record("no reply to \(viewer.request)")
                        return
                    }
                    viewer.begin(result)
                    viewers[client] = viewer
                }
            }
            let request = RPCMessage.request(
                method: "transact", parameters: ["Little"] + author.transaction(), id: 1)
            for case .news(let client, _, let parameters) in try bench.tell(request.json.text) {
                viewers[client]?.update(parameters)
            }
            let content = ModelTests.content(bench)
            for (client, viewer) in viewers {
                try #require(
                    Self.plain(viewer.rows) == Self.visible(viewer, content),
                    "seed \(seed), step \(step), client \(client)")
            }
        }
    }

    /// A state is remembered for as many transactions as are promised, and not for one more.
    @Test func statesAreRememberedWithinBounds() throws {
        var bench = try Bench()
        _ = try bench.transact(root)
        func since(_ state: String) throws -> (Bool?, String) {
            let heard = try bench.tell(
                call("monitor_cond_since", #""Open_vSwitch",1,{"Queue":[{}]},"\#(state)""#))
            _ = try bench.tell(call("monitor_cancel", "1"))
            guard case .reply(_, let result, _)? = heard.first else { return (nil, "") }
            return (result.array?[0].bool, result.array?[1].string ?? "")
        }
        let (_, state) = try since(UUIDValue.zero.description)
        for number in 0..<EngineLimits.historyTransactionCountMax {
            _ = try bench.transact(update("Open_vSwitch", #"{"next_cfg":\#(number + 1)}"#))
        }
        #expect(try since(state).0 == true)
        _ = try bench.transact(update("Open_vSwitch", #"{"next_cfg":-1}"#))
        #expect(try since(state).0 == false)
    }
}
