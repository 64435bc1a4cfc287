public import Packets

// The words that both spanning trees, the old and the rapid one, are spoken to in.
//
//     settings, links, BPDUs, time ──> STP or RSTP ──> BPDUs to send; what ports may do;
//                                                      which learned addresses no longer hold
//
// Both are the same to the rest of the switch: they say of each port whether it may learn and
// forward. How they come to it stands in `STP` and `RSTP`.

/// What a spanning tree lets a port do.
public enum SpanningState: Hashable, Sendable {
    /// The link is down, so that the port takes no part.
    case disabled
    /// Only BPDUs are received (802.1D-1998 §8.4).
    case blocking
    /// Like blocking, but on the way to forwarding (802.1D-1998 §8.4).
    case listening
    /// What the rapid protocol calls both of the above (802.1D-2004 §17.5).
    case discarding
    case learning
    case forwarding

    public var learns: Bool { self == .learning || self == .forwarding }
    public var forwards: Bool { self == .forwarding }
}

/// What a port is to the tree. 802.1D-2004 §17.7; the old protocol's "blocking" is `.alternate`.
public enum SpanningRole: Hashable, Sendable {
    case disabled, root, designated, alternate, backup
}

/// The times of Table 17-1 and 802.1D-1998 Table 8-3, in units of 1/256 s as BPDUs carry them.
public struct SpanningTimes: Hashable, Sendable {
    public var messageAge: UInt16
    public var maxAge: UInt16
    public var helloTime: UInt16
    public var forwardDelay: UInt16

    /// - Parameters: In whole seconds.
    public init(
        messageAge: UInt16 = 0, maxAge: UInt16 = 20, helloTime: UInt16 = 2,
        forwardDelay: UInt16 = 15
    ) {
        self.messageAge = messageAge &* 256
        self.maxAge = maxAge &* 256
        self.helloTime = helloTime &* 256
        self.forwardDelay = forwardDelay &* 256
    }

    /// The times of a BPDU, forced into the ranges of the standard: nobody on the wire may ask us
    /// to forward sooner, or to remember for longer, than a bridge can be set to.
    init(_ message: BPDU.Message) {
        messageAge = message.messageAge
        maxAge = min(max(message.maxAge, 6 * 256), 40 * 256)
        helloTime = min(max(message.helloTime, 256), 10 * 256)
        forwardDelay = min(max(message.forwardDelay, 2 * 256), 30 * 256)
    }

    /// Whole seconds of `units`, rounded up.
    static func seconds(_ units: UInt16) -> Int { (Int(units) + 255) / 256 }
}

/// What an operator sets of a bridge.
public struct SpanningSettings: Hashable, Sendable {
    public var identifier: BridgeIdentifier
    public var times: SpanningTimes
    /// False: the rapid protocol speaks as the old one (`Force Protocol Version` 0, §17.13.4).
    public var isRapid: Bool
    /// BPDUs that a port sends in one second (§17.13.12).
    public var transmitHoldCount: Int

    public init(
        identifier: BridgeIdentifier, times: SpanningTimes = .init(), isRapid: Bool = true,
        transmitHoldCount: Int = 6
    ) {
        self.identifier = identifier
        self.times = times
        self.isRapid = isRapid
        self.transmitHoldCount = transmitHoldCount
    }
}

/// What an operator sets of a port.
public struct SpanningPortSettings: Hashable, Sendable {
    /// Its OpenFlow port: what the rest of the switch calls it.
    public var number: UInt16
    public var name: String
    /// The priority in the high bits, its number in the tree in the low ones (§9.2.7).
    public var portID: UInt16
    public var pathCost: UInt32
    /// No bridge is expected behind it: it forwards at once (§17.13.1).
    public var adminEdge = false
    /// It finds out by itself whether a bridge is behind it (§17.13.3).
    public var autoEdge = true
    /// When this becomes true the port asks once more for neighbours that speak the rapid
    /// protocol (§17.19.13).
    public var mcheck = false
    /// Exactly one bridge is behind it (§6.4.3): only then an agreement is worth anything.
    public var isPointToPoint = true

    public init(number: UInt16, name: String, portID: UInt16, pathCost: UInt32) {
        self.number = number
        self.name = name
        self.portID = portID
        self.pathCost = pathCost
    }
}

public enum SpanningEvent: Hashable, Sendable {
    case settings(SpanningSettings)
    /// All ports there are now.
    case ports([SpanningPortSettings])
    /// Whether frames can pass; a port that was not told of is down.
    case link(port: UInt16, isUp: Bool)
    case received(port: UInt16, BPDU)
    /// A frame to the bridges' group that could not be read.
    case receivedMalformed(port: UInt16)
    /// An operator wants everybody to learn anew.
    case topologyChangeRequested
    case clockAdvanced
}

public enum SpanningEffect: Hashable, Sendable {
    case transmit(port: UInt16, BPDU)
    /// What was learned on the one port is true of the other now. Comes before the states.
    case moveAddresses(from: UInt16, to: UInt16)
    case state(port: UInt16, SpanningState)
    /// What was learned on the port need not be true any more.
    case flush(port: UInt16)
    /// The same of all ports.
    case flushAll
}

/// What can be seen of a port from outside.
public struct SpanningPortStatus: Hashable, Sendable {
    public var settings: SpanningPortSettings
    public var role: SpanningRole
    public var state: SpanningState
    /// Who is designated for its link, and what that one says.
    public var designatedBridge: BridgeIdentifier
    public var designatedPort: UInt16
    public var designatedCost: UInt32
    public var counters: SpanningCounters
}

/// BPDUs of a port.
public struct SpanningCounters: Hashable, Sendable {
    public var sent: UInt64 = 0
    public var received: UInt64 = 0
    public var malformed: UInt64 = 0
    public init() {}
}

/// Bounds of spanning trees.
public enum SpanningLimits {
    /// A port's number in the old tree has 8 bits (802.1D-1998 §9.2.7).
    public static let stpPorts = 255
    /// And 12 in the rapid one (802.1D-2004 §9.2.7).
    public static let rstpPorts = 4095
    /// Rounds of all machines of a bridge until none has anything to do. The standard's machines
    /// come to rest after a few; more than this is an error of ours.
    static let machineRounds = 200
}
