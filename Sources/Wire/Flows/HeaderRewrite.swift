public import Packets

// Which header a `set` writes, and which bits of the flow key that is.
//
// A rewrite can be seen in two ways: as named fields, for whoever makes or reads one, and as a row
// of words with a mask, like a flow. The second is what text, netlink, compiled programs and the
// translator's difference of two keys have in common; so each header is described once, by the bits
// of the key that it owns (`HeaderKind.fields`), and everything else follows from that.

/// Which header a `set` writes, one case per `OVS_KEY_ATTR_*` that may be set. A bit of a mask that
/// is 0 leaves the packet's bit as it was.
public enum HeaderRewrite: Hashable, Sendable {
    case ethernet(source: Masked<MACAddress>, destination: Masked<MACAddress>)
    /// Priority and VLAN id of the outer tag. Not whether it is there.
    case vlan(tci: Masked<UInt16>)
    /// The first label-stack entry, whole (RFC 3032 §2.1).
    case mpls(entry: Masked<UInt32>)
    /// RFC 826. An `operation` whose mask is 0xff writes all 16 bits of it.
    case arp(
        source: Masked<IPv4Address>, target: Masked<IPv4Address>, operation: Masked<UInt8>,
        sourceHardware: Masked<MACAddress>, targetHardware: Masked<MACAddress>)
    /// Addresses, DSCP and ECN together as `tos`, and time to live.
    case ipv4(
        source: Masked<IPv4Address>, destination: Masked<IPv4Address>, tos: Masked<UInt8>,
        ttl: Masked<UInt8>)
    case ipv6(
        source: Masked<IPv6Address>, destination: Masked<IPv6Address>, label: Masked<UInt32>,
        trafficClass: Masked<UInt8>, hopLimit: Masked<UInt8>)
    /// Ports of TCP, UDP or SCTP; `ipProtocol` says which.
    case ports(ipProtocol: UInt8, source: Masked<UInt16>, destination: Masked<UInt16>)
    case icmp(type: Masked<UInt8>, code: Masked<UInt8>)
    case icmpv6(type: Masked<UInt8>, code: Masked<UInt8>)
    /// Target and link-layer address options of a solicitation or advertisement (RFC 4861 §4.3,
    /// §4.4). An option that the packet does not have is not added.
    case neighbourDiscovery(
        target: Masked<IPv6Address>, sourceLinkLayer: Masked<MACAddress>,
        targetLinkLayer: Masked<MACAddress>)
    case packetMark(Masked<UInt32>)
    case priority(Masked<UInt32>)
    case dpHash(Masked<UInt32>)
}

/// The headers of `HeaderRewrite`, and what is known of a packet beside its bytes.
public enum HeaderKind: UInt8, CaseIterable, Hashable, Sendable {
    case ethernet, vlan, mpls, arp, ipv4, ipv6, tcp, udp, sctp, icmp, icmpv6, neighbourDiscovery
    case packetMark, priority, dpHash
}

extension HeaderKind {
    // Asked for each edit that is written down, so made once.
    private static let allFields = allCases.map(\.madeFields)
    private static let allWords = allCases.map(\.madeWords)
    private static let allParts = allCases.map(\.madeParts)

    /// The bits of a key that a rewrite of this header may write.
    public var fields: FlowMask { Self.allFields[Int(rawValue)] }

    /// The words of a key that `fields` has bits in, ascending. Six at most.
    public var words: [Int] { Self.allWords[Int(rawValue)] }

    /// `fields`, one row for each field: what is written whole or not at all when all of it was
    /// looked at.
    public var parts: [FlowMask] { Self.allParts[Int(rawValue)] }

