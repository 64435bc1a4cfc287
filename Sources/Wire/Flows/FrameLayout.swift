// Where in a frame its headers begin, so that whoever edits them need not walk them again.

/// Offsets in bytes from the frame's start. 0 means that the frame has no such header, or not all
/// of it: an offset that is not 0 stands for a fixed header that is wholly inside the frame.
public struct FrameLayout: Hashable, Sendable {
    public enum Network: UInt8, Sendable { case none, ipv4, ipv6, arp }

    /// First MPLS label-stack entry.
    public var mpls: UInt16 = 0
    /// IPv4, IPv6 or ARP header, as `networkKind` says.
    public var network: UInt16 = 0
    /// TCP, UDP, SCTP, ICMP or ICMPv6 header, as `transportProtocol` says. 0 in a later fragment.
    public var transport: UInt16 = 0
    public var networkKind = Network.none
    /// IP protocol of the header at `transport`.
    public var transportProtocol: UInt8 = 0
    /// The packet is a fragment, so that its transport checksum covers bytes that are elsewhere.
    public var isFragment = false
    /// An IPv6 routing header has segments left: the destination in the IPv6 header is not the one
    /// in the transport checksum (RFC 8200 §8.1).
    public var hasRoutingHeader = false

    @inlinable public init() {}

    /// The layout after `byteCount` bytes came in (or, if negative, went out) behind the MACs.
    /// Wrapping is harmless: an offset that is not 0 lies behind the 14 bytes of Ethernet.
    @inlinable public mutating func shift(by byteCount: Int16) {
        if mpls != 0 { mpls &+= UInt16(bitPattern: byteCount) }
        if network != 0 { network &+= UInt16(bitPattern: byteCount) }
        if transport != 0 { transport &+= UInt16(bitPattern: byteCount) }
    }
}

/// What extraction has found in one frame.
public struct Extraction: Sendable {
    public var key: FlowKey
    public var layout: FrameLayout
    /// The first fault found. `.truncatedEthernet` means that `key` has nothing but the port.
    public var malformation: Malformation?

    @inlinable public init() {
        key = FlowKey()
        layout = FrameLayout()
        malformation = nil
    }
}
