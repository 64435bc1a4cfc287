import Flows

// Messages whose bodies are a few numbers.

enum HelloCodec {
    private static let bitmapElement: UInt16 = 1

    /// The versions that a HELLO offers: its bitmap, or all up to the header's.
    static func read(
        _ reader: inout OctetReader, _ headerVersion: UInt8
    ) throws(OpenFlowErrorCode) -> OpenFlowVersions {
        var versions = OpenFlowVersions(upTo: headerVersion)
        while reader.remaining >= 4 {
            let start = reader.position
            let type = try reader.u16()
            let length = Int(try reader.u16())
            guard length >= 4 else { throw .badLength }
            var element = try reader.window(length - 4)
            reader.skipPadding(from: start)
            if type == bitmapElement, element.remaining >= 4 {
                versions = OpenFlowVersions(rawValue: try element.u32())
            }
        }
        return versions
    }

    /// 1.0 alone is said by the header; everything else needs a bitmap (1.3.5 §7.5.1).
    static func write(_ versions: OpenFlowVersions, to writer: inout OctetWriter) {
        guard versions != OpenFlowVersions([.v10]) else { return }
        writer.u16(bitmapElement)
        writer.u16(8)
        writer.u32(versions.rawValue)
    }

    static func headerVersion(_ body: OpenFlowMessage.Body) -> UInt8 {
        guard case .hello(let versions) = body else { return 1 }
        return versions.highest ?? 1
    }
}

enum ErrorCodec {
    /// `OFPET_EXPERIMENTER` of 1.2 and later, and Nicira's way to the same in 1.0 and 1.1.
    private static let experimenterType: UInt16 = 0xffff
    private static let niciraType10: UInt16 = 0xb0c2

