import Flows
import Packets

// Actions of OpenFlow 1.1 (§4.9 there) to 1.5.1 §7.2.8. 1.1 has an action for each field that can
// be written; from 1.2 on one action, `set_field`, writes them all, and those of 1.1 are still
// understood. 1.5 lets it write some bits of a field, and adds `copy_field` and `meter`.

extension ActionCodec {
    /// Types that 1.1 and later share.
    private enum Kind {
        static let output: UInt16 = 0
        static let setVLANID: UInt16 = 1
        static let setVLANPriority: UInt16 = 2
        static let setEthSrc: UInt16 = 3
        static let setEthDst: UInt16 = 4
        static let setIPv4Src: UInt16 = 5
        static let setIPv4Dst: UInt16 = 6
        static let setTOS: UInt16 = 7
        static let setECN: UInt16 = 8
        static let setTransportSrc: UInt16 = 9
        static let setTransportDst: UInt16 = 10
        static let setMPLSLabel: UInt16 = 13
        static let setMPLSTC: UInt16 = 14
        static let setMPLSTTL: UInt16 = 15
        static let decrementMPLSTTL: UInt16 = 16
        static let pushVLAN: UInt16 = 17
        static let popVLAN: UInt16 = 18
        static let pushMPLS: UInt16 = 19
        static let popMPLS: UInt16 = 20
        static let setQueue: UInt16 = 21
        static let group: UInt16 = 22
        static let setTTL: UInt16 = 23
        static let decrementTTL: UInt16 = 24
        static let setField: UInt16 = 25
        static let copyField: UInt16 = 28
        static let meter: UInt16 = 29
    }

    static func readStandard(
        _ type: UInt16, _ body: inout OctetReader, _ version: OpenFlowVersion, match: Match?
    ) throws(OpenFlowErrorCode) -> Action {
        switch type {
        case Kind.output:
            guard body.remaining == 12 else { throw .badActionLength }
            guard let port = PortNumber(wide: try body.u32()) else { throw .badActionPort }
            return try output(port, maxLength: try body.u16())
        case Kind.setVLANID...Kind.setTransportDst, Kind.setMPLSLabel...Kind.setMPLSTTL,
            Kind.setTTL:
            return try readFieldWrite(type, &body, version, match: match)
        case Kind.decrementMPLSTTL: return .decrementMPLSTTL
        case Kind.pushVLAN: return .pushVLAN(tpid: try readType(&body, EtherType.isVLAN))
        case Kind.popVLAN: return .stripVLAN
        case Kind.pushMPLS: return .pushMPLS(ethType: try readType(&body, EtherType.isMPLS))
        case Kind.popMPLS: return .popMPLS(ethType: try body.u16())
        case Kind.setQueue: return .setQueue(try body.u32())
        case Kind.group: return .group(try readGroup(&body))
        case Kind.decrementTTL: return .decrementTTL
        case Kind.setField where version >= .v12: return try readSetField(&body, version)
        case Kind.copyField where version >= .v15:
            let widths = try readCopyWidths(&body)
            try body.skip(2)
            return try readCopy(widths, &body)
        case Kind.meter where version >= .v15:
            let meter = try body.u32()
            guard meter >= 1, meter <= MeterNumber.largest else { throw .actionBadMeter }
            return .meter(meter)
        default: throw .badActionType
        }
    }

    private static func readType(
        _ body: inout OctetReader, _ isKnown: (UInt16) -> Bool
    ) throws(OpenFlowErrorCode) -> UInt16 {
        let type = try body.u16()
        guard isKnown(type) else { throw .badActionArgument }
        return type
    }

    static func readGroup(_ body: inout OctetReader) throws(OpenFlowErrorCode) -> UInt32 {
        let group = try body.u32()
        guard group < GroupNumber.largest else { throw .badActionGroup }
        return group
    }

