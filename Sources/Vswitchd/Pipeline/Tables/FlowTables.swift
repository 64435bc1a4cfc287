import Classifier
public import Flows
public import OpenFlow
public import Timekeeping

// The rules of one bridge.
//
// A rule lies in a numbered slot; the classifier of its table knows it by slot and birth. Counters
// come from outside, because most packets never pass here: they meet a cached flow in the datapath,
// and its counters are credited to the rules that made it.
//
//     flow mod --> check --> slots: [rule, rule, -, rule …] --> descriptions, flow removed
//                                ^ id          ^ credit(rule)
//     key --> table's classifier '

/// The 255 flow tables of a bridge, 0 to 254.
public struct FlowTables: Sendable {
    /// The groups that rules send to.
    public internal(set) var groups = GroupTable()
    /// The meters that rules send through.
    public internal(set) var meters = MeterSet()
    /// What is set of tables otherwise than by default, by number.
    var settings: [UInt8: TableSettings] = [:]
    /// Grows whenever a lookup, or what a found rule does, may be something new.
    var ruleGeneration: UInt64 = 0
    /// Rules that came, went or changed, since somebody last asked.
    var changes = TableChanges()
    /// Most rules that it holds over all tables.
    public let ruleLimit: Int
    /// Rules that `learn` could not add because of the limit, or because they were invalid.
    public internal(set) var refusedLearnCount: UInt64 = 0

    var slots = RuleSlots()
    private var freeSlots: [Int] = []
    private var nextBirth: UInt64 = 0
    var classifiers: [Classifier<RuleID>]
    /// How many rules of each table are clauses of conjunctions.
    var clauseCounts: [Int]
    /// Rules with a timeout, and perhaps some that are gone by now.
    private var timed: [RuleID] = []
    /// No rule's time is over before this.
    private var earliestDeadline: Instant?
    /// How many rules learn with "delete learned" into a table with a cookie. Asked by key only.
    private var learners: [Learner: Int] = [:]
    private var lookups: [UInt64]
    private var matches: [UInt64]

    struct Learner: Hashable {
        var table: UInt8
        var cookie: UInt64
    }

    public init(ruleLimit: Int = Limits.rulesPerBridge) {
        self.ruleLimit = ruleLimit
        classifiers = Array(repeating: Classifier(), count: Limits.tables)
        clauseCounts = Array(repeating: 0, count: Limits.tables)
        lookups = Array(repeating: 0, count: Limits.tables)
        matches = lookups
    }

    /// Grows whenever a translation may come out differently.
    public var generation: UInt64 { ruleGeneration &+ groups.generation &+ meters.generation }

    /// How many rules there are.
    public var count: Int { slots.count - freeSlots.count }

    public subscript(rule id: RuleID) -> Rule? {
        guard slots.indices.contains(id.slot), let rule = slots[id.slot], rule.id == id else {
            return nil
        }
        return rule
    }

    func directive(of id: RuleID) -> Rule.Directive? {
        guard slots.indices.contains(id.slot), slots[id.slot]?.id == id else { return nil }
        return slots[id.slot]?.directive
    }

    /// The best rule of `table` for `key`. ORs into `mask` every bit that the answer depends on.
    /// Table 255 has no rules.
    ///
    /// A packet that lost its Ethernet header meets only rules that match the packet type. They are
    /// sought among all that match: it is rare, and others need not pay for it.
    public func lookup(
        table: UInt8, key: PipelineKey, mask: inout PipelineMask
    ) -> RuleID? {
        guard table < Limits.tables else { return nil }
        guard clauseCounts[Int(table)] == 0, key.packetType == PacketType.ethernet.rawValue else {
            return lookupAmongAll(table: Int(table), key: key, mask: &mask)
        }
        return classifiers[Int(table)].lookup(key, looking: &mask)
    }

    /// How many rules of a table have this cookie. O(rules of the table).
    func count(inTable table: UInt8, cookie: UInt64) -> Int {
        classifiers[Int(table)].rules(within: PipelineKey(), PipelineMask())
            .count { self[rule: $0]?.cookie == cookie }
    }

    /// How many different masks the rules have, over all tables.
    public var maskCount: Int { classifiers.reduce(0) { $0 + $1.subtableCount } }

    /// Memory of the structures that find rules, in bytes.
    public var classifierByteCount: Int { classifiers.reduce(0) { $0 + $1.byteCount } }

