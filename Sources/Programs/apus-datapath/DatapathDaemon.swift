// One turn of the daemon: orders first, then packets, then what goes up.
//
//     wait ──> orders from the channel ──> ports that have something, round after round ──> upcalls
//
// What takes the kernel long is done elsewhere (PortCrew) and reported in a later turn. Ports are
// this thread's in so far as it is the first of the workers; the others serve theirs on threads of
// their own, and are stopped for what an order changes in them (WorkerGroup).
//
// It goes on alike whether vswitchd is there or not: cached flows need nobody.

import Channel
import Daemon
import DatapathMessages
import Flows
import Forwarding
import Glibc
import LinkValues
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

    enum Message: Sendable {
        case control(ControlRequest)
        /// Upcalls wait in a worker that has a thread of its own.
        case bell
    }

    private let process: DaemonProcess
    private let mailbox = Mailbox<Message>()
    private let control: ControlServer
    private let listener: ChannelListener
    let logger = Logger(label: "datapath")
    let workers: WorkerGroup
    /// The same, for the desk.
    var team: ForwarderTeam<PortSet>
    var desk: OrderDesk
    let crew = PortCrew()
    var links: LinkWatch
    /// Workers if the database says nothing, and where they run then.
    let standardCount: Int
    let anyProcessor = Processors.ofThisThread()
    var presentPlan = WorkerPlan()
    /// Workers that can send by all ports; those above were made and then lacked something.
    var equippedCount: Int
    /// Ports whose rings are being made anew, by the number of the errand.
    var reopenings: [UInt64: Reopening] = [:]
    var lastReopening: UInt64 = 0
    /// Whose upcalls are handed over first.
    private var firstInTurn = 0
    private var clients: [ClientID: ChannelConnection] = [:]
    private var lastClient: UInt64 = 0
    var nextCount: Instant
    /// How long it looks for the next message of vswitchd or packet before it sleeps.
    private var polling = AdaptivePolling(processorCount: Processors.ofThisThread().count)
    /// Orders and upcalls of this turn.
    private var exchanged = 0

    /// - Parameters:
    ///   - express: Whether the kernel may forward busy flows by itself.
    ///   - workerCount: 1 to `ForwardingLimits.workers`; if the database says nothing.
    ///   - spreads: Names of ports that all workers receive by; likewise.
    init(
        _ process: DaemonProcess, express isWanted: Bool, workerCount: Int, spreads: [String]
    ) throws {
        self.process = process
        guard geteuid() == 0 else {
            throw DaemonError(
                "\(Self.name) opens packet sockets and needs root; run it with sudo")
        }
        OpenFiles.raiseLimit(to: Self.descriptorCountMax)
        var random = SystemRandomNumberGenerator()
        standardCount = workerCount
        equippedCount = workerCount
        desk = OrderDesk(workerCount: workerCount)
        desk.spreads = Set(spreads)
        let mailbox = mailbox
        do {
            listener = try ChannelListener(runDirectory: process.places.rundir)
            workers = try WorkerGroup(
                count: workerCount, hashSeed: random.next(),
                express: Self.express(isWanted, logger), crew: crew, logger: logger
            ) { mailbox.post(.bell) }
            team = workers.makeTeam()
            links = try LinkWatch()
        } catch {
            throw DaemonError("\(error)")
        }
        nextCount = MonotonicClock.now() + Self.countPause
        control = try ControlServer(of: process, commands: Self.commands) {
            mailbox.post(.control($0))
        }
    }

    /// Without this tier the switch works, and every frame comes by the rings.
    private static func express(_ isWanted: Bool, _ logger: Logger) -> SharedExpress? {
        guard isWanted else { return nil }
        do throws(PortError) {
            return SharedExpress(try ExpressTable())
        } catch {
            logger.warning("all frames come by the rings, none by the kernel alone: \(error)")
            return nil
        }
    }

    /// Runs until it is asked to stop. Ports end with the process.
    func serve() throws {
        if !SchedulingPolicy.batch.take() {
            logger.warning("the kernel refuses SCHED_BATCH; TCP may be slower")
        }
        try workers.start()
        try process.ready()
        let loop = MachineLoop(process, mailbox)
        defer { control.close() }
        while true {
            let deadline = desk.hasDumps ? Instant.start : nextCount
            let turn = loop.wait(until: deadline, watching: watches, looking: polling.window)
            exchanged = 0
            spend(.waiting, until: turn.now)
            acceptClients(turn)
            for id in clients.keys.sorted() { readOrders(id, turn) }
            takeReports()
            readLinks(turn)
            workers.letGo()
            spend(.orders, until: MonotonicClock.now())
            servePorts()
            for message in turn.messages {
                if case .control(let request) = message { answer(request) }
            }
            continueDumps()
            countDrops(now: turn.now)
            workers.letGo()
            for id in clients.keys.sorted() { flush(id) }
            spend(.rest, until: MonotonicClock.now())
            workers.costs.endTurn(lookups: workers.first.lookupCounts.lookups)
            polling.turnEnded(messages: exchanged, lookedInVain: turn.hasLookedInVain)
            if turn.isStopRequested { break }
        }
        workers.stop()
        closeAllPorts()
    }

    private func spend(_ step: WorkerCosts.Step, until now: Instant) {
        workers.costs.spend(step, until: now)
    }

    private var watches: [Watch] {
        [
            Watch(listener.descriptor), Watch(workers.first.readySet.descriptor),
            Watch(crew.descriptor), Watch(links.descriptor),
        ]
            + clients.values.map { Watch($0.descriptor, forWriting: $0.wantsToWrite) }
    }

    // MARK: Packets

    private func servePorts() {
        for _ in 0..<Self.roundsPerTurn {
            let ready = workers.first.readySet.ready()
            guard !ready.isEmpty else { break }
            _ = workers.first.serve(ready, until: nil)
            // Questions that must wait for answers: those may be here already.
            if !sendUpcalls() { return }
        }
        sendUpcalls()
    }

    /// - Returns: Whether all are on their way.
    @discardableResult
    private func sendUpcalls() -> Bool {
        spend(.packets, until: MonotonicClock.now())
        guard workers.mayHaveUpcalls else { return true }
        defer { spend(.upcalls, until: MonotonicClock.now()) }
        return handOverUpcalls()
    }

    private func handOverUpcalls() -> Bool {
        guard let id = desk.upcallClient, let client = clients[id] else { return true }
        var areAllGone = true
        firstInTurn = (firstInTurn + 1) % workers.count
        for place in workers.all {
            let number = (firstInTurn + place) % workers.count
            guard workers.mayHaveUpcalls(number) else { continue }
            if !handOverUpcalls(of: number, to: client) { areAllGone = false }
        }
        flush(id)
        return areAllGone
    }

    /// - Returns: Whether all of this worker are on their way.
    private func handOverUpcalls(of number: Int, to client: ChannelConnection) -> Bool {
        while client.hasRoomForUpcalls {
            let (upcalls, areMore) = team.with(number) { forwarder, _ in
                let upcalls = forwarder.takeUpcalls(atMost: Self.upcallsPerBatch, keeping: true)
                return (upcalls, forwarder.waitingUpcallCount > 0)
            }
            if !areMore { workers.noteUpcallsFetched(number) }
            // It goes on while these are written.
            workers.letGo()
            exchanged += upcalls.count
            for upcall in upcalls {
                do throws(ChannelSendError) {
                    try client.send(.upcall(upcall), sequence: DatapathSequence.none)
                } catch {
                    logger.warning("an upcall could not be sent: \(error)")
                }
            }
            if !areMore { return true }
            // As many are under way as may be; their answers make room.
            if upcalls.isEmpty { return false }
        }
        return false
    }

    private func countDrops(now: Instant) {
        guard now >= nextCount else { return }
        nextCount = now + Self.countPause
        for number in workers.all { workers.with(number) { $0.countDrops(now: now) } }
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

    private func readOrders(_ id: ClientID, _ turn: Turn<Message>) {
        guard let client = clients[id], turn.readable.contains(client.descriptor) else { return }
        var requests: [Received<DatapathRequest>] = []
        do throws(ChannelError) {
            if try client.receive(requests: { requests.append($0) }) == .closed { gone(id) }
        } catch {
            logger.warning("client \(id.rawValue): \(error)")
            gone(id)
        }
        exchanged += requests.count
        let now = MonotonicClock.now()
        var answers: [UpcallAnswer] = []
        for request in requests {
            if request.sequence == DatapathSequence.none,
                case .success(.answerUpcall(let answer)) = request.content
            {
                answers.append(answer)
                continue
            }
            take(&answers, from: id, now)
            switch request.content {
            case .success(let order):
                let effects = desk.take(
                    order, sequence: request.sequence, from: id, now: now, team)
                for effect in effects { carryOut(effect) }
            case .failure(let error):
                reply(id, request.sequence, .failed(errno: EINVAL, text: "\(error)"))
            }
        }
        take(&answers, from: id, now)
        workers.letGo()
    }

    /// Answers come by the hundred, and are carried out together.
    private func take(_ answers: inout [UpcallAnswer], from id: ClientID, _ now: Instant) {
        guard !answers.isEmpty else { return }
        for effect in desk.take(answers: answers, from: id, now: now, team) { carryOut(effect) }
        answers.removeAll(keepingCapacity: true)
    }

    func carryOut(_ effect: DeskEffect) {
        switch effect {
        case .reply(let id, let sequence, .port(let port), let inDump):
            reply(id, sequence, .port(withQueues(port)), inDump: inDump)
        case .reply(let id, let sequence, let reply, let inDump):
            self.reply(id, sequence, reply, inDump: inDump)
        case .openPort(let port): open(port)
        case .shapePort(let number, let shaping, let caller):
            let refusal = shape(number, shaping)
            for effect in desk.portShaped(number, refusal: refusal, for: caller) {
                carryOut(effect)
            }
        case .closePort(let number, let caller): close(number, for: caller)
        case .setWorkers(let plan, let caller): setWorkers(plan, for: caller)
        case .receivePort(let number, let receivers): receive(number, by: receivers)
        }
    }

    /// - Returns: Why not.
    func shape(
        _ number: UInt32, _ shaping: PortTraffic.Shaping?
    ) -> (errno: Int32, text: String)? {
        guard let interface = workers.with(0, { $0.interface(of: number) }) else {
            return shaping == nil
                ? nil : (EOPNOTSUPP, "QoS is for interfaces of the system, not for internal ones")
        }
        var made: [Moved<Reshaped>] = []
        do {
            try LinkTable().shape(interface.name, shaping)
            for _ in workers.all {
                made.append(Moved(try Reshaped(shaping, interface: interface)))
            }
        } catch {
            for one in made { _ = one.take() }
            return (EINVAL, "\(error)")
        }
        for (worker, one) in made.enumerated() {
            workers.with(worker) { $0.shape(number, one) }
        }
        return nil
    }

    /// A port with what its queues have sent, which the kernel counts.
    private func withQueues(_ port: Vport) -> Vport {
        guard let number = port.number, desk.shaping(ofPort: number) != nil else { return port }
        var counted = port
        do throws(LinkError) {
            counted.queues = try LinkTable().queueCounters(port.name)
        } catch {
            logger.warning("queues of \(port.name) are not counted: \(error)")
        }
        return counted
    }

    private func continueDumps() {
        guard desk.hasDumps else { return }
        let effects = desk.continueDumps(team) { clients[$0]?.hasRoomForUpcalls ?? true }
        workers.letGo()
        for effect in effects { carryOut(effect) }
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
        if desk.upcallClient == id {
            logger.warning("vswitchd is gone; cached flows go on")
        }
        desk.clientGone(id, team)
    }
}

