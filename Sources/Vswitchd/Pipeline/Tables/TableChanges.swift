public import OpenFlow

// What became different in the tables, as precisely as is worth it.
//
// A cached flow need only be checked again if it met a table that changed. And in the first table,
// where the packet is as it came, only if the rule that changed could match one of its packets.

/// Rules that came, went or changed.
public struct TableChanges: Sendable {
    /// More is known than which rules: everything may have changed.
    public private(set) var isAll = false
    /// Tables with a change.
    public private(set) var tables: Set<UInt8> = []
    /// What the changed rules of table 0 match; nil: too many to be worth a look at each.
    public private(set) var firstTable: [Match]? = []

    public init() {}

    public var isEmpty: Bool { !isAll && tables.isEmpty }

    mutating func add(_ rule: Rule) {
        guard !isAll else { return }
        tables.insert(rule.table)
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
