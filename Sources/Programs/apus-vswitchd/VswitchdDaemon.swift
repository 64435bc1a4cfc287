// One turn of the daemon: everything that came is told to the machine at once; then it is obeyed.
//
//     database, OpenFlow, control socket ─┐ (mailbox)
//     datapath ───────────────────────────┼──> Vswitch.handle ──> effects ──> the same four
//     links ──────────────────────────────┘
//
// The datapath's socket is read by this thread itself: an upcall waits for no other thread.

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

final class VswitchdDaemon {
    /// As unmodified tools look for it.
    static let name = "ovs-vswitchd"
    /// Ports of Open vSwitch for OpenFlow and OVSDB.
    static let openFlowPort: UInt16 = 6653
    static let databasePort: UInt16 = 6640

    enum Message: Sendable {
        case stream(StreamEvent)
        case control(ControlRequest)
    }

    private let process: DaemonProcess
    private let mailbox = Mailbox<Message>()
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
    /// What is known without waiting; told to the machine in the next turn.
    private var pending: [SwitchEvent] = []
    private var loggers: [String: Logger] = [:]

    init(_ process: DaemonProcess, database: String?, tls: TLSFiles?) throws {
        self.process = process
        ownTLS = tls
        do throws(RemoteError) {
            databaseRemote = try Remote(
                parsing: database ?? "unix:\(process.places.rundir)/db.sock",
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
        let mailbox = mailbox
        hub = StreamHub { mailbox.post(.stream($0)) }
        hub.useTLS(tls)
        control = try ControlServer(
            of: process,
            commands: Vswitch.commands.map {
                Daemon.ControlCommand(
                    $0.name, usage: $0.usage, argumentCounts: $0.argumentCounts)
            }, sharing: hub
        ) { mailbox.post(.control($0)) }
    }

    /// Runs until it is asked to stop. The datapath keeps what it has.
    func serve() throws {
        let loop = MachineLoop(process, mailbox)
        var isReady = false
        defer {
            control.close()
            hub.shutdown()
        }
        while true {
            let deadline = pending.isEmpty ? machine.deadline : Instant.start
            let turn = loop.wait(until: deadline, watching: watches)
            var events = pending
            pending = []
            // A link that failed loses packets until it is heard of: it waits for no upcall.
            events += readLinks(turn)
            events += takeLinkOutcomes()
            for message in turn.messages { events += event(message) }
            events += readDatapath(turn)
            carryOut(machine.handle(events, now: turn.now))
            flushDatapath()
            if !isReady {
                try process.ready()
                isReady = true
            }
            if turn.isStopRequested { return }
        }
    }

    private var watches: [Watch] {
        var watches = [Watch(links.descriptor), Watch(linkCrew.descriptor)]
        if let datapath {
            watches.append(
                Watch(datapath.descriptor, forWriting: datapath.wantsToWrite))
        }
        return watches
    }

    // MARK: What came

    private func event(_ message: Message) -> [SwitchEvent] {
        switch message {
        case .stream(.distrusted(let listener, let peer, let reason)):
            let target = streams.purpose(of: listener).map { " of \($0.bridge)" } ?? ""
            logger("rconn").warning("a controller\(target) at \(peer) was refused: \(reason)")
            return []
        case .stream(let event): return streams.event(event)
        case .control(let request):
            lastQuestion += 1
            questions[ControlID(lastQuestion)] = request
            return [
                .control(
                    ControlID(lastQuestion), command: request.command,
                    arguments: request.arguments, wantsJSON: request.wantsJSON)
            ]
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
        datapath = nil
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

    private func carryOut(_ effects: [SwitchEffect]) {
        var outgoing = OutgoingPieces()
        defer { send(outgoing) }
        for effect in effects {
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
                datapath = nil
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
            datapath = try ChannelConnection(runDirectory: process.places.rundir)
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
            datapath = nil
            pending.append(.datapathClosed(reason: "\(error)"))
        }
    }

    private func flushDatapath() {
        guard let connection = datapath, connection.unsentByteCount > 0 else { return }
        do throws(ChannelError) {
            try connection.flush()
        } catch {
            datapath = nil
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
        let rundir = process.places.rundir
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
