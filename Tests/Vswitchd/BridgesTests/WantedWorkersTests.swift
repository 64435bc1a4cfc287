import DatabaseProtocol
import DatapathMessages
import Testing

@testable import Bridges

/// Workers as rows ask for them: what can be read, and what is told of the rest.
@Suite struct WantedWorkersTests {
    private static func wanted(_ pairs: [(String, String)]) -> WantedWorkers {
        WantedWorkers(ColumnMap(pairs))
    }

    @Test(
        arguments: [
            ("1", [0]), ("0x6", [1, 2]), ("0X80", [7]), ("c0000000000000000", [66, 67]),
            ("Ff", [0, 1, 2, 3, 4, 5, 6, 7]), ("0" + String(repeating: "0", count: 300) + "2", [1]),
        ] as [(String, [UInt32])])
    func masksAreRead(mask: String, processors: [UInt32]) {
        let wanted = Self.wanted([("pmd-cpu-mask", mask)])
        #expect(wanted.plan == WorkerPlan(processors: processors) && wanted.complaints.isEmpty)
    }

    @Test(
        arguments: [
            "", "0", "0x", "x", "0g1", "-1", "1 2", "\u{0661}",
            "1" + String(repeating: "0", count: 256), "1ffffffffffffffff",
        ])
    func whatIsNoMaskChangesNothing(mask: String) {
        let wanted = Self.wanted([("pmd-cpu-mask", mask), ("pmd-rxq-isolate", "false")])
        #expect(wanted.plan == nil)
        #expect(wanted.complaints.count == 1)
        let start = "other_config:pmd-cpu-mask=\(mask) is not used"
        #expect(wanted.complaints.first?.hasPrefix(start) == true)
    }

    @Test func otherKeys() {
        #expect(Self.wanted([]).plan == WorkerPlan())
        #expect(Self.wanted([("pmd-rxq-isolate", "false")]).plan?.isolates == false)
        #expect(Self.wanted([("pmd-rxq-isolate", "no")]).complaints.count == 1)
        #expect(Self.wanted([("pmd-rxq-assign", "roundrobin")]).complaints.isEmpty)
        for way in ["cycles", "group", "best"] {
            let wanted = Self.wanted([("pmd-rxq-assign", way)])
            #expect(wanted.plan == WorkerPlan() && wanted.complaints.count == 1)
        }
    }

    @Test(
        arguments: [
            (nil, nil, nil, []), ("1", nil, 1, []), ("64", "", 64, []),
            ("2", "0:3,1:7", 2, [(0, 3), (1, 7)]), ("2", "1:7 0:3", 2, [(0, 3), (1, 7)]),
            (nil, "0:1023", nil, [(0, 1023)]),
        ] as [(String?, String?, UInt32?, [(UInt32, UInt32)])])
    func queuesAreRead(
        count: String?, affinity: String?, queues: UInt32?, places: [(UInt32, UInt32)]
    ) {
        let wanted = WantedReceiving(queueCount: count, affinity: affinity)
        #expect(wanted.complaints.isEmpty && wanted.receiving?.queueCount == queues)
        let read = wanted.receiving?.affinities ?? []
        #expect(read.map(\.queue) == places.map(\.0) && read.map(\.processor) == places.map(\.1))
    }

    @Test(
        arguments: [
            ("0", nil), ("65", nil), ("two", nil), ("", nil), (nil, "0"), (nil, "0:"),
            (nil, "0:1:2"), (nil, "0:1,0:2"), (nil, "0:1024"), (nil, "-1:0"),
        ] as [(String?, String?)])
    func whatIsNoQueueChangesNothing(count: String?, affinity: String?) {
        let wanted = WantedReceiving(queueCount: count, affinity: affinity)
        #expect(wanted.receiving == nil && wanted.complaints.count == 1)
    }

    @Test func aQueueThatIsNotThereIsLeftOut() {
        let wanted = WantedReceiving(queueCount: "2", affinity: "1:4,2:5")
        #expect(wanted.receiving?.affinities == [.init(queue: 1, processor: 4)])
        #expect(wanted.complaints.count == 1)
    }
}
