// Bounds of vswitchd's machine. Each has its reason beside it.

public enum BridgeLimits {
    /// How often the datapath's counters are read and idle flows removed, as Open vSwitch's
    /// revalidators do. Longer when there are many flows: see `dumpPausePerFlow`.
    public static let dumpPause = Duration.milliseconds(500)
    /// Added to the pause for each cached flow that was told of: reading 50,000 takes about 0.2 s,
    /// so half of the time is left for upcalls.
    public static let dumpPausePerFlow = Duration.microseconds(10)
    /// Cached flows that are looked at in one turn whether they are idle, and how many are removed:
    /// about 2 ms of work each.
    public static let idleSlots = 50_000
    public static let idleFlows = 1_000
    /// Cached flows that are checked again in one turn, about 10 ms of work, before upcalls have
    /// theirs.
    public static let recheckedFlows = 2_000
    /// The part of that in a turn after which a peer still has changes to tell: one in so many.
    public static let recheckShareOfBusyTurns = 8
    /// Changes of tables that are kept apart until every cached flow has reached them.
    public static let recheckScopes = 256
    /// Messages of one OpenFlow session that are carried out in one turn, about 5 ms of work.
    public static let messagesInOneTurn = 500
    /// How often statistics go to the database: Open vSwitch's `stats-update-interval`.
    public static let statisticsPause = Duration.seconds(5)
    /// How long a change of configuration waits for a datapath that is not there before the
    /// operator is told.
    public static let datapathPatience = Duration.seconds(3)
    /// Bits per second, and largest payload in bytes, of a link that does not say: what Open
    /// vSwitch and Ethernet take for granted.
    static let unknownLinkRate: UInt64 = 100_000_000
    static let ethernetMTU = 1500
    /// BPDUs that cross patch ports in one turn: far more than bridges of one machine have to say.
    public static let crossingBPDUs = 20_000
    /// OpenFlow streams over all bridges.
    public static let sessions = 512
    /// Requests of one OpenFlow session that wait for fresh counters or a barrier.
    public static let waitingRequests = 1_024
    /// Bytes of one statistics reply before it is cut into several messages: the length field of
    /// OpenFlow has 16 bits.
    public static let replyByteCount = 48 * 1024
    /// Bundles that one peer may have open, and changes that wait in them: a file of rules goes in
    /// one bundle.
    public static let bundles = 64
    public static let bundledMessages = 1 << 18
    /// How long a bundle may be left alone: Open vSwitch's bundle-idle-timeout.
    public static let bundlePatience = Duration.seconds(10)
    /// Flow monitors of one peer.
    public static let monitors = 64
    /// Frames of a packet that goes to a controller are kept whole up to here.
    public static let packetInByteCount = 65_535
}
