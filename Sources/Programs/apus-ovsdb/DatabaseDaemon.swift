// One turn of the daemon: everything that came, then the files, then everybody who may be told.
//
//     messages, deadline -> engine -> effects, held until the disk has what they speak of
//                             '-> records, written at once
//     all that had come is handled -> one synchronisation, then its effects are carried out
//
// Clients that write at the same time share one sync (GroupCommit). What a client sends is handled
// by the hub's thread if it can be, and so is a synchronisation that is done sooner than another
// thread would be woken. While a slow disk works, the machine goes on; the end is then handled by
// the thread that waited for it.

import Daemon
import DatabaseEngine
import DatabaseProtocol
import DatabaseRemotes
import DurableLog
import Glibc
import Logging
import Streams
import Timekeeping

/// The server, which one thread at a time runs.
final class DatabaseDaemon: TurnTaking {
    /// As unmodified tools look for it.
    static let name = "ovsdb-server"

    enum Message: Sendable {
        case stream(StreamEvent)
        case control(ControlRequest)
        /// A synchronisation has ended; which one, the synchroniser knows.
        case synchronized
        /// All bytes that had come have been told.
        case drained
    }

    let control: ControlServer
    let logger = Logger(label: "ovsdb_server")
    private let synchronizer: Synchronizer
    let files: DatabaseFiles
    var server: DatabaseServer
    var random = DatabaseDaemon.seeded()
    let reachability: Reachability
    private let hub: StreamHub
    /// Why a file cannot be trusted any more.
    private var failure: DurableLogError?
    /// Until when our own thread sleeps, if nobody wakes it.
    private var alarm: Instant?
    /// Whether memory is given back to the system after each replacement of a file.
    var trimsMemory = true

    /// Serves until it is asked to stop.
    ///
    /// - Throws: Why it cannot begin, or cannot go on: a file cannot be trusted any more, so that
    ///   nothing could be promised to anybody.
    static func serve(_ process: DaemonProcess, _ wishes: Wishes) throws {
        let shared = SharedMachine<DatabaseDaemon>()
        let mailbox = shared.mailbox
        let hub = StreamHub { event in
            // Everything else may have to listen somewhere, and so to wait for the hub.
            guard case .received = event else { return mailbox.post(.stream(event)) }
            return shared.deliver(.stream(event))
        } whenDrained: {
            // If there is no room for it, the machine's own thread has a turn before it.
            _ = shared.deliver(.drained)
        }
        defer { hub.shutdown() }
        let control = try ControlServer(of: process, commands: commands, sharing: hub) {
            mailbox.post(.control($0))
        }
        defer { control.close() }
        let daemon = try DatabaseDaemon(wishes, process.places, hub, control) {
            _ = shared.deliver(.synchronized)
        }
        try process.ready()
        try shared.run(daemon, MachineLoop(process, mailbox))
    }

    /// What the command line says.
    struct Wishes: Sendable {
        var remotes: [String]
        var databasePaths: [String]
        var durability: Durability
        var convertsOwnSchema: Bool
        var tls: TLSSources
        var tlsExtras: Reachability.TLSExtras
    }

    private init(
        _ wishes: Wishes, _ places: Places, _ hub: StreamHub, _ control: ControlServer,
        whenSynchronized wake: @escaping @Sendable () -> Void
    ) throws {
        (self.control, self.hub) = (control, hub)
        synchronizer = Synchronizer(wake: wake)
        files = DatabaseFiles(wishes.durability)
        server = DatabaseServer(random: &random)
        let standard = ["punix:\(places.rundir)/db.sock"]
        reachability = try Reachability(
            hub, remotes: wishes.remotes.isEmpty ? standard : wishes.remotes, tls: wishes.tls,
            wishes.tlsExtras, schema: .openVSwitch)
        if wishes.databasePaths.isEmpty { try Places.create(places.dbdir) }
        let paths =
            wishes.databasePaths.isEmpty ? ["\(places.dbdir)/conf.db"] : wishes.databasePaths
        for path in paths { _ = try open(Places.absolute(path), schemaIfNew: .openVSwitch) }
        if wishes.convertsOwnSchema { try convertToOwnSchema() }
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

    var deadline: Instant? {
        alarm = [server.deadline, reachability.deadline].compactMap { $0 }.min()
        return alarm
    }

    func handleAtOnce(_ message: Message, now: Instant) -> Bool {
        reach(message, now: now)
        switch message {
        case .stream: break  // More may have come: `.drained` follows.
        case .control, .synchronized: synchronize()
        case .drained: synchronize(mayPause: true)
        }
        carryOutWhatIsReady(now: now)
        let isEarlier = server.deadline.map { soon in alarm.map { soon < $0 } ?? true } ?? false
        return isEarlier || reachability.isStirred || failure != nil || files.needsCare
    }

    /// - Throws: If a file cannot be trusted any more: nothing could be promised to anybody.
    func take(_ turn: Turn<Message>) throws -> Bool {
        for message in turn.messages { reach(message, now: turn.now) }
        reachability.clockAdvanced(now: turn.now)
        tellNews(now: turn.now)
        files.outbox.hold(server.clockAdvanced(now: turn.now, random: &random, journal: files))
        synchronize()
        if let failure { throw failure }
        if let refusal = files.takeRefusal() {
            logger.error("\(refusal.count) transactions refused: \(refusal.text)")
        }
        carryOutWhatIsReady(now: turn.now)
        compactWhatHasGrown()
        if turn.isStopRequested { try finish(now: turn.now) }
        return !turn.isStopRequested
    }

    private func reach(_ message: Message, now: Instant) {
        handle(message, now: now)
        tellNews(now: now)
        // At once, so that a client that never reads is closed before it is heard again.
        carryOutWhatIsReady(now: now)
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
        case .synchronized, .drained: break  // They give us a turn, which is all they are for.
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
    ///
    /// - Parameter mayPause: Whether it may first wait for clients that wrote last time too.
    private func synchronize(mayPause: Bool = false) {
        guard !files.outbox.isIdle || files.ruin != nil else { return }
        for ending in synchronizer.takeEndings() { note(ending) }
        failure = failure ?? files.ruin
        guard failure == nil else { return }
        let names = files.outbox.filesToSynchronize
        guard !names.isEmpty else { return }
        if mayPause, let pause = files.groupCommit.pause(now: .now) {
            return hub.drain(within: pause)
        }
        files.groupCommit.begin()
        for name in names {
            guard let log = files.logs[name] else { continue }
            let ticket = files.outbox.beginSynchronizing(name)
            if files.groupCommit.isQuick {
                note(Synchronizer.finish(log.synchronization, of: name, ticket: ticket))
            } else {
                synchronizer.start(log.synchronization, of: name, ticket: ticket)
            }
        }
    }

    private func note(_ ending: Synchronizer.Ending) {
        failure = failure ?? ending.failure
        guard failure == nil else { return }
        files.outbox.endSynchronizing(ending.name, ending.ticket)
        files.groupCommit.ended(after: ending.duration)
    }

    private func carryOutWhatIsReady(now: Instant) {
        guard failure == nil else { return }
        for effect in files.outbox.takeReady() {
            switch effect {
            case .send(let bytes, let session): reachability.send(bytes, to: session, now: now)
            case .close(let session, let reason): reachability.close(session, reason: reason)
            }
        }
    }
}
