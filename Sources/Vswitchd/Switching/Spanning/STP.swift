public import Packets
public import Timekeeping

// The Spanning Tree Protocol: IEEE 802.1D-1998 clause 8.
//
// The root says every two seconds that it is there. Each bridge takes the best it hears, adds what
// its own link costs, and passes it on; where two could pass it on to the same link the better one
// does, and the other blocks. Nothing is agreed: a port that is to forward waits until everybody
// must have heard of it, listening for one forward delay and learning for another.
//
// `handle` is told what happened and names its parts after the clause's procedures (§8.6), which
// stand in `STP+Procedures.swift`.

/// The old protocol of one bridge.
public struct STP: Sendable {
    /// §8.10.2, Table 8-3: fixed.
    static let holdTime = Duration.seconds(1)
    /// §8.10.2: what a bridge adds to the age of what it passes on.
    static let messageAgeIncrement = Duration.seconds(1)

    public private(set) var settings: SpanningSettings
    /// By ascending OpenFlow number.
    var ports: [STPPort] = []

    // §8.5.3.
    var designatedRoot: BridgeIdentifier
    var rootCost: UInt32 = 0
    /// Index of the port that leads to the root.
    var rootPort: Int?
    /// Those of the root, which hold everywhere.
    var times: SpanningTimes
    var topologyChangeDetected = false
    var topologyChange = false
    /// Times that the topology changed here or elsewhere.
    public internal(set) var topologyChanges: UInt64 = 0

    // §8.5.4: when each ends.
    var helloTimer: Instant?
    var notificationTimer: Instant?
    var topologyChangeTimer: Instant?

    var effects: [SpanningEffect] = []

    public init(settings: SpanningSettings, now: Instant) {
        self.settings = settings
        designatedRoot = settings.identifier
        times = settings.times
        helloTimer = now
    }

    var isRoot: Bool { designatedRoot == settings.identifier }

    /// When to call with `.clockAdvanced` at the latest.
    public var deadline: Instant? {
        guard ports.contains(where: { $0.state != .disabled }) else { return nil }
        let maxAge = Duration(spanningUnits: times.maxAge)
        var all = [helloTimer, notificationTimer, topologyChangeTimer]
        for port in ports where port.state != .disabled {
            all.append(port.forwardDelayTimer)
            if port.configPending { all.append(port.holdTimer) }
            if let age = port.messageAge { all.append(age.since + (maxAge - age.atStart)) }
        }
        return all.compactMap { $0 }.min()
    }

    /// Takes what happened, in order, lets the time pass, and says what follows.
    public mutating func handle(_ events: [SpanningEvent], now: Instant) -> [SpanningEffect] {
        for event in events { take(event, now: now) }
        passTime(now: now)
        tellStates()
        defer { effects = [] }
        return effects
    }

    private mutating func take(_ event: SpanningEvent, now: Instant) {
        switch event {
        case .settings(let new): change(to: new, now: now)
        case .ports(let wanted): setPorts(wanted, now: now)
        case .link(let number, let isUp):
            guard let index = index(of: number), isUp == (ports[index].state == .disabled) else {
                return
            }
            if isUp { enable(index, now: now) } else { disable(index, now: now) }
        case .received(let number, let unit):
            guard let index = index(of: number) else { return }
            ports[index].counters.received += 1
            guard ports[index].state != .disabled else { return }
            switch unit {
            case .configuration(let message): received(message, by: index, now: now)
            case .topologyChangeNotification: receivedNotification(by: index, now: now)
            // A bridge of the old protocol does not know the type (§9.3.1).
            case .rapid: break
            }
        case .receivedMalformed(let number):
            guard let index = index(of: number) else { return }
            ports[index].counters.received += 1
            ports[index].counters.malformed += 1
        case .topologyChangeRequested: topologyChangeDetection(now: now)
        case .clockAdvanced: break
        }
    }

    func index(of number: UInt16) -> Int? {
        ports.firstIndex { $0.settings.number == number }
    }

    private mutating func tellStates() {
        for index in ports.indices where ports[index].reported != ports[index].state {
            let number = ports[index].settings.number
            let learned = ports[index].reported?.learns ?? true
            ports[index].reported = ports[index].state
            effects.append(.state(port: number, ports[index].state))
            if learned, !ports[index].state.learns { effects.append(.flush(port: number)) }
        }
    }

    private mutating func change(to new: SpanningSettings, now: Instant) {
        guard new != settings else { return }
        let wasRoot = isRoot
        let old = settings.identifier
        settings = new
        // §8.8.4: ports that spoke for the old bridge speak for the new one.
        for index in ports.indices where ports[index].designatedBridge == old {
            ports[index].designatedBridge = new.identifier
        }
        if wasRoot { designatedRoot = new.identifier }
        update(wasRoot: wasRoot, now: now)
        if isRoot { times = new.times }
    }

    /// §8.8.5 and §8.8.6: another path cost or port identifier is looked at like news.
    private mutating func setPorts(_ wanted: [SpanningPortSettings], now: Instant) {
        guard wanted != ports.map(\.settings) else { return }
        let wasRoot = isRoot
        let old = ports
        rootPort = nil
        ports = wanted.sorted { $0.number < $1.number }.map { settings in
            guard var port = old.first(where: { $0.settings.number == settings.number }) else {
                return STPPort(settings: settings, bridge: self.settings.identifier)
            }
            if port.designatedBridge == self.settings.identifier,
                port.designatedPort == port.settings.portID
            {
                port.designatedPort = settings.portID
            }
            port.settings = settings
            return port
        }
        update(wasRoot: wasRoot, now: now)
    }
}

// What can be seen from outside.

extension STP {
    public var root: BridgeIdentifier { designatedRoot }
    public var rootPathCost: UInt32 { rootCost }
    public var rootPortName: String? { rootPort.map { ports[$0].settings.name } }
    /// The times that hold in the whole network.
    public var timesInForce: SpanningTimes { times }

    /// By ascending OpenFlow number.
    public var portStatuses: [SpanningPortStatus] {
        ports.indices.map { index in
            let port = ports[index]
            let role: SpanningRole =
                if port.state == .disabled {
                    .disabled
                } else if index == rootPort {
                    .root
                } else if isDesignated(index) {
                    .designated
                } else {
                    .alternate
                }
            return SpanningPortStatus(
                settings: port.settings, role: role, state: port.state,
                designatedBridge: port.designatedBridge, designatedPort: port.designatedPort,
                designatedCost: port.designatedCost, counters: port.counters)
        }
    }
}