// MARK: The control socket

extension DatapathDaemon {
    private static let commands = [
        ControlCommand("apus/packet-ends"),
        ControlCommand("dpctl/show", usage: "[dp]", argumentCounts: 0...1),
        ControlCommand("dpif-netdev/pmd-perf-show", usage: "[-nh] [dp]", argumentCounts: 0...2),
        ControlCommand("dpif-netdev/pmd-rxq-show", usage: "[dp]", argumentCounts: 0...1),
        ControlCommand("dpif-netdev/pmd-stats-clear", usage: "[dp]", argumentCounts: 0...1),
        ControlCommand("dpif-netdev/pmd-stats-show", usage: "[dp]", argumentCounts: 0...1),
    ]

    private func answer(_ request: ControlRequest) {
        switch request.command {
        case "apus/packet-ends": control.reply(packetEndsText, to: request)
        case "dpif-netdev/pmd-stats-show": control.reply(statsText, to: request)
        case "dpif-netdev/pmd-perf-show":
            let isLong = !request.arguments.contains("-nh")
            control.reply(perfText(withHistograms: isLong), to: request)
        case "dpif-netdev/pmd-rxq-show": control.reply(receiversText, to: request)
        case "dpif-netdev/pmd-stats-clear":
            workers.clearCosts()
            control.reply("", to: request)
        default: control.reply(summaryText, to: request)
        }
    }
}
