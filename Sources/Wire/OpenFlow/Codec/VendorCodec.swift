import Flows

// Nicira's messages (vendor 0x2320), the same in every version.

enum VendorCodec {
    static let type: UInt8 = 4

    enum Subtype {
        static let roleRequest: UInt32 = 10
        static let roleReply: UInt32 = 11
        static let setFlowFormat: UInt32 = 12
        static let flowMod: UInt32 = 13
        static let flowRemoved: UInt32 = 14
        static let flowModTableID: UInt32 = 15
        static let setPacketInFormat: UInt32 = 16
        static let packetIn: UInt32 = 17
        static let setAsync: UInt32 = 19
        static let setControllerID: UInt32 = 20
        static let packetIn2: UInt32 = 30
    }

    static func read(
        _ reader: inout OctetReader, _ dialect: OpenFlowDialect
    ) throws(OpenFlowErrorCode) -> OpenFlowMessage.Body {
        guard try reader.u32() == niciraID else { throw .badVendor }
        switch try reader.u32() {
        case Subtype.roleRequest: return .roleRequest(try readRole(&reader))
        case Subtype.roleReply: return .roleReply(try readRole(&reader))
        case Subtype.setFlowFormat:
            let format = try reader.u32()
            guard format == 0 || format == 2 else { throw .notAllowed }
            return .setFlowFormat(format)
        case Subtype.flowMod:
            return .flowMod(
                try FlowCodec.readModNicira(&reader, namesTables: dialect.namesTables))
        case Subtype.flowRemoved:
            return .flowRemoved(try FlowCodec.readRemovedNicira(&reader))
        case Subtype.flowModTableID: return .flowModTableID(try reader.u8() != 0)
        case Subtype.setPacketInFormat:
            guard let format = PacketInFormat(rawValue: try reader.u32()) else {
                throw .notAllowed
            }
            return .setPacketInFormat(format)
        case Subtype.packetIn: return .packetIn(try PacketCodec.readInNicira(&reader))
        case Subtype.packetIn2: return .packetIn(try PacketCodec.readInNicira2(&reader))
        case Subtype.setAsync: return .setAsync(try SwitchCodec.readAsync(&reader))
        case Subtype.setControllerID:
            try reader.skip(6)
            return .setControllerID(try reader.u16())
        default: throw .badSubtype
        }
    }

    /// Nicira counts roles one lower than 1.3, and has no "no change" and no generation.
    private static func readRole(
        _ reader: inout OctetReader
    ) throws(OpenFlowErrorCode) -> RoleRequest {
        let number = try reader.u32()
        guard number <= 2, let role = RoleRequest.Role(rawValue: number + 1) else {
            throw .badRole
        }
        return RoleRequest(role: role)
    }

    static func header(_ subtype: UInt32, to writer: inout OctetWriter) {
        writer.u32(niciraID)
        writer.u32(subtype)
    }

    /// Writes those settings that are Nicira's in 1.0; returns the message's type.
    static func write(_ body: OpenFlowMessage.Body, to writer: inout OctetWriter) -> UInt8 {
        func write(_ subtype: UInt32, _ body: (inout OctetWriter) -> Void) {
            header(subtype, to: &writer)
            body(&writer)
        }
        switch body {
        case .roleRequest(let request):
            write(Subtype.roleRequest) { $0.u32(number(request.role)) }
        case .roleReply(let request):
            write(Subtype.roleReply) { $0.u32(number(request.role)) }
        case .setFlowFormat(let format): write(Subtype.setFlowFormat) { $0.u32(format) }
        case .flowModTableID(let isOn):
            write(Subtype.flowModTableID) {
                $0.u8(isOn ? 1 : 0)
                $0.zeros(7)
            }
        case .setPacketInFormat(let format):
            write(Subtype.setPacketInFormat) { $0.u32(format.rawValue) }
        case .setControllerID(let id):
            write(Subtype.setControllerID) {
                $0.zeros(6)
                $0.u16(id)
            }
        case .setAsync(let config):
            write(Subtype.setAsync) { SwitchCodec.write(config, to: &$0) }
        default: break
        }
        return type
    }

    private static func number(_ role: RoleRequest.Role) -> UInt32 {
        role.rawValue == 0 ? 0 : role.rawValue - 1
    }
}
