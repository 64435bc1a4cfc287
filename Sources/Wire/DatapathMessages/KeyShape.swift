import Flows
import Packets

// Which attributes a key is written with.
//
// A `FlowKey` is a row in which every field has its place. Netlink's form of it is a tree: an
// attribute stands there only if the headers before it say that the packet has that header. So the
// key itself decides which attributes both it and its mask are written with.
//
//     ETHERNET  ETHERTYPE 0x8100  VLAN  ENCAP { ETHERTYPE 0x0800  IPV4  TCP  TCP_FLAGS }
//
// The tree cannot say everything that the row can (half of an ICMP type, "tagged or not").
// `carried` tells what will arrive; where that is not what was meant, the writer adds the whole
// row.

struct KeyShape: Hashable {
    enum Network: Hashable {
        case none, ipv4, ipv6, arp
        /// A label stack, with 1 to 3 entries in the key.
        case mpls(Int)
    }
    enum Transport: Hashable {
        case none, tcp, udp, sctp, icmp, icmpv6, neighbourDiscovery
    }

    /// Tags in front, 0 to 2.
    var tags = 0
    var hasInPort: Bool
    var hasTunnel: Bool
    var isEthernetII: Bool
    var network = Network.none
    var transport = Transport.none

    /// What `inPort` is when a packet came in by none (the attribute is then absent).
    static let noPort = UInt32.max

    init(_ key: FlowKey) {
        hasTunnel = key.hasTunnel
        hasInPort = key.inPort != Self.noPort
        isEthernetII = key.ethType >= EtherType.smallest
        if key.vlan0TCI & VLANTag.present != 0 {
            tags = key.vlan1TCI & VLANTag.present != 0 ? 2 : 1
        }
        switch key.ethType {
        case EtherType.ipv4: network = .ipv4
        case EtherType.ipv6: network = .ipv6
        case EtherType.arp, EtherType.reverseARP: network = .arp
        case EtherType.mpls, EtherType.mplsMulticast: network = .mpls(Self.labelCount(key))
        default: break
        }
        let isIP = network == .ipv4 || network == .ipv6
        guard isIP, key.nwFrag & Fragment.later == 0 else { return }
        switch (key.nwProto, network) {
        case (IPProtocol.tcp, _): transport = .tcp
        case (IPProtocol.udp, _): transport = .udp
        case (IPProtocol.sctp, _): transport = .sctp
        case (IPProtocol.icmp, .ipv4): transport = .icmp
        case (IPProtocol.icmpv6, .ipv6):
            // RFC 4861 §4.3 and §4.4: solicitation and advertisement, whose code is 0.
            let discovers = (key.tpSrc == 135 || key.tpSrc == 136) && key.tpDst == 0
            transport = discovers ? .neighbourDiscovery : .icmpv6
        default: break
        }
    }

    /// Entries up to the bottom of the stack (RFC 3032 §2.1, bit S), without zeros behind.
    private static func labelCount(_ key: FlowKey) -> Int {
        let bottom: UInt32 = 0x100
        if key.mpls0 & bottom != 0 || (key.mpls1 == 0 && key.mpls2 == 0) { return 1 }
        return key.mpls1 & bottom != 0 || key.mpls2 == 0 ? 2 : 3
    }

    /// The attributes of the network and transport layers that a key of this shape may have, as
    /// bits counted by their type.
    var layerAttributes: UInt64 {
        var types: [UInt16] = []
        switch network {
        case .none: break
        case .ipv4: types = [KeyAttribute.ipv4]
        case .ipv6: types = [KeyAttribute.ipv6]
        case .arp: types = [KeyAttribute.arp]
        case .mpls: types = [KeyAttribute.mpls]
        }
        switch transport {
        case .none: break
        case .tcp: types += [KeyAttribute.tcp, KeyAttribute.tcpFlags]
        case .udp: types += [KeyAttribute.udp]
        case .sctp: types += [KeyAttribute.sctp]
        case .icmp: types += [KeyAttribute.icmp]
        case .icmpv6: types += [KeyAttribute.icmpv6]
        case .neighbourDiscovery:
            types += [KeyAttribute.icmpv6, KeyAttribute.neighbourDiscovery]
        }
        return types.reduce(0) { $0 | 1 << UInt64($1) }
    }

