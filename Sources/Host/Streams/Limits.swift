// How much of a machine's memory and patience strangers may take.

/// Bounds of one `StreamHub`. Whoever reaches one is closed, refused or paused, and counted.
public struct StreamLimits: Sendable {
    /// Bytes that wait for one slow reader before its stream is closed. A database snapshot of the
    /// largest installation we know of is about 30 MB, so a peer that is merely slow survives.
    public var unsentByteCountMax = 64 * 1024 * 1024

    /// Open streams of one listener; further ones are accepted and closed at once, which tells the
    /// peer more than a connection that never opens.
    public var streamsPerListenerMax = 256

    /// Connections that the kernel holds before we have accepted them.
    public var acceptBacklog: Int32 = 64

    /// Largest piece in which received bytes are handed over. With the mailbox's bound this limits
    /// the memory that unread input takes.
    public var receivedByteCountMax = 64 * 1024

    /// Pieces of one descriptor that is heard (`hear`) before others have their turn.
    public var piecesPerTurn = 32

    /// How long a stream that we close may take to drain what was sent on it before.
    public var lingerTimeout: Duration = .seconds(2)

    /// How long both ends may take to show who they are when a stream speaks TLS.
    public var handshakeTimeout: Duration = .seconds(10)

    /// How often a full consumer is asked again. Costs nothing while it keeps up.
    public var pauseInterval: Duration = .milliseconds(2)

    public init() {}
}

/// Longest path of a unix socket in bytes: `sockaddr_un.sun_path` without its final zero.
public let unixSocketPathByteCountMax = 107
