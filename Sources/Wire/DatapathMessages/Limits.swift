// Bounds of the messages between the two halves, each with its reason.

public enum DatapathMessageLimits {
    /// Bytes of one datagram of the channel. A 64 KiB super-frame with its tag, key and actions
    /// must fit (about 67 KiB), with room for small messages before and behind it.
    public static let datagramByteCountMax = 128 * 1024
    /// Bytes of one frame: an IPv4 packet of 65,535 bytes behind Ethernet and two tags.
    public static let frameByteCountMax = 65_535 + 14 + 8
    /// Payload bytes of one attribute: its length has 16 bits and counts its own four bytes.
    public static let attributeByteCountMax = 65_535 - 4
    /// Bytes of `OVS_PACKET_ATTR_PACKET`; what a frame has more goes into an attribute of our own.
    public static let packetAttributeByteCountMax = 65_528
    /// Actions of one flow or one executed packet. A flood over a 1,024-port bridge needs one
    /// output for each port, and a tag pushed or popped before it.
    public static let actionCountMax = 4096
    /// Lists of actions inside each other: as deep as the datapath runs them.
    public static let actionDepthMax = 8
    /// Bytes of a `userspace` action's cookie.
    public static let cookieByteCountMax = 256
    /// Bytes of an interface name, `IFNAMSIZ` less the zero at its end.
    public static let nameByteCountMax = 15
    /// Bytes of the datapath's own name. The kernel's are interface names; ours may be longer.
    public static let datapathNameByteCountMax = 64
    /// Bytes of the text in an error.
    public static let errorTextByteCountMax = 1024
}
