import DatapathMessages
import Execution
import Flows
import Forwarding
import Packets
import Testing
import Timekeeping

/// A forwarder with ports 1 to 4, a sink, and memory for frames that live until the test is over.
struct Bench: ~Copyable {
    var forwarder: Forwarder
    var sink = RecordingSink()
    var now = Instant(nanosecondsSinceStart: 5_000_000_000)
    private var memory: [UnsafeMutableRawPointer] = []

    init(_ change: (inout ForwarderSettings) -> Void = { _ in }) throws {
        var settings = ForwarderSettings(hashSeed: 1)
        settings.flowLimit = 1000
        change(&settings)
        forwarder = Forwarder(settings)
        for port in 1...4 as ClosedRange<UInt32> { try forwarder.addPort(port) }
        forwarder.hasVswitchd = true
        sink.scratchLimit = .max
    }

    deinit { for piece in memory { piece.deallocate() } }

    mutating func send(
        _ bytes: [UInt8], from port: UInt32, tag: (tpid: UInt16, tci: UInt16) = (0, 0),
        offload: Offload = .none
    ) {
        let start = UnsafeMutableRawPointer.allocate(byteCount: bytes.count + 32, alignment: 16)
        memory.append(start)
        (start + 32).copyMemory(from: bytes, byteCount: bytes.count)
        let frame = Frame(
            start: start + 32, byteCount: bytes.count, headroom: 32, vlanTPID: tag.tpid,
            vlanTCI: tag.tci, offload: offload)
        forwarder.process(frame, from: port, now: now, into: &sink)
    }

    mutating func execute(_ packet: ExecutedPacket) throws(OrderRefusal) -> PacketEnd {
        try forwarder.execute(packet, now: now, into: &sink)
    }

    /// What the desk answers to one request.
    mutating func ask(_ request: DatapathRequest, sequence: UInt32 = 5) -> [DatapathReply] {
        var desk = OrderDesk()
        let effects = desk.take(
            request, sequence: sequence, from: ClientID(1), now: now, &forwarder, &sink)
        return effects.compactMap { if case .reply(_, _, let reply, _) = $0 { reply } else { nil } }
    }

    /// What has been sent since the last call.
    mutating func sent() -> [RecordingSink.Sent] {
        defer { sink.held = [] }
        return sink.sent()
    }

    func report(_ port: UInt32) throws(OrderRefusal) -> PortReport {
        guard let report = forwarder.report(ofPort: port) else { throw .noSuchPort(port) }
        return report
    }

    func expectSound(_ place: SourceLocation = #_sourceLocation) {
        let broken = forwarder.brokenInvariant()
        #expect(broken == nil, sourceLocation: place)
    }

    /// A flow that looks at the port and the destination only.
    static func flow(
        inPort: UInt32, to destination: MACAddress = MACAddress(bits: 0x0200_0000_0002),
        _ actions: [DatapathAction]
    ) -> CachedFlow {
        var (key, mask) = (FlowKey(), FlowMask())
        (key.inPort, mask.inPort) = (inPort, .max)
        (key.ethDst, mask.ethDst) = (destination, .broadcast)
        return CachedFlow(
            key: key, mask: mask, actions: actions, ufid: UFID(high: 1, low: UInt64(inPort)))
    }
}

/// Without a tier of the kernel's; `ExpressLaneTests` has one.
extension RecordingSink: ExpressTier {}
