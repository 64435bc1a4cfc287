import Packets

// The headers and fields of the text, in the order in which they are printed.

/// 128 bits, enough for every field.
struct WideNumber: Hashable, Sendable {
    var high: UInt64 = 0
    var low: UInt64
    static func & (a: Self, b: Self) -> Self {
        WideNumber(high: a.high & b.high, low: a.low & b.low)
    }
}

/// One `name=value` of a header.
struct TextField: Sendable {
    enum Form: Sendable {
        case decimal, hexadecimal, mac, ipv4, ipv6, fragment, tcpFlags
    }
    /// Empty for a header that is its only field, as in `in_port(2)`.
    var name: String
    var form: Form
    /// All bits that the field has.
    var full: WideNumber
    var read: @Sendable (FlowKey) -> WideNumber
    var write: @Sendable (inout FlowKey, WideNumber) -> Void

    static func number<
        Value: FixedWidthInteger & UnsignedInteger & Sendable & SendableMetatype
    >(
        _ name: String, _ form: Form, _ path: WritableKeyPath<FlowKey, Value> & Sendable,
        full: Value = .max, shift: Int = 0
    ) -> TextField {
        TextField(
            name: name, form: form, full: WideNumber(low: UInt64(full)),
            read: { WideNumber(low: UInt64($0[keyPath: path] >> shift & full)) },
            write: { row, value in
                row[keyPath: path] &= ~(full << shift)
                row[keyPath: path] |= Value(truncatingIfNeeded: value.low) << shift
            })
    }

    static func mac(_ name: String, _ path: WritableKeyPath<FlowKey, MACAddress> & Sendable)
        -> TextField
    {
        TextField(
            name: name, form: .mac, full: WideNumber(low: MACAddress.broadcast.bits),
            read: { WideNumber(low: $0[keyPath: path].bits) },
            write: { $0[keyPath: path] = MACAddress(bits: $1.low) })
    }

    static func ipv4(_ name: String, _ path: WritableKeyPath<FlowKey, IPv4Address> & Sendable)
        -> TextField
    {
        TextField(
            name: name, form: .ipv4, full: WideNumber(low: UInt64(UInt32.max)),
            read: { WideNumber(low: UInt64($0[keyPath: path].bits)) },
            write: {
                $0[keyPath: path] = IPv4Address(bits: UInt32(truncatingIfNeeded: $1.low))
            })
    }

    static func ipv6(_ name: String, _ path: WritableKeyPath<FlowKey, IPv6Address> & Sendable)
        -> TextField
    {
        TextField(
            name: name, form: .ipv6, full: WideNumber(high: .max, low: .max),
            read: { WideNumber(high: $0[keyPath: path].high, low: $0[keyPath: path].low) },
            write: { $0[keyPath: path] = IPv6Address(high: $1.high, low: $1.low) })
    }
}

struct TextHeader: Sendable {
    var name: String
    var fields: [TextField]

    /// `name=value` or `name=value/mask` for each field that the mask looks at.
    func text(_ key: FlowKey, _ mask: FlowMask, verbose: Bool) -> String {
        fields.compactMap { field in
            let bits = field.read(mask) & field.full
            guard verbose || bits != WideNumber(low: 0) else { return nil }
            let value = field.form.text(field.read(key), isMask: false)
            let isExact = bits == field.full || field.form == .fragment
            let mask = isExact ? "" : "/" + field.form.text(bits, isMask: true)
            return (field.name.isEmpty ? "" : field.name + "=") + value + mask
        }.joined(separator: ",")
    }

    static let presentBit = 12

    /// `vid=…,pcp=…`, and `cfi` where it is not simply there.
    static func tag(_ tci: UInt16, _ mask: UInt16, verbose: Bool) -> String {
        var parts: [String] = []
        func add(_ name: String, _ value: UInt16, _ mask: UInt16, _ full: UInt16) {
            guard verbose || mask != 0 else { return }
            parts.append("\(name)=\(value)" + (mask == full ? "" : "/0x\(hexadecimal(mask))"))
        }
        add("vid", tci & VLANTag.idMask, mask & VLANTag.idMask, VLANTag.idMask)
        let shift = VLANTag.priorityShift
        add("pcp", tci >> shift, mask >> shift, 7)
        let isPresent = tci & VLANTag.present != 0
        if !isPresent { parts.append("cfi=0") }
        if parts.isEmpty && mask & VLANTag.present != 0 { parts.append("vid=0/0x0") }
        return parts.joined(separator: ",")
    }

