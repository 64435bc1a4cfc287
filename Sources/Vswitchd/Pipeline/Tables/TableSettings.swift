import Classifier
import Flows
public import OpenFlow
public import Timekeeping

// What may be set of one table: its name, how many rules it takes, what happens when it is full.

/// Settings of a table; by default all that the bridge allows, and refusal when it is full.
public struct TableSettings: Hashable, Sendable {
    /// What tools call it; empty: `table` and its number.
    public var name = ""
    /// Most rules; nil: as many as the bridge may have.
    public var limit: Int?
    /// Whether a rule makes way for a new one, by the database (`overflow_policy=evict`) …
    public var evictsByConfiguration = false
    /// … or by OFPT_TABLE_MOD.
    public var evictsByController = false
    public var vacancy = TableMod.Vacancy(isOn: false)
    /// 1.1's and 1.2's choice for packets that no rule matches; nil: the bridge's.
    public var miss: TableMod.Miss?

    public init() {}

    public var evicts: Bool { evictsByConfiguration || evictsByController }
}

extension FlowTables {
    public func settings(of table: UInt8) -> TableSettings { settings[table] ?? TableSettings() }

    /// Sets what the database says of a table (a row of Flow_Table); nil: nothing. Rules beyond a
    /// lower limit are evicted if the table evicts; else they stay.
    ///
    /// - Returns: Rules that went and had asked that it be told.
    public mutating func configure(
        table: UInt8, name: String, limit: Int?, evicts: Bool, now: Instant
    ) -> [FlowRemoved] {
        guard table < Limits.tables else { return [] }
        var changed = settings(of: table)
        (changed.name, changed.limit, changed.evictsByConfiguration) = (name, limit, evicts)
        settings[table] = changed
        var removed: [FlowRemoved] = []
        guard let limit, evicts else { return [] }
        while classifiers[Int(table)].count > limit, let worst = leastWanted(in: table) {
            removed += removals(remove([worst]), .eviction, now: now)
        }
        return removed
    }

    /// OFPT_TABLE_MOD.
    ///
    /// - Throws: `.badTable` for 255 (every table is nil).
    public mutating func apply(_ mod: TableMod) throws(FlowModError) {
        if let table = mod.table, table >= Limits.tables { throw .badTable(table) }
        for table in mod.table.map({ [$0] }) ?? (0..<UInt8(Limits.tables)).map({ $0 }) {
            var changed = settings(of: table)
            if let miss = mod.miss {
                if changed.miss != miss {
                    ruleGeneration += 1
                    changes.addAll()
                }
                changed.miss = miss
            }
            changed.evictsByController = mod.evicts ?? changed.evictsByController
            changed.vacancy = mod.vacancy ?? changed.vacancy
            settings[table] = changed
        }
    }

    /// OFPMP_TABLE_DESC: all tables, ascending.
    public func tableDescriptions() -> [TableDescription] {
        (0..<UInt8(Limits.toldTables)).map { table in
            let settings = settings(of: table)
            let limit = settings.limit ?? ruleLimit
            let free = max(limit - classifiers[Int(table)].count, 0)
            return TableDescription(
                table: table, evicts: settings.evicts,
                evictionFlags: .all,
                vacancy: settings.vacancy,
                vacancyPercent: UInt8(clamping: limit == 0 ? 0 : free * 100 / limit))
        }
    }

    /// Makes room for one more rule, or says that there is none.
    ///
    /// - Returns: Rules that had to go.
    mutating func makeRoom(in table: UInt8, now: Instant) throws(FlowModError) -> [Rule] {
        let settings = settings(of: table)
        let limit = settings.limit ?? ruleLimit
        guard count >= ruleLimit || classifiers[Int(table)].count >= limit else { return [] }
        guard settings.evicts, let worst = leastWanted(in: table) else {
            throw .tableFull(limit: min(limit, ruleLimit))
        }
        return remove([worst])
    }

    /// The rule that is to go first: the least important; of those, the one whose time would be
    /// over first. One that never ends and has no importance does not go (ovs-vswitchd.conf.db(5),
    /// "Eviction Policy"). O(rules of the table).
    private func leastWanted(in table: UInt8) -> RuleID? {
        let isByImportance = settings(of: table).evictsByController
        return classifiers[Int(table)].rules(within: .init(), .init())
            .compactMap { self[rule: $0] }
            .filter { isByImportance || $0.idleTimeout != 0 || $0.hardTimeout != 0 }
            .min { Self.evictionRank($0) < Self.evictionRank($1) }?.id
    }

    private static func evictionRank(_ rule: Rule) -> (UInt16, UInt64, UInt64) {
        (rule.importance, rule.deadline?.at.nanosecondsSinceStart ?? .max, rule.id.birth)
    }
}
