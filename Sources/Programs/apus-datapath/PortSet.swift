// The devices of all ports as one worker sees them, and where frames for them go.
//
// On the packet's path a port is an index into a table of pointers: no class, no reference count,
// no dictionary. Frames for a port wait in its sender until the batch is over, or the sender is
// full.
//
// What a worker receives by is in its own set only. What it sends by are senders of its own; a tap
// can be written to from any thread, and is one for all.

import Execution
import Flows
import Forwarding
import KernelPrograms
import PacketPorts
import Packets

/// All open devices, by datapath port number. For whoever has the worker's state to itself.
@safe
struct PortSet: ~Copyable, PacketSink, ExpressTier {
    /// One entry for each possible port number.
    static let tableCount = 65_536
    private static let ethernetHeaderByteCount = 14
    private static let scratchByteCount = 1 << 20
    /// What one frame may need of scratch memory: a super-frame, copied for a few of its outputs.
    private static let scratchPerFrame = 384 * 1024

    /// What a port is here. A port that is not open is nil in all of them.
    @safe
    struct Entry {
        var out: UnsafeMutablePointer<OutPort>?
        /// Only in the set of the worker that receives by it.
        var ring: UnsafeMutablePointer<RingPort>?
        /// The same in all sets.
        var tap: UnsafeMutablePointer<TapPort>?
    }

    private let entries: UnsafeMutablePointer<Entry>
    /// Ports whose sender holds frames.
    private let waiting: UnsafeMutablePointer<UInt32>
    private var waitingCount = 0
    private let scratchMemory: UnsafeMutableRawPointer
    private var scratchUsed = 0
    /// Frames that could not be sent, by port, since `takeFailures`.
    private var failures: [UInt32: UInt64] = [:]
    /// Flows that the kernel forwards by itself; nil where it cannot.
    private let express: SharedExpress?
    /// Ports with senders, by the index of their interface.
    private var numbers: [Int32: UInt32] = [:]
    /// Ports whose other end is known and may change.
    private var peered: [UInt32] = []

    /// Sets live as long as the process; ports that are still open then, the kernel closes.
    ///
    /// - Parameter express: nil for a set whose every frame comes by the rings.
    init(express: SharedExpress?) {
        self.express = express
        // Never freed: see above. All entries begin empty.
        unsafe entries = .allocate(capacity: Self.tableCount)
        unsafe entries.initialize(repeating: Entry(), count: Self.tableCount)
        unsafe waiting = .allocate(capacity: Self.tableCount)
        unsafe scratchMemory = .allocate(byteCount: Self.scratchByteCount, alignment: 64)
    }

    // Safe in this file: numbers are below the table's count, and what an entry points to lives
    // until `remove`.

    func ring(_ number: UInt32) -> UnsafeMutablePointer<RingPort>? {
        unsafe entries[Int(number)].ring
    }
    func tap(_ number: UInt32) -> UnsafeMutablePointer<TapPort>? {
        unsafe entries[Int(number)].tap
    }

    // MARK: Opening

    /// Takes in what this worker has of a port.
    ///
    /// - Parameter ring: nil if another worker receives by it.
    mutating func add(_ number: UInt32, out: Moved<OutPort>, ring: Moved<RingPort>?) {
        unsafe entries[Int(number)].out = out.pointer
        unsafe entries[Int(number)].ring = ring?.pointer
        numbers[unsafe out.pointer.pointee.sender.interface.index] = number
    }

    mutating func add(_ number: UInt32, tap: Moved<TapPort>) {
        unsafe entries[Int(number)].tap = tap.pointer
    }

    /// Takes a port out. What waited for it has left.
    mutating func remove(
        _ number: UInt32
    ) -> (out: Moved<OutPort>?, ring: Moved<RingPort>?, tap: Moved<TapPort>?) {
        flush()
        failures[number] = nil
        peered.removeAll { $0 == number }
        let entry = unsafe entries[Int(number)]
        unsafe entries[Int(number)] = Entry()
        if let out = unsafe entry.out {
            let index = unsafe out.pointee.sender.interface.index
            if numbers[index] == number { numbers[index] = nil }
        }
        return unsafe (
            entry.out.map { unsafe Moved(pointer: $0) },
            entry.ring.map { unsafe Moved(pointer: $0) },
            entry.tap.map { unsafe Moved(pointer: $0) }
        )
    }

