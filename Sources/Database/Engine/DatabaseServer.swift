// The server without its sockets and its file: bytes of clients in, orders out.
//
//     bytes -> whole messages -> method -> transaction -> record for the log
//                                             |             then news for everybody who asked
//                                             |             then the reply
//                                             '-> waits: tried again after each change and in time
//
// A client hears of its own change before it hears that its change was done, so that when the reply
// arrives its picture is up to date. ovsdb-server(7), 4.1.5.

public import DatabaseProtocol
public import Timekeeping

/// Serves one database, and "_Server" that tells of it, to any number of clients.
///
/// Pure: no clock, no chance, no input or output. The caller carries out the effects in order.
public struct DatabaseServer {
    var databases: [String: Database]
    /// The database that is kept in the file.
    let storedName: String
    var sessions: [SessionID: Session] = [:]
    var locks = Locks()
    let identity: UUIDValue
    /// Names the state of the stored database; another after each change and each start.
    var stateName: UUIDValue

    /// Creates a server of an empty database. Read the log with `replay`, then call
    /// `finishReplay`, then open sessions.
    public init(schema: DatabaseSchema, random: inout some RandomNumberGenerator) {
        storedName = schema.name
        identity = UUIDValue(random: random.next(), random.next())
        stateName = UUIDValue(random: random.next(), random.next())
        databases = [
            schema.name: Database(schema: schema), Self.serverName: Database(schema: .server),
        ]
    }

    static let serverName = DatabaseSchema.server.name

    /// The names of all databases, in order.
    public var databaseNames: [String] { databases.keys.sorted() }

    /// How many clients there are.
    public var sessionCount: Int { sessions.count }

    /// Applies one record of the stored database's log.
    ///
    /// - Throws: What does not fit the schema; the server is then of no use.
    public mutating func replay(
        _ record: JSON, random: inout some RandomNumberGenerator
    ) throws(DatabaseError) {
        try databases[storedName]?.replay(record, random: &random)
    }

    /// Makes the server ready after the last record.
    public mutating func finishReplay(random: inout some RandomNumberGenerator) {
        databases[storedName]?.finishReplay()
        guard let schema = databases[storedName]?.schema else { return }
        for told in [schema, .server] {
            let row: RowValues = [
                "name": Datum(.string(told.name)), "model": Datum(.string("standalone")),
                "connected": Datum(.boolean(true)), "leader": Datum(.boolean(true)),
                "schema": Datum(.string(told.json.text)),
            ]
            _ = databases[Self.serverName]?.execute(
                [Operation.insert(table: "Database", row: row).json],
                context: TransactionContext(), random: &random)
        }
    }

    /// A client has connected.
    public mutating func open(_ session: SessionID) -> [DatabaseEffect] {
        guard sessions.count < EngineLimits.sessionCountMax else {
            return [.close(session, reason: "more than \(EngineLimits.sessionCountMax) clients")]
        }
        sessions[session] = Session()
        return []
    }

    /// A client is gone. Its locks pass to those who wait for them.
    public mutating func close(_ id: SessionID) -> [DatabaseEffect] {
        guard let session = sessions.removeValue(forKey: id) else { return [] }
        return session.locks.flatMap { release($0, id) }
    }

    /// Bytes have come from a client; any number of messages may end in them.
    public mutating func receive(
        _ bytes: [UInt8], from id: SessionID, now: Instant,
        random: inout some RandomNumberGenerator
    ) -> [DatabaseEffect] {
        guard sessions[id] != nil else { return [] }
        sessions[id]?.stream.append(bytes)
        var effects: [DatabaseEffect] = []
        do {
            while let json = try sessions[id]?.stream.next() {
                let message = try RPCMessage(parsing: json)
                effects += handle(message, from: id, now: now, random: &random)
            }
        } catch {
            return effects + close(id) + [.close(id, reason: "\(error)")]
        }
        return effects
    }

    /// The earliest moment at which `clockAdvanced` is wanted.
    public var deadline: Instant? {
        sessions.values.lazy.flatMap(\.waiting).compactMap(\.deadline).min()
    }

    /// Time has passed: transactions that have waited long enough fail.
    public mutating func clockAdvanced(
        now: Instant, random: inout some RandomNumberGenerator
    ) -> [DatabaseEffect] {
        guard let deadline, deadline <= now else { return [] }
        return retryWaiting(now: now, random: &random)
    }

    private mutating func handle(
        _ message: RPCMessage, from id: SessionID, now: Instant,
        random: inout some RandomNumberGenerator
    ) -> [DatabaseEffect] {
        switch message {
        case .request(let method, let parameters, let request):
            let call = Call(method: method, parameters: parameters, id: request, session: id)
            return handle(call, now: now, random: &random)
        case .notification("cancel", let parameters):
            return cancel(parameters.first ?? .null, id)
        case .notification, .reply, .failure:
            // A reply can only be to our "echo", which we never send; what it says is of no use.
            return []
        }
    }
}
