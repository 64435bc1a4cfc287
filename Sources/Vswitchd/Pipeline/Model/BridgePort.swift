public import OpenFlow
public import Switching

// A port of a bridge, as OpenFlow numbers it.

/// Where an OpenFlow port leads, and what it may do.
public struct BridgePort: Hashable, Sendable {
    public enum Attachment: Hashable, Sendable {
        /// A port of the datapath.
        case datapath(UInt32)
        /// A patch port; its peer is OpenFlow port `port` of bridge `bridge`.
        case patch(bridge: Int, port: PortNumber)
        /// A patch port without a peer, or an interface that the datapath does not have.
        case nowhere
    }

    /// `OFPPC_*`, with the bits of OpenFlow 1.0 §5.2.1 (1.3 has the same ones of these).
    public struct Config: OptionSet, Hashable, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        /// Neither receives nor sends.
        public static let portDown = Config(rawValue: 1 << 0)
        /// Drops what it receives.
        public static let noReceive = Config(rawValue: 1 << 2)
        /// Is left out of floods.
        public static let noFlood = Config(rawValue: 1 << 4)
        /// Drops what is to be sent by it.
        public static let noForward = Config(rawValue: 1 << 5)
        /// Sends no packet-in for packets that no rule matches.
        public static let noPacketIn = Config(rawValue: 1 << 6)
    }

    public var number: PortNumber
    public var name: String
    public var attachment: Attachment
    public var config: Config
    /// What the bridge's spanning tree lets it do; nil: it takes no part in one, and does all.
    public var spanning: SpanningState?
    /// Whether what is sent there may arrive: what watched buckets and bundles ask.
    public var isLive: Bool
    /// LLDP's units that it receives are for the switch itself.
    public var readsLLDP = false

    public init(
        number: PortNumber, name: String, attachment: Attachment, config: Config = [],
        spanning: SpanningState? = nil, isLive: Bool = true
    ) {
        self.isLive = isLive
        self.number = number
        self.name = name
        self.attachment = attachment
        self.config = config
        self.spanning = spanning
    }

    var learns: Bool { spanning?.learns ?? true }
    var forwards: Bool { spanning?.forwards ?? true }
}
