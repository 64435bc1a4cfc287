// Between the streams and the server: who is which client, and what the keeper of remotes wants.
//
//     hub ──events──> Reachability ──news──> server      (opened, received, closed)
//         <─orders──   RemoteKeeper <─bytes─ server      (its own session, which has no stream)

import Daemon
import DatabaseEngine
import DatabaseProtocol
import DatabaseRemotes
import Logging
import Streams
import Timekeeping

/// Part of the machine. Only `start`, `add` and `clockAdvanced` may wait, for the hub's thread:
/// they must not be called on it.
final class Reachability {
    /// What the server has to be told, in order.
    enum News {
        case opened(SessionID)
        case received(SessionID, [UInt8])
        case closed(SessionID)
    }

    /// The keeper's own session at the server. Clients are numbered from 1.
    private static let own = SessionID(0)
    static let defaultPort: UInt16 = 6640

    private let hub: StreamHub
    private let logger = Logger(label: "remotes")
    private let schema: DatabaseSchema
    private var keeper: RemoteKeeper
    private var clients = Clients()
    private var listeners: [String: ListenerID] = [:]
    private var places: [ListenerID: String] = [:]
    private var calls: [StreamID: String] = [:]
    private var news: [News] = []
    /// Where to listen as soon as it can be waited for.
    private var wishes: [String] = []
    /// Whether the keeper has heard of a change and may want to be called at another time.
    private(set) var isStirred = false
    private var tlsExtras: TLSExtras

    /// What the database does not say of TLS.
    struct TLSExtras {
        var shownAuthority: String?
        var versions: String?
        var ciphers: String?
    }

    /// - Parameter remotes: As `--remote` has them.
    init(
        _ hub: StreamHub, remotes: [String], tls: TLSSources, _ extras: TLSExtras,
        schema: DatabaseSchema
    ) throws(DaemonError) {
        (self.hub, self.schema, tlsExtras) = (hub, schema, extras)
        var sources: [RemoteSource] = []
        for text in remotes { sources.append(try Self.source(text, schema)) }
        keeper = RemoteKeeper(remotes: sources, tls: tls, schema: schema)
    }

    /// Opens everything that the command line names.
    ///
    /// - Throws: If one cannot be listened at.
    func start(now: Instant) throws(DaemonError) {
        if keeper.needsSession { news.append(.opened(Self.own)) }
        for effect in keeper.start(now: now) {
            if case .listen(let target) = effect {
                try listen(target)
            } else {
                carryOut(effect, now: now)
            }
        }
    }

    // MARK: Towards the server

    func takeNews() -> [News] {
        defer { news = [] }
        return news
    }

    /// When to call `clockAdvanced`; at once while there is something to do.
    var deadline: Instant? { news.isEmpty && wishes.isEmpty ? keeper.deadline : .start }

    func clockAdvanced(now: Instant) {
        isStirred = false
        let targets = wishes
        wishes = []
        for target in targets {
            do throws(DaemonError) {
                try listen(target)
            } catch {
                tell(now) { $0.failed(at: target, reason: "\(error)", now: now) }
            }
        }
        for effect in keeper.clockAdvanced(now: now) { carryOut(effect, now: now) }
    }

    func handle(_ event: StreamEvent, now: Instant) {
        switch event {
        case .accepted(let stream, let listener, let peer):
            let session = clients.add(stream)
            logger.debug("\(peer) connected as client \(session.number)")
            news.append(.opened(session))
            guard let target = places[listener] else { return }
            tell(now) { $0.opened(RemoteClient(session.number), at: target, now: now) }
        case .connected(let stream):
            guard let target = calls.removeValue(forKey: stream) else { return }
            let session = clients.add(stream)
            news.append(.opened(session))
            tell(now) { $0.opened(RemoteClient(session.number), at: target, now: now) }
        case .received(let stream, let bytes):
            guard let session = clients.session(of: stream), hub.isOpen(stream) else { return }
            keeper.heard(RemoteClient(session.number), now: now)
            news.append(.received(session, bytes))
        case .closed(let stream, let reason):
            if let target = calls.removeValue(forKey: stream) {
                tell(now) { $0.failed(at: target, reason: reason, now: now) }
            }
            guard let session = clients.remove(stream) else { return }
            logger.debug("client \(session.number) is gone: \(reason)")
            news.append(.closed(session))
            tell(now) { $0.closed(RemoteClient(session.number), reason: reason, now: now) }
        case .distrusted(let listener, let peer, let reason):
            logger.warning("\(places[listener] ?? "a remote"): \(peer) was refused: \(reason)")
        }
    }

