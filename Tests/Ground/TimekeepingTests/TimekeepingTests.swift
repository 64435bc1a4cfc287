import Testing
import Timekeeping

@Suite struct InstantTests {
    @Test(arguments: [
        (Instant(nanosecondsSinceStart: 5), Duration.nanoseconds(3), 8 as UInt64),
        (Instant(nanosecondsSinceStart: 5), .nanoseconds(-3), 2),
        (Instant(nanosecondsSinceStart: 5), .nanoseconds(-9), 0),
        (Instant(nanosecondsSinceStart: .max - 1), .seconds(1), .max),
        (.start, .seconds(Int64.max), UInt64(Int64.max)),
        (.start, .seconds(Int64.min), 0),
    ])
    func additionStopsAtTheEndsOfTime(moment: Instant, duration: Duration, nanoseconds: UInt64) {
        #expect((moment + duration).nanosecondsSinceStart == nanoseconds)
    }

    @Test(arguments: [
        (7 as UInt64, 3 as UInt64, 4 as Int64), (3, 7, -4), (.max, 0, .max), (0, .max, -.max),
    ])
    func distancesHaveASign(later: UInt64, earlier: UInt64, nanoseconds: Int64) {
        let distance = Instant(nanosecondsSinceStart: later)
            .since(Instant(nanosecondsSinceStart: earlier))
        #expect(distance == .nanoseconds(nanoseconds))
    }

    @Test func millisecondsAreRoundedDown() {
        #expect(Instant(nanosecondsSinceStart: 1_999_999).millisecondsSinceStart == 1)
        #expect(Duration.milliseconds(1500).inSeconds == 1.5)
    }
}
