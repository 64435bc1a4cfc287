import Packets
import Switching
import Testing
import Timekeeping

// The old protocol by IEEE 802.1D-1998 clause 8: one bridge, told what its neighbours say.

private struct OldBridge {
    static let own = BridgeIdentifier(
        priority: 0x8000, address: MACAddress(bits: 0x0200_0000_0080))
    var tree: STP
    var now = Instant.start + .seconds(50)
    var effects: [SpanningEffect] = []

    init(ports: UInt16) {
        tree = STP(settings: SpanningSettings(identifier: Self.own), now: now)
        tell(
            .ports(
                (1...ports).map {
                    SpanningPortSettings(
                        number: $0, name: "p\($0)", portID: 0x8000 | $0, pathCost: 19)
                }))
        for number in 1...ports { tell(.link(port: number, isUp: true)) }
    }

    mutating func tell(_ events: SpanningEvent...) { effects = tree.handle(events, now: now) }

    mutating func pass(_ duration: Duration) {
        var all: [SpanningEffect] = []
        let end = now + duration
        while let deadline = tree.deadline, deadline <= end {
            now = max(now, deadline)
            tell(.clockAdvanced)
            all += effects
        }
        now = end
        effects = all
    }

    mutating func hear(
        _ port: UInt16, root: UInt16 = 0x1000, cost: UInt32 = 0, bridge: UInt16 = 0x1000,
        _ flags: BPDU.Flags = [], age: UInt16 = 0
    ) {
        func identifier(_ priority: UInt16) -> BridgeIdentifier {
            BridgeIdentifier(
                priority: priority, address: MACAddress(bits: 0x0200_0000_0000 + UInt64(priority)))
        }
        tell(
            .received(
                port: port,
                .configuration(
                    BPDU.Message(
                        flags: flags, root: identifier(root), rootPathCost: cost,
                        bridge: identifier(bridge), port: 0x8001, messageAge: age * 256,
                        maxAge: 20 * 256, helloTime: 2 * 256, forwardDelay: 15 * 256))))
    }

    func state(_ port: UInt16) -> SpanningState { tree.portStatuses[Int(port) - 1].state }
    func role(_ port: UInt16) -> SpanningRole { tree.portStatuses[Int(port) - 1].role }
    func units(_ port: UInt16) -> [BPDU] {
        effects.compactMap { if case .transmit(port, let unit) = $0 { unit } else { nil } }
    }
    func messages(_ port: UInt16) -> [BPDU.Message] {
        units(port).compactMap { if case .configuration(let message) = $0 { message } else { nil } }
    }
}

@Suite struct STPTests {
    @Test(arguments: [
        (0, SpanningState.listening), (14_999, .listening), (15_000, .learning),
        (29_999, .learning), (30_000, .forwarding),
    ])
    func aPortForwardsAfterTwoForwardDelays(_ milliseconds: Int, _ state: SpanningState) {
        var bridge = OldBridge(ports: 1)
        bridge.pass(.milliseconds(milliseconds))
        #expect(bridge.state(1) == state)
    }

    @Test func theRootSaysSoEveryTwoSeconds() {
        var bridge = OldBridge(ports: 1)
        bridge.pass(.seconds(3))
        bridge.pass(.seconds(20))
        #expect(bridge.messages(1).count == 10)
        #expect(bridge.messages(1).allSatisfy { $0.root == OldBridge.own && $0.messageAge == 0 })
    }

    @Test func whatTheRootSaysIsPassedOnOlderAndDearer() {
        var bridge = OldBridge(ports: 2)
        bridge.pass(.milliseconds(3500))
        bridge.hear(1, cost: 5, age: 3)
        #expect(bridge.role(1) == .root && bridge.role(2) == .designated)
        #expect(bridge.messages(2).map(\.rootPathCost) == [24])
        #expect(bridge.messages(2).map(\.messageAge) == [4 * 256])
        #expect(bridge.units(1).isEmpty)
    }

    /// §8.10.2, hold time: more than one in a second waits, and is then sent as it is by then.
    @Test func oneBPDUASecondIsSent() {
        var bridge = OldBridge(ports: 2)
        bridge.pass(.milliseconds(3500))
        bridge.hear(1, cost: 9)
        #expect(bridge.messages(2).count == 1)
        for cost in (1...8).reversed() {
            bridge.hear(1, cost: UInt32(cost))
            #expect(bridge.messages(2).isEmpty)
        }
        bridge.pass(.milliseconds(999))
        #expect(bridge.messages(2).isEmpty)
        bridge.pass(.milliseconds(1))
        #expect(bridge.messages(2).map(\.rootPathCost) == [20])
    }

