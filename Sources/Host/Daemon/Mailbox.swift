// How other threads talk to the thread that owns a machine.
//
// A bounded queue with an eventfd beside it, so that the machine can wait in one `poll` for
// messages, packets and its next deadline alike.

import CProcess
import Glibc
public import Synchronization

/// Many threads post, one drains.
public final class Mailbox<Message: Sendable>: Sendable {
    /// Messages that may wait. With a hub's largest piece of 64 KiB this holds 64 MiB at worst.
    public static var standardCapacity: Int { 1024 }

    public let capacity: Int
    /// Readable while messages wait. For `poll` only; the mailbox reads and closes it.
    public let descriptor: Int32
    @usableFromInline let state = Mutex(State())

    @usableFromInline struct State {
        var messages: [Message] = []
        /// The descriptor is readable. Whoever drains each turn spares a system call.
        var isSignalled = false
        @usableFromInline var postedCount: UInt64 = 0
        var refusedCount: UInt64 = 0
    }

    /// Traps if the process has no descriptor left, for then it cannot run at all.
    public init(capacity: Int = Mailbox.standardCapacity) {
        precondition(capacity > 0, "a mailbox without room is of no use")
        self.capacity = capacity
        descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard descriptor >= 0 else { fatalError("no eventfd for a mailbox: errno \(errno)") }
    }

    deinit { close(descriptor) }

    /// How often `post` found the mailbox full; only grows.
    public var refusedCount: UInt64 { state.withLock { $0.refusedCount } }

    /// How many messages were ever taken in.
    @inlinable var postedCount: UInt64 { state.withLock { $0.postedCount } }

    /// Wakes the machine though there is no message.
    @usableFromInline func wake() { state.withLock { signal(&$0) } }

    private func signal(_ state: inout State) {
        guard !state.isSignalled else { return }
        state.isSignalled = true
        // The counter is far below its end, so this write neither blocks nor fails.
        eventfd_write(descriptor, 1)
    }

    /// Adds a message, and wakes the machine if it sleeps.
    ///
    /// - Returns: `false` if `capacity` messages wait already; the message was not taken.
    @discardableResult
    public func post(_ message: Message) -> Bool {
        state.withLock { state in
            guard state.messages.count < capacity else {
                state.refusedCount += 1
                return false
            }
            state.messages.append(message)
            state.postedCount += 1
            signal(&state)
            return true
        }
    }

    /// Takes all messages, oldest first; empty if none wait.
    public func drain() -> [Message] {
        state.withLock { state in
            guard state.isSignalled else { return [] }
            state.isSignalled = false
            var count: eventfd_t = 0
            // Safe: `count` lives during the call. Leaves the descriptor unreadable.
            unsafe eventfd_read(descriptor, &count)
            defer { state.messages = [] }
            return state.messages
        }
    }
}
