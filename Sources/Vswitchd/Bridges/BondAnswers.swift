internal import Packets
internal import Pipeline
internal import Switching
internal import Timekeeping

// `bond/…` of the control socket, in Open vSwitch's words.

extension Vswitch {
    static let bondCommands: [ControlCommand] = [
        ControlCommand("bond/disable-member", "port member", 2...2),
        ControlCommand("bond/enable-member", "port member", 2...2),
        ControlCommand("bond/hash", "mac [vlan] [basis]", 1...3),
        ControlCommand("bond/list"),
        ControlCommand("bond/migrate", "port hash member", 3...3),
        ControlCommand("bond/set-active-member", "port member", 2...2),
        ControlCommand("bond/show", "[port]", 0...1),
    ]

    mutating func answerAboutBonds(
        _ command: String, _ arguments: [String], now: Instant
    ) throws(ControlError) -> String {
        switch command {
        case "bond/list": return bondList
        case "bond/show":
            let places =
                try arguments.first.map { name throws(ControlError) in [try bond(named: name)] }
                ?? bondPlaces
            return places.map { text(of: $0, now: now) }.joined()
        case "bond/hash": return try hashAnswer(arguments)
        case "bond/migrate":
            guard !arguments[1].isEmpty, arguments[1].utf8.allSatisfy({ (48...57).contains($0) })
            else {
                // The bond is asked for first, as its absence is told first.
                guard try bond(named: arguments[0]).bond.settings.mode == .balanceSLB else {
                    throw ControlError("not an SLB bond")
                }
                throw ControlError("bad hash")
            }
            let hash = UInt32(truncatingIfNeeded: UInt64(arguments[1]) ?? 0)
            _ = try order(arguments[0], now: now) { bond, _ throws(Bond.CommandError) in
                try bond.migrate(hash: hash, to: arguments[2])
                return true
            }
            return "migrated"
        case "bond/set-active-member":
            let isNew = try order(arguments[0], now: now) {
                bond, effects throws(Bond.CommandError) in
                try bond.setActive(arguments[1], &effects)
            }
            return isNew ? "done" : "no change"
        default:
            let isEnabled = command == "bond/enable-member"
            _ = try order(arguments[0], now: now) { bond, effects throws(Bond.CommandError) in
                try bond.setEnabled(arguments[1], isEnabled, &effects)
                return true
            }
            return isEnabled ? "enabled" : "disabled"
        }
    }

    /// A bond with where it stands.
    struct BondPlace {
        let bridge: PresentBridge
        let aggregation: Aggregation
        let bond: Bond
    }

    var bondPlaces: [BondPlace] {
        bridges.sorted { $0.key < $1.key }.flatMap { _, bridge in
            bridge.aggregations.sorted { $0.key < $1.key }.compactMap { _, aggregation in
                model[bridge: bridge.index].bonds[aggregation.port].map {
                    BondPlace(bridge: bridge, aggregation: aggregation, bond: $0)
                }
            }
        }
    }

    func bond(named name: String) throws(ControlError) -> BondPlace {
        guard let place = bondPlaces.first(where: { $0.aggregation.wanted.name == name }) else {
            throw ControlError("no such bond")
        }
        return place
    }

    /// Carries an order out, and what follows from it, at once.
    private mutating func order(
        _ name: String, now: Instant,
        _ change: (inout Bond, inout [Bond.Effect]) throws(Bond.CommandError) -> Bool
    ) throws(ControlError) -> Bool {
        let place = try bond(named: name)
        var bond = place.bond
        var effects: [Bond.Effect] = []
        let result: Bool
        do throws(Bond.CommandError) {
            result = try change(&bond, &effects)
        } catch {
            throw ControlError(error.text)
        }
        model[bridge: place.bridge.index].changeBond(port: place.aggregation.port) { $0 = bond }
        for effect in effects {
            carryOut(effect, place.aggregation, of: place.bridge, bond)
        }
        runAggregations(now: now)
        return result
    }

