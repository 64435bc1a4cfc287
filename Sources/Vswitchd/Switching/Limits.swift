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
    /// Mirrors of a bridge, as many as Open vSwitch has.
    public static let mirrors = 32
    /// `mcast-snooping-table-size`'s default: groups that are known to have members.
    public static let multicastGroups = 2048
    /// Where `mcast-snooping-table-size` is forced into, conf.db(5).
    public static let multicastGroupRange = 10...1_000_000
    /// `mcast-snooping-aging-time`'s default, and where it is forced into, conf.db(5).
    public static let multicastAgeing = Duration.seconds(300)
    public static let multicastAgeingRange = Duration.seconds(15)...Duration.seconds(3600)
    /// How long a port is a router's after a query: RFC 3376 §8.5 lets 255 s pass, Open vSwitch
    /// 180.
    public static let multicastRouterAgeing = Duration.seconds(180)
    /// Ports times VLANs behind which a router is known. One who sends queries in every VLAN
    /// replaces older ones.
    public static let multicastRouters = 1024
    /// LLDP neighbours of one interface; a link has one, a hub's may have some.
    public static let neighbours = 16
}
