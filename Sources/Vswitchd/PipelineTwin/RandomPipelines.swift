import Chance
import Flows
import OpenFlow
import Packets
import Pipeline
import Switching
import Timekeeping

// Pipelines and packets by chance, from a seed.

/// Makes pipelines and packets over a small alphabet, so that they often meet.
struct RandomPipelines {
    var generator: SeededGenerator
    /// The twin cannot tell what hashes choose.
    var isOpaque = false
    /// Which actions beside the common ones.
    var later: Bool
    var hashes: Bool
    /// Whether rules look at any field.
    var wide: Bool

    mutating func packet(type: UInt16? = nil) -> FlowKey {
        var key = FlowKey()
        key.inPort = 11 + UInt32(generator.below(4))
        key.ethSrc = MACAddress(bits: UInt64(generator.below(5)) | 0x0200_0000_0000)
        key.ethDst = MACAddress(bits: UInt64(generator.below(5)) | 0x0200_0000_0000)
        if generator.once(in: 3) {
            key.ethDst = MACAddress(
                bits: generator.pick([
                    0x0100_5e00_0001, 0x0100_5e01_0101, 0x3333_0000_0001, 0xffff_ffff_ffff,
                    0x0180_c200_0000,
                ]))
        }
        if generator.once(in: 3) {
            (key.vlan0TPID, key.vlan0TCI) = (
                generator.pick([0x8100, 0x88a8]), generator.pick([0x1000, 0x1005, 0x3006])
            )
            if generator.once(in: 3) {
                (key.vlan1TPID, key.vlan1TCI) = (
                    0x8100, generator.pick([0x1005, 0x1007, 0x1000])
                )
            }
        }
        key.ethType = type ?? generator.pick([EtherType.ipv4, EtherType.arp, EtherType.ipv6])
        key.nwProto = generator.pick([0, 6, 17, IPProtocol.igmp, IPProtocol.icmpv6])
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
            if key.ethDst.isMulticast {
                key.nwDst = IPv4Address(bits: generator.pick([0xe000_0005, 0xef01_0101]))
            }
        } else {
            key.ipv6Src = IPv6Address(high: 1, low: UInt64(generator.below(3)))
            let groups: [UInt64] = [0xff02 << 48, 0xff05 << 48]
            key.ipv6Dst = IPv6Address(
                high: generator.pick(groups), low: generator.pick([1, 0x101]))
        }
        key.nwFrag = generator.pick([0, 0, 0, 3])
        guard key.nwProto != 0, key.nwFrag == 0 else { return key }
        key.tpSrc = generator.pick([1, 2])
        if key.nwProto == IPProtocol.igmp { key.tpSrc = generator.pick([0x11, 0x16, 0x17, 0x22]) }
        if key.nwProto == IPProtocol.icmpv6 { key.tpSrc = generator.pick([128, 130, 131, 143]) }
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
        if wide, !generator.once(in: 4) { return wideMatch() }
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

    /// Conditions on fields of some packet, each under a mask of its own.
    private mutating func wideMatch() -> Match {
        let packet = packet()
        var (key, match) = (PipelineKey(packet), Match())
        key.packet.inPort -= 10
        if !generator.once(in: 5) { match.set(.ethType, to: FlowField.ethType.read(key)) }
        if FlowField.nwProto.hasPrerequisites(key: match.key, mask: match.mask), packet.nwFrag == 0,
            !generator.once(in: 3)
        {
            match.set(.nwProto, to: FlowField.nwProto.read(key))
        }
        for _ in 0..<1 + generator.below(3) {
            let field = generator.pick(Self.matched)
            guard field.hasPrerequisites(key: match.key, mask: match.mask) else { continue }
            match.set(field, to: field.read(key), mask: mask(of: field))
        }
        return match
    }

    /// All, but those that only other switches' packets have.
    private static let matched = FlowField.all.filter {
        !["recirc_id", "dp_hash", "conj_id", "actset_output", "skb_priority", "eth_type"]
            .contains($0.name) && !$0.name.hasPrefix("tun_")
    }

    private mutating func mask(of field: FlowField) -> FieldValue {
        let exact = field.heldMask
        guard field.maskRule == .bitwise, !generator.once(in: 3) else { return exact }
        let width = field.width
        if generator.once(in: 2) {
            let short = FieldValue.ones(generator.below(width)).bits
            return FieldValue(bits: exact.bits & ~short)
        }
        let some = UInt128(generator.next()) << 64 | UInt128(generator.next())
        return FieldValue(bits: exact.bits & some | 1)
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

    private mutating func mode(_ port: UInt16) -> VLANMode {
        let some = VLANSet([5, 6])
        return switch (generator.below(12), port) {
        case (0, _): .access(6)
        case (1, _): .trunk(some)
        case (2, _): .nativeTagged(native: 5, trunks: .all)
        case (3, _): .nativeUntagged(native: 6, trunks: some)
        case (4, _): .dot1qTunnel(service: 5, customers: .all, etherType: 0x88a8)
        case (5, _): .dot1qTunnel(service: 6, customers: VLANSet([0, 5]), etherType: 0x8100)
        case (_, 1): .access(5)
        case (_, 2): .trunk(.all)
        case (_, 3): .trunk(VLANSet([0, 5, 6]))
        default: .nativeUntagged(native: 5, trunks: .all)
        }
    }

    private mutating func port(_ number: UInt16) -> SwitchPort {
        var port = SwitchPort(
            id: UInt32(number), name: "p\(number)", members: [number], vlan: mode(number),
            priorityTags: generator.pick([.never, .never, .ifNonzero, .always]),
            isProtected: generator.once(in: 5))
        port.floodsMulticast = generator.once(in: 5)
        port.floodsReports = generator.once(in: 5)
        return port
    }

    private mutating func mirror(_ id: UInt32) -> Mirror {
        var sets: [Set<SwitchPort.ID>] = []
        for _ in 0..<2 { sets.append(Set((0..<3).map { _ in UInt32(1 + generator.below(4)) })) }
        return Mirror(
            id: id, sources: sets[0], destinations: sets[1],
            vlans: generator.pick([nil, VLANSet([5])]),
            output: generator.pick([.port(4), .port(3), .vlan(6), .vlan(9)]),
            snapLength: generator.pick([nil, 64]))
    }

    private mutating func groups() -> MulticastTable {
        var table = MulticastTable()
        table.configure(
            limit: 100, ageing: .seconds(300), floodsUnregistered: generator.once(in: 2))
        let group = IPv6Address(mapping: IPv4Address(bits: 0xef01_0101))
        table.join(.init(vlan: 5, group: group), port: 2, now: .start)
        table.join(
            .init(vlan: 0, group: IPv6Address(high: 0xff05 << 48, low: 0x101)), port: 3,
            now: .start)
        table.heardRouter(inVLAN: 5, port: generator.pick([1, 3]), now: .start)
        return table
    }

    mutating func model() throws -> ForwardingModel {
        var model = makeModel()
        model[bridge: 0].normal.setPorts((1...4).map { port(UInt16($0)) })
        model.vlanLimit = generator.pick([1, 1, 2])
        model[bridge: 0].normal.setMirrors((0..<generator.below(3)).map { mirror(UInt32($0)) })
        model[bridge: 0].normal.floodVLANs = VLANSet(generator.once(in: 4) ? [6] : [])
        if generator.once(in: 2) { model[bridge: 0].setGroups(groups()) }
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
