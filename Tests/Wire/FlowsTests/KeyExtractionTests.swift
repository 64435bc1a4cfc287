import Flows
import Packets
import Testing

/// Reads a key from a row of bytes, as port 7.
func extract(
    _ bytes: [UInt8], tag: (tpid: UInt16, tci: UInt16) = (0, 0), isSuperFrame: Bool = false
) -> Extraction {
    bytes.withUnsafeBytes {
        FlowKey.extract(
            frame: $0.bytes, vlanTPID: tag.tpid, vlanTCI: tag.tci, inPort: 7,
            isSuperFrame: isSuperFrame)
    }
}

struct ExtractionCase: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var bytes: [UInt8]
    var tag: (tpid: UInt16, tci: UInt16) = (0, 0)
    var isSuperFrame = false
    var malformation: Malformation?
    /// Fills in what the key has besides the port and the MAC addresses.
    var key: @Sendable (inout FlowKey) -> Void

    init(
        _ name: String, _ bytes: [UInt8], tag: (tpid: UInt16, tci: UInt16) = (0, 0),
        isSuperFrame: Bool = false, _ malformation: Malformation? = nil,
        key: @escaping @Sendable (inout FlowKey) -> Void
    ) {
        testDescription = name
        self.bytes = bytes
        self.tag = tag
        self.isSuperFrame = isSuperFrame
        self.malformation = malformation
        self.key = key
    }
}

private func addressesV4(_ key: inout FlowKey, _ ipProtocol: UInt8, ttl: UInt8 = 64) {
    key.ethType = EtherType.ipv4
    key.nwProto = ipProtocol
    key.nwTTL = ttl
    key.nwSrc = IPv4Address(bits: 0x0a00_0001)
    key.nwDst = IPv4Address(bits: 0x0a00_0002)
}

private func addressesV6(_ key: inout FlowKey, _ ipProtocol: UInt8) {
    key.ethType = EtherType.ipv6
    key.nwProto = ipProtocol
    key.nwTTL = 64
    key.ipv6Src = IPv6Address(high: 0xfd00 << 48, low: 1)
    key.ipv6Dst = IPv6Address(high: 0xfd00 << 48, low: 2)
}

private func ports(_ key: inout FlowKey, _ source: UInt16, _ destination: UInt16) {
    key.tpSrc = source
    key.tpDst = destination
}