    static func read(
        _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> OpenFlowErrorReport {
        let type = try reader.u16()
        let code = try reader.u16()
        var number = OpenFlowErrorCode.Number(type, code)
        let isNicira = version < .v12 && type == niciraType10 && code == 0
        let isExperimenter = version >= .v12 && type == experimenterType
        if isNicira || isExperimenter {
            let vendor = try reader.u32()
            // Vendor 0 is nobody; its numbers would be taken for the standard's.
            guard vendor != 0 else { throw .badVendor }
            number =
                isNicira
                ? .init(vendor: vendor, try reader.u16(), try reader.u16())
                : .init(vendor: vendor, code, 0)
        }
        return OpenFlowErrorReport(number: number, offending: reader.rest(), version: version)
    }

    static func write(
        _ report: OpenFlowErrorReport, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        let number = report.number
        if number.vendor == 0 {
            writer.u16(number.type)
            writer.u16(number.code)
        } else if version < .v12 {
            writer.u16(niciraType10)
            writer.u16(0)
            writer.u32(number.vendor)
            writer.u16(number.type)
            writer.u16(number.code)
        } else {
            writer.u16(experimenterType)
            writer.u16(number.type)
            writer.u32(number.vendor)
        }
        writer.append(report.offending)
    }
}

enum SwitchCodec {
    static func readFeatures(
        _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> SwitchFeatures {
        let id = try reader.u64()
        let buffers = try reader.u32()
        let tables = try reader.u8()
        let auxiliary = try reader.u8()
        try reader.skip(2)
        var features = SwitchFeatures(
            datapathID: id, buffers: buffers, tables: tables,
            auxiliaryID: version < .v13 ? 0 : auxiliary,
            capabilities: .init(rawValue: try reader.u32()))
        let actions = try reader.u32()
        if version == .v10 { features.actions = actions }
        guard version < .v13 else { return features }
        while !reader.isAtEnd { features.ports.append(try PortCodec.read(&reader, version)) }
        return features
    }

    static func write(
        _ features: SwitchFeatures, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        writer.u64(features.datapathID)
        writer.u32(features.buffers)
        writer.u8(features.tables)
        writer.u8(version < .v13 ? 0 : features.auxiliaryID)
        writer.zeros(2)
        writer.u32(features.capabilities.rawValue & (version == .v10 ? 0xe7 : 0x36f))
        writer.u32(version == .v10 ? features.actions : 0)
        guard version < .v13 else { return }
        let room = (Limits.messageByteCount - writer.count) / PortCodec.byteCount13 - 1
        for port in features.ports.prefix(room) { PortCodec.write(port, version, to: &writer) }
    }

    static func readConfig(_ reader: inout OctetReader) throws(OpenFlowErrorCode) -> SwitchConfig {
        let flags = try reader.u16()
        return SwitchConfig(fragments: flags & 3, missSendLength: try reader.u16())
    }

    static func write(_ config: SwitchConfig, to writer: inout OctetWriter) {
        writer.u16(config.fragments)
        writer.u16(config.missSendLength)
    }

    static func readRole(_ reader: inout OctetReader) throws(OpenFlowErrorCode) -> RoleRequest {
        guard let role = RoleRequest.Role(rawValue: try reader.u32()) else { throw .badRole }
        try reader.skip(4)
        return RoleRequest(role: role, generation: try reader.u64())
    }

    static func write(_ request: RoleRequest, to writer: inout OctetWriter) {
        writer.u32(request.role.rawValue)
        writer.zeros(4)
        writer.u64(request.generation ?? .max)
    }

    static func readAsync(_ reader: inout OctetReader) throws(OpenFlowErrorCode) -> AsyncConfig {
        AsyncConfig(
            packetIn: [try reader.u32(), try reader.u32()],
            portStatus: [try reader.u32(), try reader.u32()],
            flowRemoved: [try reader.u32(), try reader.u32()])
    }

    /// 1.4 and later, and NXT_SET_ASYNC_CONFIG2: a property for each kind of message and role.
    /// What is not named is 0.
    static func readAsync14(
        _ reader: inout OctetReader
    ) throws(OpenFlowErrorCode) -> AsyncConfig {
        var config = AsyncConfig(packetIn: [], portStatus: [], flowRemoved: [])
        for list in asyncLists { config[keyPath: list] = [0, 0] }
        try Property.read(&reader) { (type, value) throws(OpenFlowErrorCode) in
            guard Int(type) < 2 * asyncLists.count else { throw .propertyBadType }
            // Even types are for secondary connections, whose index is 1.
            config[keyPath: asyncLists[Int(type) / 2]][type & 1 == 0 ? 1 : 0] = try value.u32()
        }
        return config
    }

    static func writeAsync14(_ config: AsyncConfig, to writer: inout OctetWriter) {
        for (index, list) in asyncLists.enumerated() {
            let masks = config[keyPath: list] + [0, 0]
            for isPrimary in [0, 1] {
                Property.write(UInt16(2 * index + isPrimary), to: &writer) {
                    $0.u32(masks[1 - isPrimary])
                }
            }
        }
    }

    /// In the order of the properties' types.
    private static var asyncLists: [WritableKeyPath<AsyncConfig, [UInt32]>] {
        [
            \.packetIn, \.portStatus, \.flowRemoved, \.roleStatus, \.tableStatus, \.requestForward,
        ]
    }

    static func readRoleStatus(
        _ reader: inout OctetReader
    ) throws(OpenFlowErrorCode) -> RoleStatus {
        guard let role = RoleRequest.Role(rawValue: try reader.u32()) else { throw .badRole }
        guard let reason = RoleStatus.Reason(rawValue: try reader.u8()) else { throw .badReason }
        try reader.skip(3)
        return RoleStatus(role: role, reason: reason, generation: try reader.u64())
    }

    static func write(_ status: RoleStatus, to writer: inout OctetWriter) {
        writer.u32(status.role.rawValue)
        writer.u8(status.reason.rawValue)
        writer.zeros(3)
        writer.u64(status.generation)
    }

    static func write(_ config: AsyncConfig, to writer: inout OctetWriter) {
        for masks in [config.packetIn, config.portStatus, config.flowRemoved] {
            for mask in (masks + [0, 0]).prefix(2) { writer.u32(mask) }
        }
    }
}
