import Flows
import Testing

@testable import OpenFlow

/// The match of OpenFlow 1.0 under IPv6, as controllers without Nicira's extension send it.
@Suite struct PlainMatchTests {
    static let lines = [
        "ipv6", "ipv6,nw_tos=32", "ipv6,nw_proto=6", "tcp6,tp_src=11111,tp_dst=2222",
        "udp6,tp_dst=2222", "sctp6,tp_src=7", "icmp6,icmp_type=128,icmp_code=0",
        "tcp,nw_src=10.0.0.0/8,tp_dst=80", "icmp,icmp_type=8", "arp,arp_spa=10.0.0.1,arp_op=2",
    ]

    @Test(arguments: lines) func whatIsWrittenIsReadBack(line: String) throws {
        let match = try FlowText.parse("\(line),actions=drop", .add).match
        var writer = OctetWriter()
        MatchCodec10.write(match, to: &writer)
        #expect(writer.bytes.count == MatchCodec10.byteCount)
        var reader = OctetReader(writer.bytes)
        let read = try MatchCodec10.read(&reader)
        #expect(read == match)
    }

    /// A switch that knows IPv4 alone would drop what it does not understand.
    @Test func moreOfIPv6ThanItsTypeTakesNicirasMatch() throws {
        for (line, isPlain) in [("ipv6", true), ("tcp6", false), ("ipv6,nw_tos=4", false)] {
            let match = try FlowText.parse("\(line),actions=drop", .add).match
            #expect(MatchCodec10.canSay(match) == isPlain, "\(line)")
        }
    }

    /// As Open vSwitch: the type has sixteen bits here, and one that no packet has is kept.
    @Test(arguments: [(300, 7), (8, 900), (1000, 1000)])
    func anICMPTypeThatIsTooLargeStays(type: UInt16, code: UInt16) throws {
        var match = try FlowText.parse("icmp,icmp_type=1,icmp_code=1,actions=drop", .add).match
        match.set(.tcpSrc, to: .init(low: UInt64(type)))
        match.set(.tcpDst, to: .init(low: UInt64(code)))
        for codec in [
            (write: MatchCodec10.write, read: MatchCodec10.read),
            (write: MatchCodec11.write, read: MatchCodec11.read),
        ] {
            var writer = OctetWriter()
            codec.write(match, &writer)
            var reader = OctetReader(writer.bytes)
            let read = try codec.read(&reader)
            #expect(read.key.packet.tpSrc == type)
            #expect(read.key.packet.tpDst == code)
        }
    }

    /// There is no table for emergencies; and what lies in one would have no timeouts.
    @Test(arguments: [UInt16(0), 9]) func aRuleForEmergenciesIsRefused(timeout: UInt16) throws {
        let dialect = OpenFlowDialect(.v10)
        var mod = try FlowText.parse("tcp,actions=drop", .add)
        mod.idleTimeout = timeout
        var bytes = dialect.encode(OpenFlowMessage(xid: 1, .flowMod(mod)))
        // `flags` stand behind 8 bytes of header, 40 of match and 22 of others.
        bytes[71] |= 4
        let fault = #expect(throws: OpenFlowFault.self) { try dialect.decode(bytes) }
        #expect(fault?.code == (timeout == 0 ? .tableFull : .flowModBadEmergencyTimeout))
    }
}
