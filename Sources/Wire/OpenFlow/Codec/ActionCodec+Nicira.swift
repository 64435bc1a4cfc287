import Flows
import Packets

// Nicira's actions (vendor 0x2320), the same bytes in every version: reading. And the ONF's
// `copy_field` for 1.3 and 1.4.

extension ActionCodec {
    enum Subtype {
        static let resubmit: UInt16 = 1
        static let setTunnel: UInt16 = 2
        static let setQueue: UInt16 = 4
        static let popQueue: UInt16 = 5
        static let move: UInt16 = 6
        static let load: UInt16 = 7
        static let note: UInt16 = 8
        static let setTunnel64: UInt16 = 9
        static let multipath: UInt16 = 10
        static let bundle: UInt16 = 12
        static let bundleLoad: UInt16 = 13
        static let resubmitTable: UInt16 = 14
        static let outputField: UInt16 = 15
        static let learn: UInt16 = 16
        static let exit: UInt16 = 17
        static let decrementTTL: UInt16 = 18
        static let finTimeout: UInt16 = 19
        static let controller: UInt16 = 20
        static let decrementTTLTelling: UInt16 = 21
        static let writeMetadata: UInt16 = 22
        static let pushMPLS: UInt16 = 23
        static let popMPLS: UInt16 = 24
        static let setMPLSTTL: UInt16 = 25
        static let decrementMPLSTTL: UInt16 = 26
        static let push: UInt16 = 27
        static let pop: UInt16 = 28
        static let sample: UInt16 = 29
        static let setMPLSLabel: UInt16 = 30
        static let setMPLSTC: UInt16 = 31
        static let outputField2: UInt16 = 32
        static let load2: UInt16 = 33
        static let conjunction: UInt16 = 34
        static let conntrack: UInt16 = 35
        static let nat: UInt16 = 36
        static let controller2: UInt16 = 37
        static let sample2: UInt16 = 38
        static let outputTruncated: UInt16 = 39
        static let group: UInt16 = 40
        static let sample3: UInt16 = 41
        static let clone: UInt16 = 42
        static let conntrackClear: UInt16 = 43
        static let resubmitTracked: UInt16 = 44
        static let learn2: UInt16 = 45
        static let encap: UInt16 = 46
        static let decap: UInt16 = 47
        static let decrementNSHTTL: UInt16 = 48
        static let checkPacketLarger: UInt16 = 49
        static let deleteField: UInt16 = 50
    }

    /// `ONFACT_RAW13_COPY_FIELD`.
    private static let onfCopyField: UInt16 = 3200

    static func readExperimenter(
        _ body: inout OctetReader, _ version: OpenFlowVersion, match: Match?, depth: Int,
        into list: inout ActionList
    ) throws(OpenFlowErrorCode) {
        let experimenter = try body.u32()
        if experimenter == openNetworkingFoundationID, version == .v13 || version == .v14 {
            guard try body.u16() == onfCopyField else { throw .badActionVendorType }
            try body.skip(2)
            let widths = try readCopyWidths(&body)
            try body.skip(2)
            list.actions.append(try readCopy(widths, &body))
            return
        }
        guard experimenter == niciraID else { throw .badActionVendor }
        let subtype = try body.u16()
        switch subtype {
        case Subtype.writeMetadata:
            try body.skip(6)
            let value = try body.u64()
            let mask = try body.u64()
            guard list.metadata == nil else { throw .duplicateInstruction }
            list.metadata = Masked(value & mask, mask: mask)
        case Subtype.clone:
            try body.skip(6)
            list.actions.append(.clone(try readNested(&body, version, match, depth)))
        case Subtype.conntrack:
            list.actions.append(
                .conntrack(try readConntrack(&body, version, match: match, depth: depth)))
        default:
            list.actions.append(try readNicira(subtype, &body, version))
        }
    }

    static func readNested(
        _ body: inout OctetReader, _ version: OpenFlowVersion, _ match: Match?, _ depth: Int
    ) throws(OpenFlowErrorCode) -> [Action] {
        var inner = try body.window(body.remaining, fault: .badActionLength)
        let list = try read(&inner, version, match: match, depth: depth + 1)
        guard list.metadata == nil else { throw .badActionArgument }
        return list.actions
    }

