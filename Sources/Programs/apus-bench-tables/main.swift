// What rules cost: adding them, finding the best one, keeping them, and how many cached flows the
// same traffic needs. Prints a table; asserts nothing.

import ArgumentParser
import Flows
import OpenFlow
import Pipeline
import Timekeeping

struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus-bench-tables",
        abstract: "Measures flow tables with access lists of several lengths.")

    @Argument(help: "Lengths of the lists.")
    var counts = [1_000, 10_000, 100_000]

    @Option(help: "Lookups of each measurement.")
    var lookups = 500_000

    func run() throws {
        print("rules      adds/s   lookups/s  masks  bytes/rule  megaflows of 20,000 packets")
        for count in counts { try measure(count) }
    }

    private func measure(_ count: Int) throws {
        var list = AccessList(count: count, seed: 7)
        var tables = FlowTables()
        let clock = ContinuousClock()
        let adding = try clock.measure {
            for rule in list.rules {
                _ = try tables.apply(rule, asOpenFlow10: false, now: .start)
            }
        }
        let packets = (0..<20_000).map { _ in PipelineKey(list.packet()) }
        var found = 0
        let looking = clock.measure {
            for index in 0..<lookups {
                var mask = PipelineMask()
                let key = packets[index % packets.count]
                if tables.lookup(table: 0, key: key, mask: &mask) != nil { found += 1 }
            }
        }
        var megaflows: Set<Megaflow> = []
        for key in packets {
            var mask = PipelineMask()
            _ = tables.lookup(table: 0, key: key, mask: &mask)
            megaflows.insert(Megaflow(key: key.masked(by: mask), mask: mask))
        }
        func perSecond(_ number: Int, _ time: Duration) -> String {
            let seconds =
                Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18
            return padded("\(Int(Double(number) / max(seconds, 1e-9)))", to: 11)
        }
        let memory = tables.classifierByteCount / max(tables.count, 1)
        print(
            padded("\(count)", to: 7) + perSecond(count, adding) + perSecond(lookups, looking)
                + padded("\(tables.maskCount)", to: 7) + padded("\(memory)", to: 12)
                + padded("\(megaflows.count)", to: 12) + "   (found \(found * 100 / lookups) %)")
    }

    private func padded(_ text: String, to width: Int) -> String {
        String(repeating: " ", count: max(width - text.utf8.count, 1)) + text
    }
}

private struct Megaflow: Hashable {
    let key: PipelineKey
    let mask: PipelineMask
}

Bench.main()
