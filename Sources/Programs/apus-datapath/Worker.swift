// One worker: a forwarder and the devices of its ports. Frames are taken a block at a time, and a
// block goes back to the kernel only when everything that came of it was sent.

import DatapathMessages
import Flows
import Forwarding
import PacketPorts
import Packets
import Timekeeping

struct Worker: ~Copyable {
    /// Blocks of one ring that are taken before other ports have their turn.
    static let blocksPerTurn = 4

    var forwarder: Forwarder
    var ports: PortSet
    var desk = OrderDesk()

    init(hashSeed: UInt64, express: consuming ExpressTable?) {
        forwarder = Forwarder(ForwarderSettings(hashSeed: hashSeed))
        ports = PortSet(express: express)
    }

    /// Takes what waits at a port, up to a bound. Ports that are not open are passed over.
    mutating func serve(_ number: UInt32, now: Instant) {
        if let ring = unsafe ports.rings[Int(number)] {
            unsafe serve(ring, number, now)
        } else if let tap = unsafe ports.taps[Int(number)] {
            unsafe serve(tap, number, now)
        }
        for (port, count) in ports.takeFailures().sorted(by: { $0.key < $1.key }) {
            forwarder.countSendFailures(count, port: port)
        }
    }

    private mutating func serve(
        _ ring: UnsafeMutablePointer<RingPort>, _ number: UInt32, _ now: Instant
    ) {
        for _ in 0..<Self.blocksPerTurn {
            // Safe: the port stays open during its turn: orders are taken between turns.
            guard var block = unsafe ring.pointee.ring.nextBlock() else { return }
            let isDropping = block.kernelIsDropping
            while let received = unsafe block.nextFrame() {
                ports.prepareForFrame()
                guard unsafe !received.isTruncated else {
                    forwarder.count(.truncatedByRing, packets: 1, from: number)
                    continue
                }
                unsafe forwarder.process(received.frame, from: number, now: now, into: &ports)
            }
            ports.flush()
            block.giveBack()
            if isDropping { countRingDrops(of: number) }
        }
    }

    private mutating func serve(
        _ tap: UnsafeMutablePointer<TapPort>, _ number: UInt32, _ now: Instant
    ) {
        // Safe: as above.
        while let received = unsafe tap.pointee.nextFrame() {
            ports.prepareForFrame()
            unsafe forwarder.process(received.frame, from: number, now: now, into: &ports)
        }
        ports.flush()
        unsafe tap.pointee.reuseBuffers()
    }

    /// Brings in what the kernel forwarded by itself. To be called about once a second.
    mutating func refreshExpress(now: Instant) {
        forwarder.refreshExpress(now: now, &ports)
        for port in ports.recheckPeers() {
            forwarder.closeExpress(ofPort: port, now: now, &ports)
        }
    }

    /// Asks the kernel how many frames found no room in a port's ring.
    mutating func countRingDrops(of number: UInt32) {
        guard let ring = unsafe ports.rings[Int(number)] else { return }
        let dropped = unsafe ring.pointee.ring.takeCounts().droppedCount
        if dropped > 0 { forwarder.count(.ringFull, packets: UInt64(dropped), from: number) }
    }

    /// Why a port's descriptor reports an error, and clears it.
    mutating func takeError(of number: UInt32) -> PortError? {
        guard let ring = unsafe ports.rings[Int(number)] else { return nil }
        return unsafe ring.pointee.ring.takeError()
    }
}
