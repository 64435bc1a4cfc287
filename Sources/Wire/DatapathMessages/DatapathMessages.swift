public import Flows

// What the two halves of the switch say to each other, as values.
//
// The words are those of the generic-netlink families that `linux/openvswitch.h` defines
// (`ovs_datapath`, `ovs_vport`, `ovs_flow`, `ovs_packet`), because the other end of the channel may
// one day be the kernel module itself. The bytes are made and read in `NetlinkCodec`.

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

/// What vswitchd, or a tool, asks of the datapath.
public enum DatapathRequest: Hashable, Sendable {
    /// OVS_DP_CMD_GET: the one datapath, as a dump.
    case describeDatapath
    /// This connection answers upcalls from now on. The newest one that asks is the one that is
    /// asked; when its socket closes, misses are dropped as `noVswitchd` until the next comes.
    /// OVS_DP_CMD_SET with OVS_DP_ATTR_UPCALL_PID.
    case takeUpcalls
    case addPort(Vport)
    case deletePort(number: UInt32)
    /// OVS_VPORT_CMD_GET as a dump.
    case listPorts
    /// OVS_FLOW_CMD_NEW without NLM_F_EXCL: an existing flow with the same key and mask gets the
    /// new actions and keeps its counters.
    case putFlow(CachedFlow)
    /// OVS_FLOW_CMD_DEL of one flow; the reply carries its last counters.
    case deleteFlow(key: FlowKey, mask: FlowMask)
    /// OVS_FLOW_CMD_DEL without a key: all flows.
    case flushFlows
    /// OVS_FLOW_CMD_GET as a dump.
    case listFlows
    /// OVS_PACKET_CMD_EXECUTE: run `actions` on `packet` as if it had come in as `key` says.
    case execute(ExecutedPacket)
}

/// A packet that comes back from userspace with what is to be done to it.
public struct ExecutedPacket: Hashable, Sendable {
    /// The whole frame, its VLAN tag in the bytes.
    public var bytes: [UInt8]
    public var offload: UpcallOffload?
    public var key: FlowKey
    public var actions: [DatapathAction]
    public init(
        bytes: [UInt8], offload: UpcallOffload? = nil, key: FlowKey, actions: [DatapathAction]
    ) {
        self.bytes = bytes
        self.offload = offload
        self.key = key
        self.actions = actions
    }
}

/// The ten bytes of `struct virtio_net_hdr` that travel with an upcall and come back with the
/// execution, so that a super-frame or an unfinished checksum survives the detour. An attribute
/// of our own.
public struct UpcallOffload: Hashable, Sendable {
    /// The structure's bytes as the kernel wrote them, counted from the frame's start with its
    /// VLAN tag in the bytes. Always 10.
    public var bytes: [UInt8]
    public init(bytes: [UInt8]) { self.bytes = bytes }
}

/// What the datapath says by itself.
public struct Upcall: Hashable, Sendable {
    public enum Reason: Hashable, Sendable {
        /// OVS_PACKET_CMD_MISS: no cached flow knew the packet.
        case miss
        /// OVS_PACKET_CMD_ACTION: a `userspace` action, with its cookie.
        case action(cookie: [UInt8])
    }
    public var reason: Reason
    /// The frame, its VLAN tag in the bytes, perhaps cut to the first `Limits` bytes.
    public var bytes: [UInt8]
    /// How long the frame was, with its tag (`OVS_PACKET_ATTR_LEN`).
    public var originalByteCount: Int
    public var offload: UpcallOffload?
    public var key: FlowKey

    public init(
        reason: Reason, bytes: [UInt8], originalByteCount: Int, offload: UpcallOffload? = nil,
        key: FlowKey
    ) {
        self.reason = reason
        self.bytes = bytes
        self.originalByteCount = originalByteCount
        self.offload = offload
        self.key = key
    }
}

/// What the datapath answers. Each request gets exactly one `.done` or `.failed` with its sequence
/// number, after the items of a dump.
public enum DatapathReply: Hashable, Sendable {
    case datapath(DatapathDescription)
    case port(Vport)
    case flow(CachedFlow)
    case upcall(Upcall)
    /// NLMSG_ERROR with 0, or NLMSG_DONE after a dump.
    case done
    /// NLMSG_ERROR with an errno and the text of the extended acknowledgement.
    case failed(errno: Int32, text: String)
}
