import DatapathMessages
import Execution
import Flows
import Forwarding
import Packets
import Testing
import Timekeeping

private let plain = Build.ethernet(0x1234, [1, 2, 3, 4])
private let tcp = Build.ethernet(0x0800, Build.ipv4(6, Build.tcp(flags: 0x12)))

struct ForwarderTests {
    /// Receive, key, miss, upcall, install, execute; then receive, key, cache, send.
    @Test func journey() throws {
        var bench = try Bench()
        bench.send(tcp, from: 1)
        #expect(bench.sent().isEmpty)
        let upcalls = bench.forwarder.takeUpcalls(atMost: 10)
        let upcall = try #require(upcalls.first)
        #expect(upcalls.count == 1 && upcall.reason == .miss && upcall.bytes == tcp)
        #expect(upcall.key.inPort == 1 && upcall.key.tpDst == 80)

        let flow = Bench.flow(inPort: 1, [.output(port: 2)])
        try bench.forwarder.install(flow)
        let end = try bench.execute(
            ExecutedPacket(bytes: upcall.bytes, key: upcall.key, actions: flow.actions))
        #expect(end == .forwarded)
        bench.send(tcp, from: 1)
        bench.send(tcp, from: 1)
        #expect(bench.sent().map(\.port) == [2, 2, 2])

        let statistics = bench.forwarder.statistics
        #expect((statistics.hits, statistics.misses, statistics.cacheHits) == (2, 1, 1))
        #expect((statistics.flows, statistics.masks, statistics.lost) == (1, 1, 0))
        let found = bench.forwarder.flow(key: flow.key, mask: flow.mask)
        let known = try #require(found)
        #expect(known.statistics.packets == 2 && known.statistics.bytes == 108)
        #expect(known.statistics.usedMilliseconds == 5000 && known.statistics.tcpFlags == 0x12)
        #expect(known.actions == flow.actions && known.ufid == flow.ufid)
        let inside = try bench.report(1)
        #expect(inside.ends == [.forwarded: 2, .missUpcall: 1])
        #expect(inside.statistics.rxPackets == 3 && inside.statistics.rxBytes == 162)
        let outside = try bench.report(2)
        #expect(outside.statistics.txPackets == 3 && outside.statistics.txBytes == 162)
        #expect(bench.forwarder.executedPackets == [.forwarded: 1])
    }

