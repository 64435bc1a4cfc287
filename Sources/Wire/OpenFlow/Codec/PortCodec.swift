import Packets

// Ports: 48 bytes in 1.0 (§5.2.1), 64 in 1.1 to 1.3 (1.3.5 §7.2.1), 40 and properties from 1.4 on
// (1.5.1 §7.2.1), and where port numbers stand.

enum PortCodec {
    static let byteCount10 = 48
    static let byteCount13 = 64
    private static let nameByteCount = 16
    /// 1.0 has no 40G, 100G and 1T: the kinds of medium follow at once.
    private static let mediumShift10: UInt32 = 7
    private static let mediumShift13: UInt32 = 11

    static func readNumber(
        _ reader: inout OctetReader, _ version: OpenFlowVersion, wrong: OpenFlowErrorCode
    ) throws(OpenFlowErrorCode) -> PortNumber {
        guard version != .v10 else { return PortNumber(try reader.u16()) }
        guard let port = PortNumber(wide: try reader.u32()) else { throw wrong }
        return port
    }

    static func write(
        _ port: PortNumber, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        if version == .v10 { writer.u16(port.rawValue) } else { writer.u32(port.wide) }
    }

    /// The one property of Ethernet, in descriptions, statistics and mods.
    static let ethernetProperty: UInt16 = 0

    static func read(
        _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> PortDescription {
        let number = try readNumber(&reader, version, wrong: .badPort)
        var properties: OctetReader?
        if version >= .v14 {
            let length = Int(try reader.u16())
            var body = try reader.window(length - 6)
            try body.skip(2)
            properties = body
        } else if version != .v10 {
            try reader.skip(4)
        }
        guard var body = properties else {
            var port = try readNames(&reader, number, version)
            try readFeatures(&reader, version, into: &port)
            return port
        }
        var port = try readNames(&body, number, version)
        try Property.read(&body) { (type, value) throws(OpenFlowErrorCode) in
            guard type == ethernetProperty else { return }
            try value.skip(4)
            try readFeatures(&value, version, into: &port)
        }
        return port
    }

    private static func readNames(
        _ reader: inout OctetReader, _ number: PortNumber, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> PortDescription {
        let address = MACAddress(bits: try reader.u48())
        if version != .v10 { try reader.skip(2) }
        var port = PortDescription(
            number: number, address: address, name: try reader.text(nameByteCount))
        port.config = .init(rawValue: try reader.u32())
        port.state = .init(rawValue: try reader.u32())
        return port
    }

    private static func readFeatures(
        _ reader: inout OctetReader, _ version: OpenFlowVersion, into port: inout PortDescription
    ) throws(OpenFlowErrorCode) {
        port.current = features(try reader.u32(), version)
        port.advertised = features(try reader.u32(), version)
        port.supported = features(try reader.u32(), version)
        port.peer = features(try reader.u32(), version)
        guard version != .v10 else { return }
        port.currentSpeedKilobits = try reader.u32()
        port.maxSpeedKilobits = try reader.u32()
    }

    static func write(
        _ port: PortDescription, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        let start = writer.count
        write(port.number, version, to: &writer)
        if version != .v10 { writer.zeros(4) }
        writer.u48(port.address.bits)
        if version != .v10 { writer.zeros(2) }
        writer.text(port.name, nameByteCount)
        writer.u32(port.config.rawValue & (version == .v10 ? 0x7f : 0x65))
        writer.u32(port.state.rawValue & (version == .v10 ? 0x301 : 7))
        guard version >= .v14 else { return writeFeatures(of: port, version, to: &writer) }
        Property.write(ethernetProperty, to: &writer) {
            $0.zeros(4)
            writeFeatures(of: port, version, to: &$0)
        }
        writer.patch16(writer.count - start, at: start + 4)
    }

    private static func writeFeatures(
        of port: PortDescription, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        for features in [port.current, port.advertised, port.supported, port.peer] {
            writer.u32(bits(features, version))
        }
        guard version != .v10 else { return }
        writer.u32(port.currentSpeedKilobits)
        writer.u32(port.maxSpeedKilobits)
    }

    static func features(
        _ bits: UInt32, _ version: OpenFlowVersion
    ) -> PortDescription.Features {
        guard version == .v10 else { return .init(rawValue: bits) }
        let speeds = bits & (1 << mediumShift10 - 1)
        return .init(rawValue: speeds | (bits >> mediumShift10 & 0x1f) << mediumShift13)
    }

    static func bits(
        _ features: PortDescription.Features, _ version: OpenFlowVersion
    ) -> UInt32 {
        guard version == .v10 else { return features.rawValue }
        let speeds = features.rawValue & (1 << mediumShift10 - 1)
        return speeds | (features.rawValue >> mediumShift13 & 0x1f) << mediumShift10
    }

    static func readMod(
        _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> PortMod {
        let number = try readNumber(&reader, version, wrong: .badPortModPort)
        if version != .v10 { try reader.skip(4) }
        let address = MACAddress(bits: try reader.u48())
        if version != .v10 { try reader.skip(2) }
        let config = PortDescription.Config(rawValue: try reader.u32())
        let mask = PortDescription.Config(rawValue: try reader.u32())
        var mod = PortMod(port: number, address: address, config: config, mask: mask)
        guard version >= .v14 else {
            mod.advertise = features(try reader.u32(), version)
            try reader.skip(4)
            return mod
        }
        try Property.read(&reader) { (type, value) throws(OpenFlowErrorCode) in
            guard type == ethernetProperty else { throw .propertyBadType }
            mod.advertise = features(try value.u32(), version)
        }
        return mod
    }

    static func write(_ mod: PortMod, _ version: OpenFlowVersion, to writer: inout OctetWriter) {
        write(mod.port, version, to: &writer)
        if version != .v10 { writer.zeros(4) }
        writer.u48(mod.address.bits)
        if version != .v10 { writer.zeros(2) }
        writer.u32(mod.config.rawValue)
        writer.u32(mod.mask.rawValue)
        guard version >= .v14 else {
            writer.u32(bits(mod.advertise, version))
            return writer.zeros(4)
        }
        guard !mod.advertise.isEmpty else { return }
        Property.write(ethernetProperty, to: &writer) { $0.u32(bits(mod.advertise, version)) }
    }
}
