// Every match field that a `PipelineKey` holds, one line each.
//
// The first block of each line is text, the second where the field lies, the third what a rule may
// do with it, the last its numbers on the wire. Numbers: Nicira's extended match (classes 0 and 1,
// as Open vSwitch documents it in ovs-fields(7)) and OpenFlow 1.3.5 §7.2.3.7. Fields of headers
// that the key does not hold (tunnel options, NSH) are not here.

extension FlowField {
    // What the switch knows of the packet beside its bytes.

    /// OpenFlow port number: 16 bits in NXM, 32 in OXM.
    public static let inPort = FlowField(
        "in_port", at: [.init(0, 0, 16)], .exact, .none, .port, nxm: nxm(0, 0), oxm: oxm(0))
    public static let metadata = FlowField(
        "metadata", at: [.init(PipelineKey.metadataWord, 0, 64)], .bitwise, .none, .hexadecimal,
        oxm: oxm(2))
    public static let packetMark = FlowField(
        "pkt_mark", at: [.init(1, 0, 32)], .bitwise, .none, .hexadecimal, nxm: nxm(1, 33))
    public static let dpHash = FlowField(
        "dp_hash", at: [.init(2, 0, 32)], .bitwise, .none, .hexadecimal, writable: false,
        nxm: nxm(1, 35))
    public static let recirculationID = FlowField(
        "recirc_id", at: [.init(0, 32, 32)], .exact, .none, .hexadecimal, writable: false,
        nxm: nxm(1, 36))

    /// What the rule that conjunctions lead to matches on (ovs-fields(7)).
    public static let conjunctionID = FlowField(
        "conj_id", at: [.init(PipelineKey.decisionsWord, 0, 32)], .exact, .none, .decimal,
        writable: false, nxm: nxm(1, 37))
    /// The output of the action set so far: 16 bits here, 32 in OXM. The ONF's number for
    /// 1.3 (class 0xffff), part of the standard in 1.5 §7.2.3.7.
    public static let actionSetOutput = FlowField(
        "actset_output", at: [.init(PipelineKey.decisionsWord, 32, 16)], .exact, .none, .port,
        writable: false, oxm: experimenterClass << 7 | 43)
    /// What the packet begins with: 1.5 §7.2.3.11.
    public static let packetType = FlowField(
        "packet_type", at: [.init(PipelineKey.natureWord, 0, 32)], .exact, .none, .packetType,
        writable: false, oxm: oxm(44))

    // Connection tracking: nothing tracks, and so all of it is 0 ("not tracked") for every packet.

    public static let connectionState = FlowField(
        "ct_state", at: [.init(PipelineKey.natureWord, 32, 32)], .bitwise, .none,
        .connectionState, writable: false, nxm: nxm(1, 105))
    public static let connectionZone = FlowField(
        "ct_zone", at: [.init(PipelineKey.connectionWord, 32, 16)], .exact, .none, .hexadecimal,
        writable: false, nxm: nxm(1, 106))
    public static let connectionMark = FlowField(
        "ct_mark", at: [.init(PipelineKey.connectionWord, 0, 32)], .bitwise, .none, .hexadecimal,
        writable: false, nxm: nxm(1, 107))
    public static let connectionLabel = FlowField(
        "ct_label",
        at: [
            .init(PipelineKey.connectionWord + 1, 0, 64),
            .init(PipelineKey.connectionWord + 2, 0, 64),
        ], .bitwise, .none, .hexadecimal, writable: false, nxm: nxm(1, 108))

    /// The queueing priority. It has no number: only text and traces know it.
    public static let skbPriority = FlowField(
        "skb_priority", at: [.init(1, 32, 32)], .exact, .none, .hexadecimal, writable: false)

    // Outer headers of a packet that came out of a tunnel.

