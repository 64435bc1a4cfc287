import DatapathMessages
import Testing
import Timekeeping

@testable import Forwarding

@Suite struct WorkerCostsTests {
    private static func counts(
        micro: UInt64 = 0, mega: UInt64 = 0, misses: UInt64 = 0, lost: UInt64 = 0,
        express: UInt64 = 0, probes: UInt64 = 0
    ) -> LookupCounts {
        var statistics = DatapathStatistics()
        statistics.cacheHits = micro
        statistics.hits = micro + mega + express
        statistics.misses = misses
        statistics.lost = lost
        statistics.maskHits = probes
        return LookupCounts(statistics, express: express)
    }

    private static func moment(_ microseconds: UInt64) -> Instant {
        Instant(nanosecondsSinceStart: 1_000_000_000 + microseconds * 1000)
    }

    /// One busy turn of 100 µs after 300 µs of waiting, and one idle of 10 µs after 590 µs.
    private static func measured() -> (WorkerCosts, LookupCounts) {
        let before = counts(micro: 1000, mega: 50, misses: 5)
        var costs = WorkerCosts(now: moment(0), counts: before)
        costs.spend(.waiting, until: moment(300))
        costs.spend(.orders, until: moment(310))
        costs.spend(.packets, until: moment(380))
        costs.spend(.upcalls, until: moment(400))
        let after = counts(
            micro: 1060, mega: 80, misses: 15, lost: 4, express: 7, probes: 45)
        costs.endTurn(lookups: after.lookups)
        costs.spend(.waiting, until: moment(990))
        costs.spend(.rest, until: moment(1000))
        costs.endTurn(lookups: after.lookups)
        return (costs, after)
    }

    @Test func everyMomentIsSpentOnOneStep() {
        let (costs, after) = Self.measured()
        let spent = WorkerCosts.Step.allCases.map { costs.spent(on: $0) / 1000 }
        #expect(spent == [890, 10, 70, 20, 10])
        #expect(spent.reduce(0, +) == 1000)
        #expect((costs.busyTurns, costs.idleTurns) == (1, 1))
        #expect(costs.busyNanoseconds == 100_000)
        #expect(after.lookups == 1060 + 80 + 15)
    }

    @Test func statsAreToldInTheKnownForm() {
        let (costs, after) = Self.measured()
        #expect(
            costs.statsText(processor: 1, after) == """
                pmd thread numa_id 0 core_id 1:
                  packets received: 100
                  express hits: 7
                  emc hits: 60
                  megaflow hits: 30
                  avg. subtable lookups per megaflow hit: 1.12
                  miss with success upcall: 6
                  miss with failed upcall: 4
                  idle cycles: 890000 (89.0%)
                  processing cycles: 110000 (11.0%)
                  avg cycles per packet: 10000.00 (1000000/100)
                  avg processing cycles per packet: 1100.00 (110000/100)

                """)
    }

    @Test func performanceIsToldWithAndWithoutHistograms() {
        let (costs, after) = Self.measured()
        let text = costs.perfText(
            processor: 0, after, now: Self.moment(1000), withHistograms: true)
        for line in [
            "Measurement duration: 0.001 s",
            "pmd thread numa_id 0 core_id 0:",
            "  Iterations:                         2  (55.00 us/it)",
            "  - idle iterations:                  1  (9.0 % of used cycles)",
            "  - busy iterations:                  1  (90.9 % of used cycles)",
            "  Rx packets:                       100  (100 Kpps, 1000 cycles/pkt)",
            "  - Upcalls:                         10  (10.0 %, 2.0 us/upcall)",
            "  - waiting:                     890000  (89.0 %)",
            "    64        1             64        1",
        ] {
            #expect(text.contains(line + "\n"), "\(line)\n\(text)")
        }
        let short = costs.perfText(
            processor: 0, after, now: Self.moment(1000), withHistograms: false)
        #expect(text.hasPrefix(short))
        #expect(!short.contains("Histograms"))
    }

    @Test(arguments: [
        (0, 0), (1, 1), (2, 2), (3, 2), (4, 3), (16_383, 14), (16_384, 15), (UInt64.max, 15),
    ] as [(UInt64, Int)])
    func binsArePowersOfTwo(number: UInt64, bin: Int) {
        #expect(WorkerCosts.bin(of: number) == bin)
        #expect(WorkerCosts.start(ofBin: bin) <= number)
    }

    /// A clock that does not move, or a process that has just begun, breaks nothing.
    @Test func nothingIsToldOfNothing() {
        var costs = WorkerCosts(now: Self.moment(5), counts: Self.counts())
        costs.spend(.packets, until: Self.moment(5))
        costs.spend(.packets, until: Self.moment(4))
        #expect(costs.spent(on: .packets) == 0)
        #expect(costs.statsText(processor: 0, Self.counts()).contains("packets received: 0"))
        #expect(WorkerCosts.ratio(.max, 1, places: 0) == "\(UInt64.max)")
        #expect(WorkerCosts.ratio(1, 3, places: 3) == "0.333")
    }
}
