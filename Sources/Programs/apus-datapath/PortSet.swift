// The devices of all ports, and where frames for them go.
//
// On the packet's path a port is an index into a table of pointers: no class, no reference count,
// no dictionary. Frames for a port wait in its sender until the batch is over, or the sender is
// full.

import Execution
import Flows
import Forwarding
import KernelPrograms
import PacketPorts
import Packets

/// An existing interface: what it receives, and how to send by it.
struct RingPort: ~Copyable {
    var ring: SteeredRings
    var sender: FrameSender
    var queues = QueueSenders()
    /// Frames wait in queues of the interface's.
    var isShaped = false
    /// Keeps the host's own stack away while the port is ours.
    let drop: HostIngressDrop
    /// As it is now; `ring.interface` is as it was when the port was opened.
    var mtu: Int
    var isRunning: Bool
    /// What was last found out about its other end; nil if no express flow needed to know.
    var otherEnd: OtherEnd?

    init(name: String, express: ExpressHooks?, budget: RingBudget) throws(PortError) {
        let interface = try InterfaceFacts(name: name)
        let drop = try HostIngressDrop(interface: interface, express: express)
        let sender = try FrameSender(interface: interface)
        let ring = try SteeredRings(interface: interface, express: express, budget: budget)
        otherEnd = nil
        self.drop = drop
        self.sender = sender
        self.ring = ring
        mtu = interface.mtu
        isRunning = interface.isRunning
    }
}

/// All open devices, by datapath port number.
@safe
struct PortSet: ~Copyable, PacketSink, ExpressTier {
    /// One entry for each possible port number.
    private static let tableCount = 65_536
    private static let ethernetHeaderByteCount = 14
    private static let scratchByteCount = 1 << 20
    /// What one frame may need of scratch memory: a super-frame, copied for a few of its outputs.
    private static let scratchPerFrame = 384 * 1024

    let rings: UnsafeMutablePointer<UnsafeMutablePointer<RingPort>?>
    let taps: UnsafeMutablePointer<UnsafeMutablePointer<TapPort>?>
    /// Ports whose sender holds frames.
    private let waiting: UnsafeMutablePointer<UInt32>
    private var waitingCount = 0
    private let scratchMemory: UnsafeMutableRawPointer
    private var scratchUsed = 0
    /// Frames that could not be sent, by port, since `takeFailures`.
    private var failures: [UInt32: UInt64] = [:]
    /// Flows that the kernel forwards by itself; nil where it cannot.
    private var express: ExpressTable?
    /// Ports with rings, by the index of their interface.
    private var numbers: [Int32: UInt32] = [:]
    /// Ports whose other end is known and may change.
    private var peered: [UInt32] = []

    /// - Parameter express: nil for a set whose every frame comes by the rings.
    init(express: consuming ExpressTable?) {
        self.express = express
        // Freed in deinit; all entries begin empty.
        unsafe rings = .allocate(capacity: Self.tableCount)
        unsafe rings.initialize(repeating: nil, count: Self.tableCount)
        unsafe taps = .allocate(capacity: Self.tableCount)
        unsafe taps.initialize(repeating: nil, count: Self.tableCount)
        unsafe waiting = .allocate(capacity: Self.tableCount)
        unsafe scratchMemory = .allocate(byteCount: Self.scratchByteCount, alignment: 64)
    }

    deinit {
        for number in 0..<Self.tableCount {
            // Safe: entries hold what `open` made, once.
            if let ring = unsafe rings[number] { unsafe Self.destroy(ring) }
            if let tap = unsafe taps[number] { unsafe Self.destroy(tap) }
        }
        unsafe rings.deallocate()
        unsafe taps.deallocate()
        unsafe waiting.deallocate()
        unsafe scratchMemory.deallocate()
    }

    private static func destroy<Port: ~Copyable>(_ port: UnsafeMutablePointer<Port>) {
        unsafe port.deinitialize(count: 1)
        unsafe port.deallocate()
    }

    // MARK: Opening

    var expressHooks: ExpressHooks? {
        switch express {
        case .some(let table): table.hooks
        case .none: nil
        }
    }

    /// Takes in a port that was opened elsewhere.
    ///
    /// - Returns: The index of its interface.
    mutating func adopt(_ port: Moved<RingPort>, number: UInt32) -> Int32 {
        // Safe: port numbers are below 65,535.
        unsafe rings[Int(number)] = port.pointer
        let index = unsafe port.pointer.pointee.ring.interface.index
        numbers[index] = number
        return index
    }

    /// - Returns: The index of its interface.
    mutating func openTap(_ name: String, number: UInt32) throws(PortError) -> Int32 {
        let tap = try TapPort(name: name)
        let index = tap.interface.index
        let memory = UnsafeMutablePointer<TapPort>.allocate(capacity: 1)
        unsafe memory.initialize(to: tap)
        unsafe taps[Int(number)] = memory
        return index
    }

