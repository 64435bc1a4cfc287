internal import DatabaseProtocol
internal import OpenFlow
internal import Timekeeping

// One byte stream that speaks OpenFlow with a bridge.
//
//     opened ──our HELLO──> greeting ──their HELLO──> talking <──> held
//
// A session is *held* while a request waits for something: a barrier for its changes to be in
// force, statistics for fresh counters. Messages behind it stay unread in `framing`, so that every
// peer sees its requests carried out in the order in which it sent them.
//
// It is a class: each message looks at its session a dozen times, and each look at a value of a
// dozen references would count them all.

final class OpenFlowSession {
    enum Kind: Equatable {
        /// A tool on `<bridge>.mgmt`, or a controller that connected to us: it is sent nothing
        /// without having asked.
        case service
        /// A controller that we connected to.
        case controller(UUIDValue)
        /// Listens on `<bridge>.snoop` and says nothing.
        case snoop
    }

    enum Phase: Equatable {
        /// A connection of ours that is not up yet.
        case connecting
        case greeting
        case talking
    }

    /// A request that waits, and for what.
    enum Hold {
        /// Until every cached flow was checked against `generation`.
        case recheck(xid: UInt32, generation: UInt64)
        /// Until the datapath has answered everything up to `sequence`.
        case datapath(xid: UInt32, sequence: UInt32)
        /// Until dump `dump` of the flows is complete.
        case flowCounters(xid: UInt32, StatisticsRequest, dump: UInt64)
        /// Until dump `dump` of the ports is complete.
        case portCounters(xid: UInt32, StatisticsRequest, dump: UInt64)
        /// Until the datapath has told of meters, up to `sequence`.
        case meterCounters(xid: UInt32, StatisticsRequest, sequence: UInt32)
    }

    let id: SessionID
    let bridge: String
    let kind: Kind
    let peer: String
    var phase: Phase
    /// How messages are written; counts once `phase` is talking.
    var dialect = OpenFlowDialect(.v13)
    var framing = OpenFlowFraming()
    var hold: Hold?
    /// When the peer was last heard, and whether it was asked since then if it lives.
    var heardAt: Instant
    var wasProbed = false
    /// Milliseconds; 0 = never.
    var probeMilliseconds: Int64

    var config: SwitchConfig
    var role = RoleRequest.Role.equal
    var async: AsyncConfig
    var controllerID: UInt16 = 0
    /// By number; at most `BridgeLimits.bundles` and `monitors`.
    var bundles: [UInt32: OpenBundle] = [:]
    var monitors: [UInt32: FlowMonitorRequest] = [:]

    init(
        id: SessionID, bridge: String, kind: Kind, peer: String, phase: Phase, now: Instant,
        probeMilliseconds: Int64
    ) {
        self.id = id
        self.bridge = bridge
        self.kind = kind
        self.peer = peer
        self.phase = phase
        self.probeMilliseconds = probeMilliseconds
        heardAt = now
        // A controller gets the first 128 bytes of a packet without asking, a tool nothing
        // (OpenFlow 1.0 §5.3.2).
        config = SwitchConfig(missSendLength: kind == .service ? 0 : 128)
        // A primary or equal connection is told all but time to live running out and requests of
        // others, a secondary one of ports only (1.3.5 §7.3.10).
        async = AsyncConfig(
            packetIn: [0b11_1011, 0], portStatus: [0b111, 0b111], flowRemoved: [0b11_1111, 0],
            roleStatus: [0b111, 0b111], tableStatus: [0b1_1000, 0])
    }

    var version: OpenFlowVersion { dialect.version }

    /// Whether the peer is to be told of things that it did not ask for.
    var wantsAsynchronous: Bool {
        guard phase == .talking, kind != .snoop else { return false }
        return kind != .service || config.missSendLength > 0
    }

    /// The bit mask of an asynchronous message for the peer's role.
    func mask(_ masks: [UInt32]) -> UInt32 {
        let index = role == .secondary ? 1 : 0
        return masks.indices.contains(index) ? masks[index] : 0
    }
}

/// How a connection to a controller stands.
struct ControllerAttempt {
    let controller: WantedController
    let bridge: String
    var session: SessionID?
    var isConnected = false
    var nextAttempt: Instant
    var backoffMilliseconds: Int64 = 1_000
    /// Since when no controller answers; nil while one does.
    var downSince: Instant
}

struct Sessions {
    var byID: [SessionID: OpenFlowSession] = [:] {
        didSet { ids = byID.keys.sorted() }
    }
    /// Ids of sessions in ascending order: asked in every turn and for each packet-in, while
    /// sessions come and go seldom.
    private(set) var ids: [SessionID] = []
    var attempts: [UUIDValue: ControllerAttempt] = [:]
    /// Those that have more to say than one turn has room for.
    var backlog: Set<SessionID> = []
    /// False: no session has ever asked for a flow monitor.
    var mayHaveMonitors = false
    /// By bridge: the newest generation id of a role request (1.3.5 §6.3.6).
    var generations: [String: UInt64] = [:]
    private var lastOutgoing: UInt64 = 1 << 63

    /// An id for a connection of ours; the program numbers accepted ones from below.
    mutating func nextID() -> SessionID {
        lastOutgoing += 1
        return SessionID(lastOutgoing)
    }

    func isConnected(controller: UUIDValue) -> Bool {
        attempts[controller]?.isConnected ?? false
    }

    var attemptsInOrder: [UUIDValue] { attempts.keys.sorted() }

    /// Asked in every turn, and therefore without arrays and key paths.
    var deadline: Instant? {
        var first: Instant?
        func consider(_ moment: Instant?) {
            if let moment, first.map({ moment < $0 }) ?? true { first = moment }
        }
        // The least of all: no order reaches it.
        attempts.forEach { if $0.value.session == nil { consider($0.value.nextAttempt) } }
        byID.forEach { entry in
            consider(entry.value.probeDeadline)
            entry.value.bundles.forEach {
                consider($0.value.touchedAt + BridgeLimits.bundlePatience)
            }
        }
        return first
    }
}

extension OpenFlowSession {
    /// When to ask whether the peer lives, or to give it up.
    var probeDeadline: Instant? {
        guard probeMilliseconds > 0, phase != .connecting else { return nil }
        return heardAt + .milliseconds(wasProbed ? 2 * probeMilliseconds : probeMilliseconds)
    }
}
