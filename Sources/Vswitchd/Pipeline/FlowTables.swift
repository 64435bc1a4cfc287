import Classifier
public import Flows
public import OpenFlow
public import Timekeeping

// The rules of one bridge.

/// Names a rule of one bridge for as long as it stands; never used again for another.
public struct RuleID: Hashable, Sendable {
    let slot: UInt32
    let birth: UInt32
}

/// A rule as it stands in a table.
public struct Rule: Hashable, Sendable {
    public let id: RuleID
    public let table: UInt8
    public let priority: UInt16
    public let match: Match
    public var cookie: UInt64
    public var idleTimeout: UInt16
    public var hardTimeout: UInt16
    public var flags: FlowMod.Flags
    public var instructions: Instructions
    public var packets: UInt64 = 0
    public var bytes: UInt64 = 0
    public let createdAt: Instant
    public var modifiedAt: Instant
    public var usedAt: Instant
}

/// Why a flow mod was refused.
public enum FlowModError: Error, Hashable, Sendable {
    /// OFPFMFC_TABLE_FULL: the bridge has `Limits.rulesPerBridge` rules.
    case tableFull
    /// OFPFMFC_OVERLAP: a rule of the same priority could match the same packet.
    case overlap
    /// OFPFMFC_BAD_TABLE_ID.
    case badTable(UInt8)
    /// OFPBIC_BAD_TABLE_ID: `goto_table` leads to its own table or back.
    case gotoTable(UInt8)
    /// OFPBAC_BAD_SET_ARGUMENT or OFPBAC_BAD_ARGUMENT: a field that cannot be written.
    case fieldNotWritable(String)
    /// OFPBAC_BAD_OUT_PORT.
    case badOutputPort(PortNumber)
    /// OFPBAC_BAD_ARGUMENT: `what` names the action.
    case badArgument(String)
}

/// What a flow mod did.
public struct FlowModOutcome: Hashable, Sendable {
    /// Rules that asked to be told of their removal.
    public var removed: [FlowRemoved] = []
    public var addedCount = 0
    public var modifiedCount = 0
    public var removedCount = 0
    public init() {}
}

/// OFPST_AGGREGATE.
public struct AggregateStatistics: Hashable, Sendable {
    public var packets: UInt64 = 0
    public var bytes: UInt64 = 0
    public var flows: UInt32 = 0
    public init() {}
}

/// OFPST_TABLE, for one table.
public struct TableStatistics: Hashable, Sendable {
    public var table: UInt8
    public var activeCount: UInt32
    public var lookups: UInt64
    public var matches: UInt64
}

/// The 255 flow tables of a bridge.
public struct FlowTables: Sendable {
    /// Grows whenever a lookup, or what a rule does, may be something new.
    public private(set) var generation: UInt64 = 0
    public let ruleLimit: Int

    public init(ruleLimit: Int = Limits.rulesPerBridge) { self.ruleLimit = ruleLimit }

    public var count: Int { 0 }

    /// - Parameter asOpenFlow10: The manners of OpenFlow 1.0: `modify` adds what it does not find
    ///   and writes the cookie; `add` starts counters anew.
    public mutating func apply(
        _ mod: FlowMod, asOpenFlow10: Bool, now: Instant
    ) throws(FlowModError) -> FlowModOutcome { FlowModOutcome() }

    /// What `learn` does: as `modifyStrict` that adds; a rule that already says the same only has
    /// its hard timeout restarted.
    @discardableResult
    public mutating func learn(_ mod: FlowMod, now: Instant) throws(FlowModError) -> Bool { false }

    /// Adds to the counters of a rule. Nothing happens if it is gone.
    public mutating func credit(rule: RuleID, packets: UInt64, bytes: UInt64, usedAt: Instant) {}

    /// Counts a lookup in `table`, for the table statistics.
    public mutating func creditLookups(table: UInt8, lookups: UInt64, matches: UInt64) {}

    /// Removes rules whose time is over. All of them are returned that asked to be.
    public mutating func expire(now: Instant) -> [FlowRemoved] { [] }
    /// When to call `expire` next; nil: no rule has a timeout.
    public var nextDeadline: Instant? { nil }

    public subscript(rule id: RuleID) -> Rule? { nil }

    /// The best rule of `table` for `key`. ORs into `mask` what it looked at.
    public func lookup(
        table: UInt8, key: PipelineKey, mask: inout PipelineMask
    ) -> RuleID? { nil }

    /// By table, then falling priority, then age.
    public func descriptions(matching filter: FlowFilter, now: Instant) -> [FlowDescription] { [] }
    public func aggregate(matching filter: FlowFilter) -> AggregateStatistics { .init() }
    /// Tables that have rules or were asked, in ascending order.
    public func tableStatistics() -> [TableStatistics] { [] }
    /// Removes every rule without telling anyone (the bridge's configuration starts anew).
    public mutating func removeAll() {}
}
