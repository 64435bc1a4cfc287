internal import Timekeeping

// Calling again whoever hung up: at once the first time, then ever more slowly up to a bound, so
// that a peer that restarts finds us soon and one that is gone costs nothing.

struct Reconnection {
    enum Phase: Equatable { case waiting(until: Instant), calling, connected }

    private(set) var phase: Phase
    private var pause: Duration

    /// First and longest pause between two calls.
    static let shortestPause = Duration.milliseconds(100)
    static let longestPause = Duration.seconds(2)

    init(now: Instant) {
        phase = .waiting(until: now)
        pause = Self.shortestPause
    }

    /// When to call; nil while connected or calling.
    var deadline: Instant? {
        if case .waiting(let moment) = phase { moment } else { nil }
    }

    /// Whether to call now; the next answer is `connected` or `lost`.
    mutating func mustCall(now: Instant) -> Bool {
        guard case .waiting(let moment) = phase, moment <= now else { return false }
        phase = .calling
        return true
    }

    mutating func connected() {
        phase = .connected
        pause = Self.shortestPause
    }

    mutating func lost(now: Instant) {
        let doubled = pause * 2
        phase = .waiting(until: now + pause)
        pause = doubled > Self.longestPause ? Self.longestPause : doubled
    }
}
