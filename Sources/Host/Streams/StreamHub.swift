// Byte streams for a machine that must never wait.
//
// One SwiftNIO thread does all reading and writing. A machine gives it bytes and is told, by one
// closure, what happened; usually that closure posts into the machine's mailbox. Every method may
// be called from any thread and returns at once, save `listen` and `shutdown`, which wait for the
// hub's own thread.

import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import Timekeeping

public final class StreamHub: Sendable {
    let limits: StreamLimits
    let registry = Mutex(StreamRegistry())
    let loop: any EventLoop
    let delivery: NIOLoopBoundBox<Delivery>
    private let lookout: NIOLoopBoundBox<Lookout?>
    let tls = TLSContexts()
    private let counts = ThreadCounts()
    private let whenAnswered: (@Sendable () -> Void)?
    /// The thread, if it is ours to end.
    private let ownedGroup: MultiThreadedEventLoopGroup?

    /// Starts a hub with a thread of its own, or with that of another hub.
    ///
    /// - Parameters:
    ///   - sharing: A hub that outlives this one, and must be shut down after it.
    ///   - deliver: Called on the hub's thread, so it must be quick; it may call the hub. If it
    ///     returns `false` the event was not taken: it is offered again after
    ///     `StreamLimits.pauseInterval`, and until then nothing is read from any stream.
    ///   - whenDrained: Called on the hub's thread after `deliver` has been told of all bytes that
    ///     had come from any stream: what these have in common can be done once.
    ///   - whenAnswered: Called on the hub's thread when what was sent from the other two has been
    ///     written: for what shall not wake anybody before that does.
    ///   - polling: Whether and how long the thread looks for the next piece before it sleeps. Not
    ///     with `sharing`: each thread has one.
    public init(
        limits: StreamLimits = StreamLimits(), sharing other: StreamHub? = nil,
        polling: AdaptivePolling? = nil,
        deliver: @escaping @Sendable (StreamEvent) -> Bool,
        whenDrained: (@Sendable () -> Void)? = nil,
        whenAnswered: (@Sendable () -> Void)? = nil
    ) {
        self.limits = limits
        self.whenAnswered = whenAnswered
        ownedGroup = other == nil ? MultiThreadedEventLoopGroup(numberOfThreads: 1) : nil
        // One of the two is there; the group has exactly one loop.
        loop = other?.loop ?? ownedGroup!.next()
        delivery = NIOLoopBoundBox.makeBoxSendingValue(
            Delivery(
                loop: loop, interval: limits.pauseInterval, counts: counts, deliver: deliver,
                whenDrained: whenDrained),
            eventLoop: loop)
        lookout = NIOLoopBoundBox.makeBoxSendingValue(nil, eventLoop: loop)
        guard let polling, other == nil else { return }
        loop.execute { [self] in lookout.value = Lookout.begin(polling, counts, on: loop) }
    }

    /// Calls `whenDrained` once more after at most `delay`.
    public func drain(within delay: Duration) {
        loop.scheduleTask(in: .nanoseconds(delay.nanosecondsClamped)) { [self] in drain() }
    }

    /// Who we are, and whom we trust, on `ssl:` and `pssl:` streams that begin from now on. Without
    /// files none can be opened.
    public func useTLS(_ files: TLSFiles?) { tls.use(files) }

    /// Opens a connection; `.connected` or `.closed` tells what became of it.
    ///
    /// - Parameter timeout: For the connection to come about, name resolution not included.
    public func connect(_ remote: Remote, timeout: Duration = .seconds(5)) -> StreamID {
        let id = registry.withLock { $0.addConnecting() }
        loop.execute { [self] in startConnecting(id, to: remote, timeout) }
        return id
    }

    /// The piece that is being delivered has several messages in it: whoever sent them does not
    /// wait for each answer before the next. Called from `deliver`, on the hub's thread.
    public func heard(further messages: Int) { lookout.value?.heard(messages: messages) }

