public import Packets

// Words 18 to 25 of a key: the outer headers of a packet that came out of a tunnel.
//
// Few packets come out of tunnels, so these words stand last, and word 18 alone says whether there
// is anything in them: if it is 0, so are all behind it. Whoever hashes or compares whole keys may
// stop there (`FlowKey.plainWordCount`).

/// Bits of `tunnelFlags`: those of Open vSwitch (`FLOW_TNL_F_*`), and one of our own.
public enum TunnelFlag {
    public static let oam: UInt16 = 1
    public static let dontFragment: UInt16 = 2
    public static let checksum: UInt16 = 4
    /// The tunnel has an id.
    public static let key: UInt16 = 8
    /// The packet came out of a tunnel at all. Without it the other fields are all 0.
    public static let present: UInt16 = 0x8000
}

extension FlowKey {
    /// Words that a key has which did not come out of a tunnel; word 18, the last, is 0 then.
    public static let plainWordCount = 19

    public var hasTunnel: Bool { tunnelFlags & TunnelFlag.present != 0 }

    /// `TunnelFlag` bits.
    @inlinable public var tunnelFlags: UInt16 {
        get { UInt16(truncatingIfNeeded: bits(18, 0, 16)) }
        set { setBits(18, 0, 16, UInt64(newValue)) }
    }
    /// TOS byte of the outer header.
    @inlinable public var tunnelTOS: UInt8 {
        get { UInt8(truncatingIfNeeded: bits(18, 16, 8)) }
        set { setBits(18, 16, 8, UInt64(newValue)) }
    }
    /// Time to live of the outer header.
    @inlinable public var tunnelTTL: UInt8 {
        get { UInt8(truncatingIfNeeded: bits(18, 24, 8)) }
        set { setBits(18, 24, 8, UInt64(newValue)) }
    }
    /// Outer UDP source port.
    @inlinable public var tunnelSourcePort: UInt16 {
        get { UInt16(truncatingIfNeeded: bits(18, 32, 16)) }
        set { setBits(18, 32, 16, UInt64(newValue)) }
    }
    /// Outer UDP destination port.
    @inlinable public var tunnelDestinationPort: UInt16 {
        get { UInt16(truncatingIfNeeded: bits(18, 48, 16)) }
        set { setBits(18, 48, 16, UInt64(newValue)) }
    }
    /// GRE key, VXLAN or Geneve network identifier.
    @inlinable public var tunnelID: UInt64 {
        get { words[19] }
        set { words[19] = newValue }
    }
    /// Outer IPv4 addresses; 0 if the outer header is IPv6.
    @inlinable public var tunnelSrc: IPv4Address {
        get { IPv4Address(bits: UInt32(truncatingIfNeeded: bits(20, 0, 32))) }
        set { setBits(20, 0, 32, UInt64(newValue.bits)) }
    }
    @inlinable public var tunnelDst: IPv4Address {
        get { IPv4Address(bits: UInt32(truncatingIfNeeded: bits(20, 32, 32))) }
        set { setBits(20, 32, 32, UInt64(newValue.bits)) }
    }
    /// Outer IPv6 addresses; 0 if the outer header is IPv4.
    @inlinable public var tunnelIPv6Src: IPv6Address {
        get { IPv6Address(high: words[21], low: words[22]) }
        set { (words[21], words[22]) = (newValue.high, newValue.low) }
    }
    @inlinable public var tunnelIPv6Dst: IPv6Address {
        get { IPv6Address(high: words[23], low: words[24]) }
        set { (words[23], words[24]) = (newValue.high, newValue.low) }
    }
    /// VXLAN group policy: id in the low 16 bits, flags in the 8 above.
    @inlinable public var tunnelGroupPolicy: UInt32 {
        get { UInt32(truncatingIfNeeded: bits(25, 0, 32)) }
        set { setBits(25, 0, 32, UInt64(newValue)) }
    }

    /// Takes over all that `other` has from beside its bytes: port, recirculation id, mark,
    /// priority, hash, tunnel.
    public mutating func copyNotes(of other: FlowKey) {
        (words[0], words[1]) = (other.words[0], other.words[1])
        dpHash = other.dpHash
        copyTunnel(of: other)
    }

    /// Takes over all that `other` knows of its tunnel.
    public mutating func copyTunnel(of other: FlowKey) {
        for word in Self.plainWordCount - 1..<Self.wordCount {
            self[word: word] = other.hasTunnel ? other[word: word] : 0
        }
    }
}
