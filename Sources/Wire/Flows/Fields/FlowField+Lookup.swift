import Packets

// Finding a field by what text or a message calls it, and asking whether it means anything yet.

extension FlowField {
    // Tables for look-up only: nothing iterates them, so their order reaches no result.
    private static let byName: [String: FlowField] = {
        var table: [String: FlowField] = [:]
        for field in all { for name in [field.name] + field.aliases { table[name] = field } }
        return table
    }()
    private static let byNXM = Dictionary(
        uniqueKeysWithValues: all.compactMap { field in field.nxm.map { ($0, field) } })
    private static let byOXM = Dictionary(
        uniqueKeysWithValues: all.compactMap { field in field.oxm.map { ($0, field) } })

    /// The field that text calls `name`, by its own name or an alias.
    public static func named(_ name: some StringProtocol) -> FlowField? { byName[String(name)] }

    /// The field with this class and number (`class << 7 | number`) in NXM.
    public static func nxm(_ number: UInt32) -> FlowField? { byNXM[number] }

    /// The field with this class and number (`class << 7 | number`) in OXM.
    public static func oxm(_ number: UInt32) -> FlowField? { byOXM[number] }

    /// The field with this class and number in either: their classes differ.
    public static func numbered(_ number: UInt32) -> FlowField? { byNXM[number] ?? byOXM[number] }
}

extension FlowField {
    /// Whether the conditions `key`/`mask` already say what this field needs to mean anything.
    /// OpenFlow 1.3.5 §7.2.3.8.
    public func hasPrerequisites(key: PipelineKey, mask: PipelineMask) -> Bool {
        func isExactly(_ field: FlowField, _ values: UInt64...) -> Bool {
            field.read(mask) == field.exactMask && values.contains(field.read(key).low)
        }
        func isIP(_ protocolNumber: UInt8) -> Bool {
            isExactly(.ethType, UInt64(EtherType.ipv4), UInt64(EtherType.ipv6))
                && isExactly(.nwProto, UInt64(protocolNumber))
        }
        func isICMPv6() -> Bool {
            isExactly(.ethType, UInt64(EtherType.ipv6))
                && isExactly(.nwProto, UInt64(IPProtocol.icmpv6))
        }
        let solicit: UInt64 = 135
        let advert: UInt64 = 136
        switch prerequisite {
        case .none: return true
        case .vlan: return key.packet.vlan0TCI & mask.packet.vlan0TCI & VLANTag.present != 0
        case .mpls:
            return isExactly(.ethType, UInt64(EtherType.mpls), UInt64(EtherType.mplsMulticast))
        case .arp:
            return isExactly(.ethType, UInt64(EtherType.arp), UInt64(EtherType.reverseARP))
        case .ipv4: return isExactly(.ethType, UInt64(EtherType.ipv4))
        case .ipv6: return isExactly(.ethType, UInt64(EtherType.ipv6))
        case .ip: return isExactly(.ethType, UInt64(EtherType.ipv4), UInt64(EtherType.ipv6))
        case .tcp: return isIP(IPProtocol.tcp)
        case .udp: return isIP(IPProtocol.udp)
        case .sctp: return isIP(IPProtocol.sctp)
        case .icmp:
            return isExactly(.ethType, UInt64(EtherType.ipv4))
                && isExactly(.nwProto, UInt64(IPProtocol.icmp))
        case .icmpv6: return isICMPv6()
        case .neighbourDiscovery: return isICMPv6() && isExactly(.icmpv6Type, solicit, advert)
        case .neighbourSolicit: return isICMPv6() && isExactly(.icmpv6Type, solicit)
        case .neighbourAdvert: return isICMPv6() && isExactly(.icmpv6Type, advert)
        }
    }
}