    /// Sends bytes after all those sent before. On a stream that is still connecting they wait; on
    /// one that has closed they are forgotten, for its `.closed` is on the way.
    ///
    /// A stream with more than `StreamLimits.unsentByteCountMax` unsent bytes is closed.
    public func send(_ bytes: [UInt8], on id: StreamID) {
        guard !bytes.isEmpty else { return }
        let isAnswer = loop.inEventLoop && delivery.value.isTelling
        switch registry.withLock({ $0.reserve(bytes.count, on: id, limits, isAnswer: isAnswer) }) {
        case .refused: break
        case .atOnce: delivery.value.keep(bytes, for: id)
        case .queued:
            loop.execute { [self] in
                registry.withLock { $0.unqueue(id) }
                write(bytes, on: id)
            }
        case .overflowed: loop.execute { [self] in abort(id) }
        }
    }

    /// Whether what a stream received still matters: neither we nor its peer have ended it. Pieces
    /// of one that was closed may still wait to be handled.
    public func isOpen(_ id: StreamID) -> Bool { registry.withLock { $0.isLive(id) } }

    /// Closes a stream after what was sent on it, waiting for that at most
    /// `StreamLimits.lingerTimeout`. Its `.closed` comes as for any other.
    public func close(_ id: StreamID) {
        let isOurs = registry.withLock { $0.end(id, reason: "closed by us") }
        guard isOurs else { return }
        loop.execute { [self] in
            closeIfDrained(id)
            loop.scheduleTask(in: .nanoseconds(limits.lingerTimeout.nanosecondsClamped)) { [self] in
                abort(id)
            }
        }
    }

    /// Closes all streams and listeners, removes the sockets' files and ends the thread.
    ///
    /// Nothing is delivered after it returns. What the kernel has not taken yet is lost. Must not
    /// be called from `deliver`. A second call does nothing.
    public func shutdown() {
        let isFirst = registry.withLock { $0.beginShutdown() }
        guard isFirst else { return }
        let ended = loop.submit { [self] in
            drain()  // What was answered in this very turn, to a request to end for example.
            delivery.value.end()
            let (streams, listeners) = registry.withLock { $0.takeAll() }
            for listener in listeners { stop(listener) }
            for stream in streams { stream.close(promise: nil) }
        }
        // Neither can fail: the loop runs until we end it here, and is ended only once.
        do {
            try ended.wait()
            try ownedGroup?.syncShutdownGracefully()
        } catch {
            preconditionFailure("the thread of a hub ended before the hub: \(error)")
        }
    }

    public var counters: StreamCounters {
        var counters = registry.withLock { $0.counters }
        counters.pauseCount = counts.pauses.load(ordering: .relaxed)
        counters.lookCount = counts.looks.load(ordering: .relaxed)
        counters.vainLookCount = counts.vainLooks.load(ordering: .relaxed)
        return counters
    }

    // MARK: On the hub's thread

