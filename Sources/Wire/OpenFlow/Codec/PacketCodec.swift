import Flows

// Packet-in in four forms, and packet-out.

enum PacketCodec {
    private static func readReason(
        _ reader: inout OctetReader
    ) throws(OpenFlowErrorCode) -> PacketIn.Reason {
        guard let reason = PacketIn.Reason(rawValue: try reader.u8()) else { throw .badReason }
        return reason
    }

    static func readIn10(_ reader: inout OctetReader) throws(OpenFlowErrorCode) -> PacketIn {
        let buffer = FlowCodec.buffer(try reader.u32())
        let total = Int(try reader.u16())
        let port = PortNumber(try reader.u16())
        let reason = try readReason(&reader)
        try reader.skip(1)
        var match = Match()
        match.set(.inPort, to: FieldValue(low: UInt64(port.rawValue)))
        return PacketIn(
            bytes: reader.rest(), totalByteCount: total, reason: reason, table: 0, cookie: 0,
            match: match, inPort: port, bufferID: buffer)
    }

    static func readIn13(_ reader: inout OctetReader) throws(OpenFlowErrorCode) -> PacketIn {
        let buffer = FlowCodec.buffer(try reader.u32())
        let total = Int(try reader.u16())
        let reason = try readReason(&reader)
        let table = try reader.u8()
        let cookie = try reader.u64()
        let match = try FlowCodec.readMatch13(&reader)
        try reader.skip(2)
        return PacketIn(
            bytes: reader.rest(), totalByteCount: total, reason: reason, table: table,
            cookie: cookie, match: match, inPort: match.packetInPort, bufferID: buffer)
    }

    static func readInNicira(_ reader: inout OctetReader) throws(OpenFlowErrorCode) -> PacketIn {
        let buffer = FlowCodec.buffer(try reader.u32())
        let total = Int(try reader.u16())
        let reason = try readReason(&reader)
        let table = try reader.u8()
        let cookie = try reader.u64()
        let length = try reader.u16()
        try reader.skip(6)
        let match = try FlowCodec.readNicira(length, &reader).match
        try reader.skip(2)
        return PacketIn(
            bytes: reader.rest(), totalByteCount: total, reason: reason, table: table,
            cookie: cookie, match: match, inPort: match.packetInPort, bufferID: buffer)
    }

    /// Properties of NXT_PACKET_IN2.
    private enum Property {
        static let packet: UInt16 = 0
        static let fullLength: UInt16 = 1
        static let bufferID: UInt16 = 2
        static let tableID: UInt16 = 3
        static let cookie: UInt16 = 4
        static let reason: UInt16 = 5
        static let metadata: UInt16 = 6
    }

    static func readInNicira2(_ reader: inout OctetReader) throws(OpenFlowErrorCode) -> PacketIn {
        var packet = PacketIn(
            bytes: [], totalByteCount: 0, reason: .noMatch, table: 0, cookie: 0, match: Match(),
            inPort: .none)
        var total: Int?
        while !reader.isAtEnd {
            let start = reader.position
            let type = try reader.u16()
            let length = Int(try reader.u16())
            guard length >= 4 else { throw .badLength }
            var body = try reader.window(length - 4)
            reader.skipPadding(from: start)
            switch type {
            case Property.packet: packet.bytes = body.rest()
            case Property.fullLength: total = Int(try body.u32())
            case Property.bufferID: packet.bufferID = FlowCodec.buffer(try body.u32())
            case Property.tableID: packet.table = try body.u8()
            case Property.cookie: packet.cookie = try readPadded64(&body)
            case Property.reason: packet.reason = try readReason(&body)
            case Property.metadata: packet.match = try ExtensibleCodec.read(&body).match
            // Userdata, continuations and what comes later: not for us.
            default: continue
            }
        }
        packet.totalByteCount = total ?? packet.bytes.count
        packet.inPort = packet.match.packetInPort
        return packet
    }

    /// A 64-bit property value stands after 4 bytes of padding.
    private static func readPadded64(
        _ body: inout OctetReader
    ) throws(OpenFlowErrorCode) -> UInt64 {
        try body.skip(4)
        return try body.u64()
    }

