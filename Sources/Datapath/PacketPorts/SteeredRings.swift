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
// Most ports of a large switch are quiet, and rings are memory that is never swapped out. So a port
// begins with slots alone; the ring of blocks is made when it is wanted for the first time, by
// another thread, because the kernel takes some 20 ms for it, and is let go when it was idle.
//
// No frame overtakes another: the ring that is left is read to its end, the open block included,
// before the ring that is entered. Which of the two is the first in its group does not matter: both
// are read, and if the group were the other way round, the same rule would turn it back.
//
// A kernel that cannot leave out outgoing frames in a fanout group (before 6.2) gets blocks only,
// from the beginning: a port that hears what it sends lets the switch learn addresses where they
// are not.

internal import CLinuxPacket
internal import Glibc
internal import KernelPrograms

/// What is to be known to make a port's ring of blocks, on whichever thread.
public struct BlockRingPlan: Sendable {
    let interface: InterfaceFacts
    let group: CInt
    let express: ExpressHooks?
    let budget: RingBudget

    public var interfaceName: String { interface.name }

    /// Makes the ring. It receives nothing before `SteeredRings.add`. Takes tens of milliseconds.
    ///
    /// - Throws: `.noRingMemory`, or as `PacketRing`; the port then goes on by slots.
    public func make() throws(PortError) -> BlockRing {
        let grant = try budget.take(.blocks, for: interface.name)
        // Until it is in the group it would receive every frame a second time.
        let ring = try PacketRing(interface: interface, layout: grant.layout, isDeaf: true)
        guard apus_fanout_join(ring.descriptor, group) == 0 else {
            throw PortError(interface: interface.name, call: "setsockopt(PACKET_FANOUT)")
        }
        try ring.hear(through: express)
        return BlockRing(ring: ring, grant: grant)
    }
}

/// A port's ring of blocks, and its memory.
public struct BlockRing: ~Copyable {
    var ring: PacketRing
    private let grant: RingGrant

    init(ring: consuming PacketRing, grant: consuming RingGrant) {
        self.ring = ring
        self.grant = grant
    }

    /// To be watched, as `PacketRing.descriptor`.
    public var descriptor: CInt { ring.descriptor }
}

/// Everything that one interface receives, as `PacketRing`, through two rings.
@safe
public struct SteeredRings: ~Copyable {
    private enum Side { case slots, blocks }
    /// What became of the wish for a ring of blocks.
    private enum Wish { case none, stands, asked, refused }

    /// Slots; where the kernel cannot steer, blocks, and the only ring there is.
    private var first: PacketRing
    private let grant: RingGrant
    private var blocks: BlockRing?
    private let budget: RingBudget
    private let express: ExpressHooks?
    /// The kernel's number of the group; nil if it did not let the ring found one.
    private let group: CInt?
    /// The number that the kernel's program returns: 0 the ring of slots, 1 the ring of blocks. Nil
    /// without a group.
    private let word: UnsafeMutableRawPointer?
    private var active: Side
    /// The ring that is being left still holds frames.
    private var isLeaving = false
    private var fullRuns = 0
    private var slackBlocks = 0
    private var wish = Wish.none
    private var idleSeconds = 0
    private var changesSeen: UInt64 = 0
    private var goneCounts = RingCounts(receivedCount: 0, droppedCount: 0)
    /// How often the port went over to the other ring.
    public private(set) var changeCount: UInt64 = 0

    /// Begins to receive, each frame once.
    ///
    /// - Parameters:
    ///   - express: Keeps frames away that the kernel forwards by itself; to be attached at the
    ///     interface's ingress too (`HostIngressDrop`).
    ///   - budget: Where the memory of this port's rings comes from.
    /// - Throws: As `PacketRing`; `.notPermitted` without CAP_BPF, `.noRingMemory`.
    public init(
        interface: InterfaceFacts, express: ExpressHooks? = nil,
        budget: RingBudget = .ofThisMachine()
    ) throws(PortError) {
        var grant = try budget.take(.slots, for: interface.name)
        var first = try PacketRing(interface: interface, layout: grant.layout, isDeaf: false)
        let number = apus_fanout_found(first.descriptor)
        if number < 0 {
            grant = try budget.take(.blocks, for: interface.name)
            first = try PacketRing(interface: interface, layout: grant.layout, isDeaf: true)
        }
        if express != nil || number < 0 { try first.hear(through: express) }
        // The last that can fail: a mapping has nobody to end it before deinit.
        unsafe word = number < 0 ? nil : try Self.steer(first.descriptor, interface.name)
        group = number < 0 ? nil : number
        active = number < 0 ? .blocks : .slots
        self.express = express
        self.budget = budget
        self.grant = grant
        self.first = first
    }

