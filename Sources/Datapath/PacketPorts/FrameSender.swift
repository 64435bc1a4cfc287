// Sending: frames leave from where they lie, up to 64 with one system call.
//
// For each frame a slot holds what goes before its bytes; the kernel gathers the two pieces.
//
//     slot:  | virtio_net_hdr 10 |                                     + frame as it lies
//     slot:  | virtio_net_hdr 10 | MAC addresses 12 | VLAN tag 4 |     + frame from byte 12
//     slot:  | virtio_net_hdr 10 | copied header (with tag) |          + the rest of the frame
//
// sendmmsg stops at the first frame that it cannot send and tells how many went before. That frame
// is counted by its reason and passed over: a bad frame never holds up the good ones behind it.

internal import CLinuxPacket
public import Flows
internal import Glibc
public import Packets

/// What became of the frames of one flush.
public struct SendReport: Hashable, Sendable {
    /// Frames that the interface took, and their bytes on the wire.
    public var sentCount: Int
    public var sentByteCount: Int
    /// Frames that it did not take; `FrameSender.failure(at:)` has each.
    public var failureCount: Int

    public init(sentCount: Int = 0, sentByteCount: Int = 0, failureCount: Int = 0) {
        self.sentCount = sentCount
        self.sentByteCount = sentByteCount
        self.failureCount = failureCount
    }
}

/// A frame that could not be sent.
public struct SendFailure: Hashable, Sendable {
    /// What was handed in with the frame.
    public var token: UInt32
    /// `.exceedsMTU`, `.outputPortGone`, `.invalidOffload`, `.truncatedEthernet` or `.sendFailed`.
    public var end: PacketEnd

    public init(token: UInt32, end: PacketEnd) {
        self.token = token
        self.end = end
    }
}

/// Sends frames out of one interface. One for each worker and port; for one thread at a time.
@safe
public struct FrameSender: ~Copyable {
    public let interface: InterfaceFacts
    private let socket: Descriptor
    /// Whether frames pass by the interface's queueing discipline.
    private var bypassesQueue: Bool
    /// Whether they wait there on purpose: a full queue then is the end of what comes next.
    private let isShaped: Bool
    private let slots: UnsafeMutableRawPointer
    private let vectors: UnsafeMutablePointer<iovec>
    private let messages: UnsafeMutablePointer<mmsghdr>
    private let waiting: UnsafeMutablePointer<Waiting>
    private let failures: UnsafeMutablePointer<SendFailure>
    private var failureCount = 0
    /// Frames that wait for `flush`, 0 to `PortLimits.sendBatchCount`.
    public private(set) var waitingCount = 0

    private struct Waiting {
        var token: UInt32
        var byteCount: UInt32
        var hasOffload: Bool
        var isSuperFrame: Bool
    }

    private static let capacity = PortLimits.sendBatchCount
    private static let macByteCount = 12
    private static let tagByteCount = 4
    /// Room for the three parts, rounded up to whole cache lines.
    private static let slotByteCount =
        (OffloadHeader.byteCount + tagByteCount + PortLimits.copiedHeaderByteCount + 63) & ~63

    /// - Throws: `.notPermitted` without CAP_NET_RAW, `.noSuchInterface` if the interface went
    ///   away since `interface` was read, or what the kernel said.
    ///
    /// - Parameter queue: Frames take the interface's queueing discipline, with this priority; nil:
    ///   they pass it by.
    public init(interface: InterfaceFacts, queue: UInt32? = nil) throws(PortError) {
        self.interface = interface
        socket = try Self.makeSocket(interface, queue: queue)
        bypassesQueue = queue == nil
        isShaped = queue != nil
        unsafe slots = .allocate(byteCount: Self.capacity * Self.slotByteCount, alignment: 64)
        unsafe vectors = .allocate(capacity: Self.capacity * 2)
        unsafe messages = .allocate(capacity: Self.capacity)
        unsafe waiting = .allocate(capacity: Self.capacity)
        unsafe failures = .allocate(capacity: Self.capacity)
        unsafe vectors.initialize(repeating: iovec(), count: Self.capacity * 2)
        unsafe messages.initialize(repeating: mmsghdr(), count: Self.capacity)
        for index in 0..<Self.capacity {
            // Safe: both arrays have room for `capacity` frames, two vectors each.
            unsafe messages[index].msg_hdr.msg_iov = vectors + 2 * index
            unsafe messages[index].msg_hdr.msg_iovlen = 2
            unsafe vectors[2 * index].iov_base = slots + index * Self.slotByteCount
        }
    }

