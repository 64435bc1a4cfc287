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
    static let defaultPort: UInt16 = 6640

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
    private var remotes: [(remote: Remote, listener: ListenerID)] = []
    private var clients = Clients()

    init(_ process: DaemonProcess, remotes: [String], databasePath: String?) throws {
        self.process = process
        let places = process.places
        var wanted: [Remote] = []
        for text in remotes { wanted.append(try Self.remote(text)) }
        if remotes.isEmpty { wanted = [.passiveUnix(path: "\(places.rundir)/db.sock")] }

        if databasePath == nil { try Places.create(places.dbdir) }
        let path = Places.absolute(databasePath ?? "\(places.dbdir)/conf.db")
        log = try DurableLog(opening: path, schemaIfNew: .openVSwitch)
        server = try Self.load(&log, &random, logger)

        let mailbox = mailbox
        hub = StreamHub { mailbox.post(.stream($0)) }
        control = try ControlServer(of: process, commands: Self.commands, sharing: hub) {
            mailbox.post(.control($0))
        }
        for remote in wanted { try listen(remote) }
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
            let turn = loop.wait(until: server.deadline)
            var effects: [DatabaseEffect] = []
            for message in turn.messages { effects += handle(message, now: turn.now) }
            effects += server.clockAdvanced(now: turn.now, random: &random)
            try carryOut(effects)
            if turn.isStopRequested { return }
        }
    }

    private func handle(_ message: Message, now: Instant) -> [DatabaseEffect] {
        switch message {
        case .stream(.accepted(let stream, _, let peer)):
            let session = clients.add(stream)
            logger.debug("\(peer) connected as client \(session.number)")
            return server.open(session)
        case .stream(.received(let stream, let bytes)):
            guard let session = clients.session(of: stream) else { return [] }
            return server.receive(bytes, from: session, now: now, random: &random)
        case .stream(.closed(let stream, let reason)):
            guard let session = clients.remove(stream) else { return [] }
            logger.debug("client \(session.number) is gone: \(reason)")
            return server.close(session)
        case .stream(.connected):
            return []  // Never: this hub opens no connection.
        case .control(let request):
            answer(request)
            return []
        }
    }

    private func carryOut(_ effects: [DatabaseEffect]) throws {
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
                if let stream = clients.stream(of: session) { hub.send(bytes, on: stream) }
            case .close(let session, let reason):
                logger.warning("client \(session.number) is closed: \(reason)")
                if let stream = clients.stream(of: session) { hub.close(stream) }
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

    private static func remote(_ text: String) throws(DaemonError) -> Remote {
        let remote: Remote
        do throws(RemoteError) {
            remote = try Remote(parsing: text, defaultPort: defaultPort)
        } catch {
            throw DaemonError(error.description)
        }
        guard remote.isPassive else {
            throw DaemonError("cannot listen at \(text): use punix:PATH or ptcp:PORT[:HOST]")
        }
        return remote
    }

    private func listen(_ remote: Remote) throws(DaemonError) {
        do throws(StreamError) {
            remotes.append((remote, try hub.listen(remote)))
        } catch {
            throw DaemonError(error.description)
        }
        logger.info("listening at \(remote)")
    }

    private func answer(_ request: ControlRequest) {
        do throws(DaemonError) {
            control.reply(try text(request), to: request)
        } catch {
            control.fail(error.description, request)
        }
    }

    private func text(_ request: ControlRequest) throws(DaemonError) -> String {
        let argument = request.arguments.first ?? ""
        switch request.command {
        case "ovsdb-server/list-dbs":
            return server.databaseNames.map { $0 + "\n" }.joined()
        case "ovsdb-server/list-remotes":
            return remotes.map { "\($0.remote)\n" }.sorted().joined()
        case "ovsdb-server/add-remote":
            let remote = try Self.remote(argument)
            if !remotes.contains(where: { $0.remote == remote }) { try listen(remote) }
            return ""
        case "ovsdb-server/remove-remote":
            let remote = try Self.remote(argument)
            guard let place = remotes.firstIndex(where: { $0.remote == remote }) else {
                throw DaemonError("no such remote: \(argument)")
            }
            hub.closeListener(remotes.remove(at: place).listener)
            return ""
        default: throw DaemonError("\(request.command) is not answered here")
        }
    }
}
