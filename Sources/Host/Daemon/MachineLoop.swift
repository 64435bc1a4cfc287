// The one place where a daemon waits.

import CProcess
import Glibc
public import Timekeeping

/// A descriptor that shall end the wait.
public struct Watch: Sendable {
    public var descriptor: Int32
    public var forReading: Bool
    public var forWriting: Bool

    public init(_ descriptor: Int32, forReading: Bool = true, forWriting: Bool = false) {
        self.descriptor = descriptor
        self.forReading = forReading
        self.forWriting = forWriting
    }
}

/// Why the wait ended. All of it may be empty or false: then the deadline has come.
public struct Turn<Message: Sendable>: Sendable {
    /// The moment after the wait.
    public let now: Instant
    /// What came into the mailbox, oldest first.
    public let messages: [Message]
    /// Watched descriptors, in the order in which they were given. A descriptor that has failed or
    /// whose other end is closed is in each list that it was watched for: the next
    /// read or write says why.
    public let readable: [Int32]
    public let writable: [Int32]
    /// SIGTERM or SIGINT has come, or `exit` on the control socket.
    public let isStopRequested: Bool
    /// The wait began with looking, and nothing had come when that ended.
    public let hasLookedInVain: Bool
}

/// Waits for messages, signals, descriptors and the machine's deadline in one `poll`.
public struct MachineLoop<Message: Sendable> {
    /// Longest single wait; the kernel counts it in an `Int32` of milliseconds.
    private static var waitMillisecondsMax: Int64 { 3_600_000 }

    private let mailbox: Mailbox<Message>
    /// Readable when a signal has come, and what takes it and says whether it means the end.
    private let signalDescriptor: Int32
    private let takeSignals: () -> Bool

    public init(_ process: DaemonProcess, _ mailbox: Mailbox<Message>) {
        self.init(mailbox, process.signalDescriptor, takeSignals: process.takeSignals)
    }

    init(
        _ mailbox: Mailbox<Message>, _ signalDescriptor: Int32, takeSignals: @escaping () -> Bool
    ) {
        self.mailbox = mailbox
        self.signalDescriptor = signalDescriptor
        self.takeSignals = takeSignals
    }

    /// Waits until something happens, but no longer than until `deadline` (rounded up to a whole
    /// millisecond, so that the machine is not woken just before it is due).
    ///
    /// - Parameters:
    ///   - deadline: When the machine wants to be called again; `nil` means it can wait.
    ///   - window: How long it looks again and again before it sleeps (`Streams.AdaptivePolling`).
    public func wait(
        until deadline: Instant?, watching watches: [Watch] = [], looking window: Duration = .zero
    ) -> Turn<Message> {
        var polled = [mailbox.descriptor, signalDescriptor].map {
            pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
        }
        polled += watches.map {
            let events = ($0.forReading ? POLLIN : 0) | ($0.forWriting ? POLLOUT : 0)
            return pollfd(fd: $0.descriptor, events: Int16(events), revents: 0)
        }
        let hasFound = window > .zero && look(&polled, for: window)
        if !hasFound {
            // Safe: the array lives during the call. It fails only with EINTR, which is a turn too.
            unsafe poll(&polled, nfds_t(polled.count), timeoutMilliseconds(until: deadline))
        }
        let failed = Int16(POLLERR | POLLHUP | POLLNVAL)
        func ready(_ event: Int32, _ isWanted: (Watch) -> Bool) -> [Int32] {
            zip(watches, polled.dropFirst(2))
                .filter { isWanted($0) && $1.revents & (Int16(event) | failed) != 0 }
                .map { $0.0.descriptor }
        }
        return Turn(
            now: MonotonicClock.now(), messages: mailbox.drain(),
            readable: ready(Int32(POLLIN), \.forReading),
            writable: ready(Int32(POLLOUT), \.forWriting),
            isStopRequested: polled[1].revents != 0 && takeSignals(),
            hasLookedInVain: window > .zero && !hasFound)
    }

    /// - Returns: Whether something has happened.
    private func look(_ polled: inout [pollfd], for window: Duration) -> Bool {
        let end = MonotonicClock.now() + window
        repeat {
            // Safe: as above.
            if unsafe poll(&polled, nfds_t(polled.count), 0) != 0 { return true }
            // Whom we wait for may wait for this processor.
            sched_yield()
        } while MonotonicClock.now() < end
        return false
    }

    private func timeoutMilliseconds(until deadline: Instant?) -> Int32 {
        guard let deadline else { return -1 }
        let left = max(0, deadline.since(MonotonicClock.now()).nanosecondsClamped)
        let milliseconds = left / 1_000_000 + (left % 1_000_000 > 0 ? 1 : 0)
        return Int32(min(milliseconds, Self.waitMillisecondsMax))
    }
}
