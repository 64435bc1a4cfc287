public import Flows
internal import Packets

// A cached flow in the form in which the kernel itself can act on it.
//
// Most frames belong to flows that do little: in here, out there, perhaps with another tag. For
// those the datapath leaves a note with the kernel, "frames with these headers leave there", and
// never sees them again. Like the megaflow that it stands for, a note is a key and a mask. The key
// is what a short program finds in a frame:
//
//      0      2          16               20        24                                      60
//      │ tag  │ Ethernet │ interface      │ protocol│ 0, source, destination, ports, 0 …    │ 0
//      │      │  header  │ it came in by  │         │ source, destination, ports            │ 0
//                                                      above IPv4, below IPv6
//
// It holds less than a `FlowKey`. What it leaves out is either constant (the program passes over
// fragments, IPv4 options, extension headers, second tags) or varies (time to live, DSCP and ECN,
// TCP's flags, the IPv6 flow label): a megaflow that looks at one of those has no express flows.
//
// In the kernel's table a key is masked, and its last four bytes are the number of its mask, so
// that the flows of all masks share one table.

/// What the kernel's program recognises a frame by: 64 bytes.
public struct ExpressKey: Hashable, Sendable {
    public var octets: SIMD64<UInt8>

    public init(octets: SIMD64<UInt8>) { self.octets = octets }

    /// The key of a frame; nil if the program does not recognise such frames.
    ///
    /// - Parameters:
    ///   - key: As extracted from the frame.
    ///   - interfaceIndex: The interface behind `key.inPort`.
    public init?(_ key: FlowKey, interfaceIndex: UInt32) {
        guard key.recirculationID == 0, key.vlan1TCI == 0, key.nwFrag == 0,
            key.vlan0TPID == 0 || key.vlan0TPID == EtherType.vlan,
            key.ethType == EtherType.ipv4 || key.ethType == EtherType.ipv6
        else { return nil }
        switch (key.nwProto, key.ethType) {
        case (IPProtocol.tcp, _), (IPProtocol.udp, _), (IPProtocol.icmp, EtherType.ipv4): break
        // ICMPv6 echo request and reply (RFC 4443 §4); neighbour discovery says more than its type.
        case (IPProtocol.icmpv6, EtherType.ipv6) where key.tpSrc == 128 || key.tpSrc == 129: break
        default: return nil
        }
        octets = ExpressPlaces.lay(key, like: key, interface: interfaceIndex)
    }

    /// The key as it stands in the kernel's table.
    ///
    /// - Parameter number: Of the mask; not 0.
    public func masked(by mask: ExpressMask, number: UInt32) -> ExpressKey {
        var masked = octets & mask.octets
        ExpressPlaces.put(number, at: ExpressPlaces.number, inNetworkOrder: false, in: &masked)
        return ExpressKey(octets: masked)
    }

    /// Number of the mask of a key that stands in the kernel's table.
    public var maskNumber: UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(octets[ExpressPlaces.number + $1]) << ($1 * 8) }
    }
}

/// Which bits of its `ExpressKey` an express flow looks at.
public struct ExpressMask: Hashable, Sendable {
    /// The last four are 0: the place of a number.
    public var octets: SIMD64<UInt8>

    /// - Parameter octets: The last four count as 0.
    public init(octets: SIMD64<UInt8>) {
        self.octets = octets
        ExpressPlaces.put(UInt32(0), at: ExpressPlaces.number, in: &self.octets)
    }

    /// A mask under which frames that agree with a frame of `key` agree with it under `mask`.
    ///
    /// It looks at more than `mask` where the places of other fields depend on it: at the
    /// interface, at the Ethernet type, at whether there is a tag, and for ports at the protocol.
    /// All else that `mask` may look at is the same in every frame that the program recognises.
    ///
    /// - Returns: nil if `mask` looks at what keys leave out.
    public init?(_ mask: FlowMask, like key: FlowKey) {
        guard Self.covers(mask) else { return nil }
        var wider = mask
        wider.ethType = .max
        wider.vlan0TCI |= VLANTag.present
        if mask.tpSrc | mask.tpDst != 0 { wider.nwProto = .max }
        octets = ExpressPlaces.lay(wider, like: key, interface: .max)
    }

    /// Whether `mask` looks at nothing that keys leave out.
    static func covers(_ mask: FlowMask) -> Bool {
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

/// Where fields lie in an `ExpressKey` and an `ExpressMask`.
enum ExpressPlaces {
    static let number = 60

    /// The fields of `row`, a key or a mask, where the frames of `key` have them. `key` is one that
    /// the program recognises.
    static func lay(_ row: FlowKey, like key: FlowKey, interface: UInt32) -> SIMD64<UInt8> {
        var octets = SIMD64<UInt8>()
        put(row.vlan0TCI, at: 0, inNetworkOrder: false, in: &octets)
        put(row.ethDst.bits << 16, at: 2, in: &octets)
        put(row.ethSrc.bits << 16, at: 8, in: &octets)
        put(row.ethType, at: 14, in: &octets)
        put(interface, at: 16, inNetworkOrder: false, in: &octets)
        put(UInt32(row.nwProto), at: 20, inNetworkOrder: false, in: &octets)
        let ports: Int
        if key.ethType == EtherType.ipv4 {
            put(row.nwSrc.bits, at: 28, in: &octets)
            put(row.nwDst.bits, at: 32, in: &octets)
            ports = 36
        } else {
            put(row.ipv6Src.high, at: 24, in: &octets)
            put(row.ipv6Src.low, at: 32, in: &octets)
            put(row.ipv6Dst.high, at: 40, in: &octets)
            put(row.ipv6Dst.low, at: 48, in: &octets)
            ports = 56
        }
        if key.nwProto == IPProtocol.tcp || key.nwProto == IPProtocol.udp {
            put(row.tpSrc, at: ports, in: &octets)
            put(row.tpDst, at: ports + 2, in: &octets)
        } else {
            octets[ports] = UInt8(truncatingIfNeeded: row.tpSrc)
            octets[ports + 1] = UInt8(truncatingIfNeeded: row.tpDst)
        }
        return octets
    }

    static func put(
        _ number: some FixedWidthInteger, at offset: Int, inNetworkOrder: Bool = true,
        in octets: inout SIMD64<UInt8>
    ) {
        let size = number.bitWidth / 8
        for index in 0..<size {
            let shift = inNetworkOrder ? (size - 1 - index) * 8 : index * 8
            octets[offset + index] = UInt8(truncatingIfNeeded: number >> shift)
        }
    }
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