    /// The descriptors to wait on for a port; none if it is not open.
    func descriptors(of number: UInt32) -> [Int32] {
        if let ring = unsafe rings[Int(number)] {
            return unsafe ring.pointee.ring.descriptors
        }
        if let tap = unsafe taps[Int(number)] { return unsafe [tap.pointee.descriptor] }
        return []
    }

    /// Sends by queues from now on, or past them. What waited has left before.
    ///
    /// - Parameter shaping: Is in force in the interface's queueing discipline.
    mutating func shape(_ number: UInt32, _ shaping: PortTraffic.Shaping?) throws(PortError) {
        guard let ring = unsafe rings[Int(number)] else { return }
        flush()
        let interface = unsafe ring.pointee.sender.interface
        let queues = try QueueSenders(shaping, interface: interface)
        let sender = try FrameSender(interface: interface, queue: shaping == nil ? nil : 0)
        unsafe ring.pointee.queues = queues
        unsafe ring.pointee.sender = sender
        unsafe ring.pointee.isShaped = shaping != nil
    }

    /// The name of a port's interface; nil for a tap, and for a port that is not open.
    func shapedInterface(of number: UInt32) -> String? {
        guard let ring = unsafe rings[Int(number)] else { return nil }
        return unsafe ring.pointee.sender.interface.name
    }

    /// How often a port went over to its other ring; nil for a tap.
    func ringChanges(of number: UInt32) -> UInt64? {
        guard let ring = unsafe rings[Int(number)] else { return nil }
        return unsafe ring.pointee.ring.changeCount
    }

    /// Takes a port out. A tap is closed; rings are handed over, to be closed elsewhere.
    mutating func release(_ number: UInt32) -> Moved<RingPort>? {
        flush()
        failures[number] = nil
        if let tap = unsafe taps[Int(number)] {
            unsafe taps[Int(number)] = nil
            unsafe Self.destroy(tap)
        }
        guard let ring = unsafe rings[Int(number)] else { return nil }
        unsafe rings[Int(number)] = nil
        let index = unsafe ring.pointee.ring.interface.index
        if numbers[index] == number { numbers[index] = nil }
        peered.removeAll { $0 == number }
        return unsafe Moved(pointer: ring)
    }

    // MARK: Rings of blocks

    /// The index of a port's interface; nil for a tap, or if there is no such port.
    func interfaceIndex(of number: UInt32) -> Int32? {
        guard let ring = unsafe rings[Int(number)] else { return nil }
        return unsafe ring.pointee.ring.interface.index
    }

    /// How to make the ring of blocks that a port wants now.
    mutating func takePlan(of number: UInt32) -> BlockRingPlan? {
        guard let ring = unsafe rings[Int(number)] else { return nil }
        return unsafe ring.pointee.ring.takePlan()
    }

    /// Gives a port its ring of blocks; hands it back if there is no such port any more.
    ///
    /// - Parameter index: The interface that the ring was made for.
    mutating func add(
        _ blocks: Moved<BlockRing>, to number: UInt32, index: Int32
    ) -> Moved<BlockRing>? {
        guard interfaceIndex(of: number) == index, let ring = unsafe rings[Int(number)] else {
            return blocks
        }
        unsafe ring.pointee.ring.add(blocks.take())
        return nil
    }

    mutating func refuseBlocks(of number: UInt32) {
        if let ring = unsafe rings[Int(number)] { unsafe ring.pointee.ring.refuseBlocks() }
    }

    mutating func releaseIdleBlocks(of number: UInt32) -> Moved<BlockRing>? {
        guard let ring = unsafe rings[Int(number)],
            let blocks = unsafe ring.pointee.ring.releaseIdleBlocks()
        else { return nil }
        return Moved(blocks)
    }

    // MARK: Links

    /// Notes how an interface is now.
    ///
    /// - Returns: Its port, if what was decided about its express flows no longer holds.
    mutating func linkChanged(index: Int32, isRunning: Bool, mtu: Int?) -> UInt32? {
        guard let number = numbers[index], let ring = unsafe rings[Int(number)] else { return nil }
        let wasRunning = unsafe ring.pointee.isRunning
        let before = unsafe ring.pointee.mtu
        let now = mtu ?? before
        unsafe ring.pointee.isRunning = isRunning
        unsafe ring.pointee.mtu = now
        return (wasRunning, before) == (isRunning, now) ? nil : number
    }

    // MARK: Sending

    mutating func output(_ frame: Frame, port: UInt32, priority: UInt32) -> PacketEnd {
        guard port < UInt32(Self.tableCount) else { return .outputPortGone }
        // Safe here and below: the index was checked, and entries are live.
        guard let ring = unsafe rings[Int(port)] else { return unsafe toTap(frame, port) }
        if priority != 0, unsafe toQueue(frame, ring, port, priority) { return .forwarded }
        if unsafe ring.pointee.sender.isFull { unsafe flush(ring, port) }
        if unsafe ring.pointee.sender.waitingCount == 0 { note(port) }
        unsafe ring.pointee.sender.append(frame, token: port)
        return .forwarded
    }

