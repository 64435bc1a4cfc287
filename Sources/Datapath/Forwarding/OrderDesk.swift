public import DatapathMessages
public import Execution
public import Flows
public import Timekeeping

// Where orders come in: who asked, what is answered, which devices are to be opened or closed.
//
//     request ──> OrderDesk ──┬─> Forwarder (flows, counters, execution)
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
        var cursor = FlowCursor()
    }

    private struct Opening: Sendable {
        var port: Vport
        /// Who asked for it; more than one if vswitchd began anew meanwhile.
        var callers: [DeskCaller]
    }

    private var ports: [UInt32: Vport] = [:]
    /// Ports whose devices are being opened. Their numbers are taken.
    private var opening: [UInt32: Opening] = [:]
    /// Numbers of both, by name.
    private var numbers: [String: UInt32] = [:]
    /// What was said of ports' traffic; nothing of most.
    private var traffic: [UInt32: PortTraffic] = [:]
    private var dumps: [Dump] = []
    /// Who is asked about packets that no flow knows.
    public private(set) var upcallClient: ClientID?

    public init() {}

    /// Ports by rising number.
    public var portsInOrder: [Vport] {
        ports.sorted { $0.key < $1.key }.map(\.value)
    }

    public func name(ofPort number: UInt32) -> String? { ports[number]?.name }

    /// Whether flows are still to be told.
    public var hasDumps: Bool { !dumps.isEmpty }

    /// A connection ended: it is told nothing more. If it took the upcalls, nobody does now.
    public mutating func clientGone(_ client: ClientID, _ forwarder: inout Forwarder) {
        dumps.removeAll { $0.client == client }
        guard upcallClient == client else { return }
        upcallClient = nil
        forwarder.hasVswitchd = false
        forwarder.forgetKeptUpcalls()
    }

    /// Takes one order.
    public mutating func take<Sink: PacketSink & ExpressTier & ~Copyable>(
        _ request: DatapathRequest, sequence: UInt32, from client: ClientID, now: Instant,
        _ forwarder: inout Forwarder, _ sink: inout Sink
    ) -> [DeskEffect] {
        func reply(_ reply: DatapathReply, inDump: Bool = false) -> DeskEffect {
            .reply(client, sequence: sequence, reply, inDump: inDump)
        }
        do throws(OrderRefusal) {
            switch request {
            case .describeDatapath:
                forwarder.refreshExpress(now: now, &sink)
                let description = DatapathDescription(
                    name: DatapathReport.name, statistics: forwarder.statistics)
                return [reply(.datapath(description), inDump: true), reply(.done, inDump: true)]
            case .takeUpcalls:
                if upcallClient != client { forwarder.forgetKeptUpcalls() }
                upcallClient = client
                forwarder.hasVswitchd = true
            case .addPort(let port):
                let caller = DeskCaller(client: client, sequence: sequence)
                return try addPort(port, caller, &forwarder)
            case .deletePort(let number):
                guard opening[number] == nil else { throw .noSuchPort(number) }
                forwarder.closeExpress(ofPort: number, now: now, &sink)
                try forwarder.removePort(number)
                if let gone = ports.removeValue(forKey: number) { numbers[gone.name] = nil }
                traffic[number] = nil
                let caller = DeskCaller(client: client, sequence: sequence)
                return [.closePort(number: number, caller)]
            case .setTraffic(let number, let wanted):
                let caller = DeskCaller(client: client, sequence: sequence)
                return try setTraffic(wanted, number, caller, now, &forwarder, &sink)
            case .listPorts:
                forwarder.refreshExpress(now: now, &sink)
                return portsInOrder.map { reply(.port(told($0, forwarder)), inDump: true) }
                    + [reply(.done, inDump: true)]
            case .putFlow(let flow):
                forwarder.closeExpress(ofFlow: flow.key, mask: flow.mask, now: now, &sink)
                try forwarder.install(flow)
            case .probeFlow(let flow): try forwarder.probe(flow)
            case .deleteFlow(let key, let mask):
                forwarder.closeExpress(ofFlow: key, mask: mask, now: now, &sink)
                let flow = try forwarder.delete(key: key, mask: mask)
                return [reply(.flow(flow)), reply(.done)]
            case .flushFlows:
                forwarder.closeExpress(ofPort: nil, now: now, &sink)
                forwarder.flush()
            case .listFlows, .listFlowNews:
                forwarder.refreshExpress(now: now, &sink)
                dumps.append(
                    Dump(client: client, sequence: sequence, onlyNews: request == .listFlowNews))
                return []
            case .putMeter(let meter): try forwarder.putMeter(meter, now: now)
            case .deleteMeter(let id):
                let (meter, statistics) = try forwarder.deleteMeter(id)
                return [reply(.meter(meter, statistics)), reply(.done)]
            case .describeMeter(let id):
                guard let (meter, statistics) = forwarder.meter(id) else {
                    throw .meter(.noSuchMeter)
                }
                return [reply(.meter(meter, statistics)), reply(.done)]
            case .describeMeters:
                let features = DatapathReply.meterFeatures(
                    meterCount: ExecutionLimits.meters,
                    bandCount: UInt32(DatapathMeter.bandCountMax))
                return [reply(features), reply(.done)]
            case .execute(let packet):
                try forwarder.execute(packet, now: now, into: &sink)
            case .answerUpcall(let answer):
                guard client == upcallClient else { throw .noSuchUpcall }
                try forwarder.answer(answer, now: now, into: &sink)
                return []
            }
            return [reply(.done)]
        } catch {
            return [reply(.failed(errno: error.errorNumber, text: "\(error)"))]
        }
    }

    // MARK: Ports

    private mutating func addPort(
        _ wanted: Vport, _ caller: DeskCaller, _ forwarder: inout Forwarder
    ) throws(OrderRefusal) -> [DeskEffect] {
        if let present = numbers[wanted.name] {
            guard opening[present]?.port.kind == wanted.kind, wanted.number ?? present == present
            else { throw .portExists(present) }
            opening[present]?.callers.append(caller)
            return []
        }
        guard let number = wanted.number ?? forwarder.freePortNumber() else {
            throw .invalidPortNumber(ForwardingLimits.portNumber)
        }
        try forwarder.addPort(number)
        var port = wanted
        port.number = number
        opening[number] = Opening(port: port, callers: [caller])
        numbers[port.name] = number
        return [.openPort(port)]
    }

    /// The device of a port is open: packets may come.
    ///
    /// - Parameter interfaceIndex: The kernel's number of its interface.
    public mutating func portOpened(
        number: UInt32, interfaceIndex: UInt32, _ forwarder: borrowing Forwarder
    ) -> [DeskEffect] {
        guard let opened = opening.removeValue(forKey: number) else { return [] }
        var port = opened.port
        port.interfaceIndex = interfaceIndex
        ports[number] = port
        var effects: [DeskEffect] = []
        for caller in opened.callers {
            for reply in [.port(told(port, forwarder)), DatapathReply.done] {
                effects.append(
                    .reply(caller.client, sequence: caller.sequence, reply, inDump: false))
            }
        }
        return effects
    }

    /// The device of a port could not be opened.
    public mutating func portRefused(
        number: UInt32, errno: Int32, text: String, _ forwarder: inout Forwarder
    ) -> [DeskEffect] {
        guard let refused = opening.removeValue(forKey: number) else { return [] }
        numbers[refused.port.name] = nil
        do throws(OrderRefusal) {
            try forwarder.removePort(number)
        } catch { preconditionFailure("a port that was being opened had no place: \(error)") }
        return refused.callers.map {
            .reply(
                $0.client, sequence: $0.sequence, .failed(errno: errno, text: text), inDump: false)
        }
    }

    /// The device of a port is closed.
    public func portClosed(_ caller: DeskCaller?) -> [DeskEffect] {
        caller.map(done) ?? []
    }

    private mutating func setTraffic<Sink: PacketSink & ExpressTier & ~Copyable>(
        _ wanted: PortTraffic, _ number: UInt32, _ caller: DeskCaller, _ now: Instant,
        _ forwarder: inout Forwarder, _ sink: inout Sink
    ) throws(OrderRefusal) -> [DeskEffect] {
        guard ports[number] != nil else { throw .noSuchPort(number) }
        let before = traffic[number] ?? PortTraffic()
        if wanted != before { forwarder.closeExpress(ofPort: number, now: now, &sink) }
        if wanted.policing != before.policing {
            try forwarder.setPolicing(wanted.policing, ofPort: number, now: now)
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
        let reply = DatapathReply.failed(errno: refusal.errno, text: refusal.text)
        return [.reply(caller.client, sequence: caller.sequence, reply, inDump: false)]
    }

    private func done(_ caller: DeskCaller) -> [DeskEffect] {
        [.reply(caller.client, sequence: caller.sequence, .done, inDump: false)]
    }

    /// A port with its counters.
    private func told(_ port: Vport, _ forwarder: borrowing Forwarder) -> Vport {
        var told = port
        if let number = port.number, let report = forwarder.report(ofPort: number) {
            told.statistics = report.statistics
            told.ends = report.ends
        }
        return told
    }

    // MARK: Dumps

    /// Tells the next portion of each dump that `isReady` says its reader has room for.
    public mutating func continueDumps(
        _ forwarder: inout Forwarder, isReady: (ClientID) -> Bool
    ) -> [DeskEffect] {
        var effects: [DeskEffect] = []
        for index in dumps.indices where isReady(dumps[index].client) {
            let flows = forwarder.dump(
                from: &dumps[index].cursor, atMost: Self.flowsPerPortion,
                onlyNews: dumps[index].onlyNews)
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
