public import Flows
public import Packets

// Writing header fields, and keeping every checksum that covers them right.
//
// An edit whose header is not there does nothing, and copies nothing. Checksums are adjusted by
// what changed (RFC 1624), so that a frame that arrived broken leaves as broken as it came, and a
// super-frame is not summed. A checksum that is unfinished holds the sum of the pseudo-header only:
// addresses go into it, ports do not.

extension PacketRun {
    /// A `set`, or a tag or label pushed or popped. Returns false if there is no memory for a copy.
    @inlinable
    mutating func edit<Sink: PacketSink & ~Copyable>(
        _ step: Step, _ operands: UnsafePointer<UInt64>, _ sink: inout Sink
    ) -> Bool {
        unsafe outcome = outcome ?? .actionsWithoutOutput
        switch step.kind {
        case .pushVLAN, .popVLAN: return unsafe editTag(step, &sink)
        case .pushMPLS, .popMPLS: return unsafe editLabel(step, &sink)
        default: break
        }
        let header = step.header
        switch header {
        case .packetMark, .priority, .dpHash:
            unsafe note(header, operands)
            return true
        case .vlan where unsafe frame.vlanTPID != 0:
            unsafe editTagAside(operands)
            return true
        default: break
        }
        guard unsafe has(header) else { return true }
        guard unsafe own(&sink) else { return false }
        unsafe write(header, operands)
        return true
    }

    /// Whether the header is there, wholly.
    @usableFromInline
    func has(_ header: HeaderKind) -> Bool {
        let byteCount = unsafe frame.byteCount
        let (network, transport) = unsafe (Int(layout.network), Int(layout.transport))
        let kind = unsafe layout.networkKind
        func carries(_ ipProtocol: UInt8, _ needed: Int) -> Bool {
            unsafe transport != 0 && layout.transportProtocol == ipProtocol
                && transport + needed <= byteCount
        }
        switch header {
        case .ethernet: return byteCount >= 14
        case .vlan: return unsafe hasTagInBytes
        case .mpls: return unsafe layout.mpls != 0 && Int(layout.mpls) + 4 <= byteCount
        case .arp: return kind == .arp && network + 28 <= byteCount
        case .ipv4: return kind == .ipv4 && network + 20 <= byteCount
        case .ipv6: return kind == .ipv6 && network + 40 <= byteCount
        case .tcp: return carries(IPProtocol.tcp, 20)
        case .udp: return carries(IPProtocol.udp, 8)
        case .sctp: return carries(IPProtocol.sctp, 12)
        case .icmp: return kind == .ipv4 && carries(IPProtocol.icmp, 8)
        case .icmpv6: return kind == .ipv6 && carries(IPProtocol.icmpv6, 8)
        case .neighbourDiscovery:
            return unsafe kind == .ipv6 && carries(IPProtocol.icmpv6, 24) && isDiscovery
        case .packetMark, .priority, .dpHash: return true
        }
    }

    @usableFromInline
    func write(_ header: HeaderKind, _ operands: UnsafePointer<UInt64>) {
        switch header {
        case .ethernet: unsafe editEthernet(operands)
        case .vlan: unsafe editTagInBytes(operands)
        case .mpls:
            let bytes = unsafe FrameBytes(frame)
            let at = unsafe Int(layout.mpls)
            let old = unsafe bytes.load(UInt32.self, at: at)
            unsafe bytes.store(merge(old, operands, 0, 32), at: at)
        case .arp: unsafe editARP(operands)
        case .ipv4: unsafe editIPv4(operands)
        case .ipv6: unsafe editIPv6(operands)
        case .tcp, .udp, .sctp: unsafe editPorts(operands)
        case .icmp, .icmpv6: unsafe editMessage(operands)
        case .neighbourDiscovery: unsafe editDiscovery(operands)
        case .packetMark, .priority, .dpHash: break
        }
    }

    private func editEthernet(_ operands: UnsafePointer<UInt64>) {
        let bytes = unsafe FrameBytes(frame)
        let destination = unsafe merge(bytes.loadMAC(at: 0), operands, 0)
        let source = unsafe merge(bytes.loadMAC(at: 6), operands, 1)
        unsafe bytes.storeMAC(destination, at: 0)
        unsafe bytes.storeMAC(source, at: 6)
    }

