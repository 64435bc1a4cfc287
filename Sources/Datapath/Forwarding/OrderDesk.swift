public import DatapathMessages
public import Execution
public import Flows
public import Timekeeping

// Where orders come in: who asked, what is answered, which devices are to be opened or closed.
//
//     request ──> OrderDesk ──┬─> team of forwarders (flows, counters, execution)
//                             ├─> open or close a port's device (the program does it, and reports)
//                             └─> replies, each with the number of its request
//
// The desk is pure. Opening or closing a device keeps the kernel busy for tens of milliseconds, so
// it is an effect that comes back as `portOpened`, `portRefused` or `portClosed`, in any order and
// with other orders in between; the answer waits for it. Everything else is answered on the spot.
// Dumps are told in portions, so that a table of a million flows neither stops packets nor fills
// memory.

/// A connection of the channel, numbered by the program.
public struct ClientID: Hashable, Comparable, Sendable {
    public var rawValue: UInt64
    public init(_ rawValue: UInt64) { self.rawValue = rawValue }
    public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// Who gave an order, and under which number: where its answer goes.
public struct DeskCaller: Hashable, Sendable {
    var client: ClientID
    var sequence: UInt32
}

/// What the program is to do about an order.
public enum DeskEffect: Hashable, Sendable {
    case reply(ClientID, sequence: UInt32, DatapathReply, inDump: Bool)
    /// Open the device of a port, whose number is set, and report `portOpened` or `portRefused`.
    case openPort(Vport)
    /// Have the device of a port share out what leaves, and report `portShaped`: nil ends that.
    case shapePort(number: UInt32, PortTraffic.Shaping?, DeskCaller)
    /// Have as many workers as that, where it says, and report `workersSet`.
    case setWorkers(WorkerPlan, DeskCaller)
    /// From now on these workers receive by a port, which is open: one for each of its queues.
    case receivePort(number: UInt32, by: [Int])
    /// Close the device of a port that is no longer there, and report `portClosed` with the caller.
    case closePort(number: UInt32, DeskCaller?)
}

/// The state of orders: ports by number, who takes upcalls, dumps that are under way.
public struct OrderDesk: Sendable {
    /// Flows told in one portion before packets have their turn.
    public static let flowsPerPortion = 512

    private struct Dump: Sendable {
        var client: ClientID
        var sequence: UInt32
        var onlyNews: Bool
        var cursor = TeamCursor()
    }

    struct Opening: Sendable {
        var port: Vport
        /// Who asked for it; more than one if vswitchd began anew meanwhile.
        var callers: [DeskCaller]
    }

    var ports: [UInt32: Vport] = [:]
    /// Ports whose devices are being opened. Their numbers are taken.
    var opening: [UInt32: Opening] = [:]
    /// Numbers of both, by name.
    private var numbers: [String: UInt32] = [:]
    /// What was said of ports' traffic; nothing of most.
    private var traffic: [UInt32: PortTraffic] = [:]
    /// What was said of who receives by them; nothing of most.
    var receiving: [UInt32: PortReceiving] = [:]
    /// The workers that were asked for.
    var plan = WorkerPlan()
    private var dumps: [Dump] = []
    /// Who is asked about packets that no flow knows.
    public private(set) var upcallClient: ClientID?
    /// Which worker receives what.
    public internal(set) var homes: PortHomes
    /// Names of ports that all workers receive by, if nobody says otherwise.
    public var spreads: Set<String> = []
    /// Flows that several workers have are counted once: so many are there once more.
    var copies = 0

    /// - Parameter workerCount: Of the team that orders are carried out by.
    public init(workerCount: Int = 1) { homes = PortHomes(workerCount: workerCount) }

    /// Ports by rising number.
    public var portsInOrder: [Vport] {
        ports.sorted { $0.key < $1.key }.map(\.value)
    }

    public func name(ofPort number: UInt32) -> String? { ports[number]?.name }

    /// Whether flows are still to be told.
    public var hasDumps: Bool { !dumps.isEmpty }

