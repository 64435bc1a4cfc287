import Flows
import Packets

// A match as `ovs-ofctl` prints it: a word for the protocol, then fields in a fixed order.

enum MatchText {
    /// `priority=` if it is not the default, and all conditions, joined by commas.
    static func text(_ match: Match, priority: UInt16? = nil, _ ports: PortNames) -> String {
        var parts: [String] = []
        if let priority, priority != FlowText.defaultPriority {
            parts.append("priority=\(priority)")
        }
        func add(_ field: FlowField, as name: String? = nil) {
            let mask = FieldValue(bits: field.read(match.mask).bits & field.exactMask.bits)
            guard !mask.isZero else { return }
            let value = FieldValue(bits: field.read(match.key).bits & field.exactMask.bits)
            let text = FieldText.masked(value, mask: mask, of: field, ports)
            parts.append("\(name ?? field.name)=\(text)")
        }
        add(.packetMark)
        add(.recirculationID)
        add(.dpHash)
        for field in decisions + connections { add(field) }
        let keyword = Keyword(of: match)
        if let keyword { parts.append(keyword.word) }
        for index in 0..<FlowField.registerCount { add(.reg(index)) }
        for field in tunnel { add(field) }
        add(.metadata)
        add(.inPort)
        parts += vlan(match)
        add(.ethSrc, as: "dl_src")
        add(.ethDst, as: "dl_dst")
        if keyword == nil, let type = match.exactly(.ethType) {
            parts.append("dl_type=0x" + hexadecimal(type, digits: 4))
        }
        switch match.exactly(.ethType) {
        case UInt64(EtherType.ipv4):
            add(.ipv4Src, as: "nw_src")
            add(.ipv4Dst, as: "nw_dst")
        case UInt64(EtherType.ipv6):
            add(.ipv6Src)
            add(.ipv6Dst)
            parts += flowLabel(match)
        case UInt64(EtherType.arp), UInt64(EtherType.reverseARP):
            for field in [FlowField.arpSPA, .arpTPA, .arpOp, .arpSHA, .arpTHA] { add(field) }
        case UInt64(EtherType.mpls), UInt64(EtherType.mplsMulticast):
            for field in [FlowField.mplsLabel, .mplsTC, .mplsTTL, .mplsBOS] { add(field) }
        default: break
        }
        guard match.exactly(.ethType).map({ [0x0800, 0x86dd].contains($0) }) == true else {
            return parts.joined(separator: ",")
        }
        if keyword?.coversProtocol != true { add(.nwProto) }
        for field in [FlowField.nwTOS, .nwECN, .nwTTL] { add(field) }
        add(.ipFrag, as: "nw_frag")
        for (field, name) in transport(match) { add(field, as: name) }
        return parts.joined(separator: ",")
    }

    // In the order in which ovs-ofctl prints them.
    private static let decisions = ["conj_id", "skb_priority", "actset_output"].compactMap {
        FlowField.named($0)
    }
    private static let connections: [FlowField] = [
        .connectionState, .connectionZone, .connectionMark, .connectionLabel, .packetType,
    ]
    private static let tunnel = [
        "tun_id", "tun_src", "tun_dst", "tun_ipv6_src", "tun_ipv6_dst", "tun_gbp_id",
        "tun_gbp_flags", "tun_tos", "tun_ttl", "tun_flags",
    ].compactMap { FlowField.named($0) }

    private static func vlan(_ match: Match) -> [String] {
        let key = match.key.packet.vlan0TCI
        let mask = match.mask.packet.vlan0TCI
        guard mask != 0 else { return [] }
        let id = mask & VLANTag.idMask
        let priority = mask & VLANTag.priorityMask
        let isPlain =
            key & mask & VLANTag.present != 0 && (id == 0 || id == VLANTag.idMask)
            && (priority == 0 || priority == VLANTag.priorityMask) && id | priority != 0
        guard isPlain else {
            let value = "vlan_tci=0x" + hexadecimal(key, digits: 4)
            return [mask == 0xffff ? value : value + "/0x" + hexadecimal(mask, digits: 4)]
        }
        var parts: [String] = []
        if id != 0 { parts.append("dl_vlan=\(key & VLANTag.idMask)") }
        if priority != 0 { parts.append("dl_vlan_pcp=\(key >> VLANTag.priorityShift)") }
        return parts
    }

