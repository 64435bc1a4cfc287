import Flows
import OpenFlow
import Packets
import Pipeline
import PipelineTwin
import Testing
import Timekeeping

// Taking Ethernet headers off, packets that controllers pause, and fragments.

@Suite struct EncapsulationTests {
    @Test func whatLosesItsHeaderLeavesWithZeroAddresses() throws {
        var model = makeModel()
        try model.add(.decap(nil), .output(2))
        let none = Masked(MACAddress(bits: 0), mask: .broadcast)
        let zero = HeaderRewrite.ethernet(source: none, destination: none)
        #expect(model.translate(makePacket()).actions == [.set(zero), .output(port: 12)])
    }

    @Test func withoutHeaderOnlyRulesForPacketTypesApply() throws {
        var model = makeModel()
        try model.add(.decap(nil), .resubmit(1))
        try model.add(priority: 1, table: 1, .output(2))
        #expect(model.translate(makePacket()).end == .noMatchingRule)
        try model.add(
            on: Match([.packetType: 1 << 16 | 0x0800]), priority: 2, table: 1, .output(3))
        #expect(model.translate(makePacket()).actions.last == .output(port: 13))
    }

    @Test func withoutHeaderOtherRulesArePassedOver() throws {
        var model = makeModel()
        try model.add(.decap(nil), .resubmit(1))
        try model.add(priority: 9, table: 1, .output(2))
        try model.add(on: Match([.packetType: 0]), priority: 8, table: 1, .output(2))
        try model.add(on: Match([.packetType: 1 << 16 | 0x86dd]), priority: 7, table: 1, .output(2))
        try model.add(on: Match([.packetType: 1 << 16 | 0x0800]), priority: 3, table: 1, .output(3))
        try model.add(on: Match([.reg(0): 0]), priority: 5, table: 1, .output(2))
        let translation = model.translate(makePacket())
        #expect(translation.actions.last == .output(port: 13))
        #expect(translation.rules.map(\.priority) == [100, 3])
        // A packet that still has its header meets the others, and the one that says so.
        try model.add(.resubmit(1))
        #expect(model.translate(makePacket()).actions == [.output(port: 12)])
    }

    @Test func withoutHeaderClausesCountOnlyForTheirPacketType() throws {
        var model = makeModel()
        let (any, ip) = (Match(), Match([.packetType: 1 << 16 | 0x0800]))
        var led = Match([.conjunctionID: 7, .packetType: 1 << 16 | 0x0800])
        try model.add(.decap(nil), .resubmit(1))
        try model.add(on: led, priority: 1, table: 1, .output(3))
        try model.add(on: any, priority: 5, table: 1, .conjunction(id: 7, clause: 0, count: 2))
        led = ip
        led.set(.reg(0), to: FieldValue(low: 0))
        try model.add(on: led, priority: 5, table: 1, .conjunction(id: 7, clause: 1, count: 2))
        #expect(model.translate(makePacket()).end == .noMatchingRule)
        try model.add(on: ip, priority: 5, table: 1, .conjunction(id: 7, clause: 0, count: 2))
        #expect(model.translate(makePacket()).actions.last == .output(port: 13))
    }

    @Test func aHeaderIsTakenOffAndPutOnOnce() throws {
        for (list, end) in [
            ([Action.decap(nil), .encap(EncapAction(.ethernet)), .output(2)], PacketEnd.forwarded),
            ([.decap(nil), .decap(nil), .output(2)], .invalidAction),
            ([.encap(EncapAction(.ethernet)), .output(2)], .invalidAction),
            ([.pushVLAN(tpid: 0x8100), .decap(nil), .output(2)], .invalidAction),
        ] {
            var model = makeModel()
            try model.add(Instructions(apply: list))
            #expect(model.translate(makePacket()).end == end, "\(list)")
        }
    }

    @Test func otherHeadersAreRefused() throws {
        var model = makeModel()
        #expect(throws: FlowModError.self) {
            try model.add(.encap(EncapAction(.networkServiceHeader)))
        }
        #expect(throws: FlowModError.noConnectionTracking) {
            try model.add(.conntrack(ConntrackAction()))
        }
    }

    @Test func aPausedPacketGoesOnWhereItStopped() throws {
        var model = makeModel()
        try model.add(
            .load(FieldRange(.reg(0)), FieldValue(low: 5)),
            .controller(ControllerAction(pauses: true)), .resubmit(1))
        try model.add(on: Match([.reg(0): 5]), table: 1, .output(2))
        try model.add(on: Match([.reg(0): 6]), table: 1, .output(3))
        let translation = model.translate(makePacket())
        #expect(translation.end == .actionUpcall)
        model.apply(translation.effects, now: .start)
        guard case .userspace(let bytes)? = translation.actions.last,
            let cookie = ControllerCookie(bytes)
        else { throw Missing() }
        var packet = cookie.packetIn(bytes: [1, 2, 3], totalByteCount: 3)
        var witness = SilentWitness()
        func goesOn(_ packet: PacketIn) -> [DatapathAction]? {
            model.translate(
                resuming: packet, key: makePacket(), bridge: 0, witness: &witness)?.actions
        }
        #expect(goesOn(packet) == [.output(port: 12)])
        packet.match.set(.reg(0), to: FieldValue(low: 6))
        #expect(goesOn(packet) == [.output(port: 13)])
        packet.continuation = [0x81, 0, 0, 8, 1, 2, 3, 4]
        #expect(goesOn(packet) == nil)
        packet.continuation = [0x81]
        #expect(goesOn(packet) == nil)
    }

    private struct Missing: Error {}

    @Test func aTableThatIsNotThereEndsThePacket() throws {
        var model = makeModel()
        try model.add(Instructions(apply: [.output(2)], gotoTable: 255))
        #expect(model.translate(makePacket()).actions == [.output(port: 12)])
        try model.add(Instructions(gotoTable: 255))
        #expect(model.translate(makePacket()).end == .noMatchingRule)
    }

    @Test func fragmentsAreTreatedAsTheBridgeSays() throws {
        var model = makeModel()
        try model.add(
            on: Match([.ethType: 0x0800, .nwProto: 6, .tcpDst: 80]), priority: 2, .output(2))
        try model.add(priority: 1, .output(3))
        var first = makePacket()
        first.nwFrag = 1
        #expect(model.translate(makePacket()).actions == [.output(port: 12)])
        for (mode, actions) in [
            (FragmentHandling.normal, [DatapathAction.output(port: 13)]),
            (.drop, [.drop(.droppedByRule)]), (.asTheyAre, [.output(port: 12)]),
        ] {
            model[bridge: 0].fragments = mode
            #expect(model.translate(first).actions == actions, "\(mode)")
            #expect(model.translate(makePacket()).actions == [.output(port: 12)])
        }
    }
}
