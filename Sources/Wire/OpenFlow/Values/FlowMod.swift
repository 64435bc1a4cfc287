// Changing and reporting rules.

/// OFPT_FLOW_MOD and NXT_FLOW_MOD. OpenFlow 1.3.5 §7.3.4.1.
public struct FlowMod: Hashable, Sendable {
    public enum Command: UInt8, Hashable, Sendable {
        case add = 0, modify, modifyStrict, delete, deleteStrict
    }
    /// `OFPFF_*`.
    public struct Flags: OptionSet, Hashable, Sendable {
        public let rawValue: UInt16
        public init(rawValue: UInt16) { self.rawValue = rawValue }
        public static let sendFlowRemoved = Flags(rawValue: 1)
        public static let checkOverlap = Flags(rawValue: 2)
        public static let resetCounts = Flags(rawValue: 4)
        public static let noPacketCounts = Flags(rawValue: 8)
        public static let noByteCounts = Flags(rawValue: 16)
    }

    public var command: Command
    /// nil: OpenFlow 1.0 did not say. Adding then means table 0, other commands all tables, which
    /// 1.1 and later write as 255.
    public var table: UInt8?
    public var priority: UInt16
    public var match: Match
    /// The rule's cookie; for modify and delete, the value that `cookieMask` selects by.
    public var cookie: UInt64
    public var cookieMask: UInt64
    /// Seconds, 0 = never.
    public var idleTimeout: UInt16
    public var hardTimeout: UInt16
    /// A packet that the switch holds for the controller; nil: none.
    public var bufferID: UInt32?
    /// For deletion: only rules that output here; nil: any.
    public var outPort: PortNumber?
    /// For deletion: only rules that send to this group; nil: any.
    public var outGroup: UInt32?
    /// The lower, the sooner it makes way in a full table that evicts (1.4).
    public var importance: UInt16 = 0
    public var flags: Flags
    public var instructions: Instructions
    /// For modify: the cookie that changed rules get; nil: they keep theirs. Only 1.0 and Nicira.
    public var newCookie: UInt64?
    /// For modify: whether it adds the rule if there is none to change (1.0 §4.6), with the cookie
    /// `newCookie`. Later versions do not.
    public var addsIfMissing = false

    public init(
        command: Command, table: UInt8? = nil, priority: UInt16 = 0x8000, match: Match = Match(),
        cookie: UInt64 = 0, cookieMask: UInt64 = 0, idleTimeout: UInt16 = 0,
        hardTimeout: UInt16 = 0, bufferID: UInt32? = nil, outPort: PortNumber? = nil,
        flags: Flags = [], instructions: Instructions = Instructions()
    ) {
        self.command = command
        self.table = table
        self.priority = priority
        self.match = match
        self.cookie = cookie
        self.cookieMask = cookieMask
        self.idleTimeout = idleTimeout
        self.hardTimeout = hardTimeout
        self.bufferID = bufferID
        self.outPort = outPort
        self.flags = flags
        self.instructions = instructions
    }
}

/// Which rules a flow or aggregate statistics request asks for.
public struct FlowFilter: Hashable, Sendable {
    public var match: Match
    /// nil: all tables.
    public var table: UInt8?
    public var outPort: PortNumber?
    public var outGroup: UInt32?
    public var cookie: UInt64
    public var cookieMask: UInt64
    public init(
        match: Match = Match(), table: UInt8? = nil, outPort: PortNumber? = nil,
        outGroup: UInt32? = nil, cookie: UInt64 = 0, cookieMask: UInt64 = 0
    ) {
        self.outGroup = outGroup
        self.match = match
        self.table = table
        self.outPort = outPort
        self.cookie = cookie
        self.cookieMask = cookieMask
    }
}

