// An existing interface as a port: what it receives, for the worker that has it, and how to send by
// it, for every worker.
//
//     interface ──> RingPort ──> worker 1          worker 0 ──> OutPort ──┐
//                                                  worker 1 ──> OutPort ──┼──> interface
//
// A socket to send by costs no ring, so each worker has its own: nothing is shared per packet.

import Flows
import PacketPorts
import Packets

/// What an interface receives, or the part of it that a worker has if the port is spread.
struct RingPort: ~Copyable {
    var ring: SteeredRings
    /// Keeps the host's own stack away while the port is ours. The first part has it.
    let drop: HostIngressDrop?
}

/// How one worker sends by an interface.
struct OutPort: ~Copyable {
    var sender: FrameSender
    var queues = QueueSenders()
    /// Frames wait in queues of the interface's.
    var isShaped = false
    /// As it is now; `sender.interface` is as it was when the port was opened.
    var mtu: Int
    var isRunning: Bool
    /// What was last found out about its other end; nil if no express flow needed to know.
    var otherEnd: OtherEnd?

    init(interface: InterfaceFacts) throws(PortError) {
        let sender = try FrameSender(interface: interface)
        self.sender = sender
        mtu = interface.mtu
        isRunning = interface.isRunning
    }
}

/// How to send by queues from now on, or past them.
struct Reshaped: ~Copyable {
    let sender: FrameSender
    let queues: QueueSenders
    let isShaped: Bool

    init(_ shaping: PortTraffic.Shaping?, interface: InterfaceFacts) throws(PortError) {
        let queues = try QueueSenders(shaping, interface: interface)
        let sender = try FrameSender(interface: interface, queue: shaping == nil ? nil : 0)
        self.queues = queues
        self.sender = sender
        isShaped = shaping != nil
    }
}

/// A port on its way between the thread that opens or closes it and the workers: `outs` has one for
/// each worker, `rings` one, or of a port that is spread as many.
struct OpenPort: Sendable {
    var interface: InterfaceFacts
    var rings: [Moved<RingPort>]
    var outs: [Moved<OutPort>]
    /// Whether the kernel can share out what comes.
    var isSteered = true

    /// - Parameter receiverCount: Workers that shall receive by it. A kernel that cannot steer lets
    ///   one.
    /// - Throws: As the devices; then nothing is open.
    init(
        name: String, express: ExpressHooks?, budget: RingBudget, workerCount: Int,
        receiverCount: Int
    ) throws(PortError) {
        let interface = try InterfaceFacts(name: name)
        let drop = try HostIngressDrop(interface: interface, express: express)
        var outs: [Moved<OutPort>] = []
        var rings: [Moved<RingPort>] = []
        var isSteered = true
        do throws(PortError) {
            for _ in 0..<workerCount { outs.append(Moved(try OutPort(interface: interface))) }
            let ring = try SteeredRings(
                interface: interface, express: express, budget: budget,
                pairCount: receiverCount)
            isSteered = ring.isSteered
            rings.append(Moved(RingPort(ring: ring, drop: drop)))
            for _ in 1..<(isSteered ? receiverCount : 1) {
                guard let last = rings.last else { break }
                // Safe: it is ours until it is handed over.
                let next = try unsafe last.pointer.pointee.ring.another()
                rings.append(Moved(RingPort(ring: next, drop: nil)))
            }
        } catch {
            for out in outs { _ = out.take() }
            for ring in rings { _ = ring.take() }
            throw error
        }
        self.init(interface: interface, rings: rings, outs: outs)
        self.isSteered = isSteered
    }

    init(interface: InterfaceFacts, rings: [Moved<RingPort>], outs: [Moved<OutPort>]) {
        self.interface = interface
        self.rings = rings
        self.outs = outs
    }

    /// Closes all of it.
    func close() {
        for out in outs { _ = out.take() }
        for ring in rings { _ = ring.take() }
    }
}
