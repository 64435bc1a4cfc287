// A slot of a TPACKET_V2 ring, in place.
//
//     slot:  | tpacket2_hdr | sockaddr_ll | headroom | virtio_net_hdr | frame, as far as it fits |
//
// A frame that does not fit is marked with TP_STATUS_COPY and stands, whole, in a buffer of the ring's
// pool; its tag and offload header are still read from the slot.

public import Packets

/// `struct tpacket2_hdr` of `linux/if_packet.h`, by offsets; compared with the C struct at compile
/// time by CLinuxPacket's PacketSocket.h.
@usableFromInline
enum RingSlotHeader {
    @usableFromInline static let slotByteCount = 2048
    @usableFromInline static let byteCount = 32
    @usableFromInline static let originalByteCount = 4
    @usableFromInline static let keptByteCount = 8
    @usableFromInline static let frameStart = 12
    @usableFromInline static let vlanTCI = 24
    @usableFromInline static let vlanTPID = 26
    /// `TP_STATUS_COPY`.
    @usableFromInline static let isLarge: UInt32 = 1 << 1
    @usableFromInline static let largeFrameOffset = 96
    @usableFromInline static let largeFrameStride = 65_728

    /// The frame of a slot that the kernel handed over. If it is a large one, `large` is its buffer
    /// and moves on to the next.
    @inlinable
    static func read(
        _ header: UnsafeMutableRawPointer, _ large: inout UnsafeMutableRawPointer?
    ) -> ReceivedFrame {
        // Safe: the caller hands in a slot that the kernel wrote, whose offsets stay within it, and
        // a pool with a buffer for each slot that has `TP_STATUS_COPY`.
        let status = unsafe header.load(as: UInt32.self)
        let original = unsafe Int(header.load(fromByteOffset: originalByteCount, as: UInt32.self))
        let kept = unsafe Int(header.load(fromByteOffset: keptByteCount, as: UInt32.self))
        let offset = unsafe Int(header.load(fromByteOffset: frameStart, as: UInt16.self))
        let start = unsafe header + offset
        var frame = unsafe Frame(
            start: start, byteCount: kept, headroom: offset &- byteCount,
            offload: OffloadHeader.read(start - OffloadHeader.byteCount))
        if status & RingFrameHeader.hasVLAN != 0 {
            let tpid = unsafe header.load(fromByteOffset: vlanTPID, as: UInt16.self)
            unsafe frame.vlanTPID = status & RingFrameHeader.hasTPID != 0 ? tpid : EtherType.vlan
            unsafe frame.vlanTCI = header.load(fromByteOffset: vlanTCI, as: UInt16.self)
        }
        if status & isLarge != 0, let buffer = unsafe large {
            unsafe large = buffer + largeFrameStride
            let count = unsafe min(buffer.load(as: Int.self), original)
            if count > kept {
                unsafe frame.start = buffer + largeFrameOffset
                unsafe frame.headroom = largeFrameOffset
                unsafe frame.byteCount = count
                return unsafe ReceivedFrame(frame: frame, lostByteCount: original &- count)
            }
        }
        return unsafe ReceivedFrame(frame: frame, lostByteCount: original &- kept)
    }
}
