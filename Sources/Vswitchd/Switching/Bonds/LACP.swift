public import Packets
public import Timekeeping

// The Link Aggregation Control Protocol: which links of a port lead to the same partner.
//
//     settings, carrier ──> LACP ──> units to send
//     units received ─────>  |
//     time ───────────────>  '────> which members may carry frames
//
// Each member keeps its own picture of the partner (`LACPMember`). Together they choose one
// partner: the best member that works leads, and those that see the same system with the same key
// attach to it (§6.4.14). An attached member whose partner says "synchronization" may carry frames
// (§6.4.15, with coupled collecting and distributing). IEEE 802.1AX-2014 clause 6; where it leaves
// a choice the choice is Open vSwitch's, so that both show the same states.

/// The LACP of one port: all members of a bond, or the only interface.
public struct LACP: Sendable {
    /// §6.4.4: units each second, or each 30 s; the partner's word is good for three of them.
    public static let fastPeriod = Duration.seconds(1)
    public static let slowPeriod = Duration.seconds(30)
    /// §6.4.16: units of one member in any second.
    public static let unitsPerSecond = 3

    public static func timeout(isShort: Bool) -> Duration {
        (isShort ? fastPeriod : slowPeriod) * 3
    }

    public struct Settings: Hashable, Sendable {
        /// False: passive, which speaks only when spoken to.
        public var isActive: Bool
        /// Whether to ask the partner for a unit each second.
        public var isFast: Bool
        public var system: MACAddress
        public var systemPriority: UInt16
        /// Members without a partner stay usable as an active-backup bond.
        public var fallsBack: Bool
        public init(
            isActive: Bool, isFast: Bool = false, system: MACAddress,
            systemPriority: UInt16 = 65534, fallsBack: Bool = false
        ) {
            self.isActive = isActive
            self.isFast = isFast
            self.system = system
            self.systemPriority = systemPriority
            self.fallsBack = fallsBack
        }
    }

    public struct MemberSettings: Hashable, Sendable {
        /// Its OpenFlow port: what the rest of the switch calls it.
        public var number: UInt16
        public var name: String
        public var portID: UInt16
        public var portPriority: UInt16
        /// 0: the aggregator's key is made from a port id.
        public var key: UInt16
        public init(
            number: UInt16, name: String, portID: UInt16? = nil, portPriority: UInt16 = .max,
            key: UInt16 = 0
        ) {
            self.number = number
            self.name = name
            self.portID = portID ?? number
            self.portPriority = portPriority
            self.key = key
        }
    }

    public enum Event: Hashable, Sendable {
        case settings(Settings)
        /// All members there are now, by ascending name.
        case members([MemberSettings])
        case carrier(member: UInt16, Bool)
        case received(member: UInt16, LACPUnit)
        /// A frame of type 0x8809 that is no LACPDU.
        case receivedOther(member: UInt16, LACPUnitError)
        case clockAdvanced
    }

    public enum Effect: Hashable, Sendable {
        case transmit(member: UInt16, LACPUnit)
    }

    public private(set) var settings: Settings
    /// By ascending name.
    public private(set) var members: [LACPMember] = []
    /// Some member works with a partner.
    public private(set) var isNegotiated = false
    /// The member whose key is the aggregator's: the first that there was, as long as it is there.
    private var keyMember: UInt16?

    public init(settings: Settings) { self.settings = settings }

    public func member(_ number: UInt16) -> LACPMember? {
        members.first { $0.settings.number == number }
    }

    /// Whether frames may flow over a member as far as LACP is asked. False for strangers.
    public func mayEnable(_ number: UInt16) -> Bool { member(number).map(mayEnable) ?? false }

    public func mayEnable(_ member: LACPMember) -> Bool {
        guard member.isAttached else { return false }
        return member.partner.state.contains(.synchronization)
            || settings.fallsBack && member.status == .defaulted
    }

    /// The key that all members show; 0 if there is none.
    public var key: UInt16 {
        guard let own = keyMember.flatMap({ member($0) })?.settings else { return 0 }
        return own.key == 0 ? own.portID : own.key
    }

    /// What a member says of itself.
    public func actor(_ member: LACPMember) -> LACPEnd {
        var state: LACPEnd.State = []
        if settings.isActive { state.insert(.activity) }
        if settings.isFast { state.insert(.shortTimeout) }
        if members.count > 1 { state.insert(.aggregation) }
        if member.isAttached { state.insert(.synchronization) }
        if member.isAttached || !isNegotiated { state.formUnion([.collecting, .distributing]) }
        if member.status == .defaulted { state.insert(.defaulted) }
        if member.status == .expired { state.insert(.expired) }
        return LACPEnd(
            systemPriority: settings.systemPriority, system: settings.system, key: key,
            portPriority: member.settings.portPriority, port: member.settings.portID,
            state: state)
    }

    /// When to call with `.clockAdvanced` at the latest.
    public func deadline(now: Instant) -> Instant? {
        members.flatMap { member in
            [
                member.receiveDeadline,
                member.sendTime(saying: actor(member), isActive: settings.isActive, now: now),
            ]
        }.compactMap { $0 }.min()
    }