    /// RFC 826. No checksum.
    private func editARP(_ operands: UnsafePointer<UInt64>) {
        let bytes = unsafe FrameBytes(frame)
        let at = unsafe Int(layout.network)
        let old = unsafe bytes.load(UInt16.self, at: at + 6)
        let low = unsafe merge(UInt8(truncatingIfNeeded: old), operands, 0, 32)
        // A key has only the low half: whoever writes all of that means the whole.
        let isWhole = unsafe operands[1] >> 32 & 0xff == 0xff
        unsafe bytes.store((isWhole ? 0 : old & 0xff00) | UInt16(low), at: at + 6)
        let sender = unsafe bytes.load(UInt32.self, at: at + 14)
        unsafe bytes.store(merge(sender, operands, 1, 0), at: at + 14)
        let receiver = unsafe bytes.load(UInt32.self, at: at + 24)
        unsafe bytes.store(merge(receiver, operands, 1, 32), at: at + 24)
        let source = unsafe merge(bytes.loadMAC(at: at + 8), operands, 2)
        let target = unsafe merge(bytes.loadMAC(at: at + 18), operands, 3)
        unsafe bytes.storeMAC(source, at: at + 8)
        unsafe bytes.storeMAC(target, at: at + 18)
    }

    /// RFC 791 §3.1. The header has a checksum of its own; the transport's covers the addresses.
    private func editIPv4(_ operands: UnsafePointer<UInt64>) {
        let bytes = unsafe FrameBytes(frame)
        let at = unsafe Int(layout.network)
        var (header, pseudo) = (SumDifference(), SumDifference())
        for index in 0..<2 {
            let offset = at + 12 + 4 * index
            let old = unsafe bytes.load(UInt32.self, at: offset)
            let new = unsafe merge(old, operands, 1, 32 * UInt64(index))
            header.replace(old, by: new)
            pseudo.replace(old, by: new)
            unsafe bytes.store(new, at: offset)
        }
        let tos = unsafe bytes.load(UInt16.self, at: at)
        let newTOS =
            unsafe tos & 0xff00 | UInt16(merge(UInt8(truncatingIfNeeded: tos), operands, 0, 40))
        header.replace(tos, by: newTOS)
        unsafe bytes.store(newTOS, at: at)
        let ttl = unsafe bytes.load(UInt16.self, at: at + 8)
        let newTTL = unsafe ttl & 0xff | UInt16(merge(UInt8(ttl >> 8), operands, 0, 48)) << 8
        header.replace(ttl, by: newTTL)
        unsafe bytes.store(newTTL, at: at + 8)

        let checksum = unsafe bytes.load(UInt16.self, at: at + 10)
        unsafe bytes.store(header.applied(toFinished: checksum), at: at + 10)
        unsafe adjustTransport(pseudo, coversPorts: false)
    }

    /// RFC 8200 §3, §8.1. No checksum in the header; the transport's covers the addresses.
    private func editIPv6(_ operands: UnsafePointer<UInt64>) {
        let bytes = unsafe FrameBytes(frame)
        let at = unsafe Int(layout.network)
        var pseudo = SumDifference()
        for half in 0..<4 {
            let offset = at + 8 + 8 * half
            let old = unsafe bytes.load(UInt64.self, at: offset)
            let new = unsafe merge(old, operands, 2 + half)
            if unsafe half < 2 || !layout.hasRoutingHeader { pseudo.replace(old, by: new) }
            unsafe bytes.store(new, at: offset)
        }
        let first = unsafe bytes.load(UInt32.self, at: at)
        let trafficClass = unsafe merge(UInt8(truncatingIfNeeded: first >> 20), operands, 1, 40)
        let label = unsafe merge(first & 0xf_ffff, operands, 0, 32) & 0xf_ffff
        unsafe bytes.store(first & 0xf000_0000 | UInt32(trafficClass) << 20 | label, at: at)
        let hopLimit = unsafe bytes.load(UInt8.self, at: at + 7)
        unsafe bytes.store(merge(hopLimit, operands, 1, 48), at: at + 7)
        unsafe adjustTransport(pseudo, coversPorts: false)
    }

    private func editPorts(_ operands: UnsafePointer<UInt64>) {
        let bytes = unsafe FrameBytes(frame)
        let at = unsafe Int(layout.transport)
        let old = unsafe bytes.load(UInt32.self, at: at)
        let source = unsafe merge(UInt16(old >> 16), operands, 0, 0)
        let destination = unsafe merge(UInt16(truncatingIfNeeded: old), operands, 0, 16)
        let new = UInt32(source) << 16 | UInt32(destination)
        guard unsafe layout.transportProtocol != IPProtocol.sctp else {
            return unsafe editSCTPPorts(old, new)
        }
        unsafe bytes.store(new, at: at)
        var difference = SumDifference()
        difference.replace(old, by: new)
        unsafe adjustTransport(difference, coversPorts: true)
    }

