// One turn of the daemon: everything that came is told to the machine at once; then it is obeyed.
//
//     database, OpenFlow, control socket ─┐ (mailbox)
//     datapath ───────────────────────────┼──> Vswitch.handle ──> effects ──> the same four
//     links ──────────────────────────────┘
//
// What the datapath, controllers and tools say is handled by the hub's thread, which heard it
// (`SharedMachine`), unless our own is inside the machine: no packet waits for a thread that is
// woken for it. What may wait, for the hub itself or for the kernel, is left to our own thread, and
// so is the socket of the kernel's module.

import Bridges
import Channel
import Daemon
import DatabaseProtocol
import DatapathMessages
import LinkValues
import Logging
import OpenFlow
import Product
import Streams
import Timekeeping

final class VswitchdDaemon: TurnTaking {
    /// As unmodified tools look for it.
    static let name = "ovs-vswitchd"
    /// Ports of Open vSwitch for OpenFlow and OVSDB.
    static let openFlowPort: UInt16 = 6653
    static let databasePort: UInt16 = 6640

    enum Message: Sendable {
        case stream(StreamEvent)
        case control(ControlRequest)
        /// All bytes that had come have been told.
        case drained
        /// What was answered to them has been written.
        case answered
    }

    private let places: Places
    private let hub: StreamHub
    private let control: ControlServer
    private let databaseRemote: Remote
    /// Of the command line; a row of `SSL` takes precedence.
    private let ownTLS: TLSFiles?
    private var machine: Vswitch
    private var streams = StreamBook()
    private var questions: [ControlID: ControlRequest] = [:]
    private var lastQuestion: UInt64 = 0
    private var datapath: (any DatapathEnd)?
    /// What the kernel's module said when it refused; it is not asked again.
    private var moduleRefusal: ChannelError?
    private var links: LinkReader
    private var linkCrew = LinkCrew()
    /// What is known without waiting; told to the machine in the next turn of our own thread.
    private var pending: [SwitchEvent] = []
    /// What came since the hub's thread last had heard all; bounded by what it reads at once.
    private var heard: [SwitchEvent] = []
    /// What was decided on the hub's thread, and waits for our own.
    private var postponed: [SwitchEffect] = []
    /// Until when our own thread sleeps, if nobody wakes it.
    private var alarm: Instant?
    private var loggers: [String: Logger] = [:]
    /// Of the hub's thread, which alone uses it.
    private var scheduling: ThreadScheduling?

    /// Serves until it is asked to stop. The datapath keeps what it has.
    static func serve(_ process: DaemonProcess, database: String?, tls: TLSFiles?) throws {
        // First: threads have the niceness of the one that makes them.
        if !Niceness.take(Niceness.ofControlPlane) {
            Logger(label: "vswitchd").info(
                """
                niceness \(Niceness.ofControlPlane) needs CAP_SYS_NICE; without it, flows begin \
                more slowly while programs keep all processors busy
                """)
        }
        let shared = SharedMachine<VswitchdDaemon>()
        let mailbox = shared.mailbox
        let polling = AdaptivePolling(processorCount: Processors.ofThisThread().count)
        let hub = StreamHub(polling: polling) { event in
            guard case .received = event else { return mailbox.post(.stream(event)) }
            return shared.deliver(.stream(event))
        } whenDrained: {
            // If there is no room for it, our own thread has a turn before it.
            _ = shared.deliver(.drained)
        } whenAnswered: {
            _ = shared.deliver(.answered)
        }
        defer { hub.shutdown() }
        hub.useTLS(tls)
        let control = try ControlServer(
            of: process,
            commands: Vswitch.commands.map {
                Daemon.ControlCommand(
                    $0.name, usage: $0.usage, argumentCounts: $0.argumentCounts)
            }, sharing: hub
        ) { mailbox.post(.control($0)) }
        defer { control.close() }
        let daemon = try VswitchdDaemon(process.places, database, tls, hub, control)
        try shared.run(daemon, MachineLoop(process, mailbox)) { try process.ready() }
    }