    public static let tunnelID = FlowField(
        "tun_id", ["tunnel_id"], at: [.init(19, 0, 64)], .bitwise, .none, .hexadecimal,
        nxm: nxm(1, 16), oxm: oxm(38))
    public static let tunnelSrc = FlowField(
        "tun_src", at: [.init(20, 0, 32)], .bitwise, .none, .ipv4, nxm: nxm(1, 31))
    public static let tunnelDst = FlowField(
        "tun_dst", at: [.init(20, 32, 32)], .bitwise, .none, .ipv4, nxm: nxm(1, 32))
    public static let tunnelIPv6Src = FlowField(
        "tun_ipv6_src", at: [.init(21, 0, 64), .init(22, 0, 64)], .bitwise, .none, .ipv6,
        nxm: nxm(1, 109))
    public static let tunnelIPv6Dst = FlowField(
        "tun_ipv6_dst", at: [.init(23, 0, 64), .init(24, 0, 64)], .bitwise, .none, .ipv6,
        nxm: nxm(1, 110))
    /// One bit, OAM; 16 on the wire.
    public static let tunnelFlags = FlowField(
        "tun_flags", at: [.init(18, 0, 1)], width: 16, .bitwise, .none, .hexadecimal,
        nxm: nxm(1, 104))
    public static let tunnelTOS = FlowField(
        "tun_tos", at: [.init(18, 16, 8)], .exact, .none, .hexadecimal, writable: false)
    public static let tunnelTTL = FlowField(
        "tun_ttl", at: [.init(18, 24, 8)], .exact, .none, .decimal, writable: false)
    public static let tunnelGroupID = FlowField(
        "tun_gbp_id", at: [.init(25, 0, 16)], .bitwise, .none, .decimal, nxm: nxm(1, 38))
    public static let tunnelGroupFlags = FlowField(
        "tun_gbp_flags", at: [.init(25, 16, 8)], .bitwise, .none, .hexadecimal, nxm: nxm(1, 39))

    // The link layer.

    public static let ethSrc = FlowField(
        "eth_src", ["dl_src"], at: [.init(4, 0, 48)], .bitwise, .none, .ethernet,
        nxm: nxm(0, 2), oxm: oxm(4))
    public static let ethDst = FlowField(
        "eth_dst", ["dl_dst"], at: [.init(3, 0, 48)], .bitwise, .none, .ethernet,
        nxm: nxm(0, 1), oxm: oxm(3))
    public static let ethType = FlowField(
        "eth_type", ["dl_type"], at: [.init(5, 0, 16)], .exact, .none, .hexadecimal,
        writable: false, nxm: nxm(0, 3), oxm: oxm(5))
    /// The outer tag whole, with `VLANTag.present`.
    public static let vlanTCI = FlowField(
        "vlan_tci", at: [.init(5, 16, 16)], .bitwise, .none, .hexadecimal, nxm: nxm(0, 4))
    /// The VLAN id with `VLANTag.present` above it, as OXM writes it (`OFPVID_PRESENT`).
    public static let vlanVID = FlowField(
        "vlan_vid", at: [.init(5, 16, 13)], .bitwise, .none, .decimal, oxm: oxm(6))
    /// OpenFlow 1.0's VLAN id: only the 12 bits.
    public static let dlVLAN = FlowField(
        "dl_vlan", at: [.init(5, 16, 12)], .exact, .none, .decimal)
    public static let vlanPCP = FlowField(
        "vlan_pcp", ["dl_vlan_pcp"], at: [.init(5, 29, 3)], .exact, .vlan, .decimal, oxm: oxm(7))
    public static let mplsLabel = FlowField(
        "mpls_label", at: [.init(7, 44, 20)], .exact, .mpls, .decimal, oxm: oxm(34))
    public static let mplsTC = FlowField(
        "mpls_tc", at: [.init(7, 41, 3)], .exact, .mpls, .decimal, oxm: oxm(35))
    public static let mplsBOS = FlowField(
        "mpls_bos", at: [.init(7, 40, 1)], .exact, .mpls, .decimal, writable: false, oxm: oxm(36))
    public static let mplsTTL = FlowField(
        "mpls_ttl", at: [.init(7, 32, 8)], .exact, .mpls, .decimal, nxm: nxm(1, 30))

    // The network layer.

