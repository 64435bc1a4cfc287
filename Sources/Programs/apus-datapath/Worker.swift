// One worker: a forwarder and the devices of its ports. Frames are taken a block at a time, and a
// block goes back to the kernel only when everything that came of it was sent.
//
// Everything here is for whoever has the worker's state to itself: its thread during a turn, and
// between turns the thread that carries out orders (Rendezvous).

import Daemon
import DatapathMessages
import Flows
import Forwarding
import Logging
import PacketPorts
import Packets
import Timekeeping

@safe
struct Worker: ~Copyable {
    /// Blocks of one ring that are taken before other ports have their turn.
    static let blocksPerTurn = 4

    /// Both stay where they are as long as the process lives.
    let forwarder: UnsafeMutablePointer<Forwarder>
    let ports: UnsafeMutablePointer<PortSet>
    let readySet: ReadySet
    let crew: PortCrew
    private let logger: Logger

    init(
        _ forwarder: consuming Forwarder, express: SharedExpress?, crew: PortCrew, logger: Logger
    ) throws(PortError) {
        readySet = try ReadySet()
        self.crew = crew
        self.logger = logger
        unsafe self.forwarder = .allocate(capacity: 1)
        unsafe self.forwarder.initialize(to: forwarder)
        unsafe ports = .allocate(capacity: 1)
        unsafe ports.initialize(to: PortSet(express: express))
    }

    // Safe in this file: see `forwarder`.

    /// Serves ports that have something, each up to a bound, and sees to what they want.
    ///
    /// - Parameter rendezvous: Ends early if the worker is wanted; ports that were not served are
    ///   still ready then. nil for the worker whose thread carries out orders.
    /// - Returns: Whether all were served.
    func serve(_ ready: [ReadySet.Ready], until rendezvous: Rendezvous?) -> Bool {
        let now = MonotonicClock.now()
        for port in ready {
            serve(port.port, now: now, until: rendezvous)
            makeBlocksIfWanted(by: port.port)
            if port.hasError { reportError(of: port.port) }
            if rendezvous?.isWanted ?? false { return false }
        }
        return true
    }

    /// Ports that are not open here are passed over.
    private func serve(_ number: UInt32, now: Instant, until rendezvous: Rendezvous?) {
        guard number < UInt32(PortSet.tableCount) else { return }
        if let ring = unsafe ports.pointee.ring(number) {
            unsafe serve(ring, number, now, until: rendezvous)
        } else if let tap = unsafe ports.pointee.tap(number) {
            unsafe serve(tap, number, now)
        }
        countFailures()
    }

    /// Counts what was taken for a port and then could not be sent.
    func countFailures() {
        for (port, count) in unsafe ports.pointee.takeFailures().sorted(by: { $0.key < $1.key }) {
            unsafe forwarder.pointee.countSendFailures(count, port: port)
        }
    }

    private func serve(
        _ ring: UnsafeMutablePointer<RingPort>, _ number: UInt32, _ now: Instant,
        until rendezvous: Rendezvous?
    ) {
        for _ in 0..<Self.blocksPerTurn {
            // Safe: the port stays open during its turn: orders are taken between turns.
            guard var block = unsafe ring.pointee.ring.nextBlock() else { return }
            let isDropping = block.kernelIsDropping
            while let received = unsafe block.nextFrame() {
                unsafe ports.pointee.prepareForFrame()
                guard unsafe !received.isTruncated else {
                    unsafe forwarder.pointee.count(.truncatedByRing, packets: 1, from: number)
                    continue
                }
                unsafe forwarder.pointee.process(
                    received.frame, from: number, now: now, into: &ports.pointee)
            }
            unsafe ports.pointee.flush()
            block.giveBack()
            if isDropping { countRingDrops(of: number) }
            if rendezvous?.isWanted ?? false { return }
        }
    }

    private func serve(
        _ tap: UnsafeMutablePointer<TapPort>, _ number: UInt32, _ now: Instant
    ) {
        // Safe: as above.
        while let received = unsafe tap.pointee.nextFrame() {
            unsafe ports.pointee.prepareForFrame()
            unsafe forwarder.pointee.process(
                received.frame, from: number, now: now, into: &ports.pointee)
        }
        unsafe ports.pointee.flush()
        unsafe tap.pointee.reuseBuffers()
    }

    /// Whether somebody is to be asked about packets.
    var hasUpcalls: Bool { unsafe forwarder.pointee.waitingUpcallCount > 0 }

    private func reportError(of number: UInt32) {
        guard let ring = unsafe ports.pointee.ring(number),
            let error = unsafe ring.pointee.ring.takeError()
        else { return }
        logger.warning("port \(number): \(error)")
        guard error.kind == .noSuchInterface else { return }
        // It stays silent for ever; vswitchd sees that the interface is gone.
        unwatch(number)
    }

    // MARK: Ports

