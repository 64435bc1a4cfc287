public import Packets
public import Timekeeping

// Several links that are one port.
//
//     settings, carrier, LACP's word, time ──> Bond ──> which members may send
//                                               ├─────> which of them is the active one
//                                               └─────> 256 buckets, each with its member
//     a frame leaves:  hash ──> bucket ──> member        (`choose`, BondChoice.swift)
//     a frame enters:  may it, by this member?           (`verdict`)
//     counters:        bucket += bytes, every 10 s heavy ones move   (BondRebalancing.swift)
//
// The active member is the only one of an active-backup bond that carries frames; in the other
// modes it is the one that takes multicast in, so that a frame that the next switch floods to all
// links is taken once. Decisions only read this value; `generation` moves when they may come out
// differently, and `takeChangedMembers` names the members whose cached flows cannot wait.

/// The state of one bond.
public struct Bond: Sendable {
    public enum Event: Hashable, Sendable {
        case settings(Settings)
        /// All members there are now, by ascending name.
        case members([MemberFacts])
        case mayEnable(member: UInt16, Bool)
        case lacp(LACPStatus)
        case clockAdvanced
    }

    public enum Effect: Hashable, Sendable {
        case memberEnabled(name: String)
        case memberDisabled(name: String)
        /// nil: no member can carry anything.
        case activeMember(name: String?)
        /// Tell the neighbours where the hosts behind the other ports are reached now.
        case sendLearningFrames
        case rebalanced
    }

    public internal(set) var settings: Settings
    /// By ascending name.
    public internal(set) var members: [Member] = []
    public internal(set) var lacpStatus = LACPStatus.off
    public internal(set) var activeMember: UInt16?
    /// Address of the active member; before the first, that of the one before a restart, which is
    /// then preferred (`Port.bond_active_slave`). Zero after all have failed, as in Open vSwitch.
    public internal(set) var activeAddress: MACAddress
    /// 256, or none while the bond works as active-backup.
    public internal(set) var buckets: [Bucket] = []
    public internal(set) var nextRebalance: Instant?
    /// Under which the datapath asks again for a packet that it hashed (balance-tcp); 0 = none.
    public var recirculationID: UInt32 = 0 {
        didSet { if recirculationID != oldValue { generation += 1 } }
    }
    /// Grows when a decision may come out differently.
    public internal(set) var generation: UInt64 = 0
    /// Enabled members in the order in which they get the next bucket that has none.
    var turns: [UInt16] = []
    var changedMembers: Set<UInt16> = []
    var owesLearningFrames = false

    public init(settings: Settings, lastActive: MACAddress = .zero) {
        self.settings = settings
        activeAddress = lastActive
    }

    public func member(_ number: UInt16) -> Member? { members.first { $0.number == number } }
    public func member(named name: String) -> Member? { members.first { $0.name == name } }

    /// LACP looks for a partner in vain, and the operator wants something to work meanwhile.
    public var isFallingBack: Bool {
        settings.fallsBackToActiveBackup && settings.mode != .activeBackup
            && lacpStatus == .configured
    }

    /// Whether load is spread and watched.
    public var isBalanced: Bool {
        settings.rebalanceInterval != nil && settings.mode != .activeBackup
            && !(settings.fallsBackToActiveBackup && lacpStatus == .configured)
    }

    /// When to call with `.clockAdvanced` at the latest.
    public var deadline: Instant? {
        var deadlines = members.compactMap(\.delayDeadline)
        if isBalanced, let nextRebalance { deadlines.append(nextRebalance) }
        return deadlines.min()
    }

    /// Takes what happened, in order, and then settles: enables, disables, chooses, rebalances.
    public mutating func handle(_ events: [Event], now: Instant) -> [Effect] {
        var effects: [Effect] = []
        for event in events { take(event, now: now, &effects) }
        for index in members.indices { followLink(index, now: now, &effects) }
        chooseActiveIfNeeded(now: now, &effects)
        if rebalanceIfDue(now: now) { effects.append(.rebalanced) }
        if owesLearningFrames {
            owesLearningFrames = false
            if maySendLearningFrames { effects.append(.sendLearningFrames) }
        }
        return effects
    }

    /// Members whose cached flows must be looked at before anything else; sorted, each once.
    public mutating func takeChangedMembers() -> [UInt16] {
        defer { changedMembers = [] }
        return changedMembers.sorted()
    }

    /// Only where the neighbours do not know of the bond: LACP's partner sees the change itself.
    private var maySendLearningFrames: Bool {
        let isUnknown =
            lacpStatus == .off && settings.mode != .balanceTCP
            || settings.fallsBackToActiveBackup && lacpStatus == .configured
        return isUnknown && activeMember != nil
    }

    private mutating func take(_ event: Event, now: Instant, _ effects: inout [Effect]) {
        switch event {
        case .settings(let new): configure(new, now: now)
        case .members(let facts): setMembers(facts, now: now, &effects)
        case .mayEnable(let number, let mayEnable):
            guard let index = index(number), members[index].mayEnable != mayEnable else { break }
            members[index].mayEnable = mayEnable
            // A negotiated bond takes frames from a member as soon as it may be enabled.
            noteChange(number)
        case .lacp(let status):
            guard lacpStatus != status else { break }
            lacpStatus = status
            noteChangeOfAll()
            if isFallingBack || buckets.isEmpty { resetBuckets(now: now) }
        case .clockAdvanced: break
        }
    }

