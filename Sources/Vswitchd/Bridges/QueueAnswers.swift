internal import DatapathMessages
internal import Flows
internal import OpenFlow
internal import Timekeeping

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

    /// As the datapath told when it was last asked; all ones for what it did not tell.
    func queueStatistics(
        _ bridge: PresentBridge, _ port: PortNumber?, _ queue: UInt32?, now: Instant
    ) -> [QueueStatistics] {
        queueDescriptions(bridge, port, queue).map { one in
            var statistics = QueueStatistics(
                port: one.port, queue: one.queue, txBytes: .max, txPackets: .max, txErrors: .max)
            guard let name = bridge.interface(numbered: one.port)?.name else { return statistics }
            if let since = vports.queuesSince[name]?[one.queue] {
                statistics.durationNanoseconds =
                    max(now, since).nanosecondsSinceStart - since.nanosecondsSinceStart
            }
            guard let counters = counters(ofQueue: one.queue, name) else { return statistics }
            statistics.txBytes = counters.bytes
            statistics.txPackets = counters.packets
            statistics.txErrors = counters.drops
            return statistics
        }
    }

    private func counters(ofQueue queue: UInt32, _ name: String) -> QueueCounters? {
        vports.byName[name]?.queues.first { $0.queue == queue }
    }

    func queueDescriptions(
        _ bridge: PresentBridge, _ port: PortNumber?, _ queue: UInt32?
    ) -> [QueueDescription] {
        queues(bridge, port).flatMap { port, queues in
            queues.filter { queue == nil || $0 == queue }
                .map { QueueDescription(port: port, queue: $0) }
        }
    }

    // MARK: The control socket

    static let queueCommands = [
        ControlCommand("qos/show", "interface", 1...1),
        ControlCommand("qos/show-types", "interface", 1...1),
    ]

    /// Answers `qos/show` and `qos/show-types`, when the datapath has told its counters.
    func answerAboutQueues(_ command: String, _ name: String) throws(ControlError) -> String {
        guard bridges.values.contains(where: { $0.interfaces[name] != nil }) else {
            throw ControlError("no such interface")
        }
        guard command == "qos/show" else {
            return WantedQoS.types.map { "QoS type: \($0)\n" }.joined()
        }
        guard let shaping = vports.traffic[name]?.shaping else {
            return "QoS not configured on \(name)\n"
        }
        var text = "QoS: \(name) linux-htb\nmax-rate: \(Self.bits(shaping.maxRate))\n"
        for queue in shaping.queues {
            text += queue.number == 0 ? "\nDefault:\n" : "\nQueue \(queue.number):\n"
            text += "  burst: \(Self.bits(UInt64(queue.burst)))\n"
            text += "  max-rate: \(Self.bits(queue.maxRate))\n"
            text += "  min-rate: \(Self.bits(queue.minRate))\n"
            if queue.priority > 0 { text += "  priority: \(queue.priority)\n" }
            guard let counters = counters(ofQueue: queue.number, name) else {
                text += "  Failed to get statistics for queue \(queue.number): no counters\n"
                continue
            }
            text += "  tx_packets: \(counters.packets)\n  tx_bytes: \(counters.bytes)\n"
            text += "  tx_errors: \(counters.drops)\n"
        }
        return text
    }

    /// Bytes as the rows' bits.
    private static func bits(_ bytes: UInt64) -> UInt64 {
        let (bits, isTooMuch) = bytes.multipliedReportingOverflow(by: 8)
        return isTooMuch ? .max : bits
    }

    /// OFPT_QUEUE_GET_CONFIG_REPLY.
    mutating func tellQueues(
        _ port: PortNumber?, _ bridge: PresentBridge, xid: UInt32, to id: SessionID
    ) {
        let queues = queueDescriptions(bridge, port, nil)
        send(OpenFlowMessage(xid: xid, .queueConfigReply(port, queues)), to: id)
    }
}
