public import Packets

// The inner half of key extraction: IPv4, IPv6 with its extension headers, and what they carry.

extension Extraction {
    /// RFC 791 §3.1.
    @inlinable
    mutating func readIPv4(_ frame: RawSpan, at offset: Int, isSuperFrame: Bool) {
        let available = frame.byteCount - offset
        guard available >= 20 else {
            malformation = .truncatedIPv4
            return
        }
        let first = frame.octet(at: offset)
        let headerByteCount = Int(first & 0xf) * 4
        var total = Int(frame.bigEndian16(at: offset + 2))
        if total == 0, isSuperFrame { total = available }
        guard first >> 4 == 4 else {
            malformation = .invalidIPv4Version
            return
        }
        guard headerByteCount >= 20 else {
            malformation = .invalidIPv4HeaderLength
            return
        }
        guard headerByteCount <= available else {
            malformation = .truncatedIPv4
            return
        }
        // Bytes behind `total` are padding, however many they are (CVE-2020-35498).
        guard total >= headerByteCount, total <= available else {
            malformation = .invalidIPv4TotalLength
            return
        }

        layout.network = UInt16(truncatingIfNeeded: offset)
        layout.networkKind = .ipv4
        let place = frame.bigEndian16(at: offset + 6)
        var fragment: UInt8 = 0
        if place & 0x3fff != 0 {
            fragment = place & 0x1fff != 0 ? Fragment.any | Fragment.later : Fragment.any
            layout.isFragment = true
        }
        let ipProtocol = frame.octet(at: offset + 9)
        setNetwork(
            ipProtocol: ipProtocol, tos: frame.octet(at: offset + 1),
            ttl: frame.octet(at: offset + 8), fragment: fragment)
        key.words[8] =
            UInt64(frame.bigEndian32(at: offset + 12))
            | UInt64(frame.bigEndian32(at: offset + 16)) << 32
        guard fragment & Fragment.later == 0 else { return }
        readTransport(
            frame, at: offset + headerByteCount, end: offset + total, ipProtocol: ipProtocol,
            icmp: IPProtocol.icmp)
    }

    @inlinable @inline(__always)
    mutating func setNetwork(ipProtocol: UInt8, tos: UInt8, ttl: UInt8, fragment: UInt8) {
        key.words[6] |=
            UInt64(ipProtocol) << 32 | UInt64(tos) << 40 | UInt64(ttl) << 48
            | UInt64(fragment) << 56
    }

    /// RFC 8200 §3.
    @inlinable
    mutating func readIPv6(_ frame: RawSpan, at offset: Int, isSuperFrame: Bool) {
        let available = frame.byteCount - offset
        guard available >= 40 else {
            malformation = .truncatedIPv6
            return
        }
        let first = frame.bigEndian32(at: offset)
        guard first >> 28 == 6 else {
            malformation = .invalidIPv6Version
            return
        }
        var payload = Int(frame.bigEndian16(at: offset + 4))
        if payload == 0, isSuperFrame { payload = available - 40 }
        guard payload <= available - 40 else {
            malformation = .invalidIPv6PayloadLength
            return
        }
        let end = offset + 40 + payload

        var walk = ExtensionWalk(ipProtocol: frame.octet(at: offset + 6), at: offset + 40)
        if let fault = walk.run(frame, end: end) {
            malformation = fault
            return
        }

        layout.network = UInt16(truncatingIfNeeded: offset)
        layout.networkKind = .ipv6
        layout.isFragment = walk.fragment != 0
        layout.hasRoutingHeader = walk.hasRoutingHeader
        key.words[2] |= UInt64(first & 0xf_ffff) << 32
        setNetwork(
            ipProtocol: walk.ipProtocol, tos: UInt8(truncatingIfNeeded: first >> 20),
            ttl: frame.octet(at: offset + 7), fragment: walk.fragment)
        key.words[9] = frame.bigEndian64(at: offset + 8)
        key.words[10] = frame.bigEndian64(at: offset + 16)
        key.words[11] = frame.bigEndian64(at: offset + 24)
        key.words[12] = frame.bigEndian64(at: offset + 32)
        guard walk.fragment & Fragment.later == 0 else { return }
        readTransport(
            frame, at: walk.at, end: end, ipProtocol: walk.ipProtocol, icmp: IPProtocol.icmpv6)
    }

