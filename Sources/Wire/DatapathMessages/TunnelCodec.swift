import CLinuxPacket
import Flows
import Packets

// What a key knows of its tunnel, as `OVS_TUNNEL_KEY_ATTR_*` in a nest of `OVS_KEY_ATTR_TUNNEL`.
//
// Flags are attributes without payload: there or not. A mask that looks at some flags and not at
// others says so in the same way. TTL has no absence in the kernel's keys, so it is always written.

private enum TunnelAttribute {
    static let id = UInt16(OVS_TUNNEL_KEY_ATTR_ID.rawValue)
    static let source = UInt16(OVS_TUNNEL_KEY_ATTR_IPV4_SRC.rawValue)
    static let destination = UInt16(OVS_TUNNEL_KEY_ATTR_IPV4_DST.rawValue)
    static let tos = UInt16(OVS_TUNNEL_KEY_ATTR_TOS.rawValue)
    static let ttl = UInt16(OVS_TUNNEL_KEY_ATTR_TTL.rawValue)
    static let sourcePort = UInt16(OVS_TUNNEL_KEY_ATTR_TP_SRC.rawValue)
    static let destinationPort = UInt16(OVS_TUNNEL_KEY_ATTR_TP_DST.rawValue)
    static let source6 = UInt16(OVS_TUNNEL_KEY_ATTR_IPV6_SRC.rawValue)
    static let destination6 = UInt16(OVS_TUNNEL_KEY_ATTR_IPV6_DST.rawValue)
    static let vxlan = UInt16(OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS.rawValue)
    static let padding = UInt16(OVS_TUNNEL_KEY_ATTR_PAD.rawValue)

    static let flags: [(type: UInt16, bit: UInt16)] = [
        (UInt16(OVS_TUNNEL_KEY_ATTR_DONT_FRAGMENT.rawValue), TunnelFlag.dontFragment),
        (UInt16(OVS_TUNNEL_KEY_ATTR_CSUM.rawValue), TunnelFlag.checksum),
        (UInt16(OVS_TUNNEL_KEY_ATTR_OAM.rawValue), TunnelFlag.oam),
    ]
}

extension FlowMask {
    /// All bits of a tunnel that the nest carries.
    static var tunnelFields: FlowMask {
        var row = FlowMask()
        row.tunnelFlags =
            TunnelFlag.present | TunnelFlag.key | TunnelFlag.oam | TunnelFlag.dontFragment
            | TunnelFlag.checksum
        (row.tunnelTOS, row.tunnelTTL, row.tunnelID) = (.max, .max, .max)
        (row.tunnelSourcePort, row.tunnelDestinationPort) = (.max, .max)
        (row.tunnelSrc, row.tunnelDst) = (IPv4Address(bits: .max), IPv4Address(bits: .max))
        row.tunnelIPv6Src = IPv6Address(high: .max, low: .max)
        row.tunnelIPv6Dst = IPv6Address(high: .max, low: .max)
        row.tunnelGroupPolicy = .max
        return row
    }
}

extension DatagramWriter {
    mutating func putTunnel(_ row: FlowKey) {
        let nest = beginNest(KeyAttribute.tunnel)
        if row.tunnelFlags & TunnelFlag.key != 0 {
            put(TunnelAttribute.id, .network64(row.tunnelID))
        }
        func address(_ type: UInt16, _ address: IPv4Address, _ writer: inout DatagramWriter) {
            if address.bits != 0 { writer.put(type, .networkWord(address.bits)) }
        }
        func address6(_ type: UInt16, _ address: IPv6Address, _ writer: inout DatagramWriter) {
            guard address.high | address.low != 0 else { return }
            var fields = Fields()
            fields.put(address)
            writer.put(type, fields)
        }
        address(TunnelAttribute.source, row.tunnelSrc, &self)
        address(TunnelAttribute.destination, row.tunnelDst, &self)
        address6(TunnelAttribute.source6, row.tunnelIPv6Src, &self)
        address6(TunnelAttribute.destination6, row.tunnelIPv6Dst, &self)
        if row.tunnelTOS != 0 { put(TunnelAttribute.tos, row.tunnelTOS) }
        put(TunnelAttribute.ttl, row.tunnelTTL)
        for flag in TunnelAttribute.flags where row.tunnelFlags & flag.bit != 0 {
            putFlag(flag.type)
        }
        if row.tunnelSourcePort != 0 {
            put(TunnelAttribute.sourcePort, network: row.tunnelSourcePort)
        }
        if row.tunnelDestinationPort != 0 {
            put(TunnelAttribute.destinationPort, network: row.tunnelDestinationPort)
        }
        if row.tunnelGroupPolicy != 0 {
            let options = beginNest(TunnelAttribute.vxlan)
            // OVS_VXLAN_EXT_GBP, the only one.
            put(1, host: row.tunnelGroupPolicy)
            endNest(options, "tunnel options")
        }
        endNest(nest, "tunnel key")
    }
}

