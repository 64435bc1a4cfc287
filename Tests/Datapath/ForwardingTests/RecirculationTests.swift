import DatapathMessages
import Execution
import Flows
import Forwarding
import Packets
import Testing

private let tcp = Build.ethernet(0x0800, Build.ipv4(6, Build.tcp(flags: 0x12)))
private let tag: (tpid: UInt16, tci: UInt16) = (0x8100, 5)

/// A flow for packets that were looked up again with `id`.
private func again(
    _ id: UInt32, hash: Masked<UInt32>? = nil, _ actions: [DatapathAction]
) -> CachedFlow {
    var flow = Bench.flow(inPort: 1, actions)
    (flow.key.recirculationID, flow.mask.recirculationID) = (id, .max)
    if let hash { (flow.key.dpHash, flow.mask.dpHash) = (hash.value, hash.mask) }
    return flow
}

struct RecirculationTests {
    /// A bond: the hash chooses among members, each packet of a connection the same.
    @Test func aHashChoosesTheNextFlow() throws {
        var bench = try Bench()
        let first = again(0, [.hash(.layer4, basis: 0), .recirculate(id: 7)])
        try bench.forwarder.install(first)
        for half in 0...1 as ClosedRange<UInt32> {
            try bench.forwarder.install(
                again(7, hash: Masked(half, mask: 1), [.output(port: 2 + half)]))
        }
        var ports: [UInt32: Int] = [:]
        for source in 0..<64 as Range<UInt8> {
            var frame = tcp
            frame[29] = source
            bench.send(frame, from: 1)
            bench.send(frame, from: 1)
            let sent = bench.sent()
            #expect(sent.map(\.bytes) == [frame, frame])
            #expect(sent.first?.port == sent.last?.port)
            ports[sent.first?.port ?? 0, default: 0] += 1
        }
        #expect(ports.count == 2 && (ports[2] ?? 0) > 12 && (ports[3] ?? 0) > 12)
        #expect(try bench.report(1).ends == [.forwarded: 128])
        bench.expectSound()
    }

    /// What the first pass has edited is what the second one sees, and what was sent in between is
    /// not edited any more.
    @Test func editsPassOn() throws {
        var bench = try Bench()
        let mark = HeaderRewrite.packetMark(Masked(9, mask: .max))
        try bench.forwarder.install(
            again(
                0,
                [
                    .pushVLAN(tpid: 0x8100, tci: 0x1005), .set(mark), .output(port: 2),
                    .recirculate(id: 1), .popVLAN, .output(port: 3),
                ]))
        var second = again(
            1, [.pushVLAN(tpid: 0x88a8, tci: 0x1006), .output(port: 4), .userspace(cookie: [1])])
        (second.key.vlan0TCI, second.mask.vlan0TCI) = (0x1005, .max)
        (second.key.packetMark, second.mask.packetMark) = (9, .max)
        try bench.forwarder.install(second)
        bench.send(tcp, from: 1)
        let sent = bench.sent()
        let tagged = Build.ethernet(0x0800, tags: [tag], Build.ipv4(6, Build.tcp(flags: 0x12)))
        #expect(sent.map(\.port) == [2, 3, 4])
        #expect(sent.map(\.bytes) == [tcp, tcp, tagged])
        #expect(sent.map(\.tag.tci) == [5, 0, 6])
        let upcall = try #require(bench.forwarder.takeUpcalls(atMost: 1).first)
        #expect(upcall.key.recirculationID == 1 && upcall.key.packetMark == 9)
        #expect(upcall.key.vlan0TCI == 0x1006 && upcall.key.vlan1TCI == 0x1005)
    }

    /// The upcall of a later pass says which one it was.
    @Test func missesAgain() throws {
        var bench = try Bench()
        try bench.forwarder.install(
            again(0, [.hash(.symmetricLayer4, basis: 3), .recirculate(id: 7)]))
        bench.send(tcp, from: 1)
        let upcall = try #require(bench.forwarder.takeUpcalls(atMost: 1).first)
        let key = FlowKey.extract(frame: tcp.span.bytes, inPort: 1).key
        #expect(upcall.key.recirculationID == 7 && upcall.reason == .miss)
        #expect(upcall.key.dpHash == key.hash(.symmetricLayer4, basis: 3))
        #expect(try bench.report(1).ends == [.missUpcall: 1])

        // vswitchd sends such a packet on from where it was.
        try bench.forwarder.install(again(7, [.output(port: 4)]))
        var executed = ExecutedPacket(
            bytes: upcall.bytes, key: upcall.key, actions: [.recirculate(id: 7)])
        #expect(try bench.execute(executed) == .forwarded)
        executed.actions = [.recirculate(id: 8)]
        bench.forwarder.hasVswitchd = false
        #expect(try bench.execute(executed) == .noVswitchd)
    }

    /// Circles end, and so do avalanches; each packet is still counted once.
    @Test(arguments: [1, 2, 3])
    func circlesEnd(copies: Int) throws {
        var bench = try Bench()
        let circle = [DatapathAction](repeating: .recirculate(id: 5), count: copies)
        try bench.forwarder.install(again(0, circle))
        try bench.forwarder.install(again(5, circle))
        bench.send(tcp, from: 1)
        #expect(try bench.report(1).ends == [.recirculationLimit: 1])
        let lookups = bench.forwarder.statistics.hits
        let most = min(ExecutionLimits.recirculationDepth, ExecutionLimits.recirculations)
        #expect(copies == 1 ? lookups == UInt64(most) + 1 : lookups == 33)

        try bench.forwarder.install(again(5, circle + [.output(port: 2)]))
        bench.send(tcp, from: 1)
        #expect(try bench.report(1).ends == [.recirculationLimit: 1, .forwarded: 1])
        bench.expectSound()
    }
}