    /// Reads ports, type and code, flags. `end` is where the IP packet ends, padding excluded.
    @inlinable
    mutating func readTransport(
        _ frame: RawSpan, at offset: Int, end: Int, ipProtocol: UInt8, icmp: UInt8
    ) {
        let available = end - offset
        let needed: Int
        let fault: Malformation
        switch ipProtocol {
        case IPProtocol.tcp: (needed, fault) = (20, .truncatedTCP)
        case IPProtocol.udp: (needed, fault) = (8, .truncatedUDP)
        case IPProtocol.sctp: (needed, fault) = (12, .truncatedSCTP)
        case IPProtocol.igmp where icmp == IPProtocol.icmp: (needed, fault) = (8, .truncatedIGMP)
        case icmp:
            (needed, fault) = (8, icmp == IPProtocol.icmp ? .truncatedICMP : .truncatedICMPv6)
        default: return
        }
        guard available >= needed else {
            malformation = fault
            return
        }
        layout.transport = UInt16(truncatingIfNeeded: offset)
        layout.transportProtocol = ipProtocol
        let ports = frame.bigEndian32(at: offset)
        guard ipProtocol != icmp, ipProtocol != IPProtocol.igmp else {
            // Type and code, one byte each, take the places of the ports.
            key.words[7] = UInt64(ports >> 24) | UInt64(ports >> 16 & 0xff) << 16
            if icmp == IPProtocol.icmpv6 { readNeighborDiscovery(frame, at: offset, end: end) }
            return
        }
        key.words[7] = UInt64(ports >> 16) | UInt64(ports & 0xffff) << 16
        if ipProtocol == IPProtocol.tcp {
            key.words[6] |= UInt64(frame.bigEndian16(at: offset + 12) & 0xfff) << 16
        }
    }

    /// Target and link-layer address options of a neighbour solicitation (135) or advertisement
    /// (136), RFC 4861 §4.3, §4.4, §4.6.1. Options that contradict each other leave none.
    @inlinable
    mutating func readNeighborDiscovery(_ frame: RawSpan, at offset: Int, end: Int) {
        let typeAndCode = frame.bigEndian16(at: offset)
        guard typeAndCode == 135 << 8 || typeAndCode == 136 << 8 else { return }
        guard end - offset >= 24 else {
            malformation = .invalidNeighborDiscovery
            return
        }
        var (source, target) = (0 as UInt64, 0 as UInt64)
        var at = offset + 24
        var count = 0
        while end - at >= 8, count < ExtractionLimits.neighborOptions {
            let kind = frame.octet(at: at)
            let byteCount = Int(frame.octet(at: at + 1)) * 8
            let address = frame.bigEndian64(at: at) & 0xffff_ffff_ffff
            guard byteCount > 0, byteCount <= end - at,
                !(kind == 1 && source != 0), !(kind == 2 && target != 0)
            else {
                malformation = .invalidNeighborDiscovery
                return
            }
            if kind == 1, byteCount == 8 { source = address }
            if kind == 2, byteCount == 8 { target = address }
            at += byteCount
            count += 1
        }
        key.words[13] = frame.bigEndian64(at: offset + 8)
        key.words[14] = frame.bigEndian64(at: offset + 16)
        key.words[15] = source
        key.words[16] = target
    }
}

/// A bounded walk over IPv6 extension headers (RFC 8200 §4) to what they carry.
@usableFromInline
struct ExtensionWalk {
    /// Protocol of the header at `at`; 44 for a later fragment, whose content has no header.
    @usableFromInline var ipProtocol: UInt8
    @usableFromInline var at: Int
    @usableFromInline var fragment: UInt8 = 0
    @usableFromInline var hasRoutingHeader = false

    @inlinable init(ipProtocol: UInt8, at offset: Int) {
        self.ipProtocol = ipProtocol
        at = offset
    }

    /// Hop-by-hop 0, routing 43, fragment 44, authentication 51, destination 60.
    @inlinable static func isExtension(_ ipProtocol: UInt8) -> Bool {
        ipProtocol == 0 || ipProtocol == 43 || ipProtocol == 44 || ipProtocol == 51
            || ipProtocol == 60
    }

    @inlinable
    mutating func run(_ frame: RawSpan, end: Int) -> Malformation? {
        var count = 0
        while Self.isExtension(ipProtocol) {
            guard count < ExtractionLimits.extensionHeaders else { return .tooManyIPv6Extensions }
            guard end - at >= 8 else { return .truncatedIPv6Extension }
            count += 1
            let length = Int(frame.octet(at: at + 1))
            let byteCount: Int
            switch ipProtocol {
            case 44:
                fragment |= Fragment.any
                if frame.bigEndian16(at: at + 2) & 0xfff8 != 0 {
                    fragment |= Fragment.later
                    return nil
                }
                byteCount = 8
            case 51: byteCount = (length + 2) * 4
            default: byteCount = (length + 1) * 8
            }
            guard byteCount <= end - at else { return .truncatedIPv6Extension }
            if ipProtocol == 43, frame.octet(at: at + 3) != 0 { hasRoutingHeader = true }
            ipProtocol = frame.octet(at: at)
            at += byteCount
        }
        return nil
    }
}
