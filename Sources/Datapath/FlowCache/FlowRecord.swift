/// A flow's name as vswitchd chose it, 128 bits.
public struct FlowName: Hashable, Sendable {
    public var high: UInt64
    public var low: UInt64
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

/// One cached flow, as it lies in the megaflow table. Trivial: no references.
public struct FlowRecord: Sendable {
    /// Handle of the flow's compiled actions. The table carries it and does not know what it means.
    public var program: UInt32
    /// Index of the flow's mask; of the next free slot, if the slot is free.
    @usableFromInline var link: UInt32
    /// Changes whenever a flow leaves the slot.
    @usableFromInline var generation: UInt32
    @usableFromInline var isLive: Bool
    /// Nothing has changed since the flow was last told of as news, or it is none to anybody.
    @usableFromInline var isTold: Bool
    /// All TCP flags seen, combined (the lower 8 bits).
    public var tcpFlags: UInt8 = 0
    public var name: FlowName?
    public var packets: UInt64 = 0
    public var bytes: UInt64 = 0
    /// When a packet last used the flow, in milliseconds of the caller's clock; 0 = never.
    public var usedMilliseconds: UInt64 = 0

    @usableFromInline
    init(program: UInt32, mask: UInt32, generation: UInt32, name: FlowName?, isTold: Bool) {
        self.program = program
        link = mask
        self.generation = generation
        isLive = true
        self.isTold = isTold
        self.name = name
    }

    /// Counts one packet.
    @inlinable
    mutating func count(byteCount: Int, tcpFlags flags: UInt16, nowMilliseconds: UInt64) {
        isTold = false
        packets &+= 1
        bytes &+= UInt64(truncatingIfNeeded: byteCount)
        usedMilliseconds = nowMilliseconds
        tcpFlags |= UInt8(truncatingIfNeeded: flags)
    }
}

/// Why a flow was not put into the table.
public enum MegaflowRefusal: Error, Hashable, Sendable {
    case tooManyFlows(limit: Int)
    case tooManyMasks(limit: Int)
}
