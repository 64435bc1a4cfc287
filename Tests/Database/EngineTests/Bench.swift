import DatabaseProtocol
import Testing
import Timekeeping

@testable import DatabaseEngine

/// Draws the same numbers in every run.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = (state ^ state >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}

/// A server on the bench: clients are numbers, texts go in, texts come out.
struct Bench {
    var random = UUIDSource(seed: 1)
    var server: DatabaseServer
    let journal = TestJournal()
    var now = Instant.start

    init(schema: DatabaseSchema = .openVSwitch, log: [JSON] = []) throws {
        server = DatabaseServer(random: &random)
        _ = try server.add(schema, random: &random) { take throws(DatabaseError) in
            for record in log { try take(record) }
        }
        for client in 1...3 { #expect(server.open(SessionID(UInt64(client))) == []) }
    }

    /// What the server does about `text`; the replies' bytes as messages.
    mutating func tell(_ text: String, client: UInt64 = 1) throws -> [Heard] {
        try heard(
            server.receive(
                Array(text.utf8), from: SessionID(client), now: now, random: &random,
                journal: journal))
    }

    mutating func pass(milliseconds: Int64) throws -> [Heard] {
        now = now + .milliseconds(milliseconds)
        return try heard(server.clockAdvanced(now: now, random: &random, journal: journal))
    }

    /// The results of a transaction that must not make anybody hear anything else.
    mutating func transact(_ operations: String, client: UInt64 = 1) throws -> [JSON] {
        let all = try tell(
            call("transact", #""Open_vSwitch","# + operations, id: "7"), client: client)
        guard case .reply(client, let result, 7)? = all.last else {
            Issue.record("no reply but \(all)")
            return []
        }
        return result.array ?? []
    }

    /// What the journal took since the last call, and then the effects.
    mutating func heard(_ effects: [DatabaseEffect]) throws -> [Heard] {
        let records = journal.takeRecords().map(Heard.record)
        return try records
            + effects.map { effect in
                switch effect {
                case .close(let session, _): return .closed(session.number)
                case .send(let bytes, let session):
                    switch try RPCMessage(parsing: JSON(parsing: bytes)) {
                    case .reply(let result, let id): return .reply(session.number, result, id)
                    case .failure(let error, let id): return .failure(session.number, error, id)
                    case .notification(let method, let parameters),
                        .request(let method, let parameters, _):
                        return .news(session.number, method, parameters)
                    }
                }
            }
    }
}

/// Remembers what it took; refuses everything while `isFull`.
final class TestJournal: DatabaseJournal {
    private(set) var records: [JSON] = []
    var isFull = false

    func append(
        _ record: LogRecord, to database: String, isDurable: Bool
    ) throws(DatabaseError) {
        guard !isFull else { throw DatabaseError(.ioError, "no space left") }
        records.append((try? JSON(parsing: record.text)) ?? "unreadable")
    }

    func replace(
        _ database: String, with snapshot: DatabaseSnapshot
    ) throws(DatabaseError) {
        guard !isFull else { throw DatabaseError(.ioError, "no space left") }
        records.append(snapshot.schema.json)
        // The text is what a file would hold; that it can be read is part of the test.
        if let text = snapshot.text(adding: ["_date": 1]) {
            records.append((try? JSON(parsing: text)) ?? "unreadable")
        }
    }

    func takeRecords() -> [JSON] {
        defer { records = [] }
        return records
    }
}

/// One thing the server did, with the client's number.
enum Heard: Equatable {
    case record(JSON)
    case reply(UInt64, JSON, JSON)
    case failure(UInt64, JSON, JSON)
    case news(UInt64, String, [JSON])
    case closed(UInt64)

    var error: String? {
        if case .failure(_, let json, _) = self {
            json.string ?? json.object?["error"]?.string
        } else {
            nil
        }
    }
}

/// The "error" of each result; "ok" where there is none, "null" for those never tried.
func verdicts(_ results: [JSON]) -> [String] {
    results.map { $0 == .null ? "null" : $0.object?["error"]?.string ?? "ok" }
}

// MARK: Operations as text

/// Several operations, as they stand in a request.
func ops(_ operations: String...) -> String { operations.joined(separator: ",") }

func insert(
    _ table: String, _ row: String, as name: String? = nil, uuid: String? = nil
) -> String {
    let naming = name.map { #","uuid-name":"\#($0)""# } ?? ""
    let calling = uuid.map { #","uuid":"\#($0)""# } ?? ""
    return #"{"op":"insert","table":"\#(table)","row":\#(row)\#(naming)\#(calling)}"#
}

func update(_ table: String, _ row: String, where conditions: String = "[]") -> String {
    #"{"op":"update","table":"\#(table)","where":\#(conditions),"row":\#(row)}"#
}

func mutate(_ table: String, _ mutations: String) -> String {
    #"{"op":"mutate","table":"\#(table)","where":[],"mutations":[\#(mutations)]}"#
}

func delete(_ table: String, where conditions: String = "[]") -> String {
    #"{"op":"delete","table":"\#(table)","where":\#(conditions)}"#
}

func select(_ table: String, _ columns: String) -> String {
    #"{"op":"select","table":"\#(table)","where":[],"columns":[\#(columns)]}"#
}

func call(_ method: String, _ parameters: String, id: String = "1") -> String {
    #"{"method":"\#(method)","params":[\#(parameters)],"id":\#(id)}"#
}

func transact(_ operations: String, id: String = "1") -> String {
    call("transact", #""Open_vSwitch","# + operations, id: id)
}

let root = insert("Open_vSwitch", "{}", as: "root")
let clearBridges = update("Open_vSwitch", #"{"bridges":["set",[]]}"#)
/// A bridge with one port, in the order in which ovs-vsctl may send it: used before declared.
let bridge = ops(
    update("Open_vSwitch", #"{"bridges":["named-uuid","b"]}"#),
    insert("Bridge", #"{"name":"br0","ports":["named-uuid","p"]}"#, as: "b"),
    insert("Interface", #"{"name":"br0","type":"internal"}"#, as: "i"),
    insert("Port", #"{"name":"br0","interfaces":["named-uuid","i"]}"#, as: "p"))
