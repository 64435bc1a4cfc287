public import Packets
public import Timekeeping

// The Rapid Spanning Tree Protocol: IEEE 802.1D-2004 clause 17.
//
//     BPDU --> receive --> information --> role selection --> role transitions --> states
//                 |            |                                    |   |
//            migration    what is known                  proposing, |   `--> topology change
//          (old or rapid)  of each link                   agreeing  |             |      |
//                                                                   `--> transmit <'    flush
//
// The clause is a set of machines that look at each other's variables. All of them are here, by the
// standard's names, and run in turn until none has anything more to do; the time in which they do
// so is no time at all. Where two bridges on a link speak the rapid protocol, a port that is to
// forward proposes it, the other side first closes whatever could make a circle and then agrees:
// milliseconds instead of timers.

/// The rapid protocol of one bridge.
public struct RSTP: Sendable {
    /// Table 17-1: fixed.
    static let helloTime = 2
    static let migrateTime = 3
    /// §17.22: the timers count seconds.
    static let tick = Duration.seconds(1)

    public private(set) var settings: SpanningSettings
    /// By ascending OpenFlow number.
    var ports: [RSTPPort] = []
    /// §17.18.6 and §17.18.7: who the root is, and what the times are.
    var rootPriority: PriorityVector
    var rootTimes: SpanningTimes
    /// Index of the port that leads to the root; nil: this bridge is the root.
    var rootPort: Int?
    /// Times that the topology changed here or elsewhere.
    public internal(set) var topologyChanges: UInt64 = 0
    /// The bridge itself is another than before, whatever its ports know.
    var reselectBridge = true
    private var nextTick: Instant
    var effects: [SpanningEffect] = []

    public init(settings: SpanningSettings, now: Instant) {
        self.settings = settings
        rootPriority = PriorityVector(ofBridge: settings.identifier)
        rootTimes = settings.times
        nextTick = now + Self.tick
    }

    /// When to call with `.clockAdvanced` at the latest.
    public var deadline: Instant? { ports.contains { $0.portEnabled } ? nextTick : nil }

    /// Takes what happened, in order, lets the time pass, and says what follows.
    public mutating func handle(_ events: [SpanningEvent], now: Instant) -> [SpanningEffect] {
        var hasChanged = false
        for event in events {
            // What configures the bridge may come together; a BPDU is news of its own, and a link
            // that comes back must have been gone.
            let mustSettle: Bool
            switch event {
            case .settings, .ports, .link(_, false): mustSettle = false
            case .link(let number, true):
                let port = index(of: number).map { ports[$0] }
                mustSettle = port.map { !$0.portEnabled && $0.infoIs != .disabled } ?? false
            case .received, .receivedMalformed, .topologyChangeRequested, .clockAdvanced:
                mustSettle = true
            }
            if mustSettle, hasChanged { settle() }
            take(event)
            hasChanged = true
        }
        if hasChanged { settle() }
        passTime(now: now)
        defer { effects = [] }
        return effects
    }

    /// One second at a time, and never two at once: whoever calls late was held up, and so were the
    /// neighbours' BPDUs that lie in its queue. They are not silent because we were deaf.
    private mutating func passTime(now: Instant) {
        guard now >= nextTick else { return }
        nextTick = nextTick + Self.tick
        if nextTick <= now { nextTick = now + Self.tick }
        for index in ports.indices { ports[index].tick() }
        settle()
    }

    private mutating func take(_ event: SpanningEvent) {
        switch event {
        case .settings(let new): change(to: new)
        case .ports(let wanted): setPorts(wanted)
        case .link(let number, let isUp):
            guard let index = index(of: number) else { return }
            ports[index].portEnabled = isUp
        case .received(let number, let unit):
            guard let index = index(of: number) else { return }
            ports[index].counters.received += 1
            receive(unit, by: index)
        case .receivedMalformed(let number):
            guard let index = index(of: number) else { return }
            ports[index].counters.received += 1
            ports[index].counters.malformed += 1
        case .topologyChangeRequested:
            for index in ports.indices where ports[index].topologyChange == .active {
                newTcWhile(index)
                ports[index].newInfo = true
                setTcPropTree(except: index)
            }
        case .clockAdvanced: break
        }
    }

