import Flows
import OpenFlow
import Packets
import Switching

// What bonds make translation look at, and do.

extension Translator {
    /// Whether the packet is the switch's own matter and meets no table. Port and Ethernet type
    /// decide, which every cached flow knows.
    mutating func isForSwitch(_ here: ForwardingBridge) -> Bool {
        guard key.packet.ethType == EtherType.lacp,
            here.normal.port(ofMember: inPort.rawValue)?.usesLACP == true
        else { return false }
        addressee = .lacp(bridge: bridge, port: inPort)
        append(.userspace(cookie: []))
        upcallCount += 1
        if witness.isListening {
            witness.noted("the packet is for the LACP of this port", depth: depth)
        }
        return true
    }

    /// Whether a host tells everyone where it is: a broadcast ARP reply, or a request for its own
    /// address. Only looked at where a bond might send it back to us.
    mutating func isGratuitousARP(in here: ForwardingBridge) -> Bool {
        guard key.packet.ethType == EtherType.arp, key.packet.ethDst.isBroadcast,
            here.bonds.values.contains(where: { $0.settings.mode == .balanceSLB })
        else { return false }
        mask.packet.nwProto = .max
        switch key.packet.nwProto {
        case ARPOperation.reply: return true
        case ARPOperation.request:
            mask.packet.nwSrc = IPv4Address(bits: .max)
            mask.packet.nwDst = IPv4Address(bits: .max)
            return key.packet.nwSrc == key.packet.nwDst
        default: return false
        }
    }

    /// The port that an output of NORMAL leaves by; nil: none of a bond's members may send.
    mutating func member(
        for output: NormalDecision.Output, vlan: UInt16, in here: ForwardingBridge
    ) -> UInt16? {
        guard let id = output.bond, let bond = here.bonds[id] else { return output.port }
        let hash: UInt32
        switch bond.rule {
        case .always(let member): return member
        case .nowhere:
            dropAsNowhere(bond, id, here)
            return nil
        case .bySource:
            hash = Bond.hash(key.packet.ethSrc, vlan: vlan, basis: bond.settings.hashBasis)
        case .byTransport:
            hash = transportHash(basis: bond.settings.hashBasis)
        }
        guard let member = bond.member(forHash: hash) else {
            dropAsNowhere(bond, id, here)
            return nil
        }
        note(.useBond(bridge: bridge, port: id, hash: hash))
        return member
    }

    private mutating func dropAsNowhere(
        _ bond: Bond, _ id: SwitchPort.ID, _ here: ForwardingBridge
    ) {
        let name = here.normal.port(id: id)?.name ?? "\(id)"
        drop(
            .bondRefused,
            "no member of bond \(name) may send (LACP is \(bond.lacpStatus.rawValue))")
    }

    /// The hash of balance-tcp: all of a conversation's packets, and no other field of a packet
    /// than those that name its conversation.
    private mutating func transportHash(basis: UInt32) -> UInt32 {
        let packet = key.packet
        var words: [UInt32] = []
        switch packet.ethType {
        case EtherType.ipv4:
            mask.packet.nwSrc = IPv4Address(bits: .max)
            mask.packet.nwDst = IPv4Address(bits: .max)
            words = [packet.nwSrc.bits, packet.nwDst.bits]
        case EtherType.ipv6:
            mask.packet.ipv6Src = IPv6Address(high: .max, low: .max)
            mask.packet.ipv6Dst = IPv6Address(high: .max, low: .max)
            for half in [packet.ipv6Src.high, packet.ipv6Src.low, packet.ipv6Dst.high,
                packet.ipv6Dst.low]
            {
                words += [UInt32(half >> 32), UInt32(truncatingIfNeeded: half)]
            }
        default:
            return Bond.hash(words: [UInt32(packet.ethType)], basis: basis)
        }
        mask.packet.nwProto = .max
        words.append(UInt32(packet.nwProto))
        let hasPorts = [IPProtocol.tcp, IPProtocol.udp, IPProtocol.sctp].contains(packet.nwProto)
        // A later fragment has no ports: all fragments of a packet go one way.
        if hasPorts, packet.nwFrag == 0 {
            mask.packet.tpSrc = .max
            mask.packet.tpDst = .max
            words.append(UInt32(packet.tpSrc) << 16 | UInt32(packet.tpDst))
        }
        return Bond.hash(words: words, basis: basis)
    }
}

/// Operations of ARP (RFC 826).
private enum ARPOperation {
    static let request: UInt8 = 1
    static let reply: UInt8 = 2
}
