public import Flows
import Packets

// Writing header fields, and keeping every checksum that covers them right.
//
// An edit whose header is not there does nothing, and copies nothing. Checksums are adjusted by
// what changed (RFC 1624), so that a frame that arrived broken leaves as broken as it came, and a
// super-frame is not summed. A checksum that is unfinished holds the sum of the pseudo-header only:
// addresses go into it, ports do not.

extension PacketRun {
    @inlinable
    mutating func editHeader<Sink: PacketSink & ~Copyable>(
        _ step: Step, _ operands: UnsafePointer<UInt64>, _ sink: inout Sink
    ) -> Bool {
        unsafe outcome = outcome ?? .actionsWithoutOutput
        guard unsafe applies(step) else { return true }
        guard unsafe own(&sink) else { return false }
        unsafe edit(step, operands)
        return true
    }

    /// Whether the step's header is there, wholly.
    @usableFromInline
    func applies(_ step: Step) -> Bool {
        let bytes = unsafe FrameBytes(frame)
        let network = unsafe Int(layout.network)
        switch step.kind {
        case .setEthernet:
            return unsafe bytes.byteCount >= 14
        case .setIPv4:
            return unsafe layout.networkKind == .ipv4 && network + 20 <= bytes.byteCount
        case .setIPv6:
            return unsafe layout.networkKind == .ipv6 && network + 40 <= bytes.byteCount
        case .setPorts:
            let place = unsafe Int(layout.transport)
            return unsafe place != 0 && UInt16(layout.transportProtocol) == step.small
                && place + transportByteCount <= bytes.byteCount
        case .end, .output, .userspace, .setMark, .setPriority, .pushVLAN, .popVLAN, .truncate,
            .drop, .hash, .recirculate:
            return false
        }
    }

    @usableFromInline
    func edit(_ step: Step, _ operands: UnsafePointer<UInt64>) {
        switch step.kind {
        case .setEthernet: unsafe editEthernet(operands)
        case .setIPv4: unsafe editIPv4(step, operands)
        case .setIPv6: unsafe editIPv6(step, operands)
        case .setPorts: unsafe editPorts(operands)
        case .end, .output, .userspace, .setMark, .setPriority, .pushVLAN, .popVLAN, .truncate,
            .drop, .hash, .recirculate:
            return
        }
    }

    private func editEthernet(_ operands: UnsafePointer<UInt64>) {
        let bytes = unsafe FrameBytes(frame)
        let source = unsafe bytes.loadMAC(at: 6) & ~operands[1] | operands[0] & operands[1]
        let destination = unsafe bytes.loadMAC(at: 0) & ~operands[3] | operands[2] & operands[3]
        unsafe bytes.storeMAC(source, at: 6)
        unsafe bytes.storeMAC(destination, at: 0)
    }

    /// RFC 791 §3.1. The header has a checksum of its own; the transport's covers the addresses.
    private func editIPv4(_ step: Step, _ operands: UnsafePointer<UInt64>) {
        let bytes = unsafe FrameBytes(frame)
        let at = unsafe Int(layout.network)
        var (header, pseudo) = (SumDifference(), SumDifference())
        for index in 0..<2 {
            let offset = at + 12 + 4 * index
            let old = unsafe bytes.load(UInt32.self, at: offset)
            let new = unsafe merge(old, operands[index])
            header.replace(old, by: new)
            pseudo.replace(old, by: new)
            unsafe bytes.store(new, at: offset)
        }
        let tos = unsafe bytes.load(UInt16.self, at: at)
        let newTOS =
            tos & 0xff00 | UInt16(merge(UInt8(truncatingIfNeeded: tos), step.immediate >> 16))
        header.replace(tos, by: newTOS)
        unsafe bytes.store(newTOS, at: at)
        let ttl = unsafe bytes.load(UInt16.self, at: at + 8)
        let newTTL = ttl & 0xff | UInt16(merge(UInt8(ttl >> 8), step.immediate)) << 8
        header.replace(ttl, by: newTTL)
        unsafe bytes.store(newTTL, at: at + 8)

        let checksum = unsafe bytes.load(UInt16.self, at: at + 10)
        unsafe bytes.store(header.applied(toFinished: checksum), at: at + 10)
        unsafe adjustTransport(pseudo, coversPorts: false)
    }