    /// A connection ended: it is told nothing more. If it took the upcalls, nobody does now.
    public mutating func clientGone<Sink: PacketSink & ExpressTier & ~Copyable>(
        _ client: ClientID, _ team: ForwarderTeam<Sink>
    ) {
        dumps.removeAll { $0.client == client }
        guard upcallClient == client else { return }
        upcallClient = nil
        team.setHasVswitchd(false)
        team.forgetKeptUpcalls()
    }

    /// Takes one order.
    public mutating func take<Sink: PacketSink & ExpressTier & ~Copyable>(
        _ request: DatapathRequest, sequence: UInt32, from client: ClientID, now: Instant,
        _ team: ForwarderTeam<Sink>
    ) -> [DeskEffect] {
        let caller = DeskCaller(client: client, sequence: sequence)
        func reply(_ reply: DatapathReply, inDump: Bool = false) -> DeskEffect {
            .reply(client, sequence: sequence, reply, inDump: inDump)
        }
        do throws(OrderRefusal) {
            switch request {
            case .describeDatapath:
                team.refreshExpress(now: now)
                let description = DatapathDescription(
                    name: DatapathReport.name, statistics: statistics(team))
                return [reply(.datapath(description), inDump: true), reply(.done, inDump: true)]
            case .takeUpcalls:
                if upcallClient != client { team.forgetKeptUpcalls() }
                upcallClient = client
                team.setHasVswitchd(true)
            case .addPort(let port): return try addPort(port, caller, team)
            case .deletePort(let number): return try deletePort(number, caller, now, team)
            case .setTraffic(let number, let wanted):
                return try setTraffic(wanted, number, caller, now, team)
            case .setWorkers(let wanted): return setWorkers(wanted, caller)
            case .setReceiving(let number, let wanted):
                return try setReceiving(wanted, number, caller, now, team)
            case .listPorts:
                team.refreshExpress(now: now)
                return portsInOrder.map { reply(.port(told($0, team)), inDump: true) }
                    + [reply(.done, inDump: true)]
            case .probeFlow(let flow): try team.probe(flow)
            case .deleteFlow(let key, let mask):
                let home = homes.workers(ofFlow: key, mask: mask)
                let (flow, copies) = try team.delete(key: key, mask: mask, at: home, now: now)
                self.copies += copies
                return [reply(.flow(flow)), reply(.done)]
            case .flushFlows: flush(now, team)
            case .listFlows, .listFlowNews:
                team.refreshExpress(now: now)
                dumps.append(
                    Dump(client: client, sequence: sequence, onlyNews: request == .listFlowNews))
                return []
            case .putMeter(let meter): try team.putMeter(meter, now: now)
            case .deleteMeter(let id):
                let (meter, statistics) = try team.deleteMeter(id)
                return [reply(.meter(meter, statistics)), reply(.done)]
            case .describeMeter(let id):
                guard let (meter, statistics) = team.meter(id) else {
                    throw .meter(.noSuchMeter)
                }
                return [reply(.meter(meter, statistics)), reply(.done)]
            case .describeMeters:
                return [reply(Self.meterFeatures), reply(.done)]
            case .putFlow(let flow): try put(flow, now, team)
            case .execute(let packet):
                let home = homes.workers(ofPort: packet.key.inPort)
                try team.execute(packet, at: home, now: now)
                if sequence == DatapathSequence.untold { return [] }
            case .answerUpcall(let answer):
                guard client == upcallClient else { throw .noSuchUpcall }
                let homes = homes
                copies += try team.answer(answer, now: now) {
                    homes.workers(ofFlow: $0, mask: $1)
                }
                return []
            }
            return [reply(.done)]
        } catch {
            return refused(caller, errno: error.errorNumber, text: "\(error)")
        }
    }

