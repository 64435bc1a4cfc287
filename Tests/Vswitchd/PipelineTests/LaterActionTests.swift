import Flows
import OpenFlow
import Packets
import Pipeline
import PipelineTwin
import Switching
import Testing

// Actions that need more than one row of a table to tell.

@Suite struct LaterActionTests {
    /// "One of these sources and one of those ports" in rules of two clauses.
    private func conjunctions() throws -> ForwardingModel {
        var model = makeModel()
        for (source, priority) in [(0x0a00_0001 as UInt64, 10 as UInt16), (0x0a00_0003, 10)] {
            try model.add(
                on: Match([.ethType: 0x0800, .ipv4Src: source]), priority: priority,
                .conjunction(id: 1234, clause: 0, count: 2))
        }
        for port in [80 as UInt64, 443] {
            try model.add(
                on: Match([.ethType: 0x0800, .nwProto: 6, .tcpDst: port]), priority: 10,
                .conjunction(id: 1234, clause: 1, count: 2))
        }
        try model.add(on: Match([.conjunctionID: 1234]), priority: 10, .output(2))
        try model.add(priority: 1, .output(3))
        return model
    }

    @Test func aConjunctionNeedsAllOfItsClauses() throws {
        let model = try conjunctions()
        var packet = makePacket()
        #expect(model.translate(packet).actions == [.output(port: 12)])
        packet.tpDst = 443
        #expect(model.translate(packet).actions == [.output(port: 12)])
        packet.tpDst = 22
        #expect(model.translate(packet).actions == [.output(port: 13)])
        packet.tpDst = 80
        packet.nwSrc = IPv4Address(bits: 0x0a00_0002)
        #expect(model.translate(packet).actions == [.output(port: 13)])
        packet.nwSrc = IPv4Address(bits: 0x0a00_0003)
        #expect(model.translate(packet).actions == [.output(port: 12)])
    }

    @Test func aPlainRuleOfTheSamePriorityComesFirst() throws {
        var model = try conjunctions()
        try model.add(on: Match([.ethType: 0x0800, .nwProto: 6]), priority: 10, .output(4))
        #expect(model.translate(makePacket()).actions == [.output(port: 14)])
    }

