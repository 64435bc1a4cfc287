// Keeps the server reachable where it is to be reachable: listens, calls, calls again, asks silent
// clients, and tells in the database how it goes.
//
//     command line, rows of Manager ──> wanted remotes ─┐ (minus)
//                                       present remotes ─┴─> listen, stop, call, close
//     clients' bytes, the clock ──> ClientWatch ──> ask, give up       Backoff ──> call again
//     all of it ──> is_connected, status of the rows (every 2.5 s)
//
// The keeper is itself a client of the server, by a session that has no socket: so it hears of rows
// like everybody, and writes them like everybody. If no word names a column it has no session.

public import DatabaseProtocol
import DatabaseReplica
public import Timekeeping

public struct RemoteKeeper {
    /// One wanted remote and what became of it.
    struct Present {
        var wanted: WantedRemote
        /// What is spoken there may vanish without a word.
        let canFallSilent: Bool
        var isListening = false
        var boundPort: UInt16?
        /// `nil` for a place to listen at.
        var backoff: Backoff?
        var clients: [RemoteClient] = []
        var lastError: String?
        var connectedAt: Instant?
        var disconnectedAt: Instant?

        var probe: Duration {
            wanted.inactivityProbe ?? (canFallSilent ? RemoteLimits.inactivityProbeDefault : .zero)
        }
    }

    private let schema: DatabaseSchema
    private var sources: [RemoteSource]
    private var tlsSources: TLSSources
    private var replica: DatabaseReplica
    private let hasSession: Bool
    private var seenRevision: UInt64?
    private(set) var present: [String: Present] = [:]
    private var targets: [RemoteClient: String] = [:]
    private var watches: [RemoteClient: ClientWatch] = [:]
    private var tls: WantedTLS?
    private var statusDeadline: Instant?
    private var writtenStatus: [WantedRemote.Row: RowValues] = [:]
    private var effects: [RemoteEffect] = []

    /// - Parameter schema: Of the database from which columns are read.
    public init(remotes: [RemoteSource], tls: TLSSources, schema: DatabaseSchema) {
        self.schema = schema
        (sources, tlsSources) = (remotes, tls)
        let wish = DatabaseReplica.wish(for: remotes + tls.all, schema)
        hasSession = wish != nil
        replica = DatabaseReplica(database: schema.name, wish: wish ?? .tables([]))
    }

    // MARK: What happens

    /// The server is ready, and knows the keeper's session if `needsSession`.
    public mutating func start(now: Instant) -> [RemoteEffect] {
        if hasSession {
            statusDeadline = now + RemoteLimits.statusInterval
            take(replica.connectionReady())
        }
        reconfigure(now: now)
        return flush()
    }

    /// Whether the server must open a session for the keeper before `start`.
    public var needsSession: Bool { hasSession }

    /// Bytes that the server sends to the keeper's session.
    public mutating func receive(_ bytes: [UInt8], now: Instant) -> [RemoteEffect] {
        take(replica.receive(bytes))
        if replica.isSynchronised, seenRevision != replica.revision {
            seenRevision = replica.revision
            reconfigure(now: now)
        }
        return flush()
    }

    /// Somebody has connected to `target`, or we to him.
    public mutating func opened(
        _ client: RemoteClient, at target: String, now: Instant
    ) -> [RemoteEffect] {
        guard var remote = present[target] else {
            effects.append(.close(client, reason: "\(target) is no remote any more"))
            return flush()
        }
        remote.clients.append(client)
        remote.connectedAt = now
        remote.backoff?.connected()
        present[target] = remote
        targets[client] = target
        watches[client] = ClientWatch(probe: remote.probe, now: now)
        if remote.backoff != nil { effects.append(.inform("\(target): connected")) }
        return flush()
    }

    /// A client said something. O(1).
    public mutating func heard(_ client: RemoteClient, now: Instant) {
        watches[client]?.heard(now: now)
    }