    private func startConnecting(_ id: StreamID, to remote: Remote, _ timeout: Duration) {
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(.nanoseconds(timeout.nanosecondsClamped))
            .channelOption(.recvAllocator, value: receiveAllocator)
            .channelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture {
                    try addHandlers(to: channel, id, speaking: remote.usesTLS ? .client : nil)
                }
            }
        let channel: EventLoopFuture<any Channel>
        switch remote {
        case .unix(let path) where path.utf8.count > unixSocketPathByteCountMax:
            return ended(id, reason: Remote.pathIsTooLong(path))
        case .unix(let path):
            channel = bootstrap.connect(unixDomainSocketPath: path)
        case .tcp(let host, let port), .tls(let host, let port):
            channel = bootstrap.connect(host: host, port: Int(port))
        case .passiveUnix, .passiveTCP, .passiveTLS:
            return ended(id, reason: "\(remote) is a place to listen at, not to connect to")
        }
        watchEnd(of: channel, id)
    }

    /// Tells of the end of a stream that is just beginning.
    func watchEnd(of channel: EventLoopFuture<any Channel>, _ id: StreamID) {
        channel.whenFailure { [self] in ended(id, reason: phrase(for: $0)) }
        // Only now: when a connection fails, its channel closes before it says why.
        channel.whenSuccess { [self] in
            $0.closeFuture.whenComplete { [self] _ in ended(id) }
        }
    }

    var receiveAllocator: AdaptiveRecvByteBufferAllocator {
        AdaptiveRecvByteBufferAllocator(
            minimum: 1024, initial: 4096, maximum: limits.receivedByteCountMax)
    }

    /// Which end of TLS a stream is; `nil` for one without.
    enum TLSEnd { case client, server }

    func addHandlers(to channel: any Channel, _ id: StreamID, speaking end: TLSEnd?) throws {
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(ReadGate(delivery.value))
        if let end {
            let tls = try tls.current()
            try pipeline.addHandler(try tlsHandler(end, tls, id))
        }
        try pipeline.addHandler(StreamHandler(id, of: self, usesTLS: end != nil))
    }

    private func tlsHandler(
        _ end: TLSEnd, _ tls: TLSContext, _ id: StreamID
    ) throws -> NIOSSLHandler {
        guard let path = tls.bootstrapPath else {
            return switch end {
            case .client: try NIOSSLClientHandler(context: tls.context, serverHostname: nil)
            case .server: NIOSSLServerHandler(context: tls.context)
            }
        }
        let learn: NIOSSLCustomVerificationCallback = { [self] shown, promise in
            let reason = AuthorityBootstrap.learn(from: shown, into: path)
            _ = registry.withLock { $0.end(id, reason: reason) }
            promise.succeed(.failed)
        }
        return switch end {
        case .client:
            try NIOSSLClientHandler(
                context: tls.context, serverHostname: nil, customVerificationCallback: learn)
        case .server:
            NIOSSLServerHandler(context: tls.context, customVerificationCallback: learn)
        }
    }

    func opened(_ id: StreamID, _ channel: any Channel, usesTLS: Bool) {
        guard let opening = registry.withLock({ $0.open(id, channel) }) else {
            channel.close(promise: nil)
            return
        }
        if let listener = opening.listener {
            let peer = peerName(channel, usesTLS: usesTLS)
            delivery.value.offer(.accepted(id, listener: listener, peer: peer))
        } else {
            delivery.value.offer(.connected(id))
        }
        for bytes in opening.early { write(bytes, on: id) }
        closeIfDrained(id)
    }

    func received(_ id: StreamID, _ bytes: [UInt8]) {
        guard registry.withLock({ $0.isLive(id) }) else { return }
        lookout.value?.heard(messages: 1)
        guard delivery.value.tell(bytes, from: id) else { return }
        // After everything else that has come meanwhile: peers are then woken less often.
        loop.execute { [self] in drain() }
    }

    private func drain() {
        for answer in delivery.value.drain() { write(answer.bytes, on: answer.stream) }
        whenAnswered?()
        lookout.value?.turnEnded()
    }

    /// - Parameter peer: Where an accepted stream came from.
    func failed(_ id: StreamID, _ channel: any Channel, peer: String, reason: String) {
        let distrusted = registry.withLock { $0.fail(id, reason: reason) }
        channel.close(promise: nil)
        guard let (listener, reason) = distrusted else { return }
        delivery.value.offer(.distrusted(listener: listener, peer: peer, reason: reason))
    }

    /// Tells the consumer, once. The reason that was noted first is the one that is told.
    func ended(_ id: StreamID, reason: String = "the peer closed the connection") {
        guard let end = registry.withLock({ $0.remove(id, reason: reason) }) else { return }
        delivery.value.offer(.closed(id, reason: end))
    }

    private func write(_ bytes: [UInt8], on id: StreamID) {
        let (isKept, channel) = registry.withLock { $0.channelOrKeep(bytes, for: id) }
        guard !isKept, let channel else { return }
        let count = bytes.count
        channel.writeAndFlush(ByteBuffer(bytes: bytes)).whenComplete { [self] _ in
            registry.withLock { $0.release(count, on: id) }?.close(promise: nil)
        }
    }

    private func closeIfDrained(_ id: StreamID) {
        registry.withLock { $0.channelToClose(id) }?.close(promise: nil)
    }

    /// Closes at once, whatever is unsent.
    private func abort(_ id: StreamID) {
        let (isKnown, channel) = registry.withLock { $0.channel(of: id) }
        guard isKnown else { return }
        if let channel { channel.close(promise: nil) } else { ended(id) }
    }

    func peerName(_ channel: any Channel, usesTLS: Bool) -> String {
        guard let address = channel.remoteAddress, let host = address.ipAddress,
            let port = address.port.map({ UInt16(truncatingIfNeeded: $0) })
        else { return usesTLS ? "ssl" : "unix" }
        let remote = usesTLS ? Remote.tls(host: host, port: port) : .tcp(host: host, port: port)
        return remote.description
    }
}