    func find(_ match: Match, priority: UInt16, table: UInt8) -> RuleID? {
        classifiers[Int(table)].find(key: match.key, mask: match.mask, priority: priority)
    }

    func overlap(_ match: Match, priority: UInt16, table: UInt8) -> RuleID? {
        classifiers[Int(table)].overlap(key: match.key, mask: match.mask, priority: priority)
    }

    /// Adds a rule that is not there yet.
    mutating func insert(_ mod: FlowMod, table: UInt8, now: Instant) {
        let slot = freeSlots.popLast() ?? slots.append()
        let id = RuleID(slot: slot, birth: nextBirth)
        nextBirth += 1
        let rule = Rule(mod, id: id, table: table, now: now)
        classifiers[Int(table)].insert(
            key: mod.match.key, mask: mod.match.mask, priority: rule.priority, payload: id)
        slots[slot] = rule
        countUse(of: rule, by: 1)
        watch(rule)
        changed(rule)
    }

    /// A lookup that `rule` matches may come out differently now.
    mutating func changed(_ rule: Rule) {
        ruleGeneration += 1
        changes.add(rule)
    }

    /// Lets `change` alter a rule in its place; it keeps its name.
    mutating func update(_ id: RuleID, _ change: (inout Rule) -> Void) {
        guard var rule = self[rule: id] else { return }
        countUse(of: rule, by: -1)
        change(&rule)
        countUse(of: rule, by: 1)
        slots[id.slot] = rule
        watch(rule)
    }

    /// Takes rules out, and those that they learned if they say so. Returns them in order.
    mutating func remove(_ ids: [RuleID]) -> [Rule] {
        var removed: [Rule] = []
        var waiting = ids[...]
        while let id = waiting.popFirst() {
            guard let rule = self[rule: id] else { continue }
            classifiers[Int(rule.table)].remove(
                key: rule.match.key, mask: rule.match.mask, priority: rule.priority)
            slots[id.slot] = nil
            freeSlots.append(id.slot)
            changed(rule)
            removed.append(rule)
            let orphaned = countUse(of: rule, by: -1)
            guard !orphaned.isEmpty else { continue }
            waiting += rules { rule in
                orphaned.contains { $0.table == rule.table && $0.cookie == rule.cookie }
            }.map(\.id)
        }
        return removed
    }

    /// Removes every rule without telling anyone: the bridge's configuration starts anew.
    public mutating func removeAll() {
        _ = remove(slots.rules.map(\.id))
    }

    /// Rules that satisfy `condition`, by table, falling priority, age.
    func rules(where condition: (Rule) -> Bool) -> [Rule] {
        slots.rules.filter(condition).sorted {
            ($0.table, $1.priority, $0.id.birth) < ($1.table, $0.priority, $1.id.birth)
        }
    }

    /// Adds `step` to the counts of what a rule uses; returns the learners that reach 0.
    @discardableResult
    private mutating func countUse(of rule: Rule, by step: Int) -> [Learner] {
        if rule.isClause { clauseCounts[Int(rule.table)] += step }
        var ended: [Learner] = []
        func count(_ list: [Action]) {
            for case .learn(let learn) in list where learn.deletesLearned {
                let learner = Learner(table: learn.table, cookie: learn.cookie)
                let left = learners[learner, default: 0] + step
                learners[learner] = left > 0 ? left : nil
                if left == 0 { ended.append(learner) }
            }
        }
        count(rule.instructions.apply)
        count(rule.instructions.write)
        return ended
    }

    /// Goes back to how the tables were, as a bundle does that cannot be carried out to its end.
    /// Counters credited since then are lost.
    ///
    /// - Parameter before: A copy of this value; nothing else has meanings for its names.
    public mutating func restore(_ before: FlowTables) {
        let (births, generation) = (nextBirth, generation)
        self = before
        nextBirth = max(nextBirth, births)
        ruleGeneration = generation + 1
        changes.addAll()
    }
}

extension LearnAction {
    /// `NX_LEARN_F_DELETE_LEARNED`: when the last rule with such an action goes, so do the rules
    /// that have its table and cookie.
    var deletesLearned: Bool { flags & 2 != 0 }
}

// Time.

