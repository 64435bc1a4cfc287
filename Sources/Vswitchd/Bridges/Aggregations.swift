internal import DatapathMessages
internal import Flows
internal import OpenFlow
internal import Packets
internal import Pipeline
internal import Switching
internal import Timekeeping

// Bonds and LACP between the world and their machines.
//
//     rows, links ──> LACP ──> units to send ──> datapath
//     upcalls ──────>  │
//                      └ may enable ─> Bond (in the forwarding model) ──> cached flows of members
//                                        │                                that changed, at once
//                                        └─> learning frames ──> datapath
//
// A fail-over is a race against the packets that are under way, so nothing here waits for its turn:
// a link that goes down is told to its bond in the same turn, and the cached flows that touch the
// member are put right before anything else is done.

/// A port with several members, or with LACP, or both.
struct Aggregation {
    /// NORMAL's number of the port, under which the bond stands in the model.
    let port: SwitchPort.ID
    var wanted: WantedPort
    /// By ascending name.
    var members: [(name: String, number: PortNumber)]
    var lacp: LACP?
    /// What `bond/show` calls Recirc-ID; 0 for active-backup.
    var recirculationID: UInt32 = 0
    /// Link states that miimon saw last, by name, and when it looks again.
    var sampledCarriers: [String: Bool] = [:]
    var nextSample: Instant?

    var lacpStatus: Bond.LACPStatus {
        lacp.map { $0.isNegotiated ? .negotiated : .configured } ?? .off
    }
}

/// What the machine as a whole knows of aggregation.
struct AggregationClock {
    /// When to run next; `.start` means now.
    var deadline: Instant?
    /// Ids for balanced bonds are never used again.
    var lastRecirculationID: UInt32 = 0
}

// Configuration.

extension Vswitch {
    /// Makes the bridge's aggregations as its ports ask. Needs NORMAL's ports.
    mutating func configureAggregations(_ bridge: PresentBridge, now: Instant) {
        var present = bridge.aggregations
        bridge.aggregations = [:]
        for port in bridge.wanted.ports {
            guard let id = bridge.switchPorts[port.name],
                port.bond != nil || port.lacp != nil
            else { continue }
            var aggregation =
                present.removeValue(forKey: port.name).flatMap { $0.port == id ? $0 : nil }
                ?? Aggregation(port: id, wanted: port, members: [])
            aggregation.wanted = port
            aggregation.members = port.interfaces.compactMap { wanted in
                bridge.interfaces[wanted.name].map { (wanted.name, $0.number) }
            }
            configureBond(&aggregation, bridge: bridge.index)
            if port.lacp == nil { aggregation.lacp = nil }
            for text in port.bond?.misunderstood ?? [] {
                log(.warning, "bond", "port \(port.name): \(text) is not supported")
            }
            bridge.aggregations[port.name] = aggregation
        }
        for (_, gone) in present.sorted(by: { $0.key < $1.key }) {
            model[bridge: bridge.index].setBond(nil, port: gone.port)
            forgetRecirculation(of: gone)
        }
        aggregationClock.deadline = .start
    }

    private mutating func configureBond(_ aggregation: inout Aggregation, bridge index: Int) {
        let present = model[bridge: index].bonds[aggregation.port]
        guard let wanted = aggregation.wanted.bond else {
            if present != nil { model[bridge: index].setBond(nil, port: aggregation.port) }
            forgetRecirculation(of: aggregation)
            aggregation.recirculationID = 0
            return
        }
        if wanted.settings.mode == .activeBackup {
            forgetRecirculation(of: aggregation)
            aggregation.recirculationID = 0
        } else if aggregation.recirculationID == 0 {
            aggregationClock.lastRecirculationID += 1
            aggregation.recirculationID = aggregationClock.lastRecirculationID
        }
        if present == nil {
            model[bridge: index].setBond(
                Bond(
                    settings: wanted.settings, lastActive: aggregation.wanted.lastActive ?? .zero),
                port: aggregation.port)
        }
        let id = aggregation.recirculationID
        model[bridge: index].changeBond(port: aggregation.port) { $0.recirculationID = id }
        if id != 0 {
            model.setRecirculation(
                id, RecirculationTarget(bridge: index, port: aggregation.port))
        }
    }

    mutating func forgetRecirculation(of aggregation: Aggregation) {
        guard aggregation.recirculationID != 0 else { return }
        model.setRecirculation(aggregation.recirculationID, nil)
    }
}

// Running.

