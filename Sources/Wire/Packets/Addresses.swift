// Addresses of the link and network layers as small values.
//
// Each is a plain integer in host order, so that comparing, hashing and masking one is a single
// instruction; the order of bytes on the wire is a matter of reading and writing only.

/// A 48-bit MAC address (IEEE 802 EUI-48). The 16 high bits of `bits` are always zero.
public struct MACAddress: Hashable, Comparable, Sendable {
    /// The address as a number: `00:00:00:00:00:01` is 1.
    public let bits: UInt64

    /// Keeps the low 48 bits of `bits`.
    @inlinable public init(bits: UInt64) { self.bits = bits & 0xffff_ffff_ffff }

    public static let zero = MACAddress(bits: 0)
    public static let broadcast = MACAddress(bits: 0xffff_ffff_ffff)

    /// Whether the group bit is set; broadcast is a group too.
    @inlinable public var isMulticast: Bool { bits & 0x0100_0000_0000 != 0 }
    @inlinable public var isBroadcast: Bool { bits == 0xffff_ffff_ffff }

    /// 01:80:c2:00:00:00 to 01:80:c2:00:00:0f, which a bridge must not relay (IEEE 802.1Q §8.6.3).
    @inlinable public var isReservedMulticast: Bool { bits & ~0xf == 0x0180_c200_0000 }

    @inlinable public static func < (a: Self, b: Self) -> Bool { a.bits < b.bits }
}

/// An IPv4 address, in host order: 10.0.0.1 is 0x0a000001.
public struct IPv4Address: Hashable, Comparable, Sendable {
    public var bits: UInt32
    @inlinable public init(bits: UInt32) { self.bits = bits }
    @inlinable public static func < (a: Self, b: Self) -> Bool { a.bits < b.bits }
}

/// An IPv6 address as two halves in host order, the first on the wire in `high`.
public struct IPv6Address: Hashable, Comparable, Sendable {
    public var high: UInt64
    public var low: UInt64
    @inlinable public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
    @inlinable public static func < (a: Self, b: Self) -> Bool {
        (a.high, a.low) < (b.high, b.low)
    }
}

/// Ethernet types that the switch knows by name (IEEE registry).
public enum EtherType {
    public static let ipv4: UInt16 = 0x0800
    public static let arp: UInt16 = 0x0806
    public static let reverseARP: UInt16 = 0x8035
    public static let vlan: UInt16 = 0x8100
    public static let ipv6: UInt16 = 0x86dd
    public static let mpls: UInt16 = 0x8847
    public static let mplsMulticast: UInt16 = 0x8848
    public static let serviceVLAN: UInt16 = 0x88a8
    public static let lacp: UInt16 = 0x8809
    public static let lldp: UInt16 = 0x88cc
    /// What a flow key says of a frame without Ethernet II type (an 802.3 length), as OpenFlow 1.0
    /// §3.4 does.
    public static let notEthernetII: UInt16 = 0x05ff
    /// The smallest value that is a type; below it the field is a length (IEEE 802.3 §3.2.6).
    public static let smallest: UInt16 = 0x0600
}

/// Protocol numbers of the IP header (IANA registry).
public enum IPProtocol {
    public static let icmp: UInt8 = 1
    public static let igmp: UInt8 = 2
    public static let tcp: UInt8 = 6
    public static let udp: UInt8 = 17
    public static let icmpv6: UInt8 = 58
    public static let sctp: UInt8 = 132
}
