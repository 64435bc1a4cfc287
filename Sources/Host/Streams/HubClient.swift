// The way of a tool to a place that SwiftNIO has to reach for it: by TLS, or under a name that must
// be looked up first. Costs a thread.

import NIOCore
import NIOPosix
import Synchronization
import Timekeeping

final class HubClient {
    private let hub: StreamHub
    private let stream: StreamID
    private let inbox = Inbox()
    private let deadline: NIODeadline

    /// Begins to connect; the first event says what became of it.
    init(connectingTo remote: Remote, timeout: Duration?, tls: TLSFiles?) {
        deadline = timeout.map { .now() + .nanoseconds($0.nanosecondsClamped) } ?? .distantFuture
        hub = StreamHub { [inbox] in inbox.put($0) }
        hub.useTLS(tls)
        stream = hub.connect(remote, timeout: timeout ?? .seconds(365 * 24 * 3600))
    }

    deinit { hub.shutdown() }

    func send(_ bytes: [UInt8]) { hub.send(bytes, on: stream) }

    /// - Returns: What happened next; `nil` if the time is over.
    func next() -> StreamEvent? {
        let promise = hub.loop.makePromise(of: StreamEvent?.self)
        inbox.take(into: promise)
        let alarm = hub.loop.scheduleTask(deadline: deadline) { [inbox] in inbox.giveUp() }
        defer { alarm.cancel() }
        do {
            return try promise.futureResult.wait()
        } catch {
            preconditionFailure("nobody fails this promise: \(error)")
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
