public import DatapathMessages
public import Execution
public import FlowCache
public import Flows
public import Packets
public import Timekeeping

// The packet's journey through the datapath, as rules.
//
//     receive → key → cache → execute → send
//                       `---> miss → upcall ... install, execute
//
// `process` is the table of contents. A packet of a known flow allocates nothing, locks nothing and
// retains nothing on its way, and whatever happens it ends in exactly one `PacketEnd`, counted at
// the port it came by. Everything else here are orders, which come from vswitchd between batches.

/// Sizes and secrets of a forwarder.
public struct ForwarderSettings: Sendable {
    /// Flows that the megaflow table holds at most, 1 to 1,000,000.
    public var flowLimit = FlowCacheLimits.flowsByDefault
    /// Entries of the microflow cache; rounded up to a power of two.
    public var microflowCount = FlowCacheLimits.microflowsByDefault
    /// Random, anew in each process, so that nobody outside can choose keys that collide.
    public var hashSeed: UInt64
    /// Upcalls of one port that wait for vswitchd at most.
    public var upcallsPerPort = ForwardingLimits.upcallsPerPort
    /// Bytes of frames that wait for vswitchd at most, over all ports.
    public var upcallByteBudget = ForwardingLimits.upcallByteBudget
    /// Packets that vswitchd was asked about and has not answered; a power of two.
    public var keptUpcalls = ForwardingLimits.keptUpcalls
    /// Which of several forwarders of one datapath this is, from 0 to
    /// `ForwardingLimits.workers - 1`.
    public var worker = 0
    /// For meters that several threads ask.
    public var meterGate: MeterGate?

    public init(hashSeed: UInt64) { self.hashSeed = hashSeed }

    /// For one of `workerCount` forwarders: what waits for vswitchd they share out, so that the way
    /// to it is not longer for being fed by many.
    public init(hashSeed: UInt64, worker: Int, of workerCount: Int) {
        self.init(hashSeed: hashSeed &+ UInt64(worker))
        self.worker = worker
        while keptUpcalls * workerCount > ForwardingLimits.keptUpcalls,
            keptUpcalls > ForwardingLimits.keptUpcallsMin
        { keptUpcalls /= 2 }
        upcallByteBudget = max(
            upcallByteBudget / workerCount, ForwardingLimits.upcallByteBudgetMin)
    }
}

/// The datapath's rules and all of their state. Owned by one thread; nothing of it is global.
public struct Forwarder: ~Copyable {
    @usableFromInline var tables: FlowTables
    @usableFromInline var programs = ProgramStore()
    @usableFromInline var state: ExecutionState
    @usableFromInline var ledger: Ledger
    var lane = ExpressLane()
    /// Those that vswitchd has been asked about.
    var kept: KeptUpcalls
    /// What ports take in; see `setPolicing`.
    @usableFromInline var policers: MeterTable
    /// Packets from a port that is not there (any more). They are in nobody's counters.
    @usableFromInline var strays: UInt64 = 0
    /// How packets ended that userspace sent to be executed, by raw value.
    var executedEnds = InlineArray<128, UInt64>(repeating: 0)

    public init(_ settings: ForwarderSettings) {
        self.init(
            settings, meters: MeterTable(gate: settings.meterGate),
            policers: MeterTable(gate: settings.meterGate))
    }

    /// One more forwarder of a datapath: it knows the same ports, and a meter is one meter, whoever
    /// asks it. To be made, and to end, while no other thread uses `first` or one beside it.
    public init(_ settings: ForwarderSettings, beside first: borrowing Forwarder) {
        self.init(
            settings, meters: MeterTable(sharing: first.state.meters),
            policers: MeterTable(sharing: first.policers))
        ledger.ports = PortTable(like: first.ledger.ports)
        hasVswitchd = first.hasVswitchd
    }

    /// Its meters will be asked by several threads. Before the first one is made beside it.
    public mutating func shareMeters(by gate: MeterGate) {
        state.meters.share(by: gate)
        policers.share(by: gate)
    }

    private init(
        _ settings: ForwarderSettings, meters: consuming MeterTable,
        policers: consuming MeterTable
    ) {
        tables = FlowTables(
            flowLimit: settings.flowLimit, microflowCount: settings.microflowCount,
            seed: settings.hashSeed)
        // Another secret than the hash's, which shows in nothing that can be seen from outside.
        state = ExecutionState(seed: ~settings.hashSeed, meters: meters)
        self.policers = policers
        kept = KeptUpcalls(
            capacity: settings.keptUpcalls, byteBudget: settings.upcallByteBudget,
            worker: settings.worker)
        ledger = Ledger(
            upcalls: UpcallQueues(
                upcallsPerPort: settings.upcallsPerPort, byteBudget: settings.upcallByteBudget))
    }

    /// Whether somebody takes upcalls. While false, packets that no flow knows end as
    /// `.noVswitchd`. False at first.
    public var hasVswitchd: Bool {
        get { ledger.hasVswitchd }
        set { ledger.hasVswitchd = newValue }
    }

