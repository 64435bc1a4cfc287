import DatabaseProtocol
import DatabaseReplica
import Packets
import Testing

// The two journeys, walked in memory, with every step printed.

extension World {
    /// `ovs-vsctl add-br br0` with ports of the given columns, as one transaction.
    mutating func addBridge(
        _ name: String, flooding vlans: [Int64] = [], ports: [(String, RowValues)]
    ) {
        var change = TransactionBuilder(database: "Open_vSwitch")
        var rows: [Atom] = []
        for (port, columns) in [(name, RowValues())] + ports {
            let type: RowValues = port == name
                ? ["name": Datum(.string(port)), "type": Datum(.string("internal"))]
                : ["name": Datum(.string(port))]
            let interface = change.insert(into: "Interface", type)
            var values = columns
            values["name"] = Datum(.string(port))
            values["interfaces"] = Datum(interface)
            rows.append(change.insert(into: "Port", values))
        }
        let bridge = change.insert(
            into: "Bridge",
            [
                "name": Datum(.string(name)), "ports": Datum(set: rows),
                "flood_vlans": Datum(set: vlans.map { .integer($0) }),
            ])
        change.insert(
            into: "Open_vSwitch",
            ["bridges": Datum(bridge), "next_cfg": Datum(.integer(1))])
        transact(change)
    }
}

@Suite struct JourneyTests {
    static let hostA: [UInt8] = [2, 0, 0, 0, 0, 0xa]
    static let hostB: [UInt8] = [2, 0, 0, 0, 0, 0xb]

    static func frame(to: [UInt8], from: [UInt8]) -> [UInt8] {
        to + from + Build.ethernet(0x0800, Build.ipv4(17, Build.udp([1, 2, 3]))).dropFirst(12)
    }

    @Test func aPacketWalksAllNineStepsAndTheNextOnlyFive() throws {
        var world = World()
        world.addBridge("br0", ports: [("p1", RowValues()), ("p2", RowValues())])
        let one = try world.port("p1")
        let two = try world.port("p2")

        world.receive(Self.frame(to: Self.hostB, from: Self.hostA), from: one)
        let first = world.steps
        for step in first { print(step) }
        let numbers = first.compactMap { $0.split(separator: " ").first.map(String.init) }
        #expect(numbers == ["1", "2", "3", "4", "5", "6", "7", "7", "8", "9"])
        #expect(Set(world.takeSent().map(\.port)).isSuperset(of: [two]))

        world.receive(Self.frame(to: Self.hostA, from: Self.hostB), from: two)
        #expect(world.takeSent().map(\.port) == [one], "the answer finds its way")
        let missesBefore = world.statistics.misses
        world.receive(Self.frame(to: Self.hostA, from: Self.hostB), from: two)
        #expect(world.statistics.misses == missesBefore, "a known flow raises no upcall")
        #expect(world.takeSent().map(\.port) == [one])
        #expect(world.brokenInvariant == nil)
    }

    @Test func cachedFlowsLiveOnWithoutVswitchdAndAreAdoptedByTheNext() throws {
        var world = World()
        world.addBridge("br0", ports: [("p1", RowValues()), ("p2", RowValues())])
        let one = try world.port("p1")
        let two = try world.port("p2")
        for _ in 0..<2 {
            world.receive(Self.frame(to: Self.hostB, from: Self.hostA), from: one)
            world.receive(Self.frame(to: Self.hostA, from: Self.hostB), from: two)
        }
        world.pass(.seconds(1))
        _ = world.takeSent()
        let flows = world.statistics.flows
        world.restartVswitchd()
        world.receive(Self.frame(to: Self.hostB, from: Self.hostA), from: one)
        world.pass(.seconds(1))
        #expect(world.takeSent().map(\.port) == [two], "unicast still, not flooded")
        #expect(world.statistics.flows == flows)
        world.pass(.seconds(12))
        #expect(world.statistics.flows == 0, "idle flows go")
    }

    @Test func theLecturesVLANExperiment() throws {
        var world = World()
        func tag(_ vlan: Int64) -> RowValues { ["tag": Datum(.integer(vlan))] }
        world.addBridge(
            "br0", flooding: [101, 102, 103],
            ports: [
                ("vnet0", tag(101)), ("vnet1", tag(102)), ("vnet2", tag(103)),
                ("first_br", tag(103)), ("second_br", RowValues()),
                ("third_br", ["trunks": Datum(set: [.integer(101), .integer(102)])]),
            ])
        let expected: [(from: String, seen: [String: UInt16?])] = [
            ("vnet2", ["first_br": nil, "second_br": 103]),
            ("vnet0", ["second_br": 101, "third_br": 101]),
            ("vnet1", ["second_br": 102, "third_br": 102]),
        ]
        for (from, seen) in expected {
            let port = try world.port(from)
            world.receive(Self.frame(to: Self.hostB, from: Self.hostA), from: port)
            let sent = world.takeSent()
            for name in ["first_br", "second_br", "third_br"] {
                let number = try world.port(name)
                let frames = sent.filter { $0.port == number }
                if let vlan = seen[name] {
                    #expect(frames.map(\.vlan) == [vlan], "\(name) from \(from)")
                } else {
                    #expect(frames.isEmpty, "\(name) from \(from)")
                }
            }
        }
    }
}
