// The files behind the databases, as the engine's journal.
//
//     engine: append(record) -> written at once; refused if the disk is full
//     daemon: after the turn -> one synchronisation for all that was written, on another thread

import ArgumentParser
import DatabaseEngine
import DatabaseProtocol
import DurableLog
import Glibc

/// When a transaction that was acknowledged is on the disk.
enum Durability: String, CaseIterable, ExpressibleByArgument {
    /// Always. Clients that write at the same time share one synchronisation.
    case always
    /// If the client asked for it by "commit", as Open vSwitch's server does it.
    case asked
}

/// All open files, by the names of their databases.
final class DatabaseFiles: DatabaseJournal {
    private(set) var logs: [String: DurableLog] = [:]
    var outbox = Outbox()
    /// Of all files together: one client's turn is like another's.
    var groupCommit = GroupCommit()
    private let durability: Durability
    /// Set when a file is no longer what we believe: nothing may be promised to anybody any more.
    private(set) var ruin: DurableLogError?
    /// What was refused since it was last asked, for the log.
    private var refusal: (text: String, count: Int)?

    init(_ durability: Durability) { self.durability = durability }

    func add(_ log: DurableLog, as name: String) { logs[name] = log }

    func remove(_ name: String) {
        logs[name] = nil
        outbox.settle(name)
    }

    func append(
        _ record: LogRecord, to database: String, isDurable: Bool
    ) throws(DatabaseError) {
        guard let log = logs[database] else { return }
        var record = record
        record.add("_date", Self.millisecondsSince1970)
        do throws(DurableLogError) {
            try log.append(record.text)
        } catch {
            if case .broken = error { ruin = error }
            refusal = (error.description, (refusal?.count ?? 0) + 1)
            throw DatabaseError(.ioError, error.description)
        }
        guard durability == .always || isDurable else { return }
        outbox.wrote(to: database)
        groupCommit.wrote()
    }

    func replace(
        _ database: String, with snapshot: DatabaseSnapshot
    ) throws(DatabaseError) {
        try replace(database, with: snapshot, comment: "converted")
    }

    /// Writes a database's file anew, with `comment` beside the rows.
    func replace(
        _ database: String, with snapshot: DatabaseSnapshot, comment: String
    ) throws(DatabaseError) {
        guard let log = logs[database] else { return }
        let members: JSONObject = [
            "_comment": .string(comment), "_date": .integer(Self.millisecondsSince1970),
        ]
        do throws(DurableLogError) {
            try log.replace(with: snapshot.schema, snapshot.text(adding: members))
        } catch {
            log.postponeReplacing()
            throw DatabaseError(.ioError, error.description)
        }
        outbox.settle(database)
    }

    /// Databases whose files have grown far beyond what they hold, in order.
    var worthReplacing: [String] {
        logs.filter { $0.value.isWorthReplacing }.map(\.key).sorted()
    }

    /// Whether there is such a file, or a refusal to be logged.
    var needsCare: Bool { refusal != nil || logs.values.contains { $0.isWorthReplacing } }

    /// What was refused since the last call, and how often.
    func takeRefusal() -> (text: String, count: Int)? {
        defer { refusal = nil }
        return refusal
    }

    /// What `ovsdb-tool show-log` shows beside a transaction.
    private static var millisecondsSince1970: Int64 {
        var time = timespec()
        // Safe: `time` is a whole `struct timespec` and lives during the call.
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}
