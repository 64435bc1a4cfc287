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
    /// For each table with a change, the highest priority of a rule that changed. Asked by key.
    private var priorities: [UInt8: UInt16] = [:]
    /// What the changed rules of table 0 match; nil: too many to be worth a look at each.
    public private(set) var firstTable: [Match]? = []

    public init() {}

    public var isEmpty: Bool { !isAll && priorities.isEmpty }

    /// Whether a rule of `table` changed that could matter to a packet for which a rule of
    /// `priority` is the best.
    public func concern(table: UInt8, priority: UInt16 = 0) -> Bool {
        isAll || priorities[table].map { $0 >= priority } ?? false
    }

    mutating func add(_ rule: Rule) {
        guard !isAll else { return }
        Self.raise(&priorities[rule.table, default: 0], to: rule.priority)
        guard rule.table == 0, let known = firstTable else { return }
        guard known.count < Limits.changesInDetail else {
            firstTable = nil
            return
        }
        firstTable?.append(rule.match)
    }

    /// One search for the table's entry, to look at it and to write it.
    private static func raise(_ highest: inout UInt16, to priority: UInt16) {
        if priority > highest { highest = priority }
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