    /// Takes answers that came one after another without a number, as `take` would each of them.
    public mutating func take<Sink: PacketSink & ExpressTier & ~Copyable>(
        answers: [UpcallAnswer], from client: ClientID, now: Instant, _ team: ForwarderTeam<Sink>
    ) -> [DeskEffect] {
        let homes = homes
        var refusals = [OrderRefusal](repeating: .noSuchUpcall, count: answers.count)
        if client == upcallClient {
            let outcome = team.answer(answers, now: now) { homes.workers(ofFlow: $0, mask: $1) }
            copies += outcome.copies
            refusals = outcome.refusals
        }
        let caller = DeskCaller(client: client, sequence: DatapathSequence.none)
        return refusals.flatMap { refused(caller, errno: $0.errorNumber, text: "\($0)") }
    }

    private static var meterFeatures: DatapathReply {
        .meterFeatures(
            meterCount: ExecutionLimits.meters, bandCount: UInt32(DatapathMeter.bandCountMax))
    }

    /// Of all workers; each flow counts once.
    public func statistics<Sink: PacketSink & ExpressTier & ~Copyable>(
        _ team: ForwarderTeam<Sink>
    ) -> DatapathStatistics { team.statistics(copies: copies) }

    private mutating func put<Sink: PacketSink & ExpressTier & ~Copyable>(
        _ flow: CachedFlow, _ now: Instant, _ team: ForwarderTeam<Sink>
    ) throws(OrderRefusal) {
        if flow.mask.inPort == .max { homes.settle(flow.key.inPort) }
        let home = homes.workers(ofFlow: flow.key, mask: flow.mask)
        copies += try team.install(flow, at: home, now: now)
    }

    private mutating func flush<Sink: PacketSink & ExpressTier & ~Copyable>(
        _ now: Instant, _ team: ForwarderTeam<Sink>
    ) {
        team.flush(now: now)
        copies = 0
        var present = ports.mapValues(\.kind)
        present.merge(opening.mapValues(\.port.kind)) { first, _ in first }
        homes.forgetAll(but: present)
    }

    // MARK: Ports

    private mutating func addPort<Sink: PacketSink & ExpressTier & ~Copyable>(
        _ wanted: Vport, _ caller: DeskCaller, _ team: ForwarderTeam<Sink>
    ) throws(OrderRefusal) -> [DeskEffect] {
        if let present = numbers[wanted.name] {
            guard opening[present]?.port.kind == wanted.kind, wanted.number ?? present == present
            else { throw .portExists(present) }
            opening[present]?.callers.append(caller)
            return []
        }
        guard let number = wanted.number ?? team.freePortNumber() else {
            throw .invalidPortNumber(ForwardingLimits.portNumber)
        }
        try team.addPort(number)
        homes.settle(number, wish(of: wanted, number))
        var port = wanted
        port.number = number
        opening[number] = Opening(port: port, callers: [caller])
        numbers[port.name] = number
        return [.openPort(port)]
    }

    /// The device of a port is open: packets may come.
    ///
    /// - Parameter interfaceIndex: The kernel's number of its interface.
    public mutating func portOpened<Sink: PacketSink & ExpressTier & ~Copyable>(
        number: UInt32, interfaceIndex: UInt32, _ team: ForwarderTeam<Sink>
    ) -> [DeskEffect] {
        guard let opened = opening.removeValue(forKey: number) else { return [] }
        var port = opened.port
        port.interfaceIndex = interfaceIndex
        ports[number] = port
        var effects: [DeskEffect] = []
        for caller in opened.callers {
            for reply in [.port(told(port, team)), DatapathReply.done] {
                effects.append(
                    .reply(caller.client, sequence: caller.sequence, reply, inDump: false))
            }
        }
        return effects
    }

    /// The device of a port could not be opened.
    public mutating func portRefused<Sink: PacketSink & ExpressTier & ~Copyable>(
        number: UInt32, errno: Int32, text: String, _ team: ForwarderTeam<Sink>
    ) -> [DeskEffect] {
        guard let refused = opening.removeValue(forKey: number) else { return [] }
        numbers[refused.port.name] = nil
        do throws(OrderRefusal) {
            try team.removePort(number)
        } catch { preconditionFailure("a port that was being opened had no place: \(error)") }
        return refused.callers.flatMap { self.refused($0, errno: errno, text: text) }
    }

