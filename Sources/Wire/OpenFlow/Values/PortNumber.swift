// OpenFlow port numbers.
//
// All numbers fit 16 bits, as in OpenFlow 1.0; later versions write the reserved ones with 32 bits
// (0xffffff00 and up), which is a matter of the codec only.

/// An OpenFlow port, 1 to 0xfeff for real ones. OpenFlow 1.0 §5.2.1, 1.3.5 §7.2.1.
public struct PortNumber: Hashable, Comparable, Sendable {
    public var rawValue: UInt16
    public init(_ rawValue: UInt16) { self.rawValue = rawValue }

    /// Largest number of a real port.
    public static let largest = PortNumber(0xfeff)
    /// Back out of the port the packet came by; the only way to send it there.
    public static let inPort = PortNumber(0xfff8)
    /// Submit to the flow tables; only in packet-out.
    public static let table = PortNumber(0xfff9)
    public static let normal = PortNumber(0xfffa)
    public static let flood = PortNumber(0xfffb)
    public static let all = PortNumber(0xfffc)
    public static let controller = PortNumber(0xfffd)
    /// The bridge's own internal port.
    public static let local = PortNumber(0xfffe)
    /// No port: "any" in requests that filter by port.
    public static let none = PortNumber(0xffff)

    public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

extension PortNumber {
    /// The number as OpenFlow 1.1 and later write it: reserved ones move to 0xffffff00 and up.
    public var wide: UInt32 {
        rawValue > Self.largest.rawValue ? UInt32(rawValue) | 0xffff_0000 : UInt32(rawValue)
    }

    /// nil: between the real and the reserved ones, so that it does not fit 16 bits.
    public init?(wide: UInt32) {
        let low = UInt16(truncatingIfNeeded: wide)
        guard PortNumber(low).wide == wide else { return nil }
        self.init(low)
    }
}