/// One rule with its counters, as statistics replies tell it.
public struct FlowDescription: Hashable, Sendable {
    public var table: UInt8
    public var priority: UInt16
    public var match: Match
    public var cookie: UInt64
    public var idleTimeout: UInt16
    public var hardTimeout: UInt16
    public var flags: FlowMod.Flags
    public var instructions: Instructions
    /// How long the rule has stood.
    public var durationNanoseconds: UInt64
    /// Seconds since a packet last matched, and since it was last modified; nil if not told.
    public var idleAgeSeconds: UInt16?
    public var hardAgeSeconds: UInt16?
    public var packets: UInt64
    public var bytes: UInt64
    /// 1.4 and later.
    public var importance: UInt16 = 0

    public init(
        table: UInt8, priority: UInt16, match: Match, cookie: UInt64, idleTimeout: UInt16 = 0,
        hardTimeout: UInt16 = 0, flags: FlowMod.Flags = [], instructions: Instructions,
        durationNanoseconds: UInt64 = 0, idleAgeSeconds: UInt16? = nil,
        hardAgeSeconds: UInt16? = nil, packets: UInt64 = 0, bytes: UInt64 = 0
    ) {
        self.table = table
        self.priority = priority
        self.match = match
        self.cookie = cookie
        self.idleTimeout = idleTimeout
        self.hardTimeout = hardTimeout
        self.flags = flags
        self.instructions = instructions
        self.durationNanoseconds = durationNanoseconds
        self.idleAgeSeconds = idleAgeSeconds
        self.hardAgeSeconds = hardAgeSeconds
        self.packets = packets
        self.bytes = bytes
    }
}

/// OFPT_FLOW_REMOVED.
public struct FlowRemoved: Hashable, Sendable {
    /// Versions without a number for the last three tell them as `delete`.
    public enum Reason: UInt8, Hashable, Sendable {
        case idleTimeout = 0, hardTimeout, delete, groupDelete, meterDelete, eviction
    }
    public var flow: FlowDescription
    public var reason: Reason
    public init(flow: FlowDescription, reason: Reason) {
        self.flow = flow
        self.reason = reason
    }
}

/// OFPT_PACKET_IN: a packet for the controller.
public struct PacketIn: Hashable, Sendable {
    /// Versions without a number for the last three (before 1.4) tell them as `action`.
    public enum Reason: UInt8, Hashable, Sendable, CaseIterable {
        case noMatch = 0, action, invalidTTL, actionSet, group, packetOut
    }
    public var bytes: [UInt8]
    /// Its length before it was cut to `maxLength`.
    public var totalByteCount: Int
    public var reason: Reason
    public var table: UInt8
    public var cookie: UInt64
    /// The pipeline's fields at that moment: in_port, metadata, registers.
    public var match: Match
    public var inPort: PortNumber
    public var bufferID: UInt32?
    /// What the action that sent it carried (`ControllerAction.userdata`).
    public var userdata: [UInt8] = []
    /// What NXT_RESUME must bring back for the packet to go on; nil: it does not wait. Only its
    /// maker reads it.
    public var continuation: [UInt8]?
    public init(
        bytes: [UInt8], totalByteCount: Int, reason: Reason, table: UInt8, cookie: UInt64,
        match: Match, inPort: PortNumber, bufferID: UInt32? = nil
    ) {
        self.bytes = bytes
        self.totalByteCount = totalByteCount
        self.reason = reason
        self.table = table
        self.cookie = cookie
        self.match = match
        self.inPort = inPort
        self.bufferID = bufferID
    }
}

/// OFPT_PACKET_OUT: a packet from the controller.
public struct PacketOut: Hashable, Sendable {
    public var bufferID: UInt32?
    public var inPort: PortNumber
    public var actions: [Action]
    public var bytes: [UInt8]
    /// Fields of the pipeline that the packet starts with beside `inPort` (1.5).
    public var match = Match()
    public init(bufferID: UInt32? = nil, inPort: PortNumber, actions: [Action], bytes: [UInt8]) {
        self.bufferID = bufferID
        self.inPort = inPort
        self.actions = actions
        self.bytes = bytes
    }
}
