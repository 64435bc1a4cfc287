internal import Packets

// Everything that the rapid protocol knows of one port, under the standard's names.

/// The variables of 802.1D-2004 §17.17 (timers, in seconds) and §17.19, as BEGIN leaves them.
struct RSTPPort: Sendable {
    var settings: SpanningPortSettings
    var portEnabled = false
    var counters = SpanningCounters()

    // §17.17.
    var edgeDelayWhile = RSTP.migrateTime
    var fdWhile: Int
    var helloWhen = RSTP.helloTime
    var mdelayWhile = RSTP.migrateTime
    var rbWhile = 0
    var rcvdInfoWhile = 0
    var rrWhile = 0
    var tcWhile = 0

    // What it knows of its link (port information, §17.27).
    enum InfoIs: Hashable, Sendable { case disabled, aged, mine, received }
    var infoIs = InfoIs.disabled
    var portPriority: PriorityVector
    var portTimes: SpanningTimes
    var designatedPriority: PriorityVector
    var designatedTimes: SpanningTimes
    /// The BPDU that is being looked at.
    var rcvdMsg: BPDU?
    var rcvdRSTP = false
    var rcvdSTP = false

    // Agreement with the neighbour.
    var proposing = false
    var proposed = false
    var agree = false
    var agreed = false
    var disputed = false
    var sync = false
    var synced = true
    var reRoot = false

    // Role and state.
    var reselect = true
    var selected = false
    var updtInfo = false
    var role = SpanningRole.disabled
    var selectedRole = SpanningRole.disabled
    var learn = false
    var learning = false
    var forward = false
    var forwarding = false
    var operEdge: Bool

    // Transmission.
    var newInfo = true
    var sendRSTP: Bool
    var txCount = 0

    // Topology change, §17.31. Flushing is done at once, so `fdbFlush` is an effect here.
    enum TopologyChange: Hashable, Sendable { case inactive, learning, active }
    var topologyChange = TopologyChange.inactive
    var tcProp = false
    var tcAck = false
    var rcvdTc = false
    var rcvdTcn = false
    var rcvdTcAck = false
    var fdbFlush = true

    // The state of the protocol migration machine, §17.24.
    enum Migration: Hashable, Sendable { case checkingRSTP, selectingSTP, sensing }
    var migration = Migration.checkingRSTP
    var mcheck = false

    /// What was last said to the rest of the switch.
    var reported: SpanningState?

    init(settings: SpanningPortSettings, bridge: SpanningSettings) {
        self.settings = settings
        let vector = PriorityVector(ofBridge: bridge.identifier)
        (portPriority, designatedPriority) = (vector, vector)
        (portTimes, designatedTimes) = (bridge.times, bridge.times)
        fdWhile = SpanningTimes.seconds(bridge.times.maxAge)
        operEdge = settings.adminEdge
        sendRSTP = bridge.isRapid
    }

    var state: SpanningState {
        guard portEnabled else { return .disabled }
        return forwarding ? .forwarding : learning ? .learning : .discarding
    }
}

// §17.20.
extension RSTPPort {
    var maxAge: Int { SpanningTimes.seconds(designatedTimes.maxAge) }
    var fwdDelay: Int { SpanningTimes.seconds(designatedTimes.forwardDelay) }
    var helloTime: Int { SpanningTimes.seconds(designatedTimes.helloTime) }
    /// A neighbour that speaks the rapid protocol has been asked, and has had time to answer.
    var forwardDelay: Int { sendRSTP ? helloTime : fwdDelay }
    var edgeDelay: Int { settings.isPointToPoint ? RSTP.migrateTime : maxAge }

    /// A second has passed, §17.22.
    mutating func tick() {
        func count(_ timer: inout Int) { if timer > 0 { timer -= 1 } }
        count(&edgeDelayWhile)
        count(&fdWhile)
        count(&helloWhen)
        count(&mdelayWhile)
        count(&rbWhile)
        count(&rcvdInfoWhile)
        count(&rrWhile)
        count(&tcWhile)
        count(&txCount)
    }
}
