// What the server remembers of one client.

import DatabaseProtocol
import Timekeeping

/// Names a client for as long as it is connected. The program chooses the number.
public struct SessionID: Hashable, Comparable, Sendable {
    public let number: UInt64

    public init(_ number: UInt64) { self.number = number }

    public static func < (a: SessionID, b: SessionID) -> Bool { a.number < b.number }
}

/// What the program has to do, in this order.
public enum DatabaseEffect: Sendable, Equatable {
    /// Send these bytes, a whole message, to the client.
    case send([UInt8], SessionID)
    /// Close the connection; the server has forgotten the client already.
    case close(SessionID, reason: String)
}

/// A transaction that waits for the database to become as its "wait" wishes.
struct WaitingTransaction {
    let id: JSON
    let database: String
    let operations: [JSON]
    let arrivedAt: Instant
    /// When it fails if nothing has changed.
    var deadline: Instant?
}

/// One client.
struct Session {
    var stream = JSONStream(messageByteCountMax: EngineLimits.messageByteCountMax)
    /// By what the client calls them.
    var monitors: [(id: JSON, monitor: Monitor)] = []
    var waiting: [WaitingTransaction] = []
    /// Whether it said that it wants to hear of databases that come and go.
    var isChangeAware = false
    /// Locks it owns or waits for, in order.
    var locks: [String] = []

    func place(ofMonitor id: JSON) -> Int? { monitors.firstIndex { $0.id == id } }
}
