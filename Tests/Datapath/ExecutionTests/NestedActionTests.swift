import Execution
import Flows
import Packets
import Testing
import Timekeeping

private let tcp = Build.ethernet(0x0800, Build.ipv4(6, Build.tcp([1, 2, 3])))
private let ttlOne = Build.ethernet(0x0800, Build.ipv4(6, ttl: 1, Build.tcp([1, 2, 3])))

struct NestedActionTests {
    /// What a copy goes through does not show in the packet.
    @Test func aCloneIsACopy() throws {
        let tag = DatapathAction.pushVLAN(tpid: 0x8100, tci: 0x1005)
        let result = try run(
            [
                .output(port: 1),
                .clone([
                    tag, .set(newSource), .output(port: 2),
                    .clone([.popVLAN, .output(port: 3)]), .output(port: 4),
                ]),
                .output(port: 5), .set(newSource), .output(port: 6),
            ], on: plain)
        #expect(result.sent.map(\.port) == [1, 2, 3, 4, 5, 6])
        #expect(
            result.sent.map(\.bytes) == [
                plain, plainWithNewSource, plainWithNewSource, plainWithNewSource, plain,
                plainWithNewSource,
            ])
        #expect(result.sent.map(\.tag.tci) == [0, 5, 0, 5, 0, 0])
        #expect(result.end == .forwarded)
    }

    /// A list at the end needs no copy.
    @Test func theLastListTakesThePacket() throws {
        let result = try run(
            [.clone([.clone([.set(newSource), .output(port: 1)])])], on: plain)
        #expect(result.sent.map(\.bytes) == [plainWithNewSource] && result.copies == 0)
    }

    @Test func endsInsideACopyAreTheCopys() throws {
        let result = try run([.clone([.drop(.vlanNotAllowed)]), .output(port: 1)], on: plain)
        #expect(result.sent.count == 1 && result.end == .forwarded)
        let only = try run([.clone([.drop(.vlanNotAllowed)])], on: plain)
        #expect(only.end == .vlanNotAllowed)
        #expect(try run([.clone([])], on: plain).end == .actionsWithoutOutput)
    }

    @Test func lengthsDecide() throws {
        func ports(_ limit: UInt16, _ offload: Offload = .none, tag: UInt16 = 0) throws -> [UInt32]
        {
            try run(
                [
                    .checkLength(
                        byteCount: limit, ifGreater: [.output(port: 1)],
                        otherwise: [.output(port: 2)]), .output(port: 3),
                ], on: tcp, tag: (tag, 5), offload: offload
            ).sent.map(\.port)
        }
        let length = UInt16(tcp.count)
        #expect(try ports(length) == [2, 3])
        #expect(try ports(length - 1) == [1, 3])
        #expect(try ports(length, tag: 0x8100) == [1, 3])
        #expect(try ports(length + 4, tag: 0x8100) == [2, 3])
        // Segments of two bytes behind 54 of headers.
        for headers in [54, 0] as [UInt16] {
            let offload = Offload(
                flags: 0, segmentation: 1, headerByteCount: headers, segmentByteCount: 2,
                checksumStart: 0, checksumOffset: 0)
            #expect(try ports(length - 1, offload) == [2, 3])
            #expect(try ports(length - 2, offload) == [1, 3])
        }
    }

    @Test func timeToLiveEnds() throws {
        let list: [DatapathAction] = [
            .decrementTTL(ifExpired: [.output(port: 9)]), .output(port: 1),
        ]
        let lived = try run(list, on: tcp)
        #expect(lived.sent.map(\.port) == [1] && lived.sent[0].bytes[22] == 63)
        #expect(Sum.of(lived.sent[0].bytes[14..<34]) == 0xffff)
        let expired = try run(list, on: ttlOne)
        #expect(expired.sent.map(\.port) == [9] && expired.sent[0].bytes == ttlOne)
        #expect(
            try run([.decrementTTL(ifExpired: []), .output(port: 1)], on: ttlOne).end == .ttlExpired
        )
        let six = Build.ethernet(0x86dd, Build.ipv6(6, hopLimit: 2, Build.tcp()))
        #expect(try run(list, on: six).sent[0].bytes[21] == 1)
        #expect(try run(list, on: plain).sent.map(\.bytes) == [plain])
    }

    /// Chance comes from a seed, so that a run can be repeated; on average it keeps its word.
    @Test(arguments: [(0, 0, 0), (UInt32.max, 4000, 4000), (UInt32.max / 4, 900, 1100)])
    func samples(probability: UInt32, least: Int, most: Int) throws {
        var counts: [Int] = []
        for _ in 0..<2 {
            var store = ProgramStore()
            let program = try store.store([
                .sample(probability: probability, [.output(port: 2)]), .output(port: 1),
            ])
            var state = ExecutionState(seed: 5)
            var sink = RecordingSink()
            var ledger = RecordingLedger()
            let memory = UnsafeMutableRawPointer.allocate(byteCount: plain.count, alignment: 16)
            defer { memory.deallocate() }
            memory.copyMemory(from: plain, byteCount: plain.count)
            let frame = Frame(start: memory, byteCount: plain.count)
            for _ in 0..<4000 {
                let extraction = FlowKey.extract(frame, inPort: 7)
                #expect(
                    store.run(
                        program, on: frame, extraction, state: &state, sink: &sink,
                        ledger: &ledger) == .forwarded)
            }
            counts.append(sink.held.count { $0.port == 2 })
            #expect(sink.held.count { $0.port == 1 } == 4000)
        }
        #expect(counts[0] == counts[1] && (least...most).contains(counts[0]))
    }

    @Test func nestingIsBounded() throws {
        func nested(_ depth: Int) -> [DatapathAction] {
            depth == 0 ? [.output(port: 1)] : [.clone(nested(depth - 1)), .output(port: 2)]
        }
        var store = ProgramStore()
        let deepest = try store.store(nested(ExecutionLimits.nesting))
        #expect(store.actions(of: deepest) == nested(ExecutionLimits.nesting))
        #expect(throws: ProgramRefusal.tooDeep(limit: ExecutionLimits.nesting)) {
            try store.store(nested(ExecutionLimits.nesting + 1))
        }
        let result = try run(nested(ExecutionLimits.nesting), on: plain)
        #expect(result.sent.count == ExecutionLimits.nesting + 1)
        let wide = [DatapathAction](
            repeating: .clone([.set(newSource)]), count: ExecutionLimits.programByteCount / 32)
        #expect(throws: ProgramRefusal.tooLarge(byteLimit: ExecutionLimits.programByteCount)) {
            try store.store([.clone(wide)])
        }
        #expect(store.count == 1)
    }
}

