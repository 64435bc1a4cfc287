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
    static let defaultPort: UInt16 = 6640

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
    private var remotes: [(remote: Remote, listener: ListenerID)] = []
    private var clients = Clients()
    /// Whether memory is given back to the system after each replacement of a file.
    var trimsMemory = true

    init(
        _ process: DaemonProcess, remotes: [String], databasePaths: [String],
        durability: Durability, convertsOwnSchema: Bool
    ) throws {
        self.process = process
        let places = process.places
        var wanted: [Remote] = []
        for text in remotes { wanted.append(try Self.remote(text)) }
        if remotes.isEmpty { wanted = [.passiveUnix(path: "\(places.rundir)/db.sock")] }

        let mailbox = mailbox
        synchronizer = Synchronizer { mailbox.post(.synchronized) }
        files = DatabaseFiles(durability)
        server = DatabaseServer(random: &random)
        hub = StreamHub { mailbox.post(.stream($0)) }
        control = try ControlServer(of: process, commands: Self.commands, sharing: hub) {
            mailbox.post(.control($0))
        }
        if databasePaths.isEmpty { try Places.create(places.dbdir) }
        for path in databasePaths.isEmpty ? ["\(places.dbdir)/conf.db"] : databasePaths {
            _ = try open(Places.absolute(path), schemaIfNew: .openVSwitch)
        }
        if convertsOwnSchema { try convertToOwnSchema() }
        for remote in wanted { try listen(remote) }
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
            let turn = loop.wait(until: server.deadline)
            for message in turn.messages {
                handle(message, now: turn.now)
                // At once, so that a client that never reads is closed before it is heard again.
                for effect in files.outbox.takeReady() { carryOut(effect) }
            }
            files.outbox.hold(
                server.clockAdvanced(now: turn.now, random: &random, journal: files))
            try synchronize()
            for effect in files.outbox.takeReady() { carryOut(effect) }
            compactWhatHasGrown()
            if turn.isStopRequested { return try finish() }
        }
    }

    /// Clients that have been promised nothing yet are promised it before they are closed.
    private func finish() throws {
        for (_, log) in files.logs.sorted(by: { $0.key < $1.key }) { try log.synchronize() }
        for name in files.logs.keys.sorted() { files.outbox.settle(name) }
        for effect in files.outbox.takeReady() { carryOut(effect) }
    }

    private func handle(_ message: Message, now: Instant) {
        switch message {
        case .stream(.accepted(let stream, _, let peer)):
            let session = clients.add(stream)
            logger.debug("\(peer) connected as client \(session.number)")
            files.outbox.hold(server.open(session))
        case .stream(.received(let stream, let bytes)):
            guard let session = clients.session(of: stream), hub.isOpen(stream) else { return }
            files.outbox.hold(
                server.receive(bytes, from: session, now: now, random: &random, journal: files))
        case .stream(.closed(let stream, let reason)):
            guard let session = clients.remove(stream) else { return }
            logger.debug("client \(session.number) is gone: \(reason)")
            files.outbox.hold(server.close(session))
        case .stream(.connected):
            break  // Never: this hub opens no connection.
        case .control(let request): answer(request)
        case .synchronized: break  // It has woken us, which is all it is for.
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

    private func carryOut(_ effect: DatabaseEffect) {
        switch effect {
        case .send(let bytes, let session):
            if let stream = clients.stream(of: session) { hub.send(bytes, on: stream) }
        case .close(let session, let reason):
            logger.warning("client \(session.number) is closed: \(reason)")
            if let stream = clients.stream(of: session) { hub.close(stream) }
        }
    }
}

// MARK: Remotes

extension DatabaseDaemon {
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

    var remotesText: String { remotes.map { "\($0.remote)\n" }.sorted().joined() }

    func addRemote(_ text: String) throws(DaemonError) {
        let remote = try Self.remote(text)
        if !remotes.contains(where: { $0.remote == remote }) { try listen(remote) }
    }

    func removeRemote(_ text: String) throws(DaemonError) {
        let remote = try Self.remote(text)
        guard let place = remotes.firstIndex(where: { $0.remote == remote }) else {
            throw DaemonError("no such remote: \(text)")
        }
        hub.closeListener(remotes.remove(at: place).listener)
    }
}
