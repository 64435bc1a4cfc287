import Flows
import Packets

// Actions of OpenFlow 1.3.5 §7.2.5: fields are written by one action, `set_field`.

extension ActionCodec {
    static func read13(
        _ type: UInt16, _ body: inout OctetReader
    ) throws(OpenFlowErrorCode) -> Action {
        switch type {
        case 0:
            guard body.remaining == 12 else { throw .badActionLength }
            guard let port = PortNumber(wide: try body.u32()) else { throw .badActionPort }
            return try output(port, maxLength: try body.u16())
        case 17:
            let type = try body.u16()
            guard type == EtherType.vlan || type == EtherType.serviceVLAN else {
                throw .badActionArgument
            }
            return .pushVLAN(tpid: type)
        case 18: return .stripVLAN
        case 21: return .setQueue(try body.u32())
        case 22: throw .badActionGroup
        case 23: return .setField(.nwTTL, FieldValue(low: UInt64(try body.u8())))
        case 24: return .decrementTTL
        case 25: return try readSetField(&body)
        default: throw .badActionType
        }
    }

    private static func readSetField(
        _ body: inout OctetReader
    ) throws(OpenFlowErrorCode) -> Action {
        let header = try body.u32()
        var entry = try body.window(Int(header & 0xff), fault: .badSetFieldLength)
        guard header & 0x100 == 0 else { throw .badSetFieldType }
        let number = header >> 9
        let field = try ExtensibleCodec.field(
            number: number, body: &entry, unknown: .badSetFieldType)
        let width = ExtensibleCodec.wireByteCount(field, header: number)
        guard entry.remaining == width else { throw .badSetFieldLength }
        let value = try ExtensibleCodec.value(
            of: field, width, &entry, wrong: .badSetFieldArgument)
        if field == .vlanVID, value.low & UInt64(VLANTag.present) == 0 {
            throw .badSetFieldArgument
        }
        return try setField(field, value)
    }

    /// - Parameter hasTag: Whether the packet surely has a VLAN tag at this point.
    static func write13(_ action: Action, hasTag: inout Bool, to writer: inout OctetWriter) {
        switch action {
        case .output(let port, let maxLength):
            writeOutput13(port, maxLength: maxLength, to: &writer)
        case .controller(let action) where action.isPlainOutput:
            writeOutput13(.controller, maxLength: action.maxLength, to: &writer)
        case .setVLANID(let id):
            let value = FieldValue(low: UInt64(id & VLANTag.idMask | VLANTag.present))
            writeTagged(.vlanVID, value, hasTag: &hasTag, to: &writer)
        case .setVLANPriority(let priority):
            let value = FieldValue(low: UInt64(priority))
            writeTagged(.vlanPCP, value, hasTag: &hasTag, to: &writer)
        case .stripVLAN:
            hasTag = false
            write(type: 18, to: &writer) { $0.zeros(4) }
        case .pushVLAN(let tpid):
            hasTag = true
            write(type: 17, to: &writer) { $0.u16(tpid) }
        case .setField(let field, let value, let mask):
            writeSetField(field, value, mask: mask, to: &writer)
        case .enqueue(let port, let queue):
            write(type: 21, to: &writer) { $0.u32(queue) }
            writeOutput13(port, maxLength: .max, to: &writer)
            writeNicira(.popQueue, to: &writer)
        case .setQueue(let queue): write(type: 21, to: &writer) { $0.u32(queue) }
        case .decrementTTL: write(type: 24, to: &writer) { $0.zeros(4) }
        default: writeNicira(action, to: &writer)
        }
    }

    private static func writeOutput13(
        _ port: PortNumber, maxLength: UInt16, to writer: inout OctetWriter
    ) {
        write(type: 0, to: &writer) {
            $0.u32(port.wide)
            $0.u16(maxLength)
            $0.zeros(6)
        }
    }

    /// 1.0's actions on a tag add one if there is none; 1.3's do not.
    private static func writeTagged(
        _ field: FlowField, _ value: FieldValue, hasTag: inout Bool, to writer: inout OctetWriter
    ) {
        if !hasTag { write(type: 17, to: &writer) { $0.u16(EtherType.vlan) } }
        hasTag = true
        writeSetField(field, value, mask: field.exactMask, to: &writer)
    }

    private static func writeSetField(
        _ field: FlowField, _ value: FieldValue, mask: FieldValue, to writer: inout OctetWriter
    ) {
        guard mask.bits & field.exactMask.bits == field.exactMask.bits,
            ExtensibleCodec.number(field, .oxm) != nil
        else {
            for load in Action.loads(field, value, mask: mask) {
                writeNicira(.load(load.range, load.value), to: &writer)
            }
            return
        }
        write(type: 25, to: &writer) {
            ExtensibleCodec.write(field, value, mask: nil, .oxm, to: &$0)
        }
    }
}
