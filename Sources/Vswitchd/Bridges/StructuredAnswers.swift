internal import DatabaseProtocol
internal import OpenFlow
internal import Packets
internal import Pipeline
internal import Switching
internal import Timekeeping

// Answers of the control socket as JSON, for programs (`ovs-appctl -f json`).
//
// `fdb/show` has the shape that Open vSwitch 4.0 gives it; for the others Open vSwitch has only
// text, and the names are those of its text with `_` for spaces.

extension Vswitch {
    /// nil: the command has only text.
    func structuredAnswer(
        _ command: String, _ arguments: [String], now: Instant
    ) throws(ControlError) -> JSON? {
        switch command {
        case "fdb/show":
            return .object([arguments[0]: addresses(in: try bridge(arguments[0]), now: now)])
        case "fdb/stats-show":
            return .object([arguments[0]: addressCounts(in: try bridge(arguments[0]))])
        case "mdb/show":
            return .object([arguments[0]: groups(in: try snoopingBridge(arguments[0]), now: now)])
        case "mdb/stats-show":
            return .object([arguments[0]: groupCounts(in: try snoopingBridge(arguments[0]))])
        case "bond/list":
            return .array(bondPlaces.map { listed($0) })
        case "bond/show":
            guard let name = arguments.first else {
                return keyed(bondPlaces.map { ($0.aggregation.wanted.name, json($0, now: now)) })
            }
            return .object([name: json(try bond(named: name), now: now)])
        case "lacp/show":
            return keyed(try lacps(arguments.first).map { ($0.name, json($0.lacp)) })
        case "lacp/show-stats":
            return keyed(try lacps(arguments.first).map { ($0.name, counts($0.lacp)) })
        case "lldp/show":
            return keyed(
                discovery.sorted { $0.key < $1.key }.map { name, agent in
                    (name, .array(agent.neighbours.map { json($0, now: now) }))
                })
        case "stp/show", "rstp/show":
            return keyed(try spanningTrees(command, arguments.first))
        default:
            return nil
        }
    }

    private func json(_ neighbour: LLDPAgent.Neighbour, now: Instant) -> JSON {
        let unit = neighbour.unit
        return [
            "chassis": .string(unit.chassis.text(isChassis: true)),
            "port": .string(unit.port.text(isChassis: false)),
            "port_description": unit.portDescription.map { .string($0) } ?? .null,
            "system_name": unit.systemName.map { .string($0) } ?? .null,
            "system_description": unit.systemDescription.map { .string($0) } ?? .null,
            "expires_s": .integer(seconds(now, neighbour.expiresAt)),
        ]
    }

    private func keyed(_ pairs: [(String, JSON)]) -> JSON {
        var object = JSONObject()
        for (name, value) in pairs { object[name] = value }
        return .object(object)
    }

    private func number(_ value: some BinaryInteger) -> JSON { .integer(Int64(clamping: value)) }

    private func portNumber(_ port: SwitchPort.ID, _ forwarding: ForwardingBridge) -> JSON {
        number(forwarding.normal.port(id: port)?.members.first ?? 0)
    }

    // MARK: Addresses and groups

    private func addresses(in bridge: PresentBridge, now: Instant) -> JSON {
        let forwarding = model[bridge: bridge.index]
        return .array(
            forwarding.macTable.entries().map { entry in
                var object: JSONObject = [
                    "port": portNumber(entry.port, forwarding), "vlan": number(entry.key.vlan),
                    "mac": .string("\(entry.key.mac)"),
                ]
                if entry.isStatic {
                    object["static"] = true
                } else {
                    object["age"] = .integer(seconds(entry.usedAt, now))
                }
                return .object(object)
            })
    }

    private func addressCounts(in bridge: PresentBridge) -> JSON {
        let table = model[bridge: bridge.index].macTable
        return [
            "current": number(table.count), "maximum": number(table.limit),
            "static": number(table.staticCount), "learned": number(table.statistics.learned),
            "expired": number(table.statistics.expired),
            "evicted": number(table.statistics.evicted), "moved": number(table.statistics.moved),
        ]
    }

    private func groups(in bridge: SnoopingBridge, now: Instant) -> JSON {
        let members: [JSON] = bridge.table.allGroups.flatMap { group in
            group.members.map { member in
                [
                    "port": portNumber(member.port, bridge.forwarding),
                    "vlan": number(group.key.vlan), "group": .string(groupText(group.key.group)),
                    "age": .integer(seconds(member.usedAt, now)),
                ]
            }
        }
        let routers: [JSON] = bridge.table.routers.map { router in
            [
                "port": portNumber(router.port, bridge.forwarding), "vlan": number(router.vlan),
                "age": .integer(seconds(router.usedAt, now)),
            ]
        }
        return ["groups": .array(members), "queriers": .array(routers)]
    }

