import DatabaseProtocol
import DatabaseReplica
import Testing

@Suite struct TransactionTests {
    /// A synchronised server, with one transaction of an insert and a comment on its way.
    static func sent() -> (ScriptedServer, TransactionID, JSON)? {
        var server = ScriptedServer()
        server.synchronise(rows: [:])
        var change = TransactionBuilder(database: "Open_vSwitch")
        change.insert(into: "Bridge", ["name": Datum(.string("br0"))])
        change.comment("test")
        guard let (id, effects) = server.replica.transact(change) else { return nil }
        server.take(effects)
        guard let request = server.hear("transact") else { return nil }
        server.told = []
        return (server, id, request.id)
    }

    static let uuid: JSON = ["uuid", "11111111-2222-4333-8444-555555555555"]

    struct Ending: Sendable {
        var results: [JSON]
        /// `nil` if the transaction is committed.
        var outcome: TransactionOutcome?
    }
    static let inserted: JSON = ["uuid": uuid]

    @Test(arguments: [
        Ending(results: [inserted, [:]]),
        Ending(results: [["error": "timed out"], nil], outcome: .tryAgain),
        Ending(results: [["error": "not owner"], nil], outcome: .notOwner),
        Ending(
            results: [["error": "constraint violation", "details": "no"], nil],
            outcome: .refused(name: "constraint violation", details: "no", operation: 0)),
        Ending(
            results: [inserted, [:], ["error": "referential integrity violation"]],
            outcome: .refused(
                name: "referential integrity violation", details: "", operation: nil)),
        Ending(
            results: [[:]],
            outcome: .refused(
                name: "syntax error", details: "1 results for 2 operations", operation: nil)),
    ])
    func endsAsTheServerSays(_ ending: Ending) throws {
        var (server, id, request) = try #require(Self.sent())
        server.say(.reply(result: .array(ending.results), id: request))
        #expect(server.told.count == 1)
        guard case .finished(id, let outcome)? = server.told.first else {
            Issue.record("told: \(server.told)")
            return
        }
        guard case .committed(let got) = outcome else {
            #expect(outcome == ending.outcome)
            return
        }
        #expect(ending.outcome == nil)
        #expect(got.results == ending.results)
        #expect(got.insertedUUID(by: 0)?.description == Self.uuid.array?[1].string)
        #expect(got.insertedUUID(by: 1) == nil)
        #expect(got.insertedUUID(by: 9) == nil)
    }

    @Test func aLostConnectionLeavesTheFateUnknown() throws {
        var (server, id, request) = try #require(Self.sent())
        server.take(server.replica.connectionLost())
        #expect(server.told == [.finished(id, .unknown)])
        server.say(.reply(result: [], id: request))
        #expect(server.told.count == 1, "a late answer is nobody's")
    }

    @Test func aRequestThatFailsIsRefused() throws {
        var (server, id, request) = try #require(Self.sent())
        server.say(.failure(error: ["error": "unknown database"], id: request))
        #expect(
            server.told == [
                .finished(
                    id, .refused(name: "unknown database", details: "", operation: nil))
            ])
    }

    @Test func nothingIsSentBeforeThePictureIsThere() {
        var replica = DatabaseReplica(wish: .everything)
        #expect(replica.transact(TransactionBuilder(database: "Open_vSwitch")) == nil)
        _ = replica.connectionReady()
        #expect(replica.transact(TransactionBuilder(database: "Open_vSwitch")) == nil)
    }

    @Test func atMostSoManyAreUnanswered() {
        var server = ScriptedServer()
        server.synchronise(rows: [:])
        let change = TransactionBuilder(database: "Open_vSwitch")
        for count in 1...ReplicaLimits.pendingTransactionCountMax {
            #expect(server.replica.transact(change) != nil, "transaction \(count)")
        }
        #expect(server.replica.transact(change) == nil)
    }

    @Test func operationsAreWrittenAsTheProtocolWants() throws {
        var server = ScriptedServer()
        server.synchronise(rows: DatabaseReplicaTests.initial)
        let row = try #require(server.replica.root("Bridge"))
        var change = TransactionBuilder(database: "Open_vSwitch")
        #expect(change.changesNothing)
        change.verify(row, ["name"])
        change.verifyEmpty("Open_vSwitch")
        #expect(change.changesNothing)
        change.mutate(row, [Mutation("flood_vlans", .insert, Datum(.integer(9)))])
        change.update(row, ["fail_mode": .empty])
        change.delete(row)
        #expect(!change.changesNothing)
        #expect(change.bumpNextConfiguration(of: row.uuid) == 6)
        let id = "[[\"_uuid\",\"==\",[\"uuid\",\"\(DatabaseReplicaTests.bridge)\"]]]"
        #expect(
            change.operations.map(\.json.text) == [
                """
                {"op":"wait","table":"Bridge","where":\(id),"columns":["name"],"until":"==",\
                "rows":[{"name":"br0"}],"timeout":0}
                """,
                """
                {"op":"wait","table":"Open_vSwitch","where":[],"until":"==","rows":[],"timeout":0}
                """,
                """
                {"op":"mutate","table":"Bridge","where":\(id),\
                "mutations":[["flood_vlans","insert",9]]}
                """,
                """
                {"op":"update","table":"Bridge","where":\(id),"row":{"fail_mode":["set",[]]}}
                """,
                """
                {"op":"delete","table":"Bridge","where":\(id)}
                """,
                """
                {"op":"mutate","table":"Open_vSwitch","where":\(id),\
                "mutations":[["next_cfg","+=",1]]}
                """,
                """
                {"op":"select","table":"Open_vSwitch","where":\(id),"columns":["next_cfg"]}
                """,
            ])
    }
}