    @Test func endsAreNamed() throws {
        var bench = try Bench { $0.upcallsPerPort = 1 }
        try bench.forwarder.install(Bench.flow(inPort: 2, [.drop(.vlanNotAllowed)]))
        try bench.forwarder.install(Bench.flow(inPort: 3, [.output(port: 77)]))
        try bench.forwarder.install(Bench.flow(inPort: 4, [.output(port: 3)]))
        for port in 1...4 as ClosedRange<UInt32> { bench.send(plain, from: port) }
        bench.send(plain, from: 1)
        bench.forwarder.hasVswitchd = false
        bench.send(plain, from: 1)
        bench.send(Array(plain[..<13]), from: 1)
        bench.send(
            plain, from: 1,
            offload: Offload(
                flags: 1, segmentation: 0, headerByteCount: 0, segmentByteCount: 0,
                checksumStart: 16, checksumOffset: 1))
        bench.forwarder.count(.ringFull, packets: 7, from: 1)
        bench.send(plain, from: 99)
        var ends: [[PacketEnd: UInt64]] = []
        for port in 1...4 as ClosedRange<UInt32> { ends.append(try bench.report(port).ends) }
        #expect(
            ends == [
                [
                    .missUpcall: 1, .upcallQueueFull: 1, .noVswitchd: 1, .truncatedEthernet: 1,
                    .invalidOffload: 1, .ringFull: 7,
                ],
                [.vlanNotAllowed: 1], [.outputPortGone: 1], [.forwarded: 1],
            ])
        let report = try bench.report(1)
        #expect(report.malformations == [.truncatedEthernet: 1] && report.lostUpcalls == 1)
        #expect(report.statistics.rxErrors == 2 && report.statistics.rxDropped == 9)
        #expect(bench.forwarder.strayPackets == 1 && bench.forwarder.statistics.lost == 1)
        bench.expectSound()
    }

    /// Up and back again: tag, unfinished checksum and super-frame come home as they left.
    @Test(arguments: [(0, 0), (0x8100, 0xa065)] as [(UInt16, UInt16)])
    func detourThroughUserspaceChangesNothing(tag: (tpid: UInt16, tci: UInt16)) throws {
        let offload = Offload(
            flags: 1, segmentation: 1, headerByteCount: 54, segmentByteCount: 1448,
            checksumStart: 34, checksumOffset: 16)
        let frame = Build.ethernet(
            0x0800, Build.ipv4(6, Build.tcp([UInt8](repeating: 7, count: 20_000))))
        var bench = try Bench()
        bench.send(frame, from: 1, tag: tag, offload: offload)
        let upcalls = bench.forwarder.takeUpcalls(atMost: 1)
        let upcall = try #require(upcalls.first)
        let expected =
            tag.tpid == 0 ? frame : Array(frame[..<12]) + [0x81, 0, 0xa0, 0x65] + frame[12...]
        #expect(upcall.bytes == expected && upcall.originalByteCount == expected.count)
        #expect(upcall.offload?.offload?.checksumStart == (tag.tpid == 0 ? 34 : 38))
        _ = try bench.execute(
            ExecutedPacket(
                bytes: upcall.bytes, offload: upcall.offload, key: upcall.key,
                actions: [.output(port: 2)]))
        let sent = bench.sent()
        #expect(
            sent == [RecordingSink.Sent(port: 2, bytes: frame, tag: tag, offload: offload)])
    }

    @Test func executionIsRefusedWithAReason() throws {
        var bench = try Bench()
        func refusal(
            _ bytes: [UInt8], _ offload: [UInt8]? = nil, _ actions: [DatapathAction] = []
        ) -> OrderRefusal? {
            do {
                _ = try bench.execute(
                    ExecutedPacket(
                        bytes: bytes, offload: offload.map { UpcallOffload(bytes: $0) },
                        key: FlowKey(), actions: actions))
                return nil
            } catch { return error }
        }
        #expect(refusal(Array(plain[..<13])) == .truncatedPacket(byteCount: 13))
        #expect(
            refusal([UInt8](repeating: 0, count: 65_601))
                == .packetTooLarge(byteCount: 65_601, limit: 65_600))
        #expect(refusal([UInt8](repeating: 0, count: 65_600)) == nil)
        #expect(refusal(plain, [0, 0, 0]) == .invalidOffload)
        #expect(refusal(plain, [1, 0, 0, 0, 0, 0, 17, 0, 0, 0]) == .invalidOffload)
        #expect(
            refusal(plain, nil, [DatapathAction](repeating: .popVLAN, count: 4097))
                == .tooManyActions(limit: 4096))
        bench.sink.scratchLimit = 0
        #expect(refusal(plain) == .noScratchMemory)
        bench.expectSound()
    }

    @Test func portsComeAndGo() throws {
        var bench = try Bench()
        #expect(bench.forwarder.freePortNumber() == .some(5))
        func refusal(_ body: (inout Forwarder) throws(OrderRefusal) -> Void) -> OrderRefusal? {
            do { try body(&bench.forwarder) } catch { return error }
            return nil
        }
        #expect(refusal { (f) throws(OrderRefusal) in try f.addPort(2) } == .portExists(2))
        #expect(refusal { (f) throws(OrderRefusal) in try f.addPort(65_534) } == nil)
        #expect(
            refusal { (f) throws(OrderRefusal) in try f.addPort(65_535) }
                == .invalidPortNumber(65_535))
        #expect(refusal { (f) throws(OrderRefusal) in try f.removePort(9) } == .noSuchPort(9))
        bench.send(plain, from: 2)
        try bench.forwarder.removePort(2)
        #expect(bench.forwarder.waitingUpcallCount == 0)
        #expect(bench.forwarder.freePortNumber() == .some(2))
        #expect(throws: OrderRefusal.noSuchPort(2)) { try bench.report(2) }
        // Its place goes to another port, which starts from zero.
        try bench.forwarder.addPort(50)
        let fresh = try bench.report(50)
        #expect(fresh.ends.isEmpty && fresh.statistics == VportStatistics())
        #expect(bench.forwarder.portNumbers == [1, 3, 4, 50, 65_534])
        for port in 100...200 as ClosedRange<UInt32> { try bench.forwarder.addPort(port) }
        bench.send(plain, from: 200)
        let last = try bench.report(200).ends
        #expect(last == [.missUpcall: 1])
    }

    @Test func flowsComeAndGo() throws {
        var bench = try Bench()
        var flow = Bench.flow(inPort: 1, [.output(port: 2)])
        try bench.forwarder.install(flow)
        bench.send(plain, from: 1)
        flow.actions = [.output(port: 3)]
        try bench.forwarder.install(flow)
        bench.send(plain, from: 1)
        #expect(bench.sent().map(\.port) == [2, 3])
        let last = try bench.forwarder.delete(key: flow.key, mask: flow.mask)
        #expect(last.statistics.packets == 2 && last.actions == flow.actions)
        #expect(throws: OrderRefusal.noSuchFlow) {
            try bench.forwarder.delete(key: flow.key, mask: flow.mask)
        }
        bench.send(plain, from: 1)
        let ends = try bench.report(1).ends
        #expect(ends == [.forwarded: 2, .missUpcall: 1])
        for port in 0..<1000 as Range<UInt32> {
            try bench.forwarder.install(Bench.flow(inPort: port, [.output(port: port)]))
        }
        #expect(throws: OrderRefusal.tooManyFlows(limit: 1000)) {
            try bench.forwarder.install(Bench.flow(inPort: 1000, []))
        }
        var (cursor, portions, dumped) = (FlowCursor(), 0, [CachedFlow]())
        while !cursor.isAtEnd {
            dumped += bench.forwarder.dump(from: &cursor, atMost: 64)
            portions += 1
        }
        #expect(Set(dumped.map(\.key.inPort)) == Set(0..<1000) && dumped.count == 1000)
        #expect(dumped.allSatisfy { $0.actions == [.output(port: $0.key.inPort)] })
        #expect((16...17).contains(portions))
        bench.expectSound()
        bench.forwarder.flush()
        #expect(bench.forwarder.statistics.flows == 0)
        bench.expectSound()
        var empty = FlowCursor()
        let nothing = bench.forwarder.dump(from: &empty, atMost: 10)
        #expect(nothing.isEmpty && empty.isAtEnd)
    }

    /// Whatever arrives, and whatever is ordered meanwhile: each packet ends once.
    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func endsAddUp(seed: UInt64) throws {
        var chance = Chance(seed: seed)
        var bench = try Bench {
            $0.upcallsPerPort = 5
            $0.flowLimit = 20
            $0.microflowCount = 8
        }
        var sentCount = 0
        let pool: [DatapathAction] = [
            .output(port: 1), .output(port: 2), .output(port: 3), .output(port: 9),
            .output(port: 1500), .popVLAN, .pushVLAN(tpid: 0x8100, tci: 5),
            .truncate(byteCount: 30),
            .userspace(cookie: [1]), .drop(.reservedMulticast),
            .set(
                .ports(
                    ipProtocol: 6, source: Masked(9, mask: .max), destination: Masked(0, mask: 0))),
        ]
        for step in 0..<3000 {
            switch chance.below(12) {
            case 0:
                let actions = (0..<chance.below(6)).map { _ in pool[chance.below(pool.count)] }
                let flow = Bench.flow(inPort: UInt32(1 + chance.below(4)), actions)
                try bench.forwarder.install(flow)
            case 1:
                let flow = Bench.flow(inPort: UInt32(1 + chance.below(4)), [])
                _ = try? bench.forwarder.delete(key: flow.key, mask: flow.mask)
            case 2: _ = bench.forwarder.takeUpcalls(atMost: chance.below(10))
            case 3: bench.forwarder.hasVswitchd = !chance.oneIn(3)
            default:
                var bytes = chance.oneIn(2) ? tcp : plain
                if chance.oneIn(4) { bytes.removeLast(chance.below(bytes.count)) }
                if chance.oneIn(4) { bytes[chance.below(bytes.count)] ^= 0xff }
                bench.send(
                    bytes, from: UInt32(1 + chance.below(4)),
                    tag: chance.oneIn(3) ? (0x8100, 5) : (0, 0))
                sentCount += 1
            }
            if step % 100 == 0 {
                _ = bench.sent()
                bench.expectSound()
            }
        }
        var received: UInt64 = 0
        var kinds = Set<PacketEnd>()
        for port in 1...4 as ClosedRange<UInt32> {
            let report = try bench.report(port)
            received += report.statistics.rxPackets
            kinds.formUnion(report.ends.keys)
        }
        #expect(received == UInt64(sentCount))
        bench.expectSound()
        #expect(kinds.count >= 8, "\(kinds)")
    }

    /// Of a packet whose number says that nobody waits for word of it, only a refusal is told.
    @Test func wordOfAPacket() throws {
        var bench = try Bench()
        let sent = ExecutedPacket(bytes: tcp, key: FlowKey(), actions: [.output(port: 2)])
        var wrong = sent
        wrong.offload = UpcallOffload(bytes: [UInt8](repeating: 0xff, count: 10))
        #expect(bench.ask(.execute(sent)) == [.done])
        let untold = DatapathSequence.untold
        #expect(bench.ask(.execute(sent), sequence: untold) == [])
        #expect(bench.sent().map(\.port) == [2, 2])
        let refused = bench.ask(.execute(wrong), sequence: untold)
        guard case .failed? = refused.first else {
            Issue.record("no refusal: \(refused)")
            return
        }
    }
}
