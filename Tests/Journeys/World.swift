import Bridges
import DatabaseEngine
import DatabaseProtocol
import DatabaseReplica
import DatapathMessages
import Execution
import Flows
import Forwarding
import OpenFlow
import Packets
import Testing
import Timekeeping

// The whole switch in memory: database, vswitchd and datapath as their pure machines, joined by the
// bytes that they would send each other. No sockets, no clock, one seed.
//
//     operator ──transact──> DatabaseServer <──OVSDB bytes──> Vswitch <──netlink bytes──> Forwarder

struct World: ~Copyable {
    private var server: DatabaseServer
    private var machine: Vswitch
    private var names = UUIDSource(seed: 3)
    private let journal = NoJournal()
    var forwarder: Forwarder
    private var desk = OrderDesk()
    private var sink = RecordingSink()
    private var memory: [UnsafeMutableRawPointer] = []
    private(set) var now = Instant(nanosecondsSinceStart: 1_000_000_000)
    private var toMachine: [SwitchEvent] = []
    /// Steps that were taken, in words.
    private(set) var steps: [String] = []
    private(set) var operatorHeard: [JSON] = []
    /// Links that were asked for, and let go.
    private(set) var linkOrders: [String] = []
    /// Ports of the packets that the machine was asked about, by the number of the question.
    private var asked: [UInt32: UInt32] = [:]
    private(set) var answers: [Result<String, ControlError>] = []
    private var lastTransaction: Int64 = 0
    private var indices: [String: UInt32] = [:]
    private var linkFacts: [String: LinkFact] {
        indices.mapValues {
            LinkFact(index: $0, address: .zero, mtu: 1500, isUp: true, hasCarrier: true)
        }
    }
    /// What becomes of links that rows ask for.
    var linkOutcome = LinkOutcome.made
    /// Interfaces joined by cables, each by the name of its other end; empty: no link is told.
    var cables: [String: String] = [:]
    /// Interfaces whose cable is pulled.
    var pulled: Set<String> = []
    private var watched: [String] = []
    /// What the datapath cannot do: it refuses flows that need it.
    private let lacking: [DatapathFeature]
    /// Flows that it was given all the same, in words.
    private(set) var refusedOrders: [String] = []
    /// Flows that dumps have told of.
    private(set) var toldFlows = 0

    /// What a tool heard over OpenFlow.
    private(set) var toolHeard: [OpenFlowMessage] = []
    /// Whether the datapath is too busy to take orders: they wait.
    var isDatapathBusy = false
    private var heldOrders: [(request: DatapathRequest, sequence: UInt32)] = []
    /// Numbers of the orders that the datapath has answered.
    private(set) var answeredOrders: [UInt32] = []
    /// A frame that arrives in the moment in which a barrier is answered, and its port.
    var frameAtBarrier: (bytes: [UInt8], port: UInt32)?

    private static let tool = Bridges.SessionID(1)
    private static let vswitchd = DatabaseEngine.SessionID(1)
    private static let person = DatabaseEngine.SessionID(2)
    private static let client = ClientID(1)

    init(lacking: [DatapathFeature] = []) {
        self.lacking = lacking
        server = DatabaseServer(random: &names)
        guard (try? server.add(.openVSwitch, random: &names)) != nil else {
            fatalError("an empty database has no records that could be wrong")
        }
        forwarder = Forwarder(ForwarderSettings(hashSeed: 11))
        sink.scratchLimit = .max
        machine = Vswitch(
            product: ProductText(manufacturer: "a", hardware: "b", software: "c"), now: now)
        _ = server.open(Self.vswitchd)
        _ = server.open(Self.person)
    }

    deinit { for piece in memory { piece.deallocate() } }

    mutating func note(_ step: String) { steps.append(step) }

    // MARK: What an operator does

    /// Carries out a transaction, and lets the switch settle.
    mutating func transact(_ change: TransactionBuilder) {
        lastTransaction += 1
        let request = RPCMessage.request(
            method: "transact", parameters: change.parameters, id: .integer(lastTransaction))
        follow(
            server.receive(
                request.bytes, from: Self.person, now: now, random: &names, journal: journal))
        settle()
    }

