// Broken JSON, JSON-RPC and transactions for the database engine.
//
//     honest messages -> parts exchanged -> bytes changed, cut, doubled -> server.receive
//                                                                           |
//           every so often: is the database as it must be? does what was written make the same?
//
// Finds three things: a trap (the process ends), a database that is not what its rules say, and a
// journal from which another database comes.

import Chance
import DatabaseEngine
import DatabaseProtocol
import Timekeeping

struct DatabaseFuzzer: Fuzzer {
    private final class Memory: DatabaseJournal {
        var records: [[UInt8]] = []
        var totalCount = 0

        func append(
            _ record: LogRecord, to database: String, isDurable: Bool
        ) throws(DatabaseError) {
            records.append(record.text)
            totalCount += 1
        }

        func replace(
            _ database: String, with snapshot: DatabaseSnapshot
        ) throws(DatabaseError) {
            records = snapshot.text().map { [$0] } ?? []
        }
    }

    var progress: FuzzProgress
    private var names: UUIDSource
    private var server: DatabaseServer
    private let memory = Memory()
    private var now = Instant.start
    private let honest: [JSON]
    /// Values that stand in honest messages, to stand elsewhere.
    private let parts: [JSON]

    private static let clientCount: UInt64 = 4
    /// Inputs between two looks at the whole, and between two beginnings with an empty database.
    private static let lookInterval = 1000
    private static let lifetime = 20_000

    init(seed: UInt64) {
        progress = FuzzProgress(seed: seed)
        names = UUIDSource(seed: seed)
        honest = Seeds.messages
        parts = honest.flatMap(Self.parts) + Seeds.values
        server = Self.server(&names)
    }

    var summary: String { "\(memory.totalCount) transactions" }

    private static func server(_ names: inout UUIDSource) -> DatabaseServer {
        var server = DatabaseServer(random: &names)
        do throws(DatabaseError) {
            _ = try server.add(.openVSwitch, random: &names)
        } catch {
            fatalError("an empty database cannot be served: \(error)")
        }
        for client in 1...clientCount { _ = server.open(SessionID(client)) }
        return server
    }

    /// One input, and now and then a look at the whole.
    mutating func step() {
        let client = SessionID(dice.next() % Self.clientCount + 1)
        // A conversion throws most of the database away, so it is rare.
        var message =
            dice.below(5000) == 0 ? Seeds.conversion : honest[dice.below(honest.count)]
        for _ in 0..<dice.below(4) { message = mixed(message) }
        var bytes = message.bytes
        if dice.below(4) == 0 { damage(&bytes) }
        let cut = dice.below(3) == 0 ? dice.below(bytes.count + 1) : bytes.count
        hear(Array(bytes[..<cut]), client)
        if cut < bytes.count { hear(Array(bytes[cut...]), client) }
        now = now + .milliseconds(Int64(dice.below(30)))
        _ = server.clockAdvanced(now: now, random: &names, journal: memory)
        // A message cut short makes the next one part of it: now and then a client begins anew.
        if dice.below(8) == 0 { _ = server.close(client) }
        _ = server.open(client)
        if stepCount % Self.lookInterval == 0 { look() }
        if stepCount % Self.lifetime == 0 {
            server = Self.server(&names)
            memory.records = []
        }
    }

    private mutating func hear(_ bytes: [UInt8], _ client: SessionID) {
        _ = server.receive(bytes, from: client, now: now, random: &names, journal: memory)
    }

    private mutating func look() {
        for name in server.databaseNames {
            if let wrong = server.inconsistency(of: name) { finding = "\(name): \(wrong)" }
        }
        guard let snapshot = server.snapshot("Open_vSwitch") else { return }
        var again = DatabaseServer(random: &names)
        do throws(DatabaseError) {
            _ = try again.add(snapshot.schema, random: &names) { take throws(DatabaseError) in
                for record in memory.records {
                    // As text, for that is how it will be read.
                    guard let read = try? JSON(parsing: record) else {
                        let text = String(decoding: record, as: UTF8.self)
                        throw DatabaseError(.syntaxError, "unreadable record \(text)")
                    }
                    try take(read)
                }
            }
        } catch {
            finding = "the journal cannot be replayed: \(error)"
        }
        guard again.snapshot("Open_vSwitch")?.text() == snapshot.text() else {
            finding = "the journal makes another database"
            return
        }
    }

    // MARK: Breaking things

    /// Every value inside of `json`, itself included.
    private static func parts(_ json: JSON) -> [JSON] {
        let inner = json.array ?? json.object.map { $0.values + $0.names.map(JSON.string) } ?? []
        return [json] + inner.flatMap(parts)
    }

    /// `json` with one value in it replaced by another.
    private mutating func mixed(_ json: JSON) -> JSON {
        let other = parts[dice.below(parts.count)]
        switch json {
        case .array(var elements) where !elements.isEmpty && dice.below(5) > 0:
            let place = dice.below(elements.count)
            switch dice.below(12) {
            case 0: elements.remove(at: place)
            case 1: elements.insert(other, at: place)
            case 2: elements.append(elements[place])
            default: elements[place] = mixed(elements[place])
            }
            return .array(elements)
        case .object(var object) where !object.isEmpty && dice.below(8) > 0:
            let name = object.names[dice.below(object.count)]
            switch dice.below(12) {
            case 0: object[name] = nil
            case 1: object[other.string ?? "op"] = object[name]
            default: object[name] = object[name].map { mixed($0) }
            }
            return .object(object)
        case .integer(let number) where dice.below(2) == 0:
            return .integer(number ^ (1 << Int64(dice.below(64))))
        default: return other
        }
    }

    private mutating func damage(_ bytes: inout [UInt8]) {
        for _ in 0...dice.below(3) {
            let place = dice.below(bytes.count)
            switch dice.below(5) {
            case 0: bytes.remove(at: place)
            case 1: bytes.insert(UInt8(truncatingIfNeeded: dice.next()), at: place)
            case 2: bytes[place] ^= 1 << UInt8(dice.below(8))
            case 3:
                let signs = Array(#"[]{}",:\-.eEu0 "#.utf8)
                bytes[place] = signs[dice.below(signs.count)]
            default:
                let end = min(bytes.count, place + dice.below(40))
                bytes.insert(contentsOf: Array(bytes[place..<end]), at: dice.below(bytes.count))
            }
            if bytes.isEmpty { bytes = [0x5b] }
        }
    }
}