    @Test func aClauseStandsAlone() throws {
        var model = makeModel()
        let clause = Action.conjunction(id: 1, clause: 0, count: 2)
        try model.add(clause, .note([1]), .conjunction(id: 2, clause: 1, count: 3))
        for bad in [
            [clause, .output(2)], [.conjunction(id: 1, clause: 2, count: 2)],
            [.conjunction(id: 1, clause: 0, count: 1)],
        ] {
            #expect(throws: FlowModError.badConjunction) {
                try model.add(Instructions(apply: bad))
            }
        }
    }

    @Test func whatLiesBehindALabelIsLookedUpAgain() throws {
        var model = makeModel()
        try model.add(
            on: Match([.ethType: 0x8847]), .popMPLS(ethType: 0x0800), .decrementTTL, .output(2))
        var packet = makePacket()
        packet.takeNetworkLayer(of: FlowKey())
        (packet.ethType, packet.mpls0) = (0x8847, 0x0012_3140)
        let translation = model.translate(packet)
        #expect(translation.actions.first == .popMPLS(etherType: 0x0800))
        var datapath = PretendedDatapath(model)
        datapath.run(translation, on: .init(key: packet))
        var expected = makePacket()
        expected.nwTTL = 63
        #expect(datapath.sent == [Sent(port: 12, key: expected)])
        #expect(datapath.passes.count == 1)
    }

    /// Found by `apus-fuzz translation`: NORMAL asked for the group behind a label that was gone.
    @Test func normalReadsGroupsBehindLabels() throws {
        var model = makeModel()
        try model.add(.pushMPLS(ethType: 0x8847), .popMPLS(ethType: 0x0800), .normal)
        var packet = makePacket()
        packet.ethDst = MACAddress(bits: 0x0100_5e01_0101)
        packet.nwDst = IPv4Address(bits: 0xef01_0101)
        #expect(model.translate(packet).actions.last != .recirculate(id: 0x8000_0000))
        var groups = MulticastTable()
        groups.configure(limit: 10, ageing: .seconds(300), floodsUnregistered: false)
        let group = IPv6Address(mapping: packet.nwDst)
        groups.join(.init(vlan: 0, group: group), port: 3, now: .start)
        model[bridge: 0].setGroups(groups)
        let translation = model.translate(packet)
        #expect(translation.actions.last == .recirculate(id: 0x8000_0000))
        var datapath = PretendedDatapath(model)
        datapath.run(translation, on: .init(key: packet))
        #expect(datapath.sent == [Sent(port: 13, key: packet)])
    }

    /// Found by `apus-fuzz translation`: when the packet was back, its rule went on after its end.
    @Test(arguments: [64, 1] as [UInt8])
    func aTTLThatEndsBehindALabelEndsTheRule(ttl: UInt8) throws {
        var model = makeModel()
        let inner = Instructions(
            apply: [
                .pushMPLS(ethType: 0x8847), .popMPLS(ethType: 0x0800), .decrementTTL, .output(2),
            ],
            gotoTable: 2)
        try model.add(.resubmit(1), .output(4))
        try model.add(table: 1, inner)
        try model.add(table: 2, .output(3))
        var packet = makePacket()
        packet.nwTTL = ttl
        var datapath = PretendedDatapath(model)
        datapath.run(model.translate(packet), on: .init(key: packet))
        let ports: [UInt32?] = ttl == 1 ? [nil] : [12, 13]
        #expect(Set(datapath.sent.map(\.port)) == Set(ports + [14]))
    }

    @Test func selectGroupsReadFieldsBehindLabels() throws {
        var model = makeModel()
        let buckets = [Bucket(weight: 1, actions: [.output(2)])]
        let selection = GroupSelection(method: "hash", fields: [SelectedField(.tcpDst)])
        _ = try model[bridge: 0].tables.apply(
            GroupMod(
                command: .add, type: .select, group: 1, buckets: buckets, selection: selection),
            now: .start)
        try model.add(.popMPLS(ethType: 0x0800), .group(1))
        var packet = makePacket()
        packet.takeNetworkLayer(of: FlowKey())
        (packet.ethType, packet.mpls0) = (0x8847, 0x0012_3140)
        let actions = model.translate(packet).actions
        #expect(actions == [.popMPLS(etherType: 0x0800), .recirculate(id: 0x8000_0000)])
    }

    /// Found by `apus-fuzz translation`. Both outcomes are one translation: if one cannot be done,
    /// nothing is sent, as in Open vSwitch.
    @Test func whatCannotBeDoneWithOneLengthIsNotDone() throws {
        var model = makeModel()
        let push = Action.pushMPLS(ethType: 0x8847)
        let bit = FieldRange(.reg(0), offset: 0, width: 1)
        try model.add(.output(2), .checkPacketLarger(byteCount: 100, bit), .resubmit(1))
        try model.add(on: Match([.reg(0): 0]), table: 1, .output(3))
        try model.add(on: Match([.reg(0): 1]), table: 1, push, push, push, push, .output(4))
        #expect(model.translate(makePacket()).actions == [.drop(.invalidAction)])
    }

    /// Found by `apus-fuzz translation`: two ids for the same made the next translation another.
    @Test func whatIsLeftTwiceComesBackUnderOneID() throws {
        var model = makeModel()
        let branch = Action.clone([.popMPLS(ethType: 0x0800), .decrementTTL, .output(2)])
        try model.add(on: Match([.ethType: 0x8847]), branch, branch)
        var packet = makePacket()
        packet.takeNetworkLayer(of: FlowKey())
        (packet.ethType, packet.mpls0) = (0x8847, 0x0012_3140)
        let first = model.translate(packet)
        model.apply(first.effects, now: .start)
        #expect(model.translate(packet).actions == first.actions)
    }

    /// Found by `apus-fuzz translation`: push and pop cancelled each other, and with them the type.
    @Test func aLabelThatGoesAgainLeavesTheTypeThatThePopNames() throws {
        var model = makeModel()
        try model.add(.pushMPLS(ethType: 0x8847), .popMPLS(ethType: 0x86dd), .output(2))
        let actions = model.translate(makePacket()).actions
        #expect(
            actions == [
                .pushMPLS(etherType: 0x8847, entry: 0x140), .popMPLS(etherType: 0x86dd),
                .output(port: 12),
            ])
    }

    @Test func labelsArePushedOneUponTheOther() throws {
        var model = makeModel()
        try model.add(
            .pushMPLS(ethType: 0x8847), .setField(.mplsLabel, .init(low: 16)),
            .pushMPLS(ethType: 0x8847), .setField(.mplsLabel, .init(low: 17)), .output(2))
        #expect(
            model.translate(makePacket()).actions == [
                .pushMPLS(etherType: 0x8847, entry: 0x0001_0140),
                .pushMPLS(etherType: 0x8847, entry: 0x0001_1040), .output(port: 12),
            ])
    }

    @Test func theStackKeepsWhatWasPushed() throws {
        var model = makeModel()
        try model.add(
            .push(FieldRange(.ethSrc)), .push(FieldRange(.ethDst)), .pop(FieldRange(.ethSrc)),
            .pop(FieldRange(.ethDst)), .pop(FieldRange(.reg(0))), .output(2))
        let swapped = model.translate(makePacket()).actions
        var datapath = PretendedDatapath(model)
        datapath.run(model.translate(makePacket()), on: .init(key: makePacket()))
        #expect(swapped.count == 2)
        #expect(datapath.sent.first?.key.ethSrc == makePacket().ethDst)
        #expect(datapath.sent.first?.key.ethDst == makePacket().ethSrc)
    }

    /// 1.0's `mod_tp_dst` does not say of which transport; a packet without one keeps what it has.
    @Test(arguments: [IPProtocol.tcp, IPProtocol.udp, IPProtocol.sctp, 47])
    func aTransportPortIsThatOfThePacket(protocol number: UInt8) throws {
        var model = makeModel()
        try model.add(.setOwn(.tcpDst, .init(low: 443)), .output(2))
        var packet = makePacket()
        packet.nwProto = number
        let translation = model.translate(packet)
        var datapath = PretendedDatapath(model)
        datapath.run(translation, on: .init(key: packet))
        #expect(datapath.sent.first?.key.tpDst == (number == 47 ? packet.tpDst : 443))
        #expect(translation.mask.nwProto == .max)
    }

    @Test func multipathSpreadsOverItsLinks() throws {
        var model = makeModel()
        for algorithm in MultipathAction.Algorithm.allCases {
            model[bridge: 0].tables.removeAll()
            let multipath = MultipathAction(
                fields: .symmetricL4, basis: 1, algorithm: algorithm, maxLink: 3, argument: 8,
                destination: FieldRange(.reg(0)))
            try model.add(.multipath(multipath), .resubmit(1))
            for link in 0..<4 as Range<UInt64> {
                try model.add(
                    on: Match([.reg(0): link]), table: 1, .setQueue(UInt32(link)), .output(2))
            }
            var seen: Set<[DatapathAction]> = []
            for port in 0..<UInt16(100) {
                var packet = makePacket()
                packet.tpSrc = port
                seen.insert(model.translate(packet).actions)
            }
            #expect(seen.count == 4, "\(algorithm)")
        }
    }

    @Test func bundlesTakePortsThatLive() throws {
        var model = makeModel()
        let members = [9, 2, 3].map { PortNumber($0) }
        try model.add(
            .bundle(
                BundleAction(fields: .ethSrc, basis: 0, algorithm: .activeBackup, members: members))
        )
        #expect(model.translate(makePacket()).actions == [.output(port: 12)])
        guard var port = model[bridge: 0].port(PortNumber(2)) else { return }
        port.isLive = false
        model.setPort(port, bridge: 0)
        #expect(model.translate(makePacket()).actions == [.output(port: 13)])
    }

    @Test func aLengthIsComparedByTheDatapath() throws {
        var model = makeModel()
        try model.add(
            .checkPacketLarger(byteCount: 1000, FieldRange(.reg(0), offset: 0, width: 1)),
            .resubmit(1), .output(4))
        try model.add(on: Match([.reg(0): 1]), table: 1, .output(2))
        try model.add(on: Match([.reg(0): 0]), table: 1, .output(3))
        #expect(
            model.translate(makePacket()).actions == [
                .checkLength(
                    byteCount: 1000, ifGreater: [.output(port: 12), .output(port: 14)],
                    otherwise: [.output(port: 13), .output(port: 14)])
            ])
    }

    @Test func queuesArePrioritiesAndOutputsAreCut() throws {
        var model = makeModel()
        try model.add(
            .enqueue(port: PortNumber(2), queue: 7), .setQueue(3), .output(3), .popQueue,
            .outputTruncated(port: PortNumber(4), byteCount: 64))
        func priority(_ number: UInt32) -> DatapathAction {
            .set(.priority(Masked(number, mask: .max)))
        }
        #expect(
            model.translate(makePacket()).actions == [
                priority(0x1_0008), .output(port: 12), priority(0x1_0004), .output(port: 13),
                priority(0),
                .truncate(byteCount: 64), .output(port: 14),
            ])
    }

    @Test func theEndOfAConnectionShortensItsRule() throws {
        var model = makeModel()
        try model.add(.finTimeout(idle: 5, hard: 10), .output(2))
        var packet = makePacket()
        #expect(model.translate(packet).effects.isEmpty)
        packet.tcpFlags = 1
        model.apply(model.translate(packet).effects, now: .start)
        let rule = model[bridge: 0].tables.descriptions(matching: FlowFilter(), now: .start).first
        #expect(rule?.idleTimeout == 5 && rule?.hardTimeout == 10)
    }

    @Test func theActionSetTellsWhereItSends() throws {
        var model = makeModel()
        try model.add(Instructions(write: [.output(2)], gotoTable: 1))
        try model.add(on: Match([.actionSetOutput: 2]), table: 1, Instructions(write: [.output(3)]))
        #expect(model.translate(makePacket()).actions == [.output(port: 13)])
    }

    @Test func learningStopsAtItsLimitAndSaysSo() throws {
        var model = makeModel()
        var learn = LearnAction(
            table: 5, cookie: 9,
            specs: [
                .init(
                    source: .field(FieldRange(.ethSrc)), destination: .match(FieldRange(.ethSrc)))
            ])
        (learn.limit, learn.finIdleTimeout) = (1, 3)
        learn.resultBit = FieldRange(.reg(0), offset: 0, width: 1)
        try model.add(.learn(learn), .resubmit(1))
        try model.add(on: Match([.reg(0): 1]), table: 1, .output(2))
        try model.add(on: Match([.reg(0): 0]), table: 1, .output(3))
        let first = model.translate(makePacket())
        #expect(first.actions == [.output(port: 12)])
        model.apply(first.effects, now: .start)
        #expect(model[bridge: 0].tables.count == 4)
        #expect(model.translate(makePacket()).actions == [.output(port: 12)], "it stands already")
        var other = makePacket()
        other.ethSrc = MACAddress(bits: 0x0200_0000_0009)
        let second = model.translate(other)
        #expect(second.actions == [.output(port: 13)] && second.effects.isEmpty)
        let taught = model[bridge: 0].tables.descriptions(
            matching: FlowFilter(table: 5), now: .start)
        #expect(taught.first?.instructions.apply == [.finTimeout(idle: 3, hard: 0)])
    }

    @Test func userdataComesAlong() throws {
        var model = makeModel()
        try model.add(.controller(ControllerAction(userdata: [1, 2, 3])))
        guard case .userspace(let cookie)? = model.translate(makePacket()).actions.first else {
            Issue.record("a packet-in is an upcall")
            return
        }
        #expect(ControllerCookie(cookie)?.userdata == [1, 2, 3])
    }
}
