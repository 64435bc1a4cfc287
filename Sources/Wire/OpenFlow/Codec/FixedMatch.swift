import Flows
import Packets

// What the matches of 1.0 and 1.1 have in common: a fixed place for each field, one pair of fields
// for the ports of all transports, and things that they cannot say.

enum FixedMatch {
    /// `dl_vlan` of a frame without a tag.
    static let noVLAN: UInt16 = 0xffff

    /// The fields that `tp_src` and `tp_dst` mean under this match; nil: neither.
    ///
    /// - Parameter knowsVersion6: Whether they mean anything under IPv6.
    static func transport(
        of match: Match, knowsVersion6: Bool
    ) -> (source: FlowField, destination: FlowField)? {
        let isVersion6 = match.exactly(.ethType) == UInt64(EtherType.ipv6)
        guard isVersion6 && knowsVersion6 || match.exactly(.ethType) == UInt64(EtherType.ipv4)
        else { return nil }
        switch match.exactly(.nwProto) {
        case UInt64(IPProtocol.tcp): return (.tcpSrc, .tcpDst)
        case UInt64(IPProtocol.udp): return (.udpSrc, .udpDst)
        case UInt64(IPProtocol.sctp): return (.sctpSrc, .sctpDst)
        case UInt64(IPProtocol.icmp) where !isVersion6: return (.icmpType, .icmpCode)
        case UInt64(IPProtocol.icmpv6) where isVersion6: return (.icmpv6Type, .icmpv6Code)
        default: return nil
        }
    }

    /// The VLAN as these matches say it; nil: it does not count. A priority needs a tag.
    ///
    /// - Parameter anyVLAN: `dl_vlan` of any tag, where there is such a number.
    static func vlan(
        of match: Match, anyVLAN: UInt16?
    ) -> (id: UInt16?, priority: UInt8?) {
        let key = match.key.packet.vlan0TCI
        let mask = match.mask.packet.vlan0TCI
        guard mask & VLANTag.present != 0 else { return (nil, nil) }
        guard key & VLANTag.present != 0 else { return (noVLAN, nil) }
        let hasID = mask & VLANTag.idMask == VLANTag.idMask
        let hasPriority = mask & VLANTag.priorityMask == VLANTag.priorityMask
        return (
            hasID ? key & VLANTag.idMask : anyVLAN,
            hasPriority ? UInt8(key >> VLANTag.priorityShift) : nil
        )
    }

    /// Whether reading what `write` writes gives the same match back.
    static func canSay(
        _ match: Match, write: (Match, inout OctetWriter) -> Void,
        read: (inout OctetReader) throws(OpenFlowErrorCode) -> Match
    ) -> Bool {
        var writer = OctetWriter()
        write(match, &writer)
        var reader = OctetReader(writer.bytes)
        do {
            return try read(&reader) == match
        } catch {
            return false
        }
    }
}
