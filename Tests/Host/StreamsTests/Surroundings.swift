import Glibc
import Streams
import Synchronization

/// A directory that is gone when the test is over.
final class TemporaryDirectory {
    let path: String

    init() {
        var template = Array("/tmp/apus-streams-XXXXXX".utf8CString)
        path = String(cString: mkdtemp(&template))
    }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Writes a file, and says its path.
    func write(_ text: String, to name: String) -> String {
        let descriptor = open(file(name), O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        precondition(Glibc.write(descriptor, text, text.utf8.count) == text.utf8.count)
        close(descriptor)
        return file(name)
    }

    func read(_ name: String) -> String {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let descriptor = open(file(name), O_RDONLY)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        close(descriptor)
        return String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
    }

    deinit {
        if let directory = opendir(path) {
            while let entry = readdir(directory) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                unlink(file(name))
            }
            closedir(directory)
        }
        rmdir(path)
    }
}

/// A hub and the events that it delivers, to be asked for one after the other.
final class Listening {
    let hub: StreamHub
    private var events: AsyncStream<StreamEvent>.Iterator
    private let finish: @Sendable () -> Void

    init(_ limits: StreamLimits = StreamLimits()) {
        let (stream, continuation) = AsyncStream.makeStream(of: StreamEvent.self)
        hub = StreamHub(limits: limits) {
            continuation.yield($0)
            return true
        }
        events = stream.makeAsyncIterator()
        finish = { continuation.finish() }
    }

    /// The next event as text: `accepted`, `connected`, `received 5`, `closed: reason`.
    func next() async -> String {
        guard let event = await events.next() else { return "over" }
        switch event {
        case .accepted(let id, _, let peer):
            last = id
            return "accepted from \(peer.prefix(4))"
        case .connected: return "connected"
        case .received(_, let bytes): return "received \(String(decoding: bytes, as: UTF8.self))"
        case .closed(_, let reason): return "closed: \(reason)"
        case .distrusted(_, _, let reason): return "distrusted: \(reason)"
        }
    }

    /// The stream that was accepted last.
    private(set) var last: StreamID?

    /// All bytes until the stream closes, and how many `closed` there were by the hub's end.
    func drain() async -> (byteCount: Int, closedCount: Int) {
        var (byteCount, closedCount) = (0, 0)
        while closedCount == 0, let event = await events.next() {
            if case .received(_, let bytes) = event { byteCount += bytes.count }
            if case .closed = event { closedCount += 1 }
        }
        stop()
        while let event = await events.next() { if case .closed = event { closedCount += 1 } }
        return (byteCount, closedCount)
    }

    func stop() {
        hub.shutdown()
        finish()
    }
}

/// A hub that answers each received piece at once with the next letter, and remembers what it sent.
final class Echo: Sendable {
    private final class State: Sendable {
        struct Content {
            var hub: StreamHub?
            var stream: StreamID?
            var sent: [UInt8] = []
        }
        let content = Mutex(Content())

        /// Under the lock, so that the order is known.
        func send(_ further: Int = 0) {
            content.withLock { content in
                guard let hub = content.hub, let stream = content.stream else { return }
                if further > 0 { hub.heard(further: further) }
                let letter = UInt8(ascii: "a") + UInt8(content.sent.count % 26)
                content.sent.append(letter)
                hub.send([letter], on: stream)
            }
        }
    }

    let hub: StreamHub
    private let state = State()

    /// - Parameter further: Messages that it says are in each piece besides the first.
    init(polling: AdaptivePolling? = nil, further: Int = 0) {
        hub = StreamHub(polling: polling) { [state] event in
            switch event {
            case .accepted(let stream, _, _): state.content.withLock { $0.stream = stream }
            case .received: state.send(further)
            case .connected, .closed, .distrusted: break
            }
            return true
        }
        state.content.withLock { $0.hub = hub }
    }

    func sendFromHere() { state.send() }
    var sent: [UInt8] { state.content.withLock { $0.sent } }
    var sentCount: Int { sent.count }
}

/// Answers whatever comes; has something to do afterwards.
final class Answerer: Sendable {
    private let place = Mutex<StreamHub?>(nil)
    var hub: StreamHub { place.withLock { $0! } }
    let client = RawSocket()

    init(afterwards: @escaping @Sendable (RawSocket) -> Void) {
        let hub = StreamHub { [weak self] event in
            if case .received(let id, _) = event { self?.hub.send(Array("answer".utf8), on: id) }
            return true
        } whenAnswered: { [client] in
            afterwards(client)
        }
        place.withLock { $0 = hub }
    }
}

/// A plain unix socket, as a peer that does not behave would use it.
final class RawSocket: Sendable {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)

    static func address<R>(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    func bind(_ path: String) -> Bool {
        Self.address(path) { Glibc.bind(descriptor, $0, $1) } == 0
    }

    func listen() -> Bool { Glibc.listen(descriptor, 1) == 0 }

    func connect(_ path: String) -> Bool {
        Self.address(path) { Glibc.connect(descriptor, $0, $1) } == 0
    }

    deinit { close(descriptor) }
}

/// A hub that answers what it receives, and is shut down by another thread in the same turn.
final class Leaver: Sendable {
    private let place = Mutex<StreamHub?>(nil)
    var hub: StreamHub { place.withLock { $0! } }

    init() {
        let hub = StreamHub { [weak self] event in
            if case .received(let id, _) = event { self?.leave(after: id) }
            return true
        }
        place.withLock { $0 = hub }
    }

    private func leave(after id: StreamID) {
        let hub = hub
        hub.send(Array("bye".utf8), on: id)
        Task.detached { hub.shutdown() }
        usleep(50_000)  // Long enough for the shutdown to wait for us: it comes next.
    }
}