    public mutating func closed(
        _ client: RemoteClient, reason: String, now: Instant
    ) -> [RemoteEffect] {
        watches[client] = nil
        guard let target = targets.removeValue(forKey: client), var remote = present[target]
        else { return flush() }
        remote.clients.removeAll { $0 == client }
        remote.disconnectedAt = now
        if remote.backoff != nil {
            remote.lastError = reason
            remote.backoff?.lost(now: now, max: remote.wanted.backoffMax)
            effects.append(.warn("\(target): connection lost: \(reason)"))
        }
        present[target] = remote
        return flush()
    }

    /// A place that was to be listened at is; `port` is the kernel's choice, if it is one of TCP.
    public mutating func listening(at target: String, port: UInt16?) -> [RemoteEffect] {
        present[target]?.isListening = true
        present[target]?.boundPort = port
        effects.append(.inform("listening at \(target)"))
        return flush()
    }

    /// A place could not be listened at, or did not answer our call.
    public mutating func failed(
        at target: String, reason: String, now: Instant
    ) -> [RemoteEffect] {
        guard var remote = present[target] else { return flush() }
        // Said once, however often it is tried.
        if remote.lastError != reason { effects.append(.warn("\(target): \(reason)")) }
        remote.lastError = reason
        remote.backoff?.lost(now: now, max: remote.wanted.backoffMax)
        present[target] = remote
        return flush()
    }

    /// Remotes as the command line and control commands name them, in order.
    public var remotes: [String] {
        sources.map { source in
            switch source {
            case .word(let word): word
            case .column(let table, let column): "db:\(schema.name),\(table),\(column)"
            }
        }.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// A control command adds or takes away a remote.
    public mutating func add(_ source: RemoteSource, now: Instant) -> [RemoteEffect] {
        if !sources.contains(source) { sources.append(source) }
        reconfigure(now: now)
        return flush()
    }

    /// - Returns: `nil` if it was not there.
    public mutating func remove(_ source: RemoteSource, now: Instant) -> [RemoteEffect]? {
        guard let place = sources.firstIndex(of: source) else { return nil }
        sources.remove(at: place)
        reconfigure(now: now)
        return flush()
    }

    // MARK: Time

    /// When `clockAdvanced` is wanted.
    public var deadline: Instant? {
        let silences = watches.values.compactMap(\.deadline)
        let calls = present.values.compactMap { $0.backoff?.deadline }
        return (silences + calls + [statusDeadline].compactMap { $0 }).min()
    }

    public mutating func clockAdvanced(now: Instant) -> [RemoteEffect] {
        guard let deadline, deadline <= now else { return [] }
        for client in watches.keys.sorted() { probe(client, now: now) }
        for target in present.keys.sorted() where present[target]?.backoff != nil {
            if present[target]?.backoff?.mustCall(now: now) == true {
                effects.append(.call(target))
            }
        }
        if let statusDeadline, statusDeadline <= now {
            self.statusDeadline = now + RemoteLimits.statusInterval
            writeStatus(now: now)
        }
        return flush()
    }

    private mutating func probe(_ client: RemoteClient, now: Instant) {
        guard let step = watches[client]?.step(now: now), let probe = watches[client]?.probe
        else { return }
        switch step {
        case .ask:
            let echo = RPCMessage.request(method: "echo", parameters: [], id: "echo")
            effects.append(.send(echo.bytes, client))
        case .giveUp:
            // Once is enough: until it is closed nobody watches it.
            watches[client] = nil
            let reason = "no answer to an inactivity probe within \(probe.inSeconds) s"
            effects.append(.close(client, reason: reason))
        }
    }

    private mutating func flush() -> [RemoteEffect] {
        defer { effects = [] }
        return effects
    }

    private mutating func take(_ news: [ReplicaEffect]) {
        for effect in news {
            switch effect {
            case .send(let bytes): effects.append(.tellServer(bytes))
            case .disconnect(let reason): effects.append(.warn("own session: \(reason)"))
            case .finished(_, .refused(let name, let details, _)):
                effects.append(.warn("the status of remotes cannot be written: \(name) \(details)"))
            case .synchronised, .changed, .lock, .finished: break
            }
        }
    }
}

// MARK: Wanted minus present

extension RemoteKeeper {
    private mutating func reconfigure(now: Instant) {
        let wantedTLS = replica.tls(of: tlsSources)
        if wantedTLS != tls {
            tls = wantedTLS
            effects.append(.useTLS(wantedTLS))
        }
        var wanted = replica.remotes(of: sources)
        if wanted.count > RemoteLimits.remoteCountMax {
            effects.append(
                .warn(
                    "\(wanted.count) remotes are too many: the first "
                        + "\(RemoteLimits.remoteCountMax) are used"))
            wanted = Array(wanted.prefix(RemoteLimits.remoteCountMax))
        }
        for target in present.keys.sorted() where !wanted.contains(where: { $0.target == target }) {
            drop(target)
        }
        for remote in wanted { keep(remote, now: now) }
    }

