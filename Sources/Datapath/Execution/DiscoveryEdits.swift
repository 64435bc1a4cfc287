import Flows
import Packets

// Neighbour discovery: the target, and the link-layer addresses in options behind it.

extension PacketRun {
    /// Whether the ICMPv6 message is a solicitation or an advertisement (RFC 4861 §4.3, §4.4).
    var isDiscovery: Bool {
        let typeAndCode = unsafe FrameBytes(frame).load(UInt16.self, at: Int(layout.transport))
        return typeAndCode == 135 << 8 || typeAndCode == 136 << 8
    }

    /// Writes the target, and those of the two options that are there. The message is wholly in the
    /// frame up to its target.
    func editDiscovery(_ operands: UnsafePointer<UInt64>) {
        let bytes = unsafe FrameBytes(frame)
        let at = unsafe Int(layout.transport)
        var difference = SumDifference()
        for half in 0..<2 {
            let old = unsafe bytes.load(UInt64.self, at: at + 8 + 8 * half)
            let new = unsafe merge(old, operands, half)
            difference.replace(old, by: new)
            unsafe bytes.store(new, at: at + 8 + 8 * half)
        }
        var option = at + 24
        let end = unsafe packetEnd ?? bytes.byteCount
        for _ in 0..<ExtractionLimits.neighborOptions {
            guard end - option >= 8 else { break }
            let kind = unsafe bytes.load(UInt8.self, at: option)
            let byteCount = unsafe Int(bytes.load(UInt8.self, at: option + 1)) * 8
            guard byteCount > 0, byteCount <= end - option else { break }
            // RFC 4861 §4.6.1: 1 is the source's address, 2 the target's.
            if kind == 1 || kind == 2, byteCount == 8 {
                let old = unsafe bytes.load(UInt64.self, at: option)
                let address = unsafe merge(old & 0xffff_ffff_ffff, operands, 1 + Int(kind))
                let new = old & ~0xffff_ffff_ffff | address & 0xffff_ffff_ffff
                difference.replace(old, by: new)
                unsafe bytes.store(new, at: option)
            }
            option += byteCount
        }
        unsafe adjustTransport(difference, coversPorts: true)
    }
}
