import Packets
import Switching
import Testing
import Timekeeping

// The rapid protocol by the tables of IEEE 802.1D-2004 clause 17: one bridge, told what its
// neighbours say.

/// A bridge of priority 0x8000 with ports 1, 2, … of cost 20,000, which are up.
private struct OneBridge {
    static let own = BridgeIdentifier(
        priority: 0x8000, address: MACAddress(bits: 0x0200_0000_0080))
    var tree: RSTP
    var now = Instant.start + .seconds(50)
    var effects: [SpanningEffect] = []

    init(ports: UInt16, _ change: (inout SpanningPortSettings) -> Void = { _ in }) {
        tree = RSTP(settings: SpanningSettings(identifier: Self.own), now: now)
        tell(
            .ports(
                (1...ports).map { number in
                    var port = SpanningPortSettings(
                        number: number, name: "p\(number)", portID: 0x8000 | number,
                        pathCost: 20_000)
                    change(&port)
                    return port
                }))
        for number in 1...ports { tell(.link(port: number, isUp: true)) }
    }

    mutating func tell(_ events: SpanningEvent...) { effects = tree.handle(events, now: now) }

    /// Lets seconds pass, with all that comes of them in `effects`.
    mutating func pass(_ seconds: Int) {
        var all: [SpanningEffect] = []
        for _ in 0..<seconds {
            now = now + .seconds(1)
            tell(.clockAdvanced)
            all += effects
        }
        effects = all
    }

    /// A neighbour's rapid BPDU.
    mutating func hear(
        _ port: UInt16, root: UInt16 = 0x1000, cost: UInt32 = 0, bridge: UInt16 = 0x1000,
        neighbourPort: UInt16 = 0x8001, role: BPDU.Flags.Role = .designated,
        _ flags: BPDU.Flags = [], age: UInt16 = 0
    ) {
        tell(
            .received(
                port: port,
                .rapid(
                    Self.message(
                        root, cost, bridge, neighbourPort, BPDU.Flags(flags, role: role), age))))
    }

    static func message(
        _ root: UInt16, _ cost: UInt32, _ bridge: UInt16, _ port: UInt16, _ flags: BPDU.Flags,
        _ age: UInt16 = 0
    ) -> BPDU.Message {
        func identifier(_ priority: UInt16) -> BridgeIdentifier {
            priority == 0x8000
                ? own
                : BridgeIdentifier(
                    priority: priority,
                    address: MACAddress(bits: 0x0200_0000_0000 + UInt64(priority)))
        }
        return BPDU.Message(
            flags: flags, root: identifier(root), rootPathCost: cost, bridge: identifier(bridge),
            port: port, messageAge: age * 256, maxAge: 20 * 256, helloTime: 2 * 256,
            forwardDelay: 15 * 256)
    }

    func status(_ port: UInt16) -> SpanningPortStatus { tree.portStatuses[Int(port) - 1] }
    func state(_ port: UInt16) -> SpanningState { status(port).state }
    func role(_ port: UInt16) -> SpanningRole { status(port).role }

    /// The flags of the rapid BPDUs among the effects, by port.
    func flags(_ port: UInt16) -> [UInt8] {
        effects.compactMap {
            guard case .transmit(port, .rapid(let message)) = $0 else { return nil }
            return message.flags.rawValue
        }
    }
    func oldUnits(_ port: UInt16) -> [BPDU] {
        effects.compactMap {
            guard case .transmit(port, let unit) = $0 else { return nil }
            if case .rapid = unit { return nil }
            return unit
        }
    }
}

@Suite struct RSTPTests {
    // Flags: 0x01 topology change, 0x02 proposal, 0x0c designated, 0x08 root, 0x04 alternate,
    // 0x10 learning, 0x20 forwarding, 0x40 agreement.

    @Test func aNewLinkIsProposed() {
        let bridge = OneBridge(ports: 1)
        #expect(bridge.flags(1) == [0x0e])
        #expect(bridge.state(1) == .discarding && bridge.role(1) == .designated)
    }

