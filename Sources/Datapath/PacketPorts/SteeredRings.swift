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
// A busy port may have such a pair for each of several workers, all in one group. A hash of a
// frame's addresses and ports then says which pair receives it, and each goes over by itself:
//
//     hash ──> place ──> word ──> slots 0 | blocks 0 | slots 1 | blocks 1 | ...
//
// Sockets of a group are numbered in the order in which they joined, so such pairs are made whole
// and stay whole.
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
    enum Side { case slots, blocks }
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
    /// Where the kernel's program reads which ring receives. Nil without a group.
    private let table: SteeringTable?
    /// Which of the pairs in the group this is.
    private let pair: Int
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
    ///   - pairCount: How many pairs will receive; the others by `another`.
    /// - Throws: As `PacketRing`; `.notPermitted` without CAP_BPF, `.noRingMemory`.
    public init(
        interface: InterfaceFacts, express: ExpressHooks? = nil,
        budget: RingBudget = .ofThisMachine(), pairCount: Int = 1
    ) throws(PortError) {
        var grant = try budget.take(.slots, for: interface.name)
        var first = try PacketRing(interface: interface, layout: grant.layout, isDeaf: false)
        let number = apus_fanout_found(first.descriptor)
        if number < 0 {
            grant = try budget.take(.blocks, for: interface.name)
            first = try PacketRing(interface: interface, layout: grant.layout, isDeaf: true)
        }
        if express != nil || number < 0 { try first.hear(through: express) }
        table =
            number < 0
            ? nil : try SteeringTable(first.descriptor, pairCount: pairCount, interface.name)
        pair = 0
        group = number < 0 ? nil : number
        active = number < 0 ? .blocks : .slots
        self.express = express
        self.budget = budget
        self.grant = grant
        self.first = first
    }

    /// The next pair of a port that was begun with as many. To be made one after the other, each
    /// from the one before, and not by a port without a group (`isSteered`). Takes tens of
    /// milliseconds.
    ///
    /// - Throws: As `init`.
    public mutating func another() throws(PortError) -> SteeredRings {
        if !hasBlocks { blocks = try plan.make() }
        let next = try SteeredRings(after: self)
        return next
    }

    private init(after last: borrowing SteeredRings) throws(PortError) {
        guard let group = last.group, let table = last.table, last.pair + 1 < table.pairCount else {
            preconditionFailure("a pair more than was said")
        }
        let interface = last.interface
        let grant = try last.budget.take(.slots, for: interface.name)
        let first = try PacketRing(interface: interface, layout: grant.layout, isDeaf: true)
        guard apus_fanout_join(first.descriptor, group) == 0 else {
            throw PortError(interface: interface.name, call: "setsockopt(PACKET_FANOUT)")
        }
        let plan = BlockRingPlan(
            interface: interface, group: group, express: last.express, budget: last.budget)
        let blocks = try plan.make()
        try first.hear(through: last.express)
        pair = last.pair + 1
        table.lead(pair, to: .slots)
        self.table = table
        self.group = group
        active = .slots
        express = last.express
        budget = last.budget
        self.grant = grant
        self.first = first
        self.blocks = consume blocks
    }

    /// Whether other pairs may join.
    public var isSteered: Bool { group != nil }

    /// For a port with a group.
    private var plan: BlockRingPlan {
        BlockRingPlan(interface: interface, group: group ?? 0, express: express, budget: budget)
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
        guard let table else { return }
        (fullRuns, slackBlocks) = (0, 0)
        guard side == .slots || hasBlocks else {
            if wish == .none { wish = .stands }
            return
        }
        (active, isLeaving) = (side, true)
        changeCount += 1
        table.lead(pair, to: side)
    }

    // MARK: The ring of blocks

    /// How to make the ring that this port cannot do without any more; nil if it can. The answer is
    /// `add` or `refuseBlocks`.
    public mutating func takePlan() -> BlockRingPlan? {
        guard wish == .stands, group != nil else { return nil }
        wish = .asked
        return plan
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
    ///   where tens of milliseconds do not matter.
    public mutating func releaseIdleBlocks() -> BlockRing? {
        if wish == .refused { wish = .none }
        // One that left a group of many would change the numbers of others.
        guard table?.pairCount == 1 else { return nil }
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