    /// Takes what happened, in order, and then says what is due.
    public mutating func handle(_ events: [Event], now: Instant) -> [Effect] {
        var mustSelect = false
        for event in events where take(event, now: now) { mustSelect = true }
        if passTime(now: now) { mustSelect = true }
        if mustSelect { select() }
        return transmissions(now: now)
    }

    /// Returns whether the selection may come out differently.
    private mutating func take(_ event: Event, now: Instant) -> Bool {
        switch event {
        case .settings(let new):
            let old = settings
            settings = new
            return old.system != new.system || old.systemPriority != new.systemPriority
                || old.fallsBack != new.fallsBack
        case .members(let wanted):
            return setMembers(wanted, now: now)
        case .carrier(let number, let hasCarrier):
            return update(number) { member, settings in
                guard member.hasCarrier != hasCarrier else { return false }
                member.hasCarrier = hasCarrier
                member.counters.carrierChanges += 1
                guard member.status == .current || settings.isActive else { return false }
                member.expire(now: now)
                return true
            }
        case .received(let number, let unit):
            return update(number) { member, settings in
                member.counters.received += 1
                // A link that is down has not said anything: this is an echo of before.
                guard member.hasCarrier else { return false }
                let isNews = member.partner != unit.actor || member.status != .current
                member.hear(unit, timeout: Self.timeout(isShort: settings.isFast), now: now)
                return isNews
            }
        case .receivedOther(let number, let error):
            return update(number) { member, _ in
                member.counters.received += 1
                if error == .marker {
                    member.counters.receivedMarkers += 1
                } else {
                    member.counters.receivedBad += 1
                }
                return false
            }
        case .clockAdvanced:
            return false
        }
    }

    private mutating func update(
        _ number: UInt16, _ change: (inout LACPMember, Settings) -> Bool
    ) -> Bool {
        guard let index = members.firstIndex(where: { $0.settings.number == number }) else {
            return false
        }
        return change(&members[index], settings)
    }

    private mutating func setMembers(_ wanted: [MemberSettings], now: Instant) -> Bool {
        guard wanted != members.map(\.settings) else { return false }
        let old = members
        members = wanted.map { settings in
            let before = old.first { $0.settings.number == settings.number }
            var member = before ?? LACPMember(settings: settings)
            let isRenamed =
                before.map {
                    var same = $0.settings
                    same.name = settings.name
                    return same == settings
                } ?? false
            member.settings = settings
            // Who we are has changed: the partner must answer to the new one.
            if !isRenamed, self.settings.isActive || isNegotiated { member.expire(now: now) }
            return member
        }
        if keyMember.flatMap({ member($0) }) == nil {
            keyMember = members.first?.settings.number
        }
        return true
    }

    private mutating func passTime(now: Instant) -> Bool {
        var mustSelect = false
        for index in members.indices where members[index].isOverdue(at: now) {
            mustSelect = true
            if members[index].status == .current {
                members[index].counters.expired += 1
                members[index].expire(now: now)
            } else {
                members[index].counters.defaulted += 1
                members[index].fallToDefault()
            }
        }
        return mustSelect
    }

    private mutating func transmissions(now: Instant) -> [Effect] {
        var effects: [Effect] = []
        for index in members.indices {
            let actor = actor(members[index])
            let due = members[index].sendTime(
                saying: actor, isActive: settings.isActive, now: now)
            guard let due, due <= now else { continue }
            members[index].noteSent(actor, now: now)
            effects.append(
                .transmit(
                    member: members[index].settings.number,
                    LACPUnit(actor: actor, partner: members[index].partner)))
        }
        return effects
    }
}

// Selection, §6.4.14 and §6.7.

extension LACP {
    /// The side that decides is the one with the better system; its ports' order counts.
    private func rank(_ member: LACPMember) -> (UInt16, UInt64, UInt16, UInt16) {
        let partner = member.partner
        let weDecide =
            (settings.systemPriority, settings.system.bits)
            < (partner.systemPriority, partner.system.bits)
        return (weDecide ? actor(member) : partner).rank
    }

    /// Attaches the members that belong together. A partner that works is kept: another system,
    /// however good, does not take its place while it works.
    private mutating func select() {
        let working = members.filter {
            $0.status == .current && $0.isAttached && $0.partner.system != settings.system
        }.min { rank($0) < rank($1) }
        var lead = working
        var leadMayEnable = working != nil
        for index in members.indices {
            let mayEnable = mayEnable(members[index])
            members[index].isAttached = false
            let member = members[index]
            // A cable from us to ourselves is no aggregation.
            guard member.partner.system != settings.system else { continue }
            guard member.status != .defaulted else {
                members[index].isAttached = settings.fallsBack
                continue
            }
            guard working == nil || working?.partner.system == member.partner.system else {
                continue
            }
            members[index].isAttached = true
            let isBetter =
                lead.map { lead in
                    mayEnable != leadMayEnable ? mayEnable : rank(member) < rank(lead)
                } ?? true
            if isBetter { (lead, leadMayEnable) = (member, mayEnable) }
        }
        isNegotiated = lead != nil
        guard let lead else { return }
        for index in members.indices {
            let member = members[index]
            if settings.fallsBack && member.status == .defaulted
                || member.partner.key != lead.partner.key
                || member.partner.system != lead.partner.system
            {
                members[index].isAttached = false
            }
        }
    }
}
