import Flows
import Packets

// Which fields a match is made of, when its bits may be read in more ways than one.

extension ExtensibleCodec {
    /// The fields that together say what `match` says, in the order in which they are written.
    static func fieldsInOrder(of match: Match, _ kind: ExtensibleKind) -> [FlowField] {
        let asked = match.mask.presentWords
        var fields: [FlowField] = []
        func add(_ candidates: [FlowField]) {
            // Most fields lie in words that the match says nothing of.
            for field in candidates where field.words & asked != 0 {
                if field.read(match.mask).bits & field.exactMask.bits != 0 { fields.append(field) }
            }
        }
        add(before)
        if asked & FlowField.vlanTCI.words != 0 { add(vlanFields(of: match, kind)) }
        if asked & mplsWords != 0 { add(mpls) }
        if asked & FlowField.ethType.words != 0 { add(networkFields(of: match, kind)) }
        if asked & afterWords != 0 { add(after) }
        return fields
    }

    private static let before: [FlowField] = [
        .packetType, .connectionState, .connectionZone, .connectionMark, .connectionLabel,
        .dpHash, .recirculationID, .conjunctionID, .inPort, .actionSetOutput, .ethSrc, .ethDst,
        .ethType,
    ]
    private static let mpls: [FlowField] = [.mplsTC, .mplsBOS, .mplsTTL, .mplsLabel]
    private static let after: [FlowField] =
        [.tunnelID, .tunnelSrc, .tunnelDst, .tunnelIPv6Src, .tunnelIPv6Dst, .tunnelGroupID]
        + [.tunnelGroupFlags, .tunnelFlags] + (0..<FlowField.registerCount).map { .reg($0) }
        + [.packetMark, .metadata]

    private static let mplsWords = mpls.reduce(0) { $0 | $1.words }
    private static let afterWords = after.reduce(0) { $0 | $1.words }

    /// OXM has no field for the whole tag: its id with the present bit, and its priority if a tag
    /// must be there.
    private static func vlanFields(of match: Match, _ kind: ExtensibleKind) -> [FlowField] {
        guard kind != .nxm else { return [.vlanTCI] }
        return match.key.packet.vlan0TCI & VLANTag.present == 0 ? [.vlanVID] : [.vlanVID, .vlanPCP]
    }

    private static func networkFields(of match: Match, _ kind: ExtensibleKind) -> [FlowField] {
        let type = match.exactly(.ethType)
        switch type {
        case UInt64(EtherType.arp), UInt64(EtherType.reverseARP):
            return [.arpOp, .arpSPA, .arpTPA, .arpSHA, .arpTHA]
        case UInt64(EtherType.ipv4):
            return [.ipv4Src, .ipv4Dst] + internetFields(kind) + [.nwProto]
                + transportFields(of: match)
        case UInt64(EtherType.ipv6):
            return [.ipv6Src, .ipv6Dst] + internetFields(kind) + [.ipv6Label, .nwProto]
                + transportFields(of: match)
        default:
            return []
        }
    }

    private static func internetFields(_ kind: ExtensibleKind) -> [FlowField] {
        [.ipFrag, kind == .nxm ? .nwTOS : .ipDSCP, .nwECN, .nwTTL]
    }

    private static func transportFields(of match: Match) -> [FlowField] {
        guard let (source, destination) = match.transportFields else { return [] }
        switch (match.exactly(.nwProto), match.exactly(.icmpv6Type)) {
        case (UInt64(IPProtocol.tcp), _): return [source, destination, .tcpFlags]
        case (UInt64(IPProtocol.icmpv6), 135): return [source, destination, .ndTarget, .ndSLL]
        case (UInt64(IPProtocol.icmpv6), 136): return [source, destination, .ndTarget, .ndTLL]
        default: return [source, destination]
        }
    }
}

extension Match {
    /// The field's value if the match asks for exactly one; nil otherwise.
    func exactly(_ field: FlowField) -> UInt64? {
        field.read(mask).bits & field.heldMask.bits == field.heldMask.bits
            ? field.read(key).low & field.heldMask.low : nil
    }

    /// The two fields behind the network header that this match may speak of: ports, or an ICMP
    /// message's type and code. 1.0 and 1.1 call them `tp_src` and `tp_dst`. Nil: neither.
    var transportFields: (FlowField, FlowField)? {
        let isVersion6 = exactly(.ethType) == UInt64(EtherType.ipv6)
        guard isVersion6 || exactly(.ethType) == UInt64(EtherType.ipv4) else { return nil }
        switch exactly(.nwProto) {
        case UInt64(IPProtocol.tcp): return (.tcpSrc, .tcpDst)
        case UInt64(IPProtocol.udp): return (.udpSrc, .udpDst)
        case UInt64(IPProtocol.sctp): return (.sctpSrc, .sctpDst)
        case UInt64(IPProtocol.icmp) where !isVersion6: return (.icmpType, .icmpCode)
        case UInt64(IPProtocol.icmpv6) where isVersion6: return (.icmpv6Type, .icmpv6Code)
        default: return nil
        }
    }

    /// Whether a packet must have a VLAN tag to match.
    var requiresVLANTag: Bool {
        key.packet.vlan0TCI & mask.packet.vlan0TCI & VLANTag.present != 0
    }
}