    public static let ipv4Src = FlowField(
        "ip_src", ["nw_src"], at: [.init(8, 0, 32)], .bitwise, .ipv4, .ipv4,
        nxm: nxm(0, 7), oxm: oxm(11))
    public static let ipv4Dst = FlowField(
        "ip_dst", ["nw_dst"], at: [.init(8, 32, 32)], .bitwise, .ipv4, .ipv4,
        nxm: nxm(0, 8), oxm: oxm(12))
    public static let ipv6Src = FlowField(
        "ipv6_src", at: [.init(9, 0, 64), .init(10, 0, 64)], .bitwise, .ipv6, .ipv6,
        nxm: nxm(1, 19), oxm: oxm(26))
    public static let ipv6Dst = FlowField(
        "ipv6_dst", at: [.init(11, 0, 64), .init(12, 0, 64)], .bitwise, .ipv6, .ipv6,
        nxm: nxm(1, 20), oxm: oxm(27))
    public static let ipv6Label = FlowField(
        "ipv6_label", at: [.init(2, 32, 20)], .bitwise, .ipv6, .hexadecimal,
        nxm: nxm(1, 27), oxm: oxm(28))
    public static let nwProto = FlowField(
        "nw_proto", ["ip_proto"], at: [.init(6, 32, 8)], .exact, .ip, .decimal, writable: false,
        nxm: nxm(0, 6), oxm: oxm(10))
    /// The TOS byte; only its six DSCP bits are ever matched or written.
    public static let nwTOS = FlowField(
        "nw_tos", at: [.init(6, 40, 8)], .exact, .ip, .decimal, exactMask: 0xfc, nxm: nxm(0, 5))
    /// DSCP as a number from 0 to 63.
    public static let ipDSCP = FlowField(
        "ip_dscp", ["nw_tos_shifted"], at: [.init(6, 42, 6)], .exact, .ip, .decimal, oxm: oxm(8))
    public static let nwECN = FlowField(
        "nw_ecn", ["ip_ecn"], at: [.init(6, 40, 2)], .exact, .ip, .decimal,
        nxm: nxm(1, 28), oxm: oxm(9))
    public static let nwTTL = FlowField(
        "nw_ttl", at: [.init(6, 48, 8)], .exact, .ip, .decimal, nxm: nxm(1, 29))
    /// `Fragment` bits.
    public static let ipFrag = FlowField(
        "ip_frag", ["nw_frag"], at: [.init(6, 56, 2)], .bitwise, .ip, .fragment, writable: false,
        nxm: nxm(1, 26))

    // ARP.

    /// 16 bits on the wire and in text; the key holds the low 8 only (no operation is larger).
    public static let arpOp = FlowField(
        "arp_op", at: [.init(6, 32, 8)], width: 16, .exact, .arp, .decimal,
        nxm: nxm(0, 15), oxm: oxm(21))
    public static let arpSPA = FlowField(
        "arp_spa", at: [.init(8, 0, 32)], .bitwise, .arp, .ipv4, nxm: nxm(0, 16), oxm: oxm(22))
    public static let arpTPA = FlowField(
        "arp_tpa", at: [.init(8, 32, 32)], .bitwise, .arp, .ipv4, nxm: nxm(0, 17), oxm: oxm(23))
    public static let arpSHA = FlowField(
        "arp_sha", at: [.init(15, 0, 48)], .bitwise, .arp, .ethernet,
        nxm: nxm(1, 17), oxm: oxm(24))
    public static let arpTHA = FlowField(
        "arp_tha", at: [.init(16, 0, 48)], .bitwise, .arp, .ethernet,
        nxm: nxm(1, 18), oxm: oxm(25))

    // The transport layer: three protocols and two ICMPs share the same two windows.

    public static let tcpSrc = transport("tcp_src", ["tp_src"], 0, .tcp, nxm: nxm(0, 9), oxm(13))
    public static let tcpDst = transport("tcp_dst", ["tp_dst"], 16, .tcp, nxm: nxm(0, 10), oxm(14))
    public static let udpSrc = transport("udp_src", [], 0, .udp, nxm: nxm(0, 11), oxm(15))
    public static let udpDst = transport("udp_dst", [], 16, .udp, nxm: nxm(0, 12), oxm(16))
    public static let sctpSrc = transport("sctp_src", [], 0, .sctp, nxm: nil, oxm(17))
    public static let sctpDst = transport("sctp_dst", [], 16, .sctp, nxm: nil, oxm(18))
    /// OXM number: the ONF's extension for 1.3 (class 0xffff), part of the standard in 1.5.
    public static let tcpFlags = FlowField(
        "tcp_flags", at: [.init(6, 16, 12)], .bitwise, .tcp, .tcpFlags, writable: false,
        nxm: nxm(1, 34), oxm: experimenterClass << 7 | 42)
    public static let icmpType = FlowField(
        "icmp_type", ["icmpv4_type"], at: [.init(7, 0, 8)], .exact, .icmp, .decimal,
        nxm: nxm(0, 13), oxm: oxm(19))
    public static let icmpCode = FlowField(
        "icmp_code", ["icmpv4_code"], at: [.init(7, 16, 8)], .exact, .icmp, .decimal,
        nxm: nxm(0, 14), oxm: oxm(20))
    public static let icmpv6Type = FlowField(
        "icmpv6_type", at: [.init(7, 0, 8)], .exact, .icmpv6, .decimal,
        nxm: nxm(1, 21), oxm: oxm(29))
    public static let icmpv6Code = FlowField(
        "icmpv6_code", at: [.init(7, 16, 8)], .exact, .icmpv6, .decimal,
        nxm: nxm(1, 22), oxm: oxm(30))

    // Neighbour discovery.

