public import Flows

// A flow of the datapath's cache as it travels: which packets, what is done to them, and how often
// that happened.

/// A cached flow: packets whose key agrees with `key` in the bits of `mask` get `actions`.
public struct CachedFlow: Hashable, Sendable {
    public var key: FlowKey
    public var mask: FlowMask
    public var actions: [DatapathAction]
    public var statistics: FlowStatistics
    /// The flow's name, `OVS_FLOW_ATTR_UFID`: 128 bits that vswitchd chose.
    public var ufid: UFID?

    public init(
        key: FlowKey, mask: FlowMask, actions: [DatapathAction],
        statistics: FlowStatistics = .init(), ufid: UFID? = nil
    ) {
        self.key = key
        self.mask = mask
        self.actions = actions
        self.statistics = statistics
        self.ufid = ufid
    }
}

/// Unique flow identifier, 128 bits.
public struct UFID: Hashable, Sendable {
    public var high: UInt64
    public var low: UInt64
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

public struct FlowStatistics: Hashable, Sendable {
    public var packets: UInt64 = 0
    public var bytes: UInt64 = 0
    /// When a packet last used the flow, in milliseconds of the monotonic clock; 0 = never
    /// (`OVS_FLOW_ATTR_USED`).
    public var usedMilliseconds: UInt64 = 0
    /// All TCP flags seen, combined.
    public var tcpFlags: UInt8 = 0
    public init() {}
}