    private var madeFields: FlowMask {
        var row = FlowMask()
        switch self {
        case .ethernet: (row.ethSrc, row.ethDst) = (.broadcast, .broadcast)
        case .vlan: row.vlan0TCI = ~VLANTag.present
        case .mpls: row.mpls0 = .max
        case .arp:
            (row.nwSrc, row.nwDst) = (IPv4Address(bits: .max), IPv4Address(bits: .max))
            (row.nwProto, row.arpSHA, row.arpTHA) = (.max, .broadcast, .broadcast)
        case .ipv4:
            (row.nwSrc, row.nwDst) = (IPv4Address(bits: .max), IPv4Address(bits: .max))
            (row.nwTOS, row.nwTTL) = (.max, .max)
        case .ipv6:
            row.ipv6Src = IPv6Address(high: .max, low: .max)
            row.ipv6Dst = IPv6Address(high: .max, low: .max)
            (row.ipv6Label, row.nwTOS, row.nwTTL) = (0xf_ffff, .max, .max)
        case .tcp, .udp, .sctp: (row.tpSrc, row.tpDst) = (.max, .max)
        case .icmp, .icmpv6: (row.tpSrc, row.tpDst) = (0xff, 0xff)
        case .neighbourDiscovery:
            row.ndTarget = IPv6Address(high: .max, low: .max)
            (row.arpSHA, row.arpTHA) = (.broadcast, .broadcast)
        case .packetMark: row.packetMark = .max
        case .priority: row.priority = .max
        case .dpHash: row.dpHash = .max
        }
        return row
    }

    private var madeParts: [FlowMask] {
        func row(_ set: (inout FlowMask) -> Void) -> FlowMask {
            var row = FlowMask()
            set(&row)
            return row.masked(by: fields)
        }
        let all = IPv6Address(high: .max, low: .max)
        return [
            row { $0.ethSrc = .broadcast }, row { $0.ethDst = .broadcast },
            row { $0.vlan0TCI = .max }, row { $0.mpls0 = .max },
            row { $0.nwSrc = IPv4Address(bits: .max) }, row { $0.nwDst = IPv4Address(bits: .max) },
            row { $0.ipv6Src = all }, row { $0.ipv6Dst = all }, row { $0.ipv6Label = .max },
            row { $0.nwTOS = .max }, row { $0.nwTTL = .max }, row { $0.nwProto = .max },
            row { $0.tpSrc = .max }, row { $0.tpDst = .max }, row { $0.ndTarget = all },
            row { $0.arpSHA = .broadcast }, row { $0.arpTHA = .broadcast },
            row { $0.packetMark = .max }, row { $0.priority = .max }, row { $0.dpHash = .max },
        ].filter { $0 != FlowMask() }
    }

    private var madeWords: [Int] {
        let fields = fields
        return (0..<FlowKey.wordCount).filter { fields[word: $0] != 0 }
    }

    /// How many words that are.
    @inlinable public var wordCount: Int {
        switch self {
        case .ethernet, .ipv4: 2
        case .vlan, .mpls, .tcp, .udp, .sctp, .icmp, .icmpv6, .packetMark, .priority, .dpHash: 1
        case .arp, .neighbourDiscovery: 4
        case .ipv6: 6
        }
    }

    /// Whether a packet with this key has the header. What is known beside the bytes is always
    /// there.
    public func isPresent(in key: FlowKey) -> Bool {
        let isIP = key.ethType == EtherType.ipv4 || key.ethType == EtherType.ipv6
        func carries(_ ipProtocol: UInt8) -> Bool {
            isIP && key.nwProto == ipProtocol && key.nwFrag & Fragment.later == 0
        }
        switch self {
        case .ethernet, .packetMark, .priority, .dpHash: return true
        case .vlan: return key.vlan0TCI & VLANTag.present != 0
        case .mpls:
            return key.ethType == EtherType.mpls || key.ethType == EtherType.mplsMulticast
        case .arp: return key.ethType == EtherType.arp || key.ethType == EtherType.reverseARP
        case .ipv4: return key.ethType == EtherType.ipv4
        case .ipv6: return key.ethType == EtherType.ipv6
        case .tcp: return carries(IPProtocol.tcp)
        case .udp: return carries(IPProtocol.udp)
        case .sctp: return carries(IPProtocol.sctp)
        case .icmp: return key.ethType == EtherType.ipv4 && carries(IPProtocol.icmp)
        case .icmpv6: return key.ethType == EtherType.ipv6 && carries(IPProtocol.icmpv6)
        case .neighbourDiscovery:
            return Self.icmpv6.isPresent(in: key) && (key.tpSrc == 135 || key.tpSrc == 136)
                && key.tpDst == 0
        }
    }
}

