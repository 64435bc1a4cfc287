import Flows
import OpenFlow
import Packets
import Pipeline
import PipelineTwin
import Switching
import Testing

// What each action becomes. Ports 1 to 4 are datapath ports 11 to 14; the packet comes by port 1.

private let otherMAC = FieldValue(low: 0x0200_0000_00aa)

private func ethernet(source: UInt64? = nil, destination: UInt64? = nil) -> DatapathAction {
    func masked(_ bits: UInt64?) -> Masked<MACAddress> {
        Masked(MACAddress(bits: bits ?? 0), mask: bits == nil ? .zero : .broadcast)
    }
    return .set(.ethernet(source: masked(source), destination: masked(destination)))
}

private func ttl(_ value: UInt8) -> DatapathAction {
    .set(
        .ipv4(
            source: Masked(IPv4Address(bits: 0), mask: IPv4Address(bits: 0)),
            destination: Masked(IPv4Address(bits: 0), mask: IPv4Address(bits: 0)),
            tos: Masked(0, mask: 0), ttl: Masked(value, mask: 0xff)))
}

@Suite struct TranslationTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var actions: [Action]
        var expected: [DatapathAction]
        init(_ text: String, _ actions: [Action], _ expected: [DatapathAction]) {
            (testDescription, self.actions, self.expected) = (text, actions, expected)
        }
    }
    @Test(arguments: [
        Row("output", [.output(2)], [.output(port: 12)]),
        Row("nothing", [], [.drop(.droppedByRule)]),
        Row("only a note", [.note([1])], [.drop(.actionsWithoutOutput)]),
        Row("back to where it came from", [.output(1)], [.drop(.noOutputPort)]),
        Row("in_port", [.output(port: .inPort, maxLength: 0)], [.output(port: 11)]),
        Row("a port that is not there", [.output(9)], [.drop(.invalidAction)]),
        Row(
            "all", [.output(port: .all, maxLength: 0)],
            [.output(port: 12), .output(port: 13), .output(port: 14)]),
        Row(
            "in_port written first", [.load(FieldRange(.inPort), .init(low: 0)), .output(1)],
            [.output(port: 11)]),
        Row("edit and no output", [.setField(.ethSrc, otherMAC)], [.drop(.actionsWithoutOutput)]),
        Row(
            "edit between outputs", [.output(2), .setField(.ethSrc, otherMAC), .output(3)],
            [.output(port: 12), ethernet(source: 0x0200_0000_00aa), .output(port: 13)]),
        Row(
            "edits that cancel out",
            [
                .setField(.ethSrc, otherMAC), .setField(.ethSrc, .init(low: 0x0200_0000_0001)),
                .output(2),
            ], [.output(port: 12)]),
        Row(
            "edits undone for the second output",
            [
                .setField(.ethDst, otherMAC), .output(2),
                .setField(.ethDst, .init(low: 0x0200_0000_0002)), .output(3),
            ],
            [
                ethernet(destination: 0x0200_0000_00aa), .output(port: 12),
                ethernet(destination: 0x0200_0000_0002), .output(port: 13),
            ]),
        Row("TTL", [.decrementTTL, .decrementTTL, .output(2)], [ttl(62), .output(port: 12)]),
        Row(
            "IPv6 of an IPv4 packet is not there",
            [.setField(.ipv6Label, .init(low: 1)), .output(2)],
            [.output(port: 12)]),
        Row(
            "a tag", [.setVLANID(5), .output(2), .stripVLAN, .output(3)],
            [
                .pushVLAN(tpid: 0x8100, tci: 0x1005), .output(port: 12), .popVLAN,
                .output(port: 13),
            ]),
        Row(
            "push_vlan and set_field",
            [.pushVLAN(tpid: 0x88a8), .setField(.vlanVID, .init(low: 0x1007)), .output(2)],
            [.pushVLAN(tpid: 0x88a8, tci: 0x1007), .output(port: 12)]),
        Row(
            "three tags are too many",
            [
                .pushVLAN(tpid: 0x8100), .pushVLAN(tpid: 0x8100), .pushVLAN(tpid: 0x8100),
                .output(2),
            ],
            [.drop(.invalidAction)]),
        Row(
            "exit", [.output(2), .exit, .output(3)], [.output(port: 12)]),
        Row(
            "output to what a register says",
            [
                .load(FieldRange(.reg(1), offset: 0, width: 16), .init(low: 4)),
                .outputField(FieldRange(.reg(1), offset: 0, width: 16), maxLength: 0),
            ], [.output(port: 14)]),
        Row(
            "part of an address",
            [.load(FieldRange(.ethDst, offset: 0, width: 8), .init(low: 3)), .output(2)],
            [
                .set(
                    .ethernet(
                        source: Masked(.zero, mask: .zero),
                        destination: Masked(MACAddress(bits: 1), mask: MACAddress(bits: 1)))),
                .output(port: 12),
            ]),
    ])
    func actionsBecome(_ row: Row) throws {
        var model = makeModel()
        try model.add(on: Match(), Instructions(apply: row.actions))
        #expect(model.translate(makePacket()).actions == row.expected)
    }

    @Test func theMaskSaysWhatWasLookedAt() throws {
        var model = makeModel()
        try model.add(.output(2))
        var mask = model.translate(makePacket()).mask
        #expect(mask.inPort == .max)
        #expect(mask.ethType == .max)
        #expect(mask.nwFrag == .max)
        #expect((mask.ethSrc, mask.ethDst, mask.nwDst.bits) == (.zero, .zero, 0))
        // Whether there are two tags: then the second one's type would be the packet's.
        #expect(mask.vlan0TCI == VLANTag.present)
        model.vlanLimit = 2
        #expect(model.translate(makePacket()).mask.vlan0TCI == 0)
        try model.add(priority: 200, .normal)
        mask = model.translate(makePacket()).mask
        #expect((mask.ethSrc, mask.ethDst) == (.broadcast, .broadcast))
        #expect((mask.vlan0TCI, mask.vlan0TPID) == (.max, .max))
        #expect(mask.tpDst == 0)
        try model.add(
            on: Match([.ethType: 0x0800, .nwProto: 6, .tcpDst: 80]), priority: 300, .output(2))
        mask = model.translate(makePacket()).mask
        #expect((mask.nwProto, mask.tpDst, mask.tpSrc) == (.max, .max, 0))
    }

    @Test func aSecondTagIsTheTypeOfAPacketUnlessTwoCount() throws {
        var model = makeModel()
        try model.add(on: Match([.ethType: 0x0800]), priority: 100, .output(2))
        try model.add(on: Match([.ethType: 0x8100]), priority: 100, .output(3))
        var packet = makePacket()
        (packet.vlan0TPID, packet.vlan0TCI) = (0x88a8, 0x1005)
        (packet.vlan1TPID, packet.vlan1TCI) = (0x8100, 0x1006)
        let one = model.translate(packet)
        #expect(one.actions == [.output(port: 13)])
        #expect((one.mask.vlan1TCI, one.mask.vlan1TPID) == (VLANTag.present, .max))
        model.vlanLimit = 2
        #expect(model.translate(packet).actions == [.output(port: 12)])
    }

    @Test func tablesFollowEachOther() throws {
        var model = makeModel()
        try model.add(
            on: Match(),
            Instructions(apply: [.output(2)], metadata: Masked(7, mask: 0xff), gotoTable: 3))
        try model.add(on: Match([.metadata: 7]), table: 3, .output(3), .resubmit(9), .output(4))
        let translation = model.translate(makePacket())
        #expect(translation.actions == [.output(port: 12), .output(port: 13), .output(port: 14)])
        #expect(translation.rules.map(\.table) == [0, 3, 9])
        #expect(translation.rules.map { $0.rule == nil } == [false, false, true])
    }

    @Test func resubmitLooksAsAnotherPortAndComesBack() throws {
        var model = makeModel()
        try model.add(
            on: Match([.inPort: 1]), .resubmit(inPort: PortNumber(4), table: nil), .output(3))
        try model.add(
            on: Match([.inPort: 4]), .output(1), .output(port: .inPort, maxLength: 0), .output(4))
        // Port 1 is still where it came from, also for the rule of port 4.
        #expect(
            model.translate(makePacket()).actions
                == [.output(port: 11), .output(port: 14), .output(port: 13)])
    }

    @Test(arguments: [(63, true), (64, true), (65, false)])
    func resubmitDepthIsBounded(depth: Int, isForwarded: Bool) throws {
        var model = makeModel()
        // reg0 counts down in unary: each rule clears one bit and searches the same table again.
        let bits = FieldRange(.xxreg(0), offset: 0, width: 127)
        try model.add(
            on: Match(), priority: 10, .load(FieldRange(.xxreg(0)), .ones(depth)), .resubmit(1))
        try model.add(
            on: Match([.reg(3): 0]), priority: 10, table: 1, .output(2))
        try model.add(
            on: Match(), priority: 5, table: 1,
            .move(source: FieldRange(.xxreg(0), offset: 1, width: 127), destination: bits),
            .resubmit(1))
        let end = model.translate(makePacket()).end
        #expect(end == (isForwarded ? .forwarded : .resubmitTooDeep))
    }

    @Test func nestingIsBounded() throws {
        var model = makeModel()
        for table in 0..<UInt8(254) { try model.add(table: table, .resubmit(table + 1)) }
        try model.add(table: 254, .output(2))
        #expect(model.translate(makePacket()).end == .forwarded)
        try model.add(table: 254, .resubmit(0))
        let translation = model.translate(makePacket())
        #expect(translation.end == .resubmitTooDeep)
        #expect(translation.rules.count == Limits.nesting + 1)
    }

    @Test(arguments: [(2047, true), (2048, true), (2049, false)])
    func actionsAreBounded(count: Int, isForwarded: Bool) throws {
        var model = makeModel()
        let outputs = Array(repeating: Action.output(2), count: count)
        try model.add(on: Match(), Instructions(apply: outputs))
        let translation = model.translate(makePacket())
        #expect(translation.end == (isForwarded ? .forwarded : .actionLimit))
        #expect(translation.actions.count == (isForwarded ? count : 1))
    }

    @Test func resubmitCountIsBounded() throws {
        var model = makeModel()
        for table in 0..<UInt8(12) {
            try model.add(table: table, .resubmit(table + 1), .resubmit(table + 1))
        }
        try model.add(table: 12, .output(2))
        let translation = model.translate(makePacket())
        #expect(translation.actions == [.drop(.resubmitTooDeep)])
        #expect(translation.rules.count == 4096)
    }

    @Test func theActionSetHasItsOwnOrder() throws {
        var model = makeModel()
        try model.add(
            on: Match(),
            Instructions(
                apply: [.output(4)],
                write: [
                    .output(2), .setField(.vlanVID, .init(low: 0x1009)), .pushVLAN(tpid: 0x8100),
                ],
                gotoTable: 1))
        try model.add(on: Match(), table: 1, Instructions(apply: [.exit], write: [.output(3)]))
        #expect(
            model.translate(makePacket()).actions
                == [.output(port: 14), .pushVLAN(tpid: 0x8100, tci: 0x1009), .output(port: 12)])
        try model.add(
            on: Match(), table: 1, Instructions(clearsActionSet: true, write: [.decrementTTL]))
        #expect(model.translate(makePacket()).actions == [.output(port: 14)])
    }

    @Test func portConfigurationIsObeyed() throws {
        var model = makeModel()
        func configure(_ number: UInt16, _ config: BridgePort.Config) {
            model.setPort(
                BridgePort(
                    number: PortNumber(number), name: "p",
                    attachment: .datapath(10 + UInt32(number)),
                    config: config), bridge: 0)
        }
        try model.add(.output(port: .flood, maxLength: 0))
        configure(2, .noFlood)
        configure(3, .noForward)
        #expect(model.translate(makePacket()).actions == [.output(port: 14)])
        configure(4, .portDown)
        #expect(model.translate(makePacket()).end == .portDisabled)
        configure(4, [])
        configure(1, .noReceive)
        #expect(model.translate(makePacket()).actions == [.drop(.portDisabled)])
        model.removePort(PortNumber(1), bridge: 0)
        #expect(model.translate(makePacket()).actions == [.drop(.portWithoutBridge)])
        #expect(model.translate(makePacket()).bridge == nil)
    }

    @Test func generationGrowsWithEveryChange() throws {
        var model = makeModel()
        var last = model.generation
        func grew() -> Bool {
            defer { last = model.generation }
            return model.generation > last
        }
        try model.add(.normal)
        #expect(grew())
        _ = model.translate(makePacket())
        #expect(!grew())
        model[bridge: 0].sendsMissesToController = true
        #expect(grew())
        model[bridge: 0].normal.floodVLANs = .all
        #expect(grew())
        model.removePort(PortNumber(4), bridge: 0)
        #expect(grew())
        let second = model.addBridge(ForwardingBridge(name: "br1"))
        #expect(grew())
        model.removeBridge(second)
        #expect(grew())
        model.credit(
            [RuleReference(bridge: 0, table: 0, rule: nil)], packets: 1, bytes: 1, usedAt: at(1))
        #expect(!grew())
    }

    /// Which changes concern a cached flow hangs on it.
    @Test func aLookupSaysWhichPriorityDecided() throws {
        var model = makeModel()
        try model.add(priority: 7, .output(2))
        #expect(model.translate(makePacket()).rules.map(\.priority) == [7])
        // What a conjunction leads to says nothing of the priority of its clauses.
        try model.add(
            on: Match([.ethType: 0x86dd]), priority: 5, .conjunction(id: 1, clause: 0, count: 2))
        #expect(model.translate(makePacket()).rules.map(\.priority) == [0])
    }
}
