// One turn of the daemon: orders first, then packets, then what goes up.
//
//     wait ──> orders from the channel ──> ports that have something, round after round ──> upcalls
//
// What takes the kernel long is done elsewhere (PortCrew) and reported in a later turn.
//
// It goes on alike whether vswitchd is there or not: cached flows need nobody.

import Channel
import Daemon
import DatapathMessages
import Flows
import Forwarding
import Glibc
import Links
import Logging
import PacketPorts
import Streams
import Timekeeping

final class DatapathDaemon {
    static let name = "apus-datapath"
    /// Rounds over busy ports before orders have their turn.
    private static let roundsPerTurn = 16
    /// Upcalls that leave in one batch.
    private static let upcallsPerBatch = 256
    /// Four for each port that may be, and some more.
    private static let descriptorCountMax = 4 * 65_536 + 1024
    /// How often the kernel is asked for drops of rings that do not report them by themselves.
    private static let countPause = Duration.seconds(1)

    enum Message: Sendable { case control(ControlRequest) }

    private let process: DaemonProcess
    private let mailbox = Mailbox<Message>()
    private let control: ControlServer
    private let listener: ChannelListener
    let logger = Logger(label: "datapath")
    let readySet: ReadySet
    var worker: Worker
    let crew = PortCrew()
    var links: LinkWatch
    private var clients: [ClientID: ChannelConnection] = [:]
    private var lastClient: UInt64 = 0
    var nextCount: Instant
    private var costs: WorkerCosts

    /// - Parameter express: Whether the kernel may forward busy flows by itself.
    init(_ process: DaemonProcess, express isWanted: Bool) throws {
        self.process = process
        guard geteuid() == 0 else {
            throw DaemonError(
                "\(Self.name) opens packet sockets and needs root; run it with sudo")
        }
        OpenFiles.raiseLimit(to: Self.descriptorCountMax)
        var random = SystemRandomNumberGenerator()
        worker = Worker(hashSeed: random.next(), express: Self.express(isWanted, logger))
        costs = WorkerCosts(now: MonotonicClock.now(), counts: LookupCounts(DatapathStatistics()))
        do {
            listener = try ChannelListener(runDirectory: process.places.rundir)
            readySet = try ReadySet()
            links = try LinkWatch()
        } catch {
            throw DaemonError("\(error)")
        }
        nextCount = MonotonicClock.now() + Self.countPause
        let mailbox = mailbox
        control = try ControlServer(of: process, commands: Self.commands) {
            mailbox.post(.control($0))
        }
    }

    /// Without this tier the switch works, and every frame comes by the rings.
    private static func express(_ isWanted: Bool, _ logger: Logger) -> ExpressTable? {
        guard isWanted else { return nil }
        do throws(PortError) {
            return try ExpressTable()
        } catch {
            logger.warning("all frames come by the rings, none by the kernel alone: \(error)")
            return nil
        }
    }

    /// Runs until it is asked to stop. Ports end with the process.
    func serve() throws {
        if !SchedulingPolicy.runInBatches() {
            logger.warning("the kernel refuses SCHED_BATCH; TCP may be slower")
        }
        try process.ready()
        let loop = MachineLoop(process, mailbox)
        defer { control.close() }
        while true {
            let deadline = worker.desk.hasDumps ? Instant.start : nextCount
            let turn = loop.wait(until: deadline, watching: watches)
            costs.spend(.waiting, until: turn.now)
            acceptClients(turn)
            for id in clients.keys.sorted() { readOrders(id) }
            takeReports()
            readLinks(turn)
            costs.spend(.orders, until: MonotonicClock.now())
            servePorts()
            for message in turn.messages {
                if case .control(let request) = message { answer(request) }
            }
            continueDumps()
            countDrops(now: turn.now)
            for id in clients.keys.sorted() { flush(id) }
            costs.spend(.rest, until: MonotonicClock.now())
            costs.endTurn(lookups: worker.lookupCounts.lookups)
            if turn.isStopRequested { break }
        }
        closeAllPorts()
    }

    private var watches: [Watch] {
        [
            Watch(listener.descriptor), Watch(readySet.descriptor), Watch(crew.descriptor),
            Watch(links.descriptor),
        ]
            + clients.values.map { Watch($0.descriptor, forWriting: $0.wantsToWrite) }
    }

    // MARK: Packets

    private func servePorts() {
        for _ in 0..<Self.roundsPerTurn {
            let ready = readySet.ready()
            guard !ready.isEmpty else { break }
            let now = MonotonicClock.now()
            for port in ready {
                worker.serve(port.port, now: now)
                makeBlocksIfWanted(by: port.port)
                if port.hasError { reportError(of: port.port) }
            }
            // Questions that must wait for answers: those may be here already.
            if !sendUpcalls() { return }
        }
        sendUpcalls()
    }

    /// - Returns: Whether all are on their way.
    @discardableResult
    private func sendUpcalls() -> Bool {
        costs.spend(.packets, until: MonotonicClock.now())
        guard worker.forwarder.waitingUpcallCount > 0 else { return true }
        defer { costs.spend(.upcalls, until: MonotonicClock.now()) }
        return handOverUpcalls()
    }

    private func handOverUpcalls() -> Bool {
        guard let id = worker.desk.upcallClient, let client = clients[id] else { return true }
        while worker.forwarder.waitingUpcallCount > 0, client.hasRoomForUpcalls {
            let upcalls = worker.forwarder.takeUpcalls(
                atMost: Self.upcallsPerBatch, keeping: true)
            // As many are under way as may be; their answers make room.
            if upcalls.isEmpty { break }
            for upcall in upcalls {
                do throws(ChannelSendError) {
                    try client.send(.upcall(upcall), sequence: 0)
                } catch {
                    logger.warning("an upcall could not be sent: \(error)")
                }
            }
        }
        flush(id)
        return worker.forwarder.waitingUpcallCount == 0
    }

