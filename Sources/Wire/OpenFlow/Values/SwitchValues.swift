// What OpenFlow says of the switch as a whole and of its tables.

/// OFPT_FEATURES_REPLY. OpenFlow 1.0 §5.3.1, 1.3.5 §7.3.1.
public struct SwitchFeatures: Hashable, Sendable {
    /// `OFPC_*`.
    public struct Capabilities: OptionSet, Hashable, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        public static let flowStatistics = Capabilities(rawValue: 1 << 0)
        public static let tableStatistics = Capabilities(rawValue: 1 << 1)
        public static let portStatistics = Capabilities(rawValue: 1 << 2)
        /// Not in 1.0, whose bit 3 means spanning tree.
        public static let groupStatistics = Capabilities(rawValue: 1 << 3)
        public static let reassembly = Capabilities(rawValue: 1 << 5)
        public static let queueStatistics = Capabilities(rawValue: 1 << 6)
        /// Only in 1.0.
        public static let matchesARPAddresses = Capabilities(rawValue: 1 << 7)
        /// Not in 1.0.
        public static let portBlocked = Capabilities(rawValue: 1 << 8)
        /// From 1.4 on.
        public static let bundles = Capabilities(rawValue: 1 << 9)
    }

    public var datapathID: UInt64
    /// Packets that the switch can hold for a controller.
    public var buffers: UInt32
    public var tables: UInt8
    public var auxiliaryID: UInt8
    public var capabilities: Capabilities
    /// Bits of 1.0's action types; 0 in later versions.
    public var actions: UInt32
    /// Only in 1.0; later versions ask by PORT_DESC.
    public var ports: [PortDescription]

    /// The twelve actions of OpenFlow 1.0.
    public static let allActions10: UInt32 = 0xfff

    public init(
        datapathID: UInt64, buffers: UInt32 = 0, tables: UInt8, auxiliaryID: UInt8 = 0,
        capabilities: Capabilities, actions: UInt32 = 0, ports: [PortDescription] = []
    ) {
        self.datapathID = datapathID
        self.buffers = buffers
        self.tables = tables
        self.auxiliaryID = auxiliaryID
        self.capabilities = capabilities
        self.actions = actions
        self.ports = ports
    }
}

/// OFPT_GET_CONFIG_REPLY and OFPT_SET_CONFIG.
public struct SwitchConfig: Hashable, Sendable {
    /// What to do with fragments (`OFPC_FRAG_*`): 0 normal, 1 drop, 2 reassemble, 3 Nicira's match.
    public var fragments: UInt16
    /// Bytes of a packet that no rule matched to send to the controller.
    public var missSendLength: UInt16
    public init(fragments: UInt16 = 0, missSendLength: UInt16 = 0) {
        self.fragments = fragments
        self.missSendLength = missSendLength
    }
}

/// OFPST_DESC.
public struct SwitchDescription: Hashable, Sendable {
    /// Each up to 255 bytes, the serial number 31; longer ones are cut on the wire.
    public var manufacturer: String
    public var hardware: String
    public var software: String
    public var serialNumber: String
    public var datapath: String
    public init(
        manufacturer: String, hardware: String, software: String, serialNumber: String,
        datapath: String
    ) {
        self.manufacturer = manufacturer
        self.hardware = hardware
        self.software = software
        self.serialNumber = serialNumber
        self.datapath = datapath
    }
}

/// OFPST_AGGREGATE.
public struct AggregateStatistics: Hashable, Sendable {
    public var packets: UInt64
    public var bytes: UInt64
    public var flows: UInt32
    public init(packets: UInt64, bytes: UInt64, flows: UInt32) {
        self.packets = packets
        self.bytes = bytes
        self.flows = flows
    }
}

/// OFPST_TABLE.
public struct TableStatistics: Hashable, Sendable {
    public var table: UInt8
    /// Up to 31 bytes, `maxEntries` and `wildcards` (`OFPFW_*`): only in 1.0.
    public var name: String
    public var wildcards: UInt32
    public var maxEntries: UInt32
    public var activeEntries: UInt32
    public var lookups: UInt64
    public var matches: UInt64

    /// All of 1.0's fields may be wildcarded.
    public static let allWildcards10: UInt32 = 0x3f_ffff

    public init(
        table: UInt8, name: String = "", wildcards: UInt32 = allWildcards10,
        maxEntries: UInt32 = 1_000_000, activeEntries: UInt32, lookups: UInt64, matches: UInt64
    ) {
        self.table = table
        self.name = name
        self.wildcards = wildcards
        self.maxEntries = maxEntries
        self.activeEntries = activeEntries
        self.lookups = lookups
        self.matches = matches
    }
}

/// One table of OFPMP_TABLE_FEATURES (1.3.5 §7.3.5.5). What the tables can match and do is the
/// same for all tables and follows from the field table, so that the codec writes it itself.
public struct TableFeatures: Hashable, Sendable {
    public var table: UInt8
    /// Up to 31 bytes.
    public var name: String
    public var maxEntries: UInt32
    /// How many tables the switch has: `goto_table` reaches those after this one.
    public var tableCount: UInt8
    public init(table: UInt8, name: String, maxEntries: UInt32, tableCount: UInt8) {
        self.table = table
        self.name = name
        self.maxEntries = maxEntries
        self.tableCount = tableCount
    }
}

/// What a connection may do (1.3.5 §6.3.6, NXT_ROLE_REQUEST).
public struct RoleRequest: Hashable, Sendable {
    public enum Role: UInt32, Hashable, Sendable { case noChange = 0, equal, primary, secondary }
    public var role: Role
    /// Counts elections; nil where the version does not carry it (1.0).
    public var generation: UInt64?
    public init(role: Role, generation: UInt64? = nil) {
        self.role = role
        self.generation = generation
    }
}

/// Which messages a controller wants without asking, one bit per reason; index 0 for a primary or
/// equal connection, 1 for a secondary one (1.3.5 §7.3.10, NXT_SET_ASYNC_CONFIG).
public struct AsyncConfig: Hashable, Sendable {
    public var packetIn: [UInt32]
    public var portStatus: [UInt32]
    public var flowRemoved: [UInt32]
    /// These three only in 1.4 and later.
    public var roleStatus: [UInt32]
    public var tableStatus: [UInt32]
    public var requestForward: [UInt32]
    /// Each array must have two elements: others are cut or filled with 0 on the wire.
    public init(
        packetIn: [UInt32], portStatus: [UInt32], flowRemoved: [UInt32],
        roleStatus: [UInt32] = [0, 0], tableStatus: [UInt32] = [0, 0],
        requestForward: [UInt32] = [0, 0]
    ) {
        self.roleStatus = roleStatus
        self.tableStatus = tableStatus
        self.requestForward = requestForward
        self.packetIn = packetIn
        self.portStatus = portStatus
        self.flowRemoved = flowRemoved
    }
}

/// How packet-ins are written: as the version does, or NXT_PACKET_IN, or NXT_PACKET_IN2.
public enum PacketInFormat: UInt32, Hashable, Sendable { case standard = 0, nicira, nicira2 }
