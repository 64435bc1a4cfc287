internal import DatabaseProtocol
internal import DatabaseReplica
internal import DatapathMessages
internal import Flows
internal import OpenFlow
internal import Pipeline
internal import Switching
public import Timekeeping

// The userspace half of the switch as one machine.
//
//      database rows ──> wanted ─┐
//                                ├─> orders ──> datapath
//      datapath's ports ─> present ─┘
//      upcalls ──> translation ──> "install this flow, execute this packet"
//      counters of cached flows ──> rules ──> controllers and tools
//
// `handle` is told one thing that happened and answers with what is to be done, in order. Nothing
// here waits: what takes time is remembered, and `deadline` says when to call again. The parts
// stand in extensions, one file for each arrow of the drawing.

public struct Vswitch: ~Copyable {
    // What is wanted.
    var replica: DatabaseReplica
    var wanted = WantedSwitch()
    /// The revision of the rows that `wanted` was read from.
    var readRevision: UInt64?

    // What is present.
    var model = ForwardingModel()
    var bridges: [String: PresentBridge] = [:]
    var vports = PresentVports()
    var links: [String: LinkFact] = [:]
    var madeLinks = MadeLinks()
    var watchedLinks: [String] = []
    var listeners: [ListenerPurpose] = []
    /// `next_cfg` of the configuration in force; nil until the first is.
    var configuration: Int64?
    /// When the configuration that is not yet in force was read.
    var reconfiguringSince: Instant?

    // The datapath.
    var datapath = DatapathSide()
    var ledger = FlowLedger()
    var recheck = Recheck()
    var upcallCounts = UpcallCounts()
    /// What the datapath's meters had seen when we last asked, by its own numbers.
    var meterCounters: [UInt32: Flows.MeterStatistics] = [:]
    var maxIdle: Duration { .milliseconds(Int64(wanted.maxIdleMilliseconds)) }

    /// When bonds and LACP are to be run.
    var aggregationClock = AggregationClock()
    /// When spanning trees are to be run, and what they sent each other over patch ports.
    var spanningClock = SpanningClock()

    /// LLDP of the interfaces that speak it, by name, and when the first of them is due; `.start`
    /// means that interfaces have come or gone.
    var discovery: [String: LLDPAgent] = [:]
    var discoveryDeadline: Instant?

    // Reports to the database.
    var reports = Reports()

    // OpenFlow.
    var sessions = Sessions()

    /// Questions on the control socket that wait for fresh counters.
    var waitingControls: [WaitingControl] = []

    var databaseCalls: Reconnection
    var datapathCalls: Reconnection
    /// `wanted.prefersKernelModule` when a datapath was last called.
    var datapathPreference: Bool?

    let product: ProductText
    let startedAt: Instant
    var effects: [SwitchEffect] = []
    /// What follows the last of `effects`.
    var answers: [UpcallAnswer] = []

    /// - Parameters:
    ///   - product: What to call ourselves towards controllers.
    ///   - now: The moment from which ages are counted.
    public init(product: ProductText, now: Instant) {
        self.product = product
        startedAt = now
        databaseCalls = Reconnection(now: now)
        datapathCalls = Reconnection(now: now)
        replica = DatabaseReplica(wish: Self.wish, lock: "ovs_vswitchd")
    }

    /// Tells the machine what happened, in order. One call for all that arrived together costs less
    /// than one for each.
    ///
    /// - Returns: What to do about it, in order.
    public mutating func handle(_ events: [SwitchEvent], now: Instant) -> [SwitchEffect] {
        let waiting = sessions.backlog.sorted()
        sessions.backlog = []
        for event in events { take(event, now: now) }
        for id in waiting { readMessages(id, now: now) }
        advance(now: now)
        sealAnswers()
        defer { effects = [] }
        return effects
    }