    private static func readNicira(
        _ subtype: UInt16, _ body: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> Action {
        switch subtype {
        case Subtype.resubmit:
            return .resubmit(inPort: PortNumber(try body.u16()), table: nil)
        case Subtype.resubmitTable:
            let (port, table) = try readResubmit(&body)
            return .resubmit(inPort: port, table: table)
        case Subtype.resubmitTracked:
            let (port, table) = try readResubmit(&body)
            return .resubmitTracked(inPort: port, table: table)
        case Subtype.setTunnel:
            try body.skip(2)
            return try setField(.tunnelID, FieldValue(low: UInt64(try body.u32())))
        case Subtype.setTunnel64:
            try body.skip(6)
            return try setOwn(.tunnelID, FieldValue(low: try body.u64()), version)
        case Subtype.setQueue:
            try body.skip(2)
            return .setQueue(try body.u32())
        case Subtype.popQueue: return .popQueue
        case Subtype.move where version < .v15: return try readCopy(readCopyWidths(&body), &body)
        case Subtype.load where version < .v15: return try readLoad(&body)
        case Subtype.load2 where version < .v15: return try readLoad2(&body)
        case Subtype.note: return .note(body.rest())
        case Subtype.learn: return .learn(try LearnCodec.read(&body, isSecond: false))
        case Subtype.learn2: return .learn(try LearnCodec.read(&body, isSecond: true))
        case Subtype.exit: return .exit
        case Subtype.decrementTTL where version == .v10: return .decrementTTL
        case Subtype.decrementTTLTelling:
            var ids: [UInt16] = []
            let count = try body.u16()
            try body.skip(4)
            for _ in 0..<count { ids.append(try body.u16()) }
            guard !ids.isEmpty else { throw .badActionArgument }
            return .decrementTTLTelling(ids)
        case Subtype.controller: return try readController(&body)
        case Subtype.controller2: return try readController2(&body)
        case Subtype.group where version == .v10:
            try body.skip(2)
            return .group(try readGroup(&body))
        default:
            if version == .v10, let action = try readMPLS(subtype, &body) { return action }
            let isLater = [Subtype.encap, Subtype.decap, Subtype.decrementNSHTTL].contains(subtype)
            guard version >= .v13 || !isLater else { throw .badActionVendorType }
            return try readLater(subtype, &body)
        }
    }

    private static func readResubmit(
        _ body: inout OctetReader
    ) throws(OpenFlowErrorCode) -> (PortNumber?, UInt8?) {
        let port = PortNumber(try body.u16())
        let table = try body.u8()
        return (port == .inPort ? nil : port, table == 255 ? nil : table)
    }

    /// 1.1 and later have these as their own.
    private static func readMPLS(
        _ subtype: UInt16, _ body: inout OctetReader
    ) throws(OpenFlowErrorCode) -> Action? {
        switch subtype {
        case Subtype.pushMPLS:
            let type = try body.u16()
            guard EtherType.isMPLS(type) else { throw .badActionArgument }
            return .pushMPLS(ethType: type)
        case Subtype.popMPLS: return .popMPLS(ethType: try body.u16())
        case Subtype.decrementMPLSTTL: return .decrementMPLSTTL
        case Subtype.setMPLSTTL: return .setOwn(.mplsTTL, FieldValue(low: UInt64(try body.u8())))
        case Subtype.setMPLSLabel:
            try body.skip(2)
            return try setOwn(.mplsLabel, FieldValue(low: UInt64(try body.u32())), .v10)
        case Subtype.setMPLSTC:
            return try setOwn(.mplsTC, FieldValue(low: UInt64(try body.u8())), .v10)
        default: return nil
        }
    }

    private static func readController(
        _ body: inout OctetReader
    ) throws(OpenFlowErrorCode) -> Action {
        let maxLength = try body.u16()
        let id = try body.u16()
        return .controller(
            ControllerAction(
                maxLength: maxLength, controllerID: id, reason: try readReason(&body)))
    }

    private static func readReason(
        _ body: inout OctetReader
    ) throws(OpenFlowErrorCode) -> PacketIn.Reason {
        guard let reason = PacketIn.Reason(rawValue: try body.u8()) else {
            throw .badActionArgument
        }
        return reason
    }

    private static func readController2(
        _ body: inout OctetReader
    ) throws(OpenFlowErrorCode) -> Action {
        guard try body.value(6).isZero else { throw .actionMustBeZero }
        var action = ControllerAction()
        try Property.read(&body) { (type, value) throws(OpenFlowErrorCode) in
            switch type {
            case Property.Controller.maxLength: action.maxLength = try value.u16()
            case Property.Controller.id: action.controllerID = try value.u16()
            case Property.Controller.reason: action.reason = try readReason(&value)
            case Property.Controller.userdata: action.userdata = value.rest()
            case Property.Controller.pause: action.pauses = true
            case Property.Controller.meter: action.meter = try value.u32()
            default: throw .propertyBadType
            }
        }
        return .controller(action)
    }

    private static func readLoad(_ body: inout OctetReader) throws(OpenFlowErrorCode) -> Action {
        let (offset, width) = offsetAndWidth(try body.u16())
        let range = try range(try body.u32(), offset: offset, width: width)
        let value = FieldValue(low: try body.u64())
        guard range.field.isWritable, value.bits & ~FieldValue.ones(width).bits == 0 else {
            throw .badSetFieldArgument
        }
        return .load(range, value)
    }

    private static func readLoad2(_ body: inout OctetReader) throws(OpenFlowErrorCode) -> Action {
        try body.skip(6)
        let header = try body.u32()
        var entry = try body.window(Int(header & 0xff), fault: .badSetFieldLength)
        let number = header >> 9
        let field = try ExtensibleCodec.field(
            number: number, body: &entry, unknown: .badSetFieldType)
        let width = ExtensibleCodec.wireByteCount(field, header: number)
        guard entry.remaining == (header & 0x100 == 0 ? width : 2 * width) else {
            throw .badSetFieldLength
        }
        let value = try ExtensibleCodec.value(
            of: field, width, &entry, wrong: .badSetFieldArgument)
        let ones = FieldValue.ones(field.width).bits
        let mask: FieldValue? =
            entry.isAtEnd ? nil : FieldValue(bits: try entry.value(width).bits & ones)
        return try setField(field, value, mask: mask)
    }

    // Bits of fields.

    /// 10 bits offset, 6 bits width - 1.
    static func offsetAndWidth(_ packed: UInt16) -> (Int, Int) {
        (Int(packed >> 6), Int(packed & 0x3f) + 1)
    }

    static func packed(_ range: FieldRange) -> UInt16 {
        UInt16(truncatingIfNeeded: range.offset << 6 | (range.width - 1))
    }

    /// A range that lies in its field.
    static func range(
        _ header: UInt32, offset: Int, width: Int
    ) throws(OpenFlowErrorCode) -> FieldRange {
        guard let field = ExtensibleCodec.field(number: header >> 9) else {
            throw .badSetFieldType
        }
        guard width > 0, offset <= field.width, width <= field.width - offset else {
            throw .badSetFieldLength
        }
        return FieldRange(field, offset: offset, width: width)
    }

    /// The same of a header in the body, which is longer for an experimenter's field.
    static func readRange(
        offset: Int, width: Int, _ body: inout OctetReader
    ) throws(OpenFlowErrorCode) -> FieldRange {
        let header = try body.u32()
        if header >> 16 == FlowField.experimenterClass {
            guard try body.u32() == openNetworkingFoundationID else { throw .badSetFieldType }
        }
        return try range(header, offset: offset, width: width)
    }

    /// The header by which actions name a field: without a mask.
    static func header(_ field: FlowField) -> UInt32 {
        guard let number = ExtensibleCodec.number(field, .nxm) else { return 0 }
        return number << 9 | UInt32(ExtensibleCodec.wireByteCount(field, header: number))
    }
}
