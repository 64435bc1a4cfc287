// What the statistics messages ask of the tables.

/// OFPST_AGGREGATE / OFPMP_AGGREGATE.
public struct AggregateStatistics: Hashable, Sendable {
    public var packets: UInt64 = 0
    public var bytes: UInt64 = 0
    public var flows: UInt32 = 0
    public init() {}
}

/// OFPST_TABLE / OFPMP_TABLE, for one table.
public struct TableStatistics: Hashable, Sendable {
    public var table: UInt8
    public var activeCount: UInt32
    public var lookups: UInt64
    public var matches: UInt64
}
