// How much one flow may ask of the datapath.

public enum ExecutionLimits {
    /// Actions of one list. A flood names each port once, so this is above the ports of any bridge
    /// that one would build; each costs time for every packet of the flow.
    public static let actions = 4096
    /// Bytes of one compiled list: what the kernel's datapath allows (`MAX_ACTIONS_BUFSIZE`).
    public static let programByteCount = 32 * 1024
    /// Words of all compiled lists together (512 MiB): a million flows of sixty steps.
    public static let words = 1 << 26
    /// Room before a copy of a frame, for two tags.
    public static let scratchHeadroom = 16
    /// How often one packet may be looked up again in a row: as Open vSwitch's userspace datapath
    /// does, and more than the kernel's (4).
    public static let recirculationDepth = 8
    /// Copies of one packet that may wait for their next lookup, over its whole journey: else a
    /// flow that recirculates twice would make 2⁸ of each packet.
    public static let recirculations = 32
    /// Lists of actions inside each other. Each takes a few hundred bytes of the stack when run.
    public static let nesting = 8
    /// Meter numbers end below this: 400 bytes each, once such a number is used.
    public static let meters: UInt32 = 65_536
    /// A frame is never truncated below its Ethernet header.
    public static let truncatedByteCount = 14
}
