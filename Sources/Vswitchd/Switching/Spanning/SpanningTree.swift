public import Packets
public import Timekeeping

// The spanning tree of a bridge, whichever protocol it speaks.

public enum SpanningTree: Sendable {
    case stp(STP)
    case rstp(RSTP)

    public enum Version: Hashable, Sendable { case stp, rstp }

    public init(_ version: Version, settings: SpanningSettings, now: Instant) {
        switch version {
        case .stp: self = .stp(STP(settings: settings, now: now))
        case .rstp: self = .rstp(RSTP(settings: settings, now: now))
        }
    }

    public var version: Version {
        switch self {
        case .stp: .stp
        case .rstp: .rstp
        }
    }

    public mutating func handle(_ events: [SpanningEvent], now: Instant) -> [SpanningEffect] {
        switch self {
        case .stp(var tree):
            let effects = tree.handle(events, now: now)
            self = .stp(tree)
            return effects
        case .rstp(var tree):
            let effects = tree.handle(events, now: now)
            self = .rstp(tree)
            return effects
        }
    }

    /// When to call with `.clockAdvanced` at the latest.
    public var deadline: Instant? {
        switch self {
        case .stp(let tree): tree.deadline
        case .rstp(let tree): tree.deadline
        }
    }

    public var settings: SpanningSettings {
        switch self {
        case .stp(let tree): tree.settings
        case .rstp(let tree): tree.settings
        }
    }

    public var root: BridgeIdentifier {
        switch self {
        case .stp(let tree): tree.root
        case .rstp(let tree): tree.root
        }
    }

    public var rootPathCost: UInt32 {
        switch self {
        case .stp(let tree): tree.rootPathCost
        case .rstp(let tree): tree.rootPathCost
        }
    }

    /// nil: this bridge is the root.
    public var rootPortName: String? {
        switch self {
        case .stp(let tree): tree.rootPortName
        case .rstp(let tree): tree.rootPortName
        }
    }

    public var timesInForce: SpanningTimes {
        switch self {
        case .stp(let tree): tree.timesInForce
        case .rstp(let tree): tree.timesInForce
        }
    }

    /// By ascending OpenFlow number.
    public var portStatuses: [SpanningPortStatus] {
        switch self {
        case .stp(let tree): tree.portStatuses
        case .rstp(let tree): tree.portStatuses
        }
    }

    public var topologyChanges: UInt64 {
        switch self {
        case .stp(let tree): tree.topologyChanges
        case .rstp(let tree): tree.topologyChanges
        }
    }
}
