internal import Packets
internal import Timekeeping

// Everything that the old protocol knows of one port. IEEE 802.1D-1998 §8.5.5 and §8.5.6.

struct STPPort: Sendable {
    var settings: SpanningPortSettings
    var state = SpanningState.disabled
    var counters = SpanningCounters()

    // The best that was heard on its link, or said by itself.
    var designatedRoot: BridgeIdentifier
    var designatedCost: UInt32 = 0
    var designatedBridge: BridgeIdentifier
    var designatedPort: UInt16
    var topologyChangeAcknowledge = false
    var configPending = false

    /// How old what was heard had become when it was heard, and when that was; nil: nothing was.
    var messageAge: (atStart: Duration, since: Instant)?
    var forwardDelayTimer: Instant?
    var holdTimer: Instant?

    /// What was last said to the rest of the switch.
    var reported: SpanningState?

    init(settings: SpanningPortSettings, bridge: BridgeIdentifier) {
        self.settings = settings
        designatedRoot = bridge
        designatedBridge = bridge
        designatedPort = settings.portID
    }

    func age(now: Instant) -> Duration? { messageAge.map { $0.atStart + now.since($0.since) } }
}

extension Duration {
    /// Of units of 1/256 s.
    init(spanningUnits units: UInt16) { self = .microseconds(Int64(units) * 1_000_000 / 256) }

    /// In units of 1/256 s, rounded up, at most 255 s.
    var spanningUnits: UInt16 {
        let microseconds = max(0, nanosecondsClamped / 1000)
        return UInt16(clamping: (min(microseconds, 255_000_000) * 256 + 999_999) / 1_000_000)
    }
}
