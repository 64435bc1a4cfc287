import Flows
import OpenFlow
import Packets
import Switching

// What bonds make translation look at, and do.

extension Translator {
    /// Whether the packet is the switch's own matter and meets no table. Port and Ethernet type
    /// decide, which every cached flow knows.
    mutating func isForSwitch(_ here: ForwardingBridge) -> Bool {
        if isForSpanningTree(here) { return true }
        let name: String
        switch key.packet.ethType {
        case EtherType.lacp where here.normal.port(ofMember: inPort.rawValue)?.usesLACP == true:
            addressee = .lacp(bridge: bridge, port: inPort)
            name = "LACP"
        case EtherType.lldp where here.port(inPort)?.readsLLDP == true:
            addressee = .lldp(bridge: bridge, port: inPort)
            name = "LLDP"
        default: return false
        }
        append(.userspace(cookie: []))
        upcallCount += 1
        if witness.isListening {
            witness.noted("the packet is for the \(name) of this port", depth: depth)
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

    /// How an output of NORMAL leaves.
    enum Way {
        case port(UInt16)
        /// The datapath hashes the packet and asks again under this id.
        case hashed(recirculationID: UInt32, basis: UInt32, member: PortNumber?)
    }

    /// The way of an output of NORMAL; nil: none of a bond's members may send.
    mutating func way(
        of output: NormalDecision.Output, vlan: UInt16, in here: ForwardingBridge
    ) -> Way? {
        guard let id = output.bond, let bond = here.bonds[id] else { return .port(output.port) }
        let basis = bond.settings.hashBasis
        switch bond.rule {
        case .always(let member): return .port(member)
        case .byTransport where bond.member(forHash: 0) != nil:
            return .hashed(
                recirculationID: bond.recirculationID, basis: basis,
                member: PortNumber(output.port))
        case .bySource:
            let hash = Bond.hash(key.packet.ethSrc, vlan: vlan, basis: basis)
            guard let member = bond.member(forHash: hash) else { break }
            note(.useBond(bridge: bridge, port: id, hash: hash))
            return .port(member)
        case .byTransport, .nowhere: break
        }
        dropAsNowhere(bond, id, here)
        return nil
    }

    mutating func send(_ way: Way) {
        switch way {
        case .port(let number): send(to: PortNumber(number))
        case .hashed(let id, let basis, let member):
            if witness.isListening {
                witness.noted("the datapath hashes it, then recirc_id(\(id))", depth: depth)
            }
            commitEdits()
            append(.hash(.layer4, basis: basis))
            append(.recirculate(id: id))
            outputCount += 1
            if let member { mirrorDeparture(by: member) }
        }
    }

    /// The packet, complete but for the member that it leaves by, comes back with its hash. All
    /// that is looked at is the hash's bucket, so 256 cached flows hold any number of connections.
    mutating func continueAfterHash(_ target: RecirculationTarget?) {
        let id = key.packet.recirculationID
        guard let target, let here = model.bridge(bridge), let bond = here.bonds[target.port] else {
            drop(.bondRefused, "no bond has recirc_id(\(id))")
            return
        }
        if witness.isListening { witness.entered(bridge: here, port: inPort, depth: depth) }
        mask.packet.dpHash |= 0xff
        let hash = key.packet.dpHash
        guard bond.rule == .byTransport, let member = bond.member(forHash: hash) else {
            dropAsNowhere(bond, target.port, here)
            return
        }
        note(.useBond(bridge: bridge, port: target.port, hash: hash))
        // Mirrors had their copies before it was hashed.
        servedMirrors = .all
        send(to: PortNumber(member))
    }

    private mutating func dropAsNowhere(
        _ bond: Bond, _ id: SwitchPort.ID, _ here: ForwardingBridge
    ) {
        let name = here.normal.port(id: id)?.name ?? "\(id)"
        drop(
            .bondRefused,
            "no member of bond \(name) may send (LACP is \(bond.lacpStatus.rawValue))")
    }
}

/// Operations of ARP (RFC 826).
private enum ARPOperation {
    static let request: UInt8 = 1
    static let reply: UInt8 = 2
}
