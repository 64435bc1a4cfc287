import Packets
import Testing

@testable import Flows

@Suite struct FlowFieldTests {
    /// name, alias, NXM class and number, OXM class and number, bits, whether maskable, writable:
    /// rows of Open vSwitch's ovs-fields(7), typed in by hand.
    typealias Row = (
        name: String, alias: String?, nxm: (UInt32, UInt32)?, oxm: (UInt32, UInt32)?, bits: Int,
        maskable: Bool, writable: Bool
    )
    static let rows: [Row] = [
        ("in_port", nil, (0, 0), (0x8000, 0), 16, false, true),
        ("metadata", nil, nil, (0x8000, 2), 64, true, true),
        ("pkt_mark", nil, (1, 33), nil, 32, true, true),
        ("reg0", nil, (1, 0), nil, 32, true, true),
        ("reg15", nil, (1, 15), nil, 32, true, true),
        ("xreg7", nil, nil, (0x8001, 7), 64, true, true),
        ("xxreg3", nil, (1, 114), nil, 128, true, true),
        ("conj_id", nil, (1, 37), nil, 32, false, false),
        ("actset_output", nil, nil, (0xffff, 43), 16, false, false),
        ("tun_id", "tunnel_id", (1, 16), (0x8000, 38), 64, true, true),
        ("tun_src", nil, (1, 31), nil, 32, true, true),
        ("tun_dst", nil, (1, 32), nil, 32, true, true),
        ("tun_ipv6_src", nil, (1, 109), nil, 128, true, true),
        ("tun_ipv6_dst", nil, (1, 110), nil, 128, true, true),
        ("tun_flags", nil, (1, 104), nil, 16, true, true),
        ("tun_gbp_id", nil, (1, 38), nil, 16, true, true),
        ("tun_gbp_flags", nil, (1, 39), nil, 8, true, true),
        ("eth_src", "dl_src", (0, 2), (0x8000, 4), 48, true, true),
        ("eth_dst", "dl_dst", (0, 1), (0x8000, 3), 48, true, true),
        ("eth_type", "dl_type", (0, 3), (0x8000, 5), 16, false, false),
        ("vlan_tci", nil, (0, 4), nil, 16, true, true),
        ("dl_vlan", nil, nil, nil, 12, false, true),
        ("vlan_vid", nil, nil, (0x8000, 6), 13, true, true),
        ("vlan_pcp", "dl_vlan_pcp", nil, (0x8000, 7), 3, false, true),
        ("mpls_label", nil, nil, (0x8000, 34), 20, false, true),
        ("mpls_tc", nil, nil, (0x8000, 35), 3, false, true),
        ("mpls_bos", nil, nil, (0x8000, 36), 1, false, false),
        ("mpls_ttl", nil, (1, 30), nil, 8, false, true),
        ("ip_src", "nw_src", (0, 7), (0x8000, 11), 32, true, true),
        ("ip_dst", "nw_dst", (0, 8), (0x8000, 12), 32, true, true),
        ("ipv6_src", nil, (1, 19), (0x8000, 26), 128, true, true),
        ("ipv6_dst", nil, (1, 20), (0x8000, 27), 128, true, true),
        ("ipv6_label", nil, (1, 27), (0x8000, 28), 20, true, true),
        ("nw_proto", "ip_proto", (0, 6), (0x8000, 10), 8, false, false),
        ("nw_tos", nil, (0, 5), nil, 8, false, true),
        ("ip_dscp", "nw_tos_shifted", nil, (0x8000, 8), 6, false, true),
        ("nw_ecn", "ip_ecn", (1, 28), (0x8000, 9), 2, false, true),
        ("nw_ttl", nil, (1, 29), nil, 8, false, true),
        ("ip_frag", nil, (1, 26), nil, 2, true, false),
        ("arp_op", nil, (0, 15), (0x8000, 21), 16, false, true),
        ("arp_spa", nil, (0, 16), (0x8000, 22), 32, true, true),
        ("arp_tpa", nil, (0, 17), (0x8000, 23), 32, true, true),
        ("arp_sha", nil, (1, 17), (0x8000, 24), 48, true, true),
        ("arp_tha", nil, (1, 18), (0x8000, 25), 48, true, true),
        ("tcp_src", "tp_src", (0, 9), (0x8000, 13), 16, true, true),
        ("tcp_dst", "tp_dst", (0, 10), (0x8000, 14), 16, true, true),
        ("tcp_flags", nil, (1, 34), (0xffff, 42), 12, true, false),
        ("udp_src", nil, (0, 11), (0x8000, 15), 16, true, true),
        ("udp_dst", nil, (0, 12), (0x8000, 16), 16, true, true),
        ("sctp_src", nil, nil, (0x8000, 17), 16, true, true),
        ("sctp_dst", nil, nil, (0x8000, 18), 16, true, true),
        ("icmp_type", nil, (0, 13), (0x8000, 19), 8, false, true),
        ("icmp_code", nil, (0, 14), (0x8000, 20), 8, false, true),
        ("icmpv6_type", nil, (1, 21), (0x8000, 29), 8, false, true),
        ("icmpv6_code", nil, (1, 22), (0x8000, 30), 8, false, true),
        ("nd_target", nil, (1, 23), (0x8000, 31), 128, true, true),
        ("nd_sll", nil, (1, 24), (0x8000, 32), 48, true, true),
        ("nd_tll", nil, (1, 25), (0x8000, 33), 48, true, true),
    ]

