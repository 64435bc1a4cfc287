import Bridges

// What one turn sends to one session in a row goes as one piece: each piece wakes the hub's thread
// and is a system call of its own, and a hundred packets of a turn are a hundred messages.

/// Messages to one session, end to end.
struct OutgoingPieces {
    /// Beyond this a piece is given to the hub: the peer need not wait for all of a long reply.
    private static let byteCountMax = 64 * 1024

    private(set) var session: SessionID?
    private(set) var bytes: [UInt8] = []

    init() {}

    init(_ session: SessionID, _ bytes: [UInt8]) { (self.session, self.bytes) = (session, bytes) }

    /// Returns false if the message is for another session, or the piece long enough.
    mutating func join(_ more: [UInt8], to other: SessionID) -> Bool {
        guard session == other, bytes.count + more.count <= Self.byteCountMax else { return false }
        bytes += more
        return true
    }
}
