// The 10 bytes of `struct virtio_net_hdr` that lie before each frame, in the machine's byte order
// (virtio 1.2 §5.1.6, in the legacy layout that AF_PACKET and tap use).
//
//      0       1         2          4           6            8
//     +-------+---------+----------+-----------+------------+-------------+
//     | flags | gso_type| hdr_len  | gso_size  | csum_start | csum_offset |
//     +-------+---------+----------+-----------+------------+-------------+
//
// A VLAN tag that is put into the bytes moves everything behind the MAC addresses by 4, so
// csum_start and hdr_len move with it; taking the tag out moves them back.

public import Packets

@usableFromInline
enum OffloadHeader {
    @usableFromInline static let byteCount = 10

    /// Reads the header from 10 readable bytes.
    @inlinable
    static func read(_ bytes: UnsafeRawPointer) -> Offload {
        // Safe: the caller lends 10 bytes, the last load ends at byte 10; integers have no invalid
        // bit pattern.
        unsafe Offload(
            flags: bytes.load(as: UInt8.self),
            segmentation: bytes.load(fromByteOffset: 1, as: UInt8.self),
            headerByteCount: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self),
            segmentByteCount: bytes.loadUnaligned(fromByteOffset: 4, as: UInt16.self),
            checksumStart: bytes.loadUnaligned(fromByteOffset: 6, as: UInt16.self),
            checksumOffset: bytes.loadUnaligned(fromByteOffset: 8, as: UInt16.self))
    }

    /// Writes the header of a frame whose bytes begin `shift` bytes earlier than `offload` counts.
    @inlinable
    static func write(
        _ offload: Offload, shiftedBy shift: UInt16, to bytes: UnsafeMutableRawPointer
    ) {
        let headerByteCount = offload.headerByteCount == 0 ? 0 : offload.headerByteCount &+ shift
        let checksumStart = offload.needsChecksum ? offload.checksumStart &+ shift : 0
        // Safe: the caller lends 10 writable bytes, the last store ends at byte 10.
        unsafe bytes.storeBytes(of: offload.flags, as: UInt8.self)
        unsafe bytes.storeBytes(of: offload.segmentation, toByteOffset: 1, as: UInt8.self)
        unsafe bytes.storeBytes(of: headerByteCount, toByteOffset: 2, as: UInt16.self)
        unsafe bytes.storeBytes(of: offload.segmentByteCount, toByteOffset: 4, as: UInt16.self)
        unsafe bytes.storeBytes(of: checksumStart, toByteOffset: 6, as: UInt16.self)
        unsafe bytes.storeBytes(of: offload.checksumOffset, toByteOffset: 8, as: UInt16.self)
    }
}
