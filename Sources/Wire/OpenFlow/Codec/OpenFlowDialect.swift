import Flows

// How two ends have agreed to write messages: the version, and Nicira's settings of it.
//
// A dialect is a value: whoever owns the connection keeps one, changes it when HELLOs or settings
// say so, and hands it every message. Types of messages are numbered here; their bodies are read
// and written by the codecs beside.

/// Reads and writes the messages of one connection.
public struct OpenFlowDialect: Hashable, Sendable {
    public var version: OpenFlowVersion
    /// Whether 1.0's flow mods carry a table (NXT_FLOW_MOD_TABLE_ID).
    public var namesTables = false
    /// Whether 1.0's flow-removed tells Nicira's match (NXT_SET_FLOW_FORMAT with 2).
    public var usesExtendedMatch = false
    public var packetInFormat = PacketInFormat.standard

    public init(_ version: OpenFlowVersion) { self.version = version }

    /// Takes over what a message of the peer sets; of others nothing.
    public mutating func adopt(_ body: OpenFlowMessage.Body) {
        switch body {
        case .flowModTableID(let isOn): namesTables = isOn
        case .setFlowFormat(let format): usesExtendedMatch = format != 0
        case .setPacketInFormat(let format): packetInFormat = format
        default: break
        }
    }

    // Reading.

    /// The message in `bytes`, one whole message as `OpenFlowFraming` gives it. Never traps.
    ///
    /// - Throws: `OpenFlowFault`, whose `reply` is the OFPT_ERROR to send back. A HELLO or ERROR
    ///   should not be answered so.
    public func decode(_ bytes: [UInt8]) throws(OpenFlowFault) -> OpenFlowMessage {
        var xid: UInt32 = 0
        do throws(OpenFlowErrorCode) {
            var reader = OctetReader(bytes)
            let number = try reader.u8()
            let type = try reader.u8()
            let length = try reader.u16()
            xid = try reader.u32()
            guard Int(length) == bytes.count else { throw .badLength }
            if type == 0 {
                return OpenFlowMessage(xid: xid, .hello(try HelloCodec.read(&reader, number)))
            }
            // Before a version is agreed on, errors and echoes may come in any that there is.
            let isEarly = (1...3).contains(type) && OpenFlowVersion(rawValue: number) != nil
            guard number == version.rawValue || isEarly else { throw .badVersion }
            return OpenFlowMessage(xid: xid, try readBody(type, &reader, xid: xid))
        } catch {
            throw OpenFlowFault(
                code: error, xid: xid, version: version,
                offending: Array(bytes.prefix(Limits.errorDataByteCount)))
        }
    }

    private func readBody(
        _ type: UInt8, _ reader: inout OctetReader, xid: UInt32
    ) throws(OpenFlowErrorCode) -> OpenFlowMessage.Body {
        switch type {
        case 1: return .error(try ErrorCodec.read(&reader, version))
        case 2: return .echoRequest(reader.rest())
        case 3: return .echoReply(reader.rest())
        case 4: return try VendorCodec.read(&reader, self, xid: xid)
        case 5: return .featuresRequest
        case 6: return .featuresReply(try SwitchCodec.readFeatures(&reader, version))
        case 7: return .getConfigRequest
        case 8: return .getConfigReply(try SwitchCodec.readConfig(&reader))
        case 9: return .setConfig(try SwitchCodec.readConfig(&reader))
        case 10:
            return .packetIn(
                version == .v10
                    ? try PacketCodec.readIn10(&reader) : try PacketCodec.readIn(&reader, version))
        case 11:
            return .flowRemoved(
                version == .v10
                    ? try FlowCodec.readRemoved10(&reader)
                    : try FlowCodec.readRemoved(&reader, version))
        case 12:
            guard let reason = PortStatus.Reason(rawValue: try reader.u8()) else {
                throw .badReason
            }
            try reader.skip(7)
            return .portStatus(
                PortStatus(reason: reason, port: try PortCodec.read(&reader, version)))
        case 13: return .packetOut(try PacketCodec.readOut(&reader, version))
        case 14:
            return .flowMod(
                version == .v10
                    ? try FlowCodec.readMod10(&reader, namesTables: namesTables)
                    : try FlowCodec.readMod(&reader, version))
        default:
            return version == .v10
                ? try readBody10(type, &reader) : try readBody11(type, &reader, xid: xid)
        }
    }

    private func readBody10(
        _ type: UInt8, _ reader: inout OctetReader
    ) throws(OpenFlowErrorCode) -> OpenFlowMessage.Body {
        switch type {
        case 15: return .portMod(try PortCodec.readMod(&reader, .v10))
        case 16: return .statisticsRequest(try StatisticsCodec.readRequest(&reader, .v10))
        case 17: return try StatisticsCodec.readReply(&reader, .v10)
        case 18: return .barrierRequest
        case 19: return .barrierReply
        case 20: return .queueConfigRequest(try QueueCodec.readRequest(&reader, .v10))
        case 21: return try QueueCodec.readReply(&reader, .v10)
        default: throw .badType
        }
    }

