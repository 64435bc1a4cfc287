public import OpenFlow
public import Switching
public import Timekeeping

// All bridges of one datapath, as translation sees them.

/// An OpenFlow port of a bridge.
public struct BridgePort: Hashable, Sendable {
    public enum Attachment: Hashable, Sendable {
        /// A port of the datapath.
        case datapath(UInt32)
        /// A patch port; its peer is OpenFlow port `port` of bridge `bridge`.
        case patch(bridge: Int, port: PortNumber)
        /// A patch port without a peer, or a port that the datapath does not have.
        case nowhere
    }
    /// `OFPPC_*` with the bits of OpenFlow 1.0.
    public struct Config: OptionSet, Hashable, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        public static let portDown = Config(rawValue: 1 << 0)
        public static let noReceive = Config(rawValue: 1 << 2)
        public static let noFlood = Config(rawValue: 1 << 4)
        public static let noForward = Config(rawValue: 1 << 5)
        public static let noPacketIn = Config(rawValue: 1 << 6)
    }

    public var number: PortNumber
    public var name: String
    public var attachment: Attachment
    public var config: Config
    public init(
        number: PortNumber, name: String, attachment: Attachment, config: Config = []
    ) {
        self.number = number
        self.name = name
        self.attachment = attachment
        self.config = config
    }
}

/// A bridge as translation sees it.
public struct ForwardingBridge: Sendable {
    public var name: String
    public var tables: FlowTables
    public var macTable: MACTable
    public var normal = NormalSwitch()
    /// A packet that no rule matches goes to the controller: some controller speaks OpenFlow 1.0
    /// to 1.2.
    public var sendsMissesToController = false
    /// False: every packet is dropped as `.bridgeNotReady`.
    public var isReady = true
    /// In ascending order of number. Changed with `ForwardingModel.setPort`.
    public internal(set) var ports: [BridgePort] = []

    public init(name: String, tables: FlowTables = .init(), macTable: MACTable = .init()) {
        self.name = name
        self.tables = tables
        self.macTable = macTable
    }

    public func port(_ number: PortNumber) -> BridgePort? { nil }
}

/// All bridges that share one datapath, each under a small index that stays its own.
public struct ForwardingModel: Sendable {
    public init() {}

    /// Adds a bridge at the lowest free index.
    public mutating func addBridge(_ bridge: ForwardingBridge) -> Int { 0 }
    /// Its ports go with it. Nothing happens if there is none.
    public mutating func removeBridge(_ index: Int) {}
    /// Indices in use, ascending.
    public var bridgeIndices: [Int] { [] }
    /// Traps if there is no bridge at `index`.
    public subscript(bridge index: Int) -> ForwardingBridge {
        get { fatalError("no bridge") }
        set {}
    }
    /// Adds a port, or replaces the one with the same number.
    public mutating func setPort(_ port: BridgePort, bridge index: Int) {}
    public mutating func removePort(_ number: PortNumber, bridge index: Int) {}
    /// Whose port a datapath port is.
    public func owner(ofDatapathPort port: UInt32) -> (bridge: Int, port: PortNumber)? { nil }
    /// Grows whenever any translation may come out differently, but for MAC tables, which say more
    /// precisely what changed (`MACTable.takeChanges`).
    public var generation: UInt64 { 0 }

    /// Applies what translations want to have learned. Returns how many could not be, because a
    /// table was full or a rule invalid.
    @discardableResult
    public mutating func apply(_ effects: [TranslationEffect], now: Instant) -> Int { 0 }

    /// Credits packets to every rule that a translation touched.
    public mutating func credit(
        _ rules: [RuleReference], packets: UInt64, bytes: UInt64, usedAt: Instant
    ) {}
}
