// The server without its sockets and its files: bytes of clients in, orders out.
//
//     bytes -> whole messages -> method -> transaction -> record for the journal
//                                             |             then news for everybody who asked
//                                             |             then the reply
//                                             '-> waits: tried again after each change and in time
//
// A client hears of its own change before it hears that its change was done, so that when the reply
// arrives its picture is up to date. ovsdb-server(7), 4.1.5.

import DatabaseProtocol
public import Timekeeping

/// A database and what clients may ask of its past.
struct ServedDatabase {
    var database: Database
    /// Names the present state; another after each change and each start.
    var stateName: UUIDValue
    var history = History()
    /// The schema as clients ask for it, which each of them does first.
    let schemaJSON: JSON

    init(_ database: Database, random: inout UUIDSource) {
        self.database = database
        stateName = UUIDValue(random: random.next(), random.next())
        schemaJSON = database.schema.json
    }
}

/// Serves any number of databases, and "_Server" that tells of them, to any number of clients.
///
/// Pure: no clock, no chance, no input or output. The caller carries out the effects in order, and
/// none of them before what the journal took during the call is durable.
public struct DatabaseServer {
    var databases: [String: ServedDatabase]
    var sessions: [SessionID: Session] = [:]
    /// Those of `sessions`, ascending: the order in which clients are told of things.
    var sessionOrder: [SessionID] = []
    /// Clients that have monitors, ascending.
    private(set) var watchers: [SessionID] = []
    /// How many transactions wait, of all clients.
    var waitingCount = 0
    var locks = Locks()
    let identity: UUIDValue

    /// Creates a server of no database but "_Server". Give it databases with `add`.
    public init(random: inout UUIDSource) {
        identity = UUIDValue(random: random.next(), random.next())
        databases = [
            Self.serverName: ServedDatabase(Database(schema: .server), random: &random)
        ]
        tellOfDatabase(.server, random: &random)
    }

    static let serverName = DatabaseSchema.server.name

    /// The names of all databases, in order.
    public var databaseNames: [String] { databases.keys.sorted() }

    /// How many clients there are.
    public var sessionCount: Int { sessions.count }

    /// A client has connected.
    public mutating func open(_ session: SessionID) -> [DatabaseEffect] {
        guard sessions.count < EngineLimits.sessionCountMax else {
            return [.close(session, reason: "more than \(EngineLimits.sessionCountMax) clients")]
        }
        guard sessions.updateValue(Session(), forKey: session) == nil else { return [] }
        let place = sessionOrder.lastIndex { $0 < session }.map { $0 + 1 } ?? 0
        sessionOrder.insert(session, at: place)
        return []
    }

    /// A client is gone. Its locks pass to those who wait for them.
    public mutating func close(_ id: SessionID) -> [DatabaseEffect] {
        guard let session = sessions.removeValue(forKey: id) else { return [] }
        sessionOrder.removeAll { $0 == id }
        noteWatchers()
        waitingCount -= session.waiting.count
        return session.locks.flatMap { release($0, id) }
    }

    /// Must be called when monitors have come or gone.
    mutating func noteWatchers() {
        watchers = sessionOrder.filter { sessions[$0].map { !$0.monitors.isEmpty } ?? false }
    }

    /// Bytes have come from a client; any number of messages may end in them.
    public mutating func receive(
        _ bytes: [UInt8], from id: SessionID, now: Instant,
        random: inout UUIDSource, journal: any DatabaseJournal
    ) -> [DatabaseEffect] {
        guard let place = sessions.index(forKey: id) else { return [] }
        sessions.values[place].stream.append(bytes)
        var effects: [DatabaseEffect] = []
        do {
            while let json = try sessions[id]?.stream.next() {
                let message = try RPCMessage(parsing: json)
                effects += handle(message, from: id, now: now, random: &random, journal: journal)
            }
        } catch {
            return effects + close(id) + [.close(id, reason: "\(error)")]
        }
        return effects
    }

    /// The earliest moment at which `clockAdvanced` is wanted.
    public var deadline: Instant? {
        guard waitingCount > 0 else { return nil }
        return sessions.values.lazy.flatMap(\.waiting).compactMap(\.deadline).min()
    }

    /// Time has passed: transactions that have waited long enough fail.
    public mutating func clockAdvanced(
        now: Instant, random: inout UUIDSource,
        journal: any DatabaseJournal
    ) -> [DatabaseEffect] {
        guard let deadline, deadline <= now else { return [] }
        return retryWaiting(now: now, random: &random, journal: journal)
    }

    private mutating func handle(
        _ message: RPCMessage, from id: SessionID, now: Instant,
        random: inout UUIDSource, journal: any DatabaseJournal
    ) -> [DatabaseEffect] {
        switch message {
        case .request(let method, let parameters, let request):
            let call = Call(method: method, parameters: parameters, id: request, session: id)
            return handle(call, now: now, random: &random, journal: journal)
        case .notification("cancel", let parameters):
            return parameters.count == 1 ? cancel(parameters[0], id) : []
        case .notification, .reply, .failure:
            // A reply can only be to our "echo", which we never send; what it says is of no use.
            return []
        }
    }
}