    /// Numbers of 1.1 and later.
    private func readBody11(
        _ type: UInt8, _ reader: inout OctetReader, xid: UInt32
    ) throws(OpenFlowErrorCode) -> OpenFlowMessage.Body {
        switch type {
        case 15: return .groupMod(try GroupCodec.readMod(&reader, version))
        case 16: return .portMod(try PortCodec.readMod(&reader, version))
        case 17: return .tableMod(try TableSettingsCodec.readMod(&reader, version))
        case 18: return .statisticsRequest(try StatisticsCodec.readRequest(&reader, version))
        case 19: return try StatisticsCodec.readReply(&reader, version)
        case 20: return .barrierRequest
        case 21: return .barrierReply
        case 22 where version < .v14:
            return .queueConfigRequest(try QueueCodec.readRequest(&reader, version))
        case 23 where version < .v14: return try QueueCodec.readReply(&reader, version)
        case 24 where version >= .v12: return .roleRequest(try SwitchCodec.readRole(&reader))
        case 25 where version >= .v12: return .roleReply(try SwitchCodec.readRole(&reader))
        case 26 where version >= .v13: return .getAsyncRequest
        case 27 where version >= .v13: return .getAsyncReply(try readAsync(&reader))
        case 28 where version >= .v13: return .setAsync(try readAsync(&reader))
        case 29 where version >= .v13: return .meterMod(try MeterCodec.readMod(&reader))
        default:
            guard version >= .v14 else { throw .badType }
            return try readBody14(type, &reader, xid: xid)
        }
    }

    private func readBody14(
        _ type: UInt8, _ reader: inout OctetReader, xid: UInt32
    ) throws(OpenFlowErrorCode) -> OpenFlowMessage.Body {
        switch type {
        case 30: return .roleStatus(try SwitchCodec.readRoleStatus(&reader))
        case 31: return .tableStatus(try TableSettingsCodec.readStatus(&reader))
        case 32: return .requestForward(try BundleCodec.readForwarded(&reader, self))
        case 33: return .bundleControl(try BundleCodec.readControl(&reader))
        case 34: return .bundleAdd(try BundleCodec.readAddition(&reader, self, xid: xid))
        default: throw .badType
        }
    }

    private func readAsync(
        _ reader: inout OctetReader
    ) throws(OpenFlowErrorCode) -> AsyncConfig {
        version >= .v14
            ? try SwitchCodec.readAsync14(&reader) : try SwitchCodec.readAsync(&reader)
    }

    /// Whether a message of this type holds no other message.
    static func isOrdinary(_ type: UInt8) -> Bool { type < 32 && type != VendorCodec.type }

    // Writing.

    /// The bytes of `message`: one message, or for a long statistics reply as many as it takes.
    /// What the version cannot say is left out; `unsayable` tells beforehand.
    public func encode(_ message: OpenFlowMessage) -> [UInt8] {
        if case .statisticsReply(let reply, let more) = message.body {
            let type: UInt8 = version == .v10 ? 17 : 19
            return StatisticsCodec.bodies(of: reply, version, more: more).flatMap {
                frame(type, message.xid, $0)
            }
        }
        var writer = OctetWriter()
        writeHeader(message.xid, to: &writer)
        let type = writeBody(message.body, to: &writer)
        let version = type == 0 ? HelloCodec.headerVersion(message.body) : nil
        return finish(&writer, type, version: version)
    }

    private func frame(_ type: UInt8, _ xid: UInt32, _ body: OctetWriter) -> [UInt8] {
        var writer = OctetWriter()
        writeHeader(xid, to: &writer)
        writer.append(body.bytes)
        return finish(&writer, type)
    }

    /// A header whose type and length are not known yet.
    private func writeHeader(_ xid: UInt32, to writer: inout OctetWriter) {
        writer.u8(version.rawValue)
        writer.zeros(3)
        writer.u32(xid)
    }

    private func finish(
        _ writer: inout OctetWriter, _ type: UInt8, version number: UInt8? = nil
    ) -> [UInt8] {
        writer.cut(to: Limits.messageByteCount)
        if let number { writer.patch8(number, at: 0) }
        writer.patch8(type, at: 1)
        writer.patch16(writer.count, at: 2)
        return writer.bytes
    }

    /// Writes the body and returns the message's type.
    private func writeBody(
        _ body: OpenFlowMessage.Body, to writer: inout OctetWriter
    ) -> UInt8 {
        switch body {
        case .hello(let versions):
            HelloCodec.write(versions, to: &writer)
            return 0
        case .error(let report):
            ErrorCodec.write(report, version, to: &writer)
            return 1
        case .echoRequest(let data):
            writer.append(data)
            return 2
        case .echoReply(let data):
            writer.append(data)
            return 3
        case .featuresRequest: return 5
        case .featuresReply(let features):
            SwitchCodec.write(features, version, to: &writer)
            return 6
        case .getConfigRequest: return 7
        case .getConfigReply(let config):
            SwitchCodec.write(config, to: &writer)
            return 8
        case .setConfig(let config):
            SwitchCodec.write(config, to: &writer)
            return 9
        case .packetIn(let packet): return write(packet, to: &writer)
        case .flowRemoved(let removed): return write(removed, to: &writer)
        case .portStatus(let status):
            writer.u8(status.reason.rawValue)
            writer.zeros(7)
            PortCodec.write(status.port, version, to: &writer)
            return 12
        case .packetOut(let packet):
            PacketCodec.write(packet, version, to: &writer)
            return 13
        case .flowMod(let mod): return write(mod, to: &writer)
        case .portMod(let mod):
            PortCodec.write(mod, version, to: &writer)
            return version == .v10 ? 15 : 16
        case .statisticsRequest(let request):
            StatisticsCodec.write(request, version, to: &writer)
            return version == .v10 ? 16 : 18
        case .statisticsReply: return version == .v10 ? 17 : 19
        case .barrierRequest: return version == .v10 ? 18 : 20
        case .barrierReply: return version == .v10 ? 19 : 21
        default: return writeSetting(body, to: &writer)
        }
    }
}
