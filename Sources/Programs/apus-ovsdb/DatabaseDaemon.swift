// One turn of the daemon: everything that came, then the files, then everybody who may be told.
//
//     messages, deadline -> engine -> effects, held until the disk has what they speak of
//                             '-> records, written at once
//     a synchronisation is begun if none is under way; when it ends, its effects are carried out
//
// The machine goes on while the disk works, so clients that write at the same time share one sync.

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
        /// A synchronisation has ended; which one, the synchroniser knows.
        case synchronized
    }

    private let process: DaemonProcess
    private let mailbox = Mailbox<Message>()
    private let hub: StreamHub
    let control: ControlServer
    let logger = Logger(label: "ovsdb_server")
    private let synchronizer: Synchronizer
    let files: DatabaseFiles
    var server: DatabaseServer
    var random = DatabaseDaemon.seeded()
    let reachability: Reachability
    /// Whether memory is given back to the system after each replacement of a file.
    var trimsMemory = true

    init(
        _ process: DaemonProcess, remotes: [String], _ options: RemoteOptions,
        databasePaths: [String], durability: Durability, convertsOwnSchema: Bool
    ) throws {
        self.process = process
        let places = process.places

        let mailbox = mailbox
        synchronizer = Synchronizer { mailbox.post(.synchronized) }
        files = DatabaseFiles(durability)
        server = DatabaseServer(random: &random)
        hub = StreamHub { mailbox.post(.stream($0)) }
        control = try ControlServer(of: process, commands: Self.commands, sharing: hub) {
            mailbox.post(.control($0))
        }
        let schema = DatabaseSchema.openVSwitch
        reachability = try Reachability(
            hub, remotes: remotes.isEmpty ? ["punix:\(places.rundir)/db.sock"] : remotes,
            tls: options.tls(schema), options.extras, schema: schema)
        if databasePaths.isEmpty { try Places.create(places.dbdir) }
        for path in databasePaths.isEmpty ? ["\(places.dbdir)/conf.db"] : databasePaths {
            _ = try open(Places.absolute(path), schemaIfNew: .openVSwitch)
        }
        if convertsOwnSchema { try convertToOwnSchema() }
        try reachability.start(now: MonotonicClock.now())
    }

    private static func seeded() -> UUIDSource {
        var system = SystemRandomNumberGenerator()
        return UUIDSource(system.next(), system.next(), system.next(), system.next())
    }

    /// Opens a database's file and serves it.
    func open(_ path: String, schemaIfNew: DatabaseSchema?) throws -> [DatabaseEffect] {
        let log = try DurableLog(opening: path, schemaIfNew: schemaIfNew)
        let schema = try log.schema()
        let effects = try server.add(schema, random: &random) { take throws(DatabaseError) in
            do {
                try log.takeRecords(take)
            } catch {
                throw DatabaseError(.ioError, "\(error)")
            }
        }
        files.add(log, as: schema.name)
        Memory.giveBack()
        logger.info("\(path): \(schema), \(log.recordCount) transactions read")
        if let cut = log.cut {
            logger.warning(
                """
                \(path): \(cut.byteCount) bytes from byte \(cut.offset) on were no whole \
                transaction (\(cut.reason)); cut off, and kept in \(cut.keptIn)
                """)
        }
        return effects
    }

    /// Runs until it is asked to stop.
    ///
    /// - Throws: If a file cannot be trusted any more: nothing could be promised to anybody.
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
            for message in turn.messages {
                handle(message, now: turn.now)
                tellNews(now: turn.now)
                // At once, so that a client that never reads is closed before it is heard again.
                carryOutWhatIsReady(now: turn.now)
            }
            reachability.clockAdvanced(now: turn.now)
            tellNews(now: turn.now)
            files.outbox.hold(
                server.clockAdvanced(now: turn.now, random: &random, journal: files))
            try synchronize()
            carryOutWhatIsReady(now: turn.now)
            compactWhatHasGrown()
            if turn.isStopRequested { return try finish(now: turn.now) }
        }
    }

    /// Clients that have been promised nothing yet are promised it before they are closed.
    private func finish(now: Instant) throws {
        for (_, log) in files.logs.sorted(by: { $0.key < $1.key }) { try log.synchronize() }
        for name in files.logs.keys.sorted() { files.outbox.settle(name) }
        carryOutWhatIsReady(now: now)
    }

    private func handle(_ message: Message, now: Instant) {
        switch message {
        case .stream(let event): reachability.handle(event, now: now)
        case .control(let request): answer(request, now: now)
        case .synchronized: break  // It has woken us, which is all it is for.
        }
    }

    private func tellNews(now: Instant) {
        for news in reachability.takeNews() {
            switch news {
            case .opened(let session): files.outbox.hold(server.open(session))
            case .received(let session, let bytes):
                files.outbox.hold(
                    server.receive(bytes, from: session, now: now, random: &random, journal: files))
            case .closed(let session): files.outbox.hold(server.close(session))
            }
        }
    }

    /// Hears of synchronisations that have ended, and begins those that are needed.
    private func synchronize() throws {
        for ending in synchronizer.takeEndings() {
            if let failure = ending.failure { throw failure }
            files.outbox.endSynchronizing(ending.name, ending.ticket)
        }
        if let refusal = files.takeRefusal() {
            logger.error("\(refusal.count) transactions refused: \(refusal.text)")
        }
        if let ruin = files.ruin { throw ruin }
        for name in files.outbox.filesToSynchronize {
            guard let log = files.logs[name] else { continue }
            let ticket = files.outbox.beginSynchronizing(name)
            synchronizer.start(log.synchronization, of: name, ticket: ticket)
        }
    }

    private func carryOutWhatIsReady(now: Instant) {
        for effect in files.outbox.takeReady() {
            switch effect {
            case .send(let bytes, let session): reachability.send(bytes, to: session, now: now)
            case .close(let session, let reason): reachability.close(session, reason: reason)
            }
        }
    }
}