    @Test func anAgreementOpensTheLinkAtOnce() {
        var bridge = OneBridge(ports: 1)
        bridge.hear(1, root: 0x8000, cost: 0, bridge: 0x9000, role: .root, [.agreement])
        #expect(bridge.state(1) == .forwarding)
        // The topology is another one, and all hear of it.
        #expect(bridge.flags(1).last.map { $0 & 0x3d } == 0x3d)
    }

    @Test func aProposalOfTheRootIsAgreedToAtOnce() {
        var bridge = OneBridge(ports: 1)
        bridge.hear(1, [.proposal])
        #expect(bridge.role(1) == .root && bridge.state(1) == .forwarding)
        #expect(bridge.flags(1).contains { $0 & 0x4c == 0x48 }, "agreement of a root port")
        #expect(bridge.tree.root == OneBridge.message(0x1000, 0, 0, 0, []).root)
        #expect(bridge.tree.rootPathCost == 20_000)
    }

    /// §17.10: before it agrees, it closes whatever could make a circle.
    @Test func beforeItAgreesItCloses() {
        var bridge = OneBridge(ports: 3) { $0.adminEdge = $0.number == 3 }
        bridge.hear(1, [.proposal])
        bridge.hear(2, cost: 40_000, bridge: 0x9000, role: .root, [.agreement])
        #expect(bridge.state(2) == .forwarding && bridge.state(3) == .forwarding)
        // An agreement to a worse claim is one to a better, too.
        bridge.hear(1, root: 0x0800, [.proposal])
        #expect(bridge.state(2) == .forwarding)
        bridge.hear(1, root: 0x2000, [.proposal])
        #expect(bridge.state(2) == .discarding, "the other bridge may know a better root")
        #expect(bridge.state(3) == .forwarding, "a host does not")
        #expect(bridge.state(1) == .forwarding)
        #expect(bridge.flags(1).contains { $0 & 0x40 != 0 })
        #expect(bridge.flags(2).contains { $0 & 0x0e == 0x0e }, "and asks in its turn")
        bridge.hear(
            2, root: 0x2000, cost: 40_000, bridge: 0x9000, role: .root, [.agreement])
        #expect(bridge.state(2) == .forwarding)
    }

    @Test(arguments: [
        (adminEdge: true, autoEdge: false, 0), (false, true, 3), (false, false, 22),
    ])
    func whoMayBeAloneForwardsAfter(_ adminEdge: Bool, _ autoEdge: Bool, _ seconds: Int) {
        var bridge = OneBridge(ports: 1) {
            $0.adminEdge = adminEdge
            $0.autoEdge = autoEdge
        }
        if seconds > 0 { bridge.pass(seconds - 1) }
        #expect((bridge.state(1) == .forwarding) == (seconds == 0))
        bridge.pass(1)
        #expect(bridge.state(1) == .forwarding)
    }

    /// §17.21.23: three hellos.
    @Test func whatIsNotRepeatedIsForgotten() {
        var bridge = OneBridge(ports: 1)
        bridge.hear(1)
        bridge.pass(5)
        bridge.hear(1)
        bridge.pass(5)
        #expect(bridge.role(1) == .root)
        bridge.pass(1)
        #expect(bridge.role(1) == .designated && bridge.tree.root == OneBridge.own)
    }

    @Test(arguments: [(18, true), (19, true), (20, false), (200, false)])
    func whatHasTravelledTooFarIsNotBelieved(_ age: Int, _ isBelieved: Bool) {
        var bridge = OneBridge(ports: 1)
        bridge.hear(1, age: UInt16(age))
        #expect((bridge.role(1) == .root) == isBelieved)
    }

