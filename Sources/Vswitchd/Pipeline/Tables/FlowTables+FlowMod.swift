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
            if found.isEmpty, asOpenFlow10, mod.cookieMask == 0 {
                return try add(mod, resetsCounts: true, now: now)
            }
            return try modify(found, as: mod, writesCookie: asOpenFlow10, now: now)
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
            guard count < ruleLimit else { throw .tableFull(limit: ruleLimit) }
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
        if !saysTheSame { generation += 1 }
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
            guard count < ruleLimit else { throw .tableFull(limit: ruleLimit) }
            insert(mod, table: table, now: now)
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
        generation += 1
        return outcome
    }

    private mutating func modify(
        _ rules: [Rule], as mod: FlowMod, writesCookie: Bool, now: Instant
    ) throws(FlowModError) -> FlowModOutcome {
        if rules.isEmpty { try InstructionCheck.check(mod.instructions, table: mod.table ?? 0) }
        for rule in rules { try InstructionCheck.check(mod.instructions, table: rule.table) }
        for rule in rules {
            update(rule.id) { rule in
                rule.instructions = mod.instructions
                rule.modifiedAt = now
                if writesCookie { rule.cookie = mod.cookie }
                if mod.flags.contains(.resetCounts) { (rule.packets, rule.bytes) = (0, 0) }
            }
            generation += 1
        }
        var outcome = FlowModOutcome()
        outcome.modifiedCount = rules.count
        return outcome
    }

    private mutating func delete(_ rules: [Rule], now: Instant) -> FlowModOutcome {
        let removed = remove(rules.map(\.id))
        var outcome = FlowModOutcome()
        outcome.removedCount = removed.count
        outcome.removed = removed.filter { $0.flags.contains(.sendFlowRemoved) }
            .map { FlowRemoved(flow: $0.description(now: now), reason: .delete) }
        return outcome
    }

    /// The rules that a modify or delete means. The filter by port is for deletion only.
    private func selected(by mod: FlowMod, strict: Bool) -> [Rule] {
        let deletes = mod.command == .delete || mod.command == .deleteStrict
        let filter = FlowFilter(
            match: mod.match, table: mod.table == 255 ? nil : mod.table,
            outPort: deletes ? mod.outPort : nil, cookie: mod.cookie, cookieMask: mod.cookieMask)
        guard strict else { return rules { filter.selects($0) } }
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
        try InstructionCheck.check(mod.instructions, table: table)
        return table
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
    }
}
