// A frame in somebody else's memory.
//
// The bytes stay where the kernel put them, from the ring they came by to the call that sends
// them. What would make them move is kept beside them: the outer VLAN tag (the kernel hands it out
// of band anyway) and the offload header. So pushing and popping one tag costs two stores, and a
// 64 KiB super-frame crosses the switch without being copied or summed.
//
//     memory                start                              start + byteCount
//       |<--- headroom ----->|<---- Ethernet header, ... ------>|
//                            (outer VLAN tag and offload header are not in here)

/// A frame lent for the length of a call. Whoever lends the memory guarantees that
/// `headroom` bytes before `start` and `byteCount` bytes from it may be read and written.
@unsafe
public struct Frame {
    /// First byte of the Ethernet header.
    public var start: UnsafeMutableRawPointer
    /// Bytes from `start` to the end of the frame, without the outer tag.
    public var byteCount: Int
    /// Bytes before `start` that may be used to grow the frame forwards.
    public var headroom: Int
    /// Ethernet type of the outer tag, 0 if the frame has none.
    public var vlanTPID: UInt16
    /// The outer tag's 16 bits as on the wire; meaningless if `vlanTPID` is 0.
    public var vlanTCI: UInt16
    /// What is left to be done to the frame by whoever finally sends it.
    public var offload: Offload

    @inlinable
    public init(
        start: UnsafeMutableRawPointer, byteCount: Int, headroom: Int = 0, vlanTPID: UInt16 = 0,
        vlanTCI: UInt16 = 0, offload: Offload = .none
    ) {
        unsafe self.start = start
        unsafe self.byteCount = byteCount
        unsafe self.headroom = headroom
        unsafe self.vlanTPID = vlanTPID
        unsafe self.vlanTCI = vlanTCI
        unsafe self.offload = offload
    }

    /// Bytes that the frame will have on the wire, with its outer tag.
    @inlinable public var wireByteCount: Int {
        unsafe byteCount + (vlanTPID == 0 ? 0 : 4)
    }
}

/// Work that the sender of a frame left to "hardware": an unfinished checksum, or cutting a
/// super-frame into segments. `struct virtio_net_hdr` (virtio 1.2 §5.1.6) in host order.
///
/// `checksumStart` counts from the frame's first byte *without* the outer tag that `Frame` keeps
/// aside; whoever writes the tag into the bytes adds 4.
public struct Offload: Hashable, Sendable {
    /// `VIRTIO_NET_HDR_F_*`: bit 0 = the checksum is unfinished, bit 1 = it was checked.
    public var flags: UInt8
    /// `VIRTIO_NET_HDR_GSO_*`: 0 none, 1 TCP over IPv4, 3 UDP, 4 TCP over IPv6, 5 UDP segments;
    /// bit 0x80 = with ECN.
    public var segmentation: UInt8
    /// Bytes of all headers that each segment repeats; 0 if unknown.
    public var headerByteCount: UInt16
    /// Payload bytes of one segment.
    public var segmentByteCount: UInt16
    /// Where summing begins, in bytes from the frame's start.
    public var checksumStart: UInt16
    /// Where the sum is to be stored, in bytes from `checksumStart`.
    public var checksumOffset: UInt16

    public static let none = Offload(
        flags: 0, segmentation: 0, headerByteCount: 0, segmentByteCount: 0, checksumStart: 0,
        checksumOffset: 0)

    @inlinable
    public init(
        flags: UInt8, segmentation: UInt8, headerByteCount: UInt16, segmentByteCount: UInt16,
        checksumStart: UInt16, checksumOffset: UInt16
    ) {
        self.flags = flags
        self.segmentation = segmentation
        self.headerByteCount = headerByteCount
        self.segmentByteCount = segmentByteCount
        self.checksumStart = checksumStart
        self.checksumOffset = checksumOffset
    }

    @inlinable public var needsChecksum: Bool { flags & 1 != 0 }
    @inlinable public var isSuperFrame: Bool { segmentation & 0x7f != 0 }
}