    // MARK: The table

    private static func single<
        Value: FixedWidthInteger & UnsignedInteger & Sendable & SendableMetatype
    >(
        _ name: String, _ form: TextField.Form, _ path: WritableKeyPath<FlowKey, Value> & Sendable
    ) -> TextHeader {
        TextHeader(name: name, fields: [.number("", form, path)])
    }

    static let metadata: [TextHeader] =
        [
            single("recirc_id", .hexadecimal, \.recirculationID),
            single("dp_hash", .hexadecimal, \.dpHash),
            single("skb_priority", .hexadecimal, \.priority), tunnel,
            single("in_port", .decimal, \.inPort),
            single("skb_mark", .hexadecimal, \.packetMark),
        ]

    /// What came from a tunnel; `flags` are `TunnelFlag` bits.
    private static let tunnel = TextHeader(
        name: "tunnel",
        fields: [
            .number("tun_id", .hexadecimal, \.tunnelID), .ipv4("src", \.tunnelSrc),
            .ipv4("dst", \.tunnelDst), .ipv6("ipv6_src", \.tunnelIPv6Src),
            .ipv6("ipv6_dst", \.tunnelIPv6Dst), .number("tos", .hexadecimal, \.tunnelTOS),
            .number("ttl", .decimal, \.tunnelTTL), .number("tp_src", .decimal, \.tunnelSourcePort),
            .number("tp_dst", .decimal, \.tunnelDestinationPort),
            .number("gbp", .hexadecimal, \.tunnelGroupPolicy),
            .number("flags", .hexadecimal, \.tunnelFlags),
        ])

    static let ethernet = TextHeader(
        name: "eth", fields: [.mac("src", \.ethSrc), .mac("dst", \.ethDst)])

    static let ipv4 = TextHeader(
        name: "ipv4",
        fields: [
            .ipv4("src", \.nwSrc), .ipv4("dst", \.nwDst), .number("proto", .decimal, \.nwProto),
            .number("tos", .hexadecimal, \.nwTOS), .number("ttl", .decimal, \.nwTTL),
            .number("frag", .fragment, \.nwFrag, full: 3),
        ])

    static let ipv6 = TextHeader(
        name: "ipv6",
        fields: [
            .ipv6("src", \.ipv6Src), .ipv6("dst", \.ipv6Dst),
            .number("label", .hexadecimal, \.ipv6Label, full: 0xfffff),
            .number("proto", .decimal, \.nwProto), .number("tclass", .hexadecimal, \.nwTOS),
            .number("hlimit", .decimal, \.nwTTL),
            .number("frag", .fragment, \.nwFrag, full: 3),
        ])

    static let arp = TextHeader(
        name: "arp",
        fields: [
            .ipv4("sip", \.nwSrc), .ipv4("tip", \.nwDst), .number("op", .decimal, \.nwProto),
            .mac("sha", \.arpSHA), .mac("tha", \.arpTHA),
        ])

    static let mpls = TextHeader(
        name: "mpls",
        fields: [
            .number("label", .decimal, \.mpls0, full: 0xfffff, shift: 12),
            .number("tc", .decimal, \.mpls0, full: 7, shift: 9),
            .number("ttl", .decimal, \.mpls0, full: 0xff),
            .number("bos", .decimal, \.mpls0, full: 1, shift: 8),
        ])

    static func ports(_ name: String) -> TextHeader {
        TextHeader(
            name: name,
            fields: [.number("src", .decimal, \.tpSrc), .number("dst", .decimal, \.tpDst)])
    }

    static func message(_ name: String) -> TextHeader {
        TextHeader(
            name: name,
            fields: [
                .number("type", .decimal, \.tpSrc, full: 0xff),
                .number("code", .decimal, \.tpDst, full: 0xff),
            ])
    }

    static let tcpFlags = TextHeader(
        name: "tcp_flags", fields: [.number("", .tcpFlags, \.tcpFlags, full: 0xfff)])

    static let neighbourDiscovery = TextHeader(
        name: "nd",
        fields: [
            .ipv6("target", \.ndTarget), .mac("sll", \.arpSHA), .mac("tll", \.arpTHA),
        ])

    private static let vlan = TextHeader(
        name: "vlan",
        fields: [
            .number("vid", .decimal, \.vlan0TCI, full: VLANTag.idMask),
            .number("pcp", .decimal, \.vlan0TCI, full: 7, shift: Int(VLANTag.priorityShift)),
        ])

