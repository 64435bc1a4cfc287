internal import DatapathMessages
internal import Flows
internal import Pipeline
internal import Timekeeping

// The conversation with the datapath: each order has a number, each answer brings it back.

/// What is known of the datapath, and what it still owes us an answer to.
struct DatapathSide {
    var isOpen = false
    var nature = DatapathNature()
    /// Whether the list of its ports has arrived since the connection opened.
    var knowsPorts = false
    var statistics = DatapathStatistics()
    /// What it can do, as far as it has answered.
    var features = DatapathFeatures()

    /// What the last answer that installed a flow decided.
    var lastDecision = UpcallDecision.nothing
    var lastSequence: UInt32 = 0
    /// Orders without an answer yet, by sequence number.
    private(set) var outstanding: [UInt32: DatapathOrder] = [:]
    /// Numbers of those that decide what becomes of packets, ascending; some behind the first may
    /// have been answered.
    private var decisive: ArraySlice<UInt32> = []
    /// Packets were sent, of which no word will come, since the last decisive order.
    var hasUntoldPackets = false

    /// Number of the dump that is under way or was last complete.
    var dump: UInt64 = 0
    var completeDump: UInt64 = 0
    var isDumping = false
    /// Flows that it told of in the dump that is under way.
    var toldFlows = 0
    /// The next dump must show every flow: what it has and what we know of may differ.
    var needsWholeDump = true
    /// The workers that it was told to have; nil: it was told nothing yet.
    var plan: WorkerPlan?
    /// What was said in the log of workers that cannot be as they are wanted.
    var workerComplaints: Set<String> = []
    /// How many flows it has, as far as we know, at the moment when it is asked.
    var expectedFlows: Int?
    /// Where the search for idle flows goes on; nil: none is under way.
    var idleSlot: Int?
    var nextDump: Instant?
    /// Dumps of ports, counted in the same way.
    var portDump: UInt64 = 0
    var completePortDump: UInt64 = 0
    var largestDump = Duration.zero
    var dumpStartedAt = Instant.start

    /// Numbers the next order.
    mutating func number(_ order: DatapathOrder) -> UInt32 {
        lastSequence &+= 1
        if lastSequence == DatapathSequence.untold { lastSequence = DatapathSequence.none + 1 }
        outstanding[lastSequence] = order
        if order.decidesOnPackets {
            decisive.append(lastSequence)
            hasUntoldPackets = false
        }
        return lastSequence
    }

    /// An order was answered: it, if it was one of ours.
    mutating func answered(_ sequence: UInt32) -> DatapathOrder? {
        let order = outstanding.removeValue(forKey: sequence)
        while let first = decisive.first, outstanding[first] == nil { decisive.removeFirst() }
        return order
    }

    /// Whether every order up to `sequence` that decides what becomes of packets was answered: it
    /// is in force. Dumps and ports may be answered sooner or later than what stands beside them.
    func hasAnswered(_ sequence: UInt32) -> Bool {
        guard let oldest = decisive.first else { return true }
        // Sequence numbers wrap: half of the circle lies ahead of us.
        return Int32(bitPattern: oldest &- sequence) > 0
    }
}

/// Why an order was given, so that its answer finds its way.
enum DatapathOrder {
    case probe(DatapathProbe)
    case takeUpcalls
    case describe
    case addPort(name: String)
    case deletePort(name: String)
    case setTraffic(name: String)
    case setWorkers
    case setReceiving(name: String)
    case listPorts(number: UInt64)
    case listFlows(number: UInt64)
    case listFlowNews(number: UInt64)
    case putFlow(FlowIdentity)
    /// The entry as it was, to credit its last packets.
    indirect case deleteFlow(LedgerEntry)
    case changeMeter
    case describeMeter
    case execute

    /// Whether packets are treated in another way when it has been carried out, or are let go.
    var decidesOnPackets: Bool {
        switch self {
        case .putFlow, .deleteFlow, .changeMeter, .describeMeter, .execute, .probe, .takeUpcalls:
            true
        case .describe, .addPort, .deletePort, .setTraffic, .setWorkers, .setReceiving, .listPorts,
            .listFlows, .listFlowNews:
            false
        }
    }
}

