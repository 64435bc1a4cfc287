import DatabaseProtocol
import DatabaseReplica
import Packets
import Testing
import Timekeeping

// Two bridges with two cables between them: a circle, unless a spanning tree closes one. All that
// takes part is there but the sockets: rows, BPDUs through the datapath, flows, columns.
//
//      p0 ── br0 ── a0 ─────── a1 ── br1 ── p1
//                ── c0 ─────── c1 ──

extension World {
    /// - Parameters:
    ///   - trees: Columns of Bridge that are true.
    ///   - arePatches: a and c are patch ports instead of cables.
    ///   - settings: More of `other_config`, by name of the port.
    fileprivate init(
        trees: [String], arePatches: Bool = false, _ settings: [String: (String, String)] = [:]
    ) {
        self.init()
        let ends = ["a0": "a1", "a1": "a0", "c0": "c1", "c1": "c0"]
        cables = ["p0": "", "p1": ""]
        if !arePatches { cables.merge(ends) { first, _ in first } }
        var change = TransactionBuilder(database: "Open_vSwitch")
        var bridges: [Atom] = []
        for (bridge, names) in [("br0", ["p0", "a0", "c0"]), ("br1", ["p1", "a1", "c1"])] {
            let ports = ([bridge] + names).map { name in
                var values: RowValues = [
                    "name": Datum(.string(name)),
                    "type": Datum(.string(name == bridge ? "internal" : "")),
                ]
                if arePatches, let peer = ends[name] {
                    values["type"] = Datum(.string("patch"))
                    values["options"] = Datum(map: [(.string("peer"), .string(peer))])
                }
                let interface = change.insert(into: "Interface", values)
                let own = settings[name] ?? ("x", "y")
                return change.insert(
                    into: "Port",
                    [
                        "name": Datum(.string(name)), "interfaces": Datum(set: [interface]),
                        "other_config": Datum(
                            map: [
                                (
                                    .string("rstp-port-admin-edge"),
                                    .string(name.hasPrefix("p") ? "true" : "false")
                                ),
                                (.string(own.0), .string(own.1)),
                            ]),
                    ])
            }
            let priority = bridge == "br0" ? "4096" : "8192"
            var values: RowValues = [
                "name": Datum(.string(bridge)), "ports": Datum(set: ports),
                "other_config": Datum(
                    map: [
                        (.string("rstp-priority"), .string(priority)),
                        (.string("stp-priority"), .string(priority)),
                    ]),
            ]
            for column in trees { values[column] = Datum(.boolean(true)) }
            bridges.append(change.insert(into: "Bridge", values))
        }
        change.insert(
            into: "Open_vSwitch",
            ["bridges": Datum(set: bridges), "next_cfg": Datum(.integer(1))])
        transact(change)
    }

    /// Carries what was sent over the cables until nothing is under way. Returns the hosts' ports
    /// that a frame (no BPDU) came to.
    fileprivate mutating func run() -> [String] {
        var arrivals: [String] = []
        for _ in 0..<200 {
            let sent = takeSent()
            if sent.isEmpty { return arrivals }
            for (port, _, bytes) in sent {
                guard let name = name(ofPort: port), let other = cables[name] else { continue }
                let isBPDU = bytes.starts(with: [0x01, 0x80, 0xc2, 0, 0, 0])
                guard !other.isEmpty else {
                    if !isBPDU { arrivals.append(name) }
                    continue
                }
                guard !pulled.contains(name), let number = try? self.port(other) else { continue }
                receive(bytes, from: number)
            }
        }
        return arrivals + ["it never ends"]
    }

    fileprivate mutating func passRunning(_ duration: Duration) {
        let end = now + duration
        while now < end {
            pass(.milliseconds(100))
            _ = run()
        }
    }

    fileprivate mutating func broadcast(from name: String) throws -> [String] {
        let host: UInt8 = name == "p0" ? 1 : 2
        receive(
            [UInt8](repeating: 0xff, count: 6) + [2, 0, 0, 0, 9, host, 0x08, 0x06]
                + [UInt8](repeating: 0, count: 46), from: try port(name))
        return run()
    }

    /// How many of these ports the table shows in this state.
    fileprivate mutating func count(_ state: String, _ command: String) -> Int {
        ask(command, []).split(separator: "\n").count { $0.contains(" \(state) ") }
    }
}

@Suite struct SpanningJourneyTests {
    @Test func theRapidProtocolOpensOneOfTwoCables() throws {
        var world = World(trees: ["rstp_enable"])
        _ = world.run()
        world.passRunning(.milliseconds(300))
        #expect(world.count("Forwarding", "rstp/show") == 5)
        #expect(world.count("Discarding", "rstp/show") == 1)
        #expect(try world.broadcast(from: "p0") == ["p1"])
        #expect(try world.broadcast(from: "p1") == ["p0"])
        // Known flows, and the same again after the cable in use was pulled.
        world.setCable(of: "a0", isPulled: true)
        #expect(try world.broadcast(from: "p0") == ["p1"])
        world.setCable(of: "a0", isPulled: false)
        _ = world.run()
        world.passRunning(.seconds(1))
        #expect(try world.broadcast(from: "p0") == ["p1"])
        #expect(world.ask("rstp/show", ["br1"]).contains("root-path-cost  200000"))
        #expect(world.brokenInvariant == nil)
    }

    @Test func theOldProtocolOpensItAfterTwoForwardDelays() throws {
        var world = World(trees: ["stp_enable"])
        _ = world.run()
        #expect(try world.broadcast(from: "p0") == [])
        world.passRunning(.seconds(29))
        #expect(try world.broadcast(from: "p0") == [])
        world.passRunning(.seconds(2))
        #expect(world.count("forwarding", "stp/show") == 5)
        #expect(world.count("blocking", "stp/show") == 1)
        #expect(try world.broadcast(from: "p0") == ["p1"])
    }

    @Test func patchPortsTakePartLikeCables() throws {
        var world = World(trees: ["rstp_enable"], arePatches: true)
        world.passRunning(.seconds(1))
        #expect(world.count("Forwarding", "rstp/show") == 5)
        #expect(world.count("Discarding", "rstp/show") == 1)
        #expect(try world.broadcast(from: "p0") == ["p1"])
        #expect(try world.broadcast(from: "p1") == ["p0"])
    }

    @Test func theRapidProtocolWinsAndPortsMayStayOut() throws {
        var world = World(
            trees: ["rstp_enable", "stp_enable"],
            ["p0": ("rstp-enable", "false"), "a0": ("rstp-port-num", "7")])
        _ = world.run()
        world.passRunning(.seconds(1))
        #expect(world.ask("stp/show", []) == "")
        let text = world.ask("rstp/show", ["br0"])
        #expect(!text.contains("  p0 ") && text.contains("128.7\n"))
        #expect(try world.broadcast(from: "p0") == ["p1"], "it forwards all the same")
    }

    @Test func ofTheOldProtocolsNumbersAllAreChosenOrNone() throws {
        var world = World(trees: ["stp_enable"], ["a0": ("stp-port-num", "7")])
        #expect(world.ask("stp/show", ["br0"]) == "")
        #expect(world.ask("stp/show", ["br1"]).contains("---- br1 ----"))
    }

    @Test func withoutATreeItIsACircle() throws {
        var world = World(trees: [])
        #expect(try world.broadcast(from: "p0").last == "it never ends")
    }
}
