// How often one kind of line may be logged, so that a flood of trouble does not become a flood of
// lines.

public import Timekeeping

/// Lets a burst through and then one line per interval, and counts what it kept back.
public struct LogAllowance: Sendable {
    private let burst: Int
    private let interval: Duration
    private var left: Int
    private var refilledAt: Instant?
    private var suppressedCount: UInt64 = 0

    /// - Parameters:
    ///   - burst: Lines that may come at once, at least 1.
    ///   - interval: Time after which one more may come, more than zero.
    public init(burst: Int = 5, interval: Duration = .seconds(5)) {
        precondition(burst > 0 && interval > .zero, "an allowance must allow something")
        self.burst = burst
        self.interval = interval
        left = burst
    }

    /// Whether a line may be logged now.
    ///
    /// - Returns: `nil` if not; otherwise how many were kept back since the last one, which it
    ///   should say.
    public mutating func admit(now: Instant) -> UInt64? {
        let last = refilledAt ?? now
        let gained = now.since(last).nanosecondsClamped / max(1, interval.nanosecondsClamped)
        if gained > 0 || refilledAt == nil {
            left = min(burst, left + Int(clamping: gained))
            refilledAt = left == burst ? now : last + interval * Double(gained)
        }
        guard left > 0 else {
            suppressedCount += 1
            return nil
        }
        left -= 1
        defer { suppressedCount = 0 }
        return suppressedCount
    }
}