    /// The device of a port is closed.
    public func portClosed(_ caller: DeskCaller?) -> [DeskEffect] {
        caller.map(done) ?? []
    }

    private mutating func deletePort<Sink: PacketSink & ExpressTier & ~Copyable>(
        _ number: UInt32, _ caller: DeskCaller, _ now: Instant, _ team: ForwarderTeam<Sink>
    ) throws(OrderRefusal) -> [DeskEffect] {
        guard opening[number] == nil else { throw .noSuchPort(number) }
        team.closeExpress(ofPort: number, now: now)
        try team.removePort(number)
        if let gone = ports.removeValue(forKey: number) { numbers[gone.name] = nil }
        (traffic[number], receiving[number]) = (nil, nil)
        return [.closePort(number: number, caller)]
    }

    private mutating func setTraffic<Sink: PacketSink & ExpressTier & ~Copyable>(
        _ wanted: PortTraffic, _ number: UInt32, _ caller: DeskCaller, _ now: Instant,
        _ team: ForwarderTeam<Sink>
    ) throws(OrderRefusal) -> [DeskEffect] {
        guard ports[number] != nil else { throw .noSuchPort(number) }
        let before = traffic[number] ?? PortTraffic()
        if wanted != before { team.closeExpress(ofPort: number, now: now) }
        if wanted.policing != before.policing {
            try team.setPolicing(wanted.policing, ofPort: number, now: now)
        }
        traffic[number] = wanted
        guard wanted.shaping != before.shaping else { return done(caller) }
        return [.shapePort(number: number, wanted.shaping, caller)]
    }

    /// What became of shaping a port; `refusal` is nil if it is in force.
    public mutating func portShaped(
        _ number: UInt32, refusal: (errno: Int32, text: String)?, for caller: DeskCaller
    ) -> [DeskEffect] {
        guard let refusal else { return done(caller) }
        traffic[number]?.shaping = nil
        return refused(caller, errno: refusal.errno, text: refusal.text)
    }

    /// How what leaves by a port is shared out.
    public func shaping(ofPort number: UInt32) -> PortTraffic.Shaping? {
        traffic[number]?.shaping
    }

    func done(_ caller: DeskCaller) -> [DeskEffect] {
        [.reply(caller.client, sequence: caller.sequence, .done, inDump: false)]
    }

    func refused(_ caller: DeskCaller, errno: Int32, text: String) -> [DeskEffect] {
        [
            .reply(
                caller.client, sequence: caller.sequence, .failed(errno: errno, text: text),
                inDump: false)
        ]
    }

    /// A port with its counters.
    private func told<Sink: PacketSink & ExpressTier & ~Copyable>(
        _ port: Vport, _ team: ForwarderTeam<Sink>
    ) -> Vport {
        var told = port
        if let number = port.number, let report = team.report(ofPort: number) {
            told.statistics = report.statistics
            told.ends = report.ends
        }
        return told
    }

    // MARK: Dumps

    /// Tells the next portion of each dump that `isReady` says its reader has room for.
    public mutating func continueDumps<Sink: PacketSink & ExpressTier & ~Copyable>(
        _ team: ForwarderTeam<Sink>, isReady: (ClientID) -> Bool
    ) -> [DeskEffect] {
        var effects: [DeskEffect] = []
        let homes = homes
        for index in dumps.indices where isReady(dumps[index].client) {
            let flows = team.dump(
                from: &dumps[index].cursor, atMost: Self.flowsPerPortion,
                onlyNews: dumps[index].onlyNews
            ) { homes.workers(ofFlow: $0.key, mask: $0.mask) }
            let (client, sequence) = (dumps[index].client, dumps[index].sequence)
            effects += flows.map {
                .reply(client, sequence: sequence, .flow($0), inDump: true)
            }
            if dumps[index].cursor.isAtEnd {
                effects.append(.reply(client, sequence: sequence, .done, inDump: true))
            }
        }
        dumps.removeAll { $0.cursor.isAtEnd }
        return effects
    }
}
