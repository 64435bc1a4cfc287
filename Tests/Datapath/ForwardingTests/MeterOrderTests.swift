import DatapathMessages
import Execution
import Flows
import Forwarding
import Packets
import Testing
import Timekeeping

private let tcp = Build.ethernet(0x0800, Build.ipv4(6, Build.tcp()))

struct MeterOrderTests {
    /// A meter is put, drops what is too much, tells of it, and lets everything pass once it is
    /// gone.
    @Test func aMeterFromItsOrderToItsEnd() throws {
        var bench = try Bench()
        let meter = DatapathMeter(id: 9, unit: .packets, bands: [.init(rate: 1, burst: 2)])
        try bench.forwarder.install(Bench.flow(inPort: 1, [.meter(id: 9), .output(port: 2)]))
        try bench.forwarder.putMeter(meter, now: bench.now)
        for _ in 0..<5 { bench.send(tcp, from: 1) }
        #expect(try bench.report(1).ends == [.forwarded: 2, .droppedByMeter: 3])
        bench.now = bench.now + .seconds(1)
        bench.send(tcp, from: 1)
        #expect(try bench.report(1).ends == [.forwarded: 3, .droppedByMeter: 3])
        let found = bench.forwarder.meter(9)
        let seen = try #require(found)
        #expect(seen.0 == meter && seen.1.total.packets == 6 && seen.1.bands[0].packets == 3)
        #expect(seen.1.usedMilliseconds == 6000)

        let last = try bench.forwarder.deleteMeter(9)
        let gone = bench.forwarder.meter(9)
        #expect(last.1 == seen.1 && gone == nil)
        #expect(throws: OrderRefusal.meter(.noSuchMeter)) { try bench.forwarder.deleteMeter(9) }
        for _ in 0..<5 { bench.send(tcp, from: 1) }
        #expect(try bench.report(1).ends[.forwarded] == 8)
    }

    @Test func theDeskAnswers() throws {
        var bench = try Bench()
        let meter = DatapathMeter(id: 1, unit: .kilobits, bands: [.init(rate: 8, burst: 9)])
        let told = DatapathReply.meter(meter, MeterStatistics(bandCount: 1))
        let gone = DatapathReply.failed(errno: 2, text: "there is no such meter")
        let features = DatapathReply.meterFeatures(
            meterCount: ExecutionLimits.meters, bandCount: 8)
        let none = DatapathMeter(id: 1, unit: .packets, bands: [])
        let exchanges: [(DatapathRequest, [DatapathReply])] = [
            (.putMeter(meter), [.done]), (.describeMeter(id: 1), [told, .done]),
            (.describeMeters, [features, .done]), (.deleteMeter(id: 1), [told, .done]),
            (.deleteMeter(id: 1), [gone]), (.describeMeter(id: 1), [gone]),
            (.putMeter(none), [.failed(errno: 22, text: "a meter has 1 to 8 bands, not 0")]),
        ]
        for (request, replies) in exchanges {
            let answer = bench.ask(request)
            #expect(answer == replies)
        }
    }

    /// What a packet knows of its tunnel stays with it through further lookups, and two packets
    /// that differ in nothing else are two flows.
    @Test func tunnelsStayInTheKey() throws {
        var bench = try Bench()
        var again = Bench.flow(inPort: 1, [.output(port: 2)])
        (again.key.recirculationID, again.mask.recirculationID) = (3, .max)
        (again.key.tunnelID, again.mask.tunnelID) = (77, .max)
        try bench.forwarder.install(again)
        again.key.tunnelID = 78
        again.actions = [.output(port: 3)]
        try bench.forwarder.install(again)
        for (id, port) in [(77, 2), (78, 3), (77, 2)] as [(UInt64, UInt32)] {
            var key = FlowKey.extract(frame: tcp.span.bytes, inPort: 1).key
            (key.tunnelFlags, key.tunnelID) = (TunnelFlag.present | TunnelFlag.key, id)
            let packet = ExecutedPacket(
                bytes: tcp, key: key, actions: [.popVLAN, .recirculate(id: 3)])
            #expect(try bench.execute(packet) == .forwarded)
            #expect(bench.sent().map(\.port) == [port])
            // Without the bit the rest is not believed.
            key.tunnelFlags = TunnelFlag.key
            let stranger = ExecutedPacket(bytes: tcp, key: key, actions: [.recirculate(id: 3)])
            #expect(try bench.execute(stranger) == .missUpcall)
        }
        bench.expectSound()
    }
}
