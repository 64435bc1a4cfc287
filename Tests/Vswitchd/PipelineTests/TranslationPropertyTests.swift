import Flows
import OpenFlow
import Packets
import Pipeline
import Switching
import Testing

// Random pipelines, random packets. Two things must hold for each: the datapath actions do what the
// slow twin does, and every other packet that agrees under the reported mask gets the same actions.
// The second is what CVE-2020-35498, CVE-2023-1668 and CVE-2023-5366 were about in Open vSwitch.

/// Makes pipelines and packets over a small alphabet, so that they often meet.
private struct World {
    var generator: SeededGenerator
    /// The twin cannot tell what hashes choose.
    var isOpaque = false
    /// Which actions beside the common ones.
    var later = false
    var hashes = false

    mutating func packet(type: UInt16? = nil) -> FlowKey {
        var key = FlowKey()
        key.inPort = 11 + UInt32(generator.below(4))
        key.ethSrc = MACAddress(bits: UInt64(generator.below(5)) | 0x0200_0000_0000)
        key.ethDst = MACAddress(bits: UInt64(generator.below(5)) | 0x0200_0000_0000)
        if generator.once(in: 3) {
            (key.vlan0TPID, key.vlan0TCI) = (0x8100, generator.pick([0x1000, 0x1005, 0x3006]))
            if generator.once(in: 3) {
                (key.vlan1TPID, key.vlan1TCI) = (0x8100, generator.pick([0x1005, 0x1007]))
            }
        }
        key.ethType = type ?? generator.pick([EtherType.ipv4, EtherType.arp, EtherType.ipv6])
        key.nwProto = generator.pick([0, 6, 17])
        if type == nil ? later && generator.once(in: 4) : type == EtherType.mpls {
            key.ethType = EtherType.mpls
            key.nwProto = 0
            key.mpls0 = generator.pick([0x0000_1140, 0x0000_2040, 0x0000_213f])
            guard key.mpls0 & 0x100 == 0 else { return key }
            key.mpls1 = generator.pick([0x0000_3110, 0x0000_4111])
            return key
        }
        guard key.ethType != EtherType.arp else {
            key.nwProto = generator.pick([1, 2])
            return key
        }
        key.nwTTL = generator.pick([63, 64])
        key.nwTOS = generator.pick([0, 4])
        if key.ethType == EtherType.ipv4 {
            key.nwSrc = IPv4Address(bits: 0x0a00_0000 | UInt32(generator.below(4)))
            key.nwDst = IPv4Address(bits: 0x0a00_0000 | UInt32(generator.below(4)))
        } else {
            key.ipv6Src = IPv6Address(high: 1, low: UInt64(generator.below(3)))
        }
        key.nwFrag = generator.pick([0, 0, 0, 3])
        guard key.nwProto != 0, key.nwFrag == 0 else { return key }
        key.tpSrc = generator.pick([1, 2])
        key.tpDst = generator.pick([1, 2, 80])
        return key
    }

    /// A packet that agrees with `packet` where `mask` looked, or nil if none was hit upon.
    mutating func relative(of packet: FlowKey, under mask: FlowMask) -> FlowKey? {
        var other = self.packet(type: packet.ethType)
        for index in 0..<FlowKey.wordCount {
            other[word: index] =
                other[word: index] & ~mask[word: index] | packet[word: index] & mask[word: index]
        }
        let hasOuter = other.vlan0TCI & VLANTag.present != 0
        let hasInner = other.vlan1TCI & VLANTag.present != 0
        guard hasOuter || !hasInner, hasOuter == (other.vlan0TPID != 0),
            hasInner == (other.vlan1TPID != 0), hasOuter || other.vlan0TCI == 0
        else { return nil }
        return other
    }