/// What `upcall/show` and `coverage/show` tell.
struct UpcallCounts {
    var misses: UInt64 = 0
    var actions: UInt64 = 0
    var installed: UInt64 = 0
    var refused: UInt64 = 0
    var failedOrders: UInt64 = 0
    /// Packets that were carried out here, because the datapath cannot.
    var slow: UInt64 = 0
}

extension Vswitch {
    /// Sends an order. Orders to a datapath that is not there are forgotten: what it should be is
    /// decided anew when it comes.
    @discardableResult
    mutating func order(_ request: DatapathRequest, _ why: DatapathOrder) -> UInt32? {
        guard datapath.isOpen else { return nil }
        let sequence = datapath.number(why)
        sealAnswers()
        effects.append(.sendDatapath(sequence: sequence, request))
        return sequence
    }

    /// Has the datapath carry out a packet's actions. Ours tells only if it refuses, for word of
    /// each would cost as much as the packet; the kernel's module is given no more at once than it
    /// has answered.
    mutating func order(_ packet: ExecutedPacket) {
        guard !datapath.nature.isKernelModule else {
            order(.execute(packet), .execute)
            return
        }
        guard datapath.isOpen else { return }
        sealAnswers()
        datapath.hasUntoldPackets = true
        effects.append(.sendDatapath(sequence: DatapathSequence.untold, .execute(packet)))
    }

    /// The number whose answer says that everything so far was carried out
    /// (`DatapathSide.hasAnswered`). Orders are carried out in order: behind packets of which no
    /// word will come, one more is asked for something.
    mutating func sequenceOfAllSoFar() -> UInt32 {
        if datapath.hasUntoldPackets { order(.describeMeters, .describeMeter) }
        return datapath.lastSequence
    }

    mutating func datapathOpened(_ nature: DatapathNature, now: Instant) {
        datapathCalls.connected()
        datapath = DatapathSide()
        datapath.isOpen = true
        datapath.nature = nature
        ledger.removeAll()
        vports.removeAll()
        log(.info, "dpif", "the datapath is there: \(DatapathReport.fullName(of: nature.name))")
        // Before any packet: what it cannot do goes into no flow.
        for probe in DatapathProbe.all { order(.probeFlow(probe.flow), .probe(probe)) }
        order(.takeUpcalls, .takeUpcalls)
        order(.describeDatapath, .describe)
        for order in model.allMeterOrders() { give(order) }
        listPorts()
    }

    mutating func datapathClosed(_ reason: String, now: Instant) {
        datapathCalls.lost(now: now)
        guard datapath.isOpen else { return }
        datapath = DatapathSide()
        ledger.removeAll()
        vports.removeAll()
        log(.error, "dpif", "the datapath is gone: \(reason)")
        reconfigure(now: now)
        countersAreFresh(now: now)
    }

    /// Leaves a datapath of the other kind if rows ask for that now. Returns whether it did.
    mutating func leftForOtherDatapath(now: Instant) -> Bool {
        guard let preference = wanted.prefersKernelModule else { return false }
        guard datapath.isOpen else {
            // Neither is there yet. The one that is asked for now is called at once.
            if preference != datapathPreference, datapathCalls.deadline != nil {
                datapathCalls = Reconnection(now: now)
            }
            return false
        }
        let nature = datapath.nature
        guard nature.isKernelModule != preference,
            nature.isKernelModule || nature.isKernelModuleThere
        else { return false }
        log(.info, "dpif", "bridges ask for the other datapath")
        for name in vports.names { detach(name) }
        effects.append(.closeDatapath)
        datapath = DatapathSide()
        ledger.removeAll()
        vports.removeAll()
        datapathCalls = Reconnection(now: now)
        return true
    }

    mutating func listPorts() {
        datapath.portDump += 1
        order(.listPorts, .listPorts(number: datapath.portDump))
    }

