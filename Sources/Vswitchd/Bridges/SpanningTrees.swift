internal import DatapathMessages
internal import Flows
internal import OpenFlow
internal import Packets
internal import Pipeline
internal import Switching
internal import Timekeeping

// Spanning trees between the world and their machines.
//
//     rows, links ──> SpanningTree ──> BPDUs ──> datapath, or over a patch port to another tree
//     upcalls ──────>      │
//                          └──> what ports may do ──> forwarding model ──> cached flows, at once
//                               what to forget    ──> MAC tables
//
// As with bonds, nothing waits for its turn: a link that goes down, and an agreement that comes in,
// are told to the tree in the same turn, and the flows that touch a port whose state changed are
// put right before anything else is done. Bonds and the bridge's own port take no part, as in Open
// vSwitch: they forward whatever the tree decides.

/// The spanning tree of a bridge that is in force.
struct PresentSpanning {
    var wanted: WantedSpanning
    var tree: SpanningTree
    /// Numbers that the switch chose, by name of the row in Port: kept for life.
    var numbers: [String: UInt16] = [:]
    /// When each port entered its state, and the tree, by OpenFlow port.
    var stateSince: [UInt16: Instant] = [:]
    var portSince: [UInt16: Instant] = [:]
}

/// What the machine as a whole knows of spanning trees.
struct SpanningClock {
    /// When to run next; `.start` means now.
    var deadline: Instant?
    /// Rows, ports or links are different from what the trees were told.
    private(set) var isStale = false
    /// BPDUs that crossed a patch port.
    var crossing: [(bridge: Int, port: PortNumber, bytes: [UInt8])] = []

    /// The time that reports to the database count seconds up to.
    var lastReport = Instant.start

    mutating func mustDescribe() { (isStale, deadline) = (true, .start) }
    mutating func described() { isStale = false }
}

// Configuration.

extension Vswitch {
    /// Makes the bridge's tree as its row asks, or takes it away. What ports it has is told to it
    /// in the same turn (`runSpanningTreesIfDue`).
    mutating func configureSpanningTree(_ bridge: PresentBridge, now: Instant) {
        let name = bridge.wanted.name
        guard let wanted = bridge.wanted.spanning, hasConsistentNumbers(bridge) else {
            guard bridge.spanning != nil else { return }
            log(.info, "bridge", "bridge \(name): no spanning tree")
            bridge.spanning = nil
            // What was learned was true of the tree.
            model[bridge: bridge.index].macTable.flush()
            setTrapping(false, bridge.index)
            for (port, interface) in bridge.interfacesByName where interface.spanning != nil {
                bridge.interfaces[port]?.spanning = nil
                setSpanning(nil, of: interface.number, bridge.index)
            }
            return
        }
        if bridge.spanning?.wanted != wanted {
            for text in wanted.misunderstood { log(.warning, "bridge", "bridge \(name): \(text)") }
        }
        if bridge.spanning?.tree.version != wanted.version {
            model[bridge: bridge.index].macTable.flush()
            bridge.spanning = PresentSpanning(
                wanted: wanted,
                tree: SpanningTree(wanted.version, settings: settings(wanted, bridge), now: now))
        }
        bridge.spanning?.wanted = wanted
        setTrapping(true, bridge.index)
        spanningClock.mustDescribe()
    }

    private mutating func setTrapping(_ traps: Bool, _ index: Int) {
        if model[bridge: index].hasSpanningTree != traps {
            model[bridge: index].hasSpanningTree = traps
        }
    }

    private func settings(_ wanted: WantedSpanning, _ bridge: PresentBridge) -> SpanningSettings {
        SpanningSettings(
            identifier: BridgeIdentifier(
                priority: wanted.priority, address: wanted.address ?? localAddress(of: bridge)),
            times: wanted.times, isRapid: wanted.isRapid,
            transmitHoldCount: wanted.transmitHoldCount)
    }