    mutating func match() -> Match {
        var match = Match()
        if generator.once(in: 3) { set(.inPort, UInt64(1 + generator.below(4))) }
        if generator.once(in: 4) { set(.ethDst, 0x0200_0000_0000 | UInt64(generator.below(5))) }
        if generator.once(in: 6) {
            match.set(.ethSrc, to: FieldValue(low: 1), mask: FieldValue(low: 1))
        }
        if generator.once(in: 5) { set(.vlanVID, generator.pick([0, 0x1005, 0x1006])) }
        if generator.once(in: 5) { set(.reg(0), UInt64(generator.below(3))) }
        if generator.once(in: 5) { set(.metadata, UInt64(generator.below(2))) }
        guard generator.once(in: 2) else { return match }
        set(.ethType, UInt64(EtherType.ipv4))
        if generator.once(in: 2) {
            match.set(
                .ipv4Dst, to: FieldValue(low: 0x0a00_0000 | UInt64(generator.below(4))),
                mask: FieldValue(low: generator.pick([0xffff_ffff, 0xffff_fffe])))
        }
        guard generator.once(in: 2) else { return match }
        set(.nwProto, generator.pick([6, 17]))
        if generator.once(in: 2) { set(.tcpDst, generator.pick([1, 80])) }
        return match

        func set(_ field: FlowField, _ value: UInt64) { match.set(field, to: .init(low: value)) }
    }

    mutating func laterAction(table: UInt8) -> Action {
        let bits = FieldRange(generator.pick([.reg(0), .reg(1)]), offset: 0, width: 2)
        switch generator.below(hashes ? 16 : 14) {
        case 0, 1: return .pushMPLS(ethType: EtherType.mpls)
        case 2, 3: return .popMPLS(ethType: generator.pick([EtherType.ipv4, EtherType.mpls]))
        case 4: return .setField(generator.pick([.mplsLabel, .mplsTC]), FieldValue(low: 3))
        case 5: return .push(generator.pick([bits, FieldRange(.ethSrc, offset: 0, width: 2)]))
        case 6: return .pop(generator.pick([bits, FieldRange(.ethDst, offset: 0, width: 2)]))
        case 7: return .group(generator.pick([1, 2]))
        case 8: return .clone([action(table: 3), .output(2)])
        case 9: return .checkPacketLarger(byteCount: 100, FieldRange(.reg(0), offset: 0, width: 1))
        case 10: return .outputTruncated(port: PortNumber(2), byteCount: 64)
        case 11: return .enqueue(port: PortNumber(3), queue: 1)
        case 12: return .setQueue(2)
        case 13: return .setField(.tunnelID, FieldValue(low: 1))
        case 14:
            isOpaque = true
            return .multipath(
                MultipathAction(
                    fields: generator.pick(HashFields.allCases), basis: 1, algorithm: .moduloN,
                    maxLink: 3, argument: 0, destination: bits))
        default:
            isOpaque = true
            return .group(3)
        }
    }

    mutating func addGroups(to model: inout ForwardingModel) throws {
        for number in 1...3 as ClosedRange<UInt32> {
            let types: [GroupType] = [.all, .indirect, .select]
            let buckets = (0..<(number == 2 ? 1 : 3)).map { index in
                Bucket(
                    weight: number == 3 ? UInt16(1 + index) : 0,
                    actions: [
                        generator.pick([
                            .setField(.ethSrc, FieldValue(low: 0x0200_0000_0003)),
                            .setVLANID(6), .setField(.ipv4Src, FieldValue(low: 0x0a00_0001)),
                        ]),
                        .output(UInt16(1 + index)),
                    ])
            }
            _ = try model[bridge: 0].tables.apply(
                GroupMod(
                    command: .add, type: types[Int(number) - 1], group: number, buckets: buckets),
                now: .start)
        }
    }

    mutating func action(table: UInt8) -> Action {
        if later, table < 3, generator.once(in: 2) { return laterAction(table: table) }
        return commonAction(table: table)
    }

    mutating func commonAction(table: UInt8) -> Action {
        switch generator.below(20) {
        case 0...5: .output(UInt16(1 + generator.below(4)))
        case 6: .normal
        case 7: .output(port: generator.pick([.flood, .inPort]), maxLength: 0)
        case 8: .setField(.ethSrc, FieldValue(low: 0x0200_0000_0003))
        case 9: .load(FieldRange(.ethDst, offset: 0, width: 2), .init(low: generator.pick([1, 2])))
        case 10: .setField(.ipv4Src, FieldValue(low: 0x0a00_0001))
        case 11: .setField(generator.pick([.tcpDst, .udpDst]), FieldValue(low: 2))
        case 12: .decrementTTL
        case 13: .setVLANID(generator.pick([5, 6]))
        case 14: generator.pick([.stripVLAN, .setVLANPriority(1)])
        case 15: .pushVLAN(tpid: 0x8100)
        case 16:
            .move(
                source: FieldRange(.ethSrc, offset: 0, width: 2),
                destination: FieldRange(generator.pick([.reg(0), .ethDst]), offset: 0, width: 2))
        case 17: .setField(.ipv6Label, FieldValue(low: 7))
        case 18: table < 3 ? .resubmit(table + 1) : .exit
        default: generator.pick([.setField(.packetMark, .init(low: 1)), .controller(.init())])
        }
    }