extension Vswitch {
    /// Lets LACP and bonds act on what changed and on the time, and puts cached flows right.
    mutating func runAggregationsIfDue(now: Instant) {
        guard let due = aggregationClock.deadline, due <= now else { return }
        runAggregations(now: now)
    }

    mutating func runAggregations(now: Instant) {
        var deadline: Instant?
        var touched: Set<UInt32> = []
        for name in bridges.keys.sorted() {
            guard let bridge = bridges[name] else { continue }
            for port in bridge.aggregations.keys.sorted() {
                guard let aggregation = bridge.aggregations[port] else { continue }
                let next = run(aggregation, port, of: bridge, now: now, &touched)
                deadline = [deadline, next].compactMap { $0 }.min()
            }
        }
        aggregationClock.deadline = deadline
        if !touched.isEmpty { recheckAtOnce(flowsAt: touched, now: now) }
    }

    /// Returns when to run it again.
    private mutating func run(
        _ before: Aggregation, _ name: String, of bridge: PresentBridge, now: Instant,
        _ touched: inout Set<UInt32>
    ) -> Instant? {
        var aggregation = before
        sampleCarriers(&aggregation, now: now)
        runLACP(&aggregation, of: bridge, now: now)
        bridges[bridge.wanted.name]?.aggregations[name] = aggregation
        guard let wanted = aggregation.wanted.bond,
            var bond = model[bridge: bridge.index].bonds[aggregation.port]
        else { return aggregation.lacp?.deadline(now: now) }

        var events: [Bond.Event] = [.settings(wanted.settings), .lacp(aggregation.lacpStatus)]
        events.append(.members(facts(aggregation)))
        for (memberName, number) in aggregation.members {
            let mayEnable = aggregation.lacp?.mayEnable(number.rawValue) ?? true
            let hasCarrier = aggregation.hasCarrier(memberName)
            events.append(
                .mayEnable(member: number.rawValue, hasCarrier && mayEnable))
        }
        let effects = bond.handle(events, now: now)
        let changed = bond.takeChangedMembers()
        let deadline = bond.deadline
        model[bridge: bridge.index].changeBond(port: aggregation.port) { $0 = bond }
        for number in changed {
            if let vport = bridge.interface(numbered: PortNumber(number))?.interface.vport {
                touched.insert(vport)
            }
        }
        for effect in effects { carryOut(effect, aggregation, of: bridge, bond) }
        return [deadline, aggregation.lacp?.deadline(now: now), aggregation.nextSample]
            .compactMap { $0 }.min()
    }

    private func facts(_ aggregation: Aggregation) -> [Bond.MemberFacts] {
        aggregation.members.map { name, number in
            Bond.MemberFacts(
                number: number.rawValue, name: name, address: links[name]?.address ?? .zero,
                hasCarrier: aggregation.hasCarrier(name))
        }
    }

    /// What the links say now, or, under miimon, said when they were last looked at.
    private func sampleCarriers(_ aggregation: inout Aggregation, now: Instant) {
        if let interval = aggregation.wanted.bond?.miimonInterval {
            if let next = aggregation.nextSample, next > now { return }
            aggregation.nextSample = now + interval
        } else {
            aggregation.nextSample = nil
        }
        aggregation.sampledCarriers = [:]
        for (name, _) in aggregation.members {
            aggregation.sampledCarriers[name] = links[name].map { $0.isUp && $0.hasCarrier }
        }
    }

    mutating func carryOut(
        _ effect: Bond.Effect, _ aggregation: Aggregation, of bridge: PresentBridge, _ bond: Bond
    ) {
        let name = aggregation.wanted.name
        switch effect {
        case .memberEnabled(let member): log(.info, "bond", "member \(member): enabled")
        case .memberDisabled(let member): log(.info, "bond", "member \(member): disabled")
        case .activeMember(let member):
            reports.isDue = true
            log(
                member == nil ? .warning : .info, "bond",
                "bond \(name): "
                    + (member.map { "active member is now \($0)" }
                        ?? "all members are disabled"))
        case .rebalanced: log(.info, "bond", "bond \(name): rebalanced")
        case .sendLearningFrames: sendLearningFrames(aggregation, of: bridge, bond)
        }
    }

