import Flows
import Packets

// The match of OpenFlow 1.1 (§A.2.3 there): 88 bytes, with masks where 1.0 had none, MPLS and
// metadata. 1.2 replaced it by OXM.
//
// As with 1.0's, fields that the others make meaningless are dropped in reading, and what it cannot
// say is dropped in writing.

enum MatchCodec11 {
    static let byteCount = 88

    private enum Wildcard {
        static let inPort: UInt32 = 1 << 0
        static let vlan: UInt32 = 1 << 1
        static let vlanPriority: UInt32 = 1 << 2
        static let ethType: UInt32 = 1 << 3
        static let nwTOS: UInt32 = 1 << 4
        static let nwProto: UInt32 = 1 << 5
        static let tpSrc: UInt32 = 1 << 6
        static let tpDst: UInt32 = 1 << 7
        static let mplsLabel: UInt32 = 1 << 8
        static let mplsTC: UInt32 = 1 << 9
        static let all: UInt32 = 0x3ff
    }
    /// `dl_vlan` of any tag.
    private static let anyVLAN: UInt16 = 0xfffe

    /// What stands behind type and length.
    static func read(_ body: inout OctetReader) throws(OpenFlowErrorCode) -> Match {
        let inPort = try body.u32()
        let wildcards = try body.u32()
        func counts(_ bit: UInt32) -> Bool { wildcards & bit == 0 }
        var match = Match()
        if counts(Wildcard.inPort) {
            guard let port = PortNumber(wide: inPort) else { throw .badMatchValue }
            match.set(.inPort, to: FieldValue(low: UInt64(port.rawValue)))
        }
        for field in [FlowField.ethSrc, .ethDst] {
            let address = try body.u48()
            let ignored = try body.u48()
            setMasked(field, address, ignored: ignored, in: &match)
        }
        let vlan = try body.u16()
        let priority = try body.u8()
        if counts(Wildcard.vlan) {
            try setVLAN(vlan, counts(Wildcard.vlanPriority) ? priority : nil, in: &match)
        }
        try body.skip(1)
        let ethType = try body.u16()
        if counts(Wildcard.ethType) { match.set(.ethType, to: FieldValue(low: UInt64(ethType))) }
        try readNetwork(&body, wildcards, into: &match)
        let label = try body.u32()
        let trafficClass = try body.u8()
        try body.skip(3)
        if FlowField.mplsLabel.hasPrerequisites(key: match.key, mask: match.mask) {
            if counts(Wildcard.mplsLabel) {
                match.set(.mplsLabel, to: FieldValue(low: UInt64(label)))
            }
            if counts(Wildcard.mplsTC) {
                match.set(.mplsTC, to: FieldValue(low: UInt64(trafficClass)))
            }
        }
        let metadata = try body.u64()
        setMasked(.metadata, metadata, ignored: try body.u64(), in: &match)
        return match
    }

    private static func setMasked(
        _ field: FlowField, _ value: UInt64, ignored: UInt64, in match: inout Match
    ) {
        let mask = ~ignored & field.exactMask.low
        guard mask != 0 else { return }
        match.set(field, to: FieldValue(low: value & mask), mask: FieldValue(low: mask))
    }

    private static func setVLAN(
        _ id: UInt16, _ priority: UInt8?, in match: inout Match
    ) throws(OpenFlowErrorCode) {
        guard id != FixedMatch.noVLAN else {
            match.set(.vlanTCI, to: FieldValue(low: 0))
            return
        }
        var value = VLANTag.present
        var mask = VLANTag.present
        if id != anyVLAN {
            guard id <= VLANTag.idMask else { throw .badMatchValue }
            value |= id
            mask |= VLANTag.idMask
        }
        if let priority {
            guard priority <= 7 else { throw .badMatchValue }
            value |= UInt16(priority) << VLANTag.priorityShift
            mask |= VLANTag.priorityMask
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
            guard tos & 3 == 0 else { throw .badMatchValue }
            match.set(.nwTOS, to: FieldValue(low: UInt64(tos)))
        }
        let nwProto = try body.u8()
        if isIP || isARP, counts(Wildcard.nwProto) {
            match.set(isIP ? .nwProto : .arpOp, to: FieldValue(low: UInt64(nwProto)))
        }
        for field in [
            isARP ? FlowField.arpSPA : .ipv4Src, isARP ? FlowField.arpTPA : .ipv4Dst,
        ] {
            let address = UInt64(try body.u32())
            let ignored = UInt64(try body.u32())
            if isVersion4 || isARP { setMasked(field, address, ignored: ignored, in: &match) }
        }
        let ports = FixedMatch.Ports(source: try body.u16(), destination: try body.u16())
        ports.set(
            source: counts(Wildcard.tpSrc), destination: counts(Wildcard.tpDst), in: &match)
    }