    /// Lets the group of `descriptor` be steered; returns the word that steers. The program and its
    /// table live as long as the group and the mapping.
    private static func steer(
        _ descriptor: CInt, _ name: String
    ) throws(PortError) -> UnsafeMutableRawPointer {
        let map = try KernelProgram.table(
            type: BPF_MAP_TYPE_ARRAY, keyByteCount: 4, valueByteCount: 8, count: 1,
            flags: UInt32(BPF_F_MMAPABLE), name: "apus_steering", interface: name)
        let program = try KernelProgram.load(
            ExpressPrograms.steer(by: map.number), type: KernelProgram.socketFilter,
            name: "apus_steer", interface: name)
        guard apus_fanout_steer_by(descriptor, program.number) == 0 else {
            throw PortError(interface: name, call: "setsockopt(PACKET_FANOUT_DATA)")
        }
        // Unmapped in deinit.
        guard let word = unsafe apus_table_map(map.number) else {
            throw PortError(interface: name, call: "mmap(BPF map)")
        }
        return unsafe word
    }

    deinit {
        // Safe: the mapping made in init.
        if let word = unsafe word { unsafe apus_table_unmap(word) }
    }

    public var interface: InterfaceFacts { first.interface }
    /// All to be watched, as `PacketRing.descriptor`.
    public var descriptors: [CInt] {
        switch blocks {
        case .some(let blocks): [first.descriptor, blocks.descriptor]
        case .none: [first.descriptor]
        }
    }

    private var hasBlocks: Bool {
        switch blocks {
        case .some: true
        case .none: false
        }
    }

    // MARK: Frames

    /// The next frames that were handed over, oldest first, or `nil` if there are none now. At most
    /// one block may be lent at a time.
    public mutating func nextBlock() -> RingBlock? {
        if isLeaving {
            if let block = active == .slots ? nextOfBlocks() : first.nextBlock() { return block }
            // Its last frames come within the millisecond of the timer.
            if active == .slots && haveBlocksOpenFrames { return nil }
            isLeaving = false
        }
        guard group != nil else { return first.nextBlock() }
        if active == .slots {
            guard let block = first.nextBlock() else {
                // It was read to its end: whatever came, slots carried it.
                fullRuns = 0
                return nextOfBlocks()
            }
            fullRuns = block.isFullRun ? fullRuns + 1 : 0
            if fullRuns >= PortLimits.fullRunCount { goOver(to: .blocks) }
            return block
        }
        guard let block = nextOfBlocks() else { return first.nextBlock() }
        let isSlack = block.wasRetiredByTimer && block.frameCount < PortLimits.slotRunCount
        slackBlocks = isSlack ? slackBlocks + 1 : 0
        if slackBlocks >= PortLimits.slackBlockCount { goOver(to: .slots) }
        return block
    }

    private mutating func nextOfBlocks() -> RingBlock? { blocks?.ring.nextBlock() }

    private var haveBlocksOpenFrames: Bool {
        switch blocks {
        case .some(let blocks): blocks.ring.hasOpenFrames
        case .none: false
        }
    }

    private mutating func goOver(to side: Side) {
        guard let word = unsafe word else { return }
        (fullRuns, slackBlocks) = (0, 0)
        guard side == .slots || hasBlocks else {
            if wish == .none { wish = .stands }
            return
        }
        (active, isLeaving) = (side, true)
        changeCount += 1
        // Safe: the word lies at the start of the mapping.
        unsafe apus_store_release(word, side == .slots ? 0 : 1)
    }

    // MARK: The ring of blocks

    /// How to make the ring that this port cannot do without any more; nil if it can. The answer is
    /// `add` or `refuseBlocks`.
    public mutating func takePlan() -> BlockRingPlan? {
        guard wish == .stands, let group else { return nil }
        wish = .asked
        return BlockRingPlan(interface: interface, group: group, express: express, budget: budget)
    }

    /// Receives by `ring` from here on.
    public mutating func add(_ ring: consuming BlockRing) {
        blocks = consume ring
        (wish, idleSeconds) = (.none, 0)
        goOver(to: .blocks)
    }

    /// The ring could not be made. It may be wanted again a second later.
    public mutating func refuseBlocks() { wish = .refused }

    /// To be called once a second.
    ///
    /// - Returns: The ring of blocks, if the port has not needed it for a while: to be dropped
    /// where
    ///   tens of milliseconds do not matter.
    public mutating func releaseIdleBlocks() -> BlockRing? {
        if wish == .refused { wish = .none }
        let isIdle = active == .slots && !isLeaving && changeCount == changesSeen
        changesSeen = changeCount
        idleSeconds = hasBlocks && isIdle ? idleSeconds + 1 : 0
        guard idleSeconds >= PortLimits.idleBlockSeconds, !haveBlocksOpenFrames else { return nil }
        idleSeconds = 0
        if let counts = blocks?.ring.takeCounts() {
            goneCounts.receivedCount += counts.receivedCount
            goneCounts.droppedCount += counts.droppedCount
        }
        return blocks.take()
    }

    // MARK: Counters

    /// As `PacketRing.takeCounts`, of both.
    public mutating func takeCounts() -> RingCounts {
        var counts = first.takeCounts()
        for more in [goneCounts, blocks?.ring.takeCounts()].compactMap({ $0 }) {
            counts.receivedCount += more.receivedCount
            counts.droppedCount += more.droppedCount
        }
        goneCounts = RingCounts(receivedCount: 0, droppedCount: 0)
        return counts
    }

    /// As `PacketRing.takeError`.
    public mutating func takeError() -> PortError? {
        let error = first.takeError()
        return blocks?.ring.takeError() ?? error
    }
}