    /// RFC 8200 §3, §8.1. No checksum in the header; the transport's covers the addresses.
    private func editIPv6(_ step: Step, _ operands: UnsafePointer<UInt64>) {
        let bytes = unsafe FrameBytes(frame)
        let at = unsafe Int(layout.network)
        var pseudo = SumDifference()
        for half in 0..<4 {
            let offset = at + 8 + 8 * half
            let value = unsafe operands[half / 2 * 4 + half % 2]
            let mask = unsafe operands[half / 2 * 4 + 2 + half % 2]
            let old = unsafe bytes.load(UInt64.self, at: offset)
            let new = old & ~mask | value & mask
            if unsafe half < 2 || !layout.hasRoutingHeader { pseudo.replace(old, by: new) }
            unsafe bytes.store(new, at: offset)
        }
        let first = unsafe bytes.load(UInt32.self, at: at)
        let trafficClass = merge(UInt8(truncatingIfNeeded: first >> 20), step.immediate >> 16)
        let label = unsafe merge(first & 0xf_ffff, operands[8]) & 0xf_ffff
        unsafe bytes.store(first & 0xf000_0000 | UInt32(trafficClass) << 20 | label, at: at)
        let hopLimit = unsafe bytes.load(UInt8.self, at: at + 7)
        unsafe bytes.store(merge(hopLimit, step.immediate), at: at + 7)
        unsafe adjustTransport(pseudo, coversPorts: false)
    }

    private func editPorts(_ operands: UnsafePointer<UInt64>) {
        let bytes = unsafe FrameBytes(frame)
        let at = unsafe Int(layout.transport)
        let old = unsafe bytes.load(UInt32.self, at: at)
        // (source, mask, destination, mask) to one pair of 32 bits.
        let operand = unsafe operands[0]
        let value = UInt32(operand >> 48) << 16 | UInt32(operand >> 16 & 0xffff)
        let mask = UInt32(operand >> 32 & 0xffff) << 16 | UInt32(operand & 0xffff)
        let new = old & ~mask | value & mask
        guard unsafe layout.transportProtocol != IPProtocol.sctp else {
            return unsafe editSCTPPorts(old, new)
        }
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
    private var packetEnd: Int? {
        let bytes = unsafe FrameBytes(frame)
        let at = unsafe Int(layout.network)
        let isIPv4 = unsafe layout.networkKind == .ipv4
        guard unsafe at + (isIPv4 ? 20 : 40) <= bytes.byteCount else { return nil }
        let length = unsafe Int(bytes.load(UInt16.self, at: at + (isIPv4 ? 2 : 4)))
        let end = at + length + (isIPv4 ? 0 : 40)
        return unsafe end <= bytes.byteCount ? end : nil
    }

    /// Adjusts the checksum of TCP, UDP or ICMPv6.
    ///
    /// - Parameter coversPorts: The change is in the transport header; otherwise in the addresses
    ///   of the pseudo-header.
    private func adjustTransport(_ difference: SumDifference, coversPorts: Bool) {
        let place = unsafe Int(layout.transport)
        let field: Int
        switch unsafe (layout.transportProtocol, layout.networkKind) {
        case (IPProtocol.tcp, _): field = place + 16
        case (IPProtocol.udp, _): field = place + 6
        case (IPProtocol.icmpv6, .ipv6): field = place + 2
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

    private var transportByteCount: Int {
        switch unsafe layout.transportProtocol {
        case IPProtocol.tcp: 20
        case IPProtocol.udp: 8
        case IPProtocol.sctp: 12
        default: Int(UInt16.max)
        }
    }
}

/// `old` with the bits of `pair`'s value that `pair`'s mask selects; the mask is the lower half.
private func merge(_ old: UInt32, _ pair: UInt64) -> UInt32 {
    let mask = UInt32(truncatingIfNeeded: pair)
    return old & ~mask | UInt32(pair >> 32) & mask
}

/// The same for a byte: value in bits 8 to 15, mask in bits 0 to 7.
private func merge(_ old: UInt8, _ pair: UInt32) -> UInt8 {
    let mask = UInt8(truncatingIfNeeded: pair)
    return old & ~mask | UInt8(truncatingIfNeeded: pair >> 8) & mask
}
