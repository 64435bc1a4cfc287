// How much one bridge, and one packet, may take.

/// Bounds of this target. Each has its reason beside it.
public enum Limits {
    /// Tables of a bridge, 0 to 254; 255 means "all" in requests (OpenFlow 1.3.5 §7.3.4.1).
    public static let tables = 255
    /// Those that are told of: the last one is the switch's own, as in Open vSwitch.
    public static let toldTables = 254
    /// Rules of a bridge over all tables. A rule takes about 1 KB: a gigabyte at most.
    public static let rulesPerBridge = 1_000_000
    /// How deep `resubmit` to the same or an earlier table, and patch ports, may nest: as Open
    /// vSwitch.
    public static let resubmitDepth = 64
    /// How deep they may nest together with `resubmit` to later tables: once through all tables
    /// and the steps back, and little enough for a thread's stack of 8 MB.
    public static let nesting = 320
    /// How many tables one packet may visit in all: as Open vSwitch.
    public static let resubmitCount = 4096
    /// Datapath actions of one translation: what fits one netlink attribute (64 KB) with room.
    public static let datapathActions = 2048
    /// Groups of a bridge, and buckets of one: a bucket takes about 200 bytes.
    public static let groups = 65_536
    public static let buckets = 1_024
    /// Meters of all bridges: what our datapath has numbers for.
    public static let meters = 65_536
    /// Values on a translation's stack: Open vSwitch allows 64 KB.
    public static let stackDepth = 4_096
    /// Continuations that packets may come back to. Each has its cached flows, of which there are
    /// 200,000 by default.
    public static let continuations = 65_536
    /// Bytes that a controller action may send along with its packets.
    public static let userdataByteCount = 1_024
    /// Changed rules that cached flows are held against one by one before all are checked again.
    public static let changesInDetail = 16
    /// Lists of datapath actions inside each other: what our datapath allows, less one.
    public static let nestedLists = 7
    /// Clones inside each other.
    public static let clones = 16
    /// How often timeouts are looked at, at most.
    public static let expiryPause = Duration.milliseconds(100)
}
