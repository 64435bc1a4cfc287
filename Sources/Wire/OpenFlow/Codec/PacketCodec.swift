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

    /// 1.1 and later: each version told a little more.
    static func readIn(
        _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> PacketIn {
        let buffer = FlowCodec.buffer(try reader.u32())
        var match = Match()
        if version == .v11 {
            guard let port = PortNumber(wide: try reader.u32()) else { throw .badPort }
            match.set(.inPort, to: FieldValue(low: UInt64(port.rawValue)))
            try reader.skip(4)
        }
        let total = Int(try reader.u16())
        let reason = try readReason(&reader)
        let table = try reader.u8()
        let cookie = version >= .v13 ? try reader.u64() : .max
        if version >= .v12 {
            match = try FlowCodec.readMatch(&reader)
            try reader.skip(2)
        }
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
    private enum Kind {
        static let packet: UInt16 = 0
        static let fullLength: UInt16 = 1
        static let bufferID: UInt16 = 2
        static let tableID: UInt16 = 3
        static let cookie: UInt16 = 4
        static let reason: UInt16 = 5
        static let metadata: UInt16 = 6
        static let userdata: UInt16 = 7
        static let continuation: UInt16 = 8
    }

    /// NXT_PACKET_IN2 and NXT_RESUME.
    static func readInNicira2(_ reader: inout OctetReader) throws(OpenFlowErrorCode) -> PacketIn {
        var packet = PacketIn(
            bytes: [], totalByteCount: 0, reason: .noMatch, table: 0, cookie: 0, match: Match(),
            inPort: .none)
        var total: Int?
        try Property.read(&reader) { (type, body) throws(OpenFlowErrorCode) in
            switch type {
            case Kind.packet: packet.bytes = body.rest()
            case Kind.fullLength: total = Int(try body.u32())
            case Kind.bufferID: packet.bufferID = FlowCodec.buffer(try body.u32())
            case Kind.tableID: packet.table = try body.u8()
            case Kind.cookie: packet.cookie = try readPadded64(&body)
            case Kind.reason: packet.reason = try readReason(&body)
            case Kind.metadata: packet.match = try ExtensibleCodec.read(&body).match
            case Kind.userdata: packet.userdata = body.rest()
            case Kind.continuation:
                try body.skip(4)
                packet.continuation = body.rest()
            // What comes later is not for us.
            default: break
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
        if version == .v11 {
            writer.u32(packet.inPort.wide)
            writer.u32(packet.inPort.wide)
        }
        writer.u16(UInt16(clamping: packet.totalByteCount))
        if version == .v10 {
            writer.u16(packet.inPort.rawValue)
            writer.u8(packet.reason.number(in: version))
            writer.u8(0)
        } else {
            writer.u8(packet.reason.number(in: version))
            writer.u8(packet.table)
        }
        if version >= .v13 { writer.u64(packet.cookie) }
        if version >= .v12 {
            FlowCodec.writeMatch(packet.matchWithPort, version, to: &writer)
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

    /// NXT_PACKET_IN2; without userdata also NXT_RESUME.
    static func writeNicira2(
        _ packet: PacketIn, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        func property(_ type: UInt16, _ body: (inout OctetWriter) -> Void) {
            Property.write(type, to: &writer, body: body)
        }
        let extra = packet.userdata.count + (packet.continuation?.count ?? 0)
        property(Kind.packet) { $0.append(packet.bytes.prefix(max(room($0) - 512 - extra, 0))) }
        if packet.totalByteCount != packet.bytes.count {
            property(Kind.fullLength) { $0.u32(UInt32(clamping: packet.totalByteCount)) }
        }
        if let buffer = packet.bufferID { property(Kind.bufferID) { $0.u32(buffer) } }
        property(Kind.tableID) { $0.u8(packet.table) }
        property(Kind.cookie) {
            $0.zeros(4)
            $0.u64(packet.cookie)
        }
        property(Kind.reason) { $0.u8(packet.reason.number(in: version)) }
        property(Kind.metadata) {
            ExtensibleCodec.write(packet.matchWithPort, .of(version), to: &$0)
        }
        if !packet.userdata.isEmpty {
            property(Kind.userdata) { $0.append(packet.userdata.prefix(room($0) / 2)) }
        }
        if let continuation = packet.continuation {
            // Properties within a property begin at a multiple of 8.
            property(Kind.continuation) {
                $0.zeros(4)
                $0.append(continuation.prefix(room($0) / 2))
            }
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
        var port = PortNumber.none
        var match = Match()
        let length: Int
        if version >= .v15 {
            length = Int(try reader.u16())
            try reader.skip(2)
            match = try FlowCodec.readMatch(&reader)
            guard match.hasPipelineFieldsOnly else { throw .requestPipelineFieldsOnly }
            port = match.packetInPort
            guard match.exactly(.inPort) != nil else { throw .badPort }
        } else {
            port = try PortCodec.readNumber(&reader, version, wrong: .badPort)
            length = Int(try reader.u16())
            if version != .v10 { try reader.skip(6) }
        }
        var actions = try reader.window(length, fault: .badActionLength)
        let list = try ActionCodec.read(&actions, version, match: nil)
        guard list.metadata == nil else { throw .badActionVendorType }
        var packet = PacketOut(
            bufferID: buffer, inPort: port, actions: list.actions, bytes: reader.rest())
        if version >= .v15 { packet.match = match.withoutPort }
        return packet
    }

    static func write(
        _ packet: PacketOut, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        writer.u32(FlowCodec.raw(packet.bufferID))
        if version < .v15 { PortCodec.write(packet.inPort, version, to: &writer) }
        let lengthOffset = writer.count
        writer.u16(0)
        if version >= .v15 {
            writer.zeros(2)
            var match = packet.match
            match.set(.inPort, to: FieldValue(low: UInt64(packet.inPort.rawValue)))
            FlowCodec.writeMatch(match, version, to: &writer)
        } else if version != .v10 {
            writer.zeros(6)
        }
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
        let port = UInt64(inPort.rawValue)
        guard match.exactly(.inPort) != port else { return match }
        var match = match
        match.set(.inPort, to: FieldValue(low: port))
        return match
    }
}

extension Match {
    /// The same without a condition on the port.
    fileprivate var withoutPort: Match {
        var mask = mask
        FlowField.inPort.write(FieldValue(low: 0), into: &mask)
        return Match(key: key, mask: mask)
    }

    /// Whether it speaks of nothing that stands in the packet's own bytes (1.5.1 §7.2.3.9).
    fileprivate var hasPipelineFieldsOnly: Bool {
        (3...16).allSatisfy { mask[word: $0] == 0 } && mask.packet.ipv6Label == 0
    }
}

extension PacketIn.Reason {
    /// 1.4 gave the last three numbers of their own; before they are what an action asked for.
    func number(in version: OpenFlowVersion) -> UInt8 {
        version < .v14 && rawValue > Self.invalidTTL.rawValue ? Self.action.rawValue : rawValue
    }
}
