// Bounds of what a peer may make us do.

enum Limits {
    /// Longest message: the length in the header has 16 bits (1.3.5 §7.1.1).
    static let messageByteCount = 0xffff
    /// Shortest: the header alone.
    static let headerByteCount = 8
    /// How much of an offending message an error carries back (1.3.5 §7.4.4: at least 64 bytes):
    /// as Open vSwitch all of it, since `ovs-ofctl` then shows what was refused, but for the room
    /// that the error's own header takes.
    static let errorDataByteCount = messageByteCount - 64
    /// Actions in a list. Each takes at least 8 bytes, so a message cannot hold more than twice
    /// this; a rule with thousands of actions is a mistake or an attack.
    static let actions = 4096
    /// Lists of actions within actions (`clone`, `ct`): as many as Open vSwitch allows.
    static let actionDepth = 16
    /// Ports of one `bundle` action: `BUNDLE_MAX_MEMBERS` of Open vSwitch.
    static let bundleMembers = 2048
    /// Buckets of one group, bands of one meter: a message cannot hold more than about this.
    static let buckets = 4096
    /// Flow specifications in one learn action; a message holds about as many of the shortest.
    static let learnSpecs = 1024
    /// Body of one statistics reply before the next begins, with room for the longest entry.
    static let statisticsBodyByteCount = 48_000
}
