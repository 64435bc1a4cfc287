public import OpenFlow

// What became different in the tables, as precisely as is worth it.
//
// A cached flow need only be checked again if it met a table that changed, and there no rule of a
// higher priority than any that changed. And in the first table, where the packet is as it came,
// only if the rule that changed could match one of its packets.

/// Rules that came, went or changed.
public struct TableChanges: Sendable {
    /// More is known than which rules: everything may have changed.
    public private(set) var isAll = false
    /// For each table with a change, the highest priority of a rule that changed. Few, as a rule
    /// one: a search through all costs less than a hash.
    private var priorities: [(table: UInt8, highest: UInt16)] = []
    /// What the changed rules of table 0 match; nil: too many to be worth a look at each.
    public private(set) var firstTable: [Match]? = []

    public init() {}

    public var isEmpty: Bool { !isAll && priorities.isEmpty }

    /// Whether a rule of `table` changed that could matter to a packet for which a rule of
    /// `priority` is the best.
    public func concern(table: UInt8, priority: UInt16 = 0) -> Bool {
        isAll || priorities.contains { $0.table == table && $0.highest >= priority }
    }

    mutating func add(_ rule: Rule) {
        guard !isAll else { return }
        if let place = priorities.firstIndex(where: { $0.table == rule.table }) {
            priorities[place].highest = max(priorities[place].highest, rule.priority)
        } else {
            priorities.append((rule.table, rule.priority))
        }
        guard rule.table == 0, let known = firstTable else { return }
        guard known.count < Limits.changesInDetail else {
            firstTable = nil
            return
        }
        firstTable?.append(rule.match)
    }

    mutating func addAll() { isAll = true }
}

extension FlowTables {
    /// What changed since the last time.
    public mutating func takeChanges() -> TableChanges {
        defer { changes = TableChanges() }
        return changes
    }
}
