public import Packets

// What a flow is: the headers of a packet as a short row of words.
//
// Two packets belong to the same flow when their keys agree in the bits that a decision looked at.
// So the key must be cheap to hash, to mask and to compare. It is therefore not a structure of
// many small fields but a row of 64-bit words; the named properties below are windows into them.
// Masking is a word-wise AND, comparing a word-wise XOR, and one table (`FlowField`) can describe
// every field as (word, shift, width). Tunnels have their words at the end (`FlowKey+Tunnel`).
//
// A field that a packet does not have is zero. Whether it is there follows from fields before it:
// `vlan0TCI` carries bit 0x1000 when there is a tag, `nwProto` means nothing without an IP type.

/// What the datapath knows of one packet: the key of its flow tables, and of
/// `OVS_FLOW_ATTR_KEY`. 26 words, 208 bytes, no pointers.
public struct FlowKey: WordRow {
    public static let wordCount = 26

    public var words: InlineArray<26, UInt64>

    @inlinable public init() { words = InlineArray(repeating: 0) }

    @inlinable public subscript(word index: Int) -> UInt64 {
        get { words[index] }
        set { words[index] = newValue }
    }

    /// The `width` bits of word `word` from bit `shift` upwards.
    @inlinable @inline(__always)
    func bits(_ word: Int, _ shift: UInt64, _ width: UInt64) -> UInt64 {
        words[word] &>> shift & (~0 &>> (64 &- width))
    }

    @inlinable @inline(__always)
    mutating func setBits(_ word: Int, _ shift: UInt64, _ width: UInt64, _ value: UInt64) {
        let mask = (~0 &>> (64 &- width)) as UInt64
        words[word] = words[word] & ~(mask &<< shift) | (value & mask) &<< shift
    }

    // Word 0 and 1: where the packet is, and what the switch has noted about it.

    /// Datapath port that the packet entered by; in a `PipelineKey`, the OpenFlow port.
    @inlinable public var inPort: UInt32 {
        get { UInt32(truncatingIfNeeded: bits(0, 0, 32)) }
        set { setBits(0, 0, 32, UInt64(newValue)) }
    }
    /// Which continuation of the pipeline is to treat the packet; 0 for the first pass.
    @inlinable public var recirculationID: UInt32 {
        get { UInt32(truncatingIfNeeded: bits(0, 32, 32)) }
        set { setBits(0, 32, 32, UInt64(newValue)) }
    }
    /// The packet mark (`skb->mark` in the kernel's datapath).
    @inlinable public var packetMark: UInt32 {
        get { UInt32(truncatingIfNeeded: bits(1, 0, 32)) }
        set { setBits(1, 0, 32, UInt64(newValue)) }
    }
    /// The queueing priority (`skb->priority`).
    @inlinable public var priority: UInt32 {
        get { UInt32(truncatingIfNeeded: bits(1, 32, 32)) }
        set { setBits(1, 32, 32, UInt64(newValue)) }
    }
    /// The hash that a `hash` action computed; 0 before.
    @inlinable public var dpHash: UInt32 {
        get { UInt32(truncatingIfNeeded: bits(2, 0, 32)) }
        set { setBits(2, 0, 32, UInt64(newValue)) }
    }
    /// IPv6 flow label, 20 bits (RFC 8200 §3).
    @inlinable public var ipv6Label: UInt32 {
        get { UInt32(truncatingIfNeeded: bits(2, 32, 32)) }
        set { setBits(2, 32, 32, UInt64(newValue)) }
    }

    // Words 3 to 5: the link layer.

    @inlinable public var ethDst: MACAddress {
        get { MACAddress(bits: words[3]) }
        set { words[3] = newValue.bits }
    }
    @inlinable public var ethSrc: MACAddress {
        get { MACAddress(bits: words[4]) }
        set { words[4] = newValue.bits }
    }
    /// The type behind all VLAN tags; `EtherType.notEthernetII` for an 802.3 length without SNAP.
    @inlinable public var ethType: UInt16 {
        get { UInt16(truncatingIfNeeded: bits(5, 0, 16)) }
        set { setBits(5, 0, 16, UInt64(newValue)) }
    }
    /// The outer tag: priority, `VLANTag.present`, VLAN id. 0 if the frame has no tag.
    @inlinable public var vlan0TCI: UInt16 {
        get { UInt16(truncatingIfNeeded: bits(5, 16, 16)) }
        set { setBits(5, 16, 16, UInt64(newValue)) }
    }
    /// The outer tag's Ethernet type (0x8100 or 0x88a8); 0 without a tag.
    @inlinable public var vlan0TPID: UInt16 {
        get { UInt16(truncatingIfNeeded: bits(5, 32, 16)) }
        set { setBits(5, 32, 16, UInt64(newValue)) }
    }
    /// The second tag, as `vlan0TCI`.
    @inlinable public var vlan1TCI: UInt16 {
        get { UInt16(truncatingIfNeeded: bits(5, 48, 16)) }
        set { setBits(5, 48, 16, UInt64(newValue)) }
    }
    @inlinable public var vlan1TPID: UInt16 {
        get { UInt16(truncatingIfNeeded: bits(6, 0, 16)) }
        set { setBits(6, 0, 16, UInt64(newValue)) }
    }

    // Words 6 to 12: the network layer, or ARP.