extension FlowTables {
    /// Remembers when `rule`'s time is over.
    private mutating func watch(_ rule: Rule) {
        guard let deadline = rule.deadline else { return }
        earliestDeadline = min(earliestDeadline ?? deadline.at, deadline.at)
        if timed.count > 2 * count + 64 { forgetGone() }
        timed.append(rule.id)
    }

    /// Keeps one entry of `timed` for each rule that still has a timeout.
    private mutating func forgetGone() {
        var seen: Set<RuleID> = []
        timed = timed.filter { self[rule: $0]?.deadline != nil && seen.insert($0).inserted }
    }

    /// `fin_timeout`: a connection ended, and its rule need not stay for long.
    mutating func shorten(_ id: RuleID, idle: UInt16, hard: UInt16, now: Instant) {
        func shorter(_ present: UInt16, _ wanted: UInt16) -> UInt16 {
            wanted == 0 ? present : present == 0 ? wanted : min(present, wanted)
        }
        update(id) { rule in
            rule.idleTimeout = shorter(rule.idleTimeout, idle)
            rule.hardTimeout = shorter(rule.hardTimeout, hard)
        }
    }

    /// When to call `expire` next; nil: no rule has a timeout.
    public var nextDeadline: Instant? { earliestDeadline }

    /// Removes rules whose time is over; credit their packets before. Returns those that asked
    /// that it be told. O(rules with a timeout), at most every `Limits.expiryPause`.
    public mutating func expire(now: Instant) -> [FlowRemoved] {
        guard let earliest = earliestDeadline, earliest <= now else { return [] }
        forgetGone()
        var over: [(rule: Rule, reason: FlowRemoved.Reason)] = []
        var next: Instant?
        for id in timed {
            guard let rule = self[rule: id], let deadline = rule.deadline else { continue }
            if deadline.at <= now {
                over.append((rule, deadline.reason))
            } else {
                next = min(next ?? deadline.at, deadline.at)
            }
        }
        earliestDeadline = next.map { max($0, now + Limits.expiryPause) }
        var reasons: [RuleID: FlowRemoved.Reason] = [:]
        for (rule, reason) in over { reasons[rule.id] = reason }
        return remove(over.map(\.rule.id)).compactMap { rule in
            rule.flags.contains(.sendFlowRemoved)
                ? FlowRemoved(
                    flow: rule.description(now: now), reason: reasons[rule.id] ?? .delete)
                : nil
        }
    }
}

// Counters.

extension FlowTables {
    /// Adds to the counters of a rule, and moves its idle timeout to `usedAt`. Nothing happens if
    /// it is gone.
    public mutating func credit(rule id: RuleID, packets: UInt64, bytes: UInt64, usedAt: Instant) {
        guard slots.indices.contains(id.slot), slots[id.slot]?.id == id else { return }
        slots[id.slot]?.credit(packets: packets, bytes: bytes, usedAt: usedAt)
    }

    /// Credits everything that a translation met in this bridge.
    mutating func credit(
        _ references: ArraySlice<RuleReference>, packets: UInt64, bytes: UInt64, usedAt: Instant
    ) {
        for reference in references {
            creditLookups(
                table: reference.table, packets: packets, matched: reference.rule != nil)
            guard let rule = reference.rule else { continue }
            credit(rule: rule, packets: packets, bytes: bytes, usedAt: usedAt)
        }
    }

    /// Counts `packets` lookups in `table`, of which `matched` found a rule.
    mutating func creditLookups(table: UInt8, packets: UInt64, matched: Bool) {
        guard table < Limits.tables else { return }
        lookups[Int(table)] &+= packets
        if matched { matches[Int(table)] &+= packets }
    }

    /// By table, then falling priority, then age.
    public func descriptions(matching filter: FlowFilter, now: Instant) -> [FlowDescription] {
        selected(by: filter).map { $0.description(now: now) }
    }

    public func aggregate(matching filter: FlowFilter) -> AggregateStatistics {
        var sum = AggregateStatistics()
        for rule in selected(by: filter) {
            sum.packets &+= rule.packets
            sum.bytes &+= rule.bytes
            sum.flows += 1
        }
        return sum
    }

    /// All tables but the last, in ascending order.
    public func tableStatistics() -> [TableStatistics] {
        (0..<Limits.toldTables).map { table in
            TableStatistics(
                table: UInt8(table), activeCount: UInt32(clamping: classifiers[table].count),
                lookups: lookups[table], matches: matches[table])
        }
    }
}