    /// What this worker receives by a port, to be given to another.
    mutating func takeRing(_ number: UInt32) -> Moved<RingPort>? {
        let ring = unsafe entries[Int(number)].ring
        unsafe entries[Int(number)].ring = nil
        return unsafe ring.map { unsafe Moved(pointer: $0) }
    }

    /// This worker receives by a port that it sends by already.
    mutating func receive(_ number: UInt32, by ring: Moved<RingPort>) {
        unsafe entries[Int(number)].ring = ring.pointer
    }

    /// Whether this worker receives by a port that has rings.
    func hasRing(_ number: UInt32) -> Bool { unsafe ring(number) != nil }

    /// A tap as another worker is to know it.
    func sharedTap(_ number: UInt32) -> Moved<TapPort>? {
        unsafe tap(number).map { unsafe Moved(pointer: $0) }
    }

    /// What is known of an interface beside how it was when the port was opened.
    func linkState(of number: UInt32) -> (isRunning: Bool, mtu: Int)? {
        guard let out = unsafe entries[Int(number)].out else { return nil }
        return unsafe (out.pointee.isRunning, out.pointee.mtu)
    }

    /// The descriptors to wait on for a port; none if it is not received here.
    func descriptors(of number: UInt32) -> [Int32] {
        if let ring = unsafe ring(number) { return unsafe ring.pointee.ring.descriptors }
        if let tap = unsafe tap(number) { return unsafe [tap.pointee.descriptor] }
        return []
    }

    /// Sends so from now on. What waited has left before.
    mutating func shape(_ number: UInt32, _ shape: Moved<Reshaped>) {
        flush()
        let shape = shape.take()
        guard let out = unsafe entries[Int(number)].out else { return }
        unsafe out.pointee.isShaped = shape.isShaped
        unsafe out.pointee.sender = shape.sender
        unsafe out.pointee.queues = shape.queues
    }

    /// A port's interface; nil for a tap, and for a port that is not open.
    func interface(of number: UInt32) -> InterfaceFacts? {
        guard let out = unsafe entries[Int(number)].out else { return nil }
        return unsafe out.pointee.sender.interface
    }

    /// How often a port went over to its other ring; nil if it has no rings here.
    func ringChanges(of number: UInt32) -> UInt64? {
        guard let ring = unsafe ring(number) else { return nil }
        return unsafe ring.pointee.ring.changeCount
    }

    // MARK: Rings of blocks

    /// How to make the ring of blocks that a port wants now.
    mutating func takePlan(of number: UInt32) -> BlockRingPlan? {
        guard let ring = unsafe ring(number) else { return nil }
        return unsafe ring.pointee.ring.takePlan()
    }

    /// Gives a port its ring of blocks; hands it back if there is no such port here (any more).
    ///
    /// - Parameter index: The interface that the ring was made for.
    mutating func add(
        _ blocks: Moved<BlockRing>, to number: UInt32, index: Int32
    ) -> Moved<BlockRing>? {
        guard interface(of: number)?.index == index, let ring = unsafe ring(number) else {
            return blocks
        }
        unsafe ring.pointee.ring.add(blocks.take())
        return nil
    }

    mutating func refuseBlocks(of number: UInt32) {
        if let ring = unsafe ring(number) { unsafe ring.pointee.ring.refuseBlocks() }
    }

    mutating func releaseIdleBlocks(of number: UInt32) -> Moved<BlockRing>? {
        guard let ring = unsafe ring(number),
            let blocks = unsafe ring.pointee.ring.releaseIdleBlocks()
        else { return nil }
        return Moved(blocks)
    }

    // MARK: Links

    func hasInterface(index: Int32) -> Bool { numbers[index] != nil }

    /// Notes how an interface is now.
    ///
    /// - Returns: Its port, if what was decided about its express flows no longer holds.
    mutating func linkChanged(index: Int32, isRunning: Bool, mtu: Int?) -> UInt32? {
        guard let number = numbers[index], let out = unsafe entries[Int(number)].out else {
            return nil
        }
        let wasRunning = unsafe out.pointee.isRunning
        let before = unsafe out.pointee.mtu
        let now = mtu ?? before
        unsafe out.pointee.isRunning = isRunning
        unsafe out.pointee.mtu = now
        return (wasRunning, before) == (isRunning, now) ? nil : number
    }

    // MARK: Sending