    /// What the database says of one column of all rows of a table, as text.
    mutating func select(_ column: String, from table: String) -> String {
        lastTransaction += 1
        let operation: JSON = [
            "op": "select", "table": .string(table), "where": [], "columns": [.string(column)],
        ]
        let request = RPCMessage.request(
            method: "transact", parameters: ["Open_vSwitch", operation],
            id: .integer(lastTransaction))
        follow(
            server.receive(
                request.bytes, from: Self.person, now: now, random: &names, journal: journal))
        return operatorHeard.last?.text ?? ""
    }

    mutating func ask(
        _ command: String, _ arguments: [String], wantsJSON: Bool = false
    ) -> String {
        toMachine.append(
            .control(
                ControlID(1), command: command, arguments: arguments, wantsJSON: wantsJSON))
        settle()
        guard case .success(let text)? = answers.popLast() else { return "" }
        return text
    }

    /// A tool connects to a bridge and speaks OpenFlow 1.3.
    mutating func openTool(bridge: String) {
        let purpose = ListenerPurpose.management(bridge: bridge)
        toMachine.append(.sessionAccepted(Self.tool, purpose, peer: "tool"))
        say([.hello(OpenFlowVersions([.v13]))])
    }

    /// The tool says these things at once.
    mutating func say(_ bodies: [OpenFlowMessage.Body]) {
        let bytes = bodies.flatMap { OpenFlowDialect(.v13).encode(OpenFlowMessage(xid: 9, $0)) }
        toMachine.append(.sessionReceived(Self.tool, bytes))
        settle()
    }

    private mutating func toolReceived(_ bytes: [UInt8]) {
        guard let message = try? OpenFlowDialect(.v13).decode(bytes) else { return }
        toolHeard.append(message)
        if case .barrierReply = message.body, let frame = frameAtBarrier {
            arrive(frame.bytes, from: frame.port)
        }
    }

    /// A frame arrives at a datapath port.
    mutating func receive(_ bytes: [UInt8], from port: UInt32) {
        arrive(bytes, from: port)
        settle()
    }

    private mutating func arrive(_ bytes: [UInt8], from port: UInt32) {
        let start = UnsafeMutableRawPointer.allocate(byteCount: bytes.count + 64, alignment: 16)
        memory.append(start)
        (start + 64).copyMemory(from: bytes, byteCount: bytes.count)
        note("1 PacketPorts: a frame of \(bytes.count) bytes from port \(port)")
        let before = forwarder.statistics
        var frame = Frame(start: start + 64, byteCount: bytes.count, headroom: 64)
        if frame.hasTagInBytes { frame.takeTagOutOfBytes() }
        forwarder.process(frame, from: port, now: now, into: &sink)
        let after = forwarder.statistics
        note("2 Flows: its headers are a key")
        note(
            after.misses == before.misses
                ? "3 FlowCache: a cached flow knows it" : "3 FlowCache: no cached flow knows it")
    }

    /// Frames that left since the last call: port, and the frame with its tag in the bytes.
    mutating func takeSent() -> [(port: UInt32, vlan: UInt16?, bytes: [UInt8])] {
        let sent = sink.sent().map {
            (port: $0.port, vlan: $0.tag.tpid == 0 ? nil : $0.tag.tci & 0xfff, bytes: $0.bytes)
        }
        sink.held = []
        return sent
    }

    /// Interfaces of the host and their indices, as vswitchd is told of them.
    mutating func setInterfaces(_ indices: [String: UInt32], telling: Bool = true) {
        self.indices = indices
        guard telling else { return }
        toMachine.append(.links(linkFacts))
        settle()
    }

    /// Lets time pass, in steps of a tenth of a second.
    mutating func pass(_ duration: Duration) {
        let end = now + duration
        while now < end {
            now = now + .milliseconds(100)
            settle()
        }
    }

    mutating func restartVswitchd() {
        _ = server.close(Self.vswitchd)
        desk.clientGone(Self.client, &forwarder)
        machine = Vswitch(
            product: ProductText(manufacturer: "a", hardware: "b", software: "c"), now: now)
        _ = server.open(Self.vswitchd)
        toMachine = []
        settle()
    }