    public static let ndTarget = FlowField(
        "nd_target", at: [.init(13, 0, 64), .init(14, 0, 64)], .bitwise, .neighbourDiscovery,
        .ipv6, nxm: nxm(1, 23), oxm: oxm(31))
    public static let ndSLL = FlowField(
        "nd_sll", at: [.init(15, 0, 48)], .bitwise, .neighbourSolicit, .ethernet,
        nxm: nxm(1, 24), oxm: oxm(32))
    public static let ndTLL = FlowField(
        "nd_tll", at: [.init(16, 0, 48)], .bitwise, .neighbourAdvert, .ethernet,
        nxm: nxm(1, 25), oxm: oxm(33))

    // Registers.

    public static let registerCount = 16
    private static let registers = (0..<registerCount).map { index in
        FlowField(
            "reg\(index)", at: [registerPlace(index)], .bitwise, .none, .hexadecimal,
            nxm: nxm(1, UInt32(index)))
    }
    private static let longRegisters = (0..<registerCount / 2).map { index in
        FlowField(
            "xreg\(index)", at: [registerPlace(2 * index), registerPlace(2 * index + 1)], .bitwise,
            .none, .hexadecimal, oxm: packetRegisterClass << 7 | UInt32(index))
    }
    private static let longestRegisters = (0..<registerCount / 4).map { index in
        FlowField(
            "xxreg\(index)", at: (0..<4).map { registerPlace(4 * index + $0) }, .bitwise, .none,
            .hexadecimal, nxm: nxm(1, 111 + UInt32(index)))
    }

    /// The 32-bit register `index`. Traps outside `0..<registerCount`.
    public static func reg(_ index: Int) -> FlowField { registers[index] }
    /// Registers `2 * index` (high half) and `2 * index + 1` as one. Traps outside `0..<8`.
    public static func xreg(_ index: Int) -> FlowField { longRegisters[index] }
    /// Registers `4 * index` (highest) and the three after it as one. Traps outside `0..<4`.
    public static func xxreg(_ index: Int) -> FlowField { longestRegisters[index] }

    /// All fields. Where places overlap, the narrower standard field of a pair stands first.
    public static let all: [FlowField] =
        [inPort, metadata, packetMark, dpHash, recirculationID] + registers + longRegisters
        + longestRegisters + [conjunctionID, actionSetOutput, packetType, skbPriority]
        + [connectionState, connectionZone, connectionMark, connectionLabel]
        + [tunnelID, tunnelSrc, tunnelDst, tunnelIPv6Src, tunnelIPv6Dst, tunnelFlags]
        + [tunnelTOS, tunnelTTL, tunnelGroupID, tunnelGroupFlags]
        + [ethSrc, ethDst, ethType, vlanTCI, vlanVID, dlVLAN, vlanPCP]
        + [mplsLabel, mplsTC, mplsBOS, mplsTTL]
        + [ipv4Src, ipv4Dst, ipv6Src, ipv6Dst, ipv6Label]
        + [nwProto, nwTOS, ipDSCP, nwECN, nwTTL, ipFrag]
        + [arpOp, arpSPA, arpTPA, arpSHA, arpTHA]
        + [tcpSrc, tcpDst, tcpFlags, udpSrc, udpDst, sctpSrc, sctpDst]
        + [icmpType, icmpCode, icmpv6Type, icmpv6Code, ndTarget, ndSLL, ndTLL]
}

extension FlowField {
    /// Class of OpenFlow's own fields in OXM (`OFPXMC_OPENFLOW_BASIC`).
    public static let basicClass: UInt32 = 0x8000
    /// Class of the extended registers (`OFPXMC_PACKET_REGS`).
    public static let packetRegisterClass: UInt32 = 0x8001
    /// Class of fields that name their experimenter in four more bytes.
    public static let experimenterClass: UInt32 = 0xffff

    private static func nxm(_ class: UInt32, _ number: UInt32) -> UInt32 { `class` << 7 | number }
    private static func oxm(_ number: UInt32) -> UInt32 { basicClass << 7 | number }

    private static func transport(
        _ name: String, _ aliases: [String], _ shift: Int, _ prerequisite: Prerequisite,
        nxm: UInt32?, _ oxm: UInt32
    ) -> FlowField {
        FlowField(
            name, aliases, at: [.init(7, shift, 16)], .bitwise, prerequisite, .decimal, nxm: nxm,
            oxm: oxm)
    }

    private static func registerPlace(_ index: Int) -> Place {
        Place(PipelineKey.registersWord + index / 2, 32 * (index & 1), 32)
    }
}