    /// §17.6: root, cost, bridge, the neighbour's port, the own port decide, in this order.
    @Test(arguments: [
        ("root", 0x1000, 90, 0x7000, 9, 0x2000, 0, 0x2000, 1),
        ("cost", 0x1000, 10, 0x7000, 9, 0x1000, 20, 0x2000, 1),
        ("bridge", 0x1000, 10, 0x2000, 9, 0x1000, 10, 0x3000, 1),
        ("neighbour's port", 0x1000, 10, 0x2000, 1, 0x1000, 10, 0x2000, 2),
    ] as [(String, UInt16, UInt32, UInt16, UInt16, UInt16, UInt32, UInt16, UInt16)])
    func theBetterClaimLeadsToTheRoot(
        _ name: String, _ root: UInt16, _ cost: UInt32, _ neighbour: UInt16, _ port: UInt16,
        _ worseRoot: UInt16, _ worseCost: UInt32, _ worseNeighbour: UInt16, _ worsePort: UInt16
    ) {
        for better in [1, 2] as [UInt16] {
            var bridge = OneBridge(ports: 2)
            for number in [1, 2] as [UInt16] {
                if number == better {
                    bridge.hear(
                        number, root: root, cost: cost, bridge: neighbour, neighbourPort: port)
                } else {
                    bridge.hear(
                        number, root: worseRoot, cost: worseCost, bridge: worseNeighbour,
                        neighbourPort: worsePort)
                }
            }
            #expect(bridge.role(better) == .root)
            #expect(bridge.role(3 - better) != .root)
        }
    }

    @Test func ofTwoEqualWaysTheLowerPortIsTaken() {
        var bridge = OneBridge(ports: 2)
        bridge.hear(2)
        bridge.hear(1)
        #expect(bridge.role(1) == .root && bridge.role(2) == .alternate)
    }

    @Test func aSecondWayToTheRootIsKeptClosedAndTakenAtOnce() {
        var bridge = OneBridge(ports: 2)
        bridge.hear(1, [.proposal])
        bridge.hear(2, cost: 10, bridge: 0x2000, [.proposal])
        #expect(bridge.role(2) == .alternate && bridge.state(2) == .discarding)
        bridge.tell(.link(port: 1, isUp: false))
        #expect(bridge.role(2) == .root && bridge.state(2) == .forwarding)
        #expect(bridge.effects.contains(.moveAddresses(from: 1, to: 2)))
        #expect(bridge.flags(2).contains { $0 & 0x01 != 0 }, "the topology has changed")
    }

    @Test func whatItSaysItselfMakesABackup() {
        var bridge = OneBridge(ports: 2)
        bridge.hear(2, root: 0x8000, bridge: 0x8000, neighbourPort: 0x8001)
        #expect(bridge.role(2) == .backup && bridge.role(1) == .designated)
    }

    /// 802.1Q-2005 §13.26: one who forwards beside us has not heard us.
    @Test func aDisputeClosesTheLink() {
        var bridge = OneBridge(ports: 1)
        bridge.hear(1, root: 0x8000, bridge: 0x9000, role: .root, [.agreement])
        #expect(bridge.state(1) == .forwarding)
        bridge.hear(1, root: 0x9000, bridge: 0x9000, [.learning])
        #expect(bridge.state(1) == .discarding)
        #expect(bridge.flags(1).contains { $0 & 0x0e == 0x0e })
    }

    /// §17.24: an old neighbour is answered in its own words, but not for the first three seconds.
    @Test func anOldNeighbourIsSpokenToInItsWords() {
        var bridge = OneBridge(ports: 1)
        bridge.pass(1)
        let old = BPDU.configuration(
            OneBridge.message(0x9000, 0, 0x9000, 0x8001, []))
        bridge.tell(.received(port: 1, old))
        #expect(bridge.oldUnits(1).isEmpty)
        bridge.pass(3)
        bridge.tell(.received(port: 1, old))
        bridge.pass(4)
        #expect(!bridge.oldUnits(1).isEmpty && bridge.flags(1).isEmpty)
        // An operator asks once more (§17.19.13), and nobody old is there any more.
        var port = bridge.status(1).settings
        port.mcheck = true
        bridge.tell(.ports([port]))
        bridge.pass(4)
        #expect(bridge.oldUnits(1).isEmpty && !bridge.flags(1).isEmpty)
    }

