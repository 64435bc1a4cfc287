// One turn of the daemon: everything that came, then the file, then everybody who waits for it.
//
//     messages, deadline -> engine -> effects -> append all -> one fsync -> send all, in order
//
// Because nothing is sent before everything of the turn is on the disk, clients that write at the
// same time share one fsync.

import Daemon
import DatabaseEngine
import DatabaseProtocol
import DurableLog
import Glibc
import Logging
import Streams
import Timekeeping

/// The server on the machine's thread.
final class DatabaseDaemon {
    /// As unmodified tools look for it.
    static let name = "ovsdb-server"

    enum Message: Sendable {
        case stream(StreamEvent)
        case control(ControlRequest)
    }

    private let process: DaemonProcess
    private let mailbox = Mailbox<Message>()
    private let hub: StreamHub
    private let control: ControlServer
    private let logger = Logger(label: "ovsdb_server")
    private var log: DurableLog
    private var server: DatabaseServer
    private var random = SystemRandomNumberGenerator()
    private let reachability: Reachability

    init(
        _ process: DaemonProcess, remotes: [String], _ options: RemoteOptions,
        databasePath: String?
    ) throws {
        self.process = process
        let places = process.places
        if databasePath == nil { try Places.create(places.dbdir) }
        let path = Places.absolute(databasePath ?? "\(places.dbdir)/conf.db")
        log = try DurableLog(opening: path, schemaIfNew: .openVSwitch)
        server = try Self.load(&log, &random, logger)

        let mailbox = mailbox
        hub = StreamHub { mailbox.post(.stream($0)) }
        control = try ControlServer(of: process, commands: Self.commands, sharing: hub) {
            mailbox.post(.control($0))
        }
        let schema = DatabaseSchema.openVSwitch
        reachability = try Reachability(
            hub, remotes: remotes.isEmpty ? ["punix:\(places.rundir)/db.sock"] : remotes,
            tls: options.tls(schema), options.extras, schema: schema)
        try reachability.start(now: MonotonicClock.now())
    }

    private static func load(
        _ log: inout DurableLog, _ random: inout SystemRandomNumberGenerator, _ logger: Logger
    ) throws -> DatabaseServer {
        let records = log.takeRecords()
        guard let first = records.first else {
            throw DaemonError("\(log.path) holds no schema")
        }
        var server = DatabaseServer(schema: try DatabaseSchema(parsing: first), random: &random)
        for (number, record) in records.enumerated().dropFirst() {
            do throws(DatabaseError) {
                try server.replay(record, random: &random)
            } catch {
                throw DaemonError("\(log.path), record \(number): \(error)")
            }
        }
        server.finishReplay(random: &random)
        logger.info("\(log.path): \(records.count - 1) transactions read")
        if let cut = log.cut {
            logger.warning(
                """
                \(log.path): \(cut.byteCount) bytes from byte \(cut.offset) on were no whole \
                transaction (\(cut.reason)); cut off, and kept in \(cut.keptIn)
                """)
        }
        return server
    }

    /// Runs until it is asked to stop.
    ///
    /// - Throws: If the file cannot be written any more: nothing could be promised to anybody.
    func serve() throws {
        try process.ready()
        let loop = MachineLoop(process, mailbox)
        defer {
            control.close()
            hub.shutdown()
        }
        while true {
            let deadlines = [server.deadline, reachability.deadline].compactMap { $0 }
            let turn = loop.wait(until: deadlines.min())
            for message in turn.messages { handle(message, now: turn.now) }
            reachability.clockAdvanced(now: turn.now)
            var effects: [DatabaseEffect] = []
            for news in reachability.takeNews() { effects += tell(news, now: turn.now) }
            effects += server.clockAdvanced(now: turn.now, random: &random)
            try carryOut(effects, now: turn.now)
            if turn.isStopRequested { return }
        }
    }

    private func handle(_ message: Message, now: Instant) {
        switch message {
        case .stream(let event): reachability.handle(event, now: now)
        case .control(let request): answer(request, now: now)
        }
    }

    private func tell(_ news: Reachability.News, now: Instant) -> [DatabaseEffect] {
        switch news {
        case .opened(let session): server.open(session)
        case .received(let session, let bytes):
            server.receive(bytes, from: session, now: now, random: &random)
        case .closed(let session): server.close(session)
        }
    }

    private func carryOut(_ effects: [DatabaseEffect], now: Instant) throws {
        let date = Self.millisecondsSince1970
        for case .append(let record) in effects {
            guard var members = record.object else { continue }
            members["_date"] = .integer(date)
            try log.append(.object(members))
        }
        try log.synchronize()
        for effect in effects {
            switch effect {
            case .append: break
            case .send(let bytes, let session):
                reachability.send(bytes, to: session, now: now)
            case .close(let session, let reason):
                reachability.close(session, reason: reason)
            }
        }
    }

    /// What `ovsdb-tool show-log` shows beside a transaction.
    private static var millisecondsSince1970: Int64 {
        var time = timespec()
        // Safe: `time` is a whole `struct timespec` and lives during the call.
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}

// MARK: Remotes and the control socket

extension DatabaseDaemon {
    private static let commands = [
        ControlCommand("ovsdb-server/list-dbs"),
        ControlCommand("ovsdb-server/list-remotes"),
        ControlCommand("ovsdb-server/add-remote", usage: "REMOTE", argumentCounts: 1...1),
        ControlCommand("ovsdb-server/remove-remote", usage: "REMOTE", argumentCounts: 1...1),
    ]

    private func answer(_ request: ControlRequest, now: Instant) {
        do throws(DaemonError) {
            control.reply(try text(request, now: now), to: request)
        } catch {
            control.fail(error.description, request)
        }
    }

    private func text(_ request: ControlRequest, now: Instant) throws(DaemonError) -> String {
        let argument = request.arguments.first ?? ""
        switch request.command {
        case "ovsdb-server/list-dbs":
            return server.databaseNames.map { $0 + "\n" }.joined()
        case "ovsdb-server/list-remotes":
            return reachability.text
        case "ovsdb-server/add-remote":
            try reachability.add(argument, now: now)
            return ""
        case "ovsdb-server/remove-remote":
            try reachability.remove(argument, now: now)
            return ""
        default: throw DaemonError("\(request.command) is not answered here")
        }
    }
}
