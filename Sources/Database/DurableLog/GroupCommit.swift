// When a synchronisation is worth its price, and on which thread it is paid.
//
//     quick disk   write write write | wait a little for the others | sync on this thread | answer
//     slow disk    write write write | ...                          | sync on its own thread
//                  write write       (the machine goes on meanwhile)
//
// Clients that were answered together write again together, but arrive one after the other. Whoever
// synchronises for the first alone makes all others wait for a second synchronisation: so the group
// of last time is waited for, never longer than a synchronisation takes.

/// What the last synchronisations say about the next.
public struct GroupCommit: Sendable {
    /// A synchronisation usually takes so long.
    private(set) var usual = Duration.zero
    /// Writes that the last synchronisation covered.
    private var lastGroup = 0
    /// Writes since the last one began.
    public private(set) var group = 0
    /// When the wait for the rest of the group ends; `nil` while nobody waits.
    private var deadline: ContinuousClock.Instant?

    public init() {}

    /// A transaction was written that somebody waits for.
    public mutating func wrote() { group += 1 }

    /// Whether a thread of its own would cost more than waiting here.
    public var isQuick: Bool { usual < LogLimits.ownThreadSynchronization }

    /// Asks before a synchronisation whether to wait for more.
    ///
    /// - Returns: For how long at most; `nil` if it is to begin now.
    public mutating func pause(now: ContinuousClock.Instant) -> Duration? {
        guard group > 0, group < lastGroup else { return nil }
        let until = deadline ?? now + min(usual, LogLimits.groupPauseMax)
        deadline = until
        return until > now ? until - now : nil
    }

    /// A synchronisation begins.
    public mutating func begin() {
        (lastGroup, group, deadline) = (group, 0, nil)
    }

    /// A synchronisation has ended. One slow one of four does not make the disk slow.
    public mutating func ended(after duration: Duration) { usual = (usual * 3 + duration) / 4 }
}
