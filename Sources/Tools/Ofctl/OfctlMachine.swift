import DatabaseProtocol
public import OpenFlow
public import Timekeeping

// One run of ovs-ofctl: bytes of the switch in, bytes for it and text for the user out.
//
//     hello ──> names ──> settings ──> work ──> finished
//
// `names` asks for the ports only if the command's text might name one. `settings` are what 1.0
// needs before it can say what the command wants: Nicira's matches, tables in flow mods.

/// What to do next, in order.
public enum OfctlEffect: Equatable, Sendable {
    case send([UInt8])
    /// For standard output.
    case tell(String)
    /// For standard error.
    case complain(String)
    /// Nothing more will come.
    case finish(exitCode: Int32)
}

public struct OfctlMachine: Sendable {
    enum Phase: Equatable, Sendable {
        case hello, names, work, finished
    }

    let call: OfctlCall
    /// The text of `call.inputPath`.
    let input: String
    var dialect = OpenFlowDialect(.v10)
    var ports = PortNames.none
    var effects: [OfctlEffect] = []
    var hasFailed = false
    /// Requests by xid, for the errors that answer them, oldest first.
    var requests: [(xid: UInt32, text: String)] = []
    /// The answer that ends the command, or the next part of it.
    var awaited: UInt32 = 0
    /// Whether the answer's headline has been printed.
    var hasHeadline = false
    /// Parts of an answer that can be printed only together.
    var tables: [TableStatistics] = []
    var portStatistics: [PortStatistics] = []
    var portDescriptions: [PortDescription] = []
    /// The only one that is told; nil: all.
    var chosenPort: PortNumber?
    var queues: [QueueStatistics] = []
    var queueDescriptions: [QueueDescription] = []
    var groups: [GroupDescription] = []
    /// For JSON: all of an answer in one array.
    var entries: [JSON] = []
    /// The rules told, where all must be known before anything can be done.
    public internal(set) var flows: [FlowDescription] = []
    public var version: OpenFlowVersion { dialect.version }
    var pingsSent = 0
    var pingSentAt = Instant.start
    var benchmarkStartedAt = Instant.start
    private var phase = Phase.hello
    private var framing = OpenFlowFraming()
    private var nextXID: UInt32 = 1

    public init(_ call: OfctlCall, input: String = "") {
        self.call = call
        self.input = input
    }

    /// What to send before anything is received.
    public mutating func start() -> [OfctlEffect] {
        if call.command == .snoop { phase = .work } else { send(.hello(call.options.versions)) }
        return drain()
    }

    /// - Parameter now: When the bytes came; only `ping` looks at it.
    public mutating func receive(_ bytes: [UInt8], now: Instant) -> [OfctlEffect] {
        framing.feed(bytes)
        do {
            while phase != .finished, let message = try framing.next() {
                handle(message, now: now)
            }
        } catch {
            fail("the switch sent a message of \(error.length) bytes, less than its header")
        }
        return drain()
    }

    private mutating func drain() -> [OfctlEffect] {
        defer { effects = [] }
        return effects
    }

    // Tools of the phases.

    /// Sends a message and returns its xid.
    @discardableResult
    mutating func send(_ body: OpenFlowMessage.Body) -> UInt32 {
        defer { nextXID += 1 }
        effects.append(.send(dialect.encode(OpenFlowMessage(xid: nextXID, body))))
        return nextXID
    }

    /// Sends `body` in a bundle; the message within has the same number as the one around it.
    mutating func sendBundled(_ body: OpenFlowMessage.Body, _ flags: BundleFlags) -> UInt32 {
        send(
            .bundleAdd(
                BundleAddition(
                    bundle: 0, flags: flags, message: OpenFlowMessage(xid: nextXID, body))))
    }

    mutating func fail(_ text: String) {
        effects.append(.complain("ovs-ofctl: \(text)\n"))
        hasFailed = true
        finish()
    }

    mutating func finish() {
        guard phase != .finished else { return }
        phase = .finished
        effects.append(.finish(exitCode: hasFailed ? 1 : 0))
    }

    private mutating func handle(_ bytes: [UInt8], now: Instant) {
        let message: OpenFlowMessage
        // Who listens in hears whatever version the others speak.
        if call.command == .snoop, let number = bytes.first.flatMap(OpenFlowVersion.init) {
            dialect = OpenFlowDialect(number)
        }
        do throws(OpenFlowFault) {
            message = try dialect.decode(bytes)
        } catch {
            return fail(
                "the switch sent what cannot be understood: \(error.code.name) "
                    + "(xid=0x\(String(error.xid, radix: 16)))")
        }
        if case .echoRequest(let data) = message.body, call.command != .snoop {
            effects.append(
                .send(dialect.encode(OpenFlowMessage(xid: message.xid, .echoReply(data)))))
            return
        }
        switch phase {
        case .hello: greet(message)
        case .names: takeNames(message)
        case .work: work(message, now: now)
        case .finished: break
        }
        if phase == .work, pingsSent == 0, call.command.isEcho { ping(now: now) }
    }

    private mutating func greet(_ message: OpenFlowMessage) {
        guard case .hello(let theirs) = message.body else {
            return fail("the switch did not begin with OFPT_HELLO")
        }
        let ours = call.options.versions
        guard let version = OpenFlowVersions.agreed(ours, theirs) else {
            let text = "version negotiation failed (we support \(Self.text(ours)), peer supports "
                + "\(Self.text(theirs)))"
            let report = OpenFlowErrorReport(
                .helloIncompatible, offending: Array(text.utf8), version: dialect.version)
            send(.error(report))
            return fail(text)
        }
        dialect = OpenFlowDialect(version)
        guard call.command.mayNamePorts || call.options.printsNames else { return begin() }
        phase = .names
        awaited = send(
            dialect.version == .v10 ? .featuresRequest : .statisticsRequest(.portDescription(nil)))
    }

    private static func text(_ versions: OpenFlowVersions) -> String {
        let numbers = (0..<UInt32(32)).filter { versions.rawValue >> $0 & 1 == 1 }
        return numbers.map { "0x" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }
            .joined(separator: ", ")
    }

    private mutating func takeNames(_ message: OpenFlowMessage) {
        switch message.body {
        case .featuresReply(let features): portDescriptions = features.ports
        case .statisticsReply(.portDescription(let some), let more):
            portDescriptions += some
            guard !more else { return }
        // A switch without names: numbers will do.
        case .error where message.xid == awaited: break
        default: return
        }
        ports = PortNames(
            portDescriptions.map { ($0.name, $0.number) }, printsNames: call.options.printsNames)
        portDescriptions = []
        begin()
    }

    private mutating func begin() {
        phase = .work
        do throws(OfctlFailure) {
            try ask()
        } catch {
            fail(error.description)
        }
    }
}

extension OfctlCall.Command {
    /// Whether text of the command may name a port of the bridge.
    fileprivate var mayNamePorts: Bool {
        switch self {
        case .change, .packetOut, .changeGroups, .bundle, .replaceFlows, .monitor: true
        case .queueStatistics(let port, _), .queueConfig(let port):
            port.map { PortNames.none.number($0) == nil } ?? false
        case .dumpPorts(let port), .dumpPortDescriptions(let port):
            port.map { PortNames.none.number($0) == nil } ?? false
        case .dumpFlows(let text), .dumpAggregate(let text): !text.isEmpty
        default: false
        }
    }

    /// Whether it only sends echoes.
    fileprivate var isEcho: Bool {
        switch self {
        case .ping, .benchmark: true
        default: false
        }
    }
}
