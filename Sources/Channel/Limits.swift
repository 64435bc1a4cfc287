import DatapathMessages

// Bounds of the channel, each with its reason.

public enum ChannelLimits {
    /// Clients at once: vswitchd, its successor while it takes over, and a handful of tools.
    public static let clientCountMax = 16
    /// Bytes that wait to be sent on one connection: all ports of a large datapath at once. Dumps
    /// of flows are longer, and go on only while `hasRoomForDump` says so.
    public static let outgoingByteCountMax = 16 << 20
    /// Bytes waiting above which a dump pauses until the peer has read.
    public static let dumpByteCountMax = 1 << 20
    /// Bytes waiting above which no more upcalls should be added: they then wait in their fair
    /// queues, where a full one drops its own port's packets only.
    public static let upcallByteCountMax = 1 << 20
    /// Datagrams that are read from one connection before the others have their turn.
    public static let batchCount = 8
    /// The same for answers and upcalls. Few: what is decided leaves when a turn is over, and the
    /// datapath is to have work while the next turn is under way.
    public static let replyBatchCount = 2
    /// What the kernel is asked to buffer in each direction, in bytes: several of the largest
    /// datagrams. Without root the kernel gives at most `net.core.wmem_max`, 208 KiB by default,
    /// which still holds one.
    public static let socketBufferByteCount: Int32 = 4 << 20
    /// Requests that the kernel has not answered; each answer needs about 1 KiB of the socket.
    public static let kernelRequestCountMax = 1_024
    /// CPUs that a kernel's datapath is told of.
    public static let cpuCountMax = 1_024
    /// Bytes of a socket's path, `sun_path` less its zero.
    public static let pathByteCountMax = 107
}
