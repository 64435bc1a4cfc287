// Bundles (1.4 §7.3.9; the ONF's extension for 1.3), and messages that carry a message.

enum BundleCodec {
    static func readControl(
        _ reader: inout OctetReader
    ) throws(OpenFlowErrorCode) -> BundleControl {
        let bundle = try reader.u32()
        guard let kind = BundleControl.Kind(rawValue: try reader.u16()) else {
            throw .bundleBadType
        }
        let flags = BundleFlags(rawValue: try reader.u16())
        return BundleControl(bundle: bundle, kind: kind, flags: flags)
    }

    static func write(_ control: BundleControl, to writer: inout OctetWriter) {
        writer.u32(control.bundle)
        writer.u16(control.kind.rawValue)
        writer.u16(control.flags.rawValue)
    }

    /// - Parameter xid: Of the message around, which the message within must have too.
    static func readAddition(
        _ reader: inout OctetReader, _ dialect: OpenFlowDialect, xid: UInt32
    ) throws(OpenFlowErrorCode) -> BundleAddition {
        let bundle = try reader.u32()
        try reader.skip(2)
        let flags = BundleFlags(rawValue: try reader.u16())
        let message = try readMessage(&reader, dialect)
        guard message.xid == xid else { throw .bundleMessageBadXID }
        switch message.body {
        case .flowMod, .groupMod, .portMod, .packetOut: break
        default: throw .bundleMessageUnsupported
        }
        return BundleAddition(bundle: bundle, flags: flags, message: message)
    }

    private static func readMessage(
        _ reader: inout OctetReader, _ dialect: OpenFlowDialect
    ) throws(OpenFlowErrorCode) -> OpenFlowMessage {
        var header = reader
        guard reader.remaining >= Limits.headerByteCount else { throw .bundleMessageBadLength }
        guard try header.u8() == dialect.version.rawValue else { throw .bundleBadVersion }
        let type = try header.u8()
        let length = Int(try header.u16())
        guard length >= Limits.headerByteCount, length <= reader.remaining else {
            throw .bundleMessageBadLength
        }
        // A message within a message holds no third.
        var isOrdinary = OpenFlowDialect.isOrdinary(type)
        if type == VendorCodec.type, length >= 16 {
            try header.skip(4)
            let vendor = try header.u32()
            let subtype = try header.u32()
            isOrdinary =
                vendor == niciraID
                && [VendorCodec.Subtype.flowMod, VendorCodec.Subtype.groupMod].contains(subtype)
        }
        guard isOrdinary else { throw .bundleMessageUnsupported }
        var message = try reader.window(length)
        do throws(OpenFlowFault) {
            return try dialect.decode(message.rest())
        } catch {
            throw error.code
        }
    }

    static func write(
        _ addition: BundleAddition, _ dialect: OpenFlowDialect, to writer: inout OctetWriter
    ) {
        writer.u32(addition.bundle)
        writer.zeros(2)
        writer.u16(addition.flags.rawValue)
        writer.append(dialect.encode(addition.message))
    }

    /// What a request-forward carries: a group or meter mod.
    static func readForwarded(
        _ reader: inout OctetReader, _ dialect: OpenFlowDialect
    ) throws(OpenFlowErrorCode) -> OpenFlowMessage {
        let message = try readMessage(&reader, dialect)
        switch message.body {
        case .groupMod, .meterMod: return message
        default: throw .badType
        }
    }
}
