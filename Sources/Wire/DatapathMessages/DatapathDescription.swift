// The datapath as a whole, as `ovs-dpctl show` prints it: how often its caches knew a packet.

/// `struct ovs_dp_stats` and `struct ovs_dp_megaflow_stats`.
public struct DatapathStatistics: Hashable, Sendable {
    /// Packets that a cached flow knew.
    public var hits: UInt64 = 0
    /// Packets that raised an upcall.
    public var misses: UInt64 = 0
    /// Upcalls that were dropped because a queue was full.
    public var lost: UInt64 = 0
    /// Flows in the megaflow table now.
    public var flows: UInt64 = 0
    /// Masks probed, over all packets.
    public var maskHits: UInt64 = 0
    /// Masks in use now.
    public var masks: UInt32 = 0
    /// Packets that the exact-match microflow cache knew.
    public var cacheHits: UInt64 = 0
    public init() {}
}

public struct DatapathDescription: Hashable, Sendable {
    public var name: String
    public var statistics: DatapathStatistics
    public init(name: String, statistics: DatapathStatistics = .init()) {
        self.name = name
        self.statistics = statistics
    }
}
