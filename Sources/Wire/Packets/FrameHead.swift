// Frames that the switch itself sends, written byte by byte.

enum FrameHead {
    static func ethernet(
        to destination: MACAddress, from source: MACAddress, type: UInt16
    ) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(128)
        bytes.append(octets: destination.bits, count: 6)
        bytes.append(octets: source.bits, count: 6)
        bytes.append(octets: UInt64(type), count: 2)
        return bytes
    }
}

extension [UInt8] {
    /// The `count` low bytes of `value`, most significant first.
    mutating func append(octets value: UInt64, count: Int) {
        for index in (0..<count).reversed() {
            append(UInt8(truncatingIfNeeded: value >> UInt64(8 * index)))
        }
    }
}

/// A frame by which a switch says to the next ones "this address is reached through me now": a
/// reverse-ARP request of a host for itself (RFC 903), which nobody answers.
public enum LearningFrame {
    /// 60 bytes without a tag.
    ///
    /// - Parameter tci: The tag that it carries, with `0x1000` set; 0 = none.
    public static func bytes(of host: MACAddress, tci: UInt16 = 0) -> [UInt8] {
        var bytes = FrameHead.ethernet(
            to: .broadcast, from: host, type: tci == 0 ? EtherType.reverseARP : EtherType.vlan)
        if tci != 0 {
            // In the switch 0x1000 says "there is a tag"; on the wire it is DEI.
            bytes.append(octets: UInt64(tci & ~0x1000), count: 2)
            bytes.append(octets: UInt64(EtherType.reverseARP), count: 2)
        }
        let end = bytes.count + 46
        bytes += [0, 1, 8, 0, 6, 4, 0, 3]
        bytes.append(octets: host.bits, count: 6)
        bytes += [0, 0, 0, 0]
        bytes.append(octets: host.bits, count: 6)
        bytes += [UInt8](repeating: 0, count: end - bytes.count)
        return bytes
    }
}