    private mutating func drop(_ target: String) {
        guard let remote = present.removeValue(forKey: target) else { return }
        if remote.backoff == nil {
            effects.append(.stopListening(target))
        } else if remote.clients.isEmpty, remote.backoff?.deadline == nil {
            effects.append(.giveUpCall(target))
        }
        for client in remote.clients {
            effects.append(.close(client, reason: "\(target) is no remote any more"))
        }
        if let row = remote.wanted.row { writtenStatus[row] = nil }
    }

    private mutating func keep(_ remote: WantedRemote, now: Instant) {
        let target = remote.target
        guard present[target] == nil else {
            guard present[target]?.wanted != remote else { return }
            present[target]?.wanted = remote
            guard let changed = present[target] else { return }
            for client in changed.clients {
                watches[client] = ClientWatch(probe: changed.probe, now: now)
            }
            return
        }
        let method = target.prefix { $0 != ":" }
        let isPassive = ["punix", "ptcp", "pssl"].contains(method)
        guard isPassive || ["unix", "tcp", "ssl"].contains(method) else {
            effects.append(.warn("\(target) is no place to listen at or to call"))
            return
        }
        var new = Present(wanted: remote, canFallSilent: !method.hasSuffix("unix"))
        if isPassive {
            effects.append(.listen(target))
        } else {
            new.backoff = Backoff(now: now)
        }
        present[target] = new
    }
}

// MARK: Status

extension RemoteKeeper {
    /// What the rows of remotes say is brought up to date, in one transaction.
    private mutating func writeStatus(now: Instant) {
        guard replica.isSynchronised else { return }
        var change = TransactionBuilder(database: schema.name)
        for target in present.keys.sorted() {
            guard let remote = present[target], let row = remote.wanted.row,
                let table = schema.table(row.table)
            else { continue }
            let values = RowValues(
                remote.columns(now: now).filter { table.column($0.0) != nil })
            guard writtenStatus[row] != values else { continue }
            writtenStatus[row] = values
            change.update(row.uuid, in: row.table, values)
        }
        guard !change.changesNothing, let (_, news) = replica.transact(change) else { return }
        take(news)
    }
}

extension RemoteKeeper.Present {
    /// ovs-vswitchd.conf.db(5), "Manager TABLE", "Status".
    func columns(now: Instant) -> [(String, Datum)] {
        var status: [(String, String)] = []
        if backoff != nil {
            let calling = backoff?.deadline == nil ? "CONNECTING" : "BACKOFF"
            status.append(("state", clients.isEmpty ? calling : "ACTIVE"))
        } else if clients.count == 1 {
            status.append(("state", "ACTIVE"))
        }
        if clients.count > 1 { status.append(("n_connections", String(clients.count))) }
        if backoff != nil || clients.count == 1 {
            if let connectedAt, !clients.isEmpty {
                status.append(("sec_since_connect", Self.seconds(connectedAt, now)))
            }
            if let disconnectedAt {
                status.append(("sec_since_disconnect", Self.seconds(disconnectedAt, now)))
            }
        }
        if let lastError, backoff != nil || !isListening {
            status.append(("last_error", lastError))
        }
        if let boundPort { status.append(("bound_port", String(boundPort))) }
        return [
            ("is_connected", Datum(.boolean(!clients.isEmpty))),
            ("status", Datum(map: status.map { (.string($0), .string($1)) })),
        ]
    }

    private static func seconds(_ moment: Instant, _ now: Instant) -> String {
        String(now.since(moment).components.seconds)
    }
}
