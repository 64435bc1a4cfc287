import DatapathMessages
import Execution
import Flows
import Forwarding
import KernelPrograms
import Packets
import Pipeline
import Testing
import Timekeeping

// One frame, every way that it can take through the switch, and what leaves by each of them.
//
//     frame ─┬─> slow     no flow is cached: up, translated, executed with its own actions
//            ├─> bare     megaflows, and hardly a microflow
//            └─> fast     the kernel's programs (in their interpreter), microflows, megaflows

/// A sink with a tier of the kernel's: the programs themselves, run by `KernelMachine`.
struct MachineSink: PacketSink, ExpressTier, ~Copyable {
    static let decide = ExpressPrograms.decide(
        flows: KernelMachine.flowTable, masks: KernelMachine.maskTable,
        verdict: KernelMachine.verdictTable)
    static let carryOut = ExpressPrograms.carryOut(verdict: KernelMachine.verdictTable)
    private static let scratchByteCount = 256 * 1024

    var machine = KernelMachine()
    /// Without it every frame comes to the caches.
    let hasTier: Bool
    private var masks: [ExpressMask] = []
    private var counts: [ExpressKey: ExpressCounts] = [:]
    private var held: [(port: UInt32, frame: Frame)] = []
    private let memory = UnsafeMutableRawPointer.allocate(
        byteCount: MachineSink.scratchByteCount, alignment: 64)
    private var memoryUsed = 0

    init(hasTier: Bool) { self.hasTier = hasTier }

    deinit { memory.deallocate() }

    static func interface(ofPort port: UInt32) -> UInt32 { port + 100 }

    mutating func output(_ frame: Frame, port: UInt32, priority: UInt32) -> PacketEnd {
        held.append((port, frame))
        return .forwarded
    }

    mutating func scratch(byteCount: Int) -> UnsafeMutableRawPointer? {
        let rounded = (byteCount + 63) & ~63
        guard memoryUsed + rounded <= Self.scratchByteCount else { return nil }
        defer { memoryUsed += rounded }
        return memory + memoryUsed
    }

    /// What has been sent since the last call; nothing of it is in use afterwards.
    mutating func takeSent() -> [RecordingSink.Sent] {
        defer {
            held.removeAll(keepingCapacity: true)
            memoryUsed = 0
        }
        return held.map { port, frame in
            RecordingSink.Sent(
                port: port,
                bytes: Array(UnsafeRawBufferPointer(start: frame.start, count: frame.byteCount)),
                tag: (frame.vlanTPID, frame.vlanTPID == 0 ? 0 : frame.vlanTCI),
                offload: frame.offload)
        }
    }

    mutating func openExpress(
        _ key: FlowKey, mask: FlowMask, _ deed: ExpressDeed
    ) -> ExpressKey? {
        guard hasTier,
            let whole = ExpressKey(key, interfaceIndex: Self.interface(ofPort: key.inPort)),
            let mask = ExpressMask(mask, like: key)
        else { return nil }
        if !masks.contains(mask) {
            guard masks.count < ExpressLayout.maskCount else { return nil }
            masks.append(mask)
            machine.place(mask, number: UInt32(masks.count), at: masks.count - 1)
        }
        guard let place = masks.firstIndex(of: mask) else { return nil }
        let entry = whole.masked(by: mask, number: UInt32(place + 1))
        guard machine.flows[entry] == nil else { return nil }
        machine.flows[entry] = ExpressLayout.flow(
            deed, interfaceIndex: Self.interface(ofPort: deed.outPort), largestByteCount: 1514)
        return entry
    }

    mutating func closeExpress(_ key: ExpressKey) -> ExpressCounts {
        machine.flows[key] = nil
        return counts.removeValue(forKey: key) ?? ExpressCounts()
    }

    mutating func readExpress(_ body: (ExpressKey, ExpressCounts) -> Void) {
        for (key, counts) in counts { body(key, counts) }
    }

    /// What the kernel does with a frame by itself; nil if it hands the frame to a ring.
    mutating func carry(_ frame: Frame, from port: UInt32) throws -> RecordingSink.Sent? {
        guard !machine.flows.isEmpty else { return nil }
        machine.interface = Self.interface(ofPort: port)
        machine.frame = Array(UnsafeRawBufferPointer(start: frame.start, count: frame.byteCount))
        machine.tag = frame.vlanTPID == 0 ? nil : (frame.vlanTPID, frame.vlanTCI)
        guard try machine.run(Self.decide) == 0, let key = machine.asked.last else { return nil }
        let one = machine.countsOfFoundFlow
        counts[key, default: ExpressCounts()].packets += one.packets
        counts[key, default: ExpressCounts()].bytes += one.bytes
        let end = try machine.run(Self.carryOut)
        let redirectedTo = machine.redirectedTo
        #expect(end == 7)
        let interface = try #require(redirectedTo)
        return RecordingSink.Sent(
            port: interface - 100, bytes: machine.frame,
            tag: (machine.tag?.tpid ?? 0, machine.tag?.tci ?? 0), offload: frame.offload)
    }
}

