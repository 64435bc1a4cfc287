import DatapathMessages
import Execution
import Flows
import Forwarding
import KernelPrograms
import Packets
import Testing
import Timekeeping

/// A sink with a tier of the kernel's: an array. `pass` plays the frames that the kernel forwards.
struct TierSink: PacketSink, ExpressTier, ~Copyable {
    var open: [ExpressKey: ExpressCounts] = [:]
    var openedCount = 0
    var sentCount = 0
    var hasRoom = true

    mutating func output(_ frame: Frame, port: UInt32, priority: UInt32) -> PacketEnd {
        sentCount += 1
        return .forwarded
    }
    mutating func scratch(byteCount: Int) -> UnsafeMutableRawPointer? { nil }

    mutating func openExpress(
        _ key: FlowKey, mask: FlowMask, _ deed: ExpressDeed
    ) -> ExpressKey? {
        guard hasRoom, let whole = ExpressKey(key, interfaceIndex: key.inPort + 100),
            let mask = ExpressMask(mask, like: key)
        else { return nil }
        let known = whole.masked(by: mask, number: 1)
        guard open[known] == nil else { return nil }
        openedCount += 1
        open[known] = ExpressCounts()
        return known
    }
    mutating func closeExpress(_ key: ExpressKey) -> ExpressCounts {
        open.removeValue(forKey: key) ?? ExpressCounts()
    }
    mutating func readExpress(_ body: (ExpressKey, ExpressCounts) -> Void) {
        for (key, counts) in open { body(key, counts) }
    }
    mutating func pass(packets: UInt64, bytes: UInt64) {
        for key in open.keys {
            open[key]?.packets += packets
            open[key]?.bytes += bytes
        }
    }
}

/// A forwarder with ports 1 to 4 and one flow from 1 to 2, in front of a tier.
struct TierBench: ~Copyable {
    var forwarder: Forwarder
    var sink = TierSink()
    var desk = OrderDesk()
    var now = Instant(nanosecondsSinceStart: 5_000_000_000)
    let frame: [UInt8]
    var flow: CachedFlow

    init(
        actions: [DatapathAction] = [.output(port: 2)],
        mask change: (inout FlowMask) -> Void = { _ in }
    ) throws {
        var settings = ForwarderSettings(hashSeed: 1)
        settings.flowLimit = 10_000
        var flow = Bench.flow(inPort: 1, actions)
        change(&flow.mask)
        self.flow = flow
        frame = Build.ethernet(0x0800, Build.ipv4(6, Build.tcp()))
        forwarder = Forwarder(settings)
        for port in 1...4 as ClosedRange<UInt32> { try forwarder.addPort(port) }
        forwarder.hasVswitchd = true
        try forwarder.install(flow)
    }

    mutating func send(_ count: Int = 1, _ change: (inout [UInt8]) -> Void = { _ in }) {
        var bytes = frame
        change(&bytes)
        for _ in 0..<count {
            bytes.withUnsafeMutableBytes {
                let frame = Frame(start: $0.baseAddress!, byteCount: $0.count)
                forwarder.process(frame, from: 1, now: now, into: &sink)
            }
        }
    }

    /// A packet whose source port is `number`.
    mutating func sendFlow(_ number: Int) {
        send {
            $0[34] = UInt8(number >> 8)
            $0[35] = UInt8(number & 0xff)
        }
    }

    mutating func order(_ request: DatapathRequest) -> [DeskEffect] {
        desk.take(request, sequence: 1, from: ClientID(1), now: now, &forwarder, &sink)
    }
}

@Suite struct ExpressLaneTests {
    @Test func theFirstHitOfAFlowOpensItAndOnlyOnce() throws {
        var bench = try TierBench()
        // Also packets that were on their way up when it was opened, sampled ones among them.
        bench.send(FlowSamples.enough)
        let (open, opened) = (bench.sink.open.count, bench.sink.openedCount)
        #expect(open == 1)
        #expect(opened == 1)
    }

    @Test func countsOfTheTierAreAddedToFlowAndPorts() throws {
        var bench = try TierBench()
        bench.send()
        bench.sink.pass(packets: 10, bytes: 1000)
        bench.now = bench.now + .seconds(1)
        bench.forwarder.refreshExpress(now: bench.now, &bench.sink)
        bench.forwarder.refreshExpress(now: bench.now, &bench.sink)
        let byteCount = UInt64(bench.frame.count)
        let found = bench.forwarder.flow(key: bench.flow.key, mask: bench.flow.mask)
        let flow = try #require(found)
        #expect(flow.statistics.packets == 11)
        #expect(flow.statistics.bytes == 1000 + byteCount)
        #expect(flow.statistics.usedMilliseconds == bench.now.millisecondsSinceStart)
        let (first, second) = (
            bench.forwarder.report(ofPort: 1), bench.forwarder.report(ofPort: 2)
        )
        let into = try #require(first)
        #expect(into.statistics.rxPackets == 11)
        #expect(into.ends[.forwarded] == 11)
        let out = try #require(second)
        #expect(out.statistics.txPackets == 11)
        let hits = bench.forwarder.statistics.hits
        #expect(hits == 11)
        let broken = bench.forwarder.brokenInvariant()
        #expect(broken == nil)
    }

