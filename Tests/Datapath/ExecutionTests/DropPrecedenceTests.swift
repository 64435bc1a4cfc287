import Execution
import Flows
import Packets
import Testing
import Timekeeping

// Meters that mark: which octets they raise, and what else in the frame must follow.

struct DropPrecedenceTests {
    /// Sends `bytes` three times through a meter of one packet, and returns what left.
    private func sent(
        _ bytes: [UInt8], level: UInt8, then rest: [DatapathAction] = [.output(port: 1)],
        bands: [DatapathMeter.Band] = []
    ) throws -> (frames: [[UInt8]], again: [FlowKey], statistics: MeterStatistics) {
        let mark = DatapathMeter.Band(
            rate: 1, burst: 1, effect: .remark(precedenceLevel: level))
        let meter = DatapathMeter(id: 3, unit: .packets, bands: [mark] + bands)
        var store = ProgramStore()
        let program = try store.store([.meter(id: 3)] + rest)
        var state = ExecutionState(seed: 5)
        var sink = RecordingSink()
        var ledger = RecordingLedger()
        try state.meters.put(meter, now: .start)
        let told = state.meters.meter(3)?.meter
        #expect(told == meter)
        let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes.count, alignment: 16)
        defer { memory.deallocate() }
        let frame = Frame(start: memory, byteCount: bytes.count)
        var frames: [[UInt8]] = []
        var again: [FlowKey] = []
        for _ in 0..<3 {
            memory.copyMemory(from: bytes, byteCount: bytes.count)
            let before = sink.held.count
            _ = store.run(
                program, on: frame, FlowKey.extract(frame, inPort: 7), state: &state, sink: &sink,
                ledger: &ledger)
            frames += sink.sent()[before...].map(\.bytes)
            while let next = state.nextContinuation() { again.append(next.extract().key) }
        }
        let seen = state.meters.meter(3)
        return (frames, again, try #require(seen).statistics)
    }

    /// (octet, level, octet afterwards): RFC 2597's twelve code points, and others, which stay.
    @Test(arguments: [
        (0x28, 1, 0x30), (0x28, 2, 0x38), (0x28, 3, 0x38), (0x28, 255, 0x38), (0x30, 1, 0x38),
        (0x38, 1, 0x38), (0x88, 1, 0x90), (0x8b, 1, 0x93), (0x28, 0, 0x28), (0x00, 1, 0x00),
        (0xb8, 1, 0xb8), (0x20, 1, 0x20), (0xc0, 2, 0xc0), (0x2c, 1, 0x2c), (0x08, 1, 0x08),
    ] as [(UInt8, UInt8, UInt8)])
    func raisesTheDropPrecedenceAlone(octet: UInt8, level: UInt8, raised: UInt8) throws {
        func ip(_ octet: UInt8) -> [UInt8] {
            Build.ethernet(0x0800, Build.ipv4(17, tos: octet, Build.udp([1, 2])))
        }
        func ip6(_ octet: UInt8) -> [UInt8] {
            Build.ethernet(
                0x86dd, Build.ipv6(17, trafficClass: octet, label: 0xabcde, Build.udp([1, 2])))
        }
        for make in [ip, ip6] {
            let result = try sent(make(octet), level: level)
            #expect(result.frames == [make(octet), make(raised), make(raised)])
            #expect(result.statistics.bands[0].packets == 2)
        }
    }

    @Test func leavesWhatIsNoIPAsItIs() throws {
        let arp = Build.ethernet(0x0806, Build.arp(1))
        let result = try sent(arp, level: 1)
        #expect(result.frames == [arp, arp, arp] && result.statistics.bands[0].packets == 2)
    }

    /// Behind the meter the packet is looked up with the DSCP that it has then.
    @Test func theNextLookupSeesTheNewDSCP() throws {
        let bytes = Build.ethernet(0x0800, Build.ipv4(17, tos: 0x28, Build.udp()))
        let result = try sent(bytes, level: 1, then: [.recirculate(id: 9)])
        #expect(result.again.map(\.nwTOS) == [0x28, 0x30, 0x30])
    }

    /// What left before the meter, or goes on beside a copy that passes it, is another packet.
    @Test func onlyThePacketThatPassesIsMarked() throws {
        let bytes = Build.ethernet(0x0800, Build.ipv4(17, tos: 0x28, Build.udp()))
        let marked = Build.ethernet(0x0800, Build.ipv4(17, tos: 0x30, Build.udp()))
        let mark = DatapathMeter.Band(rate: 1, burst: 1, effect: .remark(precedenceLevel: 1))
        let copy: [DatapathAction] = [.clone([.meter(id: 3), .output(port: 1)]), .output(port: 2)]
        let after: [DatapathAction] = [.output(port: 1), .meter(id: 3), .output(port: 2)]
        for (actions, expected) in [(copy, [marked, bytes]), (after, [bytes, marked])] {
            #expect(try sent(bytes, through: mark, actions) == expected)
        }
    }

    /// What the second packet, the first that a meter of these bands would mark, leaves as.
    private func sent(
        _ bytes: [UInt8], through band: DatapathMeter.Band, _ actions: [DatapathAction]
    ) throws -> [[UInt8]] {
        var store = ProgramStore()
        let program = try store.store(actions)
        var state = ExecutionState(seed: 5)
        var sink = RecordingSink()
        var ledger = RecordingLedger()
        try state.meters.put(DatapathMeter(id: 3, unit: .packets, bands: [band]), now: .start)
        let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes.count, alignment: 16)
        defer { memory.deallocate() }
        let frame = Frame(start: memory, byteCount: bytes.count)
        for _ in 0..<2 {
            memory.copyMemory(from: bytes, byteCount: bytes.count)
            _ = store.run(
                program, on: frame, FlowKey.extract(frame, inPort: 7), state: &state, sink: &sink,
                ledger: &ledger)
        }
        return Array(sink.sent().suffix(2)).map(\.bytes)
    }

    /// Of two bands that are exceeded the one with the higher rate decides.
    @Test func theFasterBandDecides() throws {
        let bytes = Build.ethernet(0x0800, Build.ipv4(17, tos: 0x28, Build.udp()))
        let drop = DatapathMeter.Band(rate: 2, burst: 2)
        let result = try sent(bytes, level: 1, bands: [drop])
        #expect(result.frames.map { $0[15] } == [0x28, 0x30])
        #expect(result.statistics.bands.map(\.packets) == [1, 1])
    }
}