    /// 1.1's actions for one field each.
    private static func readFieldWrite(
        _ type: UInt16, _ body: inout OctetReader, _ version: OpenFlowVersion, match: Match?
    ) throws(OpenFlowErrorCode) -> Action {
        func low(_ value: some FixedWidthInteger) -> FieldValue { FieldValue(low: UInt64(value)) }
        switch type {
        case Kind.setVLANID:
            let id = try body.u16()
            guard id <= VLANTag.idMask else { throw .badActionArgument }
            return .setField(.vlanVID, low(id | VLANTag.present))
        case Kind.setVLANPriority:
            let priority = try body.u8()
            guard priority <= 7 else { throw .badActionArgument }
            return .setField(.vlanPCP, low(priority))
        case Kind.setTOS:
            let tos = try body.u8()
            guard tos & 3 == 0 else { throw .badActionArgument }
            return .setField(.ipDSCP, low(tos >> 2))
        case Kind.setECN:
            let bits = try body.u8()
            guard bits <= 3 else { throw .badActionArgument }
            return .setField(.nwECN, low(bits))
        case Kind.setEthSrc: return .setField(.ethSrc, low(try body.u48()))
        case Kind.setEthDst: return .setField(.ethDst, low(try body.u48()))
        case Kind.setIPv4Src: return .setField(.ipv4Src, low(try body.u32()))
        case Kind.setIPv4Dst: return .setField(.ipv4Dst, low(try body.u32()))
        case Kind.setTransportSrc:
            return setTransportSource(low(try body.u16()), match)
        case Kind.setTransportDst:
            return setTransportDestination(low(try body.u16()), match)
        case Kind.setMPLSLabel: return try setOwn(.mplsLabel, low(try body.u32()), version)
        case Kind.setMPLSTC: return try setOwn(.mplsTC, low(try body.u8()), version)
        case Kind.setMPLSTTL: return .setOwn(.mplsTTL, low(try body.u8()))
        default: return .setOwn(.nwTTL, low(try body.u8()))
        }
    }