    /// Whether the port has a queue for the priority, which the frame then waits for.
    private mutating func toQueue(
        _ frame: Frame, _ ring: UnsafeMutablePointer<RingPort>, _ port: UInt32, _ priority: UInt32
    ) -> Bool {
        guard let queue = unsafe ring.pointee.queues.index(of: priority) else { return false }
        if unsafe ring.pointee.queues.isFull(queue) { unsafe flush(ring, port) }
        if unsafe !ring.pointee.queues.areWaiting { note(port) }
        unsafe ring.pointee.queues.append(frame, to: queue, token: port)
        return true
    }

    private mutating func toTap(_ frame: Frame, _ port: UInt32) -> PacketEnd {
        guard let tap = unsafe taps[Int(port)] else { return .outputPortGone }
        return unsafe tap.pointee.send(frame)
    }

    private mutating func note(_ port: UInt32) {
        // Safe: a port is noted once until it is flushed, so there are never more than ports.
        if waitingCount < Self.tableCount {
            unsafe waiting[waitingCount] = port
            waitingCount += 1
        }
    }

    private mutating func flush(_ ring: UnsafeMutablePointer<RingPort>, _ port: UInt32) {
        var report = unsafe ring.pointee.sender.flush()
        unsafe ring.pointee.queues.flush(into: &report)
        if report.failureCount > 0 { failures[port, default: 0] += UInt64(report.failureCount) }
    }

    /// Sends all that waits. Afterwards no frame's memory is used any more.
    mutating func flush() {
        for index in 0..<waitingCount {
            let port = unsafe waiting[index]
            if let ring = unsafe rings[Int(port)] { unsafe flush(ring, port) }
        }
        waitingCount = 0
        scratchUsed = 0
    }

    /// Frames that were taken and then could not be sent, by port.
    mutating func takeFailures() -> [UInt32: UInt64] {
        guard !failures.isEmpty else { return [:] }
        defer { failures = [:] }
        return failures
    }

    // MARK: Express flows

    mutating func openExpress(
        _ key: FlowKey, mask: FlowMask, _ deed: ExpressDeed
    ) -> ExpressKey? {
        // Safe: port numbers are below the table's count; entries are live.
        guard key.inPort < UInt32(Self.tableCount), deed.outPort < UInt32(Self.tableCount),
            let inRing = unsafe rings[Int(key.inPort)],
            let outRing = unsafe rings[Int(deed.outPort)]
        else { return nil }
        let inIndex = unsafe UInt32(inRing.pointee.ring.interface.index)
        let out = unsafe outRing.pointee.ring.interface
        // What is sent to an interface that is down would count as forwarded.
        guard unsafe outRing.pointee.isRunning,
            let expressKey = ExpressKey(key, interfaceIndex: inIndex),
            let expressMask = ExpressMask(mask, like: key)
        else { return nil }
        let flow = ExpressLayout.flow(
            deed, interfaceIndex: UInt32(out.index),
            largestByteCount: UInt32(
                clamping: unsafe outRing.pointee.mtu + Self.ethernetHeaderByteCount),
            // The short cut to the other end leaves out the queues.
            toPeer: unsafe !outRing.pointee.isShaped
                && otherEnd(outRing, deed.outPort).receivesAll(
                    to: key.ethDst, mask: mask.ethDst))
        return express?.put(expressKey, mask: expressMask, flow)
    }

    private mutating func otherEnd(
        _ ring: UnsafeMutablePointer<RingPort>, _ port: UInt32
    ) -> OtherEnd {
        // Safe: the caller's entry is live.
        if let known = unsafe ring.pointee.otherEnd { return known }
        let found = unsafe ring.pointee.ring.interface.otherEnd
        unsafe ring.pointee.otherEnd = found
        peered.append(port)
        return found
    }

    /// Looks again where ports lead that express flows leave by.
    ///
    /// - Returns: Those that lead elsewhere now; their express flows are wrong.
    mutating func recheckPeers() -> [UInt32] {
        peered.filter { port in
            guard let ring = unsafe rings[Int(port)] else { return false }
            // Safe: entries are live.
            let found = unsafe ring.pointee.ring.interface.otherEnd
            defer { unsafe ring.pointee.otherEnd = found }
            return unsafe found != ring.pointee.otherEnd
        }
    }

    mutating func closeExpress(_ key: ExpressKey) -> ExpressCounts {
        express?.take(key) ?? ExpressCounts()
    }

    func readExpress(_ body: (ExpressKey, ExpressCounts) -> Void) {
        switch express {
        case .some(let table): table.readAll(body)
        case .none: return
        }
    }

    // MARK: Scratch memory

    /// Makes sure that the next frame finds scratch memory; sends what uses it now if need be.
    mutating func prepareForFrame() {
        if scratchUsed > Self.scratchByteCount - Self.scratchPerFrame { flush() }
    }

    mutating func scratch(byteCount: Int) -> UnsafeMutableRawPointer? {
        let rounded = (byteCount + 63) & ~63
        guard byteCount >= 0, scratchUsed + rounded <= Self.scratchByteCount else { return nil }
        defer { scratchUsed += rounded }
        // Safe: within the memory, by the check above.
        return unsafe scratchMemory + scratchUsed
    }
}
