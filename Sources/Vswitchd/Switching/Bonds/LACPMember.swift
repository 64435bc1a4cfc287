public import Packets
import Timekeeping

// One link under LACP: what is believed of its other end, and when to speak and to hear again.
//
// Receiving, IEEE 802.1AX-2014 §6.4.12:
//
//                      the timer runs out           the timer runs out
//       current ----------------------> expired ----------------------> defaulted
//          ^      carrier comes or goes    |                                |
//          `------------------ a unit -----+------------ a unit ------------'
//
// The standard's PORT_DISABLED is here a link without carrier that is `expired`: it hears and says
// nothing, and after the same time it is `defaulted`, so that an operator sees that its partner is
// nobody. Speaking (§6.4.13, §6.4.16) is at the pace that the other end asks for, and at once when
// it believes something else of us than is true, but at most three times a second.

/// The state of one member. Changed by `LACP` only.
public struct LACPMember: Hashable, Sendable {
    /// How sure we are of the partner.
    public enum Status: String, Hashable, Sendable { case current, expired, defaulted }

    /// What `lacp/show-stats` counts (IEEE 802.1AX-2014 §7.3.3).
    public struct Counters: Hashable, Sendable {
        public var sent: UInt64 = 0
        /// Everything of type 0x8809, markers and the unreadable included.
        public var received: UInt64 = 0
        public var receivedBad: UInt64 = 0
        public var receivedMarkers: UInt64 = 0
        public var expired: UInt64 = 0
        public var defaulted: UInt64 = 0
        public var carrierChanges: UInt64 = 0
    }

    public internal(set) var settings: LACP.MemberSettings
    public internal(set) var status = Status.defaulted
    /// Belongs to the aggregator: frames may flow once the partner says so too.
    public internal(set) var isAttached = false
    public internal(set) var hasCarrier = false
    public internal(set) var partner = LACPEnd()
    public internal(set) var counters = Counters()

    /// When the partner's last word, or the wait for one, is over.
    var receiveDeadline: Instant?
    /// When to speak next if nothing changes.
    var periodicDeadline = Instant.start
    /// What the partner believes of us, as far as we know.
    var told = LACPEnd()
    /// When the last units were sent, oldest first, `LACP.unitsPerSecond` at most.
    var sentAt: [Instant] = []

    init(settings: LACP.MemberSettings) { self.settings = settings }

    /// Whether what was received, or not, decides now.
    func isOverdue(at now: Instant) -> Bool { receiveDeadline.map { $0 <= now } ?? false }

    mutating func hear(_ unit: LACPUnit, timeout: Duration, now: Instant) {
        status = .current
        receiveDeadline = now + timeout
        partner = unit.actor
        told = unit.partner
        hasten(now: now)
    }

    /// What was believed may be wrong: ask for units each second, and wait for one.
    mutating func expire(now: Instant) {
        status = .expired
        partner.state.insert(.shortTimeout)
        partner.state.remove(.synchronization)
        receiveDeadline = now + LACP.timeout(isShort: true)
        hasten(now: now)
    }

    /// There is no partner that speaks.
    mutating func fallToDefault() {
        status = .defaulted
        partner = LACPEnd()
        receiveDeadline = nil
    }

    /// §6.4.13: from the slow pace to the fast one without waiting for the slow one's end.
    private mutating func hasten(now: Instant) {
        guard partner.state.contains(.shortTimeout) else { return }
        periodicDeadline = min(periodicDeadline, now + LACP.fastPeriod)
    }

    /// When a unit may be sent that says `actor`, if one is due: now or earlier means now. nil:
    /// the link has nobody to speak to.
    func sendTime(saying actor: LACPEnd, isActive: Bool, now: Instant) -> Instant? {
        guard hasCarrier, isActive || status != .defaulted else { return nil }
        let wanted = actor.isTold(by: told) ? periodicDeadline : now
        guard sentAt.count >= LACP.unitsPerSecond, let oldest = sentAt.first else { return wanted }
        return max(wanted, oldest + LACP.fastPeriod)
    }

    mutating func noteSent(_ actor: LACPEnd, now: Instant) {
        told = actor
        counters.sent += 1
        sentAt.append(now)
        if sentAt.count > LACP.unitsPerSecond { sentAt.removeFirst() }
        periodicDeadline =
            now + (partner.state.contains(.shortTimeout) ? LACP.fastPeriod : LACP.slowPeriod)
    }
}

extension LACPEnd {
    /// Whether `other` agrees in all that must be told at once (§6.4.7, `update_NTT`).
    func isTold(by other: LACPEnd) -> Bool {
        let urgent: State = [.activity, .shortTimeout, .synchronization, .aggregation]
        return state.intersection(urgent) == other.state.intersection(urgent)
            && port == other.port && portPriority == other.portPriority && key == other.key
            && systemPriority == other.systemPriority && system == other.system
    }

    /// Smaller is better (§6.7.1).
    var rank: (UInt16, UInt64, UInt16, UInt16) {
        (systemPriority, system.bits, portPriority, port)
    }
}