/// What became of a frame.
struct Verdict: Equatable {
    /// In the order in which it left.
    var sent: [RecordingSink.Sent] = []
    /// To a controller, or to be learned from.
    var handedUp: [Upcall] = []
    var isExpress = false

    static func == (a: Self, b: Self) -> Bool { (a.sent, a.handedUp) == (b.sent, b.handedUp) }
}

/// One way through the datapath, with memory for one frame.
struct Way: ~Copyable {
    private static let headroom = 64
    private static let frameByteCount = 4096

    var forwarder: Forwarder
    var sink: MachineSink
    private let memory = UnsafeMutableRawPointer.allocate(
        byteCount: Way.frameByteCount, alignment: 64)

    init(microflowCount: Int, hasTier: Bool, seed: UInt64) throws {
        var settings = ForwarderSettings(hashSeed: seed)
        settings.microflowCount = microflowCount
        forwarder = Forwarder(settings)
        sink = MachineSink(hasTier: hasTier)
        for port in 1...4 as ClosedRange<UInt32> { try forwarder.addPort(port) }
        forwarder.hasVswitchd = true
    }

    deinit { memory.deallocate() }

    /// The frame as a ring would lend it: its outer tag beside the bytes.
    private func lend(_ bytes: [UInt8], _ offload: Offload) -> Frame {
        let start = memory + Self.headroom
        start.copyMemory(from: bytes, byteCount: min(bytes.count, Self.frameByteCount - 64))
        var frame = Frame(
            start: start, byteCount: bytes.count, headroom: Self.headroom, offload: offload)
        if frame.hasTagInBytes { frame.takeTagOutOfBytes() }
        return frame
    }

    /// Everything that becomes of a frame; nil if no flow knows it, and `miss` is what went up.
    mutating func pass(
        _ bytes: [UInt8], from port: UInt32, offload: Offload, now: Instant, miss: inout Upcall?
    ) throws -> Verdict? {
        miss = nil
        let frame = lend(bytes, offload)
        if let sent = try sink.carry(frame, from: port) {
            return Verdict(sent: [sent], isExpress: true)
        }
        forwarder.process(frame, from: port, now: now, into: &sink)
        let verdict = takeVerdict()
        miss = verdict.handedUp.first { $0.reason == .miss }
        guard miss != nil else { return verdict }
        #expect(verdict.sent.isEmpty && verdict.handedUp.count == 1)
        return nil
    }

    /// What becomes of a packet that comes back with its own actions.
    mutating func execute(
        _ upcall: Upcall, _ actions: [DatapathAction], now: Instant
    ) throws -> Verdict {
        try forwarder.execute(
            ExecutedPacket(
                bytes: upcall.bytes, offload: upcall.offload, key: upcall.key, actions: actions),
            now: now, into: &sink)
        return takeVerdict()
    }

    private mutating func takeVerdict() -> Verdict {
        Verdict(sent: sink.takeSent(), handedUp: forwarder.takeUpcalls(atMost: .max))
    }

    mutating func install(_ key: FlowKey, _ translation: Translation) throws {
        try forwarder.install(
            CachedFlow(key: key, mask: translation.mask, actions: translation.actions))
    }

    /// What its ports received and sent, after the tier's counts were brought in.
    mutating func totals(now: Instant) throws -> Totals {
        forwarder.refreshExpress(now: now, &sink)
        var totals = Totals()
        for port in 1...4 as ClosedRange<UInt32> {
            let found = forwarder.report(ofPort: port)
            let report = try #require(found)
            let ends = report.ends.reduce(0) { $0 + $1.value }
            #expect(report.statistics.rxPackets == ends, "port \(port)")
            totals.rxPackets += report.statistics.rxPackets
            totals.rxBytes += report.statistics.rxBytes
            totals.txPackets += report.statistics.txPackets
            totals.txBytes += report.statistics.txBytes
        }
        let broken = forwarder.brokenInvariant()
        #expect(broken == nil)
        return totals
    }
}

struct Totals: Equatable {
    var rxPackets: UInt64 = 0
    var rxBytes: UInt64 = 0
    var txPackets: UInt64 = 0
    var txBytes: UInt64 = 0

    mutating func note(received bytes: [UInt8]) {
        rxPackets += 1
        rxBytes += UInt64(bytes.count)
    }

    mutating func note(sent: [RecordingSink.Sent]) {
        txPackets += UInt64(sent.count)
        for one in sent { txBytes += UInt64(one.bytes.count + (one.tag.tpid == 0 ? 0 : 4)) }
    }
}
