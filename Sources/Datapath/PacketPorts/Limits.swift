// The bounds of this target, each with its reason.

/// Bounds of ports.
public enum PortLimits {
    /// Frames that wait in one `FrameSender` for their flush. More gain nothing: at 64 the cost of
    /// entering the kernel is below 2 % of a frame's.
    public static let sendBatchCount = 64
    /// Bytes of a frame that `append(copyingHeader:)` can copy: Ethernet, two tags, IPv6 with some
    /// extension headers, TCP with all its options.
    public static let copiedHeaderByteCount = 192
    /// Bytes before each received frame that may be used to grow it forwards: enough for any
    /// tunnel header of today.
    public static let headroomByteCount = 64
    /// How often a frame is offered again to a kernel that says "no room now" before it counts as
    /// `sendFailed`. The worker has other ports to serve, so it does not wait.
    public static let sendRetryCount = 2
    /// Frames of a tap that are lent at the same time.
    public static let tapPoolCount = 32
    /// Largest frame that can be received: 64 KiB of IP, Ethernet header, two tags, rounded up.
    public static let frameByteCount = 65_536 + 64
    /// Blocks of one ring that are lent at the same time. A worker needs one; a second lets it look
    /// ahead.
    public static let lentBlockCount = 2
    /// Frames of a block that is a run of slots: as many as one flush can send.
    static let slotRunCount = 64
    /// Frames larger than a slot in one run. Few, so that their buffers stay in the processor's own
    /// cache between being read and being sent: with 32 TCP was a tenth slower.
    static let largeFrameCount = 4
    /// Full runs in a row, the ring not empty between them, after which a port goes over to blocks,
    /// and blocks in a row that were handed over by their timer after which it goes back.
    static let fullRunCount = 4
    static let slackBlockCount = 4
    /// What a ring's socket may hold of frames larger than a slot; what comes beyond is cut to its
    /// slot. More than the largest TCP window that Linux offers by default.
    static let receiveQueueByteCount: Int32 = 16 << 20
    /// Memory of all rings of a process, which the kernel never swaps out: 2,000 ports that are
    /// quiet, or some 200 that are busy at once. On machines with less than 8 GiB a part of theirs.
    public static let ringMemoryByteCount = 2 << 30
    /// Which part of a machine's memory rings may take at most.
    static let ringMemoryDivisor = 4
    /// Which part of what is left a ring may take: the first has 4 MiB, the 1,000th 1 MiB. Rings of
    /// blocks exist on busy ports only.
    static let slotRingShare = 512
    static let blockRingShare = 64
    /// The shortest rings: 256 slots, one run four times over, so that a port that is flooded can
    /// go over to blocks; of blocks four, so that one is filled while others are read.
    static let slotRingByteCountMin = 512 << 10
    static let blockRingByteCountMin = 1 << 20
    /// How long a port keeps its ring of blocks after it went back to slots.
    public static let idleBlockSeconds = 10
    /// What a sender's socket may hold of frames that the interface has not sent yet.
    static let sendBufferByteCount: Int32 = 4 << 20
    /// Flows that the kernel forwards by itself: 1 MB of its memory, read in a few milliseconds.
    public static let expressFlowCount = 4096
    /// Entries read from its table by one system call. More than a bucket of it can hold in
    /// practice.
    static let expressBatchCount = 1024
}
