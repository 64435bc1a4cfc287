import DatabaseProtocol
import DatabaseReplica
import Flows
import Testing

@testable import Bridges

/// From bits in rows to bytes in queues, with Open vSwitch's defaults and bounds.
@Suite struct WantedTrafficTests {
    private func qos(_ maxRate: UInt64?, _ queues: [UInt32: WantedQueue] = [:]) -> WantedQoS {
        WantedQoS(type: "linux-htb", maxRate: maxRate, queues: queues)
    }

    @Test func queueZeroIsAlwaysThere() throws {
        let shaping = qos(8_000_000).shaping(linkRate: 1, mtu: 1500)
        let all = try #require(shaping)
        #expect(all.maxRate == 1_000_000)
        #expect(
            all.queues == [
                .init(number: 0, minRate: 1500, maxRate: 1_000_000, burst: 1564, priority: 0)
            ])
    }

    @Test func withoutARateTheLinkDecides() {
        let shaping = qos(nil).shaping(linkRate: 10_000_000_000, mtu: 1500)
        #expect(shaping?.maxRate == 1_250_000_000)
    }

    /// No queue is promised or may use more than there is, nor may it use less than its promise.
    @Test func ratesStayWithinTheWhole() {
        let shaping = qos(
            8_000_000,
            [
                1: WantedQueue(minRate: 80_000_000, maxRate: 16),
                2: WantedQueue(
                    minRate: 800_000, maxRate: 1_600_000, burst: 800_000, priority: 3),
            ]
        ).shaping(linkRate: 1, mtu: 1500)
        #expect(
            shaping?.queues.dropFirst().map(\.self) == [
                .init(
                    number: 1, minRate: 1_000_000, maxRate: 1_000_000, burst: 1564, priority: 0),
                .init(number: 2, minRate: 100_000, maxRate: 200_000, burst: 100_000, priority: 3),
            ])
    }

    @Test(arguments: ["", "linux-noop", "linux-hfsc"])
    func otherTypesShapeNothing(type: String) {
        #expect(WantedQoS(type: type).shaping(linkRate: 1, mtu: 1500) == nil)
    }
}
