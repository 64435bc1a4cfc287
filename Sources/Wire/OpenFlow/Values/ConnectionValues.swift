// What is said about the connection itself, and about who watches what.

/// OFPT_ROLE_STATUS (1.4 §7.4.4): the switch changed the role of a connection.
public struct RoleStatus: Hashable, Sendable {
    public enum Reason: UInt8, Hashable, Sendable {
        case primaryRequest = 0, configuration, experimenter
    }
    public var role: RoleRequest.Role
    public var reason: Reason
    public var generation: UInt64
    public init(role: RoleRequest.Role, reason: Reason, generation: UInt64) {
        self.role = role
        self.reason = reason
        self.generation = generation
    }
}

/// One queue of a port: OFPT_QUEUE_GET_CONFIG_REPLY, 1.4's OFPMP_QUEUE_DESC.
public struct QueueDescription: Hashable, Sendable {
    public var port: PortNumber
    public var queue: UInt32
    /// Thousandths of the port's rate; nil: none is guaranteed, or set.
    public var minRate: UInt16?
    public var maxRate: UInt16?
    public init(
        port: PortNumber, queue: UInt32, minRate: UInt16? = nil, maxRate: UInt16? = nil
    ) {
        self.port = port
        self.queue = queue
        self.minRate = minRate
        self.maxRate = maxRate
    }
}

/// Asks to be told of changes of flows: OFPMP_FLOW_MONITOR (1.4 §7.3.5.15), NXST_FLOW_MONITOR.
public struct FlowMonitorRequest: Hashable, Sendable {
    /// `OFPFMF_*` of 1.4; Nicira's are moved by the codec.
    public struct Flags: OptionSet, Hashable, Sendable {
        public let rawValue: UInt16
        public init(rawValue: UInt16) { self.rawValue = rawValue }
        public static let initial = Flags(rawValue: 1)
        public static let add = Flags(rawValue: 2)
        public static let delete = Flags(rawValue: 4)
        public static let modify = Flags(rawValue: 8)
        public static let actions = Flags(rawValue: 16)
        /// Own changes in full too. Only 1.4; Nicira's `own` without it means the same.
        public static let noAbbreviation = Flags(rawValue: 32)
        /// Only own changes.
        public static let onlyOwn = Flags(rawValue: 64)
    }
    public enum Command: UInt8, Hashable, Sendable { case add = 0, modify, delete }

    public var id: UInt32
    public var command: Command
    public var flags: Flags
    public var filter: FlowFilter
    /// `filter`'s cookie is not asked for.
    public init(id: UInt32, command: Command = .add, flags: Flags = [], filter: FlowFilter) {
        self.id = id
        self.command = command
        self.flags = flags
        self.filter = filter
    }
}

/// One change that a flow monitor tells.
public enum FlowUpdate: Hashable, Sendable {
    public enum Event: UInt16, Hashable, Sendable { case initial = 0, added, removed, modified }
    /// Instructions are empty if they were not asked for.
    case full(Event, FlowDescription, reason: FlowRemoved.Reason?)
    /// Changes that the request `xid` of the same connection made.
    case abbreviated(xid: UInt32)
    /// 1.4 and later; before they are messages of their own.
    case paused
    case resumed
}

/// How Geneve options are matched as `tun_metadata<index>`: NXT_TLV_TABLE_*.
public struct TLVMapping: Hashable, Sendable {
    public var optionClass: UInt16
    public var type: UInt8
    /// Bytes, a multiple of 4 up to 124.
    public var byteCount: UInt8
    public var index: UInt16
    public init(optionClass: UInt16, type: UInt8, byteCount: UInt8, index: UInt16) {
        self.optionClass = optionClass
        self.type = type
        self.byteCount = byteCount
        self.index = index
    }
}

public struct TLVTableMod: Hashable, Sendable {
    public enum Command: UInt16, Hashable, Sendable { case add = 0, delete, clear }
    public var command: Command
    public var mappings: [TLVMapping]
    public init(_ command: Command, _ mappings: [TLVMapping] = []) {
        self.command = command
        self.mappings = mappings
    }
}

public struct TLVTable: Hashable, Sendable {
    public var maxByteCount: UInt32
    public var maxFields: UInt16
    public var mappings: [TLVMapping]
    public init(maxByteCount: UInt32, maxFields: UInt16, mappings: [TLVMapping] = []) {
        self.maxByteCount = maxByteCount
        self.maxFields = maxFields
        self.mappings = mappings
    }
}