struct MeterTests {
    private func meter(
        _ unit: DatapathMeter.Unit, _ bands: (rate: UInt32, burst: UInt32)...
    ) -> DatapathMeter {
        DatapathMeter(
            id: 3, unit: unit,
            bands: bands.map { DatapathMeter.Band(rate: $0.rate, burst: $0.burst) })
    }

    /// Runs `[meter(3), output]` for a packet of 22 bytes each `pause` nanoseconds.
    private func passed(
        _ meter: DatapathMeter, packets: Int, pause: UInt64
    ) throws -> (count: Int, statistics: MeterStatistics) {
        var store = ProgramStore()
        let program = try store.store([.meter(id: 3), .output(port: 1)])
        var state = ExecutionState(seed: 5)
        var sink = RecordingSink()
        var ledger = RecordingLedger()
        var now = Instant(nanosecondsSinceStart: 1_000_000_000)
        try state.meters.put(meter, now: now)
        let memory = UnsafeMutableRawPointer.allocate(byteCount: plain.count, alignment: 16)
        defer { memory.deallocate() }
        memory.copyMemory(from: plain, byteCount: plain.count)
        let frame = Frame(start: memory, byteCount: plain.count)
        for _ in 0..<packets {
            state.now = now
            let before = sink.held.count
            let end = store.run(
                program, on: frame, FlowKey.extract(frame, inPort: 7), state: &state, sink: &sink,
                ledger: &ledger)
            #expect(end == (sink.held.count > before ? .forwarded : .droppedByMeter))
            now.nanosecondsSinceStart += pause
        }
        let seen = state.meters.meter(3)
        return (sink.held.count, try #require(seen).statistics)
    }

    /// A burst, then the rate: 10 packets at once, then one in a millisecond.
    @Test func packetsPassAtTheirRate() throws {
        let (count, seen) = try passed(
            meter(.packets, (1000, 10)), packets: 1010, pause: 100_000)
        #expect((109...111).contains(count))
        #expect(seen.total.packets == 1010 && seen.bands[0].packets == UInt64(1010 - count))
        #expect(seen.total.bytes == 1010 * 22 && seen.usedMilliseconds == 1100)
    }

    /// 22 bytes are 176 bit: 1000 kbit/s let 5681 of them pass in a second, besides the burst.
    @Test func bitsPassAtTheirRate() throws {
        let (count, _) = try passed(meter(.kilobits, (1000, 1)), packets: 20_000, pause: 50_000)
        #expect((5680...5690).contains(count))
    }

    /// A frame larger than the bucket passes when that is full, and is paid off before the next:
    /// 176 bit each at 1 kbit/s and a bucket of 1 bit's thousandth.
    @Test func aBucketSmallerThanAFrameKeepsItsRate() throws {
        // 22 bytes of 8 bit, 1 kbit/s: one frame each 0.176 s, whatever the burst.
        let (count, _) = try passed(
            meter(.kilobits, (1, 1)), packets: 17_600, pause: 1_000_000)
        #expect((100...106).contains(count))
    }

    /// Of two bands that are exceeded the faster one counts.
    @Test func theFasterBandCounts() throws {
        let (count, seen) = try passed(
            meter(.packets, (10, 1), (100, 5)), packets: 100, pause: 0)
        #expect(count == 1 && seen.bands.map(\.packets) == [4, 95])
    }

    @Test func refusalsAndReplacement() throws {
        var state = ExecutionState(seed: 1)
        #expect(throws: MeterRefusal.badRate) {
            try state.meters.put(meter(.packets, (0, 1)), now: .start)
        }
        #expect(throws: MeterRefusal.badBandCount(0)) {
            try state.meters.put(DatapathMeter(id: 1, unit: .packets, bands: []), now: .start)
        }
        var far = meter(.packets, (1, 0))
        far.id = ExecutionLimits.meters
        #expect(throws: MeterRefusal.tooManyMeters(limit: ExecutionLimits.meters)) {
            try state.meters.put(far, now: .start)
        }
        far.id -= 1
        try state.meters.put(far, now: .start)
        try state.meters.put(meter(.kilobits, (7, 9)), now: .start)
        try state.meters.put(meter(.kilobits, (8, 9)), now: .start)
        let (count, third, last) = (
            state.meters.count, state.meters.meter(3), state.meters.meter(far.id)
        )
        #expect(count == 2 && third?.meter == meter(.kilobits, (8, 9)))
        // Without a burst, one second's worth.
        #expect(last?.meter.bands.first?.burst == 1)
        state.meters.remove(3)
        state.meters.remove(3)
        let (left, gone) = (state.meters.count, state.meters.meter(3))
        #expect(left == 1 && gone == nil)
    }
}
