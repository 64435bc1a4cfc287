// Groups: lists of buckets, of which the type says how many a packet goes through.

/// Numbers of groups and buckets that stand for something other than one of them.
public enum GroupNumber {
    /// The largest number of a group (`OFPG_MAX`).
    public static let largest: UInt32 = 0xffff_ff00
    /// Every group, in delete and statistics (`OFPG_ALL`).
    public static let all: UInt32 = 0xffff_fffc
    /// No group, "do not filter" (`OFPG_ANY`).
    public static let any: UInt32 = 0xffff_ffff
}

/// `OFPGT_*`. OpenFlow 1.3.5 §6.5.
public enum GroupType: UInt8, Hashable, Sendable, CaseIterable {
    case all = 0, select, indirect, fastFailover
}

/// One bucket: what happens to the packet, or copy of it, that goes through.
public struct Bucket: Hashable, Sendable {
    /// 1.5: chosen by the controller, 0 to `largestID`. Earlier versions have none: a decoder
    /// leaves nil, and whoever keeps the group numbers them in order from 0.
    public var id: UInt32?
    /// Share of a select group's packets.
    public var weight: UInt16
    /// The bucket of a fast-failover group lives while this port does; nil: does not ask.
    public var watchPort: PortNumber?
    /// The same of a group.
    public var watchGroup: UInt32?
    /// Carried out as an action set (1.3.5 §5.10).
    public var actions: [Action]

    /// The largest id of a bucket (`OFPG_BUCKET_MAX`).
    public static let largestID: UInt32 = 0xffff_ff00

    public init(
        id: UInt32? = nil, weight: UInt16 = 0, watchPort: PortNumber? = nil,
        watchGroup: UInt32? = nil, actions: [Action] = []
    ) {
        self.id = id
        self.weight = weight
        self.watchPort = watchPort
        self.watchGroup = watchGroup
        self.actions = actions
    }
}

/// How a select group chooses (Netronome's extension, NTR_SELECTION_METHOD; empty: the switch's
/// own choice).
public struct GroupSelection: Hashable, Sendable {
    /// `hash`, `dp_hash`, or empty; at most 15 bytes.
    public var method: String
    public var parameter: UInt64
    /// The fields that are hashed, with masks: as conditions whose masks count and whose values do
    /// not (they are zero).
    public var fields: [SelectedField]

    public init(method: String = "", parameter: UInt64 = 0, fields: [SelectedField] = []) {
        self.method = method
        self.parameter = parameter
        self.fields = fields
    }
}

/// OFPT_GROUP_MOD.
public struct GroupMod: Hashable, Sendable {
    /// The raw values are the numbers on the wire. `addOrModify` is Open vSwitch's own; the two of
    /// buckets are 1.5's, which Open vSwitch writes in earlier versions too.
    public enum Command: UInt16, Hashable, Sendable {
        case add = 0, modify = 1, delete = 2, insertBucket = 3, removeBucket = 5
        case addOrModify = 0x8000
    }
    /// Which bucket `insertBucket` inserts behind and `removeBucket` removes.
    public enum CommandBucket: Hashable, Sendable {
        case id(UInt32)
        case first, last, all
    }

    public var command: Command
    public var type: GroupType
    /// `GroupNumber.all` only for delete.
    public var group: UInt32
    public var buckets: [Bucket]
    /// Only with the two commands about buckets.
    public var commandBucket: CommandBucket
    public var selection: GroupSelection

    public init(
        command: Command, type: GroupType = .all, group: UInt32, buckets: [Bucket] = [],
        commandBucket: CommandBucket = .all, selection: GroupSelection = GroupSelection()
    ) {
        self.command = command
        self.type = type
        self.group = group
        self.buckets = buckets
        self.commandBucket = commandBucket
        self.selection = selection
    }
}

/// OFPMP_GROUP_DESC: a group as it stands.
public struct GroupDescription: Hashable, Sendable {
    public var group: UInt32
    public var type: GroupType
    public var buckets: [Bucket]
    public var selection: GroupSelection

    public init(
        group: UInt32, type: GroupType, buckets: [Bucket],
        selection: GroupSelection = GroupSelection()
    ) {
        self.group = group
        self.type = type
        self.buckets = buckets
        self.selection = selection
    }
}

/// OFPMP_GROUP: a group's counters.
public struct GroupStatistics: Hashable, Sendable {
    public struct Count: Hashable, Sendable {
        public var packets: UInt64
        public var bytes: UInt64
        public init(packets: UInt64 = 0, bytes: UInt64 = 0) {
            self.packets = packets
            self.bytes = bytes
        }
    }
    public var group: UInt32
    /// Rules and groups that send to it.
    public var referenceCount: UInt32
    public var total: Count
    /// In the order of the group's buckets.
    public var buckets: [Count]
    public var durationNanoseconds: UInt64

    public init(
        group: UInt32, referenceCount: UInt32 = 0, total: Count = Count(), buckets: [Count] = [],
        durationNanoseconds: UInt64 = 0
    ) {
        self.group = group
        self.referenceCount = referenceCount
        self.total = total
        self.buckets = buckets
        self.durationNanoseconds = durationNanoseconds
    }
}

/// OFPMP_GROUP_FEATURES. Arrays have one element for each `GroupType`, in order.
public struct GroupFeatures: Hashable, Sendable {
    /// `1 << GroupType.rawValue` each.
    public var types: UInt32
    /// `OFPGFC_*`: 1 weights, 2 liveness, 4 chaining, 8 chaining checks.
    public var capabilities: UInt32
    public var maxGroups: [UInt32]
    /// `1 << OFPAT_*` of 1.3 each.
    public var actions: [UInt32]

    public init(types: UInt32, capabilities: UInt32, maxGroups: [UInt32], actions: [UInt32]) {
        self.types = types
        self.capabilities = capabilities
        self.maxGroups = maxGroups
        self.actions = actions
    }
}