extension Fields {
    fileprivate static func network64(_ value: UInt64) -> Fields {
        var fields = Fields()
        fields.put(network: value)
        return fields
    }

    fileprivate static func networkWord(_ value: UInt32) -> Fields {
        var fields = Fields()
        fields.put(network: value)
        return fields
    }
}

extension FlowKey {
    /// Reads the nest into this row.
    ///
    /// - Throws: `.unsupported` for Geneve's and ERSPAN's options, for which the key has no room.
    mutating func readTunnel(
        _ bytes: RawSpan, _ nest: Attribute
    ) throws(DatapathMessageError) {
        tunnelFlags = TunnelFlag.present
        var attributes = AttributeReader(bytes, nest: nest, "OVS_KEY_TUNNEL")
        while let attribute = try attributes.nextAttribute() {
            let at = attribute.offset
            if let flag = TunnelAttribute.flags.first(where: { $0.type == attribute.type }) {
                try bytes.check(attribute, 0, "flag of OVS_TUNNEL_KEY")
                tunnelFlags |= flag.bit
                continue
            }
            switch attribute.type {
            case TunnelAttribute.id:
                try bytes.check(attribute, 8, "OVS_TUNNEL_KEY_ID")
                tunnelID = bytes.bigEndian64(at: at)
                tunnelFlags |= TunnelFlag.key
            case TunnelAttribute.source:
                try bytes.check(attribute, 4, "OVS_TUNNEL_KEY_IPV4_SRC")
                tunnelSrc = IPv4Address(bits: bytes.bigEndian32(at: at))
            case TunnelAttribute.destination:
                try bytes.check(attribute, 4, "OVS_TUNNEL_KEY_IPV4_DST")
                tunnelDst = IPv4Address(bits: bytes.bigEndian32(at: at))
            case TunnelAttribute.source6:
                try bytes.check(attribute, 16, "OVS_TUNNEL_KEY_IPV6_SRC")
                tunnelIPv6Src = bytes.ipv6Address(at: at)
            case TunnelAttribute.destination6:
                try bytes.check(attribute, 16, "OVS_TUNNEL_KEY_IPV6_DST")
                tunnelIPv6Dst = bytes.ipv6Address(at: at)
            case TunnelAttribute.tos:
                try bytes.check(attribute, 1, "OVS_TUNNEL_KEY_TOS")
                tunnelTOS = bytes.octet(at: at)
            case TunnelAttribute.ttl:
                try bytes.check(attribute, 1, "OVS_TUNNEL_KEY_TTL")
                tunnelTTL = bytes.octet(at: at)
            case TunnelAttribute.sourcePort:
                tunnelSourcePort = try bytes.network16(attribute, "OVS_TUNNEL_KEY_TP_SRC")
            case TunnelAttribute.destinationPort:
                tunnelDestinationPort = try bytes.network16(attribute, "OVS_TUNNEL_KEY_TP_DST")
            case TunnelAttribute.vxlan:
                var options = AttributeReader(bytes, nest: attribute, "OVS_TUNNEL_KEY_VXLAN_OPTS")
                while let option = try options.nextAttribute() {
                    tunnelGroupPolicy = try bytes.host32(option, "OVS_VXLAN_EXT_GBP")
                }
            case TunnelAttribute.padding: break
            default:
                throw .unsupported(
                    "OVS_TUNNEL_KEY", type: attribute.type, offset: attribute.start)
            }
        }
    }
}
