import DatabaseProtocol
import DatabaseReplica
import DatapathMessages
import Flows
import Packets
import Testing
import Timekeeping

// Two bridges, two cables between them, and the cables are one bond: the lecture's second
// experiment in memory, where cables can be pulled and frames lost by one seed.
//
//      p0 ── br0 ══ first_br ─────── first_if ══ br1 ── p1
//                ══ second_br ───── second_if ══

/// What happened to one frame.
private struct Fate {
    /// Ports of hosts that it came to.
    var arrivals: [String] = []
    /// Cables that it crossed, by the name of the sending end.
    var crossings: [String] = []
}

extension World {
    fileprivate init(bondMode mode: String, lacp: String?, lacking: [DatapathFeature] = []) {
        self.init(lacking: lacking)
        cables = [
            "first_br": "first_if", "first_if": "first_br", "second_br": "second_if",
            "second_if": "second_br",
        ]
        var change = TransactionBuilder(database: "Open_vSwitch")
        var bridges: [Atom] = []
        for (bridge, host, members) in [
            ("br0", "p0", ["first_br", "second_br"]), ("br1", "p1", ["first_if", "second_if"]),
        ] {
            var ports: [Atom] = []
            for (name, interfaces) in [
                (bridge, [bridge]), (host, [host]), ("bond-\(bridge)", members),
            ] {
                let rows = interfaces.map { interface in
                    change.insert(
                        into: "Interface",
                        [
                            "name": Datum(.string(interface)),
                            "type": Datum(.string(interface == bridge ? "internal" : "")),
                        ])
                }
                var values: RowValues = [
                    "name": Datum(.string(name)), "interfaces": Datum(set: rows),
                ]
                if rows.count > 1 {
                    values["bond_mode"] = Datum(.string(mode))
                    if let lacp { values["lacp"] = Datum(.string(lacp)) }
                    values["other_config"] = Datum(
                        map: [(.string("lacp-time"), .string("fast"))])
                }
                ports.append(change.insert(into: "Port", values))
            }
            bridges.append(
                change.insert(
                    into: "Bridge",
                    ["name": Datum(.string(bridge)), "ports": Datum(set: ports)]))
        }
        change.insert(
            into: "Open_vSwitch",
            ["bridges": Datum(set: bridges), "next_cfg": Datum(.integer(1))])
        transact(change)
    }

    /// Carries what was sent over the cables until nothing is under way. `loses` says whether the
    /// next frame is lost.
    fileprivate mutating func runCables(_ loses: () -> Bool = { false }) -> Fate {
        var fate = Fate()
        for _ in 0..<50 {
            let sent = takeSent()
            if sent.isEmpty { return fate }
            for (port, _, bytes) in sent {
                guard let name = name(ofPort: port) else { continue }
                guard let other = cables[name] else {
                    fate.arrivals.append(name)
                    continue
                }
                let isLACP = bytes[12] == 0x88 && bytes[13] == 0x09
                if !isLACP { fate.crossings.append(name) }
                guard !pulled.contains(name), !loses(), let number = try? self.port(other) else {
                    continue
                }
                receive(bytes, from: number)
            }
        }
        fate.crossings.append("it never ends")
        return fate
    }

    fileprivate mutating func passTime(_ duration: Duration, _ loses: () -> Bool = { false }) {
        let end = now + duration
        while now < end {
            pass(.milliseconds(100))
            _ = runCables(loses)
        }
    }

    fileprivate mutating func send(_ bytes: [UInt8], from name: String) throws -> Fate {
        receive(bytes, from: try port(name))
        return runCables()
    }
}

private let everyone: [UInt8] = [255, 255, 255, 255, 255, 255]

/// A frame of a host's connection number `connection`.
private func frame(to: [UInt8], from: [UInt8], connection: UInt8 = 1) -> [UInt8] {
    var bytes = JourneyTests.frame(to: to, from: from)
    bytes[34] = connection  // the high octet of UDP's source port
    return bytes
}

@Suite struct BondJourneyTests {
    static let hostA = JourneyTests.hostA
    static let hostB = JourneyTests.hostB

