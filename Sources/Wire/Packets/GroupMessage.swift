// What hosts and routers tell each other about multicast groups: IGMP (RFC 1112 appendix I,
// RFC 2236, RFC 3376) for IPv4, MLD (RFC 2710, RFC 3810) for IPv6.
//
//     IGMP 1, 2:  | type | time | checksum |  group (4)  |
//     MLD 1:      | type | code | checksum | time | zero | group (16) |
//     IGMP 3:     | 0x22 | zero | checksum | zero | record count | records
//     MLD 2:      | 143  | zero | checksum | zero | record count | records
//     a record:   | type | auxiliary words | source count | group | sources | auxiliary |
//
// A switch that listens in needs little of it: who is a router, and which groups the sender joins
// or leaves. Sources are not told apart: a switch that forwards by group sends somebody more than
// he asked for, never less.

/// One message, as far as a switch needs it.
public enum GroupMessage: Hashable, Sendable {
    /// A router asks who listens. One without an address of its own (RFC 4541 §2.1.1) is none.
    case query(hasSource: Bool)
    case reports([GroupReport])
    /// Another type of IGMP.
    case other
}

/// That somebody listens to a group, or no more.
public struct GroupReport: Hashable, Sendable {
    /// IPv4 as an IPv4-mapped address (RFC 4291 §2.5.5.2).
    public var group: IPv6Address
    public var isLeave: Bool
    public init(group: IPv6Address, isLeave: Bool) {
        self.group = group
        self.isLeave = isLeave
    }
}

/// Why bytes are no message about groups.
public enum GroupMessageError: Error, Hashable, Sendable {
    case truncated(needed: Int, available: Int)
    case badChecksum
}

extension IPv6Address {
    public init(mapping address: IPv4Address) {
        self.init(high: 0, low: 0xffff_0000_0000 | UInt64(address.bits))
    }

    /// 224.0.0.0/4 (RFC 5771), mapped, or ff00::/8 (RFC 4291 §2.7).
    public var isGroup: Bool {
        high >> 56 == 0xff || high == 0 && low >> 28 == 0xffff_0000_0000 >> 28 | 0xe
    }
}

extension GroupMessage {
    private static let headerByteCount = 8

    /// Reads what follows the IPv4 header.
    ///
    /// - Parameter payload: Up to where the header says that the packet ends.
    public init(igmp payload: RawSpan, from source: IPv4Address) throws(GroupMessageError) {
        try Self.check(payload, needs: Self.headerByteCount)
        guard OnesComplement.sum(payload, 0) == 0xffff else { throw .badChecksum }
        let group = IPv6Address(mapping: IPv4Address(bits: payload.bigEndian32(at: 4)))
        switch payload.octet(at: 0) {
        case 0x11: self = .query(hasSource: source.bits != 0)
        case 0x12, 0x16: self = .reports(Self.one(group, isLeave: false))
        case 0x17: self = .reports(Self.one(group, isLeave: true))
        case 0x22: self = .reports(Self.records(payload, groupByteCount: 4))
        default: self = .other
        }
    }

    /// Reads an ICMPv6 message of type 130, 131, 132 or 143.
    ///
    /// - Parameter payload: Up to where the IPv6 header says that the packet ends.
    public init(
        mld payload: RawSpan, from source: IPv6Address, to destination: IPv6Address
    ) throws(GroupMessageError) {
        try Self.check(payload, needs: Self.headerByteCount)
        // RFC 8200 §8.1: addresses, length and next header come before the message.
        var start = UInt64(payload.byteCount) + UInt64(IPProtocol.icmpv6)
        for half in [source.high, source.low, destination.high, destination.low] {
            start += half >> 32 + half & 0xffff_ffff
        }
        guard OnesComplement.sum(payload, start) == 0xffff else { throw .badChecksum }
        switch payload.octet(at: 0) {
        case 130:
            self = .query(hasSource: source.high | source.low != 0)
        case 131, 132:
            try Self.check(payload, needs: Self.headerByteCount + 16)
            let group = payload.ipv6Address(at: Self.headerByteCount)
            self = .reports(Self.one(group, isLeave: payload.octet(at: 0) == 132))
        case 143:
            self = .reports(Self.records(payload, groupByteCount: 16))
        default:
            self = .other
        }
    }

    private static func check(_ payload: RawSpan, needs count: Int) throws(GroupMessageError) {
        guard payload.byteCount >= count else {
            throw .truncated(needed: count, available: payload.byteCount)
        }
    }

    private static func one(_ group: IPv6Address, isLeave: Bool) -> [GroupReport] {
        group.isGroup ? [GroupReport(group: group, isLeave: isLeave)] : []
    }

    /// The records that are wholly there; RFC 3376 §4.2, RFC 3810 §5.2. `payload` has a header.
    private static func records(_ payload: RawSpan, groupByteCount: Int) -> [GroupReport] {
        var reports: [GroupReport] = []
        var left = Int(payload.bigEndian16(at: 6))
        var offset = headerByteCount
        let fixed = 4 + groupByteCount
        while left > 0, payload.byteCount - offset >= fixed {
            let type = payload.octet(at: offset)
            let auxiliary = Int(payload.octet(at: offset + 1)) * 4
            let sources = Int(payload.bigEndian16(at: offset + 2))
            let group =
                groupByteCount == 4
                ? IPv6Address(mapping: IPv4Address(bits: payload.bigEndian32(at: offset + 4)))
                : payload.ipv6Address(at: offset + 4)
            // "Include nothing" is how version 3 leaves.
            let isLeave = sources == 0 && (type == 1 || type == 3)
            if (1...6).contains(type) { reports += one(group, isLeave: isLeave) }
            offset += fixed + sources * groupByteCount + auxiliary
            left -= 1
        }
        return reports
    }
}

/// The Internet checksum's sum (RFC 1071).
enum OnesComplement {
    /// The folded sum of `bytes` and `start`; 0xffff if a checksum among them is right.
    static func sum(_ bytes: RawSpan, _ start: UInt64) -> UInt16 {
        // Cannot overflow: at most 2¹⁵ words of 16 bits in a packet of 64 KB.
        var total = start
        var offset = 0
        while bytes.byteCount - offset >= 2 {
            total += UInt64(bytes.bigEndian16(at: offset))
            offset += 2
        }
        if offset < bytes.byteCount { total += UInt64(bytes.octet(at: offset)) << 8 }
        while total >> 16 != 0 { total = total & 0xffff + total >> 16 }
        return UInt16(truncatingIfNeeded: total)
    }
}
