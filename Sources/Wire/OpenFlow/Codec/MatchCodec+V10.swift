import Flows
import Packets

// The match of OpenFlow 1.0 §5.2.3: twelve fields in 40 bytes, and a word that says which count.
//
// Fields that the others make meaningless (a TCP port without `nw_proto=6`) are dropped in reading,
// as the standard allows and Open vSwitch does. What 1.0 cannot say is dropped in writing:
// `OpenFlowDialect` asks `canSay` first and takes Nicira's match where it must.

enum MatchCodec10 {
    static let byteCount = 40

    private enum Wildcard {
        static let inPort: UInt32 = 1 << 0
        static let vlan: UInt32 = 1 << 1
        static let ethSrc: UInt32 = 1 << 2
        static let ethDst: UInt32 = 1 << 3
        static let ethType: UInt32 = 1 << 4
        static let nwProto: UInt32 = 1 << 5
        static let tpSrc: UInt32 = 1 << 6
        static let tpDst: UInt32 = 1 << 7
        /// Number of low bits of the address that do not count, 6 bits; 32 and more: none counts.
        static let nwSrcShift: UInt32 = 8
        static let nwDstShift: UInt32 = 14
        static let vlanPriority: UInt32 = 1 << 20
        static let nwTOS: UInt32 = 1 << 21
        static let all: UInt32 = 0x3820ff
    }
    /// Whether the match that comes next has no wildcard at all.
    static func isExact(_ reader: OctetReader) throws(OpenFlowErrorCode) -> Bool {
        var reader = reader
        return try reader.u32() & 0x3f_ffff == 0
    }

    static func read(_ reader: inout OctetReader) throws(OpenFlowErrorCode) -> Match {
        var body = try reader.window(byteCount, fault: .badLength)
        let wildcards = try body.u32()
        func counts(_ bit: UInt32) -> Bool { wildcards & bit == 0 }
        var match = Match()
        let inPort = try body.u16()
        if counts(Wildcard.inPort) { match.set(.inPort, to: FieldValue(low: UInt64(inPort))) }
        let ethSrc = try body.u48()
        if counts(Wildcard.ethSrc) { match.set(.ethSrc, to: FieldValue(low: ethSrc)) }
        let ethDst = try body.u48()
        if counts(Wildcard.ethDst) { match.set(.ethDst, to: FieldValue(low: ethDst)) }
        let vlan = try body.u16()
        let priority = try body.u8()
        setVLAN(
            counts(Wildcard.vlan) ? vlan : nil, counts(Wildcard.vlanPriority) ? priority : nil,
            in: &match)
        try body.skip(1)
        let ethType = try body.u16()
        guard counts(Wildcard.ethType) else { return match }
        match.set(.ethType, to: FieldValue(low: UInt64(ethType)))
        try readNetwork(&body, wildcards, into: &match)
        return match
    }

    private static func setVLAN(_ id: UInt16?, _ priority: UInt8?, in match: inout Match) {
        guard id != FixedMatch.noVLAN else {
            match.set(.vlanTCI, to: FieldValue(low: 0))
            return
        }
        var value: UInt16 = 0
        var mask: UInt16 = 0
        if let id {
            value |= id & VLANTag.idMask | VLANTag.present
            mask |= VLANTag.idMask | VLANTag.present
        }
        if let priority {
            value |= UInt16(priority & 7) << VLANTag.priorityShift | VLANTag.present
            mask |= VLANTag.priorityMask | VLANTag.present
        }
        match.set(
            .vlanTCI, to: FieldValue(low: UInt64(value)), mask: FieldValue(low: UInt64(mask)))
    }