    /// What stands inside `set(…)` for a header.
    static func settable(_ kind: HeaderKind) -> TextHeader {
        switch kind {
        case .ethernet: ethernet
        case .vlan: vlan
        case .mpls: mpls
        case .arp: arp
        case .ipv4: ipv4
        case .ipv6: ipv6
        case .tcp: ports("tcp")
        case .udp: ports("udp")
        case .sctp: ports("sctp")
        case .icmp: message("icmp")
        case .icmpv6: message("icmpv6")
        case .neighbourDiscovery: neighbourDiscovery
        case .packetMark: metadata[5]
        case .priority: metadata[2]
        case .dpHash: metadata[1]
        }
    }

    /// Everything that can stand in a flow's text by name, tags apart.
    static let all: [TextHeader] =
        metadata + [
            ethernet, ipv4, ipv6, arp, mpls, ports("tcp"), ports("udp"), ports("sctp"),
            message("icmp"), message("icmpv6"), tcpFlags, neighbourDiscovery,
        ]

    /// The headers that a packet with `key` has behind its Ethernet type.
    static func layers(of key: FlowKey) -> [TextHeader] {
        switch key.ethType {
        case EtherType.ipv4: [ipv4] + transport(of: key)
        case EtherType.ipv6: [ipv6] + transport(of: key)
        case EtherType.arp, EtherType.reverseARP: [arp]
        case EtherType.mpls, EtherType.mplsMulticast: [mpls]
        default: []
        }
    }

    private static func transport(of key: FlowKey) -> [TextHeader] {
        guard key.nwFrag & Fragment.later == 0 else { return [] }
        switch (key.nwProto, key.ethType) {
        case (IPProtocol.tcp, _): return [ports("tcp"), tcpFlags]
        case (IPProtocol.udp, _): return [ports("udp")]
        case (IPProtocol.sctp, _): return [ports("sctp")]
        case (IPProtocol.icmp, EtherType.ipv4): return [message("icmp")]
        case (IPProtocol.icmpv6, EtherType.ipv6):
            return [message("icmpv6")]
                + (key.tpSrc == 135 || key.tpSrc == 136 ? [neighbourDiscovery] : [])
        default: return []
        }
    }
}

extension TextField.Form {
    func text(_ number: WideNumber, isMask: Bool) -> String {
        switch self {
        case .decimal: isMask ? "0x" + Packets.hexadecimal(number.low) : "\(number.low)"
        case .hexadecimal, .tcpFlags:
            number.low == 0 ? "0" : "0x" + Packets.hexadecimal(number.low)
        case .mac: MACAddress(bits: number.low).description
        case .ipv4: IPv4Address(bits: UInt32(truncatingIfNeeded: number.low)).description
        case .ipv6: IPv6Address(high: number.high, low: number.low).description
        case .fragment:
            switch number.low {
            case 0: "no"
            case UInt64(Fragment.any): "first"
            default: "later"
            }
        }
    }

    /// nil for a text that is no such value.
    func read(_ text: Substring) -> WideNumber? {
        switch self {
        case .mac: return MACAddress(text).map { WideNumber(low: $0.bits) }
        case .ipv4: return IPv4Address(text).map { WideNumber(low: UInt64($0.bits)) }
        case .ipv6:
            return IPv6Address(text).map { WideNumber(high: $0.high, low: $0.low) }
        case .fragment:
            switch text {
            case "no": return WideNumber(low: 0)
            case "first": return WideNumber(low: UInt64(Fragment.any))
            case "later": return WideNumber(low: UInt64(Fragment.any | Fragment.later))
            default: return nil
            }
        case .decimal, .hexadecimal, .tcpFlags:
            return textNumber(text).map { WideNumber(low: $0) }
        }
    }
}

/// A number in decimal, or in hexadecimal behind `0x`; nil if it is neither or above 64 bits.
func textNumber(_ text: some StringProtocol) -> UInt64? {
    guard let first = text.utf8.first, 48...57 ~= first else { return nil }
    if text.hasPrefix("0x") || text.hasPrefix("0X") {
        let digits = text.dropFirst(2)
        guard digits.utf8.first.map({ $0 != 43 && $0 != 45 }) == true else { return nil }
        return UInt64(digits, radix: 16)
    }
    return UInt64(text)
}
