internal import Flows
internal import OpenFlow

// Queues of ports as controllers see them: those of the QoS row that is in force. Rates are not
// told, as Open vSwitch does not: what a row promises in bits per second has no exact share of the
// port's rate.

extension Vswitch {
    /// Ports with queues, and the queues' numbers, ascending.
    private func queues(
        _ bridge: PresentBridge, _ port: PortNumber?
    ) -> [(port: PortNumber, queues: [UInt32])] {
        bridge.interfacesByName
            .filter { port == nil || $0.interface.number == port }
            .compactMap { name, interface in
                vports.traffic[name]?.shaping.map { (interface.number, $0.queues.map(\.number)) }
            }
            .sorted { $0.0 < $1.0 }
    }

    /// Why a request for queues is refused; nil: it is not.
    func queueRefusal(
        _ bridge: PresentBridge, _ port: PortNumber?, _ queue: UInt32?,
        unknown: OpenFlowErrorCode
    ) -> OpenFlowErrorCode? {
        if let port, bridge.interface(numbered: port) == nil { return .badQueuePort }
        guard let queue else { return nil }
        return queues(bridge, port).contains { $0.queues.contains(queue) } ? nil : unknown
    }

    func queueStatistics(
        _ bridge: PresentBridge, _ port: PortNumber?, _ queue: UInt32?
    ) -> [QueueStatistics] {
        queueDescriptions(bridge, port, queue).map {
            // The kernel counts by class; nobody reads it out yet, and all ones say so.
            QueueStatistics(
                port: $0.port, queue: $0.queue, txBytes: .max, txPackets: .max, txErrors: .max)
        }
    }

    func queueDescriptions(
        _ bridge: PresentBridge, _ port: PortNumber?, _ queue: UInt32?
    ) -> [QueueDescription] {
        queues(bridge, port).flatMap { port, queues in
            queues.filter { queue == nil || $0 == queue }
                .map { QueueDescription(port: port, queue: $0) }
        }
    }

    /// OFPT_QUEUE_GET_CONFIG_REPLY.
    mutating func tellQueues(
        _ port: PortNumber?, _ bridge: PresentBridge, xid: UInt32, to id: SessionID
    ) {
        let queues = queueDescriptions(bridge, port, nil)
        send(OpenFlowMessage(xid: xid, .queueConfigReply(port, queues)), to: id)
    }
}