    static func write(
        _ packet: PacketIn, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        writer.u32(FlowCodec.raw(packet.bufferID))
        writer.u16(UInt16(clamping: packet.totalByteCount))
        if version == .v10 {
            writer.u16(packet.inPort.rawValue)
            writer.u8(packet.reason.rawValue)
            writer.u8(0)
        } else {
            writer.u8(packet.reason.rawValue)
            writer.u8(packet.table)
            writer.u64(packet.cookie)
            FlowCodec.writeMatch13(packet.matchWithPort, to: &writer)
            writer.zeros(2)
        }
        writer.append(packet.bytes.prefix(room(writer)))
    }

    static func writeNicira(_ packet: PacketIn, to writer: inout OctetWriter) {
        writer.u32(FlowCodec.raw(packet.bufferID))
        writer.u16(UInt16(clamping: packet.totalByteCount))
        writer.u8(packet.reason.rawValue)
        writer.u8(packet.table)
        writer.u64(packet.cookie)
        let lengthOffset = writer.count
        writer.u16(0)
        writer.zeros(6)
        FlowCodec.writeNicira(packet.matchWithPort, lengthAt: lengthOffset, to: &writer)
        writer.zeros(2)
        writer.append(packet.bytes.prefix(room(writer)))
    }

    static func writeNicira2(_ packet: PacketIn, to writer: inout OctetWriter) {
        func property(_ type: UInt16, _ body: (inout OctetWriter) -> Void) {
            let start = writer.count
            writer.u16(type)
            writer.u16(0)
            body(&writer)
            writer.patch16(writer.count - start, at: start + 2)
            writer.pad(from: start)
        }
        property(Property.packet) { $0.append(packet.bytes.prefix(room($0) - 512)) }
        if packet.totalByteCount != packet.bytes.count {
            property(Property.fullLength) { $0.u32(UInt32(clamping: packet.totalByteCount)) }
        }
        if let buffer = packet.bufferID { property(Property.bufferID) { $0.u32(buffer) } }
        property(Property.tableID) { $0.u8(packet.table) }
        property(Property.cookie) {
            $0.zeros(4)
            $0.u64(packet.cookie)
        }
        property(Property.reason) { $0.u8(packet.reason.rawValue) }
        property(Property.metadata) {
            ExtensibleCodec.write(packet.matchWithPort, .nxm, to: &$0)
        }
    }

    /// How many bytes of a packet still fit the message.
    private static func room(_ writer: OctetWriter) -> Int {
        Limits.messageByteCount - 1024 - min(writer.count, 4096)
    }

    static func readOut(
        _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> PacketOut {
        let buffer = FlowCodec.buffer(try reader.u32())
        let port = try PortCodec.readNumber(&reader, version, wrong: .badPort)
        let length = Int(try reader.u16())
        if version != .v10 { try reader.skip(6) }
        var actions = try reader.window(length, fault: .badActionLength)
        let list = try ActionCodec.read(&actions, version, match: nil)
        guard list.metadata == nil else { throw .badActionVendorType }
        return PacketOut(
            bufferID: buffer, inPort: port, actions: list.actions, bytes: reader.rest())
    }

    static func write(
        _ packet: PacketOut, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        writer.u32(FlowCodec.raw(packet.bufferID))
        PortCodec.write(packet.inPort, version, to: &writer)
        let lengthOffset = writer.count
        writer.u16(0)
        if version != .v10 { writer.zeros(6) }
        let start = writer.count
        ActionCodec.write(packet.actions, version, match: nil, to: &writer)
        writer.patch16(writer.count - start, at: lengthOffset)
        writer.append(packet.bytes)
    }
}

extension Match {
    fileprivate var packetInPort: PortNumber {
        PortNumber(UInt16(truncatingIfNeeded: exactly(.inPort) ?? UInt64(PortNumber.none.rawValue)))
    }
}

extension PacketIn {
    /// The fields told, with the port among them in any case.
    fileprivate var matchWithPort: Match {
        var match = match
        match.set(.inPort, to: FieldValue(low: UInt64(inPort.rawValue)))
        return match
    }
}