    /// Type and code of ICMP (RFC 792) or ICMPv6 (RFC 4443 §2.1), one byte each.
    private func editMessage(_ operands: UnsafePointer<UInt64>) {
        let bytes = unsafe FrameBytes(frame)
        let at = unsafe Int(layout.transport)
        let old = unsafe bytes.load(UInt16.self, at: at)
        let type = unsafe merge(UInt8(old >> 8), operands, 0, 0)
        let code = unsafe merge(UInt8(truncatingIfNeeded: old), operands, 0, 16)
        let new = UInt16(type) << 8 | UInt16(code)
        unsafe bytes.store(new, at: at)
        var difference = SumDifference()
        difference.replace(old, by: new)
        unsafe adjustTransport(difference, coversPorts: true)
    }

    /// RFC 9260 §6.8. The checksum covers the whole message, so that of a fragment cannot be kept
    /// right: its ports stay.
    private func editSCTPPorts(_ old: UInt32, _ new: UInt32) {
        let bytes = unsafe FrameBytes(frame)
        let at = unsafe Int(layout.transport)
        let isFragment = unsafe layout.isFragment
        guard !isFragment, let end = unsafe packetEnd, end >= at + 12 else { return }
        unsafe bytes.store(new, at: at)
        guard unsafe !hasUnfinishedChecksum else { return }
        let change = CRC32C.change(
            difference: (old ^ new).byteSwapped, byteCountBehind: end - at - 4)
        let checksum = unsafe bytes.load(UInt32.self, at: at + 8)
        unsafe bytes.store(checksum ^ change.byteSwapped, at: at + 8)
    }

    /// Where the IP packet ends by its own account; nil if that is not inside the frame.
    var packetEnd: Int? {
        let bytes = unsafe FrameBytes(frame)
        let at = unsafe Int(layout.network)
        let isIPv4 = unsafe layout.networkKind == .ipv4
        guard unsafe at + (isIPv4 ? 20 : 40) <= bytes.byteCount else { return nil }
        let length = unsafe Int(bytes.load(UInt16.self, at: at + (isIPv4 ? 2 : 4)))
        let end = at + length + (isIPv4 ? 0 : 40)
        return unsafe end <= bytes.byteCount ? end : nil
    }

    /// Adjusts the checksum of TCP, UDP, ICMP or ICMPv6.
    ///
    /// - Parameter coversPorts: The change is in the transport header; otherwise in the addresses
    ///   of the pseudo-header.
    func adjustTransport(_ difference: SumDifference, coversPorts: Bool) {
        let place = unsafe Int(layout.transport)
        let field: Int
        switch unsafe (layout.transportProtocol, layout.networkKind) {
        case (IPProtocol.tcp, _): field = place + 16
        case (IPProtocol.udp, _): field = place + 6
        case (IPProtocol.icmpv6, .ipv6): field = place + 2
        // RFC 792: no pseudo-header.
        case (IPProtocol.icmp, .ipv4) where coversPorts: field = place + 2
        default: return
        }
        let bytes = unsafe FrameBytes(frame)
        guard place != 0, unsafe field + 2 <= bytes.byteCount else { return }
        let checksum = unsafe bytes.load(UInt16.self, at: field)
        guard unsafe !hasUnfinishedChecksum else {
            guard !coversPorts else { return }
            return unsafe bytes.store(difference.applied(toUnfinished: checksum), at: field)
        }
        let isUDP = unsafe layout.transportProtocol == IPProtocol.udp
        // RFC 768: 0 says that there is no checksum, so a sum that comes out as 0 is sent as ~0.
        guard !isUDP || checksum != 0 else { return }
        let new = difference.applied(toFinished: checksum)
        unsafe bytes.store(isUDP && new == 0 ? 0xffff : new, at: field)
    }

    /// The transport checksum is left to whoever sends the frame.
    private var hasUnfinishedChecksum: Bool {
        unsafe frame.offload.needsChecksum && frame.offload.checksumStart == layout.transport
    }
}

/// `old` with those bits of a `set`'s word `index` that its mask selects. The field lies in the
/// word from bit `shift` upwards, as in a flow key.
func merge<Field: FixedWidthInteger & UnsignedInteger>(
    _ old: Field, _ operands: UnsafePointer<UInt64>, _ index: Int, _ shift: UInt64 = 0
) -> Field {
    // Safe: a `set` has two operands for each word of its header, and `index` is below their count.
    let value = unsafe Field(truncatingIfNeeded: operands[2 * index] >> shift)
    let mask = unsafe Field(truncatingIfNeeded: operands[2 * index + 1] >> shift)
    return old & ~mask | value & mask
}