    @Test func aBridgeToldToSpeakTheOldProtocolDoes() {
        var bridge = OneBridge(ports: 1)
        bridge.tell(
            .settings(SpanningSettings(identifier: OneBridge.own, isRapid: false)))
        bridge.pass(10)
        #expect(bridge.flags(1).isEmpty && !bridge.oldUnits(1).isEmpty)
        // 20 s until it may learn, 15 s more until it may forward: no agreement, no edge.
        #expect(bridge.state(1) == .discarding)
        bridge.pass(10)
        #expect(bridge.state(1) == .learning)
        bridge.pass(15)
        #expect(bridge.state(1) == .forwarding)
    }

    /// §17.13.12.
    @Test func noMoreIsSentInASecondThanTheHoldCount() {
        var bridge = OneBridge(ports: 1)
        bridge.pass(10)
        var sent = 0
        for round in 0..<50 {
            // Each is better than the last, and asks for an answer.
            bridge.hear(1, cost: UInt32(1000 - round), [.proposal])
            sent += bridge.flags(1).count
        }
        #expect(sent <= 6, "\(sent)")
    }

    /// §17.31: for one hello time and a second, to all but where it came from.
    @Test func aTopologyChangeIsPassedOn() {
        var bridge = OneBridge(ports: 3)
        for port in [2, 3] as [UInt16] {
            bridge.hear(port, root: 0x8000, bridge: 0x9000 + port, role: .root, [.agreement])
        }
        bridge.hear(1, [.proposal])
        for port in [2, 3] as [UInt16] {
            bridge.hear(
                port, cost: 40_000, bridge: 0x9000 + port, role: .root, [.agreement])
        }
        for _ in 0..<5 {
            bridge.pass(2)
            bridge.hear(1)
        }
        bridge.hear(
            2, cost: 40_000, bridge: 0x9002, role: .root, [.agreement, .topologyChange])
        #expect(bridge.effects.contains(.flush(port: 1)))
        #expect(bridge.effects.contains(.flush(port: 3)))
        #expect(!bridge.effects.contains(.flush(port: 2)))
        for port in [1, 3] as [UInt16] {
            #expect(bridge.flags(port).contains { $0 & 1 != 0 })
        }
        bridge.pass(3)
        bridge.hear(1)
        bridge.pass(4)
        #expect(bridge.flags(3).allSatisfy { $0 & 1 == 0 })
    }

    @Test func whatCannotBeReadIsCountedAndChangesNothing() {
        var bridge = OneBridge(ports: 1)
        bridge.tell(.receivedMalformed(port: 1), .receivedMalformed(port: 7))
        #expect(bridge.effects.isEmpty)
        #expect(bridge.status(1).counters.malformed == 1)
    }

    /// Told in one breath, a link that failed and came back is a new one all the same.
    @Test func aLinkThatWasGoneIsNew() {
        var bridge = OneBridge(ports: 2)
        bridge.hear(1, [.proposal])
        bridge.tell(.link(port: 1, isUp: false), .link(port: 1, isUp: true))
        #expect(bridge.role(1) == .designated && bridge.state(1) == .discarding)
        #expect(bridge.flags(1).contains { $0 & 0x0e == 0x0e })
    }

    /// §9.2.7 allows 4095 ports: all links come up at once, and each is asked.
    @Test func aBridgeMayHaveManyPorts() {
        var tree = RSTP(
            settings: SpanningSettings(identifier: OneBridge.own), now: .start)
        let numbers = 1...UInt16(SpanningLimits.rstpPorts)
        let ports = numbers.map {
            SpanningPortSettings(number: $0, name: "p", portID: 0x8000 | $0, pathCost: 1)
        }
        let effects = tree.handle(
            [.ports(ports)] + numbers.map { .link(port: $0, isUp: true) }, now: .start)
        let sent = effects.count { if case .transmit = $0 { true } else { false } }
        #expect(sent == SpanningLimits.rstpPorts)
    }

    @Test func whoCallsLateLosesTimeAndNoNeighbours() {
        var bridge = OneBridge(ports: 1)
        bridge.hear(1)
        bridge.now = bridge.now + .seconds(100)
        bridge.hear(1)
        #expect(bridge.role(1) == .root)
    }
}
