public import DatapathMessages
import Glibc

// One end of the channel: messages in, messages out, never waiting.
//
// Messages are packed: what is sent between two flushes travels in as few datagrams as it fits
// into, because each costs a system call. What the kernel does not take waits here, in order, up to
// a bound.
//
//     send ─> [open datagram] ─ full ─> [waiting datagrams] ─ flush ─> socket
//     body <─ messages <─ [one lent buffer] <─ receive <─ socket

/// A connection between the datapath and one of its clients. Owned by one thread.
@safe
public final class ChannelConnection {
    /// What `receive` found.
    public enum Reception: Hashable, Sendable {
        /// All that was there has been read.
        case drained
        /// There may be more: call again after the others had their turn.
        case more
        /// The peer has gone; what it sent before was delivered.
        case closed
    }

    /// For `poll`: readable when something came or the peer left; wait for writable only while
    /// `wantsToWrite`.
    public let descriptor: Int32
    private var writer = DatagramWriter()
    private var waiting: [[UInt8]] = []
    private var waitingHead = 0
    private var waitingByteCount = 0
    private let buffer: UnsafeMutableRawPointer

    /// Takes over `descriptor`, a connected SOCK_SEQPACKET socket, and closes it in the end.
    public init(adopting descriptor: Int32) {
        self.descriptor = descriptor
        UnixSocket.enlargeBuffers(descriptor)
        // Freed in deinit. Pages that no large datagram has touched cost nothing.
        unsafe buffer = .allocate(byteCount: Self.bufferByteCount, alignment: 16)
    }

    /// Connects to the datapath that listens on `path`.
    public convenience init(path: String) throws(ChannelError) {
        self.init(adopting: try UnixSocket.connected(to: path))
    }

    /// Connects to the datapath of `runDirectory`.
    public convenience init(runDirectory: String) throws(ChannelError) {
        try self.init(path: UnixSocket.path(in: runDirectory))
    }

    deinit {
        close(descriptor)
        unsafe buffer.deallocate()
    }

    /// Bytes of the longest datagram.
    public static let datagramByteCountMax = DatapathMessageLimits.datagramByteCountMax
    private static let bufferByteCount = datagramByteCountMax

    // MARK: Sending

    /// Bytes that wait to be sent.
    public var unsentByteCount: Int { waitingByteCount + writer.byteCount }
    /// Whether `flush` has been refused and should be called when the socket is writable.
    public var wantsToWrite: Bool { waitingByteCount > 0 }
    /// Whether upcalls may be added without crowding out replies.
    public var hasRoomForUpcalls: Bool {
        unsentByteCount < ChannelLimits.upcallByteCountMax
    }

    /// Adds a request. It leaves at the next `flush`.
    ///
    /// - Throws: `.overflow` if too much waits already: nothing is added.
    public func send(
        _ request: DatapathRequest, sequence: UInt32
    ) throws(ChannelSendError) {
        try checkRoom()
        do throws(DatapathMessageError) {
            if try writer.append(request, sequence: sequence) { return }
            seal()
            _ = try writer.append(request, sequence: sequence)
        } catch { throw .message(error) }
    }

    /// As `send(.answerUpcall(answer), sequence: 0)`.
    public func send(_ answer: UpcallAnswer) throws(ChannelSendError) {
        try checkRoom()
        do throws(DatapathMessageError) {
            if try writer.append(answer) { return }
            seal()
            _ = try writer.append(answer)
        } catch { throw .message(error) }
    }

    /// Adds a reply or an upcall. It leaves at the next `flush`.
    ///
    /// - Parameter inDump: Whether the reply is part of the answer to a dump.
    /// - Throws: `.overflow` if too much waits already: nothing is added.
    public func send(
        _ reply: DatapathReply, sequence: UInt32, inDump: Bool = false
    ) throws(ChannelSendError) {
        try checkRoom()
        do throws(DatapathMessageError) {
            if try writer.append(reply, sequence: sequence, inDump: inDump) { return }
            seal()
            _ = try writer.append(reply, sequence: sequence, inDump: inDump)
        } catch { throw .message(error) }
    }

