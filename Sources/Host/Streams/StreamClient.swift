// A stream for a program that has nothing else to do but wait for it: a command-line tool.
//
// Everything it does ends by one deadline, so no tool hangs; and every error names the daemon that
// was waited for, since "connection refused" alone helps nobody.

import NIOCore
import NIOPosix
import Synchronization
import Timekeeping

public final class StreamClient {
    /// Whom to blame in errors: "ovs-vswitchd".
    public let daemon: String
    public let remote: Remote
    private let hub: StreamHub
    private let stream: StreamID
    private let inbox: Inbox
    private let deadline: NIODeadline
    private let timeout: Duration?

    /// Connects, or throws by the deadline.
    ///
    /// - Parameters:
    ///   - daemon: The name to use in errors.
    ///   - timeout: For connecting and everything after it together; `nil` waits for ever.
    public init(
        connectingTo remote: Remote, of daemon: String, timeout: Duration?
    ) throws(StreamClientError) {
        self.daemon = daemon
        self.remote = remote
        self.timeout = timeout
        deadline = timeout.map { .now() + .nanoseconds($0.nanosecondsClamped) } ?? .distantFuture
        let inbox = Inbox()
        self.inbox = inbox
        hub = StreamHub { inbox.put($0) }
        stream = hub.connect(remote, timeout: timeout ?? .seconds(365 * 24 * 3600))
        do {
            guard case .connected = try next() else {
                preconditionFailure("a stream began with neither connected nor closed")
            }
        } catch {
            hub.shutdown()
            throw error
        }
    }

    deinit { hub.shutdown() }

    /// Sends without waiting for the peer to read.
    public func send(_ bytes: [UInt8]) { hub.send(bytes, on: stream) }

    /// The next bytes, however many have come.
    ///
    /// - Throws: `.closed` if the peer ended the stream, `.timedOut` at the deadline.
    public func receive() throws(StreamClientError) -> [UInt8] {
        guard case .received(_, let bytes) = try next() else {
            preconditionFailure("a stream connected twice")
        }
        return bytes
    }

    private func next() throws(StreamClientError) -> StreamEvent {
        let promise = hub.loop.makePromise(of: StreamEvent?.self)
        inbox.take(into: promise)
        let alarm = hub.loop.scheduleTask(deadline: deadline) { [inbox] in inbox.giveUp() }
        defer { alarm.cancel() }
        let event: StreamEvent?
        do {
            event = try promise.futureResult.wait()
        } catch {
            preconditionFailure("nobody fails this promise: \(error)")
        }
        switch event {
        case nil:
            throw .timedOut(daemon: daemon, remote: remote, after: timeout ?? .zero)
        case .closed(_, let reason):
            throw .closed(daemon: daemon, remote: remote, reason: reason)
        case let event?:
            return event
        }
    }
}

/// Why a tool could not talk to a daemon.
public enum StreamClientError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Nobody answered there, or the peer ended the stream.
    case closed(daemon: String, remote: Remote, reason: String)
    /// The daemon is there, but did not do what was asked in time.
    case timedOut(daemon: String, remote: Remote, after: Duration)

    public var description: String {
        switch self {
        case .closed(let daemon, let remote, let reason):
            "cannot talk to \(daemon) at \(remote): \(reason)"
        case .timedOut(let daemon, let remote, let timeout):
            "\(daemon) at \(remote) did not answer within \(timeout.inSeconds) s"
        }
    }
}

/// Events that nobody has asked for yet, or a promise that waits for one.
private final class Inbox: Sendable {
    /// More than this is not taken, so that the peer waits for us.
    static let eventCountMax = 16

    private struct State {
        var events: [StreamEvent] = []
        var waiting: EventLoopPromise<StreamEvent?>?
        /// A stream's end is told again to whoever asks again.
        var end: StreamEvent?
    }
    private let state = Mutex(State())

    /// Called by the hub; `false` if there is no room.
    func put(_ event: StreamEvent) -> Bool {
        state.withLock { state in
            if let promise = state.waiting {
                state.waiting = nil
                promise.succeed(event)
            } else {
                guard state.events.count < Self.eventCountMax else { return false }
                state.events.append(event)
            }
            if case .closed = event { state.end = event }
            return true
        }
    }

    func take(into promise: EventLoopPromise<StreamEvent?>) {
        state.withLock { state in
            if !state.events.isEmpty {
                promise.succeed(state.events.removeFirst())
            } else if let end = state.end {
                promise.succeed(end)
            } else {
                state.waiting = promise
            }
        }
    }

    /// Ends the wait of `take` with nothing.
    func giveUp() {
        state.withLock { state in
            state.waiting?.succeed(nil)
            state.waiting = nil
        }
    }
}