    /// conf.db(5), `stp-port-num`: for all ports of the bridge, or for none.
    private mutating func hasConsistentNumbers(_ bridge: PresentBridge) -> Bool {
        guard bridge.wanted.spanning?.version == .stp else { return true }
        let chosen = members(bridge, .stp).map { $0.port.spanning.stp.number != nil }
        guard chosen.contains(true), chosen.contains(false) else { return true }
        log(
            .error, "bridge", "bridge \(bridge.wanted.name): must manually configure all STP "
                + "port IDs or none, disabling")
        return false
    }

    private typealias Member = (port: WantedPort, name: String, interface: PresentInterface)

    /// The ports that take part, by name.
    private func members(_ bridge: PresentBridge, _ version: SpanningTree.Version) -> [Member] {
        bridge.wanted.ports.compactMap { port in
            guard port.interfaces.count == 1, let wanted = port.interfaces.first,
                let interface = bridge.interfaces[wanted.name],
                // What a mirror sends there is for nobody to forward.
                !bridge.wanted.mirrors.contains(where: { $0.outputPort == port.uuid })
            else { return nil }
            let settings = port.spanning.settings(version)
            guard settings.isEnabled, settings.number != 0 else { return nil }
            switch wanted.kind {
            case .system, .link, .patch: return (port, wanted.name, interface)
            case .internal, .invalid, .unknown: return nil
            }
        }
    }

    /// Gives each member its number: the one that is asked for, the one it had, the lowest free.
    private func numbered(
        _ members: [Member], _ present: PresentSpanning
    ) -> [(member: Member, number: UInt16)] {
        let version = present.tree.version
        let largest = version == .stp ? SpanningLimits.stpPorts : SpanningLimits.rstpPorts
        var taken: Set<UInt16> = []
        var numbers: [String: UInt16] = [:]
        func give(_ name: String, _ number: UInt16?) {
            guard let number, numbers[name] == nil, taken.insert(number).inserted else { return }
            numbers[name] = number
        }
        for (port, _, _) in members { give(port.name, port.spanning.settings(version).number) }
        for (port, _, _) in members { give(port.name, present.numbers[port.name]) }
        var next: UInt16 = 1
        for member in members where numbers[member.port.name] == nil {
            // A number that two ask for is the first one's; the old protocol leaves the second out.
            if version == .stp, member.port.spanning.stp.number != nil { continue }
            while taken.contains(next) { next += 1 }
            if next <= largest { give(member.port.name, next) }
        }
        return members.compactMap { member in numbers[member.port.name].map { (member, $0) } }
    }

    private func describe(
        _ member: Member, number: UInt16, _ version: SpanningTree.Version
    ) -> SpanningPortSettings {
        let wanted = member.port.spanning.settings(version)
        let speed = (links[member.name]?.bitsPerSecond).map { $0 / 1_000_000 }
        var settings = SpanningPortSettings(
            number: member.interface.number.rawValue, name: member.name,
            portID: UInt16(wanted.priority) << 8 | number,
            pathCost: wanted.pathCost
                ?? SpanningCost.of(megabits: speed.flatMap { $0 > 0 ? $0 : nil } ?? 100, version))
        settings.adminEdge = member.port.spanning.adminEdge
        settings.autoEdge = member.port.spanning.autoEdge
        settings.mcheck = member.port.spanning.mcheck
        settings.isPointToPoint = member.port.spanning.isPointToPoint
        return settings
    }

    /// Whether frames can pass.
    private func isOperational(
        _ name: String, _ interface: PresentInterface, _ index: Int
    ) -> Bool {
        guard !interface.config.contains(.portDown) else { return false }
        if case .patch = interface.kind {
            guard case .patch? = model[bridge: index].port(interface.number)?.attachment else {
                return false
            }
            return true
        }
        return interface.vport != nil && links[name].map { $0.isUp && $0.hasCarrier } ?? false
    }
}

