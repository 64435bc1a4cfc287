public import Flows
public import Packets

// Arguments of those actions that have more than one or two.

/// A field of which the bits `mask` are meant; nothing is said of their value.
public struct SelectedField: Hashable, Sendable {
    public var field: FlowField
    public var mask: FieldValue
    public init(_ field: FlowField, mask: FieldValue? = nil) {
        self.field = field
        self.mask = mask ?? field.exactMask
    }
}

/// Which fields of a packet `multipath` and `bundle` hash. `NX_HASH_FIELDS_*`.
public enum HashFields: UInt16, Hashable, Sendable, CaseIterable {
    case ethSrc = 0, symmetricL4, symmetricL3L4, symmetricL3L4UDP, nwSrc, nwDst, symmetricL3
}

/// `NXAST_MULTIPATH`: hashes fields and writes the number of the chosen link, 0 to `maxLink`.
public struct MultipathAction: Hashable, Sendable {
    /// `NX_MP_ALG_*`.
    public enum Algorithm: UInt16, Hashable, Sendable, CaseIterable {
        case moduloN = 0, hashThreshold, highestRandomWeight, iterativeHash
    }
    public var fields: HashFields
    public var basis: UInt16
    public var algorithm: Algorithm
    public var maxLink: UInt16
    public var argument: UInt32
    public var destination: FieldRange
    public init(
        fields: HashFields, basis: UInt16, algorithm: Algorithm, maxLink: UInt16,
        argument: UInt32, destination: FieldRange
    ) {
        self.fields = fields
        self.basis = basis
        self.algorithm = algorithm
        self.maxLink = maxLink
        self.argument = argument
        self.destination = destination
    }
}

/// `NXAST_BUNDLE` and `NXAST_BUNDLE_LOAD`: chooses one of the ports that live.
public struct BundleAction: Hashable, Sendable {
    /// `NX_BD_ALG_*`.
    public enum Algorithm: UInt16, Hashable, Sendable, CaseIterable {
        case activeBackup = 0, highestRandomWeight
    }
    public var fields: HashFields
    public var basis: UInt16
    public var algorithm: Algorithm
    public var members: [PortNumber]
    /// Where the number of the port is written; nil: the packet is sent there.
    public var destination: FieldRange?
    public init(
        fields: HashFields, basis: UInt16, algorithm: Algorithm, members: [PortNumber],
        destination: FieldRange? = nil
    ) {
        self.fields = fields
        self.basis = basis
        self.algorithm = algorithm
        self.members = members
        self.destination = destination
    }
}

/// `NXAST_SAMPLE` and its followers: a share of packets is told to IPFIX collectors.
public struct SampleAction: Hashable, Sendable {
    public enum Direction: UInt8, Hashable, Sendable { case unsaid = 0, ingress, egress }
    /// Of 65,535 packets; at least 1.
    public var probability: UInt16
    public var collectorSet: UInt32
    public var observationDomain: UInt32
    public var observationPoint: UInt32
    /// nil: not said (`NXAST_SAMPLE`).
    public var samplingPort: PortNumber?
    public var direction: Direction
    public init(
        probability: UInt16, collectorSet: UInt32 = 0, observationDomain: UInt32 = 0,
        observationPoint: UInt32 = 0, samplingPort: PortNumber? = nil,
        direction: Direction = .unsaid
    ) {
        self.probability = probability
        self.collectorSet = collectorSet
        self.observationDomain = observationDomain
        self.observationPoint = observationPoint
        self.samplingPort = samplingPort
        self.direction = direction
    }
}

/// `NXAST_CT`: through connection tracking, and on in `table`.
public struct ConntrackAction: Hashable, Sendable {
    public enum Zone: Hashable, Sendable {
        case number(UInt16)
        case field(FieldRange)
    }
    public var commits: Bool
    public var forces: Bool
    public var zone: Zone
    /// nil: the packet is not looked up again.
    public var table: UInt8?
    /// Port of the protocol whose helper is asked for (21 = FTP, 69 = TFTP), 0 = none.
    public var helper: UInt16
    /// `nat` and writes of `ct_mark` and `ct_label`.
    public var actions: [Action]
    public init(
        commits: Bool = false, forces: Bool = false, zone: Zone = .number(0), table: UInt8? = nil,
        helper: UInt16 = 0, actions: [Action] = []
    ) {
        self.commits = commits
        self.forces = forces
        self.zone = zone
        self.table = table
        self.helper = helper
        self.actions = actions
    }
}

/// `NXAST_NAT`.
public struct NATAction: Hashable, Sendable {
    public enum Direction: Hashable, Sendable { case none, source, destination }
    public enum Addresses: Hashable, Sendable {
        case none
        case ipv4(IPv4Address, IPv4Address?)
        case ipv6(IPv6Address, IPv6Address?)
    }
    public enum Choice: Hashable, Sendable { case unsaid, hash, random }
    public var direction: Direction
    public var isPersistent: Bool
    public var choice: Choice
    /// From and to; no second one: that one alone.
    public var addresses: Addresses
    /// nil: not said; an upper end of nil: that one alone.
    public var firstPort: UInt16?
    public var lastPort: UInt16?
    public init(
        direction: Direction = .none, isPersistent: Bool = false, choice: Choice = .unsaid,
        addresses: Addresses = .none, firstPort: UInt16? = nil, lastPort: UInt16? = nil
    ) {
        self.direction = direction
        self.isPersistent = isPersistent
        self.choice = choice
        self.addresses = addresses
        self.firstPort = firstPort
        self.lastPort = lastPort
    }
}

/// A packet type (1.5 §7.2.3.11): name space in the high half, type in the low one.
public struct PacketType: Hashable, Sendable {
    public var rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// The packet type that an Ethernet type stands for.
    public init(ethType: UInt16) { rawValue = 1 << 16 | UInt32(ethType) }
    public static let ethernet = PacketType(rawValue: 0)
    public static let networkServiceHeader = PacketType(ethType: 0x894f)
    public static let mpls = PacketType(ethType: 0x8847)
    public static let mplsMulticast = PacketType(ethType: 0x8848)
    /// In `decap`: whatever follows from the header that goes.
    public static let following = PacketType(rawValue: 0xfffe)
}

/// `NXAST_ENCAP`.
public struct EncapAction: Hashable, Sendable {
    public struct Property: Hashable, Sendable {
        /// 4 = NSH.
        public var propertyClass: UInt16
        public var type: UInt8
        public var bytes: [UInt8]
        public init(propertyClass: UInt16, type: UInt8, bytes: [UInt8]) {
            self.propertyClass = propertyClass
            self.type = type
            self.bytes = bytes
        }
    }
    public var packetType: PacketType
    public var properties: [Property]
    public init(_ packetType: PacketType, properties: [Property] = []) {
        self.packetType = packetType
        self.properties = properties
    }
}