extension HeaderRewrite {
    public var kind: HeaderKind {
        switch self {
        case .ethernet: .ethernet
        case .vlan: .vlan
        case .mpls: .mpls
        case .arp: .arp
        case .ipv4: .ipv4
        case .ipv6: .ipv6
        case .ports(IPProtocol.tcp, _, _): .tcp
        case .ports(IPProtocol.sctp, _, _): .sctp
        case .ports: .udp
        case .icmp: .icmp
        case .icmpv6: .icmpv6
        case .neighbourDiscovery: .neighbourDiscovery
        case .packetMark: .packetMark
        case .priority: .priority
        case .dpHash: .dpHash
        }
    }

    /// What is written, as a row with its mask. No bit of the mask is outside `kind.fields`.
    public var rows: (value: FlowKey, mask: FlowMask) {
        var (value, mask) = (FlowKey(), FlowMask())
        switch self {
        case .ethernet(let source, let destination):
            (value.ethSrc, mask.ethSrc) = (source.value, source.mask)
            (value.ethDst, mask.ethDst) = (destination.value, destination.mask)
        case .vlan(let tci): (value.vlan0TCI, mask.vlan0TCI) = (tci.value, tci.mask)
        case .mpls(let entry): (value.mpls0, mask.mpls0) = (entry.value, entry.mask)
        case .arp(let source, let target, let operation, let sourceHardware, let targetHardware):
            (value.nwSrc, mask.nwSrc) = (source.value, source.mask)
            (value.nwDst, mask.nwDst) = (target.value, target.mask)
            (value.nwProto, mask.nwProto) = (operation.value, operation.mask)
            (value.arpSHA, mask.arpSHA) = (sourceHardware.value, sourceHardware.mask)
            (value.arpTHA, mask.arpTHA) = (targetHardware.value, targetHardware.mask)
        case .ipv4(let source, let destination, let tos, let ttl):
            (value.nwSrc, mask.nwSrc) = (source.value, source.mask)
            (value.nwDst, mask.nwDst) = (destination.value, destination.mask)
            (value.nwTOS, mask.nwTOS) = (tos.value, tos.mask)
            (value.nwTTL, mask.nwTTL) = (ttl.value, ttl.mask)
        case .ipv6(let source, let destination, let label, let trafficClass, let hopLimit):
            (value.ipv6Src, mask.ipv6Src) = (source.value, source.mask)
            (value.ipv6Dst, mask.ipv6Dst) = (destination.value, destination.mask)
            (value.ipv6Label, mask.ipv6Label) = (label.value, label.mask)
            (value.nwTOS, mask.nwTOS) = (trafficClass.value, trafficClass.mask)
            (value.nwTTL, mask.nwTTL) = (hopLimit.value, hopLimit.mask)
        case .ports(_, let source, let destination):
            (value.tpSrc, mask.tpSrc) = (source.value, source.mask)
            (value.tpDst, mask.tpDst) = (destination.value, destination.mask)
        case .icmp(let type, let code), .icmpv6(let type, let code):
            (value.tpSrc, mask.tpSrc) = (UInt16(type.value), UInt16(type.mask))
            (value.tpDst, mask.tpDst) = (UInt16(code.value), UInt16(code.mask))
        case .neighbourDiscovery(let target, let source, let targetLinkLayer):
            (value.ndTarget, mask.ndTarget) = (target.value, target.mask)
            (value.arpSHA, mask.arpSHA) = (source.value, source.mask)
            (value.arpTHA, mask.arpTHA) = (targetLinkLayer.value, targetLinkLayer.mask)
        case .packetMark(let mark): (value.packetMark, mask.packetMark) = (mark.value, mark.mask)
        case .priority(let number): (value.priority, mask.priority) = (number.value, number.mask)
        case .dpHash(let hash): (value.dpHash, mask.dpHash) = (hash.value, hash.mask)
        }
        return (value, mask.masked(by: kind.fields))
    }

