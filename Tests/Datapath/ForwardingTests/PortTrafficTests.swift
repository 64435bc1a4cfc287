import DatapathMessages
import Execution
import Flows
import Forwarding
import Packets
import Testing
import Timekeeping

/// What a port takes in, and that shaping is an effect for the program.
struct PortTrafficTests {
    private static func policing(packets rate: UInt32, burst: UInt32) -> PortTraffic {
        var traffic = PortTraffic()
        traffic.policing.packets = .init(rate: rate, burst: burst)
        return traffic
    }

    @Test func aPolicedPortDropsWhatIsTooMuch() throws {
        var bench = try TierBench()
        let refused = bench.order(.setTraffic(port: 9, PortTraffic()))
        #expect(refused == [Self.told(.failed(errno: 19, text: "there is no port 9"))])
        try bench.open(1)
        let limit = Self.policing(packets: 1, burst: 2)
        let answer = bench.order(.setTraffic(port: 1, limit))
        #expect(answer == [Self.told(.done)])
        try bench.send(5, toEnd: [.forwarded: 2, .policed: 3])
        bench.now = bench.now + .seconds(1)
        try bench.send(5, toEnd: [.forwarded: 3, .policed: 7])
        // The same again fills no bucket; an end of it lets everything in.
        let same = bench.order(.setTraffic(port: 1, limit))
        #expect(same == [Self.told(.done)])
        try bench.send(1, toEnd: [.forwarded: 3, .policed: 8])
        let end = bench.order(.setTraffic(port: 1, PortTraffic()))
        #expect(end == [Self.told(.done)])
        try bench.send(5, toEnd: [.forwarded: 8, .policed: 8])
        let broken = bench.forwarder.brokenInvariant()
        #expect(broken == nil)
    }

    private static func told(_ reply: DatapathReply) -> DeskEffect {
        .reply(ClientID(1), sequence: 1, reply, inDump: false)
    }

    /// The tier of the kernel counts no tokens: flows that are there leave it, and none enters.
    @Test func aPolicedPortHasNoExpressFlows() throws {
        var bench = try TierBench()
        try bench.open(1)
        bench.send(2)
        let before = bench.sink.open.count
        let limit = Self.policing(packets: 1000, burst: 1000)
        let effects = bench.order(.setTraffic(port: 1, limit))
        let after = bench.sink.open.count
        bench.send(FlowSamples.enough)
        let later = bench.sink.open.count
        #expect(before == 1 && after == 0 && later == 0)
        #expect(effects == [Self.told(.done)])
        _ = bench.order(.setTraffic(port: 1, PortTraffic()))
        bench.send(FlowSamples.enough)
        let again = bench.sink.open.count
        #expect(again == 1)
    }

    @Test func shapingIsTheProgramsWork() throws {
        var bench = try TierBench()
        try bench.open(1)
        let shaping = PortTraffic.Shaping(
            maxRate: 1000,
            queues: [.init(number: 0, minRate: 1, maxRate: 2, burst: 3, priority: 4)])
        let effects = bench.order(.setTraffic(port: 1, PortTraffic(shaping: shaping)))
        let (number, asked, caller) = try #require(
            effects.compactMap {
                if case .shapePort(let number, let shaping, let caller) = $0 {
                    (number, shaping, caller)
                } else {
                    nil
                }
            }.first)
        #expect(effects.count == 1 && number == 1 && asked == shaping)
        let done = bench.desk.portShaped(1, refusal: nil, for: caller)
        #expect(done == [Self.told(.done)])
        // What is in force already is not done again; what was refused is tried again.
        let same = bench.order(.setTraffic(port: 1, PortTraffic(shaping: shaping)))
        #expect(same == done)
        let refusal = bench.desk.portShaped(1, refusal: (1, "not permitted"), for: caller)
        #expect(refusal == [Self.told(.failed(errno: 1, text: "not permitted"))])
        let again = bench.order(.setTraffic(port: 1, PortTraffic(shaping: shaping)))
        #expect(again == effects)
    }
}

extension TierBench {
    /// Makes a port anew, so that the desk knows it too.
    mutating func open(_ number: UInt32) throws {
        try forwarder.removePort(number)
        _ = order(.addPort(Vport(number: number, kind: .netdev, name: "p\(number)")))
        _ = desk.portOpened(number: number, interfaceIndex: number, &forwarder)
    }

    fileprivate mutating func send(_ count: Int, toEnd ends: [PacketEnd: UInt64]) throws {
        send(count)
        let found = forwarder.report(ofPort: 1)
        let report = try #require(found)
        #expect(report.ends == ends)
        #expect(report.statistics.rxDropped == ends[.policed] ?? 0)
    }
}
