public import Packets

// Where NORMAL sends frames for groups when multicast snooping is on. RFC 4541 §2.1, in Open
// vSwitch's order:
//
//     a report or leave ------> routers, and ports that want reports; not to other hosts, whose
//                               own reports it would silence
//     a query, other IGMP ----> everywhere
//     224.0.0.x, ff02::1 -----> everywhere: hosts do not report these
//     a group with members ---> them, ports that want all multicast, routers
//     one without ------------> everywhere, or (if told so) routers and those ports

/// What a frame is to multicast snooping.
public enum MulticastKind: Hashable, Sendable {
    /// IGMP or MLD, which the switch itself reads; a report, a leave or a done.
    case report
    /// The rest of IGMP and MLD: queries.
    case query
    /// For a group that nobody reports.
    case local
    /// For this group; IPv4 as an IPv4-mapped address.
    case data(IPv6Address)
}

extension NormalSwitch {
    func sendToGroup(
        _ kind: MulticastKind, _ journey: Journey, _ groups: MulticastTable,
        _ decision: inout NormalDecision
    ) {
        let routers = groups.routers(inVLAN: decision.vlan)
        let wanting = ports.filter(\.floodsMulticast).map(\.id)
        switch kind {
        case .report, .query:
            // What is heard of a port that gets all multicast would change nothing.
            if let ingress = journey.ingress?.port, !ingress.floodsMulticast {
                decision.snooper = ingress.id
            }
            guard kind == .report else { return flood(journey, &decision) }
            send(journey, to: routers + ports.filter(\.floodsReports).map(\.id), &decision)
        case .local:
            flood(journey, &decision)
        case .data(let group):
            let key = MulticastTable.Key(vlan: decision.vlan, group: group)
            if let members = groups.members(of: key) {
                send(journey, to: members + wanting + routers, &decision)
            } else if groups.floodsUnregistered {
                flood(journey, &decision)
            } else {
                send(journey, to: routers + wanting, &decision)
            }
        }
    }

    /// Sends by each port once, but not by the one that the frame came by, nor by one that is not
    /// in the frame's VLAN (Open vSwitch asks that of no port that wants all multicast).
    private func send(
        _ journey: Journey, to ids: [SwitchPort.ID], _ decision: inout NormalDecision
    ) {
        decision.reason = .snooped
        var taken: Set<SwitchPort.ID> = []
        for id in ids where id != journey.ingress?.port.id && taken.insert(id).inserted {
            guard let placed = placed(id: id), placed.port.vlan.carries(journey.stack) else {
                continue
            }
            send(journey, by: placed.port, &decision)
        }
    }
}
