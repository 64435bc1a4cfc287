import Forwarding
import Testing

@Suite struct SpreadingTests {
    struct Second: Sendable {
        var packets: UInt64
        var byteCount: UInt64 = 60
        var idle: [Int]
        /// nil: nothing changes.
        var processors: [Int]?
    }

    @Test(arguments: [
        // No flood; a flood just below the bound, and at it.
        [Second(packets: 1000, idle: [90, 90])],
        [Second(packets: 149_999, idle: [0, 90])],
        [Second(packets: 150_000, idle: [0, 90], processors: [1])],
        // Large frames are no flood.
        [Second(packets: 150_000, byteCount: 512, idle: [0, 90])],
        [Second(packets: 150_000, byteCount: 511, idle: [0, 90], processors: [1])],
        // Nobody has time, then somebody has.
        [
            Second(packets: 500_000, idle: [0, 49]),
            Second(packets: 500_000, idle: [0, 50], processors: [1]),
        ],
        // It stays while its processor has some time, or nobody else has more.
        [
            Second(packets: 500_000, idle: [0, 90, 50, 20], processors: [1, 2]),
            Second(packets: 500_000, idle: [0, 0, 10, 90]),
            Second(packets: 500_000, idle: [0, 0, 9, 49]),
            Second(packets: 500_000, idle: [60, 0, 9, 49], processors: [0]),
        ],
        // It ends at half of where it began.
        [
            Second(packets: 500_000, idle: [0, 90], processors: [1]),
            Second(packets: 75_000, idle: [0, 50]),
            Second(packets: 74_999, idle: [0, 90], processors: []),
            Second(packets: 74_999, idle: [0, 90]),
        ],
        // A processor that is not there any more.
        [
            Second(packets: 500_000, idle: [0, 90], processors: [1]),
            Second(packets: 500_000, idle: [90]),
        ],
    ])
    func aFloodIsReceivedWhereThereIsTime(seconds: [Second]) {
        var spreading = Spreading()
        for second in seconds {
            let load = PortLoad(
                port: 4, packets: second.packets, bytes: second.packets * second.byteCount)
            let changes = spreading.decide([load], milliseconds: 1000, idle: second.idle)
            let wanted = second.processors.map { [SpreadingChange(port: 4, processors: $0)] }
            #expect(changes == wanted ?? [])
        }
    }

    @Test func aPortThatIsSilentIsSpreadNoMore() {
        var spreading = Spreading()
        let load = PortLoad(port: 4, packets: 400_000, bytes: 24_000_000)
        _ = spreading.decide([load], milliseconds: 1000, idle: [0, 90])
        let changes = spreading.decide([], milliseconds: 1000, idle: [90, 90])
        #expect(changes == [SpreadingChange(port: 4, processors: [])])
    }
}