    mutating func output(_ frame: Frame, port: UInt32, priority: UInt32) -> PacketEnd {
        guard port < UInt32(Self.tableCount) else { return .outputPortGone }
        guard let out = unsafe entries[Int(port)].out else { return unsafe toTap(frame, port) }
        if priority != 0, unsafe toQueue(frame, out, port, priority) { return .forwarded }
        if unsafe out.pointee.sender.isFull { unsafe flush(out, port) }
        if unsafe out.pointee.sender.waitingCount == 0 { note(port) }
        unsafe out.pointee.sender.append(frame, token: port)
        return .forwarded
    }

    /// Whether the port has a queue for the priority, which the frame then waits for.
    private mutating func toQueue(
        _ frame: Frame, _ out: UnsafeMutablePointer<OutPort>, _ port: UInt32, _ priority: UInt32
    ) -> Bool {
        guard let queue = unsafe out.pointee.queues.index(of: priority) else { return false }
        if unsafe out.pointee.queues.isFull(queue) { unsafe flush(out, port) }
        if unsafe !out.pointee.queues.areWaiting { note(port) }
        unsafe out.pointee.queues.append(frame, to: queue, token: port)
        return true
    }

    private mutating func toTap(_ frame: Frame, _ port: UInt32) -> PacketEnd {
        guard let tap = unsafe tap(port) else { return .outputPortGone }
        return unsafe tap.pointee.send(frame)
    }

    private mutating func note(_ port: UInt32) {
        // Safe: a port is noted once until it is flushed, so there are never more than ports.
        if waitingCount < Self.tableCount {
            unsafe waiting[waitingCount] = port
            waitingCount += 1
        }
    }

    private mutating func flush(_ out: UnsafeMutablePointer<OutPort>, _ port: UInt32) {
        var report = unsafe out.pointee.sender.flush()
        unsafe out.pointee.queues.flush(into: &report)
        if report.failureCount > 0 { failures[port, default: 0] += UInt64(report.failureCount) }
    }

    /// Sends all that waits. Afterwards no frame's memory is used any more.
    mutating func flush() {
        for index in 0..<waitingCount {
            let port = unsafe waiting[index]
            if let out = unsafe entries[Int(port)].out { unsafe flush(out, port) }
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
        guard let express, key.inPort < UInt32(Self.tableCount),
            deed.outPort < UInt32(Self.tableCount),
            let inIndex = interface(of: key.inPort)?.index,
            let out = unsafe entries[Int(deed.outPort)].out
        else { return nil }
        // What is sent to an interface that is down would count as forwarded.
        guard unsafe out.pointee.isRunning,
            let expressKey = ExpressKey(key, interfaceIndex: UInt32(inIndex)),
            let expressMask = ExpressMask(mask, like: key)
        else { return nil }
        let flow = ExpressLayout.flow(
            deed, interfaceIndex: UInt32(unsafe out.pointee.sender.interface.index),
            largestByteCount: UInt32(
                clamping: unsafe out.pointee.mtu + Self.ethernetHeaderByteCount),
            // The short cut to the other end leaves out the queues.
            toPeer: unsafe !out.pointee.isShaped
                && otherEnd(out, deed.outPort).receivesAll(to: key.ethDst, mask: mask.ethDst))
        return express.put(expressKey, mask: expressMask, flow)
    }

    private mutating func otherEnd(
        _ out: UnsafeMutablePointer<OutPort>, _ port: UInt32
    ) -> OtherEnd {
        if let known = unsafe out.pointee.otherEnd { return known }
        let found = unsafe out.pointee.sender.interface.otherEnd
        unsafe out.pointee.otherEnd = found
        peered.append(port)
        return found
    }

    /// Looks again where ports lead that express flows leave by.
    ///
    /// - Returns: Those that lead elsewhere now; their express flows are wrong.
    mutating func recheckPeers() -> [UInt32] {
        peered.filter { port in
            guard let out = unsafe entries[Int(port)].out else { return false }
            let found = unsafe out.pointee.sender.interface.otherEnd
            defer { unsafe out.pointee.otherEnd = found }
            return unsafe found != out.pointee.otherEnd
        }
    }

    mutating func closeExpress(_ key: ExpressKey) -> ExpressCounts {
        express?.take(key) ?? ExpressCounts()
    }

    func readExpress(_ body: (ExpressKey, ExpressCounts) -> Void) { express?.readAll(body) }

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
