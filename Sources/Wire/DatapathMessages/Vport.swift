public import Flows

// A port of the datapath as both halves see it: a number that flows use, a Linux interface behind
// it, and counters that say where its packets went.

/// Kinds of datapath port, `enum ovs_vport_type`.
public enum VportKind: UInt32, Sendable, CaseIterable {
    /// An existing Linux interface.
    case netdev = 1
    /// A tap that the datapath makes: the host's own leg in the bridge.
    case `internal` = 2
}

/// `struct ovs_vport_stats`: packets and bytes since the port was attached.
public struct VportStatistics: Hashable, Sendable {
    public var rxPackets: UInt64 = 0
    public var txPackets: UInt64 = 0
    public var rxBytes: UInt64 = 0
    public var txBytes: UInt64 = 0
    public var rxErrors: UInt64 = 0
    public var txErrors: UInt64 = 0
    public var rxDropped: UInt64 = 0
    public var txDropped: UInt64 = 0
    public init() {}
}

/// A port of the datapath.
public struct Vport: Hashable, Sendable {
    /// Datapath port number, 0 to 65534; in a request nil asks the datapath to choose.
    public var number: UInt32?
    public var kind: VportKind
    /// Name of the Linux interface, 1 to 15 bytes.
    public var name: String
    public var statistics: VportStatistics
    /// Linux interface index; 0 if unknown.
    public var interfaceIndex: UInt32
    /// How many packets ended how, for each `PacketEnd` that is not zero. An attribute of our own
    /// (the kernel module does not send it).
    public var ends: [PacketEnd: UInt64]
    /// What its queues have sent, if what leaves by it is shaped. An attribute of our own.
    public var queues: [QueueCounters] = []

    public init(
        number: UInt32?, kind: VportKind, name: String, statistics: VportStatistics = .init(),
        interfaceIndex: UInt32 = 0, ends: [PacketEnd: UInt64] = [:]
    ) {
        self.number = number
        self.kind = kind
        self.name = name
        self.statistics = statistics
        self.interfaceIndex = interfaceIndex
        self.ends = ends
    }
}
