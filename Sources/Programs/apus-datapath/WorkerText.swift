// What the worker says of itself on the control socket.

import Daemon
import DatapathMessages
import Flows
import Forwarding
import Packets
import Timekeeping

extension Worker {
    // The desk works on the forwarder and the ports at once, which only their owner can lend.

    mutating func take(
        _ request: DatapathRequest, sequence: UInt32, from client: ClientID, now: Instant
    ) -> [DeskEffect] {
        ports.prepareForFrame()
        return desk.take(request, sequence: sequence, from: client, now: now, &forwarder, &ports)
    }

    mutating func opened(_ number: UInt32, interfaceIndex: UInt32) -> [DeskEffect] {
        desk.portOpened(number: number, interfaceIndex: interfaceIndex, forwarder)
    }

    mutating func refused(_ number: UInt32, errno: Int32, text: String) -> [DeskEffect] {
        desk.portRefused(number: number, errno: errno, text: text, &forwarder)
    }

    func name(ofPort number: UInt32) -> String { desk.name(ofPort: number) ?? "" }

    /// An interface changed; if it is a port's, its express flows are decided anew.
    mutating func linkChanged(index: Int, isRunning: Bool, mtu: Int?, now: Instant) {
        guard let index = Int32(exactly: index),
            let number = ports.linkChanged(index: index, isRunning: isRunning, mtu: mtu)
        else { return }
        forwarder.linkChanged(ofPort: number, now: now, &ports)
    }

    mutating func continueDumps(_ isReady: (ClientID) -> Bool) -> [DeskEffect] {
        desk.continueDumps(&forwarder, isReady: isReady)
    }

    mutating func clientGone(_ client: ClientID) { desk.clientGone(client, &forwarder) }

    /// For each port, how many packets ended how; the sum is what it received.
    var packetEndsText: String {
        var text = "port                 packets  end\n"
        for port in desk.portsInOrder {
            guard let number = port.number, let report = forwarder.report(ofPort: number) else {
                continue
            }
            text += Self.row(port.name, report.statistics.rxPackets, "received")
            for end in PacketEnd.allCases {
                if let count = report.ends[end] { text += Self.row("", count, end.name) }
            }
            if let changes = ports.ringChanges(of: number), changes > 0 {
                text += Self.row("", changes, "(changes between its two rings)")
            }
            for reason in Malformation.allCases {
                if let count = report.malformations[reason] {
                    text += Self.row("", count, "(of these malformed: \(reason))")
                }
            }
        }
        let executed = forwarder.executedPackets
        if !executed.isEmpty {
            text += Self.row("(from vswitchd)", executed.values.reduce(0, +), "executed")
            for end in PacketEnd.allCases {
                if let count = executed[end] { text += Self.row("", count, end.name) }
            }
        }
        return text
    }

    private static func row(_ name: String, _ count: UInt64, _ end: String) -> String {
        let digits = "\(count)"
        let gap = max(1, 28 - name.utf8.count - digits.utf8.count)
        return name + String(repeating: " ", count: gap) + digits + "  " + end + "\n"
    }

    var lookupCounts: LookupCounts {
        LookupCounts(forwarder.statistics, express: forwarder.expressPackets)
    }

    /// As `ovs-dpctl show`.
    var summaryText: String {
        DatapathReport.show(forwarder.statistics, desk.portsInOrder, withStatistics: false)
    }
}
