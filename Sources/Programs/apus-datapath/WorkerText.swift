// What the workers say of themselves on the control socket.

import Daemon
import DatapathMessages
import Flows
import Forwarding
import Packets

extension DatapathDaemon {
    /// For each port, how many packets ended how; the sum is what it received.
    var packetEndsText: String {
        var text = "port                 packets  end\n"
        for port in desk.portsInOrder {
            guard let number = port.number, let report = team.report(ofPort: number) else {
                continue
            }
            text += Self.row(port.name, report.statistics.rxPackets, "received")
            for end in PacketEnd.allCases {
                if let count = report.ends[end] { text += Self.row("", count, end.name) }
            }
            let changes = workers.all.reduce(0) { sum, worker in
                sum + (workers.with(worker) { $0.ringChanges(of: number) } ?? 0)
            }
            if changes > 0 {
                text += Self.row("", changes, "(changes between its two rings)")
            }
            for reason in Malformation.allCases {
                if let count = report.malformations[reason] {
                    text += Self.row("", count, "(of these malformed: \(reason))")
                }
            }
        }
        let executed = team.executedPackets
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

    /// As `ovs-dpctl show`.
    var summaryText: String {
        DatapathReport.show(desk.statistics(team), desk.portsInOrder, withStatistics: false)
    }

    // As Open vSwitch, a section for each worker.

    var statsText: String {
        var text = ""
        for number in workers.used {
            let report = workers.report(number)
            text += report.costs.statsText(processor: report.processor, report.counts)
        }
        return text
    }

    func perfText(withHistograms isLong: Bool) -> String {
        let now = MonotonicClock.now()
        return workers.used.map { number in
            let report = workers.report(number)
            return report.costs.perfText(
                processor: report.processor, report.counts, now: now, withHistograms: isLong)
        }.joined(separator: "\n")
    }

    var receiversText: String {
        let processors = workers.used.map { workers.report($0).processor }
        return desk.receiversText(processors: processors)
    }
}