private let linkCases: [ExtractionCase] = [
    ExtractionCase("an unknown type", Build.ethernet(0x1234, [1, 2, 3])) { $0.ethType = 0x1234 },
    ExtractionCase("only a header", Build.ethernet(0x1234, [])) { $0.ethType = 0x1234 },
    ExtractionCase("802.3 with LLC", Build.ethernet(38, [0x42, 0x42, 3] + .zeros(35))) {
        $0.ethType = EtherType.notEthernetII
    },
    ExtractionCase("802.3, too short for SNAP", Build.ethernet(3, [0xaa, 0xaa, 3])) {
        $0.ethType = EtherType.notEthernetII
    },
    ExtractionCase(
        "SNAP with IPv4",
        Build.ethernet(100, [0xaa, 0xaa, 3, 0, 0, 0, 8, 0] + Build.ipv4(1, Build.icmp(8)))
    ) {
        addressesV4(&$0, 1)
        ports(&$0, 8, 0)
    },
    ExtractionCase(
        "SNAP of another organisation",
        Build.ethernet(100, [0xaa, 0xaa, 3, 0, 0, 0xc, 8, 0] + .zeros(30))
    ) { $0.ethType = EtherType.notEthernetII },
    ExtractionCase(
        "a tag in the bytes", Build.ethernet(0x1234, tags: [(0x8100, 0xa065)], [])
    ) {
        $0.ethType = 0x1234
        $0.vlan0TPID = 0x8100
        $0.vlan0TCI = 0xb065
    },
    ExtractionCase("VLAN 0 is a tag", Build.ethernet(0x1234, tags: [(0x8100, 0)], [])) {
        $0.ethType = 0x1234
        $0.vlan0TPID = 0x8100
        $0.vlan0TCI = 0x1000
    },
    ExtractionCase("a tag kept aside", Build.ethernet(0x1234, []), tag: (0x88a8, 0xf005)) {
        $0.ethType = 0x1234
        $0.vlan0TPID = 0x88a8
        $0.vlan0TCI = 0xf005
    },
    ExtractionCase(
        "one aside, one in the bytes", Build.ethernet(0x1234, tags: [(0x8100, 6)], []),
        tag: (0x88a8, 5)
    ) {
        $0.ethType = 0x1234
        ($0.vlan0TPID, $0.vlan0TCI) = (0x88a8, 0x1005)
        ($0.vlan1TPID, $0.vlan1TCI) = (0x8100, 0x1006)
    },
    ExtractionCase(
        "three tags: the third is the type",
        Build.ethernet(0x0800, tags: [(0x88a8, 5), (0x8100, 6), (0x8100, 7)], .zeros(20))
    ) {
        $0.ethType = 0x8100
        ($0.vlan0TPID, $0.vlan0TCI) = (0x88a8, 0x1005)
        ($0.vlan1TPID, $0.vlan1TCI) = (0x8100, 0x1006)
    },
    ExtractionCase(
        "half a tag", Build.ethernet(0x8100, [0, 5]), .truncatedVLAN
    ) { $0.ethType = 0x8100 },
    ExtractionCase("ARP", Build.ethernet(0x0806, Build.arp(1))) {
        $0.ethType = EtherType.arp
        $0.nwProto = 1
        $0.nwSrc = IPv4Address(bits: 0x0a00_0001)
        $0.nwDst = IPv4Address(bits: 0x0a00_0002)
        $0.arpSHA = MACAddress(bits: 0x0200_0000_0001)
        $0.arpTHA = MACAddress(bits: 9)
    },
    ExtractionCase("ARP's large operation", Build.ethernet(0x8035, Build.arp(0x101))) {
        $0.ethType = EtherType.reverseARP
        $0.nwSrc = IPv4Address(bits: 0x0a00_0001)
        $0.nwDst = IPv4Address(bits: 0x0a00_0002)
        $0.arpSHA = MACAddress(bits: 0x0200_0000_0001)
        $0.arpTHA = MACAddress(bits: 9)
    },
    ExtractionCase(
        "ARP cut off", Build.ethernet(0x0806, Array(Build.arp(1).dropLast())), .truncatedARP
    ) { $0.ethType = EtherType.arp },
    ExtractionCase("ARP for something else", Build.ethernet(0x0806, [0, 6] + .zeros(40))) {
        $0.ethType = EtherType.arp
    },
    ExtractionCase(
        "MPLS, two labels", Build.ethernet(0x8847, [0, 1, 0, 64, 0, 2, 1, 64, 0x45])
    ) {
        $0.ethType = EtherType.mpls
        $0.mpls0 = 0x0001_0040
        $0.mpls1 = 0x0002_0140
    },
    ExtractionCase(
        "MPLS, a hundred labels",
        Build.ethernet(0x8847, [[UInt8]](repeating: [0, 1, 0, 64], count: 100).flatMap(\.self))
    ) {
        $0.ethType = EtherType.mpls
        ($0.mpls0, $0.mpls1, $0.mpls2) = (0x0001_0040, 0x0001_0040, 0x0001_0040)
    },
    ExtractionCase(
        "MPLS without a bottom", Build.ethernet(0x8848, [0, 1, 0, 64, 0]), .truncatedMPLS
    ) {
        $0.ethType = EtherType.mplsMulticast
        $0.mpls0 = 0x0001_0040
    },
]

