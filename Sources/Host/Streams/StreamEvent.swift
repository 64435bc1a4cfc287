// What a hub tells its owner.

/// One stream of one hub; never used again after it has closed.
public struct StreamID: Hashable, Sendable {
    let number: UInt64
}

/// One place where a hub listens.
public struct ListenerID: Hashable, Sendable {
    let number: UInt64
}

/// What happened to a stream. Events of one stream arrive in order: `accepted` or `connected`, then
/// any number of `received`, then `closed`. A connection that fails has only `closed`.
public enum StreamEvent: Sendable {
    /// Somebody connected. `peer` is where from: `unix`, `tcp:HOST:PORT` or `ssl:HOST:PORT`.
    case accepted(StreamID, listener: ListenerID, peer: String)
    case connected(StreamID)
    /// Bytes as they came: a message may be spread over several, or share one with others.
    case received(StreamID, [UInt8])
    /// Exactly once for each stream. `reason` is a phrase for people.
    case closed(StreamID, reason: String)
    /// Somebody connected to `listener`, but did not prove who he is. There is no stream.
    case distrusted(listener: ListenerID, peer: String, reason: String)
}

/// What happened in a hub since it began; every number only grows.
public struct StreamCounters: Equatable, Sendable {
    /// Streams that were accepted, and that were turned away because their listener was full.
    public var acceptedCount: UInt64 = 0
    public var refusedCount: UInt64 = 0
    /// Connections that ended in the TLS handshake.
    public var distrustedCount: UInt64 = 0
    /// Streams closed because their peer did not read what we sent.
    public var overflowedCount: UInt64 = 0
    /// How often reading stopped because the consumer was full.
    public var pauseCount: UInt64 = 0
    /// How often the thread looked for the next piece instead of sleeping, and in vain.
    public var lookCount: UInt64 = 0
    public var vainLookCount: UInt64 = 0
}

/// Why a place cannot be listened at.
public enum StreamError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Somebody answers there.
    case addressInUse(Remote)
    /// It is the name of a place to connect to.
    case notPassive(Remote)
    /// Anything else; `reason` is the system's, or ours with a fix.
    case cannotListen(Remote, reason: String)

    public var description: String {
        switch self {
        case .addressInUse(let remote):
            "somebody listens on \(remote) already; stop it, or use another place"
        case .notPassive(let remote):
            "one cannot listen on \(remote); use punix:PATH, ptcp:PORT[:HOST] or pssl:PORT[:HOST]"
        case .cannotListen(let remote, let reason):
            "cannot listen on \(remote): \(reason)"
        }
    }
}