    private static func readNetwork(
        _ body: inout OctetReader, _ wildcards: UInt32, into match: inout Match
    ) throws(OpenFlowErrorCode) {
        func counts(_ bit: UInt32) -> Bool { wildcards & bit == 0 }
        let isIP = FlowField.nwProto.hasPrerequisites(key: match.key, mask: match.mask)
        let isVersion4 = FlowField.ipv4Src.hasPrerequisites(key: match.key, mask: match.mask)
        let isARP = FlowField.arpSPA.hasPrerequisites(key: match.key, mask: match.mask)
        let tos = try body.u8()
        if isIP, counts(Wildcard.nwTOS) {
            match.set(.nwTOS, to: FieldValue(low: UInt64(tos & 0xfc)))
        }
        let nwProto = try body.u8()
        if isIP || isARP, counts(Wildcard.nwProto) {
            match.set(isIP ? .nwProto : .arpOp, to: FieldValue(low: UInt64(nwProto)))
        }
        try body.skip(2)
        for (field, shift) in [
            (isARP ? FlowField.arpSPA : .ipv4Src, Wildcard.nwSrcShift),
            (isARP ? FlowField.arpTPA : .ipv4Dst, Wildcard.nwDstShift),
        ] {
            let address = try body.u32()
            let ignored = min(wildcards >> shift & 0x3f, 32)
            guard isVersion4 || isARP, ignored < 32 else { continue }
            let mask = ~UInt32(0) << ignored
            match.set(
                field, to: FieldValue(low: UInt64(address & mask)),
                mask: FieldValue(low: UInt64(mask)))
        }
        let ports = FixedMatch.Ports(source: try body.u16(), destination: try body.u16())
        ports.set(
            source: counts(Wildcard.tpSrc), destination: counts(Wildcard.tpDst), in: &match)
    }

    static func write(_ match: Match, to writer: inout OctetWriter) {
        let key = match.key.packet
        let mask = match.mask.packet
        let type = match.exactly(.ethType)
        let isARP = FlowField.arpSPA.hasPrerequisites(key: match.key, mask: match.mask)
        let isIP = FlowField.nwProto.hasPrerequisites(key: match.key, mask: match.mask)
        let hasAddresses =
            isARP || FlowField.ipv4Src.hasPrerequisites(key: match.key, mask: match.mask)
        var wildcards = Wildcard.all
        func count(_ bit: UInt32, if condition: Bool) { if condition { wildcards &= ~bit } }
        count(Wildcard.inPort, if: mask.inPort & 0xffff == 0xffff)
        count(Wildcard.ethSrc, if: mask.ethSrc == .broadcast)
        count(Wildcard.ethDst, if: mask.ethDst == .broadcast)
        count(Wildcard.ethType, if: type != nil)
        let vlan = FixedMatch.vlan(of: match, anyVLAN: nil)
        count(Wildcard.vlan, if: vlan.id != nil)
        count(Wildcard.vlanPriority, if: vlan.priority != nil || vlan.id == FixedMatch.noVLAN)
        count(Wildcard.nwTOS, if: isIP && mask.nwTOS & 0xfc == 0xfc)
        count(Wildcard.nwProto, if: (isIP || isARP) && mask.nwProto == 0xff)
        let ports = match.transportFields
        let hasPorts = ports != nil
        let portMask = UInt16(truncatingIfNeeded: ports?.0.exactMask.low ?? 0)
        count(Wildcard.tpSrc, if: hasPorts && mask.tpSrc & portMask == portMask)
        count(Wildcard.tpDst, if: hasPorts && mask.tpDst & portMask == portMask)
        if hasAddresses {
            wildcards &= ~(0x3f << Wildcard.nwSrcShift | 0x3f << Wildcard.nwDstShift)
            wildcards |= UInt32(mask.nwSrc.bits.trailingZeroBitCount) << Wildcard.nwSrcShift
            wildcards |= UInt32(mask.nwDst.bits.trailingZeroBitCount) << Wildcard.nwDstShift
        }
        writer.u32(wildcards)
        writer.u16(UInt16(truncatingIfNeeded: key.inPort))
        writer.u48(key.ethSrc.bits)
        writer.u48(key.ethDst.bits)
        writer.u16(vlan.id ?? 0)
        writer.u8(vlan.priority ?? 0)
        writer.u8(0)
        writer.u16(key.ethType)
        writer.u8(key.nwTOS & 0xfc)
        writer.u8(key.nwProto)
        writer.zeros(2)
        writer.u32(hasAddresses ? key.nwSrc.bits : 0)
        writer.u32(hasAddresses ? key.nwDst.bits : 0)
        writer.u16(hasPorts ? key.tpSrc : 0)
        writer.u16(hasPorts ? key.tpDst : 0)
    }

    /// Whether these forty bytes say `match`, also to a switch that knows IPv4 alone: for more of
    /// IPv6 than that, Open vSwitch's tools take Nicira's match, too.
    static func canSay(_ match: Match) -> Bool {
        let isVersion6 = match.exactly(.ethType) == UInt64(EtherType.ipv6)
        let network = match.mask.packet.nwTOS | match.mask.packet.nwProto
        guard !isVersion6 || network == 0 else { return false }
        return FixedMatch.canSay(match, write: { write($0, to: &$1) }, read: read)
    }
}