    private init(
        _ places: Places, _ database: String?, _ tls: TLSFiles?, _ hub: StreamHub,
        _ control: ControlServer
    ) throws {
        (self.places, self.hub, self.control) = (places, hub, control)
        ownTLS = tls
        do throws(RemoteError) {
            databaseRemote = try Remote(
                parsing: database ?? "unix:\(places.rundir)/db.sock",
                defaultPort: Self.databasePort)
        } catch {
            throw DaemonError(error.description)
        }
        guard !databaseRemote.isPassive else {
            throw DaemonError(
                "cannot connect to \(databaseRemote): use unix:PATH, tcp:HOST:PORT or "
                    + "ssl:HOST:PORT")
        }
        links = try LinkReader()
        machine = Vswitch(
            product: ProductText(
                manufacturer: "Apus", hardware: "Apus (no kernel module)",
                software: Product.version),
            now: MonotonicClock.now())
    }

    // MARK: Turns

    var deadline: Instant? {
        alarm = pending.isEmpty && postponed.isEmpty ? machine.deadline : Instant.start
        return alarm
    }

    func handleAtOnce(_ message: Message, now: Instant) -> Bool {
        if case .answered = message { return flushAfterAnswers() }
        if let event = event(message) {
            guard event.isForAnyThread else {
                pending.append(event)
                return true
            }
            if case .datapathSaid(let said) = event { hub.heard(further: max(said.count - 1, 0)) }
            heard.append(event)
        }
        // More may have come: what has is told to the machine together.
        guard case .drained = message, !heard.isEmpty || machine.hasBacklog else { return false }
        if scheduling == nil { scheduling = ThreadScheduling() }
        scheduling?.turn(now: now)
        let effects = machine.handle(heard, now: now)
        heard.removeAll(keepingCapacity: true)
        carryOut(effects, mayWait: false)
        guard pending.isEmpty, postponed.isEmpty else { return true }
        if machine.hasBacklog {
            // Goes on here, after whoever else has been heard: another thread would only contend.
            hub.drain(within: .zero)
            return false
        }
        return machine.deadline.map { soon in alarm.map { soon < $0 } ?? true } ?? false
    }

    /// What the datapath is told goes after what controllers are told: these, once awake, send it
    /// the next packet, and it finds both.
    ///
    /// - Returns: Whether our own thread is to look after what is left.
    private func flushAfterAnswers() -> Bool {
        flushDatapath()
        return !pending.isEmpty || datapath?.wantsToWrite ?? false
    }

    func take(_ turn: Turn<Message>) throws -> Bool {
        carryOut(postponed, mayWait: true)
        postponed = []
        var events = heard + pending
        (heard, pending) = ([], [])
        // A link that failed loses packets until it is heard of: it waits for no upcall.
        events += readLinks(turn)
        events += takeLinkOutcomes()
        for message in turn.messages {
            if let event = event(message) { events.append(event) }
        }
        events += readDatapath(turn)
        carryOut(machine.handle(events, now: turn.now), mayWait: true)
        flushDatapath()
        return !turn.isStopRequested
    }

    var watches: [Watch] {
        var watches = [Watch(links.descriptor), Watch(linkCrew.descriptor)]
        if let datapath {
            watches.append(
                Watch(
                    datapath.descriptor, forReading: streams.datapath == nil,
                    forWriting: datapath.wantsToWrite))
        }
        return watches
    }

    // MARK: What came

    private func event(_ message: Message) -> SwitchEvent? {
        switch message {
        case .stream(.distrusted(let listener, let peer, let reason)):
            let target = streams.purpose(of: listener).map { " of \($0.bridge)" } ?? ""
            logger("rconn").warning("a controller\(target) at \(peer) was refused: \(reason)")
            return nil
        case .stream(let event):
            let meant = streams.event(event)
            if streams.datapath == nil, meant?.isEndOfDatapath == true { datapath = nil }
            return meant
        case .control(let request):
            lastQuestion += 1
            questions[ControlID(lastQuestion)] = request
            return .control(
                ControlID(lastQuestion), command: request.command,
                arguments: request.arguments, wantsJSON: request.wantsJSON)
        case .drained, .answered: return nil
        }
    }