    private func checkRoom() throws(ChannelSendError) {
        guard unsentByteCount < ChannelLimits.outgoingByteCountMax else {
            throw .channel(.overflow(byteCount: unsentByteCount))
        }
    }

    /// Moves the open datagram to those that wait.
    private func seal() {
        guard !writer.isEmpty else { return }
        waiting.append(writer.bytes)
        waitingByteCount += writer.byteCount
        writer.removeAll()
    }

    /// Hands the kernel what it takes.
    ///
    /// - Returns: Whether everything is sent. If not, call again when the socket is writable.
    /// - Throws: `.closed` if the peer has gone.
    @discardableResult
    public func flush() throws(ChannelError) -> Bool {
        seal()
        let flags = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
        while waitingHead < waiting.count {
            // The array lends its memory for the call, which only reads it.
            let sent = unsafe waiting[waitingHead].withUnsafeBytes { bytes in
                unsafe Glibc.send(descriptor, bytes.baseAddress, bytes.count, flags)
            }
            guard sent >= 0 else {
                switch errno {
                case EAGAIN, ENOBUFS, ENOMEM: return false
                case EINTR: continue
                case EPIPE, ECONNRESET, ENOTCONN: throw .closed
                default: throw .system(call: "send", code: errno)
                }
            }
            waitingByteCount -= waiting[waitingHead].count
            waiting[waitingHead] = []
            waitingHead += 1
        }
        waiting.removeAll(keepingCapacity: true)
        waitingHead = 0
        return true
    }

    /// Whether a dump may go on.
    public var hasRoomForDump: Bool { unsentByteCount < ChannelLimits.dumpByteCountMax }

    // MARK: Receiving

    /// Reads up to `ChannelLimits.batchCount` datagrams of requests and calls `body` for each.
    public func receive(
        requests body: (Received<DatapathRequest>) -> Void
    ) throws(ChannelError) -> Reception {
        try receiveDatagrams(atMost: ChannelLimits.batchCount) {
            for request in DatapathRequest.decode($0) { body(request) }
        }
    }

    /// Reads up to `ChannelLimits.replyBatchCount` datagrams of replies and calls `body` for each.
    public func receive(
        replies body: (Received<DatapathReply>) -> Void
    ) throws(ChannelError) -> Reception {
        try receiveDatagrams(atMost: ChannelLimits.replyBatchCount) {
            for reply in DatapathReply.decode($0) { body(reply) }
        }
    }

    /// The replies in a datagram that somebody else read from `descriptor`.
    public static func replies(in datagram: [UInt8]) -> [Received<DatapathReply>] {
        // Safe: the array is not changed while its bytes are lent.
        unsafe DatapathReply.decode(datagram.span.bytes)
    }

    private func receiveDatagrams(
        atMost limit: Int, _ body: (RawSpan) -> Void
    ) throws(ChannelError) -> Reception {
        let flags = Int32(MSG_DONTWAIT) | Int32(MSG_TRUNC)
        for _ in 0..<limit {
            // In bounds: the kernel writes at most the buffer's size.
            let count = unsafe recv(descriptor, buffer, Self.bufferByteCount, flags)
            guard count >= 0 else {
                switch errno {
                case EAGAIN: return .drained
                case EINTR: return .more
                case ECONNRESET, ENOTCONN, EPIPE: return .closed
                default: throw .system(call: "recv", code: errno)
                }
            }
            // Nobody sends an empty datagram, so that "empty" can only be the end; and with
            // MSG_TRUNC the count of one that did not fit is its own, so that it shows.
            guard count > 0, count <= Self.bufferByteCount else { return .closed }
            // Initialised: the kernel wrote these bytes. They are lent for the call of `body`.
            let datagram = unsafe UnsafeRawBufferPointer(start: buffer, count: count)
            unsafe body(RawSpan(_unsafeBytes: datagram))
        }
        return .more
    }
}

/// Why a message was not added to what is to be sent.
public enum ChannelSendError: Error, Hashable, Sendable {
    case channel(ChannelError)
    /// The message itself cannot be written.
    case message(DatapathMessageError)
}

extension ChannelSendError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .channel(let error): error.description
        case .message(let error): error.description
        }
    }
}
