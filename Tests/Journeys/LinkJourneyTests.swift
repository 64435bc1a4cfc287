import Bridges
import DatabaseProtocol
import DatabaseReplica
import LinkValues
import Testing
import Timekeeping

/// Interfaces that come and go, and those that exist because a row asks for them.
@Suite struct LinkJourneyTests {
    static func veth(_ name: String, peer: String) -> RowValues {
        [
            "name": Datum(.string(name)), "type": Datum(.string("veth")),
            "options": Datum(map: [(.string("peer"), .string(peer))]),
        ]
    }

    static func addBridge(_ world: inout World, _ interfaces: [(String, RowValues)]) {
        var change = TransactionBuilder(database: "Open_vSwitch")
        var rows: [Atom] = []
        for (name, values) in interfaces {
            let interface = change.insert(into: "Interface", values)
            rows.append(
                change.insert(
                    into: "Port",
                    ["name": Datum(.string(name)), "interfaces": Datum(interface)]))
        }
        let bridge = change.insert(
            into: "Bridge", ["name": Datum(.string("br0")), "ports": Datum(set: rows)])
        change.insert(
            into: "Open_vSwitch", ["bridges": Datum(bridge), "next_cfg": Datum(.integer(1))])
        world.transact(change)
    }

    @Test func aRowMakesALinkAndOnlyThenItIsAttached() throws {
        var world = World()
        Self.addBridge(&world, [("v0", Self.veth("v0", peer: "v1"))])
        #expect(world.linkOrders == ["make veth v0 peer v1"])
        _ = try world.port("v0")
        #expect(world.ask("dpif/show", []).contains("v0 1/1: (veth)"))
    }

    @Test func whatCannotBeMadeIsNotAttached() throws {
        var world = World()
        world.linkOutcome = .refused("no such namespace")
        Self.addBridge(&world, [("v0", Self.veth("v0", peer: "v1"))])
        #expect(world.linkOrders == ["make veth v0 peer v1"])
        #expect(world.ask("dpif/show", []).contains("v0 1/none"))
    }

    @Test func aLinkThatSomebodyRemovesIsMadeAgain() throws {
        var world = World()
        world.setInterfaces(["v0": 5], telling: false)
        Self.addBridge(&world, [("v0", Self.veth("v0", peer: "v1"))])
        world.setInterfaces(["v0": 5])
        let before = try world.port("v0")
        world.setInterfaces([:])
        #expect(world.linkOrders == ["make veth v0 peer v1", "make veth v0 peer v1"])
        world.setInterfaces(["v0": 6])
        #expect(try world.port("v0") != before || world.linkOrders.count == 2)
        #expect(world.ask("dpif/show", []).contains("v0 1/"))
    }

    /// 200 times, whichever comes first: the news of an interface, or the port's own answer.
    @Test(arguments: [true, false])
    func anInterfaceThatComesBackIsAttachedAgain(newsComeFirst: Bool) throws {
        var world = World()
        world.setInterfaces(["p1": 10], telling: false)
        Self.addBridge(&world, [("p1", ["name": Datum(.string("p1"))])])
        world.setInterfaces(["p1": 10])
        for round in 0..<200 {
            let index = UInt32(11 + round)
            if newsComeFirst { world.setInterfaces([:]) }
            world.setInterfaces(["p1": index])
            _ = try world.port("p1")
            #expect(!world.ask("dpif/show", []).contains("p1 1/none"), "round \(round)")
        }
        #expect(world.brokenInvariant == nil)
    }
}
