// The one place where a daemon reads the time that only moves forward.

import Glibc
public import Timekeeping

public enum MonotonicClock {
    /// The moment now, by `CLOCK_MONOTONIC`: all processes of the machine agree on it.
    public static func now() -> Instant {
        var time = timespec()
        // Safe: `time` lives during the call. It cannot fail for this clock.
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Instant(
            nanosecondsSinceStart: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
    }
}
