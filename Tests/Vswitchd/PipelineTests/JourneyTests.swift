import Flows
import OpenFlow
import Packets
import Pipeline
import PipelineTwin
import Switching
import Testing

// Translation together with what surrounds it: learning, other bridges, controllers, counters.

@Suite struct JourneyTests {
    /// The lecture's VLAN experiment through a whole bridge: 1…3 = vnet0…vnet2, 4 = first_br,
    /// 5 = second_br, 6 = third_br; the only rule is NORMAL.
    @Test(
        arguments: [
            ("vnet2 reaches first_br and second_br", 13, [14], [15], 103),
            ("vnet0 reaches second_br and third_br", 11, [], [15, 16], 101),
            ("vnet1 reaches second_br and third_br", 12, [], [15, 16], 102),
        ] as [(String, UInt32, [UInt32], [UInt32], UInt16)])
    func lecture(name: String, from: UInt32, untagged: [UInt32], tagged: [UInt32], vlan: UInt16)
        throws
    {
        var model = makeModel(ports: 6)
        let modes: [VLANMode] = [
            .access(101), .access(102), .access(103), .access(103), .trunk(.all),
            .trunk(VLANSet([101, 102])),
        ]
        model[bridge: 0].normal.setPorts(
            modes.enumerated().map { index, mode in
                SwitchPort(
                    id: UInt32(index), name: "p", members: [UInt16(index) + 1], vlan: mode)
            })
        model[bridge: 0].normal.floodVLANs = VLANSet([101, 102, 103])
        try model.add(priority: 0, .normal)
        var packet = makePacket()
        packet.inPort = from
        let expected: [DatapathAction] =
            untagged.map { .output(port: $0) }
            + [.pushVLAN(tpid: 0x8100, tci: VLANTag.present | vlan)]
            + tagged.map { .output(port: $0) }
        #expect(model.translate(packet).actions == expected, "\(name)")
    }

    @Test func normalLearnsAndThenSendsToOnePort() throws {
        var model = makeModel()
        try model.add(priority: 0, .normal)
        let packet = makePacket()
        let first = model.translate(packet)
        #expect(first.actions == [.output(port: 12), .output(port: 13), .output(port: 14)])
        #expect(model[bridge: 0].macTable.count == 0)
        model.apply(first.effects, now: at(0))
        var answer = packet
        answer.inPort = 13
        (answer.ethSrc, answer.ethDst) = (packet.ethDst, packet.ethSrc)
        let second = model.translate(answer)
        #expect(second.actions == [.output(port: 11)])
        model.apply(second.effects, now: at(1))
        #expect(model.translate(packet).actions == [.output(port: 13)])
        #expect(model.translate(packet, collectsEffects: false).effects.isEmpty)
    }