    /// Waits for a port from now on.
    ///
    /// - Returns: Why not.
    func watch(_ number: UInt32) -> PortError? {
        do throws(PortError) {
            for descriptor in unsafe ports.pointee.descriptors(of: number) {
                try readySet.add(descriptor, port: number)
            }
            return nil
        } catch { return error }
    }

    func unwatch(_ number: UInt32) {
        for descriptor in unsafe ports.pointee.descriptors(of: number) {
            readySet.remove(descriptor)
        }
    }

    // As `PortSet`.

    func add(_ number: UInt32, out: Moved<OutPort>, ring: Moved<RingPort>?) {
        unsafe ports.pointee.add(number, out: out, ring: ring)
    }
    func add(_ number: UInt32, tap: Moved<TapPort>) {
        unsafe ports.pointee.add(number, tap: tap)
    }
    func remove(
        _ number: UInt32
    ) -> (out: Moved<OutPort>?, ring: Moved<RingPort>?, tap: Moved<TapPort>?) {
        unsafe ports.pointee.remove(number)
    }
    func shape(_ number: UInt32, _ shape: Moved<Reshaped>) {
        unsafe ports.pointee.shape(number, shape)
    }
    func takeRing(_ number: UInt32) -> Moved<RingPort>? {
        unsafe ports.pointee.takeRing(number)
    }
    func receive(_ number: UInt32, by ring: Moved<RingPort>) {
        unsafe ports.pointee.receive(number, by: ring)
    }
    func hasRing(_ number: UInt32) -> Bool { unsafe ports.pointee.hasRing(number) }
    func sharedTap(_ number: UInt32) -> Moved<TapPort>? {
        unsafe ports.pointee.sharedTap(number)
    }
    func linkState(of number: UInt32) -> (isRunning: Bool, mtu: Int)? {
        unsafe ports.pointee.linkState(of: number)
    }
    func interface(of number: UInt32) -> InterfaceFacts? {
        unsafe ports.pointee.interface(of: number)
    }
    func hasInterface(index: Int32) -> Bool { unsafe ports.pointee.hasInterface(index: index) }
    func ringChanges(of number: UInt32) -> UInt64? {
        unsafe ports.pointee.ringChanges(of: number)
    }
    func refuseBlocks(of number: UInt32) { unsafe ports.pointee.refuseBlocks(of: number) }

    private func makeBlocksIfWanted(by number: UInt32) {
        guard let plan = unsafe ports.pointee.takePlan(of: number),
            let interface = unsafe ports.pointee.interface(of: number)
        else { return }
        crew.makeBlocks(plan, number: number, index: interface.index)
    }

    /// Takes in the ring of blocks that the port wanted.
    func add(_ blocks: Moved<BlockRing>, to number: UInt32, index: Int32) {
        if let unwanted = unsafe ports.pointee.add(blocks, to: number, index: index) {
            crew.drop(unwanted)
            return
        }
        guard let descriptor = unsafe ports.pointee.descriptors(of: number).last else { return }
        do throws(PortError) {
            try readySet.add(descriptor, port: number)
        } catch {
            // It is read whenever the other ring has something.
            logger.warning("port \(number): \(error)")
        }
    }

    // MARK: Once a second

    /// What is to be done about once a second for all ports.
    func countDrops(now: Instant) {
        for number in unsafe forwarder.pointee.portNumbers {
            countRingDrops(of: number)
            dropIdleBlocks(of: number)
        }
        refreshExpress(now: now)
    }

    /// Asks the kernel how many frames found no room in a port's ring.
    private func countRingDrops(of number: UInt32) {
        guard let ring = unsafe ports.pointee.ring(number) else { return }
        let dropped = unsafe ring.pointee.ring.takeCounts().droppedCount
        guard dropped > 0 else { return }
        unsafe forwarder.pointee.count(.ringFull, packets: UInt64(dropped), from: number)
    }

    private func dropIdleBlocks(of number: UInt32) {
        let descriptors = unsafe ports.pointee.descriptors(of: number)
        guard let blocks = unsafe ports.pointee.releaseIdleBlocks(of: number) else { return }
        if let descriptor = descriptors.last { readySet.remove(descriptor) }
        crew.drop(blocks)
    }

    /// Brings in what the kernel forwarded by itself.
    private func refreshExpress(now: Instant) {
        unsafe forwarder.pointee.refreshExpress(now: now, &ports.pointee)
        for port in unsafe ports.pointee.recheckPeers() {
            unsafe forwarder.pointee.closeExpress(ofPort: port, now: now, &ports.pointee)
        }
    }

    /// An interface changed; if it is a port's, its express flows are decided anew.
    func linkChanged(index: Int32, isRunning: Bool, mtu: Int?, now: Instant) {
        let number = unsafe ports.pointee.linkChanged(
            index: index, isRunning: isRunning, mtu: mtu)
        guard let number else { return }
        unsafe forwarder.pointee.linkChanged(ofPort: number, now: now, &ports.pointee)
    }

    var lookupCounts: LookupCounts {
        unsafe LookupCounts(
            forwarder.pointee.statistics, express: forwarder.pointee.expressPackets)
    }
}