    private func readDatapath(_ turn: Turn<Message>) -> [SwitchEvent] {
        guard let connection = datapath else { return [] }
        guard turn.readable.contains(connection.descriptor) else { return [] }
        var batch: [Received<DatapathReply>] = []
        let reason: String
        do throws(ChannelError) {
            let reception = try connection.receive(replies: { batch.append($0) })
            guard reception == .closed else { return [.datapathSaid(batch)] }
            reason = "it closed the connection"
        } catch {
            reason = "\(error)"
        }
        leaveDatapath()
        return [.datapathSaid(batch), .datapathClosed(reason: reason)]
    }

    private func readLinks(_ turn: Turn<Message>) -> [SwitchEvent] {
        guard turn.readable.contains(links.descriptor) else { return [] }
        return links.changed() ? [.links(links.facts())] : []
    }

    private func takeLinkOutcomes() -> [SwitchEvent] {
        linkCrew.takeOutcomes().compactMap { outcome in
            switch outcome {
            case .made(let name, let outcome): return .linkMade(name: name, outcome)
            case .removed(let name, let error):
                if let error {
                    logger("bridge").warning("link \(name) could not be removed: \(error)")
                }
                return .linkRemoved(name: name)
            case .swept(let names):
                for name in names {
                    logger("bridge").info("link \(name): removed, no row asks for it any more")
                }
                return nil
            }
        }
    }

    // MARK: What is to be done

    /// - Parameter mayWait: Whether this is our own thread, and not the hub's.
    private func carryOut(_ effects: [SwitchEffect], mayWait: Bool) {
        var outgoing = OutgoingPieces()
        defer { send(outgoing) }
        for effect in effects {
            // What follows an effect that waits, waits behind it.
            guard mayWait || postponed.isEmpty && !effect.waits else {
                postponed.append(effect)
                continue
            }
            switch effect {
            case .connectDatabase: streams.database = hub.connect(databaseRemote)
            case .sendDatabase(let bytes):
                if let stream = streams.database { hub.send(bytes, on: stream) }
            case .closeDatabase(let reason):
                logger("ovsdb").warning("closing the connection to the database: \(reason)")
                if let stream = streams.database { hub.close(stream) }
            case .connectDatapath(let prefersModule):
                connectDatapath(prefersModule: prefersModule)
            case .closeDatapath:
                flushDatapath()
                leaveDatapath()
            case .sendDatapath(let sequence, let request): send(request, sequence)
            case .answerUpcalls(let answers): send(answers)
            case .listen(let purpose): listen(purpose)
            case .stopListening(let purpose):
                if let listener = streams.forget(purpose) { hub.closeListener(listener) }
            case .connect(let session, let target): connect(session, target)
            case .useTLS(let wanted): hub.useTLS(wanted.map { TLSFiles($0) } ?? ownTLS)
            case .sendSession(let session, let bytes):
                guard !outgoing.join(bytes, to: session) else { break }
                send(outgoing)
                outgoing = OutgoingPieces(session, bytes)
            case .closeSession(let session):
                send(outgoing)
                outgoing = OutgoingPieces()
                if let stream = streams.stream(of: session) { hub.close(stream) }
            case .watchLinks(let names):
                links.watch(names)
                pending.append(.links(links.facts()))
            case .makeLink(let order): linkCrew.post(.make(order))
            case .removeLink(let name, let mark):
                // The datapath lets go of it first.
                flushDatapath()
                linkCrew.post(.remove(name: name, mark: mark))
            case .removeStrayLinks(let mark, let names):
                linkCrew.post(.sweep(mark: mark, except: names))
            case .answer(let id, let answer): reply(id, answer)
            case .answerJSON(let id, let json): reply(id, json)
            case .log(let level, let module, let text): log(level, module, text)
            }
        }
    }

    private func send(_ outgoing: OutgoingPieces) {
        guard let session = outgoing.session, let stream = streams.stream(of: session) else {
            return
        }
        hub.send(outgoing.bytes, on: stream)
    }

    /// Nothing that it still says counts.
    private func leaveDatapath() {
        datapath = nil
        if let stream = streams.datapath { hub.close(stream) }
        streams.datapath = nil
    }