    /// The rewrite of the header `kind` that writes the bits of `value` that `mask` selects. What
    /// lies outside `kind.fields` does not count.
    public init(_ kind: HeaderKind, value: FlowKey, mask: FlowMask) {
        func small(_ number: UInt16, _ mask: UInt16) -> Masked<UInt8> {
            Masked(UInt8(truncatingIfNeeded: number), mask: UInt8(truncatingIfNeeded: mask))
        }
        let nwSrc = Masked(value.nwSrc, mask: mask.nwSrc)
        let nwDst = Masked(value.nwDst, mask: mask.nwDst)
        let (tos, ttl) = (
            Masked(value.nwTOS, mask: mask.nwTOS), Masked(value.nwTTL, mask: mask.nwTTL)
        )
        let sourceHardware = Masked(value.arpSHA, mask: mask.arpSHA)
        let targetHardware = Masked(value.arpTHA, mask: mask.arpTHA)
        switch kind {
        case .ethernet:
            self = .ethernet(
                source: Masked(value.ethSrc, mask: mask.ethSrc),
                destination: Masked(value.ethDst, mask: mask.ethDst))
        case .vlan:
            self = .vlan(tci: Masked(value.vlan0TCI, mask: mask.vlan0TCI & ~VLANTag.present))
        case .mpls: self = .mpls(entry: Masked(value.mpls0, mask: mask.mpls0))
        case .arp:
            self = .arp(
                source: nwSrc, target: nwDst,
                operation: Masked(value.nwProto, mask: mask.nwProto),
                sourceHardware: sourceHardware, targetHardware: targetHardware)
        case .ipv4: self = .ipv4(source: nwSrc, destination: nwDst, tos: tos, ttl: ttl)
        case .ipv6:
            self = .ipv6(
                source: Masked(value.ipv6Src, mask: mask.ipv6Src),
                destination: Masked(value.ipv6Dst, mask: mask.ipv6Dst),
                label: Masked(value.ipv6Label, mask: mask.ipv6Label & 0xf_ffff),
                trafficClass: tos, hopLimit: ttl)
        case .tcp, .udp, .sctp:
            self = .ports(
                ipProtocol: kind == .tcp
                    ? IPProtocol.tcp : kind == .udp ? IPProtocol.udp : IPProtocol.sctp,
                source: Masked(value.tpSrc, mask: mask.tpSrc),
                destination: Masked(value.tpDst, mask: mask.tpDst))
        case .icmp:
            self = .icmp(
                type: small(value.tpSrc, mask.tpSrc), code: small(value.tpDst, mask.tpDst))
        case .icmpv6:
            self = .icmpv6(
                type: small(value.tpSrc, mask.tpSrc), code: small(value.tpDst, mask.tpDst))
        case .neighbourDiscovery:
            self = .neighbourDiscovery(
                target: Masked(value.ndTarget, mask: mask.ndTarget),
                sourceLinkLayer: sourceHardware, targetLinkLayer: targetHardware)
        case .packetMark: self = .packetMark(Masked(value.packetMark, mask: mask.packetMark))
        case .priority: self = .priority(Masked(value.priority, mask: mask.priority))
        case .dpHash: self = .dpHash(Masked(value.dpHash, mask: mask.dpHash))
        }
    }

    /// What the key of a packet becomes by this rewrite. A packet without the header stays as it
    /// is.
    public func applied(to key: FlowKey) -> FlowKey {
        guard kind.isPresent(in: key) else { return key }
        let (value, mask) = rows
        var result = key
        for word in kind.words {
            let bits = mask[word: word]
            result[word: word] = key[word: word] & ~bits | value[word: word] & bits
        }
        return result
    }
}