    private static func readSetField(
        _ body: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> Action {
        let header = try body.u32()
        var entry = try body.window(Int(header & 0xff), fault: .badSetFieldLength)
        let hasMask = header & 0x100 != 0
        guard version >= .v15 || !hasMask else { throw .actionBadSetMask }
        let number = header >> 9
        let field = try ExtensibleCodec.field(
            number: number, body: &entry, unknown: .badSetFieldType)
        let width = ExtensibleCodec.wireByteCount(field, header: number)
        guard entry.remaining == (hasMask ? 2 * width : width) else { throw .badSetFieldLength }
        let value = try ExtensibleCodec.value(
            of: field, width, &entry, wrong: .badSetFieldArgument)
        guard hasMask else {
            if field == .vlanVID, value.low & UInt64(VLANTag.present) == 0 {
                throw .badSetFieldArgument
            }
            return try setField(field, value)
        }
        let ones = FieldValue.ones(field.width).bits
        let mask = FieldValue(bits: try entry.value(width).bits & ones)
        guard value.bits & ~mask.bits == 0 else { throw .badSetFieldArgument }
        if mask.bits == ones, field.isWritable, !field.width.isMultiple(of: 8) {
            return .load(FieldRange(field), value)
        }
        return try setField(field, value, mask: mask)
    }

    /// Width, offset in the source, offset in the destination: of `copy_field`, and of Nicira's
    /// `move`.
    static func readCopyWidths(
        _ body: inout OctetReader
    ) throws(OpenFlowErrorCode) -> (width: Int, source: Int, destination: Int) {
        (Int(try body.u16()), Int(try body.u16()), Int(try body.u16()))
    }

    static func readCopy(
        _ place: (width: Int, source: Int, destination: Int), _ body: inout OctetReader
    ) throws(OpenFlowErrorCode) -> Action {
        let source = try readRange(offset: place.source, width: place.width, &body)
        let destination = try readRange(offset: place.destination, width: place.width, &body)
        guard destination.field.isWritable else { throw .badSetFieldArgument }
        return .move(source: source, destination: destination)
    }

    // Writing.

    /// - Parameter hasTag: Whether the packet surely has a VLAN tag at this point.
    static func writeStandard(
        _ action: Action, _ version: OpenFlowVersion, hasTag: inout Bool,
        to writer: inout OctetWriter
    ) {
        switch action {
        case .output(let port, let maxLength):
            writeOutput(port, maxLength: maxLength, to: &writer)
        case .controller(let action) where action.isPlainOutput:
            writeOutput(.controller, maxLength: action.maxLength, to: &writer)
        case .setVLANID(let id):
            let value = FieldValue(low: UInt64(id & VLANTag.idMask | VLANTag.present))
            writeTagged(.vlanVID, value, version, hasTag: &hasTag, to: &writer)
        case .setVLANPriority(let priority):
            let value = FieldValue(low: UInt64(priority))
            writeTagged(.vlanPCP, value, version, hasTag: &hasTag, to: &writer)
        case .stripVLAN:
            hasTag = false
            write(type: Kind.popVLAN, to: &writer) { $0.zeros(4) }
        case .pushVLAN(let tpid):
            hasTag = true
            write(type: Kind.pushVLAN, to: &writer) { $0.u16(tpid) }
        case .pushMPLS(let type): write(type: Kind.pushMPLS, to: &writer) { $0.u16(type) }
        case .popMPLS(let type): write(type: Kind.popMPLS, to: &writer) { $0.u16(type) }
        case .decrementMPLSTTL: write(type: Kind.decrementMPLSTTL, to: &writer) { $0.zeros(4) }
        case .setField(let field, let value, let mask):
            writeSetField(field, value, mask: mask, version, to: &writer)
        case .setOwn(let field, let value):
            writeOwn(field, value, version, to: &writer)
        case .load(let range, _) where version >= .v15:
            guard let write = action.fieldWrite else { break }
            // With a mask, but where that is all ones on the wire.
            let fillsBytes = range.width == range.field.width && range.width.isMultiple(of: 8)
            writeMasked(
                write.field, write.value, mask: fillsBytes ? nil : write.mask, version, to: &writer)
        case .move(let source, let destination) where version >= .v15:
            write(type: Kind.copyField, to: &writer) {
                $0.u16(UInt16(clamping: source.width))
                $0.u16(UInt16(clamping: source.offset))
                $0.u16(UInt16(clamping: destination.offset))
                $0.zeros(2)
                ExtensibleCodec.writeHeader(source.field, .of(version), to: &$0)
                ExtensibleCodec.writeHeader(destination.field, .of(version), to: &$0)
            }
        case .enqueue(let port, let queue):
            write(type: Kind.setQueue, to: &writer) { $0.u32(queue) }
            writeOutput(port, maxLength: .max, to: &writer)
            writeNicira(.popQueue, version, to: &writer)
        case .setQueue(let queue): write(type: Kind.setQueue, to: &writer) { $0.u32(queue) }
        case .group(let group): write(type: Kind.group, to: &writer) { $0.u32(group) }
        case .meter(let meter):
            // An instruction before 1.5, written by `InstructionCodec`.
            if version >= .v15 { write(type: Kind.meter, to: &writer) { $0.u32(meter) } }
        case .decrementTTL: write(type: Kind.decrementTTL, to: &writer) { $0.zeros(4) }
        default: writeNicira(action, version, to: &writer)
        }
    }

    private static func writeOutput(
        _ port: PortNumber, maxLength: UInt16, to writer: inout OctetWriter
    ) {
        write(type: Kind.output, to: &writer) {
            $0.u32(port.wide)
            $0.u16(maxLength)
            $0.zeros(6)
        }
    }

    /// 1.0's actions on a tag add one if there is none; later ones do not.
    private static func writeTagged(
        _ field: FlowField, _ value: FieldValue, _ version: OpenFlowVersion,
        hasTag: inout Bool, to writer: inout OctetWriter
    ) {
        if !hasTag { write(type: Kind.pushVLAN, to: &writer) { $0.u16(EtherType.vlan) } }
        hasTag = true
        writeSetField(field, value, mask: field.exactMask, version, to: &writer)
    }

    private static func writeSetField(
        _ field: FlowField, _ value: FieldValue, mask: FieldValue, _ version: OpenFlowVersion,
        to writer: inout OctetWriter
    ) {
        let isWhole = mask.bits & field.exactMask.bits == field.exactMask.bits
        if isWhole, version < .v12, field == .nwTTL {
            writeOwn(field, value, version, to: &writer)
        } else if version < .v12, isWhole, field == .tunnelID {
            writeTunnel(value.low, to: &writer)
        } else if version < .v12, let legacy = LegacyWrite(field, value, mask: mask),
            legacy.exists(in: version)
        {
            legacy.write(version, to: &writer)
        } else if version >= .v12, isWhole || version >= .v15 {
            writeMasked(field, value, mask: isWhole ? nil : mask, version, to: &writer)
        } else {
            for load in Action.loads(field, value, mask: mask) {
                writeNicira(.load(load.range, load.value), version, to: &writer)
            }
        }
    }

    /// `set_field`; `mask` nil: the whole field. A port is Nicira's of 16 bits, as in Open vSwitch.
    private static func writeMasked(
        _ field: FlowField, _ value: FieldValue, mask: FieldValue?, _ version: OpenFlowVersion,
        to writer: inout OctetWriter
    ) {
        let kind: ExtensibleKind = field == .inPort ? .nxm : .of(version)
        write(type: Kind.setField, to: &writer) {
            ExtensibleCodec.write(field, value, mask: mask, kind, to: &$0)
        }
    }

    /// An action for this field alone, where the version has one, or what stands in for it.
    private static func writeOwn(
        _ field: FlowField, _ value: FieldValue, _ version: OpenFlowVersion,
        to writer: inout OctetWriter
    ) {
        let byte = UInt8(truncatingIfNeeded: value.low)
        switch field {
        case .nwTTL: write(type: Kind.setTTL, to: &writer) { $0.u8(byte) }
        case .mplsTTL: write(type: Kind.setMPLSTTL, to: &writer) { $0.u8(byte) }
        case .tunnelID where version < .v12: writeTunnel64(value.low, to: &writer)
        default: writeSetField(field, value, mask: field.exactMask, version, to: &writer)
        }
    }
}

extension EtherType {
    static func isVLAN(_ type: UInt16) -> Bool { type == vlan || type == serviceVLAN }
    static func isMPLS(_ type: UInt16) -> Bool { type == mpls || type == mplsMulticast }
}
