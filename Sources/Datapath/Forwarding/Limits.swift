// How much of the datapath one may hold.

public enum ForwardingLimits {
    /// Highest port number; 65535 means "no port" on the wire (`ODPP_NONE`, cut to 16 bits).
    public static let portNumber: UInt32 = 65534
    /// Bytes of a packet that userspace sends to be executed: a super-frame of 64 KiB and tags.
    public static let executedByteCount = 65_536 + 64
    /// Slots that one portion of a dump looks at, so that forwarding goes on between portions.
    public static let slotsPerPortion = 4096
    /// Upcalls that wait per port, and bytes that wait over all of them, if nobody says otherwise.
    public static let upcallsPerPort = 256
    public static let upcallByteBudget = 16 << 20
}