private let ipv4Cases: [ExtractionCase] = [
    ExtractionCase("TCP", Build.ethernet(0x0800, Build.ipv4(6, tos: 0xb9, Build.tcp()))) {
        addressesV4(&$0, 6)
        $0.nwTOS = 0xb9
        ports(&$0, 1000, 80)
        $0.tcpFlags = 0x018
    },
    ExtractionCase(
        "TCP's twelve flags, and options before it",
        Build.ethernet(0x0800, Build.ipv4(6, options: .zeros(40), Build.tcp(flags: 0xfff)))
    ) {
        addressesV4(&$0, 6)
        ports(&$0, 1000, 80)
        $0.tcpFlags = 0xfff
    },
    ExtractionCase("UDP", Build.ethernet(0x0800, Build.ipv4(17, Build.udp()))) {
        addressesV4(&$0, 17)
        ports(&$0, 1000, 53)
    },
    ExtractionCase("SCTP", Build.ethernet(0x0800, Build.ipv4(132, Build.sctp()))) {
        addressesV4(&$0, 132)
        ports(&$0, 1000, 9)
    },
    ExtractionCase("ICMP", Build.ethernet(0x0800, Build.ipv4(1, Build.icmp(3, 4)))) {
        addressesV4(&$0, 1)
        ports(&$0, 3, 4)
    },
    ExtractionCase("IGMP", Build.ethernet(0x0800, Build.ipv4(2, Build.icmp(0x16)))) {
        addressesV4(&$0, 2)
        ports(&$0, 0x16, 0)
    },
    ExtractionCase(
        "IGMP cut off", Build.ethernet(0x0800, Build.ipv4(2, [0x16, 0, 0, 0])), .truncatedIGMP
    ) { addressesV4(&$0, 2) },
    ExtractionCase("protocol 0 is a protocol", Build.ethernet(0x0800, Build.ipv4(0, [1, 2]))) {
        addressesV4(&$0, 0)
    },
    ExtractionCase(
        "a first fragment", Build.ethernet(0x0800, Build.ipv4(17, place: 0x2000, Build.udp()))
    ) {
        addressesV4(&$0, 17)
        ports(&$0, 1000, 53)
        $0.nwFrag = Fragment.any
    },
    ExtractionCase(
        "a later fragment", Build.ethernet(0x0800, Build.ipv4(17, place: 0x2001, Build.udp()))
    ) {
        addressesV4(&$0, 17)
        $0.nwFrag = Fragment.any | Fragment.later
    },
    ExtractionCase(
        "the last fragment, too short", Build.ethernet(0x0800, Build.ipv4(6, place: 1, [1]))
    ) {
        addressesV4(&$0, 6)
        $0.nwFrag = Fragment.any | Fragment.later
    },
    ExtractionCase(
        "padding of 1,000 bytes", Build.ethernet(0x0800, Build.ipv4(17, Build.udp()) + .zeros(1000))
    ) {
        addressesV4(&$0, 17)
        ports(&$0, 1000, 53)
    },
    ExtractionCase(
        "padding is not a TCP header",
        Build.ethernet(0x0800, Build.ipv4(6, total: 39, Build.tcp() + .zeros(9))), .truncatedTCP
    ) { addressesV4(&$0, 6) },
    ExtractionCase(
        "a total length below the header's",
        Build.ethernet(0x0800, Build.ipv4(6, total: 19, Build.tcp())), .invalidIPv4TotalLength
    ) { $0.ethType = EtherType.ipv4 },
    ExtractionCase(
        "a total length beyond the end",
        Build.ethernet(0x0800, Build.ipv4(6, total: 41, Build.tcp())), .invalidIPv4TotalLength
    ) { $0.ethType = EtherType.ipv4 },
    ExtractionCase(
        "a total length of 0", Build.ethernet(0x0800, Build.ipv4(6, total: 0, Build.tcp())),
        .invalidIPv4TotalLength
    ) { $0.ethType = EtherType.ipv4 },
    ExtractionCase(
        "a super-frame's total length of 0",
        Build.ethernet(0x0800, Build.ipv4(6, total: 0, Build.tcp(.zeros(70_000)))),
        isSuperFrame: true
    ) {
        addressesV4(&$0, 6)
        ports(&$0, 1000, 80)
        $0.tcpFlags = 0x018
    },
    ExtractionCase(
        "IPv4 that says 6", Build.ethernet(0x0800, Build.ipv4(6, version: 6, Build.tcp())),
        .invalidIPv4Version
    ) { $0.ethType = EtherType.ipv4 },
    ExtractionCase(
        "a header of 16 bytes",
        Build.ethernet(0x0800, [0x44] + Build.ipv4(6, Build.tcp()).dropFirst()),
        .invalidIPv4HeaderLength
    ) { $0.ethType = EtherType.ipv4 },
    ExtractionCase(
        "options cut off", Build.ethernet(0x0800, [0x4f] + Build.ipv4(6, Build.tcp()).dropFirst()),
        .truncatedIPv4
    ) { $0.ethType = EtherType.ipv4 },
]