    private func reportError(of port: UInt32) {
        guard let error = worker.takeError(of: port) else { return }
        logger.warning("port \(port): \(error)")
        guard error.kind == .noSuchInterface else { return }
        // It stays silent for ever; vswitchd sees that the interface is gone.
        for descriptor in worker.ports.descriptors(of: port) { readySet.remove(descriptor) }
    }

    private func countDrops(now: Instant) {
        guard now >= nextCount else { return }
        nextCount = now + Self.countPause
        for number in worker.forwarder.portNumbers {
            worker.countRingDrops(of: number)
            dropIdleBlocks(of: number)
        }
        worker.refreshExpress(now: now)
    }

    // MARK: Orders

    private func acceptClients(_ turn: Turn<Message>) {
        guard turn.readable.contains(listener.descriptor) else { return }
        do throws(ChannelError) {
            while let client = try listener.accept(clientCount: clients.count) {
                lastClient += 1
                clients[ClientID(lastClient)] = client
            }
        } catch {
            logger.warning("a client could not be accepted: \(error)")
        }
    }

    private func readOrders(_ id: ClientID) {
        guard let client = clients[id] else { return }
        var requests: [Received<DatapathRequest>] = []
        do throws(ChannelError) {
            if try client.receive(requests: { requests.append($0) }) == .closed { gone(id) }
        } catch {
            logger.warning("client \(id.rawValue): \(error)")
            gone(id)
        }
        let now = MonotonicClock.now()
        for request in requests {
            switch request.content {
            case .success(let order):
                let effects = worker.take(order, sequence: request.sequence, from: id, now: now)
                for effect in effects { carryOut(effect) }
            case .failure(let error):
                reply(id, request.sequence, .failed(errno: EINVAL, text: "\(error)"))
            }
        }
        if !requests.isEmpty { worker.ports.flush() }
    }

    func carryOut(_ effect: DeskEffect) {
        switch effect {
        case .reply(let id, let sequence, let reply, let inDump):
            self.reply(id, sequence, reply, inDump: inDump)
        case .openPort(let port): open(port)
        case .shapePort(let number, let shaping, let caller):
            let refusal = shape(number, shaping)
            for effect in worker.desk.portShaped(number, refusal: refusal, for: caller) {
                carryOut(effect)
            }
        case .closePort(let number, let caller): close(number, for: caller)
        }
    }

    /// - Returns: Why not.
    private func shape(
        _ number: UInt32, _ shaping: PortTraffic.Shaping?
    ) -> (errno: Int32, text: String)? {
        guard let name = worker.ports.shapedInterface(of: number) else {
            return shaping == nil
                ? nil : (EOPNOTSUPP, "QoS is for interfaces of the system, not for internal ones")
        }
        do {
            try LinkTable().shape(name, shaping)
            try worker.ports.shape(number, shaping)
            return nil
        } catch {
            return (EINVAL, "\(error)")
        }
    }

    private func continueDumps() {
        guard worker.desk.hasDumps else { return }
        for effect in worker.continueDumps({ clients[$0]?.hasRoomForUpcalls ?? true }) {
            carryOut(effect)
        }
    }

    // MARK: Clients

    private func reply(
        _ id: ClientID, _ sequence: UInt32, _ reply: DatapathReply, inDump: Bool = false
    ) {
        guard let client = clients[id] else { return }
        do throws(ChannelSendError) {
            try client.send(reply, sequence: sequence, inDump: inDump)
        } catch {
            logger.warning("client \(id.rawValue) is closed: \(error)")
            gone(id)
        }
    }

    private func flush(_ id: ClientID) {
        guard let client = clients[id], client.unsentByteCount > 0 else { return }
        do throws(ChannelError) {
            try client.flush()
        } catch {
            gone(id)
        }
    }

    private func gone(_ id: ClientID) {
        guard clients.removeValue(forKey: id) != nil else { return }
        if worker.desk.upcallClient == id {
            logger.warning("vswitchd is gone; cached flows go on")
        }
        worker.clientGone(id)
    }
}

// MARK: The control socket

extension DatapathDaemon {
    private static let commands = [
        ControlCommand("apus/packet-ends"),
        ControlCommand("dpctl/show", usage: "[dp]", argumentCounts: 0...1),
        ControlCommand("dpif-netdev/pmd-perf-show", usage: "[-nh] [dp]", argumentCounts: 0...2),
        ControlCommand("dpif-netdev/pmd-stats-clear", usage: "[dp]", argumentCounts: 0...1),
        ControlCommand("dpif-netdev/pmd-stats-show", usage: "[dp]", argumentCounts: 0...1),
    ]

    private func answer(_ request: ControlRequest) {
        switch request.command {
        case "apus/packet-ends":
            control.reply(worker.packetEndsText, to: request)
        case "dpif-netdev/pmd-stats-show":
            let processor = SchedulingPolicy.processor
            control.reply(
                costs.statsText(processor: processor, worker.lookupCounts), to: request)
        case "dpif-netdev/pmd-perf-show":
            let text = costs.perfText(
                processor: SchedulingPolicy.processor, worker.lookupCounts,
                now: MonotonicClock.now(),
                withHistograms: !request.arguments.contains("-nh"))
            control.reply(text, to: request)
        case "dpif-netdev/pmd-stats-clear":
            costs = WorkerCosts(now: MonotonicClock.now(), counts: worker.lookupCounts)
            control.reply("", to: request)
        default:
            control.reply(worker.summaryText, to: request)
        }
    }
}
