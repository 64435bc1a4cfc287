public import Flows

// Packets that cross the channel: up because no cached flow knew them, down with what is to be
// done.
//
// A question and its answer stand in one row after another on their way, a hundred thousand a
// second. So what is large in them lies in one place and never changes, and whoever moves or copies
// them moves a reference.

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
    /// Whether the packet itself gets the actions.
    public var executes: Bool
    /// Answers that decide the same may share it.
    public var decision: UpcallDecision
    /// Installs a flow for the packet's key in the bits of this mask; nil: none.
    public var mask: FlowMask? { decision.mask }
    public var actions: [DatapathAction] { decision.actions }

    public init(id: UInt32, executes: Bool = false, decision: UpcallDecision) {
        self.id = id
        self.executes = executes
        self.decision = decision
    }

    public init(
        id: UInt32, mask: FlowMask? = nil, executes: Bool = false, actions: [DatapathAction] = []
    ) {
        let isNothing = mask == nil && actions.isEmpty
        self.init(
            id: id, executes: executes,
            decision: isNothing ? .nothing : UpcallDecision(mask: mask, actions: actions))
    }
}

/// Which packets an answer is about besides its own, and what is to be done with them.
public final class UpcallDecision: Hashable, Sendable {
    public let mask: FlowMask?
    public let actions: [DatapathAction]

    public init(mask: FlowMask?, actions: [DatapathAction]) {
        self.mask = mask
        self.actions = actions
    }

    /// Neither a flow nor an action.
    public static let nothing = UpcallDecision(mask: nil, actions: [])

    public static func == (a: UpcallDecision, b: UpcallDecision) -> Bool {
        a === b || a.mask == b.mask && a.actions == b.actions
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(mask)
        hasher.combine(actions)
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

    private final class Content: Sendable {
        let reason: Reason
        let bytes: [UInt8]
        let originalByteCount: Int
        let offload: UpcallOffload?
        let key: FlowKey

        init(
            _ reason: Reason, _ bytes: [UInt8], _ originalByteCount: Int,
            _ offload: UpcallOffload?, _ key: FlowKey
        ) {
            self.reason = reason
            self.bytes = bytes
            self.originalByteCount = originalByteCount
            self.offload = offload
            self.key = key
        }
    }

    private let content: Content
    /// Under which the datapath keeps the packet until an `UpcallAnswer` comes; 0: it does not, and
    /// the answer must bring the packet along.
    public var id: UInt32

    public var reason: Reason { content.reason }
    /// The frame, its VLAN tag in the bytes, perhaps cut to the first `Limits` bytes.
    public var bytes: [UInt8] { content.bytes }
    /// How long the frame was, with its tag (`OVS_PACKET_ATTR_LEN`).
    public var originalByteCount: Int { content.originalByteCount }
    public var offload: UpcallOffload? { content.offload }
    public var key: FlowKey { content.key }

    public init(
        reason: Reason, bytes: [UInt8], originalByteCount: Int, offload: UpcallOffload? = nil,
        key: FlowKey, id: UInt32 = 0
    ) {
        self.id = id
        content = Content(reason, bytes, originalByteCount, offload, key)
    }

    public static func == (a: Upcall, b: Upcall) -> Bool {
        guard a.id == b.id else { return false }
        let (a, b) = (a.content, b.content)
        return a === b
            || a.reason == b.reason && a.bytes == b.bytes && a.offload == b.offload
                && a.originalByteCount == b.originalByteCount && a.key == b.key
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(id)
        hasher.combine(reason)
        hasher.combine(bytes)
        hasher.combine(originalByteCount)
        hasher.combine(offload)
        hasher.combine(key)
    }
}
