// What happens to remotes, and what has to be done about it.

/// A client, by the number under which the database server knows it.
public struct RemoteClient: Hashable, Comparable, Sendable {
    public let number: UInt64

    public init(_ number: UInt64) { self.number = number }

    public static func < (a: RemoteClient, b: RemoteClient) -> Bool { a.number < b.number }
}

/// What the program has to do, in this order.
public enum RemoteEffect: Hashable, Sendable {
    /// Hand these bytes to the database server as those of the keeper's own session.
    case tellServer([UInt8])
    /// Start listening there; answer with `listening` or `failed`.
    case listen(String)
    case stopListening(String)
    /// Connect there; answer with `opened` or `failed`.
    case call(String)
    case send([UInt8], RemoteClient)
    /// End the connection; `closed` follows.
    case close(RemoteClient, reason: String)
    /// Forget a call that has not been answered.
    case giveUpCall(String)
    case useTLS(WantedTLS?)
    /// Tell the operator.
    case inform(String)
    case warn(String)
}