    /// What a reader finds when `key` was written in this shape.
    func carried(key: FlowKey) -> FlowKey {
        var result = key.masked(by: fields)
        if hasTunnel { result.settleTunnel() }
        if !hasInPort { result.inPort = Self.noPort }
        if !isEthernetII { result.ethType = EtherType.notEthernetII }
        if result.nwFrag != 0 {
            result.nwFrag =
                result.nwFrag & Fragment.later != 0
                ? Fragment.any | Fragment.later : Fragment.any
        }
        return result
    }

    /// What a reader finds when `mask` was written for a key of this shape. The kernel always
    /// compares the whole tag where a mask says nothing of it.
    func carried(mask: FlowMask) -> FlowMask {
        var result = mask.masked(by: fields)
        if hasTunnel, mask.hasTunnelBits {
            result.settleTunnel()
            result.forgetBareTunnel()
        }
        if result.nwFrag != 0 { result.nwFrag = Fragment.any | Fragment.later }
        if tags == 0 { result.vlan0TCI = 0xffff }
        if tags == 1 { result.vlan1TCI = 0xffff }
        return result
    }

    /// All bits that an attribute of this shape carries.
    private var fields: FlowMask {
        var row = FlowMask()
        for index in 0..<2 { row[word: index] = .max }
        row.dpHash = .max
        if hasTunnel { row.formUnion(.tunnelFields) }
        (row.ethSrc, row.ethDst, row.ethType) = (.broadcast, .broadcast, .max)
        if tags > 0 { (row.vlan0TCI, row.vlan0TPID) = (.max, .max) }
        if tags > 1 { (row.vlan1TCI, row.vlan1TPID) = (.max, .max) }
        addNetwork(to: &row)
        switch transport {
        case .none: break
        case .tcp: (row.tpSrc, row.tpDst, row.tcpFlags) = (.max, .max, .max)
        case .udp, .sctp: (row.tpSrc, row.tpDst) = (.max, .max)
        case .icmp, .icmpv6: (row.tpSrc, row.tpDst) = (0xff, 0xff)
        case .neighbourDiscovery:
            (row.tpSrc, row.tpDst) = (0xff, 0xff)
            row.ndTarget = IPv6Address(high: .max, low: .max)
            (row.arpSHA, row.arpTHA) = (.broadcast, .broadcast)
        }
        return row
    }

    private func addNetwork(to row: inout FlowMask) {
        switch network {
        case .none: break
        case .ipv4:
            (row.nwSrc, row.nwDst) = (IPv4Address(bits: .max), IPv4Address(bits: .max))
            (row.nwProto, row.nwTOS, row.nwTTL, row.nwFrag) = (.max, .max, .max, .max)
        case .ipv6:
            row.ipv6Src = IPv6Address(high: .max, low: .max)
            row.ipv6Dst = IPv6Address(high: .max, low: .max)
            row.ipv6Label = .max
            (row.nwProto, row.nwTOS, row.nwTTL, row.nwFrag) = (.max, .max, .max, .max)
        case .arp:
            (row.nwSrc, row.nwDst) = (IPv4Address(bits: .max), IPv4Address(bits: .max))
            (row.nwProto, row.arpSHA, row.arpTHA) = (.max, .broadcast, .broadcast)
        case .mpls(let count):
            row.mpls0 = .max
            if count > 1 { row.mpls1 = .max }
            if count > 2 { row.mpls2 = .max }
        }
    }
}

extension FlowKey {
    /// Whether there is any bit in the words of a tunnel.
    var hasTunnelBits: Bool {
        var bits: UInt64 = 0
        for word in FlowKey.plainWordCount - 1..<FlowKey.wordCount { bits |= self[word: word] }
        return bits != 0
    }

    /// A kernel's mask has a tunnel's nest always, also to say that it looks at nothing in it.
    mutating func forgetBareTunnel() {
        guard tunnelFlags == TunnelFlag.present else { return }
        tunnelFlags = 0
        // Something else is looked at: then the nest means what it says.
        if hasTunnelBits { tunnelFlags = TunnelFlag.present }
    }

    /// What a reader makes of a tunnel that was written: the nest is there, and an id only with its
    /// flag.
    fileprivate mutating func settleTunnel() {
        tunnelFlags |= TunnelFlag.present
        if tunnelFlags & TunnelFlag.key == 0 { tunnelID = 0 }
    }
}