    private mutating func configure(_ new: Settings, now: Instant) {
        guard new != settings else { return }
        let old = settings
        settings = new
        if let interval = new.rebalanceInterval, let before = old.rebalanceInterval,
            let next = nextRebalance
        {
            // Counted from the last rebalancing, as if the interval had always been this one.
            nextRebalance = next + (interval - before)
        }
        if new.mode != old.mode || new.hashBasis != old.hashBasis
            || (new.rebalanceInterval == nil) != (old.rebalanceInterval == nil)
            || new.fallsBackToActiveBackup != old.fallsBackToActiveBackup
        {
            resetBuckets(now: now)
        }
        noteChangeOfAll()
    }

    private mutating func setMembers(
        _ facts: [MemberFacts], now: Instant, _ effects: inout [Effect]
    ) {
        let wanted = Set(facts.map(\.number))
        for member in members where !wanted.contains(member.number) {
            disable(member.number, &effects)
            if activeMember == member.number { activeMember = nil }
        }
        let old = members
        members = facts.map { facts in
            // Under LACP a member waits until it is said to be fit.
            var member =
                old.first { $0.number == facts.number }
                ?? Member(facts: facts, mayEnable: lacpStatus == .off)
            member.facts = facts
            return member
        }
        for member in members where !old.contains(where: { $0.number == member.number }) {
            // A member that is new has nothing to wait for.
            if member.isUp { enable(member.number, &effects) }
            noteChange(member.number)
        }
        if buckets.isEmpty { resetBuckets(now: now) }
    }

    func index(_ number: UInt16) -> Int? { members.firstIndex { $0.number == number } }

    mutating func noteChange(_ number: UInt16) {
        generation += 1
        changedMembers.insert(number)
    }

    private mutating func noteChangeOfAll() {
        generation += 1
        changedMembers.formUnion(members.map(\.number))
    }

    private mutating func resetBuckets(now: Instant) {
        generation += 1
        guard settings.mode != .activeBackup, !isFallingBack else {
            (buckets, nextRebalance) = ([], nil)
            return
        }
        buckets = Array(repeating: Bucket(), count: BondLimits.buckets)
        nextRebalance = settings.rebalanceInterval.map { now + $0 }
    }
}

// Links come and go.

extension Bond {
    /// Compares the link with what is in force, and starts, ends or forgets a delay.
    private mutating func followLink(_ index: Int, now: Instant, _ effects: inout [Effect]) {
        let isUp = members[index].isUp
        if isUp == members[index].isEnabled {
            members[index].delayDeadline = nil
        } else if members[index].delayDeadline == nil {
            members[index].delayDeadline = now + (isUp ? settings.upDelay : settings.downDelay)
        }
        guard let deadline = members[index].delayDeadline, deadline <= now else { return }
        set(members[index].number, isEnabled: isUp, &effects)
    }

    mutating func set(_ number: UInt16, isEnabled: Bool, _ effects: inout [Effect]) {
        if isEnabled { enable(number, &effects) } else { disable(number, &effects) }
    }

    private mutating func enable(_ number: UInt16, _ effects: inout [Effect]) {
        guard let index = index(number) else { return }
        members[index].delayDeadline = nil
        guard !members[index].isEnabled else { return }
        members[index].isEnabled = true
        turns.append(number)
        noteChange(number)
        effects.append(.memberEnabled(name: members[index].name))
    }

    private mutating func disable(_ number: UInt16, _ effects: inout [Effect]) {
        guard let index = index(number) else { return }
        members[index].delayDeadline = nil
        guard members[index].isEnabled else { return }
        members[index].isEnabled = false
        turns.removeAll { $0 == number }
        for bucket in buckets.indices where buckets[bucket].member == number {
            buckets[bucket].member = nil
        }
        noteChange(number)
        owesLearningFrames = true
        effects.append(.memberDisabled(name: members[index].name))
    }

    private mutating func chooseActiveIfNeeded(now: Instant, _ effects: inout [Effect]) {
        let primary =
            settings.mode == .activeBackup
            ? members.first { $0.name == settings.primary && $0.isEnabled }?.number : nil
        let isEnabled = activeMember.flatMap { self.member($0) }?.isEnabled ?? false
        guard !isEnabled || primary != nil && primary != activeMember else { return }
        let chosen = bestMember()
        if let chosen, member(chosen)?.isEnabled == false { enable(chosen, &effects) }
        guard chosen != activeMember else { return }
        makeActive(chosen, &effects)
    }

    mutating func makeActive(_ number: UInt16?, _ effects: inout [Effect]) {
        if let old = activeMember { noteChange(old) }
        if let number { noteChange(number) }
        generation += 1
        activeMember = number
        owesLearningFrames = true
        let member = number.flatMap { self.member($0) }
        activeAddress = member?.facts.address ?? .zero
        effects.append(.activeMember(name: member?.name))
    }

    /// The primary one; else the last active one; else any; else the one that would be enabled
    /// soonest, at once: a link that waits is better than none.
    private func bestMember() -> UInt16? {
        let enabled = members.filter(\.isEnabled)
        if let primary = enabled.first(where: { $0.name == settings.primary }) {
            return primary.number
        }
        if let last = enabled.first(where: { $0.facts.address == activeAddress }) {
            return last.number
        }
        if let any = enabled.first { return any.number }
        let waiting = members.filter(\.isUp)
        return waiting.min { ($0.delayDeadline ?? .start) < ($1.delayDeadline ?? .start) }?.number
    }
}
