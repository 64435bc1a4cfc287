public import Flows

// Packets that cross the channel: up because no cached flow knew them, down with what is to be
// done.

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

/// What is to become of a packet that the datapath has kept since it asked (`Upcall.id`): neither
/// the packet nor its key cross the channel again. A request of our own; no kernel knows it.
///
/// Answers come in the order of the questions. Each also settles all earlier questions, whose
/// packets are then let go; one that neither installs nor executes does nothing else.
public struct UpcallAnswer: Hashable, Sendable {
    /// `Upcall.id`.
    public var id: UInt32
    /// Installs a flow for the packet's key in the bits of this mask; nil: none.
    public var mask: FlowMask?
    /// Whether the packet itself gets the actions.
    public var executes: Bool
    public var actions: [DatapathAction]

    public init(
        id: UInt32, mask: FlowMask? = nil, executes: Bool = false, actions: [DatapathAction] = []
    ) {
        self.id = id
        self.mask = mask
        self.executes = executes
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
    /// Under which the datapath keeps the packet until an `UpcallAnswer` comes; 0: it does not, and
    /// the answer must bring the packet along.
    public var id: UInt32

    public init(
        reason: Reason, bytes: [UInt8], originalByteCount: Int, offload: UpcallOffload? = nil,
        key: FlowKey, id: UInt32 = 0
    ) {
        self.id = id
        self.reason = reason
        self.bytes = bytes
        self.originalByteCount = originalByteCount
        self.offload = offload
        self.key = key
    }
}
