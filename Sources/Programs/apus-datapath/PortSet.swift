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
    /// Keeps the host's own stack away while the port is ours.
    let drop: HostIngressDrop
    /// What was last found out about its other end; nil if no express flow needed to know.
    var leadsToOtherNamespace: Bool?
    /// Where its frames are received; made when it is first asked for.
    var spreading: ReceiveSpreading?

    init(name: String, express: ExpressHooks?) throws(PortError) {
        let interface = try InterfaceFacts(name: name)
        let drop = try HostIngressDrop(interface: interface, express: express)
        let sender = try FrameSender(interface: interface)
        let ring = try SteeredRings(interface: interface, express: express)
        leadsToOtherNamespace = nil
        spreading = nil
        self.drop = drop
        self.sender = sender
        self.ring = ring
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

    private var expressHooks: ExpressHooks? {
        switch express {
        case .some(let table): table.hooks
        case .none: nil
        }
    }

    /// - Returns: The index of its interface.
    mutating func openRing(_ name: String, number: UInt32) throws(PortError) -> Int32 {
        let port = try RingPort(name: name, express: expressHooks)
        let index = port.ring.interface.index
        let memory = UnsafeMutablePointer<RingPort>.allocate(capacity: 1)
        unsafe memory.initialize(to: port)
        // Safe: port numbers are below 65,535.
        unsafe rings[Int(number)] = memory
        return index
    }

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
            let (slots, blocks) = unsafe ring.pointee.ring.descriptors
            return [slots, blocks]
        }
        if let tap = unsafe taps[Int(number)] { return unsafe [tap.pointee.descriptor] }
        return []
    }

    /// How often a port went over to its other ring; nil for a tap.
    func ringChanges(of number: UInt32) -> UInt64? {
        guard let ring = unsafe rings[Int(number)] else { return nil }
        return unsafe ring.pointee.ring.changeCount
    }

    mutating func close(_ number: UInt32) {
        flush()
        if let ring = unsafe rings[Int(number)] {
            unsafe rings[Int(number)] = nil
            unsafe Self.destroy(ring)
        }
        if let tap = unsafe taps[Int(number)] {
            unsafe taps[Int(number)] = nil
            unsafe Self.destroy(tap)
        }
        failures[number] = nil
        peered.removeAll { $0 == number }
    }

    // MARK: Sending

    mutating func output(_ frame: Frame, port: UInt32) -> PacketEnd {
        guard port < UInt32(Self.tableCount) else { return .outputPortGone }
        // Safe here and below: the index was checked, and entries are live.
        guard let ring = unsafe rings[Int(port)] else { return unsafe toTap(frame, port) }
        if unsafe ring.pointee.sender.isFull { unsafe flush(ring, port) }
        if unsafe ring.pointee.sender.waitingCount == 0 { note(port) }
        unsafe ring.pointee.sender.append(frame, token: port)
        return .forwarded
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
        let report = unsafe ring.pointee.sender.flush()
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
        guard let expressKey = ExpressKey(key, interfaceIndex: inIndex),
            let expressMask = ExpressMask(mask, like: key)
        else { return nil }
        let flow = ExpressLayout.flow(
            deed, interfaceIndex: UInt32(out.index),
            largestByteCount: UInt32(out.mtu + Self.ethernetHeaderByteCount),
            toPeer: unsafe leadsToOtherNamespace(outRing, deed.outPort))
        return express?.put(expressKey, mask: expressMask, flow)
    }

    private mutating func leadsToOtherNamespace(
        _ ring: UnsafeMutablePointer<RingPort>, _ port: UInt32
    ) -> Bool {
        // Safe: the caller's entry is live.
        if let known = unsafe ring.pointee.leadsToOtherNamespace { return known }
        let leads = unsafe ring.pointee.ring.interface.leadsToOtherNamespace
        unsafe ring.pointee.leadsToOtherNamespace = leads
        peered.append(port)
        return leads
    }

    /// Looks again where ports lead that express flows leave by.
    ///
    /// - Returns: Those that lead elsewhere now; their express flows are wrong.
    mutating func recheckPeers() -> [UInt32] {
        peered.filter { port in
            guard let ring = unsafe rings[Int(port)] else { return false }
            // Safe: entries are live.
            let leads = unsafe ring.pointee.ring.interface.leadsToOtherNamespace
            defer { unsafe ring.pointee.leadsToOtherNamespace = leads }
            return unsafe leads != ring.pointee.leadsToOtherNamespace
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

    /// Has a port's frames received by other processors.
    ///
    /// - Throws: If that is not ours to choose.
    mutating func spread(_ change: SpreadingChange) throws(PortError) {
        guard change.port < UInt32(Self.tableCount), let ring = unsafe rings[Int(change.port)]
        else { return }
        // Safe: entries are live.
        if unsafe ring.pointee.spreading == nil {
            unsafe ring.pointee.spreading = try ReceiveSpreading(
                interface: ring.pointee.ring.interface)
        }
        unsafe ring.pointee.spreading?.choose(change.processors)
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
