import Packets

// Finding a field by what text or a message calls it, and asking whether it means anything yet.

extension FlowField {
    // Tables for look-up only: nothing iterates them, so their order reaches no result.
    private static let byName: [String: FlowField] = {
        var table: [String: FlowField] = [:]
        for field in all { for name in [field.name] + field.aliases { table[name] = field } }
        return table
    }()
    /// A row of 128 for each class of numbers (`row`). Messages are full of numbers, so that they
    /// are found without hashing.
    private static let byNumber: [FlowField?] = {
        var table: [FlowField?] = Array(repeating: nil, count: 5 * 128)
        for field in all {
            for number in [field.nxm, field.oxm] {
                guard let number, let row = row(ofClass: number >> 7) else { continue }
                table[row * 128 + Int(number & 127)] = field
            }
        }
        return table
    }()

    private static func row(ofClass number: UInt32) -> Int? {
        switch number {
        case 0, 1: Int(number)
        case basicClass: 2
        case packetRegisterClass: 3
        case experimenterClass: 4
        default: nil
        }
    }

    /// The field that text calls `name`, by its own name or an alias.
    public static func named(_ name: some StringProtocol) -> FlowField? { byName[String(name)] }

    /// The field with this class and number (`class << 7 | number`) in NXM.
    public static func nxm(_ number: UInt32) -> FlowField? {
        number >> 7 <= 1 ? numbered(number) : nil
    }

    /// The field with this class and number (`class << 7 | number`) in OXM.
    public static func oxm(_ number: UInt32) -> FlowField? {
        number >> 7 > 1 ? numbered(number) : nil
    }

    /// The field with this class and number in either: their classes differ.
    public static func numbered(_ number: UInt32) -> FlowField? {
        row(ofClass: number >> 7).flatMap { byNumber[$0 * 128 + Int(number & 127)] }
    }
}

extension FlowField {
    /// Whether the conditions `key`/`mask` already say what this field needs to mean anything.
    /// OpenFlow 1.3.5 §7.2.3.8.
    public func hasPrerequisites(key: PipelineKey, mask: PipelineMask) -> Bool {
        let mask = mask.packet
        switch prerequisite {
        case .none: return true
        case .vlan:
            guard mask.vlan0TCI & VLANTag.present != 0 else { return false }
        case .mpls, .arp, .ipv4, .ipv6, .ip:
            guard mask.ethType == .max else { return false }
        case .tcp, .udp, .sctp, .icmp, .icmpv6:
            guard mask.ethType == .max, mask.nwProto == .max else { return false }
        case .neighbourDiscovery, .neighbourSolicit, .neighbourAdvert:
            guard mask.ethType == .max, mask.nwProto == .max, mask.tpSrc & 0xff == 0xff else {
                return false
            }
        }
        return hasPrerequisites(in: key)
    }

    /// Whether a packet has this field.
    public func hasPrerequisites(in key: PipelineKey) -> Bool {
        hasPrerequisites(
            ethType: key.packet.ethType, nwProto: key.packet.nwProto, tpSrc: key.packet.tpSrc,
            vlan0TCI: key.packet.vlan0TCI)
    }

    /// The same, told by the few fields of the packet that decide it: who has the packet in a place
    /// of his own need not hand out a copy.
    public func hasPrerequisites(
        ethType type: UInt16, nwProto: UInt8, tpSrc: UInt16, vlan0TCI: UInt16
    ) -> Bool {
        let isIPv4 = type == EtherType.ipv4
        let isIPv6 = type == EtherType.ipv6
        func isIP(_ number: UInt8) -> Bool { (isIPv4 || isIPv6) && nwProto == number }
        func isNeighbour(_ kind: UInt16) -> Bool {
            // The type is the low byte of what is the source port elsewhere.
            isIPv6 && nwProto == IPProtocol.icmpv6 && tpSrc & 0xff == kind
        }
        let solicit: UInt16 = 135
        let advert: UInt16 = 136
        switch prerequisite {
        case .none: return true
        case .vlan: return vlan0TCI & VLANTag.present != 0
        case .mpls: return type == EtherType.mpls || type == EtherType.mplsMulticast
        case .arp: return type == EtherType.arp || type == EtherType.reverseARP
        case .ipv4: return isIPv4
        case .ipv6: return isIPv6
        case .ip: return isIPv4 || isIPv6
        case .tcp: return isIP(IPProtocol.tcp)
        case .udp: return isIP(IPProtocol.udp)
        case .sctp: return isIP(IPProtocol.sctp)
        case .icmp: return isIPv4 && nwProto == IPProtocol.icmp
        case .icmpv6: return isIPv6 && nwProto == IPProtocol.icmpv6
        case .neighbourDiscovery: return isNeighbour(solicit) || isNeighbour(advert)
        case .neighbourSolicit: return isNeighbour(solicit)
        case .neighbourAdvert: return isNeighbour(advert)
        }
    }
}