    private func connectDatapath(prefersModule: Bool) {
        let isModuleThere = moduleRefusal == nil && KernelConnection.isModuleLoaded
        if prefersModule, isModuleThere {
            do throws(ChannelError) {
                let kernel = try KernelConnection()
                datapath = kernel
                pending.append(
                    .datapathOpened(
                        DatapathNature(
                            isKernelModule: true, isKernelModuleThere: true, name: kernel.name)))
                return
            } catch {
                moduleRefusal = error
                logger("dpif").warning("\(error); apus-datapath is used instead")
            }
        }
        do throws(ChannelError) {
            let connection = try ChannelConnection(runDirectory: places.rundir)
            datapath = connection
            streams.datapath = hub.hear(
                connection.descriptor, pieceByteCountMax: ChannelConnection.datagramByteCountMax)
            pending.append(
                .datapathOpened(
                    DatapathNature(isKernelModuleThere: isModuleThere && moduleRefusal == nil)))
        } catch {
            pending.append(.datapathClosed(reason: "\(error)"))
        }
    }

    private func send(_ request: DatapathRequest, _ sequence: UInt32) {
        guard let connection = datapath else { return }
        do throws(ChannelSendError) {
            try connection.send(request, sequence: sequence)
        } catch {
            notSent(sequence, error)
        }
    }

    private func send(_ answers: [UpcallAnswer]) {
        guard let connection = datapath else { return }
        for answer in answers {
            do throws(ChannelSendError) {
                try connection.send(answer)
            } catch {
                notSent(0, error)
                guard datapath != nil else { return }
            }
        }
    }

    private func notSent(_ sequence: UInt32, _ error: ChannelSendError) {
        switch error {
        case .message(let error):
            // One order that cannot be written; the conversation goes on.
            pending.append(
                .datapathReplied(sequence: sequence, .failed(errno: 0, text: "\(error)")))
        case .channel(let error):
            leaveDatapath()
            pending.append(.datapathClosed(reason: "\(error)"))
        }
    }

    private func flushDatapath() {
        guard let connection = datapath, connection.unsentByteCount > 0 else { return }
        do throws(ChannelError) {
            try connection.flush()
        } catch {
            leaveDatapath()
            pending.append(.datapathClosed(reason: "\(error)"))
        }
    }

    private func listen(_ purpose: ListenerPurpose) {
        do {
            let listener = try hub.listen(place(of: purpose))
            streams.remember(listener, purpose)
        } catch {
            pending.append(.listenFailed(purpose, reason: "\(error)"))
        }
    }

    private func place(of purpose: ListenerPurpose) throws(RemoteError) -> Remote {
        let rundir = places.rundir
        return switch purpose {
        case .management(let bridge): try Remote(parsing: "punix:\(rundir)/\(bridge).mgmt")
        case .snoop(let bridge): try Remote(parsing: "punix:\(rundir)/\(bridge).snoop")
        case .controller(_, let target):
            try Remote(parsing: target, defaultPort: Self.openFlowPort)
        }
    }

    private func connect(_ session: SessionID, _ target: String) {
        do throws(RemoteError) {
            let remote = try Remote(parsing: target, defaultPort: Self.openFlowPort)
            streams.remember(hub.connect(remote), session)
        } catch {
            pending.append(.sessionClosed(session, reason: error.description))
        }
    }

    private func reply(_ id: ControlID, _ answer: Result<String, ControlError>) {
        guard let request = questions.removeValue(forKey: id) else { return }
        switch answer {
        case .success(let text): control.reply(text, to: request)
        case .failure(let error): control.fail(error.text, request)
        }
    }

    private func reply(_ id: ControlID, _ json: JSON) {
        guard let request = questions.removeValue(forKey: id) else { return }
        control.reply(json: json, to: request)
    }

    private func logger(_ module: String) -> Logger {
        if let logger = loggers[module] { return logger }
        let logger = Logger(label: module)
        loggers[module] = logger
        return logger
    }

    private func log(_ level: Bridges.LogLevel, _ module: String, _ text: String) {
        let logger = logger(module)
        switch level {
        case .debug: logger.debug("\(text)")
        case .info: logger.info("\(text)")
        case .warning: logger.warning("\(text)")
        case .error: logger.error("\(text)")
        }
    }
}
