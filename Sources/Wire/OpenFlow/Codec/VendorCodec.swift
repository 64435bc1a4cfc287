import Flows

// Messages of experimenters: Nicira's (vendor 0x2320), the same in every version, and those of the
// ONF that brought 1.4's messages to 1.3.

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
        static let flowAge: UInt32 = 18
        static let setControllerID: UInt32 = 20
        static let flowMonitorCancel: UInt32 = 21
        static let flowMonitorPaused: UInt32 = 22
        static let flowMonitorResumed: UInt32 = 23
        static let tlvTableMod: UInt32 = 24
        static let tlvTableRequest: UInt32 = 25
        static let tlvTableReply: UInt32 = 26
        static let setAsync2: UInt32 = 27
        static let resume: UInt32 = 28
        static let flushConntrackZone: UInt32 = 29
        static let packetIn2: UInt32 = 30
        static let groupMod: UInt32 = 31
        static let flushConntrack: UInt32 = 32
        static let requestForward: UInt32 = 132
    }

    enum ONFSubtype {
        static let flowMonitorCancel: UInt32 = 1870
        static let flowMonitorPaused: UInt32 = 1871
        static let flowMonitorResumed: UInt32 = 1872
        static let roleStatus: UInt32 = 1911
        static let bundleControl: UInt32 = 2300
        static let bundleAdd: UInt32 = 2301
        static let requestForward: UInt32 = 2350
    }

    static func read(
        _ reader: inout OctetReader, _ dialect: OpenFlowDialect, xid: UInt32
    ) throws(OpenFlowErrorCode) -> OpenFlowMessage.Body {
        let vendor = try reader.u32()
        let subtype = try reader.u32()
        if vendor == openNetworkingFoundationID {
            return try readONF(subtype, &reader, dialect, xid: xid)
        }
        guard vendor == niciraID else { throw .badVendor }
        switch subtype {
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
        case Subtype.setAsync2 where dialect.version < .v14:
            return .setAsync(try SwitchCodec.readAsync14(&reader))
        case Subtype.setControllerID:
            try reader.skip(6)
            return .setControllerID(try reader.u16())
        default: return try readLater(subtype, &reader, dialect)
        }
    }

    private static func readLater(
        _ subtype: UInt32, _ reader: inout OctetReader, _ dialect: OpenFlowDialect
    ) throws(OpenFlowErrorCode) -> OpenFlowMessage.Body {
        let version = dialect.version
        switch subtype {
        case Subtype.flowAge: return .flowAge
        case Subtype.flowMonitorCancel where version < .v13:
            return .flowMonitorCancel(try reader.u32())
        case Subtype.flowMonitorPaused where version < .v13: return .flowMonitorPaused
        case Subtype.flowMonitorResumed where version < .v13: return .flowMonitorResumed
        case Subtype.tlvTableMod:
            guard let command = TLVTableMod.Command(rawValue: try reader.u16()) else {
                throw .tlvTableBadCommand
            }
            try reader.skip(6)
            return .tlvTableMod(TLVTableMod(command, try readMappings(&reader)))
        case Subtype.tlvTableRequest: return .tlvTableRequest
        case Subtype.tlvTableReply:
            var table = TLVTable(maxByteCount: try reader.u32(), maxFields: try reader.u16())
            try reader.skip(10)
            table.mappings = try readMappings(&reader)
            return .tlvTableReply(table)
        case Subtype.resume: return .resume(try PacketCodec.readInNicira2(&reader))
        case Subtype.flushConntrackZone:
            guard try reader.value(6).isZero else { throw .mustBeZero }
            return .flushConntrack(zone: try reader.u16())
        case Subtype.flushConntrack:
            // Of which connections stands here, and in properties; no connection is known.
            try reader.skip(8)
            _ = reader.rest()
            return .flushConntrack(zone: nil)
        case Subtype.groupMod where version == .v10:
            return .groupMod(try GroupCodec.readMod(&reader, .v10))
        case Subtype.requestForward where version < .v13:
            return .requestForward(try BundleCodec.readForwarded(&reader, dialect))
        default: throw .badSubtype
        }
    }

    private static func readONF(
        _ subtype: UInt32, _ reader: inout OctetReader, _ dialect: OpenFlowDialect, xid: UInt32
    ) throws(OpenFlowErrorCode) -> OpenFlowMessage.Body {
        guard dialect.version == .v13 else { throw .badSubtype }
        switch subtype {
        case ONFSubtype.flowMonitorCancel: return .flowMonitorCancel(try reader.u32())
        case ONFSubtype.flowMonitorPaused: return .flowMonitorPaused
        case ONFSubtype.flowMonitorResumed: return .flowMonitorResumed
        case ONFSubtype.roleStatus: return .roleStatus(try SwitchCodec.readRoleStatus(&reader))
        case ONFSubtype.bundleControl: return .bundleControl(try BundleCodec.readControl(&reader))
        case ONFSubtype.bundleAdd:
            return .bundleAdd(try BundleCodec.readAddition(&reader, dialect, xid: xid))
        case ONFSubtype.requestForward:
            return .requestForward(try BundleCodec.readForwarded(&reader, dialect))
        default: throw .badSubtype
        }
    }

    /// Options have 4 to 124 bytes, and 64 fields to be matched by.
    private static func readMappings(
        _ reader: inout OctetReader
    ) throws(OpenFlowErrorCode) -> [TLVMapping] {
        var mappings: [TLVMapping] = []
        while !reader.isAtEnd {
            let mapping = TLVMapping(
                optionClass: try reader.u16(), type: try reader.u8(), byteCount: try reader.u8(),
                index: try reader.u16())
            try reader.skip(2)
            guard mapping.byteCount.isMultiple(of: 4), (4...124).contains(mapping.byteCount) else {
                throw .tlvTableBadOptLength
            }
            guard mapping.index < 64 else { throw .tlvTableBadFieldIndex }
            mappings.append(mapping)
        }
        return mappings
    }

    private static func write(_ mappings: [TLVMapping], to writer: inout OctetWriter) {
        for mapping in mappings.prefix(Limits.buckets) {
            writer.u16(mapping.optionClass)
            writer.u8(mapping.type)
            writer.u8(mapping.byteCount)
            writer.u16(mapping.index)
            writer.zeros(2)
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

    static func headerONF(_ subtype: UInt32, to writer: inout OctetWriter) {
        writer.u32(openNetworkingFoundationID)
        writer.u32(subtype)
    }

    /// Writes what is Nicira's in this version, or the ONF's; returns the message's type.
    static func write(
        _ body: OpenFlowMessage.Body, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) -> UInt8 {
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
        case .groupMod(let mod):
            write(Subtype.groupMod) { GroupCodec.write(mod, .v10, to: &$0) }
        case .flowMonitorCancel, .flowMonitorPaused, .flowMonitorResumed:
            writeMonitor(body, version, to: &writer)
        default: writeLater(body, version, to: &writer)
        }
        return type
    }

    private static func writeMonitor(
        _ body: OpenFlowMessage.Body, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        let isONF = version >= .v13
        func header(_ onf: UInt32, _ nicira: UInt32) {
            if isONF {
                headerONF(onf, to: &writer)
            } else {
                self.header(nicira, to: &writer)
            }
        }
        switch body {
        case .flowMonitorCancel(let id):
            header(ONFSubtype.flowMonitorCancel, Subtype.flowMonitorCancel)
            writer.u32(id)
        case .flowMonitorPaused:
            header(ONFSubtype.flowMonitorPaused, Subtype.flowMonitorPaused)
        default: header(ONFSubtype.flowMonitorResumed, Subtype.flowMonitorResumed)
        }
    }

    private static func writeLater(
        _ body: OpenFlowMessage.Body, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        switch body {
        case .flowAge: header(Subtype.flowAge, to: &writer)
        case .tlvTableMod(let mod):
            header(Subtype.tlvTableMod, to: &writer)
            writer.u16(mod.command.rawValue)
            writer.zeros(6)
            write(mod.mappings, to: &writer)
        case .tlvTableRequest: header(Subtype.tlvTableRequest, to: &writer)
        case .tlvTableReply(let table):
            header(Subtype.tlvTableReply, to: &writer)
            writer.u32(table.maxByteCount)
            writer.u16(table.maxFields)
            writer.zeros(10)
            write(table.mappings, to: &writer)
        case .resume(let packet):
            header(Subtype.resume, to: &writer)
            PacketCodec.writeNicira2(packet, version, to: &writer)
        case .flushConntrack(nil):
            header(Subtype.flushConntrack, to: &writer)
            writer.zeros(8)
        case .flushConntrack(let zone?):
            header(Subtype.flushConntrackZone, to: &writer)
            writer.zeros(6)
            writer.u16(zone)
        default: break
        }
    }

    private static func number(_ role: RoleRequest.Role) -> UInt32 {
        role.rawValue == 0 ? 0 : role.rawValue - 1
    }
}
