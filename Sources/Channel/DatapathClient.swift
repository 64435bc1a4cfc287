public import DatapathMessages
import Glibc
import Timekeeping

// The channel for whoever has nothing else to do: ask, wait, get the answer.

/// Why the datapath did not answer a tool.
public enum DatapathClientError: Error, Hashable, Sendable {
    case channel(ChannelError)
    case message(DatapathMessageError)
    /// The answer did not come in time.
    case timeout(path: String, seconds: Double)
    /// The datapath refused.
    case refused(code: Int32, text: String)
}

extension DatapathClientError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .channel(let error): return error.description
        case .message(let error): return "the datapath's answer cannot be read: \(error)"
        case .timeout(let path, let seconds):
            return "apus-datapath did not answer on \(path) within \(seconds) s"
        case .refused(let code, let text):
            return text.isEmpty ? errorText(code) : "\(errorText(code)) (\(text))"
        }
    }
}

/// A blocking client of the datapath. Waits no longer than its deadline says. Owned by one thread.
public final class DatapathClient {
    /// The datapath's socket, or the name of the kernel's.
    public let path: String
    private let connection: any DatapathEnd
    private let timeout: Duration
    private var sequence: UInt32 = 0

    /// Connects to the datapath of `runDirectory`.
    ///
    /// - Parameter timeout: How long each request may take.
    public init(runDirectory: String, timeout: Duration) throws(DatapathClientError) {
        path = UnixSocket.path(in: runDirectory)
        self.timeout = timeout
        do throws(ChannelError) {
            connection = try ChannelConnection(path: path)
        } catch { throw .channel(error) }
    }

    /// Speaks with the kernel's module through `kernel`.
    public init(kernel: KernelConnection, timeout: Duration) {
        path = "system@\(kernel.name)"
        connection = kernel
        self.timeout = timeout
    }

    /// Sends `request` and waits for its answer.
    ///
    /// - Returns: The items of a dump, or what else came before the final `.done`.
    /// - Throws: `.refused` if the datapath said no, `.timeout`, `.channel(.closed)` if it went
    ///   away.
    public func request(
        _ request: DatapathRequest
    ) throws(DatapathClientError) -> [DatapathReply] {
        sequence &+= 1
        do throws(ChannelSendError) {
            try connection.send(request, sequence: sequence)
        } catch {
            switch error {
            case .channel(let error): throw .channel(error)
            case .message(let error): throw .message(error)
            }
        }
        let deadline = Self.now() + timeout
        var answer = Answer(sequence: sequence)
        while !answer.isComplete {
            let reception: ChannelConnection.Reception
            do throws(ChannelError) {
                try connection.flush()
                reception = try connection.receive(replies: { answer.add($0) })
            } catch { throw .channel(error) }
            if answer.isComplete { break }
            switch reception {
            case .closed: throw .channel(.closed)
            case .more: break
            case .drained: try wait(until: deadline)
            }
        }
        return try answer.result.get()
    }

    private struct Answer {
        let sequence: UInt32
        var items: [DatapathReply] = []
        var failure: DatapathClientError?
        var isComplete = false

        init(sequence: UInt32) { self.sequence = sequence }

        var result: Result<[DatapathReply], DatapathClientError> {
            failure.map { .failure($0) } ?? .success(items)
        }

        mutating func add(_ received: Received<DatapathReply>) {
            guard received.sequence == sequence, !isComplete else { return }
            switch received.content {
            case .success(.done): isComplete = true
            case .success(.failed(let errno, let text)):
                (failure, isComplete) = (.refused(code: errno, text: text), true)
            case .success(let item): items.append(item)
            case .failure(let error): (failure, isComplete) = (.message(error), true)
            }
        }
    }

    private func wait(until deadline: Instant) throws(DatapathClientError) {
        let left = deadline.since(Self.now()).nanosecondsClamped
        guard left > 0 else { throw .timeout(path: path, seconds: timeout.inSeconds) }
        let events = Int16(connection.wantsToWrite ? POLLIN | POLLOUT : POLLIN)
        var entry = pollfd(fd: connection.descriptor, events: events, revents: 0)
        // One entry, which lives through the call. An interruption is one more turn of the loop.
        _ = unsafe poll(&entry, 1, Int32(clamping: (left + 999_999) / 1_000_000))
    }

    private static func now() -> Instant {
        var time = timespec()
        // CLOCK_MONOTONIC is always there: the call cannot fail with a valid address.
        _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Instant(
            nanosecondsSinceStart: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
    }
}