    private func groupCounts(in bridge: SnoopingBridge) -> JSON {
        let counts = bridge.table.statistics
        return [
            "current": number(bridge.table.count), "maximum": number(bridge.table.limit),
            "queriers": number(bridge.table.routers.count), "learned": number(counts.learned),
            "left": number(counts.left), "expired": number(counts.expired),
            "evicted": number(counts.evicted),
        ]
    }

    // MARK: Bonds

    private func listed(_ place: BondPlace) -> JSON {
        [
            "bond": .string(place.aggregation.wanted.name),
            "type": .string(place.bond.settings.mode.rawValue),
            "recirc_id": number(place.aggregation.recirculationID),
            "members": .array(place.bond.members.map { .string($0.name) }),
        ]
    }

    private func json(_ place: BondPlace, now: Instant) -> JSON {
        let (bond, settings) = (place.bond, place.bond.settings)
        let isHashed = settings.mode == .balanceTCP && !bond.isFallingBack
        let active = bond.members.first { $0.number == bond.activeMember }
        var object: JSONObject = [
            "bond_mode": .string(settings.mode.rawValue),
            "recirc_id": isHashed ? number(place.aggregation.recirculationID) : .null,
            "bond_hash_basis": number(settings.hashBasis),
            "all_members_active": .bool(settings.allMembersActive),
            "updelay_ms": .integer(settings.upDelay.wholeMilliseconds),
            "downdelay_ms": .integer(settings.downDelay.wholeMilliseconds),
            "lacp_status": .string(bond.lacpStatus.rawValue),
            "lacp_fallback_ab": .bool(settings.fallsBackToActiveBackup),
            "primary": settings.primary.map { .string($0) } ?? .null,
            "active_member": active.map { .string($0.name) } ?? .null,
            "active_member_mac": .string("\(bond.activeAddress)"),
        ]
        if bond.isBalanced, let next = bond.nextRebalance {
            object["next_rebalance_ms"] = .integer(next.since(now).wholeMilliseconds)
        }
        object["members"] = keyed(bond.members.map { ($0.name, json($0, in: bond, now: now)) })
        return .object(object)
    }

    private func json(_ member: Bond.Member, in bond: Bond, now: Instant) -> JSON {
        var object: JSONObject = [
            "enabled": .bool(member.isEnabled), "may_enable": .bool(member.mayEnable),
            "active": .bool(member.number == bond.activeMember), "port": number(member.number),
        ]
        if let deadline = member.delayDeadline {
            object["delay_expires_ms"] = .integer(deadline.since(now).wholeMilliseconds)
        }
        guard bond.isBalanced else { return .object(object) }
        let loads = bond.buckets.enumerated().filter { $0.element.member == member.number }
        object["hashes"] = keyed(loads.map { ("\($0.offset)", number($0.element.byteCount)) })
        return .object(object)
    }

    // MARK: LACP

    private func json(_ lacp: LACP) -> JSON {
        [
            "active": .bool(lacp.settings.isActive), "fast": .bool(lacp.settings.isFast),
            "negotiated": .bool(lacp.isNegotiated), "sys_id": .string("\(lacp.settings.system)"),
            "sys_priority": number(lacp.settings.systemPriority),
            "members": keyed(lacp.members.map { ($0.settings.name, json($0, in: lacp)) }),
        ]
    }

    private func json(_ member: LACPMember, in lacp: LACP) -> JSON {
        [
            "status": .string(member.status.rawValue), "attached": .bool(member.isAttached),
            "may_enable": .bool(lacp.mayEnable(member)), "port_id": number(member.settings.portID),
            "port_priority": number(member.settings.portPriority),
            "actor": json(lacp.actor(member)), "partner": json(member.partner),
        ]
    }

    private func json(_ end: LACPEnd) -> JSON {
        [
            "sys_id": .string("\(end.system)"), "sys_priority": number(end.systemPriority),
            "port_id": number(end.port), "port_priority": number(end.portPriority),
            "key": number(end.key), "state": .array(end.state.words.map { .string($0) }),
        ]
    }

    private func counts(_ lacp: LACP) -> JSON {
        keyed(
            lacp.members.map { member in
                let counters = member.counters
                return (
                    member.settings.name,
                    [
                        "tx_pdus": number(counters.sent), "rx_pdus": number(counters.received),
                        "rx_bad_pdus": number(counters.receivedBad),
                        "rx_marker_pdus": number(counters.receivedMarkers),
                        "link_expired": number(counters.expired),
                        "link_defaulted": number(counters.defaulted),
                        "carrier_changed": number(counters.carrierChanges),
                    ]
                )
            })
    }
}