    @Test(arguments: rows.indices) func standsAsTheManualSays(index: Int) throws {
        let row = Self.rows[index]
        let field = try #require(FlowField.named(row.name))
        #expect(field.name == row.name)
        if let alias = row.alias { #expect(FlowField.named(alias) == field) }
        #expect(field.nxm == row.nxm.map { $0.0 << 7 | $0.1 })
        #expect(field.oxm == row.oxm.map { $0.0 << 7 | $0.1 })
        if let nxm = field.nxm { #expect(FlowField.nxm(nxm) == field) }
        if let oxm = field.oxm { #expect(FlowField.oxm(oxm) == field) }
        #expect(field.width == row.bits)
        #expect((field.maskRule == .bitwise) == row.maskable)
        #expect(field.isWritable == row.writable)
    }

    @Test func everyPlaceLiesInAWord() {
        for field in FlowField.all {
            for place in field.places {
                #expect((0..<PipelineKey.wordCount).contains(place.word), "\(field.name)")
                #expect(place.shift >= 0 && place.width > 0 && place.shift + place.width <= 64)
            }
        }
    }

    @Test func writesAndReadsBackAndTouchesNothingElse() {
        for field in FlowField.all {
            let held = FieldValue.ones(field.places.reduce(0) { $0 + $1.width }).bits
            let value = FieldValue(bits: 0xa5a5_5a5a_dead_beef_0123_4567_89ab_cdef & held)
            for background in [0, ~0] as [UInt64] {
                var key = PipelineKey()
                for word in 0..<PipelineKey.wordCount { key[word: word] = background }
                let before = key
                field.write(value, mask: .ones(field.width), into: &key)
                #expect(field.read(key) == value, "\(field.name)")
                field.write(field.read(before), mask: .ones(field.width), into: &key)
                #expect(key == before, "\(field.name)")
            }
        }
    }

    /// Two fields may share bits only if they are two views of the same header, or of headers that
    /// no packet has both of.
    @Test func overlapsOnlyWhereMeant() {
        let groups: [Set<String>] = [
            ["vlan_tci", "vlan_vid", "dl_vlan"], ["vlan_tci", "vlan_pcp"],
            ["nw_tos", "ip_dscp"], ["nw_tos", "nw_ecn"],
            ["nw_proto", "arp_op"], ["ip_src", "arp_spa"], ["ip_dst", "arp_tpa"],
            ["arp_sha", "nd_sll"], ["arp_tha", "nd_tll"],
            ["tcp_src", "udp_src", "sctp_src", "icmp_type", "icmpv6_type"],
            ["tcp_dst", "udp_dst", "sctp_dst", "icmp_code", "icmpv6_code"],
        ]
        func footprint(_ field: FlowField) -> PipelineKey {
            var key = PipelineKey()
            field.write(.ones(field.width), mask: .ones(field.width), into: &key)
            return key
        }
        let fields = FlowField.all.filter { !$0.name.contains("xreg") }
        for (index, a) in fields.enumerated() {
            for b in fields[(index + 1)...] {
                let shares = footprint(a).masked(by: footprint(b)) != PipelineKey()
                let meant = groups.contains { $0.isSuperset(of: [a.name, b.name]) }
                #expect(shares == meant, "\(a.name) and \(b.name)")
            }
        }
    }

    @Test func agreesWithTheNamedWindowsOfTheKey() {
        var key = PipelineKey()
        key.packet.ethSrc = MACAddress(bits: 0x0102_0304_0506)
        key.packet.vlan0TCI = 0x3064
        key.packet.mpls0 = 0x1234_5abc
        key.packet.nwTOS = 0xb9
        key.packet.nwSrc = IPv4Address(bits: 0x0a00_0001)
        key.packet.nwDst = IPv4Address(bits: 0x0a00_0002)
        key.packet.ipv6Dst = IPv6Address(high: 1, low: 2)
        key.packet.ipv6Label = 0xfffff
        key.packet.tpSrc = 80
        key.packet.tpDst = 443
        key.packet.tcpFlags = 0x012
        key.packet.nwProto = 6
        key.packet.nwTTL = 64
        key.packet.nwFrag = 3
        key.packet.inPort = 7
        key.packet.packetMark = 9
        key.metadata = 0xabc
        key[register: 2] = 0x22
        key[register: 3] = 0x33
        let expected: [(FlowField, UInt64)] = [
            (.ethSrc, 0x0102_0304_0506), (.vlanTCI, 0x3064), (.vlanVID, 0x1064), (.dlVLAN, 0x64),
            (.vlanPCP, 1), (.mplsLabel, 0x12345), (.mplsTC, 5), (.mplsBOS, 0), (.mplsTTL, 0xbc),
            (.nwTOS, 0xb9), (.ipDSCP, 0x2e), (.nwECN, 1), (.ipv4Src, 0x0a00_0001),
            (.ipv4Dst, 0x0a00_0002), (.ipv6Label, 0xfffff), (.tcpSrc, 80), (.tcpDst, 443),
            (.tcpFlags, 0x12), (.nwProto, 6), (.nwTTL, 64), (.ipFrag, 3), (.inPort, 7),
            (.packetMark, 9), (.metadata, 0xabc), (.reg(2), 0x22), (.xreg(1), 0x22_0000_0033),
        ]
        for (field, value) in expected {
            #expect(field.read(key) == FieldValue(low: value), "\(field.name)")
        }
        #expect(FlowField.ipv6Dst.read(key) == FieldValue(high: 1, low: 2))
    }

    @Test func tosIsMatchedWithoutItsCongestionBits() {
        var mask = PipelineMask()
        FlowField.nwTOS.write(.ones(8), into: &mask)
        #expect(mask.packet.nwTOS == 0xfc)
    }

    @Test func knowsWhenAFieldMeansNothingYet() {
        var key = PipelineKey()
        var mask = PipelineMask()
        func holds(_ field: FlowField) -> Bool { field.hasPrerequisites(key: key, mask: mask) }
        #expect(!holds(.ipv4Src) && !holds(.tcpDst) && !holds(.vlanPCP) && holds(.ethSrc))
        key.packet.ethType = EtherType.ipv4
        mask.packet.ethType = 0xffff
        #expect(holds(.ipv4Src) && holds(.nwTOS) && !holds(.tcpDst) && !holds(.arpOp))
        key.packet.nwProto = IPProtocol.tcp
        mask.packet.nwProto = 0xff
        #expect(holds(.tcpDst) && !holds(.udpDst))
        key.packet.vlan0TCI = VLANTag.present
        mask.packet.vlan0TCI = VLANTag.present
        #expect(holds(.vlanPCP))
    }

    @Test func anARPOperationAbove255DoesNotFit() {
        #expect(FlowField.arpOp.canHold(FieldValue(low: 255)))
        #expect(!FlowField.arpOp.canHold(FieldValue(low: 256)))
        #expect(!FlowField.vlanPCP.canHold(FieldValue(low: 8)))
    }
}