    var statistics: DatapathStatistics { forwarder.statistics }
    var brokenInvariant: String? { forwarder.brokenInvariant() }
    /// The datapath port of an interface.
    func port(_ name: String) throws -> UInt32 {
        let port = desk.portsInOrder.first { $0.name == name }?.number
        return try #require(port, "\(name) is not attached")
    }

    /// Pulls or plugs the cable of an interface; both ends see it.
    mutating func setCable(of name: String, isPulled: Bool) {
        for end in [name, cables[name]].compactMap({ $0 }) {
            if isPulled { pulled.insert(end) } else { pulled.remove(end) }
        }
        tellLinks()
        settle()
    }

    private mutating func tellLinks() {
        var facts: [String: LinkFact] = [:]
        for (place, name) in watched.enumerated() {
            facts[name] = LinkFact(
                index: 0, address: MACAddress(bits: 0x0200_00ff_0000 + UInt64(place)), mtu: 1500,
                isUp: true, hasCarrier: !pulled.contains(name))
        }
        toMachine.append(.links(facts))
    }

    /// Name of a datapath port.
    func name(ofPort number: UInt32) -> String? {
        desk.portsInOrder.first { $0.number == number }?.name
    }

    // MARK: The wires

    /// Runs until nobody has anything to say.
    mutating func settle() {
        for _ in 0..<10_000 {
            let events = toMachine
            toMachine = []
            carryOut(machine.handle(events, now: now))
            for upcall in forwarder.takeUpcalls(atMost: 64, keeping: true) {
                asked[upcall.id] = upcall.key.inPort
                note("4 Channel: upcall \(upcall.reason) of port \(upcall.key.inPort)")
                tellMachine(.upcall(upcall), 0, inDump: false)
            }
            for effect in desk.continueDumps(&forwarder, isReady: { _ in true }) {
                carryOut(effect)
            }
            if toMachine.isEmpty, machine.deadline.map({ $0 > now }) ?? true { return }
        }
        note("the world does not settle")
    }

    private mutating func carryOut(_ effects: [SwitchEffect]) {
        for effect in effects {
            switch effect {
            case .connectDatabase: toMachine.append(.databaseOpened)
            case .sendDatabase(let bytes):
                follow(
                    server.receive(
                        bytes, from: Self.vswitchd, now: now, random: &names, journal: journal))
            case .connectDatapath: toMachine.append(.datapathOpened())
            case .makeLink(let order):
                linkOrders.append("make \(order)")
                toMachine.append(.linkMade(name: order.name, linkOutcome))
            case .removeLink(let name, _):
                linkOrders.append("remove \(name)")
                toMachine.append(.linkRemoved(name: name))
            case .sendDatapath(let sequence, let request): send(request, sequence)
            case .answerUpcalls(let answers):
                for answer in answers { send(.answerUpcall(answer), 0) }
            case .answer(_, let answer): answers.append(answer)
            case .answerJSON(_, let json): answers.append(.success(json.text))
            case .watchLinks(let names):
                watched = names
                if !cables.isEmpty { tellLinks() }
            case .sendSession(_, let bytes): toolReceived(bytes)
            case .closeDatabase, .listen, .stopListening, .connect, .closeSession, .closeDatapath,
                .removeStrayLinks, .useTLS, .log:
                break
            }
        }
    }

    private mutating func follow(_ effects: [DatabaseEffect]) {
        for effect in effects {
            switch effect {
            case .send(let bytes, let session) where session == Self.vswitchd:
                toMachine.append(.databaseReceived(bytes))
            case .send(let bytes, _): operatorHeard.append(json(bytes))
            case .close: break
            }
        }
    }

    private func json(_ bytes: [UInt8]) -> JSON {
        var stream = JSONStream()
        stream.append(bytes)
        return (try? stream.next()) ?? .null
    }

