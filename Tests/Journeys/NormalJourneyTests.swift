import DatabaseProtocol
import DatabaseReplica
import Flows
import Packets
import Testing
import Timekeeping

// Mirrors and multicast snooping from their rows to the packets, and back to the rows and tools.

extension World {
    /// A bridge with ports p1 to p4, multicast snooping, and a mirror of p1 to p4.
    fileprivate init(snooping: Bool, mirroring: Bool) {
        self.init()
        var change = TransactionBuilder(database: "Open_vSwitch")
        var rows: [Atom] = []
        for name in ["br0", "p1", "p2", "p3", "p4"] {
            let interface = change.insert(
                into: "Interface",
                [
                    "name": Datum(.string(name)),
                    "type": Datum(.string(name == "br0" ? "internal" : "")),
                ])
            rows.append(
                change.insert(
                    into: "Port",
                    ["name": Datum(.string(name)), "interfaces": Datum(interface)]))
        }
        var bridge: RowValues = [
            "name": Datum(.string("br0")), "ports": Datum(set: rows),
            "mcast_snooping_enable": Datum(.boolean(snooping)),
        ]
        if mirroring {
            let mirror = change.insert(
                into: "Mirror",
                [
                    "name": Datum(.string("m0")), "select_src_port": Datum(rows[1]),
                    "select_dst_port": Datum(rows[1]), "output_port": Datum(rows[4]),
                ])
            bridge["mirrors"] = Datum(mirror)
        }
        let row = change.insert(into: "Bridge", bridge)
        change.insert(
            into: "Open_vSwitch",
            ["bridges": Datum(row), "next_cfg": Datum(.integer(1))])
        transact(change)
    }

    /// Ports of the world that got the frame, by name.
    fileprivate mutating func arrivals(of bytes: [UInt8], from name: String) throws -> [String] {
        receive(bytes, from: try port(name))
        return takeSent().compactMap { self.name(ofPort: $0.port) }.filter { $0 != "br0" }
    }
}

@Suite struct NormalJourneyTests {
    private static func group(_ payload: [UInt8]) -> [UInt8] {
        var frame = Build.ethernet(0x0800, payload)
        frame.replaceSubrange(0..<6, with: [0x01, 0x00, 0x5e, 0x01, 0x01, 0x01])
        // Build's packets go to 10.0.0.2; these go to 239.1.1.1, and nobody checks that sum.
        frame.replaceSubrange(30..<34, with: [239, 1, 1, 1])
        return frame
    }

    private static let report = group(
        Build.ipv4(2, [0x16, 0, 0xf9, 0xfc, 239, 1, 1, 1]))
    private static let data = group(Build.ipv4(17, Build.udp([1])))

    @Test func aReportNarrowsACachedFloodAndItsEndWidensIt() throws {
        var world = World(snooping: true, mirroring: false)
        #expect(try world.arrivals(of: Self.data, from: "p1") == ["p2", "p3", "p4"])
        #expect(try world.arrivals(of: Self.data, from: "p1") == ["p2", "p3", "p4"])
        _ = try world.arrivals(of: Self.report, from: "p3")
        let misses = world.statistics.misses
        #expect(try world.arrivals(of: Self.data, from: "p1") == ["p3"])
        #expect(world.statistics.misses == misses, "the cached flow was put right")
        #expect(world.ask("mdb/show", ["br0"]).contains("  239.1.1.1           0\n"))
        let json = world.ask("mdb/show", ["br0"], wantsJSON: true)
        #expect(json.contains("\"group\":\"239.1.1.1\""))
        for _ in 0..<2 { _ = try world.arrivals(of: Self.report, from: "p2") }
        #expect(world.statistics.misses == misses + 2, "no report is missed for a cached flow")
        #expect(world.ask("mdb/flush", ["br0"]) == "table successfully flushed")
        #expect(try world.arrivals(of: Self.data, from: "p1") == ["p2", "p3", "p4"])
        #expect(world.brokenInvariant == nil)
    }

    @Test func aMirrorCopiesAndCounts() throws {
        var world = World(snooping: false, mirroring: true)
        let frame = JourneyTests.frame(to: JourneyTests.hostB, from: JourneyTests.hostA)
        let back = JourneyTests.frame(to: JourneyTests.hostA, from: JourneyTests.hostB)
        #expect(try world.arrivals(of: frame, from: "p1") == ["p4", "p2", "p3"])
        #expect(try world.arrivals(of: back, from: "p2") == ["p1", "p4"])
        for _ in 0..<5 {
            #expect(try world.arrivals(of: frame, from: "p1") == ["p4", "p2"])
        }
        #expect(try world.arrivals(of: back, from: "p4") == [], "its port is the mirror's alone")
        #expect(world.ask("fdb/show", ["br0"], wantsJSON: true).contains("\"vlan\":0"))
        world.pass(.seconds(6))
        #expect(world.select("statistics", from: "Mirror").contains("[\"tx_packets\",7]"))
    }
}
