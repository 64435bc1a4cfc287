// An internal port: an interface of the host whose other end is this process.
//
// What the host sends out of it can be read here, and what is written here the host receives. Like
// on a ring, super-frames and unfinished checksums cross as they are, described by an offload
// header of 10 bytes; unlike on a ring, a VLAN tag stands in the bytes and has to be taken out and
// put in.
//
//     a buffer of the pool:  | headroom | 4 spare | virtio_net_hdr 10 | frame, up to 64 KiB |
//
// A received frame's tag is taken out by moving the 12 bytes of MAC addresses over it.

internal import CLinuxPacket
public import Flows
internal import Glibc
public import Packets

/// A tap interface made by this process; it goes away with this value. For one thread at a time,
/// but for `send`, which any may call: the kernel takes a frame whole or not.
@safe
public struct TapPort: ~Copyable {
    /// The interface as it was made: down, with an address of the kernel's choice, MTU 1500.
    public let interface: InterfaceFacts
    private let device: Descriptor
    private let pool: UnsafeMutableRawPointer
    private var lentCount = 0

    private static let headroom = PortLimits.headroomByteCount + 2 * OffloadHeader.byteCount
    private static let stride = (headroom + PortLimits.frameByteCount + 63) & ~63
    private static let macByteCount = 12
    private static let tagByteCount = 4

    /// Makes the interface `name`, in the calling thread's network namespace.
    ///
    /// - Throws: `.nameTaken` if an interface of that name exists, `.notPermitted` without
    ///   CAP_NET_ADMIN, `.invalidName`, or what the kernel said.
    public init(name: String) throws(PortError) {
        try checkInterfaceName(name)
        let device = try Self.open(name)
        let interface = try InterfaceFacts(name: name)
        self.device = device
        self.interface = interface
        unsafe pool = .allocate(byteCount: PortLimits.tapPoolCount * Self.stride, alignment: 64)
    }

