// Why a frame's headers could not all be read.
//
// A malformed header is not an error that stops anything: the key keeps what was read before it,
// and the frame goes on as a frame of those fields. But it is counted, because a port on which
// these numbers grow has a broken or a hostile neighbour.

/// What was wrong with a frame, outermost first: the first fault found is the one reported.
public enum Malformation: UInt8, CaseIterable, Hashable, Sendable {
    /// Shorter than the 14 bytes of an Ethernet header. The only fault that leaves no key at all.
    case truncatedEthernet = 0
    /// A VLAN tag without its last bytes, or without an Ethernet type behind it.
    case truncatedVLAN = 1
    /// The label stack ends before its bottom (among the labels that are kept).
    case truncatedMPLS = 2
    case truncatedARP = 3

    /// Fewer than 20 bytes, or fewer than its own header length says.
    case truncatedIPv4 = 8
    /// Ethernet type IPv4, but not version 4.
    case invalidIPv4Version = 9
    /// A header length below 20 bytes.
    case invalidIPv4HeaderLength = 10
    /// A total length below the header's, or beyond the frame's end.
    case invalidIPv4TotalLength = 11

    case truncatedIPv6 = 16
    case invalidIPv6Version = 17
    /// A payload length beyond the frame's end.
    case invalidIPv6PayloadLength = 18
    case truncatedIPv6Extension = 19
    /// More extension headers than `ExtractionLimits.extensionHeaders`.
    case tooManyIPv6Extensions = 20

    case truncatedTCP = 24
    case truncatedUDP = 25
    case truncatedSCTP = 26
    case truncatedICMP = 27
    case truncatedIGMP = 28
    case truncatedICMPv6 = 29
    /// A neighbour solicitation or advertisement whose options contradict themselves.
    case invalidNeighborDiscovery = 30

    /// One more than the largest raw value: the size of an array indexed by it.
    public static let rawValueCount = 32
}

/// How far the extraction goes into a frame.
public enum ExtractionLimits {
    /// VLAN tags that are parsed; a third one is the frame's Ethernet type.
    public static let vlanTags = 2
    /// MPLS labels that are kept.
    public static let mplsLabels = 3
    /// IPv6 extension headers that are walked. RFC 8200 §4.1 names 7 in its order; twice that.
    public static let extensionHeaders = 14
    /// Options of one neighbour discovery message.
    public static let neighborOptions = 16
}