    private static func makeSocket(
        _ interface: InterfaceFacts, queue: UInt32?
    ) throws(PortError) -> Descriptor {
        let socket = try Descriptor(
            apus_packet_socket(), interface: interface.name, call: "socket(AF_PACKET)")
        let passes: CInt = queue == nil ? 1 : 0
        for (option, text, value) in [
            (PACKET_VNET_HDR, "PACKET_VNET_HDR", 1),
            (PACKET_QDISC_BYPASS, "PACKET_QDISC_BYPASS", passes),
        ] {
            guard apus_packet_set(socket.number, option, value) == 0 else {
                throw PortError(interface: interface.name, call: "setsockopt(\(text))")
            }
        }
        guard apus_socket_set_priority(socket.number, queue ?? 0) == 0 else {
            throw PortError(interface: interface.name, call: "setsockopt(SO_PRIORITY)")
        }
        guard apus_socket_set_send_buffer(socket.number, PortLimits.sendBufferByteCount) == 0
        else { throw PortError(interface: interface.name, call: "setsockopt(SO_SNDBUFFORCE)") }
        guard apus_packet_bind(socket.number, interface.index, 0) == 0 else {
            throw PortError(interface: interface.name, call: "bind(AF_PACKET)")
        }
        return socket
    }

    deinit {
        // Safe: allocated in init, trivial elements, no use follows.
        unsafe slots.deallocate()
        unsafe vectors.deallocate()
        unsafe messages.deallocate()
        unsafe waiting.deallocate()
        unsafe failures.deallocate()
    }

    /// Whether the next `append` needs a `flush` before it.
    public var isFull: Bool { waitingCount == Self.capacity }

    /// Notes a frame for the next flush. Its bytes are not copied: they must stay valid and
    /// unchanged until `flush` returns. Traps if `isFull`.
    ///
    /// - Parameters:
    ///   - frame: Its outer tag is put into the bytes that leave, and its offload header moves
    ///     with them; the frame itself is not changed.
    ///   - token: Comes back in the frame's `SendFailure`, for example the port it came by.
    ///   - headerByteCount: So many bytes from the frame's start are copied, and may be changed as
    ///     soon as this returns: for a frame whose headers are edited for further outputs. At most
    ///     `PortLimits.copiedHeaderByteCount`; more than the frame has means all of it.
    public mutating func append(
        _ frame: Frame, token: UInt32 = 0, copyingHeader headerByteCount: Int = 0
    ) {
        precondition(!isFull, "flush before appending")
        precondition(headerByteCount <= PortLimits.copiedHeaderByteCount, "header too long to copy")
        let index = waitingCount
        let hasTag = unsafe frame.vlanTPID != 0
        let wanted = hasTag ? max(headerByteCount, Self.macByteCount) : headerByteCount
        // A frame without whole MAC addresses gets no tag; `flush` refuses it.
        let copied = unsafe min(wanted, max(frame.byteCount, 0))
        // Safe: the slot has room for the offload header, a tag and `copied` bytes; the lender of
        // the frame guarantees that its `byteCount` bytes are there.
        let slot = unsafe slots + index * Self.slotByteCount
        var end = unsafe slot + OffloadHeader.byteCount
        if hasTag && copied >= Self.macByteCount {
            unsafe OffloadHeader.write(
                frame.offload, shiftedBy: UInt16(Self.tagByteCount), to: slot)
            unsafe end.copyMemory(from: frame.start, byteCount: Self.macByteCount)
            unsafe end += Self.macByteCount
            unsafe end.storeBytes(of: frame.vlanTPID.bigEndian, as: UInt16.self)
            unsafe end.storeBytes(of: frame.vlanTCI.bigEndian, toByteOffset: 2, as: UInt16.self)
            unsafe end += Self.tagByteCount
            let rest = copied - Self.macByteCount
            unsafe end.copyMemory(from: frame.start + Self.macByteCount, byteCount: rest)
            unsafe end += rest
        } else {
            unsafe OffloadHeader.write(frame.offload, shiftedBy: 0, to: slot)
            unsafe end.copyMemory(from: frame.start, byteCount: copied)
            unsafe end += copied
        }
        unsafe vectors[2 * index].iov_len = end - slot
        unsafe vectors[2 * index + 1].iov_base = frame.start + copied
        unsafe vectors[2 * index + 1].iov_len = frame.byteCount - copied
        unsafe (waiting + index).initialize(
            to: Waiting(
                token: token, byteCount: UInt32(truncatingIfNeeded: frame.wireByteCount),
                hasOffload: frame.offload != .none, isSuperFrame: frame.offload.isSuperFrame))
        waitingCount += 1
    }