    private static func open(_ name: String) throws(PortError) -> Descriptor {
        // Safe: a constant C string and no variadic argument.
        let device = try Descriptor(
            unsafe Glibc.open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK),
            interface: name, call: "open(/dev/net/tun)")
        // Safe: `name` is a C string shorter than IFNAMSIZ, checked by the caller.
        guard unsafe apus_tap_make(device.number, name) == 0 else {
            let error = errno
            guard error != EBUSY else {
                throw PortError(
                    .nameTaken, interface: name, call: "ioctl(TUNSETIFF)", errorNumber: error)
            }
            throw PortError(interface: name, call: "ioctl(TUNSETIFF)", errorNumber: error)
        }
        guard apus_tap_set_header_size(device.number, CInt(OffloadHeader.byteCount)) == 0 else {
            throw PortError(interface: name, call: "ioctl(TUNSETVNETHDRSZ)")
        }
        guard apus_tap_set_offload(device.number, UInt32(TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)) == 0
        else { throw PortError(interface: name, call: "ioctl(TUNSETOFFLOAD)") }
        return device
    }

    deinit {
        // Safe: allocated in init; frames lent from it are not used past the port's end.
        unsafe pool.deallocate()
    }

    /// To be watched with poll or epoll: readable while a frame waits.
    public var descriptor: CInt { device.number }

    /// The next frame that the host sent, or `nil` if none waits or all buffers are lent. It is the
    /// reader's until `reuseBuffers`. One system call.
    public mutating func nextFrame() -> ReceivedFrame? {
        guard lentCount < PortLimits.tapPoolCount else { return nil }
        // Safe: buffer `lentCount` of the pool, with room for all that is read into it.
        let start = unsafe pool + lentCount * Self.stride + Self.headroom
        let header = unsafe start - OffloadHeader.byteCount
        let capacity = OffloadHeader.byteCount + PortLimits.frameByteCount
        var count = unsafe read(device.number, header, capacity)
        while count < 0 && errno == EINTR { count = unsafe read(device.number, header, capacity) }
        // EAGAIN: none waits. EIO and EBADFD: the interface is down, or was deleted by hand; both
        // mean that nothing comes from it.
        guard count >= OffloadHeader.byteCount else { return nil }
        lentCount += 1
        var frame = unsafe Frame(
            start: start, byteCount: count - OffloadHeader.byteCount, headroom: Self.headroom,
            offload: OffloadHeader.read(header))
        unsafe Self.takeTagOut(&frame)
        return unsafe ReceivedFrame(frame: frame, lostByteCount: 0)
    }

    /// Ends the loan of all frames that `nextFrame` returned.
    public mutating func reuseBuffers() { lentCount = 0 }

    private static func takeTagOut(_ frame: inout Frame) {
        let start = unsafe frame.start
        let tagEnd = macByteCount + tagByteCount
        guard unsafe frame.byteCount >= tagEnd + 2 else { return }
        // Safe: the frame has at least 18 bytes.
        let tpid = unsafe UInt16(
            bigEndian: start.loadUnaligned(fromByteOffset: macByteCount, as: UInt16.self))
        guard tpid == EtherType.vlan || tpid == EtherType.serviceVLAN else { return }
        unsafe frame.vlanTPID = tpid
        unsafe frame.vlanTCI = UInt16(
            bigEndian: start.loadUnaligned(fromByteOffset: macByteCount + 2, as: UInt16.self))
        unsafe (start + tagByteCount).copyMemory(from: start, byteCount: macByteCount)
        unsafe frame.start = start + tagByteCount
        unsafe frame.byteCount -= tagByteCount
        unsafe frame.headroom += tagByteCount
        let shift = UInt16(tagByteCount)
        if unsafe frame.offload.checksumStart >= shift {
            unsafe frame.offload.checksumStart -= shift
        }
        if unsafe frame.offload.headerByteCount >= shift {
            unsafe frame.offload.headerByteCount -= shift
        }
    }

    /// Hands a frame to the host at once. The frame's memory is not used afterwards.
    ///
    /// - Returns: `.forwarded`, or why it could not be: `.truncatedEthernet`, `.invalidOffload`,
    ///   `.outputPortGone` (deleted by hand), `.sendFailed` (the interface is down, or its queue is
    ///   full).
    public func send(_ frame: Frame) -> PacketEnd {
        guard unsafe frame.byteCount >= Int(ETH_HLEN) else { return .truncatedEthernet }
        return unsafe withUnsafeTemporaryAllocation(byteCount: 64, alignment: 16) { head in
            // Safe: memory of 64 bytes.
            guard let head = head.baseAddress else { return .sendFailed }
            return unsafe send(frame, behind: head)
        }
    }

    /// - Parameter head: Room for the bytes that go before the frame.
    private func send(_ frame: Frame, behind head: UnsafeMutableRawPointer) -> PacketEnd {
        var headByteCount = OffloadHeader.byteCount
        var copied = 0
        if unsafe frame.vlanTPID != 0 {
            unsafe OffloadHeader.write(
                frame.offload, shiftedBy: UInt16(Self.tagByteCount), to: head)
            // Safe: 26 bytes in a buffer of 64; the frame has at least 14.
            unsafe (head + headByteCount).copyMemory(
                from: frame.start, byteCount: Self.macByteCount)
            headByteCount += Self.macByteCount + Self.tagByteCount
            unsafe head.storeBytes(
                of: frame.vlanTPID.bigEndian, toByteOffset: headByteCount - 4, as: UInt16.self)
            unsafe head.storeBytes(
                of: frame.vlanTCI.bigEndian, toByteOffset: headByteCount - 2, as: UInt16.self)
            copied = Self.macByteCount
        } else {
            unsafe OffloadHeader.write(frame.offload, shiftedBy: 0, to: head)
        }
        let result = unsafe write(
            iovec(iov_base: head, iov_len: headByteCount),
            iovec(iov_base: frame.start + copied, iov_len: frame.byteCount - copied))
        guard result < 0 else { return .forwarded }
        return switch errno {
        case EINVAL: unsafe frame.offload == .none ? .sendFailed : .invalidOffload
        case EBADFD, ENXIO, ENODEV: .outputPortGone
        case EMSGSIZE: .exceedsMTU
        default: .sendFailed
        }
    }

    private func write(_ first: iovec, _ second: iovec) -> Int {
        // Safe: both vectors point to memory that the caller holds for the length of the call.
        let vectors: [2 of iovec] = unsafe [first, second]
        return unsafe vectors.span.withUnsafeBufferPointer { vectors in
            var result = unsafe writev(device.number, vectors.baseAddress, 2)
            while result < 0 && errno == EINTR {
                result = unsafe writev(device.number, vectors.baseAddress, 2)
            }
            return result
        }
    }
}
