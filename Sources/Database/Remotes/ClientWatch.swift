// Whether a client is still there. A TCP peer that lost its power says nothing, for ever; so after
// some silence it is asked, and after as much again given up.

import Timekeeping

struct ClientWatch: Hashable {
    enum Step { case ask, giveUp }

    /// Zero never asks.
    let probe: Duration
    private var heardAt: Instant
    private var isAsked = false

    init(probe: Duration, now: Instant) { (self.probe, heardAt) = (probe, now) }

    mutating func heard(now: Instant) { (heardAt, isAsked) = (now, false) }

    /// When `step` is to be asked for.
    var deadline: Instant? {
        guard probe > .zero else { return nil }
        return heardAt + (isAsked ? probe * 2 : probe)
    }

    mutating func step(now: Instant) -> Step? {
        guard let deadline, deadline <= now else { return nil }
        defer { isAsked = true }
        return isAsked ? .giveUp : .ask
    }
}

/// When to call a place again that did not answer or hung up.
struct Backoff: Hashable {
    private var pause = RemoteLimits.backoffMin
    /// `nil` while called or connected.
    private(set) var deadline: Instant?

    init(now: Instant) { deadline = now }

    /// Whether to call now.
    mutating func mustCall(now: Instant) -> Bool {
        guard let deadline, deadline <= now else { return false }
        self.deadline = nil
        return true
    }

    mutating func connected() { pause = RemoteLimits.backoffMin }

    mutating func lost(now: Instant, max longest: Duration) {
        deadline = now + min(pause, longest)
        pause = min(pause * 2, longest)
    }
}
