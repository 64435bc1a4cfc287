import Classifier
import Flows
public import OpenFlow
public import Timekeeping

// Flow mods: OpenFlow 1.0 §4.6, 1.3.5 §6.4.

extension FlowTables {
    /// Carries out a flow mod, or refuses it as a whole.
    ///
    /// - Parameter asOpenFlow10: The manners of OpenFlow 1.0: `modify` adds what it does not find,
    ///   and writes the cookie; `add` starts the counters of the rule that it replaces anew.
    public mutating func apply(
        _ mod: FlowMod, asOpenFlow10: Bool, now: Instant
    ) throws(FlowModError) -> FlowModOutcome {
        switch mod.command {
        case .add:
            return try add(
                mod, resetsCounts: asOpenFlow10 || mod.flags.contains(.resetCounts), now: now)
        case .modify, .modifyStrict:
            if mod.table == 255 { throw .badTable(255) }
            let found = selected(by: mod, strict: mod.command == .modifyStrict)
            if found.isEmpty, asOpenFlow10 || mod.addsIfMissing, mod.cookieMask == 0 {
                var mod = mod
                mod.cookie = mod.newCookie ?? mod.cookie
                return try add(mod, resetsCounts: true, now: now)
            }
            return try modify(found, as: mod, cookie: mod.newCookie, now: now)
        case .delete, .deleteStrict:
            return delete(selected(by: mod, strict: mod.command == .deleteStrict), now: now)
        }
    }

    /// What `NXAST_LEARN` does: `modifyStrict` that adds and writes the cookie. A rule that says
    /// the same already only has its hard timeout restarted. Returns whether a lookup may now
    /// answer something new.
    @discardableResult
    public mutating func learn(_ mod: FlowMod, now: Instant) throws(FlowModError) -> Bool {
        let table = try checkedTable(mod)
        guard let id = find(mod.match, priority: mod.priority, table: table),
            let rule = self[rule: id]
        else {
            _ = try makeRoom(in: table, now: now)
            insert(mod, table: table, now: now)
            return true
        }
        let saysTheSame = rule.instructions == mod.instructions && rule.cookie == mod.cookie
        update(id) { rule in
            rule.modifiedAt = max(rule.modifiedAt, now)
            rule.cookie = mod.cookie
            rule.idleTimeout = mod.idleTimeout
            rule.hardTimeout = mod.hardTimeout
            rule.instructions = mod.instructions
        }
        if !saysTheSame, let rule = self[rule: id] { changed(rule) }
        return !saysTheSame
    }

    private mutating func add(
        _ mod: FlowMod, resetsCounts: Bool, now: Instant
    ) throws(FlowModError) -> FlowModOutcome {
        let table = try checkedTable(mod)
        let existing = find(mod.match, priority: mod.priority, table: table)
        if mod.flags.contains(.checkOverlap),
            overlap(mod.match, priority: mod.priority, table: table) != nil
        {
            throw .overlap
        }
        var outcome = FlowModOutcome()
        outcome.addedCount = 1
        guard let existing else {
            let evicted = try makeRoom(in: table, now: now)
            insert(mod, table: table, now: now)
            outcome.removedCount = evicted.count
            outcome.removed = removals(evicted, .eviction, now: now)
            return outcome
        }
        guard !resetsCounts else {
            _ = remove([existing])
            insert(mod, table: table, now: now)
            return outcome
        }
        update(existing) { rule in
            let (packets, bytes) = (rule.packets, rule.bytes)
            rule = Rule(mod, id: existing, table: table, now: now)
            (rule.packets, rule.bytes) = (packets, bytes)
        }
        if let rule = self[rule: existing] { changed(rule) }
        return outcome
    }

    private mutating func modify(
        _ rules: [Rule], as mod: FlowMod, cookie: UInt64?, now: Instant
    ) throws(FlowModError) -> FlowModOutcome {
        if rules.isEmpty { try check(mod.instructions, table: mod.table ?? 0) }
        for table in Set(rules.map(\.table)).sorted() { try check(mod.instructions, table: table) }
        for rule in rules {
            update(rule.id) { rule in
                rule.instructions = mod.instructions
                rule.modifiedAt = now
                rule.cookie = cookie ?? rule.cookie
                if mod.flags.contains(.resetCounts) { (rule.packets, rule.bytes) = (0, 0) }
            }
            changed(rule)
        }
        var outcome = FlowModOutcome()
        outcome.modifiedCount = rules.count
        return outcome
    }

