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

/// What an interface receives. One worker has it.
struct RingPort: ~Copyable {
    var ring: SteeredRings
    /// Keeps the host's own stack away while the port is ours.
    let drop: HostIngressDrop
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
/// each worker.
struct OpenPort: Sendable {
    var interface: InterfaceFacts
    var ring: Moved<RingPort>
    var outs: [Moved<OutPort>]

    /// - Throws: As the devices; then nothing is open.
    init(
        name: String, express: ExpressHooks?, budget: RingBudget, workerCount: Int
    ) throws(PortError) {
        let interface = try InterfaceFacts(name: name)
        let drop = try HostIngressDrop(interface: interface, express: express)
        var outs: [Moved<OutPort>] = []
        do throws(PortError) {
            for _ in 0..<workerCount { outs.append(Moved(try OutPort(interface: interface))) }
            let ring = try SteeredRings(interface: interface, express: express, budget: budget)
            self.ring = Moved(RingPort(ring: ring, drop: drop))
        } catch {
            for out in outs { _ = out.take() }
            throw error
        }
        self.interface = interface
        self.outs = outs
    }

    init(interface: InterfaceFacts, ring: Moved<RingPort>, outs: [Moved<OutPort>]) {
        self.interface = interface
        self.ring = ring
        self.outs = outs
    }

    /// Closes all of it.
    func close() {
        for out in outs { _ = out.take() }
        _ = ring.take()
    }
}
