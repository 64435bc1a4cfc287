// How events reach a consumer that may be slow.
//
// Nothing is dropped: an event that the consumer does not take is held, and from then on nobody
// reads from any socket, so that the kernel's buffers fill and the peers wait. What can still come
// while reading is stopped is bounded by the number of streams.

import NIOCore
import Synchronization
import Timekeeping

/// Lives on the event loop's thread.
final class Delivery {
    private let loop: any EventLoop
    private let interval: TimeAmount
    private let deliver: @Sendable (StreamEvent) -> Bool
    private let whenDrained: (@Sendable () -> Void)?
    /// Not yet taken, oldest first.
    private var held: [StreamEvent] = []
    /// Channels that want to read once `held` is empty again.
    private var waiting: [any Channel] = []
    private let counts: ThreadCounts
    private var isOver = false
    /// Whether the consumer is being told of received bytes right now.
    private(set) var isTelling = false
    /// Whether `drain` will be called after what comes in this turn of the event loop.
    private var isDrainDue = false
    /// What the consumer has sent meanwhile. Not written before it has heard: writing can fail, and
    /// a failure is told too.
    private var answers: [(stream: StreamID, bytes: [UInt8])] = []

    init(
        loop: any EventLoop, interval: Duration, counts: ThreadCounts,
        deliver: @escaping @Sendable (StreamEvent) -> Bool,
        whenDrained: (@Sendable () -> Void)?
    ) {
        self.counts = counts
        self.whenDrained = whenDrained
        self.loop = loop
        self.interval = .nanoseconds(interval.nanosecondsClamped)
        self.deliver = deliver
    }

    func offer(_ event: StreamEvent) {
        guard !isOver else { return }
        guard held.isEmpty else {
            held.append(event)
            return
        }
        guard !deliver(event) else { return }
        held.append(event)
        counts.pauses.add(1, ordering: .relaxed)
        askAgainLater()
    }

    /// Tells of received bytes.
    ///
    /// - Returns: Whether these are the first of this turn of the event loop: then `drain` is to be
    ///   called after the others.
    func tell(_ bytes: [UInt8], from stream: StreamID) -> Bool {
        isTelling = true
        offer(.received(stream, bytes))
        isTelling = false
        defer { isDrainDue = true }
        return !isDrainDue
    }

    /// Tells the consumer that it has heard all that had come.
    ///
    /// - Returns: What it has answered, in order; to be written.
    func drain() -> [(stream: StreamID, bytes: [UInt8])] {
        isDrainDue = false
        tellDrained()
        defer { answers = [] }
        return answers
    }

    private func tellDrained() {
        guard let whenDrained, !isOver else { return }
        isTelling = true
        whenDrained()
        isTelling = false
    }

    /// Whether the consumer takes what it is offered.
    var isTaking: Bool { held.isEmpty && !isOver }

    /// Keeps an answer until the answers are taken.
    func keep(_ bytes: [UInt8], for stream: StreamID) { answers.append((stream, bytes)) }

    /// Called where a channel is about to read: it may go on, or it is remembered.
    func mayRead(_ channel: any Channel) -> Bool {
        guard !held.isEmpty else { return true }
        waiting.append(channel)
        return false
    }

    /// Nothing is delivered from here on.
    func end() {
        isOver = true
        held = []
        waiting = []
    }

    private func askAgainLater() {
        let delivery = NIOLoopBound(self, eventLoop: loop)
        loop.scheduleTask(in: interval) { delivery.value.askAgain() }
    }

    private func askAgain() {
        guard !isOver else { return }
        let taken = held.firstIndex { !deliver($0) } ?? held.count
        held.removeFirst(taken)
        if taken > 0 { whenDrained?() }
        guard held.isEmpty else {
            askAgainLater()
            return
        }
        let readers = waiting
        waiting = []
        for channel in readers { channel.read() }
    }
}

/// What the hub's thread counts, read by others.
final class ThreadCounts: Sendable {
    /// How often a delivery stopped.
    let pauses = Atomic<UInt64>(0)
    /// How often the thread looked before it slept, and how often nothing came meanwhile.
    let looks = Atomic<UInt64>(0)
    let vainLooks = Atomic<UInt64>(0)
}

/// Stops the reads of a channel, a listening one too, while the consumer is full.
final class ReadGate: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer

    private let delivery: Delivery

    init(_ delivery: Delivery) { self.delivery = delivery }

    func read(context: ChannelHandlerContext) {
        if delivery.mayRead(context.channel) { context.read() }
    }
}
