public import Flows
internal import Packets

// A cached flow in the form in which the kernel itself can act on it.
//
// Most bytes belong to a few flows that do little: in here, out there, perhaps with another tag.
// For those the datapath leaves a note with the kernel, "frames with exactly these headers leave
// there", and never sees them again. The note's key is what a short program finds in a frame:
//
//      0      2          16               20        24
//      │ tag  │ Ethernet │ interface      │ protocol│ 0, source, destination, ports, 0 …   (IPv4)
//      │      │  header  │ it came in by  │         │ source, destination, ports, 0        (IPv6)
//
// It holds less than a `FlowKey`. What it leaves out is either constant (the program passes over
// fragments, IPv4 options, extension headers, second tags) or varies within a flow (time to live,
// DSCP and ECN, TCP's flags, the IPv6 flow label): a megaflow that looks at one of those has no
// express flows.

/// What the kernel's program recognises a frame by: 64 bytes.
public struct ExpressKey: Hashable, Sendable {
    public var octets: SIMD64<UInt8>

    public init(octets: SIMD64<UInt8>) { self.octets = octets }

    /// The key of all frames of a flow; nil if the program does not recognise such frames.
    ///
    /// - Parameters:
    ///   - key: As extracted from one of the frames.
    ///   - interfaceIndex: The interface behind `key.inPort`.
    public init?(_ key: FlowKey, interfaceIndex: UInt32) {
        guard key.recirculationID == 0, key.vlan1TCI == 0, key.nwFrag == 0,
            key.vlan0TPID == 0 || key.vlan0TPID == EtherType.vlan
        else { return nil }
        var octets = SIMD64<UInt8>()
        func put(_ number: some FixedWidthInteger, at offset: Int, inNetworkOrder: Bool = true) {
            let size = number.bitWidth / 8
            for index in 0..<size {
                let shift = inNetworkOrder ? (size - 1 - index) * 8 : index * 8
                octets[offset + index] = UInt8(truncatingIfNeeded: number >> shift)
            }
        }
        put(key.vlan0TCI, at: 0, inNetworkOrder: false)
        put(key.ethDst.bits << 16, at: 2)
        put(key.ethSrc.bits << 16, at: 8)
        put(key.ethType, at: 14)
        put(interfaceIndex, at: 16, inNetworkOrder: false)
        put(UInt32(key.nwProto), at: 20, inNetworkOrder: false)
        let ports: Int
        switch key.ethType {
        case EtherType.ipv4:
            put(key.nwSrc.bits, at: 28)
            put(key.nwDst.bits, at: 32)
            ports = 36
        case EtherType.ipv6:
            put(key.ipv6Src.high, at: 24)
            put(key.ipv6Src.low, at: 32)
            put(key.ipv6Dst.high, at: 40)
            put(key.ipv6Dst.low, at: 48)
            ports = 56
        default: return nil
        }
        switch (key.nwProto, key.ethType) {
        case (IPProtocol.tcp, _), (IPProtocol.udp, _):
            put(key.tpSrc, at: ports)
            put(key.tpDst, at: ports + 2)
        case (IPProtocol.icmp, EtherType.ipv4),
            (IPProtocol.icmpv6, EtherType.ipv6) where Self.isEcho(key.tpSrc):
            octets[ports] = UInt8(truncatingIfNeeded: key.tpSrc)
            octets[ports + 1] = UInt8(truncatingIfNeeded: key.tpDst)
        default: return nil
        }
        self.octets = octets
    }

    /// ICMPv6 echo request and reply (RFC 4443 §4); neighbour discovery says more than its type.
    private static func isEcho(_ type: UInt16) -> Bool { type == 128 || type == 129 }

    /// Whether frames with one key have one fate under `mask`: it looks at nothing that the key
    /// leaves out.
    public static func covers(_ mask: FlowMask) -> Bool {
        (0..<FlowMask.wordCount).allSatisfy { mask[word: $0] & leftOut[word: $0] == 0 }
    }

    private static let leftOut: FlowMask = {
        var mask = FlowMask()
        mask.ipv6Label = .max
        mask.tcpFlags = .max
        mask.nwTOS = .max
        mask.nwTTL = .max
        return mask
    }()
}

/// What is done to the frames of an express flow.
public struct ExpressDeed: Hashable, Sendable {
    /// Datapath port by which they leave.
    public var outPort: UInt32
    /// The outer tag is taken away first.
    public var popsTag = false
    /// The TCI of the tag that is put in front then; nil for none. TPID 0x8100.
    public var pushedTCI: UInt16?

    /// The deed that a flow's actions amount to; nil if they are more than the kernel's programs
    /// do.
    public init?(_ actions: [DatapathAction]) {
        guard case .output(let port)? = actions.last else { return nil }
        outPort = port
        for action in actions.dropLast() {
            switch action {
            case .popVLAN where !popsTag && pushedTCI == nil: popsTag = true
            case .pushVLAN(EtherType.vlan, let tci) where pushedTCI == nil: pushedTCI = tci
            default: return nil
            }
        }
    }
}

/// What happened to an express flow, since it was made.
public struct ExpressCounts: Hashable, Sendable {
    public var packets: UInt64 = 0
    /// Without tags.
    public var bytes: UInt64 = 0
    public init(packets: UInt64 = 0, bytes: UInt64 = 0) {
        self.packets = packets
        self.bytes = bytes
    }
}