    /// Shows the other side of the bond, over the member that carries them now, the addresses of
    /// hosts on this side.
    private mutating func sendLearningFrames(
        _ aggregation: Aggregation, of bridge: PresentBridge, _ bond: Bond
    ) {
        let forwarding = model[bridge: bridge.index]
        guard let port = forwarding.normal.port(id: aggregation.port) else { return }
        var count = 0
        for entry in forwarding.macTable.entries() where entry.port != aggregation.port {
            guard port.vlan.carries(entry.key.vlan) else { continue }
            guard count < BondLimits.learningFrames else {
                log(.warning, "bond", "bond \(port.name): more addresses than are announced")
                return
            }
            let number: UInt16?
            switch bond.rule {
            case .always(let member): number = member
            case .bySource:
                number = bond.member(
                    forHash: Bond.hash(
                        entry.key.mac, vlan: entry.key.vlan, basis: bond.settings.hashBasis))
            case .byTransport, .nowhere: number = nil
            }
            guard let number else { continue }
            count += 1
            let tci = port.tci(ofVLAN: entry.key.vlan, enteredWith: 0)
            send(
                LearningFrame.bytes(of: entry.key.mac, tci: tci),
                by: PortNumber(number), of: bridge)
        }
    }

    /// Sends a frame of our own out of an interface.
    mutating func send(_ bytes: [UInt8], by number: PortNumber, of bridge: PresentBridge) {
        guard let vport = bridge.interface(numbered: number)?.interface.vport else { return }
        // Safe: the array is not changed while its bytes are lent.
        let key = unsafe FlowKey.extract(frame: bytes.span.bytes, inPort: UInt32.max).key
        order(ExecutedPacket(bytes: bytes, key: key, actions: [.output(port: vport)]))
    }
}

extension Aggregation {
    func hasCarrier(_ name: String) -> Bool { sampledCarriers[name] ?? false }
}

// LACP.

extension Vswitch {
    private mutating func runLACP(
        _ aggregation: inout Aggregation, of bridge: PresentBridge, now: Instant,
        _ news: [LACP.Event] = []
    ) {
        guard let wanted = aggregation.wanted.lacp else { return }
        let settings = LACP.Settings(
            isActive: wanted.isActive, isFast: wanted.isFast,
            system: wanted.system ?? localAddress(of: bridge),
            systemPriority: wanted.systemPriority, fallsBack: wanted.fallsBack)
        var lacp = aggregation.lacp ?? LACP(settings: settings)
        let before = lacp.members.map(\.status)
        var events: [LACP.Event] = [.settings(settings), .members(members(aggregation))]
        for (name, number) in aggregation.members {
            events.append(
                .carrier(member: number.rawValue, aggregation.hasCarrier(name)))
        }
        for effect in lacp.handle(events + news, now: now) {
            guard case .transmit(let number, let unit) = effect,
                let name = aggregation.members.first(where: { $0.number.rawValue == number })?.name
            else { continue }
            let source = links[name]?.address ?? settings.system
            send(unit.frame(from: source), by: PortNumber(number), of: bridge)
        }
        if lacp.members.map(\.status) != before { reports.isDue = true }
        aggregation.lacp = lacp
    }

    private func members(_ aggregation: Aggregation) -> [LACP.MemberSettings] {
        aggregation.members.map { name, number in
            let wanted = aggregation.wanted.interfaces.first { $0.name == name }?.lacp
            return LACP.MemberSettings(
                number: number.rawValue, name: name, portID: wanted?.portID,
                portPriority: wanted?.priority ?? .max, key: wanted?.key ?? 0)
        }
    }

    /// A frame of LACP's type came up from the port.
    mutating func receivedLACP(
        _ bytes: [UInt8], bridge index: Int, port number: PortNumber, now: Instant
    ) {
        guard let bridge = bridges.first(where: { $0.value.index == index })?.value,
            let name = bridge.aggregations.keys.sorted().first(where: { name in
                bridge.aggregations[name]?.members.contains { $0.number == number } ?? false
            }),
            var aggregation = bridge.aggregations[name]
        else { return }
        let event: LACP.Event
        do throws(LACPUnitError) {
            // A tag in front makes it no LACPDU (IEEE 802.1AX-2014 §6.2.11.4).
            let unit = try LACPUnit(checking: bytes)
            event = .received(member: number.rawValue, unit)
        } catch {
            event = .receivedOther(member: number.rawValue, error)
        }
        runLACP(&aggregation, of: bridge, now: now, [event])
        bridges[bridge.wanted.name]?.aggregations[name] = aggregation
        // Its word about members goes on to the bond, and the deadline is a new one.
        aggregationClock.deadline = .start
    }
}

extension LACPUnit {
    /// Reads a whole frame.
    fileprivate init(checking frame: [UInt8]) throws(LACPUnitError) {
        let header = 14
        guard frame.count >= header else { throw .truncated(available: 0) }
        // Safe: the array is not changed while its bytes are lent.
        try self.init(checking: unsafe frame.span.bytes.extracting(droppingFirst: header))
    }
}