    private var bondList: String {
        bondPlaces.reduce("bond\ttype\trecircID\tmembers\n") { text, place in
            let members = place.bond.members.map(\.name).joined(separator: ", ")
            return text + "\(place.aggregation.wanted.name)\t\(place.bond.settings.mode.rawValue)\t"
                + "\(place.aggregation.recirculationID)\t\(members)\n"
        }
    }

    private func hashAnswer(_ arguments: [String]) throws(ControlError) -> String {
        guard let address = MACAddress(arguments[0]) else { throw ControlError("invalid mac") }
        var numbers: [UInt32] = []
        for (index, what) in [(1, "vlan"), (2, "basis")] where arguments.count > index {
            guard let number = UInt32(arguments[index]) else {
                throw ControlError("invalid \(what)")
            }
            numbers.append(number)
        }
        let hash = Bond.hash(
            address, vlan: UInt16(truncatingIfNeeded: numbers.first ?? 0),
            basis: numbers.count > 1 ? numbers[1] : 0)
        return "\(hash & 0xff)"
    }

    // MARK: bond/show

    private func text(of place: BondPlace, now: Instant) -> String {
        let (bond, settings) = (place.bond, place.bond.settings)
        let isHashed = settings.mode == .balanceTCP && !bond.isFallingBack
        let recirculation = isHashed ? "\(place.aggregation.recirculationID)" : "-1"
        var lines = [
            "---- \(place.aggregation.wanted.name) ----",
            "bond_mode: \(settings.mode.rawValue)",
            "bond may use recirculation: \(isHashed ? "yes" : "no"), Recirc-ID : \(recirculation)",
            "bond-hash-basis: \(settings.hashBasis)",
            "lb_output action: disabled, bond-id: -1",
        ]
        if settings.mode == .balanceSLB {
            lines.append("all members active: \(settings.allMembersActive)")
        }
        lines.append("updelay: \(settings.upDelay.wholeMilliseconds) ms")
        lines.append("downdelay: \(settings.downDelay.wholeMilliseconds) ms")
        if bond.isBalanced, let next = bond.nextRebalance {
            lines.append("next rebalance: \(next.since(now).wholeMilliseconds) ms")
        }
        lines.append("lacp_status: \(bond.lacpStatus.rawValue)")
        lines.append("lacp_fallback_ab: \(settings.fallsBackToActiveBackup)")
        let isThere = settings.primary.map { bond.member(named: $0) != nil } ?? true
        lines.append(
            "active-backup primary: \(settings.primary ?? "<none>")"
                + (isThere ? "" : " (no such member)"))
        let active = bond.members.first { $0.facts.address == bond.activeAddress }
        lines.append("active member mac: \(bond.activeAddress)(\(active?.name ?? "none"))")
        let members = bond.members.map { text(of: $0, in: bond, now: now) }
        return lines.map { $0 + "\n" }.joined() + members.joined() + "\n"
    }

    private func text(of member: Bond.Member, in bond: Bond, now: Instant) -> String {
        var text = "\nmember \(member.name): \(member.isEnabled ? "enabled" : "disabled")\n"
        if member.number == bond.activeMember { text += "  active member\n" }
        if let deadline = member.delayDeadline {
            text +=
                "  \(member.isEnabled ? "downdelay" : "updelay") expires in "
                + "\(deadline.since(now).wholeMilliseconds) ms\n"
        }
        text += "  may_enable: \(member.mayEnable)\n"
        guard bond.isBalanced else { return text }
        for (hash, bucket) in bond.buckets.enumerated()
        where bucket.member == member.number && bucket.byteCount >= 1024 {
            text += "  hash \(hash): \(bucket.byteCount / 1024) kB load\n"
        }
        return text
    }
}

extension Duration {
    var wholeMilliseconds: Int64 { nanosecondsClamped / 1_000_000 }
}