    static func write(_ match: Match, to writer: inout OctetWriter) {
        var wildcards = Wildcard.all
        /// The value of `field` if it is matched exactly, else 0; notes in the wildcards which.
        func exact(_ field: FlowField?, _ bit: UInt32) -> UInt64 {
            guard let field, field.hasPrerequisites(key: match.key, mask: match.mask),
                let value = match.exactly(field)
            else { return 0 }
            wildcards &= ~bit
            return value
        }
        let isARP = FlowField.arpSPA.hasPrerequisites(key: match.key, mask: match.mask)
        let isVersion4 = FlowField.ipv4Src.hasPrerequisites(key: match.key, mask: match.mask)
        let inPort = PortNumber(UInt16(truncatingIfNeeded: exact(.inPort, Wildcard.inPort)))
        let vlan = FixedMatch.vlan(of: match, anyVLAN: anyVLAN)
        if vlan.id != nil { wildcards &= ~Wildcard.vlan }
        if vlan.priority != nil { wildcards &= ~Wildcard.vlanPriority }
        let ethType = exact(.ethType, Wildcard.ethType)
        let tos = exact(.nwTOS, Wildcard.nwTOS)
        let nwProto = exact(isARP ? .arpOp : .nwProto, Wildcard.nwProto)
        let ports = match.transportFields
        // Which of them count; all sixteen bits are written: see `FixedMatch.Ports`.
        _ = exact(ports?.0, Wildcard.tpSrc)
        _ = exact(ports?.1, Wildcard.tpDst)
        let label = exact(.mplsLabel, Wildcard.mplsLabel)
        let trafficClass = exact(.mplsTC, Wildcard.mplsTC)
        writer.u32(wildcards & Wildcard.inPort == 0 ? inPort.wide : 0)
        writer.u32(wildcards)
        for field in [FlowField.ethSrc, .ethDst] {
            writer.u48(field.read(match.key).low)
            writer.u48(~field.read(match.mask).low & field.exactMask.low)
        }
        writer.u16(vlan.id ?? 0)
        writer.u8(vlan.priority ?? 0)
        writer.u8(0)
        writer.u16(UInt16(truncatingIfNeeded: ethType))
        writer.u8(UInt8(truncatingIfNeeded: tos))
        writer.u8(UInt8(truncatingIfNeeded: nwProto))
        for field in [FlowField.ipv4Src, .ipv4Dst] {
            let isMeant = isARP || isVersion4
            writer.u32(isMeant ? UInt32(truncatingIfNeeded: field.read(match.key).low) : 0)
            writer.u32(isMeant ? ~UInt32(truncatingIfNeeded: field.read(match.mask).low) : ~0)
        }
        writer.u16(wildcards & Wildcard.tpSrc == 0 ? match.key.packet.tpSrc : 0)
        writer.u16(wildcards & Wildcard.tpDst == 0 ? match.key.packet.tpDst : 0)
        writer.u32(UInt32(truncatingIfNeeded: label))
        writer.u8(UInt8(truncatingIfNeeded: trafficClass))
        writer.zeros(3)
        writer.u64(match.key.metadata)
        writer.u64(~match.mask.metadata)
    }

    static func canSay(_ match: Match) -> Bool {
        FixedMatch.canSay(match, write: { write($0, to: &$1) }, read: read)
    }
}