    /// The MAC-learning rule of ovs-actions(7), as a controller would write it.
    @Test func learnMakesARuleOutOfAPacket() throws {
        var model = makeModel()
        let learn = LearnAction(
            table: 10, idleTimeout: 60, cookie: 5,
            specs: [
                .init(
                    source: .field(FieldRange(.vlanTCI, offset: 0, width: 12)),
                    destination: .match(FieldRange(.vlanTCI, offset: 0, width: 12))),
                .init(
                    source: .field(FieldRange(.ethSrc)), destination: .match(FieldRange(.ethDst))),
                .init(
                    source: .immediate(FieldValue(low: 7), width: 8),
                    destination: .load(FieldRange(.reg(0), offset: 8, width: 8))),
                .init(source: .field(FieldRange(.inPort)), destination: .output),
            ])
        try model.add(.learn(learn), .resubmit(10))
        try model.add(priority: 0, table: 10, .output(port: .flood, maxLength: 0))
        let first = model.translate(makePacket())
        #expect(first.mask.ethSrc == .broadcast)
        #expect(first.mask.vlan0TCI & 0xfff == 0xfff)
        #expect(model.apply(first.effects, now: at(0)) == 0)
        let taught = try #require(
            model[bridge: 0].tables.descriptions(
                matching: FlowFilter(table: 10, cookie: 5, cookieMask: .max), now: at(0)
            ).first)
        #expect(
            taught.instructions.apply == [
                .load(FieldRange(.reg(0), offset: 8, width: 8), FieldValue(low: 7)), .output(1),
            ])
        #expect(taught.idleTimeout == 60)
        var answer = makePacket()
        answer.inPort = 12
        (answer.ethSrc, answer.ethDst) = (answer.ethDst, answer.ethSrc)
        #expect(model.translate(answer).actions == [.output(port: 11)])
        let generation = model.generation
        model.apply(first.effects, now: at(30))
        #expect(model.generation == generation)
    }

    @Test func learningIntoAFullTableIsRefusedAndCounted() throws {
        var model = makeModel(ruleLimit: 1)
        try model.add(.learn(LearnAction(table: 1)), .output(2))
        let translation = model.translate(makePacket())
        #expect(model.apply(translation.effects, now: at(0)) == 1)
        #expect(model[bridge: 0].tables.refusedLearnCount == 1)
    }

    @Test func patchPortsLeadThroughTheOtherBridge() throws {
        var model = makeModel()
        let other = model.addBridge(ForwardingBridge(name: "br1"))
        model.setPort(
            BridgePort(
                number: PortNumber(9), name: "to-br1",
                attachment: .patch(bridge: other, port: PortNumber(1))), bridge: 0)
        model.setPort(
            BridgePort(
                number: PortNumber(1), name: "to-br0",
                attachment: .patch(bridge: 0, port: PortNumber(9))), bridge: other)
        model.setPort(
            BridgePort(number: PortNumber(2), name: "far", attachment: .datapath(30)),
            bridge: other)
        try model.add(
            .load(FieldRange(.reg(0)), .init(low: 1)), .setVLANID(3), .output(9), .output(2))
        try model.add(on: Match([.reg(0): 1]), priority: 200, bridge: other)
        try model.add(on: Match([.inPort: 1]), bridge: other, .stripVLAN, .output(2), .exit)
        let translation = model.translate(makePacket())
        #expect(
            translation.actions == [
                .output(port: 30), .pushVLAN(tpid: 0x8100, tci: 0x1003), .output(port: 12),
            ])
        #expect(translation.rules.map(\.bridge) == [0, other])
        #expect(translation.bridge == 0)
        // Two bridges that flood into each other end at the limit instead of never.
        try model.add(bridge: other, .output(port: .inPort, maxLength: 0))
        try model.add(on: Match([.inPort: 1]), bridge: other, .output(port: .inPort, maxLength: 0))
        try model.add(priority: 300, .output(port: .inPort, maxLength: 0))
        try model.add(on: Match([.inPort: 1]), priority: 400, .output(9))
        #expect(model.translate(makePacket()).end == .resubmitTooDeep)
    }

    @Test func controllersGetPacketsWithWhatThePipelineKnew() throws {
        var model = makeModel()
        try model.add(
            .load(FieldRange(.reg(2)), .init(low: 5)), .setVLANID(3),
            .controller(ControllerAction(maxLength: 3, controllerID: 7)))
        let translation = model.translate(makePacket())
        #expect(translation.end == .actionUpcall)
        guard case .userspace(let bytes) = translation.actions.last,
            let cookie = ControllerCookie(bytes)
        else {
            Issue.record("no userspace action")
            return
        }
        #expect(translation.actions.first == .pushVLAN(tpid: 0x8100, tci: 0x1003))
        #expect(cookie.encoded == bytes)
        #expect((cookie.bridge, cookie.table, cookie.controllerID) == (0, 0, 7))
        let packetIn = cookie.packetIn(bytes: [1, 2, 3, 4, 5], totalByteCount: 5)
        // Nothing is kept in a buffer, so that the controller needs all of it.
        #expect(packetIn.bytes == [1, 2, 3, 4, 5])
        #expect(packetIn.totalByteCount == 5)
        #expect(packetIn.reason == .action)
        #expect(packetIn.inPort == PortNumber(1))
        #expect(packetIn.match == Match([.inPort: 1, .reg(2): 5]))
        for length in 0..<bytes.count where length != 38 {
            #expect(ControllerCookie(Array(bytes.prefix(length))) == nil)
        }
    }

    @Test(arguments: [false, true])
    func missesGoToOldControllersOnly(sendsMisses: Bool) throws {
        var model = makeModel()
        model[bridge: 0].sendsMissesToController = sendsMisses
        let translation = model.translate(makePacket())
        #expect(translation.end == (sendsMisses ? .actionUpcall : .noMatchingRule))
        guard case .userspace(let bytes) = translation.actions.first else { return }
        #expect(ControllerCookie(bytes)?.reason == .noMatch)
        #expect(ControllerCookie(bytes)?.ruleCookie == .max)
    }

    @Test func deadPacketsGoToTheController() throws {
        var model = makeModel()
        try model.add(.decrementTTL, .output(2))
        var packet = makePacket()
        packet.nwTTL = 1
        guard case .userspace(let bytes) = model.translate(packet).actions.first else {
            Issue.record("no userspace action")
            return
        }
        #expect(ControllerCookie(bytes)?.reason == .invalidTTL)
    }

    /// Nobody caches what comes of it, so it need not be known what that depends on: the mask is
    /// that of this packet alone. All else is as for a packet that came by a port.
    @Test func packetOutThroughTheTablesHasAMaskOfItsOwn() throws {
        var model = makeModel()
        let web = Match([.ethType: 0x0800, .nwProto: 6, .tcpDst: 80])
        try model.add(on: web, priority: 9, .setField(.ipDSCP, FieldValue(low: 10)), .output(3))
        try model.add(on: Match([.ethType: 0x0800]), priority: 5, .output(4))
        var exact = FlowMask()
        for word in 0..<FlowMask.wordCount { exact[word: word] = .max }
        for port: UInt16 in [80, 81] {
            var packet = makePacket()
            (packet.nwProto, packet.tpDst) = (6, port)
            let came = model.translate(packet)
            let sent = try model.translate(
                packetOut: [.output(port: .table, maxLength: 0)], key: packet,
                inPort: PortNumber(1), bridge: 0)
            #expect(sent.actions == came.actions && sent.end == came.end)
            #expect(sent.rules.map(\.rule) == came.rules.map(\.rule))
            #expect(sent.mask == exact && sent.isSlowPathOnly)
            #expect(came.mask != exact && !came.isSlowPathOnly)
        }
    }

    @Test func packetOutRunsItsOwnActions() throws {
        var model = makeModel()
        try model.add(.output(3))
        var witness = SilentWitness()
        func send(_ actions: [Action], from port: PortNumber) throws(FlowModError) -> Translation {
            try model.translate(
                packetOut: actions, key: makePacket(), inPort: port, bridge: 0, witness: &witness)
        }
        let table = try send([.output(port: .table, maxLength: 0)], from: .controller)
        #expect(table.actions == [.output(port: 13)])
        #expect(table.isSlowPathOnly)
        let flood = try send([.output(port: .flood, maxLength: 0)], from: PortNumber(2))
        #expect(flood.actions == [.output(port: 11), .output(port: 13), .output(port: 14)])
        let normal = try send([.normal], from: .none)
        #expect(normal.actions.count == 4)
        #expect(normal.effects.isEmpty)
        #expect(throws: FlowModError.fieldNotWritable("eth_type")) {
            try send([.setField(.ethType, .init(low: 1))], from: .none)
        }
    }

    @Test func countersReachTheRulesThatWereMet() throws {
        var model = makeModel()
        try model.add(.resubmit(1), .output(2))
        try model.add(table: 1, .output(3))
        let translation = model.translate(makePacket())
        model.credit(translation.rules, packets: 10, bytes: 1000, usedAt: at(4))
        let dump = model[bridge: 0].tables.descriptions(matching: FlowFilter(), now: at(5))
        #expect(dump.map(\.packets) == [10, 10])
        #expect(dump.map(\.bytes) == [1000, 1000])
        #expect(dump.map(\.idleAgeSeconds) == [1, 1])
        #expect(model[bridge: 0].tables.tableStatistics().prefix(2).map(\.matches) == [10, 10])
    }

    @Test func aTraceTellsTheSameStory() throws {
        var model = makeModel()
        try model.add(priority: 7, .resubmit(1), .output(9))
        try model.add(priority: 3, table: 1, .normal)
        var witness = TextWitness(
            describeRule: { "priority \($0.priority)" }, describeAction: { "\($0)" })
        let traced = model.translate(makePacket(), witness: &witness)
        #expect(traced == model.translate(makePacket()))
        let lines = witness.text.split(separator: "\n").map { $0.drop { $0 == " " } }
        for line in [
            "bridge(\"br0\")", "in_port 1 (p1)", "0. priority 7", "1. priority 3",
            "-> learns 02:00:00:00:00:01 in VLAN 0",
            "-> destination unknown in VLAN 0, flooding", "-> output to p2 (port 2)",
            ">> there is no port 9 (invalid_action)", "End: forwarded",
        ] { #expect(lines.contains(line[...]), "\(line) in\n\(witness.text)") }
    }
}