    private mutating func delete(_ rules: [Rule], now: Instant) -> FlowModOutcome {
        let removed = remove(rules.map(\.id))
        var outcome = FlowModOutcome()
        outcome.removedCount = removed.count
        outcome.removed = removals(removed, .delete, now: now)
        return outcome
    }

    /// What is told of rules that went: of those that asked for it.
    func removals(
        _ rules: [Rule], _ reason: FlowRemoved.Reason, now: Instant
    ) -> [FlowRemoved] {
        rules.filter { $0.flags.contains(.sendFlowRemoved) }
            .map { FlowRemoved(flow: $0.description(now: now), reason: reason) }
    }

    /// The rules that a modify or delete means. The filter by port is for deletion only.
    private func selected(by mod: FlowMod, strict: Bool) -> [Rule] {
        let deletes = mod.command == .delete || mod.command == .deleteStrict
        let filter = FlowFilter(
            match: mod.match, table: mod.table == 255 ? nil : mod.table,
            outPort: deletes ? mod.outPort : nil, outGroup: deletes ? mod.outGroup : nil,
            cookie: mod.cookie, cookieMask: mod.cookieMask)
        guard strict else { return selected(by: filter) }
        let tables = filter.table.map { [$0] } ?? (0..<UInt8(Limits.tables)).map { $0 }
        return tables.compactMap { table in
            find(mod.match, priority: mod.priority, table: table).flatMap { self[rule: $0] }
                .flatMap { filter.selects($0) ? $0 : nil }
        }
    }

    /// The table that `mod` adds to, after a look at what it wants there.
    private func checkedTable(_ mod: FlowMod) throws(FlowModError) -> UInt8 {
        let table = mod.table ?? 0
        guard table < Limits.tables else { throw .badTable(table) }
        try check(mod.instructions, table: table)
        return table
    }

    /// Refuses what a rule of `table` cannot do, and groups and meters that are not there.
    private func check(_ instructions: Instructions, table: UInt8) throws(FlowModError) {
        try InstructionCheck.check(instructions, table: table)
        try checkReferences(instructions.apply)
        try checkReferences(instructions.write)
        if let meter = instructions.meter, meters[meter] == nil { throw .noSuchMeter(meter) }
    }

    /// Refuses groups and meters that are not there.
    func checkReferences(_ actions: [Action]) throws(FlowModError) {
        for action in actions where action.mayReferToOthers {
            switch action {
            case .group(let group):
                guard groups[group] != nil else { throw .noSuchGroup(group) }
            case .meter(let meter):
                guard meters[meter] != nil else { throw .noSuchMeter(meter) }
            case .clone(let inner): try checkReferences(inner)
            case .conntrack(let tracking): try checkReferences(tracking.actions)
            default: break
            }
        }
    }

    /// The rules that `filter` asks for, by table, falling priority, age. Looks only where they
    /// can be: a filter as specific as the rules themselves is one probe a table.
    func selected(by filter: FlowFilter) -> [Rule] {
        if filter.match.isEverything { return rules { filter.selects($0) } }
        let tables =
            filter.table.map { $0 < Limits.tables ? [Int($0)] : [] }
            ?? Array(0..<Limits.tables)
        return tables.flatMap { table in
            classifiers[table].rules(within: filter.match.key, filter.match.mask)
                .compactMap { self[rule: $0] }.filter(filter.selects)
        }.sorted {
            ($0.table, $1.priority, $0.id.birth) < ($1.table, $0.priority, $1.id.birth)
        }
    }
}

extension FlowFilter {
    /// Whether `rule` is one of those asked for: at least as specific as `match`, and with the
    /// cookie, the table and the output that are named.
    func selects(_ rule: Rule) -> Bool {
        (table == nil || table == rule.table)
            && (rule.cookie ^ cookie) & cookieMask == 0
            && rule.match.mask.covers(match.mask)
            && rule.match.key.masked(by: match.mask) == match.key
            && (outPort == nil || outPort == PortNumber.none || rule.outputs(to: outPort ?? .none))
            && (outGroup == nil || outGroup == GroupNumber.any
                || rule.sends(toGroup: outGroup ?? 0))
    }
}

extension Action {
    /// Whether it names a group or a meter, or holds actions that may.
    var mayReferToOthers: Bool {
        switch self {
        case .group, .meter, .clone, .conntrack: true
        default: false
        }
    }
}
