import Flows
import Packets

// Nicira's actions (vendor 0x2320), the same bytes in every version.

extension ActionCodec {
    private enum Subtype {
        static let resubmit: UInt16 = 1
        static let setQueue: UInt16 = 4
        static let popQueue: UInt16 = 5
        static let move: UInt16 = 6
        static let load: UInt16 = 7
        static let note: UInt16 = 8
        static let resubmitTable: UInt16 = 14
        static let outputField: UInt16 = 15
        static let learn: UInt16 = 16
        static let exit: UInt16 = 17
        static let decrementTTL: UInt16 = 18
        static let controller: UInt16 = 20
        static let writeMetadata: UInt16 = 22
        static let load2: UInt16 = 33
    }

    static func readNicira(
        _ body: inout OctetReader, into list: inout ActionList
    ) throws(OpenFlowErrorCode) {
        guard try body.u32() == niciraID else { throw .badActionVendor }
        let subtype = try body.u16()
        if subtype == Subtype.writeMetadata {
            try body.skip(6)
            let value = try body.u64()
            let mask = try body.u64()
            guard list.metadata == nil else { throw .duplicateInstruction }
            list.metadata = Masked(value & mask, mask: mask)
        } else {
            list.actions.append(try readNicira(subtype, &body))
        }
    }

    private static func readNicira(
        _ subtype: UInt16, _ body: inout OctetReader
    ) throws(OpenFlowErrorCode) -> Action {
        switch subtype {
        case Subtype.resubmit:
            return .resubmit(inPort: PortNumber(try body.u16()), table: nil)
        case Subtype.resubmitTable:
            let port = PortNumber(try body.u16())
            let table = try body.u8()
            return .resubmit(
                inPort: port == .inPort ? nil : port, table: table == 255 ? nil : table)
        case Subtype.setQueue:
            try body.skip(2)
            return .setQueue(try body.u32())
        case Subtype.popQueue: return .popQueue
        case Subtype.move: return try readMove(&body)
        case Subtype.load: return try readLoad(&body)
        case Subtype.load2: return try readLoad2(&body)
        case Subtype.note: return .note(body.rest())
        case Subtype.outputField:
            let (offset, width) = offsetAndWidth(try body.u16())
            let source = try range(try body.u32(), offset: offset, width: width)
            return .outputField(source, maxLength: try body.u16())
        case Subtype.learn: return .learn(try LearnCodec.read(&body))
        case Subtype.exit: return .exit
        case Subtype.decrementTTL: return .decrementTTL
        case Subtype.controller:
            let maxLength = try body.u16()
            let id = try body.u16()
            guard let reason = PacketIn.Reason(rawValue: try body.u8()) else {
                throw .badActionArgument
            }
            return .controller(
                ControllerAction(maxLength: maxLength, controllerID: id, reason: reason))
        default: throw .badActionVendorType
        }
    }

    private static func readMove(_ body: inout OctetReader) throws(OpenFlowErrorCode) -> Action {
        let width = Int(try body.u16())
        let sourceOffset = Int(try body.u16())
        let destinationOffset = Int(try body.u16())
        let source = try range(try body.u32(), offset: sourceOffset, width: width)
        let destination = try range(try body.u32(), offset: destinationOffset, width: width)
        guard destination.field.isWritable else { throw .badActionArgument }
        return .move(source: source, destination: destination)
    }

    private static func readLoad(_ body: inout OctetReader) throws(OpenFlowErrorCode) -> Action {
        let (offset, width) = offsetAndWidth(try body.u16())
        let range = try range(try body.u32(), offset: offset, width: width)
        let value = FieldValue(low: try body.u64())
        guard range.field.isWritable, value.bits & ~FieldValue.ones(width).bits == 0 else {
            throw .badActionArgument
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
        guard let field = FlowField.numbered(header >> 9), width > 0,
            offset <= field.width, width <= field.width - offset
        else { throw .badActionArgument }
        return FieldRange(field, offset: offset, width: width)
    }

    /// The header by which actions name a field: without a mask.
    static func header(_ field: FlowField) -> UInt32 {
        guard let number = ExtensibleCodec.number(field, .nxm) else { return 0 }
        return number << 9 | UInt32(ExtensibleCodec.wireByteCount(field, header: number))
    }

    // Writing.

    private static func writeNicira(
        _ subtype: UInt16, to writer: inout OctetWriter, body: (inout OctetWriter) -> Void
    ) {
        write(type: vendorType, to: &writer) {
            $0.u32(niciraID)
            $0.u16(subtype)
            body(&$0)
        }
    }

    static func writeNicira(metadata: Masked<UInt64>, to writer: inout OctetWriter) {
        writeNicira(Subtype.writeMetadata, to: &writer) {
            $0.zeros(6)
            $0.u64(metadata.value)
            $0.u64(metadata.mask)
        }
    }

    /// Writes those actions that only Nicira's extension has; of others nothing.
    static func writeNicira(_ action: Action, to writer: inout OctetWriter) {
        switch action {
        case .resubmit(let port, let table):
            writeNicira(Subtype.resubmitTable, to: &writer) {
                $0.u16((port ?? .inPort).rawValue)
                $0.u8(table ?? 255)
            }
        case .setQueue(let queue):
            writeNicira(Subtype.setQueue, to: &writer) {
                $0.zeros(2)
                $0.u32(queue)
            }
        case .popQueue: writeNicira(Subtype.popQueue, to: &writer) { $0.zeros(6) }
        case .exit: writeNicira(Subtype.exit, to: &writer) { $0.zeros(6) }
        case .decrementTTL: writeNicira(Subtype.decrementTTL, to: &writer) { $0.zeros(6) }
        case .note(let bytes):
            let room = LearnCodec.longestActionByteCount - 16
            writeNicira(Subtype.note, to: &writer) { $0.append(bytes.prefix(room)) }
        case .controller(let action):
            writeNicira(Subtype.controller, to: &writer) {
                $0.u16(action.maxLength)
                $0.u16(action.controllerID)
                $0.u8(action.reason.rawValue)
            }
        case .load, .move, .outputField, .learn: writeRanges(action, to: &writer)
        default: break
        }
    }

    /// Those that name bits of fields.
    private static func writeRanges(_ action: Action, to writer: inout OctetWriter) {
        switch action {
        case .load(let range, let value):
            let loads = Action.loads(
                range.field, FieldValue(bits: value.bits << UInt128(clamping: range.offset)),
                mask: FieldValue(
                    bits: FieldValue.ones(range.width).bits << UInt128(clamping: range.offset)))
            for load in loads {
                writeNicira(Subtype.load, to: &writer) {
                    $0.u16(packed(load.range))
                    $0.u32(header(load.range.field))
                    $0.u64(load.value.low)
                }
            }
        case .move(let source, let destination):
            writeNicira(Subtype.move, to: &writer) {
                $0.u16(UInt16(clamping: source.width))
                $0.u16(UInt16(clamping: source.offset))
                $0.u16(UInt16(clamping: destination.offset))
                $0.u32(header(source.field))
                $0.u32(header(destination.field))
            }
        case .outputField(let source, let maxLength):
            writeNicira(Subtype.outputField, to: &writer) {
                $0.u16(packed(source))
                $0.u32(header(source.field))
                $0.u16(maxLength)
                $0.zeros(6)
            }
        case .learn(let learn):
            writeNicira(Subtype.learn, to: &writer) { LearnCodec.write(learn, to: &$0) }
        default: break
        }
    }
}
