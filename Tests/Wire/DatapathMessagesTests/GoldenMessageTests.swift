import DatapathMessages
import Flows
import Packets
import Testing

/// One message against bytes that were derived by hand from `linux/netlink.h`, `linux/genetlink.h`
/// and `linux/openvswitch.h`: what `openvswitch.ko` would be sent on a little-endian machine.
@Suite struct GoldenMessageTests {
    static func octets(_ text: String) -> [UInt8] {
        let digits = text.split(separator: "\n").map { $0.prefix { $0 != "|" } }.joined()
            .filter(\.isHexDigit).map { $0 }
        return stride(from: 0, to: digits.count - 1, by: 2).map {
            UInt8(String(digits[$0...$0 + 1]), radix: 16) ?? 0
        }
    }

    static let flow: CachedFlow = {
        var key = FlowKey()
        key.inPort = 2
        (key.ethSrc, key.ethDst) = (
            MACAddress(bits: 0x0200_0000_0001), MACAddress(bits: 0x0200_0000_0002)
        )
        (key.vlan0TPID, key.vlan0TCI) = (0x8100, 0x1065)
        key.ethType = EtherType.ipv4
        (key.nwSrc, key.nwDst) = (IPv4Address(bits: 0x0a00_0001), IPv4Address(bits: 0x0a00_0002))
        (key.nwProto, key.nwTTL) = (6, 64)
        (key.tpSrc, key.tpDst, key.tcpFlags) = (0xc000, 80, 0x002)
        var mask = FlowMask()
        mask.inPort = .max
        (mask.vlan0TPID, mask.vlan0TCI, mask.vlan1TCI, mask.ethType) = (.max, .max, .max, .max)
        mask.nwFrag = 3
        mask.tpDst = .max
        return CachedFlow(
            key: key, mask: mask, actions: [.popVLAN, .output(port: 3)])
    }()

    static let expected = """
        e0000000 0303 0500 07000000 00000000 | nlmsghdr: 224 bytes, REQUEST ACK, seq 7
        01 01 0000 00000000 | genlmsghdr NEW version 1; ovs_header dp_ifindex 0
        7800 0180 | OVS_FLOW_ATTR_KEY, nested, 4 + 116
        0800 1400 00000000 | RECIRC_ID
        0800 1300 00000000 | DP_HASH
        0800 0200 00000000 | PRIORITY
        0800 0300 02000000 | IN_PORT
        0800 0f00 00000000 | SKB_MARK
        1000 0400 020000000001 020000000002 | ETHERNET
        0600 0600 8100 0000 | ETHERTYPE of the tag
        0600 0500 1065 0000 | VLAN
        2c00 0180 | ENCAP, 4 + 40
        0600 0600 0800 0000 | ETHERTYPE IPv4
        1000 0700 0a000001 0a000002 06 00 40 00 | IPV4
        0800 0900 c000 0050 | TCP
        0600 1200 0002 0000 | TCP_FLAGS
        4000 0780 | OVS_FLOW_ATTR_MASK, nested, 4 + 60
        0800 0300 ffffffff | IN_PORT
        0600 0600 ffff 0000 | ETHERTYPE of the tag
        0600 0500 ffff 0000 | VLAN
        2400 0180 | ENCAP, 4 + 32
        0600 0600 ffff 0000 | ETHERTYPE
        1000 0700 00000000 00000000 00 00 00 ff | IPV4: only the fragment type
        0800 0900 0000 ffff | TCP: only the destination
        1000 0280 | OVS_FLOW_ATTR_ACTIONS, nested, 4 + 12
        0400 0500 | POP_VLAN
        0800 0100 03000000 | OUTPUT
        """

    @Test func flowPut() throws {
        let bytes = try CodecTests.bytes([DatapathRequest.putFlow(Self.flow)], 7)
        #expect(bytes == Self.octets(Self.expected))
    }

    @Test func andBack() throws {
        let received = CodecTests.requests(Self.octets(Self.expected))
        #expect(try received.map { try $0.content.get() } == [.putFlow(Self.flow)])
    }

    /// As the kernel answers: a key without ETHERTYPE and with connection tracking that says
    /// nothing, no mask.
    static let answer = """
        4c000000 0303 0000 00000000 00000000 | 76 bytes
        01 01 0000 00000000
        2400 0100 | OVS_FLOW_ATTR_KEY without the nested flag, 4 + 32
        0800 0300 01000000
        1000 0400 020000000001 0180c2000000
        0800 1600 00000000 | CT_STATE
        0c00 0500 10270000 00000000 | USED, 10 s
        0400 0200 | no actions
        """

    @Test func absenceHasItsMeaning() throws {
        let received = CodecTests.replies(Self.octets(Self.answer))
        guard case .flow(let flow) = try received[0].content.get() else {
            Issue.record("no flow")
            return
        }
        #expect(flow.mask == .exact && flow.actions.isEmpty)
        #expect(flow.key.ethType == EtherType.notEthernetII)
        #expect(flow.key.inPort == 1 && flow.statistics.usedMilliseconds == 10_000)
    }

    @Test(arguments: [
        (
            "0c00 0500", "0c00 0300",
            DatapathMessageError.wrongLength(
                attribute: "OVS_FLOW_STATS", offset: 60, expected: 16, found: 8)
        ),
        (
            "0800 1600 00000000", "0800 1600 01000000",
            .unsupported("OVS_KEY", type: 22, offset: 52)
        ),
        ("0400 0200 |", "0400 0600 |", .unsupported("OVS_FLOW", type: 6, offset: 72)),
        ("0400 0200 |", "0500 0200 |", .malformedAttribute(in: "OVS_FLOW", offset: 72)),
        (
            "0800 1600", "0800 0300",
            .duplicateAttribute(in: "flow key", type: 3, offset: 52)
        ),
        (
            "0800 1600 00000000", "0600 0600 0005 0000",
            .invalidValue(attribute: "OVS_KEY_ETHERTYPE", offset: 24, value: 5)
        ),
    ])
    func errorsPointAtTheByte(old: String, new: String, error: DatapathMessageError) {
        let bytes = Self.octets(Self.answer.replacing(old, with: new))
        #expect(throws: error) { try CodecTests.replies(bytes)[0].content.get() }
    }
}