    // MARK: From the server

    func send(_ bytes: [UInt8], to session: SessionID, now: Instant) {
        guard session != Self.own else { return tell(now) { $0.receive(bytes, now: now) } }
        if let stream = clients.stream(of: session) { hub.send(bytes, on: stream) }
    }

    func close(_ session: SessionID, reason: String) {
        logger.warning("client \(session.number) is closed: \(reason)")
        if let stream = clients.stream(of: session) { hub.close(stream) }
    }

    // MARK: From the operator

    /// Remotes as they were named, one a line.
    var text: String { keeper.remotes.map { "\($0)\n" }.joined() }

    func add(_ text: String, now: Instant) throws(DaemonError) {
        let source = try Self.source(text, schema)
        let effects = keeper.add(source, now: now)
        for effect in effects {
            guard case .listen(let target) = effect, target == text else {
                carryOut(effect, now: now)
                continue
            }
            do throws(DaemonError) {
                try listen(target)
            } catch {
                for effect in keeper.remove(source, now: now) ?? [] { carryOut(effect, now: now) }
                throw error
            }
        }
    }

    func remove(_ text: String, now: Instant) throws(DaemonError) {
        guard let effects = keeper.remove(try Self.source(text, schema), now: now) else {
            throw DaemonError("no such remote: \(text)")
        }
        for effect in effects { carryOut(effect, now: now) }
    }

    // MARK: Orders of the keeper

    private func tell(_ now: Instant, _ happening: (inout RemoteKeeper) -> [RemoteEffect]) {
        isStirred = true
        for effect in happening(&keeper) { carryOut(effect, now: now) }
    }

    private func carryOut(_ effect: RemoteEffect, now: Instant) {
        switch effect {
        case .tellServer(let bytes): news.append(.received(Self.own, bytes))
        case .listen(let target): wishes.append(target)
        case .stopListening(let target):
            wishes.removeAll { $0 == target }
            guard let listener = listeners.removeValue(forKey: target) else { return }
            places[listener] = nil
            hub.closeListener(listener)
        case .call(let target): call(target, now: now)
        case .giveUpCall(let target):
            for (stream, called) in calls where called == target {
                calls[stream] = nil
                hub.close(stream)
            }
        case .send(let bytes, let client): send(bytes, to: SessionID(client.number), now: now)
        case .close(let client, let reason): close(SessionID(client.number), reason: reason)
        case .useTLS(let wanted): hub.useTLS(wanted.map { TLSFiles($0, tlsExtras) })
        case .inform(let text): logger.info("\(text)")
        case .warn(let text): logger.warning("\(text)")
        }
    }

    private func listen(_ target: String) throws(DaemonError) {
        let listener: ListenerID
        do {
            listener = try hub.listen(Remote(parsing: target, defaultPort: Self.defaultPort))
        } catch {
            throw DaemonError("\(error)")
        }
        listeners[target] = listener
        places[listener] = target
        // Of TCP only, and not before it listens.
        for effect in keeper.listening(at: target, port: hub.port(of: listener)) {
            carryOut(effect, now: .start)
        }
    }

    private func call(_ target: String, now: Instant) {
        do {
            let remote = try Remote(parsing: target, defaultPort: Self.defaultPort)
            calls[hub.connect(remote)] = target
        } catch {
            tell(now) { $0.failed(at: target, reason: "\(error)", now: now) }
        }
    }

    private static func source(
        _ text: String, _ schema: DatabaseSchema
    ) throws(DaemonError) -> RemoteSource {
        do {
            let source = try RemoteSource(parsing: text, schema)
            if case .word(let word) = source {
                _ = try Remote(parsing: word, defaultPort: defaultPort)
            }
            return source
        } catch {
            throw DaemonError("\(error)")
        }
    }
}

extension TLSFiles {
    fileprivate init(_ wanted: WantedTLS, _ extras: Reachability.TLSExtras) {
        self.init(
            privateKey: wanted.privateKey, certificate: wanted.certificate,
            authority: wanted.authority)
        bootstrapsAuthority = wanted.bootstrapsAuthority
        shownAuthority = extras.shownAuthority
        (versions, ciphers) = (extras.versions, extras.ciphers)
    }
}