    /// Sends all that wait, in their order. Afterwards their memory is not used any more.
    ///
    /// - Returns: What became of them; `failure(at:)` is valid until the next flush.
    public mutating func flush() -> SendReport {
        var report = SendReport()
        var done = 0
        var retryCount = 0
        failureCount = 0
        while done < waitingCount {
            // Safe: `done ..< waitingCount` are messages that `append` filled.
            let result = unsafe sendmmsg(
                socket.number, messages + done, UInt32(waitingCount - done),
                CInt(MSG_DONTWAIT))
            guard result <= 0 else {
                for index in done..<done + Int(result) {
                    unsafe report.sentByteCount += Int(waiting[index].byteCount)
                }
                report.sentCount += Int(result)
                done += Int(result)
                retryCount = 0
                continue
            }
            let error = errno
            if shouldRetry(error, unsafe waiting[done], &retryCount) { continue }
            // Safe: at most one failure for each of the waiting frames.
            unsafe (failures + failureCount).initialize(
                to: SendFailure(token: waiting[done].token, end: end(error, waiting[done])))
            failureCount += 1
            done += 1
            retryCount = 0
        }
        waitingCount = 0
        report.failureCount = failureCount
        return report
    }

    /// The `index`-th failure of the last flush, in the order of the frames. Traps if there were
    /// not so many.
    public func failure(at index: Int) -> SendFailure {
        precondition((0..<failureCount).contains(index), "no such failure")
        // Safe: the first `failureCount` are initialised.
        return unsafe failures[index]
    }

    private mutating func shouldRetry(
        _ error: CInt, _ frame: Waiting, _ retryCount: inout Int
    ) -> Bool {
        guard error != EINTR else { return true }
        guard error == EAGAIN || error == ENOBUFS else { return false }
        // Past the queueing discipline the kernel drops super-frames that it would have to cut for
        // an interface without segmentation offload; by way of the queue it cuts them. From the
        // first such frame on everything takes the queue, so that frames keep their order.
        if error == ENOBUFS && frame.isSuperFrame && bypassesQueue {
            bypassesQueue = false
            return apus_packet_set(socket.number, PACKET_QDISC_BYPASS, 0) == 0
        }
        guard !isShaped else { return false }
        retryCount += 1
        return retryCount <= PortLimits.sendRetryCount
    }

    private func end(_ error: CInt, _ frame: Waiting) -> PacketEnd {
        switch error {
        case EMSGSIZE: .exceedsMTU
        case ENXIO, ENODEV: .outputPortGone
        case EINVAL where frame.byteCount < UInt32(ETH_HLEN): .truncatedEthernet
        case EINVAL where frame.hasOffload: .invalidOffload
        default: .sendFailed
        }
    }
}
