// How much the NORMAL switch may take.

/// Bounds of this target. Each has its reason beside it.
public enum Limits {
    /// `mac-table-size`'s default in Open vSwitch: 8192 entries are about 1 MB.
    public static let macTableEntries = 8192
    /// Where `mac-table-size` is forced into, conf.db(5).
    public static let macTableRange = 10...1_000_000
    /// `mac-aging-time`'s default, IEEE 802.1Q §8.8.3.
    public static let macAgeing = Duration.seconds(300)
    /// Where `mac-aging-time` is forced into, conf.db(5).
    public static let macAgeingRange = Duration.seconds(15)...Duration.seconds(3600)
    /// How many changed addresses are named one by one before "everything" is said instead: beyond
    /// this, looking at every cached flow costs less than comparing with a list.
    public static let namedChanges = 1024
    /// How many addresses are held after a gratuitous ARP at a time; more are not held. Whoever
    /// sends more is no host that moved.
    public static let heldAddresses = 8192
}