    private static func flowLabel(_ match: Match) -> [String] {
        let mask = FlowField.ipv6Label.read(match.mask)
        guard !mask.isZero else { return [] }
        let value = FlowField.ipv6Label.read(match.key).low
        let text = "ipv6_label=0x" + hexadecimal(value, digits: 5)
        return [
            mask == FlowField.ipv6Label.exactMask
                ? text : text + "/0x" + hexadecimal(mask.low, digits: 5)
        ]
    }

    private static func transport(_ match: Match) -> [(FlowField, String)] {
        let isVersion6 = match.exactly(.ethType) == UInt64(EtherType.ipv6)
        switch match.exactly(.nwProto) {
        case UInt64(IPProtocol.tcp):
            return [(.tcpSrc, "tp_src"), (.tcpDst, "tp_dst"), (.tcpFlags, "tcp_flags")]
        case UInt64(IPProtocol.udp), UInt64(IPProtocol.sctp):
            return [(.udpSrc, "tp_src"), (.udpDst, "tp_dst")]
        case UInt64(IPProtocol.icmp) where !isVersion6:
            return [(.icmpType, "icmp_type"), (.icmpCode, "icmp_code")]
        case UInt64(IPProtocol.icmpv6) where isVersion6:
            return [
                (.icmpv6Type, "icmp_type"), (.icmpv6Code, "icmp_code"), (.ndTarget, "nd_target"),
                (.ndSLL, "nd_sll"), (.ndTLL, "nd_tll"),
            ]
        default: return []
        }
    }

    /// A word that stands for an Ethernet type, and perhaps an IP protocol.
    struct Keyword {
        var word: String
        var ethType: UInt16
        var nwProto: UInt8?

        var coversProtocol: Bool { nwProto != nil }

        /// The word that ovs-ofctl prints first of those with the same meaning.
        static let all: [Keyword] = [
            ("ip", EtherType.ipv4, nil), ("ipv4", EtherType.ipv4, nil),
            ("ip4", EtherType.ipv4, nil),
            ("icmp", EtherType.ipv4, IPProtocol.icmp), ("icmp4", EtherType.ipv4, IPProtocol.icmp),
            ("tcp", EtherType.ipv4, IPProtocol.tcp), ("tcp4", EtherType.ipv4, IPProtocol.tcp),
            ("udp", EtherType.ipv4, IPProtocol.udp), ("udp4", EtherType.ipv4, IPProtocol.udp),
            ("sctp", EtherType.ipv4, IPProtocol.sctp), ("sctp4", EtherType.ipv4, IPProtocol.sctp),
            ("arp", EtherType.arp, nil), ("rarp", EtherType.reverseARP, nil),
            ("ipv6", EtherType.ipv6, nil), ("ip6", EtherType.ipv6, nil),
            ("icmp6", EtherType.ipv6, IPProtocol.icmpv6),
            ("tcp6", EtherType.ipv6, IPProtocol.tcp), ("udp6", EtherType.ipv6, IPProtocol.udp),
            ("sctp6", EtherType.ipv6, IPProtocol.sctp),
            ("mpls", EtherType.mpls, nil), ("mplsm", EtherType.mplsMulticast, nil),
        ].map { Keyword(word: $0.0, ethType: $0.1, nwProto: $0.2) }

        init(word: String, ethType: UInt16, nwProto: UInt8?) {
            self.word = word
            self.ethType = ethType
            self.nwProto = nwProto
        }

        /// The one that says most of what `match` says.
        init?(of match: Match) {
            guard let type = match.exactly(.ethType) else { return nil }
            let nwProto = match.exactly(.nwProto)
            let same = Self.all.filter { UInt64($0.ethType) == type }
            guard
                let found = same.first(where: { $0.nwProto.map(UInt64.init) == nwProto })
                    ?? same.first(where: { $0.nwProto == nil })
            else { return nil }
            self = found
        }
    }
}
