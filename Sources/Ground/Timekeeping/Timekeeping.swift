// Moments that are handed in.
//
// Nothing pure in this house reads a clock. Whoever calls a rule says what time it is, so that a
// test can let ten seconds pass without waiting for them, and a simulation can run from one seed.

/// A moment, in nanoseconds since an arbitrary start that lies in the past and never changes while
/// a process runs. On Linux: `CLOCK_MONOTONIC`, which all processes of a machine share.
public struct Instant: Hashable, Comparable, Sendable {
    /// Nanoseconds since the start; 2⁶⁴ ns are 584 years.
    public var nanosecondsSinceStart: UInt64

    /// The start itself.
    public static let start = Instant(nanosecondsSinceStart: 0)

    @inlinable
    public init(nanosecondsSinceStart: UInt64) {
        self.nanosecondsSinceStart = nanosecondsSinceStart
    }

    /// Whole milliseconds since the start, rounded down: the unit of `OVS_FLOW_ATTR_USED`.
    @inlinable public var millisecondsSinceStart: UInt64 { nanosecondsSinceStart / 1_000_000 }

    @inlinable
    public static func < (a: Instant, b: Instant) -> Bool {
        a.nanosecondsSinceStart < b.nanosecondsSinceStart
    }

    /// The moment `duration` later. A negative duration, or one that would overflow, stops at the
    /// start or at the end of time.
    public static func + (moment: Instant, duration: Duration) -> Instant {
        let distance = duration.nanosecondsClamped
        guard distance < 0 else {
            let (sum, overflow) = moment.nanosecondsSinceStart
                .addingReportingOverflow(UInt64(distance))
            return Instant(nanosecondsSinceStart: overflow ? .max : sum)
        }
        let back = distance.magnitude
        return Instant(
            nanosecondsSinceStart: moment.nanosecondsSinceStart > back
                ? moment.nanosecondsSinceStart - back : 0)
    }

    /// How long after `earlier` this moment is; negative if it is before it.
    public func since(_ earlier: Instant) -> Duration {
        self >= earlier
            ? .nanoseconds(
                Int64(clamping: nanosecondsSinceStart - earlier.nanosecondsSinceStart))
            : .nanoseconds(
                -Int64(clamping: earlier.nanosecondsSinceStart - nanosecondsSinceStart))
    }
}

extension Duration {
    /// Nanoseconds, held at the ends of `Int64` (±292 years).
    public var nanosecondsClamped: Int64 {
        let (seconds, attoseconds) = components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, overflow2) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflow2 ? (seconds < 0 ? .min : .max) : sum
    }

    /// Seconds as a number with a fraction, for text that people read.
    public var inSeconds: Double { Double(nanosecondsClamped) / 1e9 }
}