    mutating func model() throws -> ForwardingModel {
        var model = makeModel()
        model[bridge: 0].normal.setPorts([
            SwitchPort(id: 1, name: "a", members: [1], vlan: .access(5)),
            SwitchPort(id: 2, name: "b", members: [2], vlan: .trunk(.all)),
            SwitchPort(id: 3, name: "c", members: [3], vlan: .trunk(VLANSet([0, 5, 6]))),
            SwitchPort(
                id: 4, name: "d", members: [4], vlan: .nativeUntagged(native: 5, trunks: .all)),
        ])
        model.apply(
            [.learnMAC(bridge: 0, key: .init(vlan: 5, mac: MACAddress(bits: 2)), port: 2)],
            now: .start)
        if later { try addGroups(to: &model) }
        // Priorities all differ, so that the best rule is one rule.
        for priority in 0..<UInt16(10 + generator.below(30)) {
            let table = UInt8(generator.pick([0, 0, 1, 2, 3]))
            var instructions = Instructions()
            for _ in 0..<generator.below(6) { instructions.apply.append(action(table: table)) }
            if generator.once(in: 5) {
                instructions.write = [.setVLANID(6), .output(UInt16(1 + generator.below(4)))]
            }
            if generator.once(in: 4) {
                instructions.metadata = Masked(UInt64(generator.below(2)), mask: 1)
            }
            if table < 3, generator.once(in: 3) { instructions.gotoTable = table + 1 }
            try model.add(on: match(), priority: priority, table: table, instructions)
        }
        return model
    }
}

@Suite struct TranslationPropertyTests {
    /// 80 pipelines × 40 packets × 4 relatives.
    @Test(arguments: UInt64(1)...80)
    func cachedFlowsAnswerForOthersAsForTheirFirstPacket(seed: UInt64) throws {
        try run(World(generator: SeededGenerator(seed: seed)), seed)
    }

    /// The same with labels, stacks, groups, clones and comparisons, where packets come back.
    @Test(arguments: UInt64(1001)...1160)
    func cachedFlowsAnswerForOthersWithEveryAction(seed: UInt64) throws {
        try run(
            World(generator: SeededGenerator(seed: seed), later: true, hashes: seed % 2 == 0), seed)
    }

    private func run(_ start: World, _ seed: UInt64) throws {
        var world = start
        let model = try world.model()
        for _ in 0..<40 {
            let packet = world.packet()
            let translation = model.translate(packet)
            let isLong = world.generator.once(in: 2)
            var datapath = PretendedDatapath(model, isLong: isLong)
            datapath.run(translation, on: .init(key: packet))
            if !world.isOpaque {
                #expect(
                    datapath.sent == SlowTwin.run(model, packet, isLong: isLong), "seed \(seed)")
            }
            #expect(
                translation.end.isDelivery == !translation.actions.contains(.drop(translation.end)))
            checkRelatives(of: packet, translation, model, &world, seed)
            for pass in datapath.passes {
                checkRelatives(of: pass.key, pass.translation, datapath.model, &world, seed)
            }
        }
    }

    private func checkRelatives(
        of packet: FlowKey, _ translation: Translation, _ model: ForwardingModel,
        _ world: inout World, _ seed: UInt64
    ) {
        for _ in 0..<4 {
            guard let relative = world.relative(of: packet, under: translation.mask) else {
                continue
            }
            let other = model.translate(relative)
            #expect(other.actions == translation.actions, "seed \(seed)")
            #expect(other.end == translation.end)
            #expect(other.rules == translation.rules)
            #expect(other.effects == translation.effects)
            #expect(other.mask == translation.mask)
        }
    }
}
