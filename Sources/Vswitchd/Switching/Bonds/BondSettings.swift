public import Packets
public import Timekeeping

// What an operator may say about a bond: conf.db(5), "Bonding Configuration".

extension Bond {
    /// How frames are spread over members (`bond_mode`).
    public enum Mode: String, Hashable, Sendable {
        /// All over one member; another takes its place when it fails.
        case activeBackup = "active-backup"
        /// By source address and VLAN; the other side need not know of it.
        case balanceSLB = "balance-slb"
        /// By addresses and ports of IP; the other side must agree, by LACP.
        case balanceTCP = "balance-tcp"
    }

    /// What LACP has come to.
    public enum LACPStatus: String, Hashable, Sendable { case off, configured, negotiated }

    public struct Settings: Hashable, Sendable {
        public var mode: Mode
        /// How long a link must be up before it is used; ignored while no member is.
        public var upDelay: Duration
        /// How long a link must be down before it is given up.
        public var downDelay: Duration
        /// How often load is spread anew, `BondLimits.shortestRebalanceInterval` at least; nil:
        /// never.
        public var rebalanceInterval: Duration?
        public var hashBasis: UInt32
        /// Name of the member that active-backup prefers.
        public var primary: String?
        /// Work as active-backup while LACP finds no partner.
        public var fallsBackToActiveBackup: Bool
        /// balance-slb takes multicast from every member.
        public var allMembersActive: Bool

        public init(
            mode: Mode = .activeBackup, upDelay: Duration = .zero, downDelay: Duration = .zero,
            rebalanceInterval: Duration? = BondLimits.rebalanceInterval, hashBasis: UInt32 = 0,
            primary: String? = nil, fallsBackToActiveBackup: Bool = false,
            allMembersActive: Bool = false
        ) {
            self.mode = mode
            self.upDelay = upDelay
            self.downDelay = downDelay
            self.rebalanceInterval = rebalanceInterval.map {
                max($0, BondLimits.shortestRebalanceInterval)
            }
            self.hashBasis = hashBasis
            self.primary = primary
            self.fallsBackToActiveBackup = fallsBackToActiveBackup
            self.allMembersActive = allMembersActive && mode == .balanceSLB
        }
    }

    /// A member as the configuration and the host know it.
    public struct MemberFacts: Hashable, Sendable {
        /// Its OpenFlow port: what the rest of the switch calls it.
        public var number: UInt16
        public var name: String
        public var address: MACAddress
        public var hasCarrier: Bool
        public init(number: UInt16, name: String, address: MACAddress, hasCarrier: Bool) {
            self.number = number
            self.name = name
            self.address = address
            self.hasCarrier = hasCarrier
        }
    }

    public struct Member: Hashable, Sendable {
        public internal(set) var facts: MemberFacts
        /// LACP, or whoever else watches the link, has nothing against it.
        public internal(set) var mayEnable = true
        /// Frames are sent by it.
        public internal(set) var isEnabled = false
        /// When `isEnabled` turns round, if the link stays as it is.
        public internal(set) var delayDeadline: Instant?

        public var number: UInt16 { facts.number }
        public var name: String { facts.name }
        /// What the link says; `isEnabled` follows after the delays.
        var isUp: Bool { facts.hasCarrier && mayEnable }
    }

    /// One of 256 shares of the traffic.
    public struct Bucket: Hashable, Sendable {
        /// The member that carries it; nil: the next frame chooses.
        public internal(set) var member: UInt16?
        /// Bytes sent, halved at each rebalancing.
        public internal(set) var byteCount: UInt64 = 0
    }

    /// Why a frame from a member is not taken in.
    public enum Refusal: String, Hashable, Sendable {
        case lacpNotNegotiated = "LACP has found no partner on this bond"
        case memberDisabled = "the member is disabled, its partner should not have sent by it"
        case needsLACP = "a balance-tcp bond takes nothing without LACP"
        case groupOnBackup = "multicast is taken from the bond's active member only"
        case backupMember = "the bond's active member is another one"
        case cameBack = "its source was learned on another port: the bond sent it, and it came back"
        case notAMember = "the port is no member of the bond"
    }

    public enum Verdict: Hashable, Sendable {
        case accept
        /// Accept unless its source address was learned on another port.
        case acceptUnlessMoved
        case drop(Refusal)
    }

    /// Why a command of an operator is not carried out; `text` is Open vSwitch's.
    public struct CommandError: Error, Hashable, Sendable {
        public var text: String
        init(_ text: String) { self.text = text }
    }
}

/// Bounds of bonds. Each has its reason beside it.
public enum BondLimits {
    /// As many as a hash's last octet has values.
    public static let buckets = 256
    /// `bond-rebalance-interval`'s default, conf.db(5).
    public static let rebalanceInterval = Duration.seconds(10)
    /// Where smaller intervals are forced to, conf.db(5): counters are that old themselves.
    public static let shortestRebalanceInterval = Duration.seconds(1)
    /// Rebalancing leaves differences of fewer bytes alone: they are noise.
    public static let smallOverload: UInt64 = 100_000
    /// Learning frames of one fail-over: beyond this they would themselves be the load. The other
    /// addresses are learned anew by the next frame of theirs.
    public static let learningFrames = 4096
    /// How long a gratuitous ARP that came by no bond keeps its reflections from being learned.
    public static let reflectionHold = Duration.seconds(5)
    /// `bond-miimon-interval`'s default, conf.db(5).
    public static let miimonInterval = Duration.milliseconds(200)
}