    mutating func received(_ reply: DatapathReply, _ sequence: UInt32, now: Instant) {
        switch reply {
        case .upcall(let upcall): answer(upcall, now: now)
        case .datapath(let description): described(description.statistics)
        case .port(let vport): vports.put(vport)
        case .flow(let flow): received(flow, sequence, now: now)
        case .meter(let meter, let statistics): meterCounters[meter.id] = statistics
        case .meterFeatures: break
        case .done: ended(sequence, nil, now: now)
        case .failed(let errno, let text): ended(sequence, (errno, text), now: now)
        }
    }

    private mutating func received(_ flow: CachedFlow, _ sequence: UInt32, now: Instant) {
        switch datapath.outstanding[sequence] {
        case .deleteFlow(let entry):
            credit(entry.decision, since: entry.seen, flow.statistics, now: now)
        case .listFlows(let number), .listFlowNews(let number):
            absorb(flow, dump: number, now: now)
        default: break
        }
    }

    private mutating func ended(
        _ sequence: UInt32, _ failure: (errno: Int32, text: String)?, now: Instant
    ) {
        guard let order = datapath.answered(sequence) else {
            guard failure != nil else { return }
            upcallCounts.failedOrders += 1
            // Of an answer to an upcall: its flow was not taken.
            if sequence == DatapathSequence.none { upcallCounts.refused += 1 }
            return
        }
        if let failure { failed(order, failure.errno, failure.text) }
        switch order {
        case .probe(let probe): datapath.features.note(probe, isTaken: failure == nil)
        case .addPort(let name):
            if failure == nil {
                checkAttached(name)
                // A port begins without limits.
                if vports.byName[name] != nil {
                    vports.traffic[name] = PortTraffic()
                    vports.receiving[name] = PortReceiving()
                }
                orderTraffic(only: name, now: now)
                orderWorkers(only: name)
            }
            finishReconfigurationIfReady(now: now)
        case .deletePort, .setTraffic, .setWorkers, .setReceiving:
            finishReconfigurationIfReady(now: now)
        case .listPorts(let number):
            datapath.completePortDump = number
            if !datapath.knowsPorts {
                datapath.knowsPorts = true
                reconfigure(now: now)
            }
            reports.isDue = true
        case .listFlows(let number): dumpEnded(number, isWhole: true, now: now)
        case .listFlowNews(let number): dumpEnded(number, isWhole: false, now: now)
        case .takeUpcalls, .describe, .putFlow, .deleteFlow, .execute, .changeMeter,
            .describeMeter:
            break
        }
    }

    private mutating func failed(_ order: DatapathOrder, _ errno: Int32, _ text: String) {
        if case .probe = order { return }
        upcallCounts.failedOrders += 1
        switch order {
        case .addPort(let name):
            vports.errors[name] = text
            log(.warning, "bridge", "could not open network device \(name): \(text)")
        case .deletePort(let name):
            log(.warning, "bridge", "the datapath did not remove \(name): \(text)")
        case .setTraffic(let name):
            vports.errors[name] = text
            log(.warning, "bridge", "traffic of \(name) is not limited as it should be: \(text)")
        case .setWorkers:
            log(
                .warning, "dpif",
                "other_config:pmd-cpu-mask=\(wanted.workers.mask ?? "") is not in force, workers "
                    + "stay as they are: \(text) (set a mask of processors that are there)")
        case .setReceiving(let name):
            log(.warning, "dpif", "workers of \(name) are not those that are wanted: \(text)")
        case .putFlow(let identity):
            upcallCounts.refused += 1
            if let slot = ledger.slot(of: identity) { ledger.remove(slot) }
        case .changeMeter:
            log(.warning, "ofproto", "the datapath refused a meter: \(text)")
        case .deleteFlow, .execute, .describeMeter, .probe:
            // A flow that is gone already, or a packet whose port is: nothing is owed to anyone.
            break
        case .takeUpcalls, .describe, .listPorts, .listFlows, .listFlowNews:
            log(.error, "dpif", "the datapath refused a request: \(text) (errno \(errno))")
        }
    }
}
