// How the hub's thread looks for what comes next instead of sleeping.
//
//     all heard and answered ──> ring ──> SwiftNIO asks the kernel: the bell, and what has come
//                                 ^                  │
//                                 '── nothing came ──┴── something came ──> heard, answered …
//
// SwiftNIO sleeps whenever there is nothing to read. It cannot be told not to, but it does not
// sleep while a bell rings that it listens to; so for a moment we ring again each time that it has
// heard the bell. `AdaptivePolling` says when.

import CProcess
import Glibc
import NIOCore
import NIOPosix
import Synchronization
import Timekeeping

/// The handler of the bell's channel. Lives on the event loop's thread.
final class Lookout: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// Bytes of an eventfd's counter.
    private static let ringByteCount = 8

    /// The channel's own.
    private let bell: Int32
    /// Whether the channel has it. If the channel never came about, or was closed with all others
    /// because the loop ends, the number may be another descriptor's by now.
    private var isOpen = false
    private var polling: AdaptivePolling
    private let counts: ThreadCounts
    /// Messages that were heard since the last turn ended: pieces, and what else was in them.
    private var messageCount = 0
    /// Until when it looks.
    private var end: NIODeadline?
    private var isRinging = false

    private init(_ bell: Int32, _ polling: AdaptivePolling, _ counts: ThreadCounts) {
        self.bell = bell
        self.counts = counts
        self.polling = polling
    }

    /// - Returns: `nil` if there is no descriptor for a bell: then the thread sleeps at once, as it
    ///   would without a lookout.
    static func begin(
        _ polling: AdaptivePolling, _ counts: ThreadCounts, on loop: any EventLoop
    ) -> Lookout? {
        loop.preconditionInEventLoop()
        let bell = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard bell >= 0 else { return nil }
        let lookout = NIOLoopBound(Lookout(bell, polling, counts), eventLoop: loop)
        let channel = NIOPipeBootstrap(group: loop)
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelOption(
                .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: ringByteCount))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(lookout.value)
                }
            }
            .takingOwnershipOfDescriptor(input: bell)
        channel.whenFailure { _ in close(bell) }
        return lookout.value
    }

    /// Something has come, from whichever stream.
    func heard(messages: Int) { messageCount += messages }

    /// All that had come is answered.
    func turnEnded() {
        polling.turnEnded(messages: messageCount, lookedInVain: false)
        messageCount = 0
        let window = polling.window
        guard window > .zero, isOpen else {
            end = nil
            return
        }
        counts.looks.add(1, ordering: .relaxed)
        end = .now() + .nanoseconds(window.nanosecondsClamped)
        if !isRinging { ring() }
    }

    private func ring() {
        // The counter is zero, so this neither blocks nor fails.
        isRinging = eventfd_write(bell, 1) == 0
    }

    func channelActive(context: ChannelHandlerContext) {
        isOpen = true
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        isOpen = false
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isRinging = false
        guard end != nil else { return }
        // After all else that has come: whoever sent that waits.
        context.eventLoop.assumeIsolated().execute { self.lookOn() }
    }

    private func lookOn() {
        // If something has come, its turn's end decides.
        guard let end, messageCount == 0 else { return }
        guard .now() < end else {
            counts.vainLooks.add(1, ordering: .relaxed)
            polling.turnEnded(messages: 0, lookedInVain: true)
            self.end = nil
            return
        }
        // Whom we wait for may wait for this processor.
        sched_yield()
        ring()
    }
}
