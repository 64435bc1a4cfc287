// Receiving: the kernel writes frames into blocks of memory that it shares with us, and hands over
// whole blocks. A block costs one look at a word of memory, a frame of it nothing but reading it.
//
//      kernel fills ------+                      +------ we read
//                         v                      v
//     | block | block | block | block | block | block | ...   (a ring; block_status says whose)
//
//     block:  | header | frame | frame | frame ...            (each frame knows where the next is)
//     frame:  | tpacket3_hdr | sockaddr_ll | headroom | virtio_net_hdr | Ethernet header ...
//
// A block comes to us when it is full or when its timer of 1 ms fires. The socket is made for
// protocol 0 and gets its protocol together with its interface, after the ring stands: so the ring
// never holds a frame of another interface.

internal import CLinuxPacket
internal import Glibc

/// Sizes of a ring. The standard one takes 8 MiB, which holds a whole window of a fast TCP connection
/// (with 4 MiB it lost frames when the worker had to wait for a core), or 40,000 small frames: 80 ms
/// of the fastest flood that one core can forward.
public struct RingLayout: Hashable, Sendable {
    /// Bytes of a block: a power of two from 4 KiB to 4 MiB. A frame larger than a block is cut
    /// off, so blocks hold at least 128 KiB where super-frames of 64 KiB may come.
    public var blockByteCount: Int
    /// Blocks in the ring, 2 to 1024.
    public var blockCount: Int

    public static let standard = RingLayout(blockByteCount: 256 << 10, blockCount: 32)

    /// Traps if a size is out of its range: sizes are chosen by the programmer.
    public init(blockByteCount: Int, blockCount: Int) {
        precondition((4096...4 << 20).contains(blockByteCount), "block size out of range")
        precondition(blockByteCount & (blockByteCount - 1) == 0, "block size not a power of two")
        precondition((2...1024).contains(blockCount), "block count out of range")
        self.blockByteCount = blockByteCount
        self.blockCount = blockCount
    }
}

/// What the kernel counted since it was asked before.
public struct RingCounts: Hashable, Sendable {
    /// Frames that the interface received while this ring listened, dropped ones included.
    public var receivedCount: Int
    /// Frames that found no room (`PacketEnd.ringFull`), or whose kind of super-frame a
    /// `virtio_net_hdr` cannot describe.
    public var droppedCount: Int

    public init(receivedCount: Int, droppedCount: Int) {
        self.receivedCount = receivedCount
        self.droppedCount = droppedCount
    }
}

/// Everything that one interface receives, outgoing frames excepted. The interface is promiscuous
/// while the ring lives. For one thread at a time.
@safe
public struct PacketRing: ~Copyable {
    public let interface: InterfaceFacts
    private let socket: Descriptor
    private let layout: RingLayout
    private let memory: RingMemory
    private var nextIndex = 0

    /// Begins to receive. A frame that arrives after this call returns is in the ring, or counted
    /// as dropped.
    ///
    /// - Throws: `.notPermitted` without CAP_NET_RAW, `.noSuchInterface` if the interface went
    ///   away since `interface` was read, or what the kernel said.
    public init(
        interface: InterfaceFacts, layout: RingLayout = .standard
    ) throws(PortError) {
        let socket = try Descriptor(
            apus_packet_socket(), interface: interface.name, call: "socket(AF_PACKET)")
        try Self.configure(socket.number, interface.name, layout)
        let memory = try RingMemory(
            descriptor: socket.number, byteCount: layout.blockByteCount * layout.blockCount,
            interface: interface.name)
        guard apus_packet_bind(socket.number, interface.index, 1) == 0 else {
            throw PortError(interface: interface.name, call: "bind(AF_PACKET)")
        }
        guard apus_packet_make_promiscuous(socket.number, interface.index) == 0 else {
            throw PortError(interface: interface.name, call: "setsockopt(PACKET_ADD_MEMBERSHIP)")
        }
        // Binding to an interface that is down leaves ENETDOWN here. It is no error: the ring
        // begins to receive when the interface comes up.
        _ = apus_socket_take_error(socket.number)
        self.interface = interface
        self.layout = layout
        self.socket = socket
        self.memory = memory
    }

