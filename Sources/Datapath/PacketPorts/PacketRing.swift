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
// A block comes to us when it is full or when its timer of 1 ms fires. `RingLayout` has a second
// way, by slots of one frame each, for switches whose latency matters; a block then is a run of
// slots that are ready. Frames larger than a slot lie in the socket's queue instead, in the same
// order (the kernel takes the slot and the queue's end under one lock), and are read from there
// into a pool.
//
// The socket is made for
// protocol 0 and gets its protocol together with its interface, after the ring stands: so the ring
// never holds a frame of another interface.

internal import CLinuxPacket
internal import Glibc

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
    /// The next block, or the next slot.
    private var nextIndex = 0

    /// Begins to receive. A frame that arrives after this call returns is in the ring, or counted
    /// as dropped.
    ///
    /// - Throws: `.notPermitted` without CAP_NET_RAW, `.noSuchInterface` if the interface went
    ///   away since `interface` was read, or what the kernel said.
    public init(
        interface: InterfaceFacts, layout: RingLayout = .standard
    ) throws(PortError) {
        try self.init(interface: interface, layout: layout, isDeaf: false)
    }

    /// - Parameter isDeaf: Receives nothing before `hear` is called.
    init(interface: InterfaceFacts, layout: RingLayout, isDeaf: Bool) throws(PortError) {
        let socket = try Descriptor(
            apus_packet_socket(), interface: interface.name, call: "socket(AF_PACKET)")
        try Self.configure(socket.number, interface.name, layout)
        let memory = try RingMemory(
            descriptor: socket.number, byteCount: layout.byteCount,
            interface: interface.name)
        if isDeaf { try Self.makeDeaf(socket.number, interface.name) }
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
        let version = layout.handover == .blocks ? TPACKET_V3 : TPACKET_V2
        let options: [(CInt, CInt, String)] = [
            (PACKET_VERSION, CInt(bitPattern: version.rawValue), "PACKET_VERSION"),
            (PACKET_RESERVE, CInt(PortLimits.headroomByteCount), "PACKET_RESERVE"),
            (PACKET_VNET_HDR, 1, "PACKET_VNET_HDR"),
            (PACKET_IGNORE_OUTGOING, 1, "PACKET_IGNORE_OUTGOING"),
            // Only a ring of slots heeds it: what does not fit goes to the socket's queue.
            (PACKET_COPY_THRESH, 1, "PACKET_COPY_THRESH"),
        ]
        for (option, value, text) in options {
            guard apus_packet_set(descriptor, option, value) == 0 else {
                throw PortError(interface: name, call: "setsockopt(\(text))")
            }
        }
        let queue = PortLimits.receiveQueueByteCount
        guard apus_socket_set_receive_buffer(descriptor, queue) == 0 else {
            throw PortError(interface: name, call: "setsockopt(SO_RCVBUFFORCE)")
        }
        var request = tpacket_req3()
        request.tp_block_size = UInt32(layout.blockByteCount)
        request.tp_block_nr = UInt32(layout.blockCount)
        // With TPACKET_V3 frames take what they need; the kernel only checks the arithmetic.
        request.tp_frame_size = UInt32(RingLayout.slotByteCount)
        request.tp_frame_nr = UInt32(layout.slotCount)
        request.tp_retire_blk_tov = 1
        // Safe: `request` lives through the call; TPACKET_V2 takes the first four of its fields.
        let result =
            layout.handover == .blocks
            ? unsafe apus_packet_make_ring(descriptor, &request)
            : unsafe apus_packet_make_slots(descriptor, &request)
        guard result == 0 else {
            throw PortError(interface: name, call: "setsockopt(PACKET_RX_RING)")
        }
    }

    /// To be watched with poll or epoll: readable (level-triggered) while a block waits; an error
    /// condition when the interface went down or away, until `takeError` is called.
    public var descriptor: CInt { socket.number }

    /// The next frames that were handed over, oldest first, or `nil` if there are none. Several
    /// blocks may be lent at a time (`PortLimits.lentBlockCount`); each must be given back before
    /// the ring ends. Enters the kernel only for frames larger than a slot.
    public mutating func nextBlock() -> RingBlock? {
        guard memory.lentCount < PortLimits.lentBlockCount else { return nil }
        return layout.handover == .blocks ? nextFullBlock() : nextRunOfSlots()
    }

    private mutating func nextFullBlock() -> RingBlock? {
        // Safe: nextIndex is below blockCount, so the block lies within the mapping.
        let start = unsafe memory.start + nextIndex * layout.blockByteCount
        let status = unsafe apus_load_acquire(start + RingBlock.statusOffset)
        guard status & UInt32(TP_STATUS_USER) != 0 else { return nil }
        // If every block is lent, the oldest of them stands here again and is still ours.
        guard memory.lentCount < layout.blockCount else { return nil }
        nextIndex = nextIndex + 1 == layout.blockCount ? 0 : nextIndex + 1
        return unsafe RingBlock(block: start, status: status, loan: memory.lend())
    }

    private mutating func nextRunOfSlots() -> RingBlock? {
        // Safe: nextIndex is below slotCount, and a run ends at the end of the mapping. Lent slots
        // are far fewer than all, so that a run never reaches one.
        let start = unsafe memory.start + nextIndex * RingLayout.slotByteCount
        let most = min(PortLimits.slotRunCount, layout.slotCount - nextIndex)
        var count = 0
        var largeCount = 0
        var statuses: UInt32 = 0
        while count < most {
            let status = unsafe apus_load_acquire(start + count * RingLayout.slotByteCount)
            guard status & UInt32(TP_STATUS_USER) != 0 else { break }
            if status & UInt32(TP_STATUS_COPY) != 0 {
                guard largeCount < PortLimits.largeFrameCount else { break }
                memory.readLargeFrame(from: socket.number, into: largeCount)
                largeCount += 1
            }
            statuses |= status
            count += 1
        }
        guard count > 0 else { return nil }
        nextIndex = nextIndex + count == layout.slotCount ? 0 : nextIndex + count
        return unsafe RingBlock(
            slots: start, count: count, statuses: statuses, large: memory.nextPool,
            isFull: count == PortLimits.slotRunCount || largeCount == PortLimits.largeFrameCount,
            loan: memory.lend())
    }

    private static func makeDeaf(_ descriptor: CInt, _ name: String) throws(PortError) {
        guard apus_socket_make_deaf(descriptor) == 0 else {
            throw PortError(interface: name, call: "setsockopt(SO_ATTACH_FILTER)")
        }
    }

    /// Receives nothing from here on.
    func hearNothing() throws(PortError) { try Self.makeDeaf(descriptor, interface.name) }

    /// Receives what the kernel does not forward by itself, or everything, also after `isDeaf`.
    func hear(through express: ExpressHooks?) throws(PortError) {
        if let express {
            guard apus_socket_filter_by(descriptor, express.decide) == 0 else {
                throw PortError(interface: interface.name, call: "setsockopt(SO_ATTACH_BPF)")
            }
            return
        }
        guard apus_socket_make_hear(descriptor) == 0 else {
            throw PortError(interface: interface.name, call: "setsockopt(SO_DETACH_FILTER)")
        }
    }

    /// Whether the kernel has put frames into the block that it still fills. Not to be read yet:
    /// the count is raised before the frame is whole.
    var hasOpenFrames: Bool {
        guard layout.handover == .blocks else { return false }
        // Safe: as in `nextFullBlock`.
        let start = unsafe memory.start + nextIndex * layout.blockByteCount
        return unsafe apus_load_acquire(start + RingBlock.frameCountOffset) > 0
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