/// Path costs by speed.
enum SpanningCost {
    /// 802.1D-1998 Table 8-5 and 802.1D-2004 Table 17-3, with Open vSwitch's steps.
    static func of(megabits: UInt64, _ version: SpanningTree.Version) -> UInt32 {
        let steps: [(UInt64, UInt32)] =
            switch version {
            case .stp: [(10_000, 2), (1000, 4), (100, 19), (16, 62), (10, 100), (4, 250)]
            case .rstp:
                [
                    (10_000_000, 2), (1_000_000, 20), (100_000, 200), (10_000, 2000),
                    (1000, 20_000), (100, 200_000), (10, 2_000_000), (1, 20_000_000),
                ]
            }
        return steps.first { megabits >= $0.0 }?.1 ?? (version == .stp ? 19 : 2000)
    }
}

// Running.

extension Vswitch {
    /// Lets trees act on what changed and on the time, and puts cached flows right.
    mutating func runSpanningTreesIfDue(now: Instant) {
        guard let due = spanningClock.deadline, due <= now else { return }
        let isStale = spanningClock.isStale
        spanningClock.described()
        for name in bridges.keys.sorted() {
            guard bridges[name]?.spanning != nil else { continue }
            tellSpanningTree(of: name, (isStale ? news(for: name, now: now) : []), now: now)
        }
        carryCrossing(now: now)
        setSpanningDeadline()
    }

    private mutating func setSpanningDeadline() {
        guard !spanningClock.isStale else { return }
        spanningClock.deadline =
            spanningClock.crossing.isEmpty
            ? bridges.values.compactMap { $0.spanning?.tree.deadline }.min() : .start
    }

    /// All that a tree is to know of its bridge.
    private mutating func news(for name: String, now: Instant) -> [SpanningEvent] {
        guard let bridge = bridges[name], let present = bridge.spanning else { return [] }
        let members = numbered(members(bridge, present.tree.version), present)
        let numbers = Set(members.map { $0.member.interface.number })
        for (port, interface) in bridge.interfacesByName
        where interface.spanning != nil && !numbers.contains(interface.number) {
            // It takes no part any more, so that nothing holds it back.
            bridges[name]?.interfaces[port]?.spanning = nil
            setSpanning(nil, of: interface.number, bridge.index)
        }
        for number in present.portSince.keys.sorted()
        where !numbers.contains(PortNumber(number)) {
            bridges[name]?.spanning?.portSince[number] = nil
            bridges[name]?.spanning?.stateSince[number] = nil
        }
        for (member, number) in members {
            bridges[name]?.spanning?.numbers[member.port.name] = number
            let port = member.interface.number.rawValue
            if present.portSince[port] == nil { bridges[name]?.spanning?.portSince[port] = now }
        }
        let ports = members.map { describe($0.member, number: $0.number, present.tree.version) }
        let events: [SpanningEvent] = [
            .settings(settings(present.wanted, bridge)),
            .ports(ports.sorted { $0.number < $1.number }),
        ]
        return events
            + members.map { member, _ in
                .link(
                    port: member.interface.number.rawValue,
                    isUp: isOperational(member.name, member.interface, bridge.index))
            }
    }

    mutating func tellSpanningTree(of name: String, _ events: [SpanningEvent], now: Instant) {
        guard let effects = bridges[name]?.spanning?.tree.handle(events, now: now),
            let bridge = bridges[name]
        else { return }
        var touched: Set<UInt32> = []
        var units: [(UInt16, BPDU)] = []
        for effect in effects {
            if case .transmit(let port, let unit) = effect {
                units.append((port, unit))
            } else {
                carryOut(effect, of: bridge, now: now, &touched)
            }
        }
        if !touched.isEmpty { recheckAtOnce(flowsAt: touched, now: now) }
        // Last: what we agree to is so by the time that a neighbour hears of it.
        for (port, unit) in units { transmit(unit, by: PortNumber(port), of: bridge, now: now) }
    }

