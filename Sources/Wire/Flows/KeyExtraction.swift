public import Packets

// From the bytes of a frame to its flow key: the outer half, up to the network layer.
//
// The table of contents is `Extraction.read`: Ethernet, VLAN tags, then the network layer by type.
// Each header is measured before it is read, against what the header before it said the packet's
// length is; bytes behind that length are padding and say nothing. The words of the key are
// composed whole, one store each, because this runs for every packet.
//
// What is taken from a frame follows Open vSwitch's flow extraction, so that the same rules match
// the same packets. A network header that contradicts itself leaves the link layer's fields only.

extension FlowKey {
    /// Reads the key of a frame.
    ///
    /// - Parameters:
    ///   - frame: The frame from its Ethernet header on, without the tag that was kept aside.
    ///   - vlanTPID: Ethernet type of the tag that the kernel keeps aside; 0 if there is none.
    ///   - vlanTCI: That tag's 16 bits as on the wire.
    ///   - inPort: Datapath port that the frame came by.
    ///   - isSuperFrame: The frame is to be cut into segments by its sender; then an IP length of 0
    ///     means "more than fits 16 bits" rather than a fault.
    /// - Complexity: O(headers), which are bounded by `ExtractionLimits`; allocates nothing. No
    ///   content of `frame` can make it trap.
    @inlinable
    public static func extract(
        frame: RawSpan, vlanTPID: UInt16 = 0, vlanTCI: UInt16 = 0, inPort: UInt32,
        isSuperFrame: Bool = false
    ) -> Extraction {
        var result = Extraction()
        result.key.words[0] = UInt64(inPort)
        result.read(frame, vlanTPID: vlanTPID, vlanTCI: vlanTCI, isSuperFrame: isSuperFrame)
        return result
    }

    /// Reads the key of a frame that somebody lends.
    @inlinable
    public static func extract(_ frame: Frame, inPort: UInt32) -> Extraction {
        // Safe: whoever made the frame vouches for `byteCount` bytes from `start`, for the call.
        let bytes = unsafe UnsafeRawBufferPointer(start: frame.start, count: frame.byteCount)
        return unsafe extract(
            frame: bytes.bytes, vlanTPID: frame.vlanTPID, vlanTCI: frame.vlanTCI, inPort: inPort,
            isSuperFrame: frame.offload.isSuperFrame)
    }
}

extension Extraction {
    @inlinable
    mutating func read(_ frame: RawSpan, vlanTPID: UInt16, vlanTCI: UInt16, isSuperFrame: Bool) {
        guard frame.byteCount >= 14 else {
            malformation = .truncatedEthernet
            return
        }
        key.words[3] = frame.bigEndian64(at: 0) >> 16
        key.words[4] = frame.bigEndian64(at: 6) >> 16
        var typeOffset = 12
        if vlanTPID != 0 || Self.isVLAN(frame.bigEndian16(at: 12)) {
            typeOffset = readTags(frame, vlanTPID: vlanTPID, vlanTCI: vlanTCI)
        }
        var type = frame.bigEndian16(at: typeOffset)
        var next = typeOffset + 2
        if type < EtherType.smallest {
            (type, next) = Self.subnetworkType(frame, at: next)
        }
        key.words[5] |= UInt64(type)
        switch type {
        case EtherType.ipv4: readIPv4(frame, at: next, isSuperFrame: isSuperFrame)
        case EtherType.ipv6: readIPv6(frame, at: next, isSuperFrame: isSuperFrame)
        case EtherType.arp, EtherType.reverseARP: readARP(frame, at: next)
        case EtherType.mpls, EtherType.mplsMulticast: readMPLS(frame, at: next)
        default: break
        }
    }

    @inlinable static func isVLAN(_ type: UInt16) -> Bool {
        type == EtherType.vlan || type == EtherType.serviceVLAN
    }

    /// Reads the tag kept aside and those in the bytes, and returns the offset of the Ethernet type
    /// behind them. A tag that is only half there stays the Ethernet type of the key.
    @inlinable
    mutating func readTags(_ frame: RawSpan, vlanTPID: UInt16, vlanTCI: UInt16) -> Int {
        var offset = 12
        var tags = 0
        if vlanTPID != 0 {
            setTag(0, tpid: vlanTPID, tci: vlanTCI)
            tags = 1
        }
        while tags < ExtractionLimits.vlanTags {
            let type = frame.bigEndian16(at: offset)
            guard Self.isVLAN(type) else { break }
            guard frame.byteCount >= offset + 6 else {
                malformation = .truncatedVLAN
                break
            }
            setTag(tags, tpid: type, tci: frame.bigEndian16(at: offset + 2))
            tags += 1
            offset += 4
        }
        return offset
    }

    @inlinable
    mutating func setTag(_ index: Int, tpid: UInt16, tci: UInt16) {
        let tci = UInt64(tci | VLANTag.present)
        if index == 0 {
            key.words[5] |= tci << 16 | UInt64(tpid) << 32
        } else {
            key.words[5] |= tci << 48
            key.words[6] |= UInt64(tpid)
        }
    }

    /// The type of an 802.3 frame: what SNAP says (IEEE 802 §9.2) when its organisation is zero.
    @inlinable
    static func subnetworkType(_ frame: RawSpan, at offset: Int) -> (UInt16, next: Int) {
        guard frame.byteCount >= offset + 8,
            frame.bigEndian64(at: offset) >> 16 == 0xaaaa_0300_0000
        else { return (EtherType.notEthernetII, offset) }
        let type = frame.bigEndian16(at: offset + 6)
        return (type >= EtherType.smallest ? type : EtherType.notEthernetII, offset + 8)
    }

    /// RFC 826, for Ethernet and IPv4 only; other kinds of ARP have no fields in the key.
    @inlinable
    mutating func readARP(_ frame: RawSpan, at offset: Int) {
        guard frame.byteCount >= offset + 28 else {
            malformation = .truncatedARP
            return
        }
        // Hardware Ethernet, protocol IPv4, addresses of 6 and 4 bytes.
        guard frame.bigEndian32(at: offset) == 0x0001_0800,
            frame.bigEndian16(at: offset + 4) == 0x0604
        else { return }
        layout.network = UInt16(truncatingIfNeeded: offset)
        layout.networkKind = .arp
        let operation = frame.bigEndian16(at: offset + 6)
        if operation <= 0xff { key.words[6] |= UInt64(operation) << 32 }
        key.words[8] =
            UInt64(frame.bigEndian32(at: offset + 14))
            | UInt64(frame.bigEndian32(at: offset + 24)) << 32
        key.words[15] = frame.bigEndian64(at: offset + 8) >> 16
        key.words[16] = frame.bigEndian64(at: offset + 18) >> 16
    }

    /// RFC 3032 §2.1. Stops at the bottom of the stack, or when the key has no more room.
    @inlinable
    mutating func readMPLS(_ frame: RawSpan, at offset: Int) {
        var at = offset
        for index in 0..<ExtractionLimits.mplsLabels {
            guard frame.byteCount >= at + 4 else {
                malformation = .truncatedMPLS
                return
            }
            layout.mpls = UInt16(truncatingIfNeeded: offset)
            let entry = frame.bigEndian32(at: at)
            switch index {
            case 0: key.mpls0 = entry
            case 1: key.mpls1 = entry
            default: key.mpls2 = entry
            }
            guard entry & 0x100 == 0 else { return }
            at += 4
        }
    }
}