private let ipv6Cases: [ExtractionCase] = [
    ExtractionCase(
        "TCP",
        Build.ethernet(0x86dd, Build.ipv6(6, trafficClass: 0x2e, label: 0xabcde, Build.tcp()))
    ) {
        addressesV6(&$0, 6)
        $0.nwTOS = 0x2e
        $0.ipv6Label = 0xabcde
        ports(&$0, 1000, 80)
        $0.tcpFlags = 0x018
    },
    ExtractionCase(
        "every kind of extension before UDP",
        Build.ethernet(
            0x86dd,
            Build.ipv6(
                0,
                [43, 0] + .zeros(6) + [60, 0, 4, 0] + .zeros(4) + [51, 1] + .zeros(14) + [17, 2]
                    + .zeros(14) + Build.udp()))
    ) {
        addressesV6(&$0, 17)
        ports(&$0, 1000, 53)
    },
    ExtractionCase(
        "a first fragment",
        Build.ethernet(0x86dd, Build.ipv6(44, [17, 0, 0, 1, 0, 0, 0, 1] + Build.udp()))
    ) {
        addressesV6(&$0, 17)
        ports(&$0, 1000, 53)
        $0.nwFrag = Fragment.any
    },
    ExtractionCase(
        "a later fragment",
        Build.ethernet(0x86dd, Build.ipv6(44, [17, 0, 0, 8, 0, 0, 0, 1] + Build.udp()))
    ) {
        addressesV6(&$0, 44)
        $0.nwFrag = Fragment.any | Fragment.later
    },
    ExtractionCase(
        "fifteen extensions",
        Build.ethernet(
            0x86dd,
            Build.ipv6(60, [[UInt8]](repeating: [60] + .zeros(7), count: 15).flatMap(\.self))),
        .tooManyIPv6Extensions
    ) { $0.ethType = EtherType.ipv6 },
    ExtractionCase(
        "an extension beyond the end", Build.ethernet(0x86dd, Build.ipv6(0, [17, 1] + .zeros(6))),
        .truncatedIPv6Extension
    ) { $0.ethType = EtherType.ipv6 },
    ExtractionCase(
        "a payload length beyond the end",
        Build.ethernet(0x86dd, Build.ipv6(6, length: 21, Build.tcp())), .invalidIPv6PayloadLength
    ) { $0.ethType = EtherType.ipv6 },
    ExtractionCase(
        "IPv6 that says 4", Build.ethernet(0x86dd, [0x40] + Build.ipv6(6, Build.tcp()).dropFirst()),
        .invalidIPv6Version
    ) { $0.ethType = EtherType.ipv6 },
    ExtractionCase(
        "IPv4's ICMP is not IPv6's", Build.ethernet(0x86dd, Build.ipv6(1, Build.icmp(8)))
    ) { addressesV6(&$0, 1) },
    ExtractionCase("echo", Build.ethernet(0x86dd, Build.ipv6(58, Build.icmp(128)))) {
        addressesV6(&$0, 58)
        ports(&$0, 128, 0)
    },
    ExtractionCase(
        "a solicitation with its source's address",
        Build.ethernet(
            0x86dd, Build.ipv6(58, Build.solicitation(options: [1, 1, 2, 0, 0, 0, 0, 1])))
    ) {
        addressesV6(&$0, 58)
        ports(&$0, 135, 0)
        $0.ndTarget = IPv6Address(high: 0xfd00 << 48, low: 2)
        $0.arpSHA = MACAddress(bits: 0x0200_0000_0001)
    },
    ExtractionCase(
        "a solicitation with the same option twice",
        Build.ethernet(
            0x86dd,
            Build.ipv6(
                58, Build.solicitation(options: [1, 1, 2, 0, 0, 0, 0, 1, 1, 1, 2, 0, 0, 0, 0, 1]))),
        .invalidNeighborDiscovery
    ) {
        addressesV6(&$0, 58)
        ports(&$0, 135, 0)
    },
    ExtractionCase(
        "a solicitation with an option of no length",
        Build.ethernet(0x86dd, Build.ipv6(58, Build.solicitation(options: [1, 0] + .zeros(6)))),
        .invalidNeighborDiscovery
    ) {
        addressesV6(&$0, 58)
        ports(&$0, 135, 0)
    },
]

extension [UInt8] {
    static func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }
}

struct KeyExtractionTests {
    @Test(arguments: linkCases + ipv4Cases + ipv6Cases)
    func frameToKey(_ row: ExtractionCase) {
        let extraction = extract(row.bytes, tag: row.tag, isSuperFrame: row.isSuperFrame)
        var expected = FlowKey()
        expected.inPort = 7
        expected.ethDst = MACAddress(bits: 0x0200_0000_0002)
        expected.ethSrc = MACAddress(bits: 0x0200_0000_0001)
        row.key(&expected)
        for word in 0..<FlowKey.wordCount {
            #expect(extraction.key[word: word] == expected[word: word], "word \(word)")
        }
        #expect(extraction.malformation == row.malformation)
    }