    @Test func ofTwoWaysOneIsBlocked() {
        var bridge = OldBridge(ports: 2)
        bridge.hear(1)
        bridge.hear(2, cost: 10, bridge: 0x2000)
        #expect(bridge.role(1) == .root && bridge.state(1) == .listening)
        #expect(bridge.role(2) == .alternate && bridge.state(2) == .blocking)
    }

    @Test func whoKnowsLessIsTold() {
        var bridge = OldBridge(ports: 1)
        bridge.pass(.milliseconds(1500))
        bridge.hear(1, root: 0x9000, bridge: 0x9000)
        #expect(bridge.messages(1).map(\.root) == [OldBridge.own])
    }

    @Test(arguments: [0, 7, 19])
    func whatGrowsOldIsForgotten(_ age: Int) {
        var bridge = OldBridge(ports: 1)
        bridge.hear(1, age: UInt16(age))
        bridge.pass(.milliseconds(1000 * (20 - age) - 1))
        #expect(bridge.role(1) == .root)
        bridge.pass(.milliseconds(1))
        #expect(bridge.role(1) == .designated && bridge.tree.root == OldBridge.own)
    }

    /// §8.6.14: towards the root until it is heard; the root tells everybody for 35 s.
    @Test func aTopologyChangeIsToldToTheRoot() {
        var bridge = OldBridge(ports: 2)
        for _ in 0..<14 {
            bridge.hear(1)
            bridge.pass(.seconds(2))
        }
        bridge.hear(1)
        bridge.pass(.seconds(3))
        #expect(bridge.state(2) == .forwarding)
        #expect(bridge.units(1).first == .topologyChangeNotification)
        bridge.hear(1)
        bridge.pass(.seconds(2))
        #expect(bridge.units(1) == [.topologyChangeNotification])
        bridge.hear(1, [.topologyChangeAcknowledgment, .topologyChange])
        #expect(bridge.effects.contains(.flushAll))
        #expect(bridge.messages(2).last?.flags.contains(.topologyChange) == true)
        bridge.pass(.seconds(5))
        #expect(bridge.units(1).isEmpty)
    }

    @Test func theRootAcknowledgesAndTellsForMaxAgeAndForwardDelay() {
        var bridge = OldBridge(ports: 2)
        bridge.pass(.seconds(80))
        bridge.tell(.received(port: 2, .topologyChangeNotification))
        bridge.pass(.seconds(1))
        #expect(bridge.messages(2).first?.flags.contains(.topologyChangeAcknowledgment) == true)
        bridge.pass(.seconds(33))
        #expect(bridge.messages(1).allSatisfy { $0.flags == [.topologyChange] })
        bridge.pass(.seconds(2))
        bridge.pass(.seconds(10))
        #expect(bridge.messages(1).allSatisfy { $0.flags == [] })
    }

    @Test func aLinkThatFailsIsReplacedByTheBlockedOne() {
        var bridge = OldBridge(ports: 2)
        bridge.hear(1)
        bridge.hear(2, cost: 10, bridge: 0x2000)
        bridge.tell(.link(port: 1, isUp: false))
        #expect(bridge.state(1) == .disabled)
        #expect(bridge.role(2) == .root && bridge.state(2) == .listening)
    }

    @Test func rapidBPDUsAreNotUnderstood() {
        var bridge = OldBridge(ports: 1)
        let claim = BridgeIdentifier(priority: 0, address: .zero)
        bridge.tell(
            .received(
                port: 1,
                .rapid(
                    BPDU.Message(
                        flags: [], root: claim, rootPathCost: 0, bridge: claim, port: 1,
                        messageAge: 0, maxAge: 20 * 256, helloTime: 512, forwardDelay: 15 * 256))))
        #expect(bridge.tree.root == OldBridge.own)
    }

    /// Whoever says that forwarding takes no time is given the standard's shortest.
    @Test func timesFromOutsideAreForcedIntoTheirRanges() {
        var bridge = OldBridge(ports: 1)
        let claim = BridgeIdentifier(priority: 0, address: .zero)
        bridge.tell(
            .received(
                port: 1,
                .configuration(
                    BPDU.Message(
                        flags: [], root: claim, rootPathCost: .max, bridge: claim, port: 1,
                        messageAge: 0, maxAge: .max, helloTime: 0, forwardDelay: 0))))
        let times = bridge.tree.timesInForce
        #expect(times == SpanningTimes(maxAge: 40, helloTime: 1, forwardDelay: 2))
        #expect(bridge.tree.rootPathCost == .max)
    }
}