    private mutating func carryOut(
        _ effect: SpanningEffect, of bridge: PresentBridge, now: Instant,
        _ touched: inout Set<UInt32>
    ) {
        let normal = model[bridge: bridge.index].normal
        switch effect {
        case .transmit: break
        case .flushAll:
            model[bridge: bridge.index].macTable.flush()
            model[bridge: bridge.index].changeGroups { $0.flush() }
        case .flush(let number):
            guard let id = normal.port(ofMember: number)?.id else { return }
            model[bridge: bridge.index].macTable.flush(port: id)
            model[bridge: bridge.index].changeGroups { $0.flush(port: id) }
        case .moveAddresses(let old, let new):
            guard let from = normal.port(ofMember: old)?.id, let to = normal.port(ofMember: new)?.id
            else { return }
            model[bridge: bridge.index].macTable.move(from: from, to: to)
        case .state(let number, let state):
            guard let (port, before) = bridge.interface(numbered: PortNumber(number)) else {
                return
            }
            let name = bridge.wanted.name
            if let vport = before.vport { touched.insert(vport) }
            bridges[name]?.interfaces[port]?.spanning = state
            bridges[name]?.spanning?.stateSince[number] = now
            setSpanning(state, of: before.number, bridge.index)
            reports.isDue = true
            log(.info, "spanning", "bridge \(name): port \(port) is \(state.text)")
            guard let after = bridges[name]?.interfaces[port] else { return }
            tellPortStatus(
                PortChange(.modified, describe(after, named: port)), bridge: name, now: now)
        }
    }

    private mutating func setSpanning(
        _ state: SpanningState?, of number: PortNumber, _ index: Int
    ) {
        guard var port = model[bridge: index].port(number), port.spanning != state else { return }
        port.spanning = state
        model.setPort(port, bridge: index)
    }
}

// BPDUs.

extension Vswitch {
    private mutating func transmit(
        _ unit: BPDU, by number: PortNumber, of bridge: PresentBridge, now: Instant
    ) {
        guard let (name, _) = bridge.interface(numbered: number) else { return }
        let source = links[name]?.address ?? localAddress(of: bridge)
        let bytes = unit.frame(from: source)
        guard case .patch(let peer, let peerPort)? = model[bridge: bridge.index].port(number)?
            .attachment
        else {
            send(bytes, by: number, of: bridge)
            return
        }
        guard model.bridge(peer)?.hasSpanningTree != true else {
            spanningClock.crossing.append((peer, peerPort, bytes))
            return
        }
        // A bridge without a tree treats it like any frame.
        let packet = PacketOut(
            inPort: .none, actions: [.output(port: number, maxLength: .max)], bytes: bytes)
        _ = execute(packet, bridge: bridge.wanted.name, now: now)
    }

    /// Lets the trees of bridges that patch ports join talk with each other. Each port sends a few
    /// BPDUs a second, so this ends; the bound is there in case of an error of ours.
    private mutating func carryCrossing(now: Instant) {
        for _ in 0..<BridgeLimits.crossingBPDUs {
            guard !spanningClock.crossing.isEmpty else { return }
            let (bridge, port, bytes) = spanningClock.crossing.removeFirst()
            receive(bytes, bridge: bridge, port: port, now: now)
        }
    }

    /// A frame to the bridges' group came up from the port.
    mutating func receivedBPDU(
        _ bytes: [UInt8], bridge index: Int, port number: PortNumber, now: Instant
    ) {
        receive(bytes, bridge: index, port: number, now: now)
        carryCrossing(now: now)
        setSpanningDeadline()
    }

    private mutating func receive(
        _ bytes: [UInt8], bridge index: Int, port number: PortNumber, now: Instant
    ) {
        guard let name = bridges.first(where: { $0.value.index == index })?.key else { return }
        let event: SpanningEvent
        do throws(BPDUError) {
            // Safe: the array is not changed while its bytes are lent.
            let unit = try BPDU(checking: unsafe bytes.span.bytes)
            event = .received(port: number.rawValue, unit)
        } catch {
            event = .receivedMalformed(port: number.rawValue)
        }
        tellSpanningTree(of: name, [event], now: now)
    }
}

extension SpanningState {
    /// As Open vSwitch names the old protocol's states, and ours the rapid one's.
    var text: String {
        switch self {
        case .disabled: "disabled"
        case .blocking: "blocking"
        case .listening: "listening"
        case .discarding: "discarding"
        case .learning: "learning"
        case .forwarding: "forwarding"
        }
    }
}
