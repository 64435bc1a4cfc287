// Two rings of one interface: one that answers at once, one that carries most.
//
//     frame ──> fanout group ──┬──> ring of slots  (TPACKET_V2: handed over one by one, at once)
//                    ^         └──> ring of blocks (TPACKET_V3: least work per frame)
//                    └ a number in memory that the kernel's program and we share
//
// A block comes when it is full, or 1 ms old: on a quiet port every frame would wait for that
// timer. A slot comes at once and costs more. So a quiet port receives by slots, and goes over to
// blocks as a whole when it cannot keep up: when runs of slots keep being full. It goes back when
// blocks keep coming by their timer. Going over is one store to memory, no system call.
//
// No frame overtakes another: the ring that is left is read to its end, the open block included,
// before the ring that is entered. Which of the two is the first in its group does not matter: both
// are read, and if the group were the other way round, the same rule would turn it back.
//
// A kernel that cannot leave out outgoing frames in a fanout group (before 6.2 or so) gets blocks
// only.

internal import CLinuxPacket
internal import Glibc
internal import KernelPrograms

/// Everything that one interface receives, as `PacketRing`, through two rings.
@safe
public struct SteeredRings: ~Copyable {
    private enum Side { case slots, blocks }

    private var slots: PacketRing
    private var blocks: PacketRing
    private let program: Descriptor
    private let map: Descriptor
    /// The number that the kernel's program returns: 0 the ring of slots, 1 the ring of blocks.
    private let word: UnsafeMutableRawPointer
    private var active: Side
    /// Whether the kernel let the two rings form a group.
    private let canSteer: Bool
    /// The ring that is being left still holds frames.
    private var isLeaving = false
    private var fullRuns = 0
    private var slackBlocks = 0
    /// How often the port went over to the other ring.
    public private(set) var changeCount: UInt64 = 0

    /// Begins to receive, each frame once.
    ///
    /// - Parameter express: Keeps frames away that the kernel forwards by itself; to be attached at
    ///   the interface's ingress too (`HostIngressDrop`).
    /// - Throws: As `PacketRing`; `.notPermitted` without CAP_BPF.
    public init(
        interface: InterfaceFacts, express: ExpressHooks? = nil
    ) throws(PortError) {
        let name = interface.name
        let map = try KernelProgram.table(
            type: BPF_MAP_TYPE_ARRAY, keyByteCount: 4, valueByteCount: 8, count: 1,
            flags: UInt32(BPF_F_MMAPABLE), name: "apus_steering", interface: name)
        let program = try KernelProgram.load(
            ExpressPrograms.steer(by: map.number), type: KernelProgram.socketFilter,
            name: "apus_steer", interface: name)
        let slots = try PacketRing(interface: interface, layout: .prompt, isDeaf: false)
        // Until it is in the group it would receive every frame a second time.
        let blocks = try PacketRing(interface: interface, layout: .standard, isDeaf: true)
        let group = apus_fanout_found(slots.descriptor)
        let canSteer = group >= 0
        if canSteer {
            guard apus_fanout_steer_by(slots.descriptor, program.number) == 0,
                apus_fanout_join(blocks.descriptor, group) == 0
            else { throw PortError(interface: name, call: "setsockopt(PACKET_FANOUT)") }
        } else {
            try slots.hearNothing()
        }
        try blocks.hear(through: express)
        if let express, canSteer { try slots.hear(through: express) }
        // Unmapped in deinit.
        guard let word = unsafe apus_table_map(map.number) else {
            throw PortError(interface: name, call: "mmap(BPF map)")
        }
        active = canSteer ? .slots : .blocks
        self.canSteer = canSteer
        self.map = map
        self.program = program
        self.slots = slots
        self.blocks = blocks
        unsafe self.word = word
    }

    deinit { unsafe apus_table_unmap(word) }

    public var interface: InterfaceFacts { slots.interface }
    /// Both to be watched, as `PacketRing.descriptor`.
    public var descriptors: (CInt, CInt) { (slots.descriptor, blocks.descriptor) }

    /// The next frames that were handed over, oldest first, or `nil` if there are none now. At most
    /// one block may be lent at a time.
    public mutating func nextBlock() -> RingBlock? {
        if isLeaving {
            if let block = active == .slots ? blocks.nextBlock() : slots.nextBlock() {
                return block
            }
            // Its last frames come within the millisecond of the timer.
            if active == .slots && blocks.hasOpenFrames { return nil }
            isLeaving = false
        }
        if active == .slots {
            guard let block = slots.nextBlock() else { return blocks.nextBlock() }
            fullRuns = block.isFullRun ? fullRuns + 1 : 0
            if fullRuns >= PortLimits.fullRunCount { goOver(to: .blocks) }
            return block
        }
        guard let block = blocks.nextBlock() else { return slots.nextBlock() }
        let isSlack = block.wasRetiredByTimer && block.frameCount < PortLimits.slotRunCount
        slackBlocks = isSlack ? slackBlocks + 1 : 0
        if slackBlocks >= PortLimits.slackBlockCount { goOver(to: .slots) }
        return block
    }

    private mutating func goOver(to side: Side) {
        guard canSteer else { return }
        (active, isLeaving, fullRuns, slackBlocks) = (side, true, 0, 0)
        changeCount += 1
        // Safe: the word lies at the start of the mapping.
        unsafe apus_store_release(word, side == .slots ? 0 : 1)
    }

    /// As `PacketRing.takeCounts`, of both.
    public mutating func takeCounts() -> RingCounts {
        let (a, b) = (slots.takeCounts(), blocks.takeCounts())
        return RingCounts(
            receivedCount: a.receivedCount + b.receivedCount,
            droppedCount: a.droppedCount + b.droppedCount)
    }

    /// As `PacketRing.takeError`.
    public mutating func takeError() -> PortError? {
        let first = slots.takeError()
        return blocks.takeError() ?? first
    }
}