    func index(of number: UInt16) -> Int? {
        ports.firstIndex { $0.settings.number == number }
    }

    private mutating func change(to new: SpanningSettings) {
        guard new != settings else { return }
        let old = settings
        settings = new
        guard old.isRapid == new.isRapid else {
            // §17.13.4: another version of the protocol begins anew.
            ports = ports.map { old in
                var port = RSTPPort(settings: old.settings, bridge: new)
                port.portEnabled = old.portEnabled
                port.counters = old.counters
                port.reported = old.reported
                return port
            }
            rootPort = nil
            reselectBridge = true
            return
        }
        reselectAll()
    }

    private mutating func reselectAll() {
        reselectBridge = true
        for index in ports.indices {
            ports[index].reselect = true
            ports[index].selected = false
        }
    }

    private mutating func setPorts(_ wanted: [SpanningPortSettings]) {
        guard wanted != ports.map(\.settings) else { return }
        let old = ports
        ports = wanted.sorted { $0.number < $1.number }.map { settings in
            let before = old.first { $0.settings.number == settings.number }
            guard var port = before else {
                return RSTPPort(settings: settings, bridge: self.settings)
            }
            if settings.mcheck, !port.settings.mcheck { port.mcheck = self.settings.isRapid }
            port.settings = settings
            return port
        }
        // The number that it had means another port now.
        rootPort = nil
        reselectAll()
    }

    // MARK: What the rest of the switch hears

    /// Runs the machines until they rest, and tells what came of it.
    private mutating func settle() {
        let oldRoot = rootPort.map { ports[$0].settings.number }
        runMachines()
        let newRoot = rootPort.map { ports[$0].settings.number }
        if let oldRoot, let newRoot, oldRoot != newRoot, let old = index(of: oldRoot),
            let new = rootPort, ports[new].forwarding, !ports[old].learning
        {
            // §17.11: all that was behind the old way to the root is behind the new one.
            effects.append(.moveAddresses(from: oldRoot, to: newRoot))
            ports[old].fdbFlush = false
        }
        for index in ports.indices {
            let state = ports[index].state
            let number = ports[index].settings.number
            if ports[index].reported != state {
                ports[index].reported = state
                effects.append(.state(port: number, state))
            }
            if ports[index].fdbFlush {
                ports[index].fdbFlush = false
                effects.append(.flush(port: number))
            }
        }
    }
}

// What can be seen from outside.

extension RSTP {
    public var root: BridgeIdentifier { rootPriority.root }
    public var rootPathCost: UInt32 { rootPriority.rootPathCost }
    /// The bridge and port that this bridge has the root's claim from.
    public var designatedBridge: BridgeIdentifier { rootPriority.designatedBridge }
    public var designatedPort: UInt16 { rootPriority.designatedPort }
    /// The port's own ID; 0 if this bridge is the root.
    public var rootPortID: UInt16 { rootPort.map { ports[$0].settings.portID } ?? 0 }
    public var rootPortName: String? { rootPort.map { ports[$0].settings.name } }
    /// The times that hold in the whole network.
    public var timesInForce: SpanningTimes { rootTimes }

    /// By ascending OpenFlow number.
    public var portStatuses: [SpanningPortStatus] {
        ports.map { port in
            SpanningPortStatus(
                settings: port.settings, role: port.role, state: port.state,
                designatedBridge: port.portPriority.designatedBridge,
                designatedPort: port.portPriority.designatedPort,
                designatedCost: port.portPriority.rootPathCost, counters: port.counters)
        }
    }
}
