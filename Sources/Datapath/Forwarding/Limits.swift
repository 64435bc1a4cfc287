// How much of the datapath one may hold.

public enum ForwardingLimits {
    /// Highest port number; 65535 means "no port" on the wire (`ODPP_NONE`, cut to 16 bits).
    public static let portNumber: UInt32 = 65534
    /// Bytes of a packet that userspace sends to be executed: a super-frame of 64 KiB and tags.
    public static let executedByteCount = 65_536 + 64
    /// Flows that the kernel forwards by itself at most; its table has as many places.
    public static let expressFlows = 4096
    /// Flows that are offered to it per second at most. Each offer costs a few microseconds, so a
    /// flood of new flows wastes less than a hundredth of a processor on them.
    static let expressOffersPerSecond = 1000
    /// When half of the places are taken, or a flow was refused one, those that have had no packet
    /// for so long are given up, in milliseconds. Until then a flow keeps its place as long as its
    /// megaflow lives.
    static let expressIdleMilliseconds: UInt64 = 5000
    /// A frame of so many bytes is a super-frame, and its flow in a hurry.
    public static let largeFrameByteCount = 4096
    /// Slots that one portion of a dump looks at, so that forwarding goes on between portions.
    public static let slotsPerPortion = 4096
    /// Upcalls that wait per port, and bytes that wait over all of them, if nobody says otherwise.
    public static let upcallsPerPort = 256
    /// Packets that vswitchd was asked about and has not answered: about ten milliseconds of its
    /// time. A power of two.
    public static let keptUpcalls = 2048
    public static let upcallByteBudget = 16 << 20
    /// What each of many workers has of the two at least.
    static let keptUpcallsMin = 256
    static let upcallByteBudgetMin = 1 << 20
    /// Forwarders of one datapath: a set of them is a word of 64 bits, the number of one 6 bits.
    public static let workers = 64
}