    private mutating func take(_ event: SwitchEvent, now: Instant) {
        switch event {
        case .databaseOpened:
            databaseCalls.connected()
            follow(replica.connectionReady(), now: now)
        case .databaseReceived(let bytes): follow(replica.receive(bytes), now: now)
        case .databaseClosed(let reason):
            if databaseCalls.phase == .connected {
                log(.warning, "ovsdb", "the database is gone: \(reason)")
            }
            databaseCalls.lost(now: now)
            follow(replica.connectionLost(), now: now)
        case .datapathOpened(let nature): datapathOpened(nature, now: now)
        case .datapathReplied(let sequence, let reply): received(reply, sequence, now: now)
        case .datapathSaid(let batch):
            for reply in batch {
                switch reply.content {
                case .success(let content): received(content, reply.sequence, now: now)
                case .failure(let error):
                    let text = "cannot be read: \(error)"
                    received(.failed(errno: 0, text: text), reply.sequence, now: now)
                }
            }
        case .datapathClosed(let reason): datapathClosed(reason, now: now)
        case .sessionAccepted(let id, let purpose, let peer):
            sessionAccepted(id, purpose, peer: peer, now: now)
        case .sessionConnected(let id): sessionConnected(id, now: now)
        case .sessionReceived(let id, let bytes): sessionReceived(id, bytes, now: now)
        case .sessionClosed(let id, let reason): sessionClosed(id, reason, now: now)
        case .listenFailed(let purpose, let reason):
            log(.error, "connmgr", "cannot listen for \(purpose): \(reason)")
            listeners.removeAll { $0 == purpose }
        case .links(let facts): linksChanged(facts, now: now)
        case .linkMade(let name, let outcome): linkMade(name, outcome, now: now)
        case .linkRemoved(let name): linkRemoved(name, now: now)
        case .control(let id, let command, let arguments, let wantsJSON):
            control(id, command, arguments, wantsJSON: wantsJSON, now: now)
        case .clockAdvanced: break
        }
    }

    /// Whether messages were heard that are not carried out yet: `handle` goes on with them.
    public var hasBacklog: Bool { !sessions.backlog.isEmpty }

    /// When to call `handle` at the latest; nil: not before something happens. Asked in every turn,
    /// and therefore without arrays.
    public var deadline: Instant? {
        if recheck.isPending || hasBacklog || datapath.idleSlot != nil {
            return .start
        }
        var first: Instant?
        func consider(_ moment: Instant?) {
            if let moment, first.map({ moment < $0 }) ?? true { first = moment }
        }
        consider(datapath.nextDump)
        consider(reports.deadline)
        consider(sessions.deadline)
        consider(model.nextDeadline)
        consider(aggregationClock.deadline)
        consider(spanningClock.deadline)
        consider(reconfigurationDeadline)
        consider(databaseCalls.deadline)
        consider(datapathCalls.deadline)
        if datapath.isOpen { consider(discoveryDeadline) }
        return first
    }

    /// What is due because time passed.
    private mutating func advance(now: Instant) {
        if databaseCalls.mustCall(now: now) { effects.append(.connectDatabase) }
        if datapathCalls.mustCall(now: now) {
            datapathPreference = wanted.prefersKernelModule
            effects.append(.connectDatapath(prefersKernelModule: datapathPreference ?? false))
        }
        giveUpOnDatapathIfLate(now: now)
        runAggregationsIfDue(now: now)
        runSpanningTreesIfDue(now: now)
        runDiscoveryIfDue(now: now)
        expire(now: now)
        noticeModelChanges()
        recheckSome(now: now)
        removeIdleSome(now: now)
        dumpIfDue(now: now)
        advanceSessions(now: now)
        report(now: now)
    }

    mutating func log(_ level: LogLevel, _ module: String, _ text: String) {
        effects.append(.log(level, module: module, text))
    }
}

/// Names that controllers and tools are shown.
public struct ProductText: Hashable, Sendable {
    public var manufacturer: String
    public var hardware: String
    public var software: String
    public init(manufacturer: String, hardware: String, software: String) {
        self.manufacturer = manufacturer
        self.hardware = hardware
        self.software = software
    }
}