    /// TCP's flags, 12 bits (RFC 9293 §3.1).
    @inlinable public var tcpFlags: UInt16 {
        get { UInt16(truncatingIfNeeded: bits(6, 16, 16)) }
        set { setBits(6, 16, 16, UInt64(newValue)) }
    }
    /// IP protocol; for ARP the low 8 bits of the operation.
    @inlinable public var nwProto: UInt8 {
        get { UInt8(truncatingIfNeeded: bits(6, 32, 8)) }
        set { setBits(6, 32, 8, UInt64(newValue)) }
    }
    /// DSCP in the 6 high bits, ECN in the 2 low ones (RFC 2474, RFC 3168).
    @inlinable public var nwTOS: UInt8 {
        get { UInt8(truncatingIfNeeded: bits(6, 40, 8)) }
        set { setBits(6, 40, 8, UInt64(newValue)) }
    }
    /// IPv4 time to live, or IPv6 hop limit.
    @inlinable public var nwTTL: UInt8 {
        get { UInt8(truncatingIfNeeded: bits(6, 48, 8)) }
        set { setBits(6, 48, 8, UInt64(newValue)) }
    }
    /// `Fragment` bits.
    @inlinable public var nwFrag: UInt8 {
        get { UInt8(truncatingIfNeeded: bits(6, 56, 8)) }
        set { setBits(6, 56, 8, UInt64(newValue)) }
    }
    /// Source port; for ICMP and ICMPv6 the type.
    @inlinable public var tpSrc: UInt16 {
        get { UInt16(truncatingIfNeeded: bits(7, 0, 16)) }
        set { setBits(7, 0, 16, UInt64(newValue)) }
    }
    /// Destination port; for ICMP and ICMPv6 the code.
    @inlinable public var tpDst: UInt16 {
        get { UInt16(truncatingIfNeeded: bits(7, 16, 16)) }
        set { setBits(7, 16, 16, UInt64(newValue)) }
    }
    /// First label-stack entry, whole (RFC 3032 §2.1); 0 without MPLS.
    @inlinable public var mpls0: UInt32 {
        get { UInt32(truncatingIfNeeded: bits(7, 32, 32)) }
        set { setBits(7, 32, 32, UInt64(newValue)) }
    }
    /// IPv4 source, or ARP's sender address.
    @inlinable public var nwSrc: IPv4Address {
        get { IPv4Address(bits: UInt32(truncatingIfNeeded: bits(8, 0, 32))) }
        set { setBits(8, 0, 32, UInt64(newValue.bits)) }
    }
    /// IPv4 destination, or ARP's target address.
    @inlinable public var nwDst: IPv4Address {
        get { IPv4Address(bits: UInt32(truncatingIfNeeded: bits(8, 32, 32))) }
        set { setBits(8, 32, 32, UInt64(newValue.bits)) }
    }
    @inlinable public var ipv6Src: IPv6Address {
        get { IPv6Address(high: words[9], low: words[10]) }
        set { (words[9], words[10]) = (newValue.high, newValue.low) }
    }
    @inlinable public var ipv6Dst: IPv6Address {
        get { IPv6Address(high: words[11], low: words[12]) }
        set { (words[11], words[12]) = (newValue.high, newValue.low) }
    }

    // Words 13 to 17: neighbour discovery, ARP's hardware addresses, deeper MPLS labels.

    /// Target of an ICMPv6 neighbour solicitation or advertisement (RFC 4861 §4.3, §4.4).
    @inlinable public var ndTarget: IPv6Address {
        get { IPv6Address(high: words[13], low: words[14]) }
        set { (words[13], words[14]) = (newValue.high, newValue.low) }
    }
    /// ARP's sender hardware address, or neighbour discovery's source link-layer address.
    @inlinable public var arpSHA: MACAddress {
        get { MACAddress(bits: words[15]) }
        set { words[15] = newValue.bits }
    }
    /// ARP's target hardware address, or neighbour discovery's target link-layer address.
    @inlinable public var arpTHA: MACAddress {
        get { MACAddress(bits: words[16]) }
        set { words[16] = newValue.bits }
    }
    @inlinable public var mpls1: UInt32 {
        get { UInt32(truncatingIfNeeded: bits(17, 0, 32)) }
        set { setBits(17, 0, 32, UInt64(newValue)) }
    }
    @inlinable public var mpls2: UInt32 {
        get { UInt32(truncatingIfNeeded: bits(17, 32, 32)) }
        set { setBits(17, 32, 32, UInt64(newValue)) }
    }
}

/// Which bits of a `FlowKey` a decision looked at: 1 = looked at, 0 = any value.
///
/// The two mistakes one can make here are not alike. A bit too many makes a cached flow narrower
/// than it need be: slow. A bit too few makes it answer for packets that it should not: wrong.
public typealias FlowMask = FlowKey

/// Bits of `vlan0TCI` and `vlan1TCI` (IEEE 802.1Q §9.6). The bit that 802.1Q calls DEI (once CFI)
/// says in a flow key that the tag is there at all, as in Open vSwitch: so "no tag" and "VLAN 0,
/// priority 0" differ.
public enum VLANTag {
    public static let present: UInt16 = 0x1000
    public static let idMask: UInt16 = 0x0fff
    public static let priorityMask: UInt16 = 0xe000
    public static let priorityShift: UInt16 = 13
}

/// Bits of `nwFrag`, as `OFPFF`/`nw_frag` in Open vSwitch count them.
public enum Fragment {
    /// The packet is a fragment, first or later.
    public static let any: UInt8 = 1
    /// It is a later fragment: it has no transport header.
    public static let later: UInt8 = 2
}