    private static func configure(
        _ descriptor: CInt, _ name: String, _ layout: RingLayout
    ) throws(PortError) {
        let options: [(CInt, CInt, String)] = [
            (PACKET_VERSION, CInt(bitPattern: TPACKET_V3.rawValue), "PACKET_VERSION"),
            (PACKET_RESERVE, CInt(PortLimits.headroomByteCount), "PACKET_RESERVE"),
            (PACKET_VNET_HDR, 1, "PACKET_VNET_HDR"),
            (PACKET_IGNORE_OUTGOING, 1, "PACKET_IGNORE_OUTGOING"),
        ]
        for (option, value, text) in options {
            guard apus_packet_set(descriptor, option, value) == 0 else {
                throw PortError(interface: name, call: "setsockopt(\(text))")
            }
        }
        var request = tpacket_req3()
        request.tp_block_size = UInt32(layout.blockByteCount)
        request.tp_block_nr = UInt32(layout.blockCount)
        // With TPACKET_V3 frames take what they need; the kernel only checks the arithmetic.
        request.tp_frame_size = 2048
        request.tp_frame_nr = UInt32(layout.blockByteCount / 2048 * layout.blockCount)
        request.tp_retire_blk_tov = 1
        // Safe: `request` lives through the call.
        guard unsafe apus_packet_make_ring(descriptor, &request) == 0 else {
            throw PortError(interface: name, call: "setsockopt(PACKET_RX_RING)")
        }
    }

    /// To be watched with poll or epoll: readable (level-triggered) while a block waits; an error
    /// condition when the interface went down or away, until `takeError` is called.
    public var descriptor: CInt { socket.number }

    /// The next full block, oldest first, or `nil` if none is there. Several blocks may be lent at
    /// a time; each must be given back before the ring ends. Enters the kernel never.
    public mutating func nextBlock() -> RingBlock? {
        // Safe: nextIndex is below blockCount, so the block lies within the mapping.
        let start = unsafe memory.start + nextIndex * layout.blockByteCount
        let status = unsafe apus_load_acquire(start + RingBlock.statusOffset)
        guard status & UInt32(TP_STATUS_USER) != 0 else { return nil }
        // If every block is lent, the oldest of them stands here again and is still ours.
        guard unsafe memory.lentCount.pointee < layout.blockCount else { return nil }
        nextIndex = nextIndex + 1 == layout.blockCount ? 0 : nextIndex + 1
        return unsafe RingBlock(start: start, status: status, lentCount: memory.lentCount)
    }

    /// What the kernel counted since the last call. One system call: to be asked when a block says
    /// `kernelIsDropping`, and about once a second.
    public mutating func takeCounts() -> RingCounts {
        var statistics = tpacket_stats_v3()
        // Safe: `statistics` lives through the call. It cannot fail on a socket with a ring.
        let result = unsafe apus_packet_take_statistics(socket.number, &statistics)
        precondition(result == 0, "PACKET_STATISTICS refused")
        return RingCounts(
            receivedCount: Int(statistics.tp_packets), droppedCount: Int(statistics.tp_drops))
    }

    /// The error that made the descriptor report one, and clears it; `nil` if there is none.
    /// "Network is down" heals by itself when the interface comes up again; after
    /// `.noSuchInterface` the ring stays silent for ever.
    public mutating func takeError() -> PortError? {
        let number = apus_socket_take_error(socket.number)
        guard number != 0 else { return nil }
        return PortError(
            interface: interface.name, call: "AF_PACKET",
            errorNumber: number < 0 ? errno : number)
    }
}
