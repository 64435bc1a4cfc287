// A block of a ring on loan. It cannot be copied and cannot be forgotten: whoever drops it without
// giving it back stops the process on the spot, instead of starving the ring little by little.

internal import CLinuxPacket
public import Packets

/// Frames that the kernel handed over together. Read them with `nextFrame`, send what is to be
/// sent, flush the senders, then `giveBack`.
@safe
public struct RingBlock: ~Copyable {
    /// Frames in the block, the ones already read included.
    public let frameCount: Int
    /// Whether the kernel dropped frames of this ring since `takeCounts` was last called.
    public let kernelIsDropping: Bool
    /// Whether the block came because its timer fired, not because it was full.
    public let wasRetiredByTimer: Bool
    /// Whether more frames may have been ready than one run of slots can hold; never so for a block
    /// of TPACKET_V3.
    public let isFullRun: Bool
    private let start: UnsafeMutableRawPointer
    private let loan: Loan
    @usableFromInline var unreadCount: Int
    @usableFromInline var next: UnsafeMutableRawPointer
    /// The next buffer with a frame that is larger than its slot; `nil` in a block of TPACKET_V3.
    @usableFromInline var nextLarge: UnsafeMutableRawPointer?

    /// Where `struct tpacket_block_desc` keeps whose turn it is.
    static let statusOffset = 8
    static let frameCountOffset = 12
    private static let firstFrameOffset = 16

    /// - Parameters:
    ///   - block: A block that the kernel has handed over.
    ///   - status: Its status word, read with acquire order.
    init(block: UnsafeMutableRawPointer, status: UInt32, loan: Loan) {
        unsafe start = block
        self.loan = loan
        // Safe: the kernel wrote the block's header and handed the block over.
        frameCount = unsafe Int(block.load(fromByteOffset: Self.frameCountOffset, as: UInt32.self))
        unreadCount = frameCount
        unsafe next =
            block + Int(block.load(fromByteOffset: Self.firstFrameOffset, as: UInt32.self))
        unsafe nextLarge = nil
        kernelIsDropping = status & UInt32(TP_STATUS_LOSING) != 0
        wasRetiredByTimer = status & UInt32(TP_STATUS_BLK_TMO) != 0
        isFullRun = false
    }

    /// - Parameters:
    ///   - slots: The first of `count` slots that the kernel has handed over.
    ///   - statuses: All their status words, read with acquire order, or-ed together.
    ///   - large: Buffers with the frames of those slots that have `TP_STATUS_COPY`, in order.
    init(
        slots: UnsafeMutableRawPointer, count: Int, statuses: UInt32,
        large: UnsafeMutableRawPointer, isFull: Bool, loan: Loan
    ) {
        unsafe start = slots
        self.loan = loan
        frameCount = count
        unreadCount = count
        unsafe next = slots
        unsafe nextLarge = large
        kernelIsDropping = statuses & UInt32(TP_STATUS_LOSING) != 0
        wasRetiredByTimer = false
        isFullRun = isFull
    }

    /// The next frame in the order of arrival, or `nil` after the last. Its memory, `headroom`
    /// bytes before it included, is the reader's until the block is given back.
    @inlinable
    public mutating func nextFrame() -> ReceivedFrame? {
        guard unreadCount > 0 else { return nil }
        unreadCount &-= 1
        let header = unsafe next
        guard unsafe nextLarge == nil else {
            // Safe: the kernel handed over `frameCount` slots, one after the other.
            unsafe next = header + RingSlotHeader.slotByteCount
            return unsafe RingSlotHeader.read(header, &nextLarge)
        }
        // Safe: the kernel handed over `frameCount` frames, linked by offsets within the block.
        unsafe next = header + Int(header.load(as: UInt32.self))
        return unsafe RingFrameHeader.read(header)
    }

    /// Gives the memory back to the kernel; no pointer into the block may be used any more.
    public consuming func giveBack() {
        loan.end()
        // Safe: the block is ours until these stores, and no use of it follows.
        if unsafe nextLarge == nil {
            unsafe apus_store_release(start + Self.statusOffset, UInt32(TP_STATUS_KERNEL))
        } else {
            for index in 0..<frameCount {
                unsafe apus_store_release(
                    start + index * RingLayout.slotByteCount, UInt32(TP_STATUS_KERNEL))
            }
        }
        discard self
    }

    deinit { Self.stop() }

    private static func stop() {
        fatalError("a ring block was dropped without being given back to the kernel")
    }
}

/// `struct tpacket3_hdr` of `linux/if_packet.h`, by offsets: part of the kernel's binary interface,
/// and compared with the C struct at compile time by CLinuxPacket's PacketSocket.h.
@usableFromInline
enum RingFrameHeader {
    @usableFromInline static let byteCount = 48
    @usableFromInline static let keptByteCount = 12
    @usableFromInline static let originalByteCount = 16
    @usableFromInline static let status = 20
    @usableFromInline static let frameStart = 24
    @usableFromInline static let vlanTCI = 32
    @usableFromInline static let vlanTPID = 36
    /// `TP_STATUS_VLAN_VALID` and `TP_STATUS_VLAN_TPID_VALID`.
    @usableFromInline static let hasVLAN: UInt32 = 1 << 4
    @usableFromInline static let hasTPID: UInt32 = 1 << 6

    /// The frame behind a header that the kernel wrote. The `virtio_net_hdr` ends where the frame
    /// begins; it and the `sockaddr_ll` have been read when this returns, and become headroom.
    @inlinable
    static func read(_ header: UnsafeMutableRawPointer) -> ReceivedFrame {
        // Safe: the caller hands in a header that the kernel wrote, whose offsets stay within its
        // block.
        let kept = unsafe Int(header.load(fromByteOffset: keptByteCount, as: UInt32.self))
        let original = unsafe Int(header.load(fromByteOffset: originalByteCount, as: UInt32.self))
        let status = unsafe header.load(fromByteOffset: status, as: UInt32.self)
        let offset = unsafe Int(header.load(fromByteOffset: frameStart, as: UInt16.self))
        let start = unsafe header + offset
        var frame = unsafe Frame(
            start: start, byteCount: kept, headroom: offset &- byteCount,
            offload: OffloadHeader.read(start - OffloadHeader.byteCount))
        if status & hasVLAN != 0 {
            let tpid = unsafe header.load(fromByteOffset: vlanTPID, as: UInt16.self)
            unsafe frame.vlanTPID = status & hasTPID != 0 ? tpid : EtherType.vlan
            unsafe frame.vlanTCI = UInt16(
                truncatingIfNeeded: header.load(fromByteOffset: vlanTCI, as: UInt32.self))
        }
        return unsafe ReceivedFrame(frame: frame, lostByteCount: original &- kept)
    }
}