    /// Takes one frame that came by `port` through its whole journey.
    ///
    /// - Parameters:
    ///   - frame: Its bytes may be edited, and must stay where they are until the sink has sent.
    ///   - port: A frame from a port that is not there is dropped, and counted in `strayPackets`.
    ///   - now: The moment of the batch.
    @inlinable
    public mutating func process<Sink: PacketSink & ExpressTier & ~Copyable>(
        _ frame: Frame, from port: UInt32, now: Instant, into sink: inout Sink
    ) {
        let place = ledger.ports.place(of: port)
        guard place != 0 else {
            strays &+= 1
            return
        }
        let byteCount = unsafe frame.wireByteCount
        state.now = now
        ledger.place = place
        let end =
            admits(byteCount, at: place, now)
            ? unsafe forward(frame, port, now.millisecondsSinceStart, &sink) : .policed
        ledger.ports.count(at: place) { record in
            record.rxPackets &+= 1
            record.rxBytes &+= UInt64(truncatingIfNeeded: byteCount)
            record.ends[Int(end.rawValue)] &+= 1
        }
    }

    // Never inlined, so that tools/check-hot-path finds it under its own name.
    @inlinable @inline(never)
    mutating func forward<Sink: PacketSink & ExpressTier & ~Copyable>(
        _ frame: Frame, _ port: UInt32, _ nowMilliseconds: UInt64, _ sink: inout Sink
    ) -> PacketEnd {
        guard unsafe frame.offload.fits(byteCount: frame.byteCount) else { return .invalidOffload }
        let extraction = unsafe FlowKey.extract(frame, inPort: port)
        if let malformation = extraction.malformation {
            ledger.ports.count(at: ledger.place) { record in
                record.malformations[Int(malformation.rawValue)] &+= 1
            }
            guard malformation != .truncatedEthernet else { return .truncatedEthernet }
        }
        let end = unsafe pass(frame, extraction, isLent: false, nowMilliseconds, &sink)
        guard state.hasContinuations else { return end ?? .droppedByRule }
        return continued(end, nowMilliseconds, &sink)
    }

    /// One lookup, and what its flow says. nil: the packet is only to be looked up again.
    @inlinable @inline(__always)
    mutating func pass<Sink: PacketSink & ExpressTier & ~Copyable>(
        _ frame: Frame, _ extraction: borrowing Extraction, isLent: Bool,
        _ nowMilliseconds: UInt64, _ sink: inout Sink
    ) -> PacketEnd? {
        guard let slot = tables.lookup(extraction.key) else {
            return unsafe ledger.miss(frame, key: extraction.key)
        }
        unsafe tables.megaflows.count(
            slot, byteCount: frame.wireByteCount, tcpFlags: extraction.key.tcpFlags,
            nowMilliseconds: nowMilliseconds)
        if unsafe tables.sampled || frame.byteCount >= ForwardingLimits.largeFrameByteCount {
            offerExpress(extraction.key, slot, nowMilliseconds, &sink)
        }
        return unsafe programs.run(
            tables.megaflows.program(of: slot), on: frame, extraction, isLent: isLent,
            state: &state, sink: &sink, ledger: &ledger)
    }

    /// Takes the packet through the lookups that its actions ask for. Bounded by
    /// `ExecutionLimits.recirculations`.
    @inlinable
    mutating func continued<Sink: PacketSink & ExpressTier & ~Copyable>(
        _ first: PacketEnd?, _ nowMilliseconds: UInt64, _ sink: inout Sink
    ) -> PacketEnd {
        var end = first
        while let next = unsafe state.nextContinuation() {
            let extraction = unsafe next.extract()
            let one = unsafe pass(
                next.frame, extraction, isLent: next.isLent, nowMilliseconds, &sink)
            end = end.map { before in one.map { before.better($0) } ?? before } ?? one
        }
        return end ?? .droppedByRule
    }

    /// Packets that a device saw end by itself: `.ringFull`, `.truncatedByRing`. They count as
    /// received.
    public mutating func count(_ end: PacketEnd, packets: UInt64, from port: UInt32) {
        let place = ledger.ports.place(of: port)
        guard place != 0 else {
            strays &+= packets
            return
        }
        ledger.ports.count(at: place) { record in
            record.rxPackets &+= packets
            record.ends[Int(end.rawValue)] &+= packets
        }
    }

    /// Frames that the sink took for `port` and then could not send. Where they came in they stay
    /// `.forwarded`: the switch did its part.
    public mutating func countSendFailures(_ packets: UInt64, port: UInt32) {
        let place = ledger.ports.place(of: port)
        guard place != 0 else { return }
        ledger.ports.count(at: place) { record in
            let failed = min(packets, record.txPackets)
            record.txPackets &-= failed
            record.txDropped &+= packets
        }
    }

    /// Packets from ports that are not there.
    public var strayPackets: UInt64 { strays }

    /// Upcalls that wait.
    public var waitingUpcallCount: Int { ledger.upcalls.count }

    /// Takes up to `count` upcalls, one of each port in turns.
    ///
    /// - Parameter keeping: Packets that no flow knew are kept until `answer`, or until
    ///   `forgetKeptUpcalls`. None are taken while `ForwardingLimits.keptUpcalls` are.
    public mutating func takeUpcalls(atMost count: Int, keeping: Bool = false) -> [Upcall] {
        guard keeping else { return ledger.upcalls.take(atMost: count) }
        var upcalls = ledger.upcalls.take(atMost: min(count, kept.room))
        for index in upcalls.indices where upcalls[index].reason == .miss && kept.room > 0 {
            kept.keep(&upcalls[index])
        }
        return upcalls
    }

    /// Whoever was asked will not answer any more.
    public mutating func forgetKeptUpcalls() { kept.removeAll() }
}
