import Packets
import Switching
import Testing
import Timekeeping

@Suite struct LLDPAgentTests {
    private static func at(_ seconds: Int) -> Instant { .start + .seconds(seconds) }

    private static func unit(_ port: UInt8, lives seconds: UInt16 = 120) -> LLDPUnit {
        LLDPUnit(
            chassis: LLDPIdentifier(subtype: 4, octets: [2, 0, 0, 0, 0, 1]),
            port: LLDPIdentifier(subtype: 7, octets: [port]), timeToLive: seconds)
    }

    @Test func speaksEvery30Seconds() {
        var agent = LLDPAgent()
        let spoke = (0...90).filter { agent.run(now: Self.at($0)) }
        #expect(spoke == [0, 30, 60, 90])
        #expect(agent.deadline == Self.at(120))
        #expect(agent.counters.sent == 4)
    }

    @Test func neighboursComeGoAndFallSilent() {
        var agent = LLDPAgent()
        agent.receive(.success(Self.unit(1)), now: Self.at(0))
        agent.receive(.success(Self.unit(2, lives: 10)), now: Self.at(0))
        agent.receive(.success(Self.unit(1)), now: Self.at(5))
        #expect(agent.neighbours.map(\.unit.port.octets) == [[1], [2]])
        _ = agent.run(now: Self.at(5))
        #expect(agent.deadline == Self.at(10))
        _ = agent.run(now: Self.at(10))
        #expect(agent.neighbours.map(\.unit.port.octets) == [[1]])
        agent.receive(.success(Self.unit(1, lives: 0)), now: Self.at(11))
        agent.receive(.success(Self.unit(9, lives: 0)), now: Self.at(11))
        #expect(agent.neighbours.isEmpty)
        agent.receive(.failure(.truncated(offset: 0)), now: Self.at(12))
        let counters = agent.counters
        #expect(counters.received == 6 && counters.inserted == 2)
        #expect(counters.agedOut == 1 && counters.deleted == 1)
        #expect(counters.discarded == 1)
    }

    /// One below, at, and one above the bound.
    @Test func aHubFullOfNeighboursIsBounded() {
        var agent = LLDPAgent()
        let bound = Limits.neighbours
        for port in 1...bound + 1 {
            agent.receive(.success(Self.unit(UInt8(port))), now: Self.at(0))
            #expect(agent.neighbours.count == min(port, bound))
        }
        #expect(agent.counters.dropped == 1)
    }
}