    @Test func tagsThatTheTierDoesNotCountAreAddedOnEachSide() throws {
        var bench = try TierBench(
            actions: [.pushVLAN(tpid: 0x8100, tci: 0x1005), .output(port: 2)])
        bench.send()
        bench.sink.pass(packets: 2, bytes: 200)
        bench.forwarder.refreshExpress(now: bench.now, &bench.sink)
        let byteCount = UInt64(bench.frame.count)
        let (into, out) = (
            bench.forwarder.report(ofPort: 1), bench.forwarder.report(ofPort: 2)
        )
        #expect(into?.statistics.rxBytes == 200 + byteCount)
        #expect(out?.statistics.txBytes == 208 + byteCount + 4)
    }

    @Test func aFlowThatIsDeletedTakesItsLastCountsAlong() throws {
        var bench = try TierBench()
        bench.send()
        bench.sink.pass(packets: 5, bytes: 300)
        let effects = bench.order(.deleteFlow(key: bench.flow.key, mask: bench.flow.mask))
        guard case .reply(_, _, .flow(let last), _)? = effects.first else {
            Issue.record("no flow in \(effects)")
            return
        }
        #expect(last.statistics.packets == 6)
        let open = bench.sink.open.count
        #expect(open == 0)
    }

    @Test func aFlowWhoseActionsChangeIsForwardedByTheKernelNoMore() throws {
        var bench = try TierBench()
        bench.send()
        var changed = bench.flow
        changed.actions = [.drop(.vlanNotAllowed)]
        _ = bench.order(.putFlow(changed))
        let open = bench.sink.open.count
        #expect(open == 0)
        bench.send(200)
        let opened = bench.sink.openedCount
        #expect(opened == 1)
    }

    @Test(arguments: [1, 2] as [UInt32])
    func aPortThatGoesEndsItsFlows(port: UInt32) throws {
        var bench = try TierBench()
        try bench.open(port)
        bench.send()
        _ = bench.order(.deletePort(number: port))
        let open = bench.sink.open.count
        #expect(open == 0)
    }

    @Test func flushingEndsAll() throws {
        var bench = try TierBench()
        bench.send()
        _ = bench.order(.flushFlows)
        let open = bench.sink.open.count
        #expect(open == 0)
        let broken = bench.forwarder.brokenInvariant()
        #expect(broken == nil)
    }

    @Test func aFlowThatLooksAtMoreThanTheKeyIsNeverOpened() throws {
        var bench = try TierBench(mask: { $0.nwTTL = 0xff })
        // The flow itself must match: its key says a time to live of 64.
        bench.flow.key.nwTTL = 64
        try bench.forwarder.install(bench.flow)
        bench.send(500)
        let opened = bench.sink.openedCount
        #expect(opened == 0)
    }

    /// What had no place at first gets one later, though its microflow is long known.
    @Test func aBusyFlowIsOfferedAgain() throws {
        var bench = try TierBench()
        bench.sink.hasRoom = false
        bench.send(10)
        bench.sink.hasRoom = true
        bench.send(FlowSamples.enough)
        let open = bench.sink.open.count
        #expect(open == 1)
    }

    /// However many microflows a megaflow has, the tier needs one flow for it.
    @Test func aMegaflowIsOneFlowOfTheTier() throws {
        var bench = try TierBench()
        for number in 0..<300 { bench.sendFlow(number) }
        let opened = bench.sink.openedCount
        #expect(opened == 1)
    }

    @Test func aFloodOfNewFlowsIsOfferedWithinItsBudget() throws {
        var bench = try TierBench(mask: { $0.tpSrc = .max })
        for number in 0..<6000 {
            var flow = bench.flow
            flow.key.tpSrc = UInt16(number)
            try bench.forwarder.install(flow)
        }
        for number in 0..<3000 { bench.sendFlow(number) }
        let inOneSecond = bench.sink.openedCount
        #expect(inOneSecond == 1000)
        for _ in 0..<8 {
            bench.now = bench.now + .seconds(1)
            for number in 0..<6000 { bench.sendFlow(number) }
        }
        let open = bench.sink.open.count
        #expect(open <= ForwardingLimits.expressFlows)
        // Short of places: those that do nothing make room.
        bench.now = bench.now + .seconds(6)
        bench.forwarder.refreshExpress(now: bench.now, &bench.sink)
        let left = bench.sink.open.count
        #expect(left == 0)
    }

    /// Where a flow was refused, others that do nothing make room for it, and only then.
    @Test func anIdleFlowMakesRoomForOneThatWasRefused() throws {
        var bench = try TierBench()
        bench.send()
        bench.now = bench.now + .seconds(60)
        bench.forwarder.refreshExpress(now: bench.now, &bench.sink)
        let kept = bench.sink.open.count
        #expect(kept == 1)
        // An offer of the flow that is there already counts as one.
        bench.send(FlowSamples.enough)
        bench.now = bench.now + .seconds(60)
        bench.forwarder.refreshExpress(now: bench.now, &bench.sink)
        let left = bench.sink.open.count
        #expect(left == 0)
    }
}

enum FlowSamples {
    /// More packets than lie between two that are looked at more closely.
    static let enough = 200
}