// The database's side.

extension Vswitch {
    static let wish = ReplicaWish.tables([
        .init(OpenVSwitchColumns.self) {
            [
                $0.bridges, $0.nextConfiguration, $0.currentConfiguration,
                $0.otherConfig, $0.datapathTypes, $0.ifaceTypes, $0.ssl,
            ]
        },
        .init(SSLColumns.self) { [$0.privateKey, $0.certificate, $0.caCert, $0.bootstrapCaCert] },
        .init(BridgeColumns.self) {
            [
                $0.name, $0.ports, $0.controller, $0.failMode, $0.floodVLANs,
                $0.protocols, $0.datapathID, $0.otherConfig, $0.datapathType,
                $0.datapathVersion, $0.mirrors, $0.mcastSnoopingEnable,
                $0.stpEnable, $0.rstpEnable, $0.status, $0.rstpStatus, $0.flowTables,
            ]
        },
        .init(MirrorColumns.self) {
            [
                $0.name, $0.selectAll, $0.selectSrcPort, $0.selectDstPort,
                $0.selectVLAN, $0.outputPort, $0.outputVLAN, $0.snaplen,
                $0.statistics,
            ]
        },
        .init(FlowTableColumns.self) { [$0.name, $0.flowLimit, $0.overflowPolicy] },
        .init(PortColumns.self) {
            [
                $0.name, $0.interfaces, $0.tag, $0.trunks, $0.vlanMode, $0.bondMode,
                $0.bondUpdelay, $0.bondDowndelay, $0.bondActiveSlave, $0.lacp,
                $0.qos, $0.otherConfig, $0.customerVLANs, $0.protected, $0.status,
                $0.statistics, $0.rstpStatus, $0.rstpStatistics,
            ]
        },
        .init(InterfaceColumns.self) {
            [
                $0.name, $0.type, $0.options, $0.ofport, $0.ofportRequest, $0.error,
                $0.macInUse, $0.ifindex, $0.mtu, $0.adminState, $0.linkState,
                $0.linkSpeed, $0.duplex, $0.statistics, $0.status, $0.lacpCurrent,
                $0.otherConfig, $0.lldp, $0.ingressPolicingRate,
                $0.ingressPolicingBurst, $0.ingressPolicingKpktsRate,
                $0.ingressPolicingKpktsBurst,
            ]
        },
        .init(QoSColumns.self) { [$0.type, $0.queues, $0.otherConfig] },
        .init(QueueColumns.self) { [$0.otherConfig] },
        .init(ControllerColumns.self) {
            [
                $0.target, $0.maxBackoff, $0.inactivityProbe, $0.isConnected,
                $0.role, $0.status,
            ]
        },
    ])

    mutating func follow(_ replicaEffects: [ReplicaEffect], now: Instant) {
        for effect in replicaEffects {
            switch effect {
            case .send(let bytes): effects.append(.sendDatabase(bytes))
            case .disconnect(let reason): effects.append(.closeDatabase(reason: reason))
            case .finished(let id, let outcome): finished(id, outcome, now: now)
            case .lock(let isHeld):
                guard isHeld || databaseCalls.phase == .connected else { break }
                log(.info, "ovsdb", isHeld
                    ? "we configure this switch (lock ovs_vswitchd)"
                    : "another vswitchd holds the lock; the configuration stays as it is")
            case .synchronised, .changed: break
            }
        }
        guard replica.isSynchronised, replica.holdsLock, readRevision != replica.revision else {
            return
        }
        _ = replica.takeChanges()
        readRevision = replica.revision
        reports.isDue = true
        let next = WantedSwitch(reading: replica)
        // Before anybody is called with them.
        if next.tls != wanted.tls { effects.append(.useTLS(next.tls)) }
        guard next.isDifferentOrder(from: wanted) || configuration == nil else {
            wanted = next
            return
        }
        wanted = next
        reconfigure(now: now)
    }
}
