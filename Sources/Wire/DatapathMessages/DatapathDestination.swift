// Whom a request is for. Our own datapath has one of everything; a kernel has several datapaths,
// and sends packets up to a numbered netlink socket.

public struct DatapathDestination: Hashable, Sendable {
    /// `dp_ifindex` of `struct ovs_header`: the interface that a kernel's datapath is known by; 0
    /// for our own.
    public var interfaceIndex: UInt32 = 0
    /// The netlink port (`nl_pid`) that packets go up to; 0 for our own, which asks whoever took
    /// the upcalls.
    public var upcallPort: UInt32 = 0
    /// CPUs, each of which sends packets up to `upcallPort`.
    public var cpuCount = 1
    /// Whether it is for our own datapath, which reads keys as words too.
    var isOurs: Bool { interfaceIndex == 0 && upcallPort == 0 }

    public init() {}
}
