// How long to wait for whom, and how many may be called.

import Timekeeping

public enum RemoteLimits {
    /// Silence after which a client is asked whether it lives, where its row says nothing.
    /// ovsdb-server(7) calls it the inactivity probe.
    public static let inactivityProbeDefault = Duration.seconds(5)
    /// Shorter probes than this would only find busy clients dead.
    public static let inactivityProbeMin = Duration.seconds(1)
    /// First pause before calling again; each failure doubles it.
    public static let backoffMin = Duration.seconds(1)
    /// Longest pause where the row's `max_backoff` says nothing.
    public static let backoffMaxDefault = Duration.seconds(8)
    /// How often a row's `status` is brought up to date.
    public static let statusInterval = Duration.milliseconds(2_500)
    /// Remotes at most; further ones are refused, and the log says so.
    public static let remoteCountMax = 128
}