    @Test func thirteenBytesHaveNoKey() {
        let extraction = extract(.zeros(13))
        var expected = FlowKey()
        expected.inPort = 7
        #expect(extraction.key == expected)
        #expect(extraction.malformation == .truncatedEthernet)
    }

    @Test func layoutNamesTheHeaders() {
        let tagged = extract(
            Build.ethernet(
                0x0800, tags: [(0x8100, 5)], Build.ipv4(6, options: .zeros(4), Build.tcp())))
        #expect(tagged.layout.network == 18)
        #expect(tagged.layout.networkKind == .ipv4)
        #expect(tagged.layout.transport == 42)
        #expect(tagged.layout.transportProtocol == 6)
        let later = extract(Build.ethernet(0x0800, Build.ipv4(6, place: 1, Build.tcp())))
        #expect(later.layout.transport == 0)
        #expect(later.layout.isFragment)
        let routed = extract(
            Build.ethernet(0x86dd, Build.ipv6(43, [17, 0, 0, 1, 0, 0, 0, 0] + Build.udp())))
        #expect(routed.layout.hasRoutingHeader)
        #expect(routed.layout.transport == 62)
    }

    /// Every frame of the table, cut at every byte: the key of a shorter frame never has a field
    /// that the whole one has not, or has otherwise, and a fault is named.
    @Test func cutAtEveryByte() {
        for row in linkCases + ipv4Cases + ipv6Cases where row.bytes.count < 2000 {
            let whole = extract(row.bytes, tag: row.tag, isSuperFrame: row.isSuperFrame)
            for length in 0..<row.bytes.count {
                let cut = extract(Array(row.bytes[..<length]), tag: row.tag)
                #expect((cut.malformation == .truncatedEthernet) == (length < 14))
                #expect(cut.key.inPort == 7)
                if length >= 14 {
                    #expect(cut.key.ethSrc == whole.key.ethSrc)
                    #expect(cut.key.ethDst == whole.key.ethDst)
                }
                expectSound(cut, byteCount: length)
            }
        }
    }

    /// 100,000 frames, random or mutated. Debug and release builds must both survive this.
    @Test func hundredThousandFrames() {
        var chance = Chance(seed: 0x5eed)
        let seeds = (linkCases + ipv4Cases + ipv6Cases).map(\.bytes).filter { $0.count < 2000 }
        var faults = [Malformation?: Int]()
        for _ in 0..<100_000 {
            var bytes: [UInt8]
            if chance.oneIn(4) {
                bytes = (0..<chance.below(120)).map { _ in UInt8(truncatingIfNeeded: chance.next())
                }
            } else {
                bytes = seeds[chance.below(seeds.count)]
                for _ in 0...chance.below(4) where !bytes.isEmpty {
                    bytes[chance.below(bytes.count)] = UInt8(truncatingIfNeeded: chance.next())
                }
                if chance.oneIn(2) { bytes.removeLast(chance.below(bytes.count + 1)) }
            }
            let extraction = extract(
                bytes,
                tag: chance.oneIn(3) ? (0x8100, UInt16(truncatingIfNeeded: chance.next())) : (0, 0),
                isSuperFrame: chance.oneIn(8))
            faults[extraction.malformation, default: 0] += 1
            expectSound(extraction, byteCount: bytes.count)
        }
        // The mutations reach every fault there is, so each is counted under its own name.
        for fault in Malformation.allCases { #expect(faults[fault, default: 0] > 0, "\(fault)") }
    }

    /// What holds of every extraction, whatever the bytes were.
    func expectSound(_ extraction: Extraction, byteCount: Int) {
        let (key, layout) = (extraction.key, extraction.layout)
        let network = Int(layout.network)
        let sizes: [FrameLayout.Network: Int] = [.none: 0, .ipv4: 20, .ipv6: 40, .arp: 28]
        var isSound = network + sizes[layout.networkKind]! <= byteCount
        isSound = isSound && (layout.networkKind == .none) == (network == 0)
        isSound = isSound && (layout.transport == 0 || Int(layout.transport) + 8 <= byteCount)
        isSound = isSound && (layout.transport == 0 || layout.transportProtocol == key.nwProto)
        isSound = isSound && (key.nwFrag & Fragment.later == 0 || layout.transport == 0)
        isSound = isSound && (key.tpSrc | key.tpDst == 0 || layout.transport != 0)
        isSound = isSound && key.words[18] == 0
        if !isSound { Issue.record("unsound: \(extraction) of \(byteCount) bytes") }
    }
}
