public import DatapathMessages
public import Packets

// A frame on its way to userspace and back: one row of bytes with the tag where the wire has it,
// and the ten bytes that say what is left to be done.
//
//     byte:   0       1          2            4             6               8
//          | flags | gso_type | hdr_len (2) | gso_size (2) | csum_start (2) | csum_offset (2) |
//
// The numbers are in the machine's order (virtio 1.2 §5.1.6, legacy), as AF_PACKET has them: both
// halves of the switch run on the same machine.

extension UpcallOffload {
    public init(_ offload: Offload) {
        var bytes = [offload.flags, offload.segmentation]
        for number in [
            offload.headerByteCount, offload.segmentByteCount, offload.checksumStart,
            offload.checksumOffset,
        ] {
            // Safe: the two bytes are copied before the closure returns.
            unsafe withUnsafeBytes(of: number) { unsafe bytes.append(contentsOf: $0) }
        }
        self.init(bytes: bytes)
    }

    /// The offload header; nil unless there are exactly 10 bytes.
    public var offload: Offload? {
        guard bytes.count == 10 else { return nil }
        func number(_ index: Int) -> UInt16 {
            let low = UInt16(bytes[index])
            let high = UInt16(bytes[index &+ 1])
            return UInt16(littleEndian: 1) == 1 ? low | high << 8 : high | low << 8
        }
        return Offload(
            flags: bytes[0], segmentation: bytes[1], headerByteCount: number(2),
            segmentByteCount: number(4), checksumStart: number(6), checksumOffset: number(8))
    }
}

extension Offload {
    /// Whether the checksum's place lies inside a frame of `byteCount` bytes.
    @inlinable
    public func fits(byteCount: Int) -> Bool {
        !needsChecksum || Int(checksumStart) + Int(checksumOffset) + 2 <= byteCount
    }
}

extension Frame {
    /// The frame's bytes with its tag in them, and its offload header counted from there. A frame
    /// without both MAC addresses has no room for a tag and goes without.
    public func carried() -> (bytes: [UInt8], offload: UpcallOffload?) {
        let bytes = unsafe UnsafeRawBufferPointer(start: start, count: byteCount)
        var offload = unsafe offload
        guard unsafe vlanTPID != 0 && byteCount >= 12 else {
            return unsafe ([UInt8](bytes), offload == .none ? nil : UpcallOffload(offload))
        }
        var tagged: [UInt8] = []
        unsafe tagged.reserveCapacity(byteCount + 4)
        unsafe tagged.append(contentsOf: bytes[..<12])
        for half in unsafe [vlanTPID, vlanTCI] {
            tagged.append(UInt8(half >> 8))
            tagged.append(UInt8(truncatingIfNeeded: half))
        }
        unsafe tagged.append(contentsOf: bytes[12...])
        guard offload != .none else { return (tagged, nil) }
        offload.shift(by: 4)
        return (tagged, UpcallOffload(offload))
    }
}
