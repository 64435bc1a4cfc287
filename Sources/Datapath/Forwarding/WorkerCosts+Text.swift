public import Timekeeping

// What `ovs-appctl dpif-netdev/pmd-stats-show` and `pmd-perf-show` print, in the form that people
// and their scripts know from Open vSwitch. A "cycle" is a nanosecond of CLOCK_MONOTONIC here. Rows
// that Open vSwitch has no words for have ours: express hits, and where the time went. Subtable
// lookups are told for each time that the megaflow table was asked, found or not.

extension WorkerCosts {
    /// As `dpif-netdev/pmd-stats-show`.
    ///
    /// - Parameters:
    ///   - processor: On which the worker runs.
    ///   - counts: As they are now.
    public func statsText(processor: Int, _ counts: LookupCounts) -> String {
        let news = counts - base
        let (idle, work) = (spent(on: .waiting), workNanoseconds)
        var text = Self.heading(processor)
        func row(_ name: String, _ value: String) { text += "  \(name): \(value)\n" }
        row("packets received", "\(news.lookups)")
        row("express hits", "\(news.express)")
        row("emc hits", "\(news.microflowHits)")
        row("megaflow hits", "\(news.megaflowHits)")
        row(
            "avg. subtable lookups per megaflow hit",
            Self.ratio(news.probes, news.tableLookups, places: 2))
        row("miss with success upcall", "\(news.misses &- min(news.lost, news.misses))")
        row("miss with failed upcall", "\(news.lost)")
        row("idle cycles", "\(idle) (\(Self.percent(idle, idle &+ work))%)")
        row("processing cycles", "\(work) (\(Self.percent(work, idle &+ work))%)")
        guard news.lookups > 0 else { return text }
        row(
            "avg cycles per packet",
            Self.ratio(idle &+ work, news.lookups, places: 2)
                + " (\(idle &+ work)/\(news.lookups))")
        row(
            "avg processing cycles per packet",
            Self.ratio(work, news.lookups, places: 2) + " (\(work)/\(news.lookups))")
        return text
    }

    /// As `dpif-netdev/pmd-perf-show`.
    ///
    /// - Parameter withHistograms: False is `-nh`.
    public func perfText(
        processor: Int, _ counts: LookupCounts, now: Instant, withHistograms: Bool = true
    ) -> String {
        let news = counts - base
        let elapsed = max(now.nanosecondsSinceStart &- begin.nanosecondsSinceStart, 1)
        let work = workNanoseconds
        var text = "Measurement duration: \(Self.ratio(elapsed, 1_000_000_000, places: 3)) s\n\n"
        text += Self.heading(processor) + "\n"
        func row(_ name: String, _ number: UInt64, _ remark: String) {
            let digits = "\(number)"
            let gap = String(repeating: " ", count: max(1, 36 - name.count - digits.count))
            text += "  \(name):\(gap)\(digits)  (\(remark))\n"
        }
        let turns = busyTurns &+ idleTurns
        row("Iterations", turns, "\(Self.ratio(work / 1000, turns, places: 2)) us/it")
        row("- Used cycles", work, "\(Self.percent(work, elapsed)) % of total cycles")
        row(
            "- idle iterations", idleTurns,
            "\(Self.percent(work &- min(busyNanoseconds, work), work)) % of used cycles")
        row(
            "- busy iterations", busyTurns,
            "\(Self.percent(min(busyNanoseconds, work), work)) % of used cycles")
        row(
            "Rx packets", news.lookups,
            "\(Self.ratio(news.lookups &* 1_000_000, elapsed, places: 0)) Kpps, "
                + "\(Self.ratio(busyNanoseconds, news.lookups, places: 0)) cycles/pkt")
        row("- EMC hits", news.microflowHits, "\(Self.percent(news.microflowHits, news.lookups)) %")
        row(
            "- Megaflow hits", news.megaflowHits,
            "\(Self.percent(news.megaflowHits, news.lookups)) %, "
                + "\(Self.ratio(news.probes, news.tableLookups, places: 2)) subtbl lookups/hit")
        row(
            "- Upcalls", news.misses,
            "\(Self.percent(news.misses, news.lookups)) %, "
                + "\(Self.ratio(spent(on: .upcalls) / 1000, news.misses, places: 1)) us/upcall")
        row("- Lost upcalls", news.lost, "\(Self.percent(news.lost, news.lookups)) %")
        row("Express packets", news.express, "forwarded by the kernel alone")
        text += "\n  Where the time went:\n"
        for step in Step.allCases {
            row("- \(step)", spent(on: step), "\(Self.percent(spent(on: step), elapsed)) %")
        }
        if withHistograms {
            text += "\n  Histograms of busy iterations: at least so many\n"
            text += "    packets   iterations    us        iterations\n"
            for bin in packetBins.indices where packetBins[bin] | timeBins[bin] != 0 {
                let start = "\(Self.start(ofBin: bin))"
                text +=
                    "    " + Self.padded(start, 10) + Self.padded("\(packetBins[bin])", 14)
                    + Self.padded(start, 10) + "\(timeBins[bin])\n"
            }
        }
        return text
    }

    private static func heading(_ processor: Int) -> String {
        "pmd thread numa_id 0 core_id \(processor):\n"
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }

    private static func percent(_ part: UInt64, _ whole: UInt64) -> String {
        let (permille, overflow) = part.multipliedReportingOverflow(by: 1000)
        return decimal(overflow ? part / max(whole / 1000, 1) : permille / max(whole, 1), places: 1)
    }

    /// A quotient with so many places behind the point, rounded down; 0 of nothing.
    static func ratio(_ part: UInt64, _ whole: UInt64, places: Int) -> String {
        let scale: UInt64 = (0..<places).reduce(1) { scale, _ in scale * 10 }
        guard whole > 0 else { return decimal(0, places: places) }
        let (quotient, rest) = part.quotientAndRemainder(dividingBy: whole)
        let (whole64, scaled) = (Double(whole), Double(rest) * Double(scale))
        return decimal(quotient &* scale &+ UInt64(scaled / whole64), places: places)
    }

    /// `number` divided by ten to the power of `places`.
    private static func decimal(_ number: UInt64, places: Int) -> String {
        guard places > 0 else { return "\(number)" }
        let digits = "\(number)"
        let filled = String(repeating: "0", count: max(0, places + 1 - digits.count)) + digits
        return filled.dropLast(places) + "." + filled.suffix(places)
    }
}