    @Test(arguments: ["active-backup", "balance-slb", "balance-tcp"])
    func aFailOverLosesNothing(mode: String) throws {
        var world = World(bondMode: mode, lacp: "active")
        world.passTime(.seconds(2))
        #expect(world.ask("lacp/show", ["bond-br0"]).contains("active negotiated"))
        _ = try world.send(frame(to: Self.hostB, from: Self.hostA), from: "p0")
        _ = try world.send(frame(to: Self.hostA, from: Self.hostB), from: "p1")
        for round in 0..<6 {
            let before = try world.send(frame(to: Self.hostB, from: Self.hostA), from: "p0")
            #expect(before.arrivals == ["p1"])
            let used = try #require(before.crossings.first)
            world.setCable(of: used, isPulled: true)
            let misses = world.statistics.misses
            let after = try world.send(frame(to: Self.hostB, from: Self.hostA), from: "p0")
            #expect(after.arrivals == ["p1"], "in round \(round)")
            #expect(after.crossings.first != used)
            #expect(
                world.statistics.misses <= misses + 1,
                "the sender's cached flow was put right, not left to be asked for")
            let answer = try world.send(frame(to: Self.hostA, from: Self.hostB), from: "p1")
            #expect(answer.arrivals == ["p0"])
            world.setCable(of: used, isPulled: false)
            world.passTime(.seconds(2))
        }
        #expect(world.brokenInvariant == nil)
    }

    @Test func balanceTCPHashesInTheDatapath() throws {
        var world = World(bondMode: "balance-tcp", lacp: "active")
        world.passTime(.seconds(2))
        _ = try world.send(frame(to: Self.hostA, from: Self.hostB), from: "p1")
        var used: Set<String> = []
        for connection in 0..<200 {
            let bytes = frame(to: Self.hostB, from: Self.hostA, connection: UInt8(connection))
            let fate = try world.send(bytes, from: "p0")
            #expect(fate.arrivals.count == 1)
            used.formUnion(fate.crossings)
        }
        #expect(used == ["first_br", "second_br"])
        let flows = world.ask("dpctl/dump-flows", [])
        #expect(flows.contains("actions:hash(l4(0)),recirc("))
        #expect(flows.contains("dp_hash("))
        let bondBytes = world.ask("bond/show", ["bond-br0"])
        #expect(bondBytes.contains("bond may use recirculation: yes, Recirc-ID : 1"))
    }

    @Test func whatTheDatapathCannotDoIsDoneHereAndNotCached() throws {
        var world = World(
            bondMode: "balance-tcp", lacp: "active",
            lacking: [.recirculate, .symmetricHash, .explicitDrop])
        world.passTime(.seconds(2))
        _ = try world.send(frame(to: Self.hostA, from: Self.hostB), from: "p1")
        var used: Set<String> = []
        for connection in 0..<100 {
            let bytes = frame(to: Self.hostB, from: Self.hostA, connection: UInt8(connection))
            let fate = try world.send(bytes, from: "p0")
            #expect(fate.arrivals == ["p1"])
            used.formUnion(fate.crossings)
        }
        #expect(used == ["first_br", "second_br"])
        #expect(world.refusedOrders == [])
        #expect(!world.ask("dpctl/dump-flows", []).contains("recirc("))
        let features = world.ask("dpif/show-dp-features", ["br0"])
        #expect(features.contains("Recirc: No\n"))
        #expect(features.contains("Explicit Drop action: No\n"))
        #expect(features.contains("Check pkt length action: Yes\n"))
        #expect(world.brokenInvariant == nil)
    }

    @Test func withoutLACPTheNeighboursAreTold() throws {
        var world = World(bondMode: "active-backup", lacp: nil)
        world.passTime(.seconds(1))
        _ = try world.send(frame(to: Self.hostB, from: Self.hostA), from: "p0")
        world.setCable(of: "first_br", isPulled: true)
        let learning = world.takeSent().filter { $0.bytes[12...13] == [0x80, 0x35] }
        #expect(learning.map { world.name(ofPort: $0.port) } == ["second_br"])
        #expect(learning.first.map { Array($0.bytes[6..<12]) } == Self.hostA)
    }

    @Test func aTraceSaysWhyABondRefuses() throws {
        var world = World(bondMode: "active-backup", lacp: nil)
        world.passTime(.seconds(1))
        let number = try #require(
            world.ask("dpif/show", []).split(separator: "\n").first { $0.contains("second_br") }?
                .split(separator: " ").dropFirst().first?.split(separator: "/").first)
        let text = world.ask(
            "ofproto/trace",
            ["br0", "in_port=\(number),dl_src=02:00:00:00:00:09,dl_dst=02:00:00:00:00:0a"])
        #expect(text.contains("the bond's active member is another one (bond_refused)"))
        #expect(text.contains("End: bond_refused"))
    }

    /// Cables are pulled, units lost and vswitchd restarted at random. Whatever happens, a frame
    /// is never doubled and never comes back; when it is over, everything is carried again.
    @Test(arguments: 0..<24)
    func noLastingLoopAndNoLastingBlackHole(seed: UInt64) throws {
        var chance = Chance(seed: seed)
        let mode = ["active-backup", "balance-slb", "balance-tcp"][chance.below(3)]
        let lacp: String? = mode == "balance-tcp" || chance.oneIn(2) ? "active" : nil
        var world = World(bondMode: mode, lacp: lacp)
        for _ in 0..<25 {
            switch chance.below(8) {
            case 0...2: world.setCable(of: "first_br", isPulled: chance.oneIn(2))
            case 3...5: world.setCable(of: "second_if", isPulled: chance.oneIn(2))
            case 6 where chance.oneIn(4): world.restartVswitchd()
            default: break
            }
            let losing = chance.below(4)
            var dice = Chance(seed: chance.next())
            world.passTime(.milliseconds(100 * (1 + chance.below(12)))) {
                losing > 0 && dice.oneIn(1 + 4 * losing)
            }
            for (bytes, from) in [
                (frame(to: Self.hostB, from: Self.hostA), "p0"),
                (frame(to: Self.hostA, from: Self.hostB), "p1"),
                (frame(to: everyone, from: Self.hostA), "p0"),
            ] {
                let fate = try world.send(bytes, from: from)
                let hosts = fate.arrivals.filter { $0.hasPrefix("p") }
                #expect(hosts.count <= 1 && !hosts.contains(from), "doubled: \(fate.arrivals)")
                #expect(fate.crossings.count <= 1, "goes round: \(fate.crossings)")
            }
        }
        world.setCable(of: "first_br", isPulled: false)
        world.setCable(of: "second_if", isPulled: false)
        world.passTime(.seconds(8))
        for (bytes, from, to) in [
            (frame(to: Self.hostB, from: Self.hostA), "p0", "p1"),
            (frame(to: Self.hostA, from: Self.hostB), "p1", "p0"),
            (frame(to: everyone, from: Self.hostA), "p0", "p1"),
        ] {
            let fate = try world.send(bytes, from: from)
            #expect(fate.arrivals.filter { $0.hasPrefix("p") } == [to], "\(mode), \(lacp ?? "off")")
        }
        let enabled = world.ask("bond/show", []).split(separator: "\n")
            .filter { $0.hasPrefix("member ") }
        #expect(enabled.count == 4 && enabled.allSatisfy { $0.hasSuffix(": enabled") })
        #expect(world.brokenInvariant == nil)
    }
}
