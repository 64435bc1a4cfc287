public import Packets

// What OpenFlow says of a bridge's ports. Bits are those of OpenFlow 1.3, which 1.0's codec moves.

/// `struct ofp_port`. OpenFlow 1.0 §5.2.1, 1.3.5 §7.2.1.
public struct PortDescription: Hashable, Sendable {
    /// What an operator asked of the port (`OFPPC_*`).
    public struct Config: OptionSet, Hashable, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        public static let down = Config(rawValue: 1 << 0)
        /// Only in 1.0.
        public static let noSpanningTree = Config(rawValue: 1 << 1)
        public static let noReceive = Config(rawValue: 1 << 2)
        /// Only in 1.0.
        public static let noReceiveSpanningTree = Config(rawValue: 1 << 3)
        /// Only in 1.0.
        public static let noFlood = Config(rawValue: 1 << 4)
        public static let noForward = Config(rawValue: 1 << 5)
        public static let noPacketIn = Config(rawValue: 1 << 6)
    }

    /// What the switch sees of the port (`OFPPS_*`).
    public struct State: OptionSet, Hashable, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        public static let linkDown = State(rawValue: 1 << 0)
        /// Not in 1.0.
        public static let blocked = State(rawValue: 1 << 1)
        /// Not in 1.0.
        public static let live = State(rawValue: 1 << 2)
        /// Only in 1.0: two bits for what the spanning tree lets the port do; listening is 0.
        public static let spanningLearn = State(rawValue: 1 << 8)
        public static let spanningForward = State(rawValue: 2 << 8)
        public static let spanningBlock = State(rawValue: 3 << 8)
    }

    /// Link modes (`OFPPF_*`).
    public struct Features: OptionSet, Hashable, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        public static let megabit10Half = Features(rawValue: 1 << 0)
        public static let megabit10Full = Features(rawValue: 1 << 1)
        public static let megabit100Half = Features(rawValue: 1 << 2)
        public static let megabit100Full = Features(rawValue: 1 << 3)
        public static let gigabit1Half = Features(rawValue: 1 << 4)
        public static let gigabit1Full = Features(rawValue: 1 << 5)
        public static let gigabit10Full = Features(rawValue: 1 << 6)
        public static let gigabit40Full = Features(rawValue: 1 << 7)
        public static let gigabit100Full = Features(rawValue: 1 << 8)
        public static let terabit1Full = Features(rawValue: 1 << 9)
        public static let other = Features(rawValue: 1 << 10)
        public static let copper = Features(rawValue: 1 << 11)
        public static let fiber = Features(rawValue: 1 << 12)
        public static let autonegotiation = Features(rawValue: 1 << 13)
        public static let pause = Features(rawValue: 1 << 14)
        public static let asymmetricPause = Features(rawValue: 1 << 15)
    }

    public var number: PortNumber
    public var address: MACAddress
    /// 1 to 15 bytes; longer names are cut on the wire.
    public var name: String
    public var config: Config
    public var state: State
    public var current: Features
    public var advertised: Features
    public var supported: Features
    public var peer: Features
    /// Kilobits per second; 0 = unknown. Not in 1.0.
    public var currentSpeedKilobits: UInt32
    public var maxSpeedKilobits: UInt32

    public init(
        number: PortNumber, address: MACAddress, name: String, config: Config = [],
        state: State = [], current: Features = [], advertised: Features = [],
        supported: Features = [], peer: Features = [], currentSpeedKilobits: UInt32 = 0,
        maxSpeedKilobits: UInt32 = 0
    ) {
        self.number = number
        self.address = address
        self.name = name
        self.config = config
        self.state = state
        self.current = current
        self.advertised = advertised
        self.supported = supported
        self.peer = peer
        self.currentSpeedKilobits = currentSpeedKilobits
        self.maxSpeedKilobits = maxSpeedKilobits
    }
}

/// `struct ofp_port_stats`. A counter that the switch does not keep is `unknown`.
public struct PortStatistics: Hashable, Sendable {
    public static let unknown = UInt64.max

    public var port: PortNumber
    public var rxPackets: UInt64 = unknown
    public var txPackets: UInt64 = unknown
    public var rxBytes: UInt64 = unknown
    public var txBytes: UInt64 = unknown
    public var rxDropped: UInt64 = unknown
    public var txDropped: UInt64 = unknown
    public var rxErrors: UInt64 = unknown
    public var txErrors: UInt64 = unknown
    public var rxFrameErrors: UInt64 = unknown
    public var rxOverruns: UInt64 = unknown
    public var rxChecksumErrors: UInt64 = unknown
    public var collisions: UInt64 = unknown
    /// How long the port has been there; nil if not told. Not in 1.0.
    public var durationNanoseconds: UInt64?
    public init(port: PortNumber) { self.port = port }
}

/// OFPT_PORT_STATUS.
public struct PortStatus: Hashable, Sendable {
    public enum Reason: UInt8, Hashable, Sendable { case add = 0, delete, modify }
    public var reason: Reason
    public var port: PortDescription
    public init(reason: Reason, port: PortDescription) {
        self.reason = reason
        self.port = port
    }
}

/// OFPT_PORT_MOD: changes the bits `mask` of a port's configuration.
public struct PortMod: Hashable, Sendable {
    public var port: PortNumber
    /// Must be the port's own, as a safeguard.
    public var address: MACAddress
    public var config: PortDescription.Config
    public var mask: PortDescription.Config
    public var advertise: PortDescription.Features
    public init(
        port: PortNumber, address: MACAddress, config: PortDescription.Config,
        mask: PortDescription.Config, advertise: PortDescription.Features = []
    ) {
        self.port = port
        self.address = address
        self.config = config
        self.mask = mask
        self.advertise = advertise
    }
}

/// `struct ofp_queue_stats`.
public struct QueueStatistics: Hashable, Sendable {
    public var port: PortNumber
    public var queue: UInt32
    public var txBytes: UInt64
    public var txPackets: UInt64
    public var txErrors: UInt64
    /// How long the queue has been there, from OpenFlow 1.3 on; nil if unknown.
    public var durationNanoseconds: UInt64?
    public init(
        port: PortNumber, queue: UInt32, txBytes: UInt64, txPackets: UInt64, txErrors: UInt64,
        durationNanoseconds: UInt64? = nil
    ) {
        self.durationNanoseconds = durationNanoseconds
        self.port = port
        self.queue = queue
        self.txBytes = txBytes
        self.txPackets = txPackets
        self.txErrors = txErrors
    }
}
