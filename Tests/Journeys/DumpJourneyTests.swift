import DatabaseProtocol
import DatapathMessages
import Flows
import Testing

/// How vswitchd keeps knowing the cached flows although it is told only of those that something
/// happened to.
@Suite struct DumpJourneyTests {
    /// A switch that knows two hosts, and has a flow for each of them.
    static func world() throws -> World {
        var world = World()
        world.addBridge("br0", ports: [("p1", RowValues()), ("p2", RowValues())])
        let (one, two) = (try world.port("p1"), try world.port("p2"))
        for _ in 0..<2 {
            world.receive(Self.there, from: one)
            world.receive(Self.back, from: two)
        }
        world.pass(.seconds(2))
        _ = world.takeSent()
        return world
    }

    static let there = JourneyTests.frame(to: JourneyTests.hostB, from: JourneyTests.hostA)
    static let back = JourneyTests.frame(to: JourneyTests.hostA, from: JourneyTests.hostB)

    /// How many flows vswitchd thinks there are.
    private func expect(_ world: inout World, knows count: Int) {
        let text = world.ask("upcall/show", [])
        #expect(text.contains("(keys \(count))"))
    }

    @Test func whatNothingHappenedToIsToldOnce() throws {
        var world = try Self.world()
        let one = try world.port("p1")
        let before = world.toldFlows
        world.pass(.seconds(3))
        #expect(world.toldFlows == before && world.statistics.flows == 2)
        world.receive(Self.there, from: one)
        world.pass(.seconds(3))
        #expect(world.toldFlows == before + 1)
        expect(&world, knows: 2)
        world.pass(.seconds(5))
        #expect(world.statistics.flows == 1, "that which was used lately")
        world.pass(.seconds(4))
        #expect(world.statistics.flows == 0)
        expect(&world, knows: 0)
        #expect(world.brokenInvariant == nil)
    }

    @Test func flowsThatSomebodyElseRemovedAreMissed() throws {
        var world = try Self.world()
        world.forwarder.flush()
        world.pass(.seconds(2))
        expect(&world, knows: 0)
    }

    @Test func flowsThatSomebodyElsePutAreTold() throws {
        var world = try Self.world()
        let one = try world.port("p1")
        var (key, mask) = (FlowKey(), FlowMask())
        (key.inPort, mask.inPort) = (one, .max)
        (key.priority, mask.priority) = (7, .max)
        try world.forwarder.install(CachedFlow(key: key, mask: mask, actions: []))
        world.pass(.seconds(2))
        // Its mask lacks bits that the tables look at.
        let flow = world.forwarder.flow(key: key, mask: mask)
        #expect(flow == nil)
        #expect(world.statistics.flows == 2)
        expect(&world, knows: 2)
    }

    @Test func theNextVswitchdIsToldOfAll() throws {
        var world = try Self.world()
        let before = world.toldFlows
        world.restartVswitchd()
        world.pass(.seconds(2))
        #expect(world.toldFlows >= before + 2)
        expect(&world, knows: 2)
    }
}