    /// An order crosses the channel as netlink bytes.
    private mutating func send(_ request: DatapathRequest, _ sequence: UInt32) {
        guard !isDatapathBusy else {
            heldOrders.append((request, sequence))
            return
        }
        switch request {
        case .putFlow(let flow):
            note("5 Bridges: port \(flow.key.inPort) belongs to a bridge")
            note("6 Pipeline: the tables decide \(flow.actions)")
            note("7 Channel: install this flow")
        case .execute: note("7 Channel: execute this packet")
        case .answerUpcall(let answer):
            if answer.mask != nil {
                note("5 Bridges: port \(asked[answer.id] ?? 0) belongs to a bridge")
                note("6 Pipeline: the tables decide \(answer.actions)")
                note("7 Channel: install this flow")
            }
            if answer.executes { note("7 Channel: execute this packet") }
        default: break
        }
        var writer = DatagramWriter()
        guard (try? writer.append(request, sequence: sequence)) == true else { return }
        var received: [DatapathRequest] = []
        for message in DatapathRequest.decode(writer.bytes.span.bytes) {
            if case .success(let request) = message.content { received.append(request) }
        }
        for request in received {
            if let wish = refused(request) {
                if case .probeFlow = request {} else { refusedOrders.append(wish) }
                tellMachine(.failed(errno: 22, text: wish), sequence, inDump: false)
                continue
            }
            let count = sink.held.count
            let effects = desk.take(
                request, sequence: sequence, from: Self.client, now: now, &forwarder, &sink)
            if request.executes {
                note("8 Execution: \(sink.held.count - count) outputs")
                note("9 PacketPorts: sent")
            }
            for effect in effects { carryOut(effect) }
        }
    }

    /// The datapath takes the orders that waited for it.
    mutating func endBusyDatapath() {
        isDatapathBusy = false
        let held = heldOrders
        heldOrders = []
        for order in held { send(order.request, order.sequence) }
        settle()
    }

    /// Why an order is refused by a datapath that lacks something.
    private func refused(_ request: DatapathRequest) -> String? {
        let actions: [DatapathAction]
        switch request {
        case .putFlow(let flow), .probeFlow(let flow): actions = flow.actions
        case .execute(let packet): actions = packet.actions
        case .answerUpcall(let answer): actions = answer.actions
        default: return nil
        }
        var able = DatapathFeatures()
        for probe in DatapathProbe.all {
            if case .feature(let feature) = probe, lacking.contains(feature) { continue }
            able.note(probe, isTaken: true)
        }
        let saysTooMuch = lacking.contains(.explicitDrop) && actions != actions.withoutDropReasons
        return able.support(actions) && !saysTooMuch ? nil : "cannot \(actions)"
    }

    private mutating func carryOut(_ effect: DeskEffect) {
        switch effect {
        case .reply(_, let sequence, let reply, let inDump):
            if !inDump { answeredOrders.append(sequence) }
            if inDump, case .flow = reply { toldFlows += 1 }
            tellMachine(reply, sequence, inDump: inDump)
        case .openPort(let port):
            let effects = desk.portOpened(
                number: port.number ?? 0, interfaceIndex: indices[port.name] ?? 0, &forwarder)
            for effect in effects { carryOut(effect) }
        case .shapePort(let number, _, let caller):
            for effect in desk.portShaped(number, refusal: nil, for: caller) { carryOut(effect) }
        case .closePort(_, let caller):
            for effect in desk.portClosed(caller) { carryOut(effect) }
        case .setWorkers(_, let caller):
            let text = "there is one worker here"
            for effect in desk.workersRefused(errno: 22, text: text, for: caller) {
                carryOut(effect)
            }
        case .receivePort: break
        }
    }

    /// A reply crosses the channel as netlink bytes.
    private mutating func tellMachine(_ reply: DatapathReply, _ sequence: UInt32, inDump: Bool) {
        var writer = DatagramWriter()
        guard (try? writer.append(reply, sequence: sequence, inDump: inDump)) == true else {
            return
        }
        for message in DatapathReply.decode(writer.bytes.span.bytes) {
            if case .success(let reply) = message.content {
                toMachine.append(.datapathReplied(sequence: message.sequence, reply))
            }
        }
    }
}

extension RecordingSink: ExpressTier {}

extension DatapathRequest {
    fileprivate var executes: Bool {
        switch self {
        case .execute: true
        case .answerUpcall(let answer): answer.executes
        default: false
        }
    }
}
