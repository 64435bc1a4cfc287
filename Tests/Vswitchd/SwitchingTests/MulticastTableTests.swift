import Flows
import Packets
import Switching
import Testing
import Timekeeping

private func at(_ seconds: Int) -> Instant { .start + .seconds(seconds) }

private func key(_ group: UInt32, vlan: UInt16 = 0) -> MulticastTable.Key {
    .init(vlan: vlan, group: IPv6Address(mapping: IPv4Address(bits: 0xef00_0000 | group)))
}

@Suite struct MulticastTableTests {
    @Test func membersComeGoAndAgeEachForItself() {
        var table = MulticastTable()
        table.join(key(1), port: 1, now: at(0))
        table.join(key(1), port: 2, now: at(10))
        table.join(key(1, vlan: 7), port: 3, now: at(20))
        #expect(table.members(of: key(1)) == [1, 2])
        #expect(table.members(of: key(1, vlan: 7)) == [3])
        #expect(table.members(of: key(2)) == nil)
        table.join(key(1), port: 1, now: at(30))
        #expect(table.members(of: key(1)) == [2, 1], "the one reported longest ago first")
        table.expire(now: at(309))
        #expect(table.members(of: key(1)) == [2, 1])
        table.expire(now: at(310))
        #expect(table.members(of: key(1)) == [1])
        table.expire(now: at(330))
        #expect(table.members(of: key(1)) == nil)
        #expect(table.count == 0 && table.nextDeadline == nil)
        #expect(table.statistics.learned == 3 && table.statistics.expired == 3)
    }

    @Test func aGroupThatAllHaveLeftIsKnownForAWhile() {
        var table = MulticastTable()
        table.join(key(1), port: 1, now: at(0))
        table.leave(key(1), port: 9)
        #expect(table.members(of: key(1)) == [1])
        table.leave(key(1), port: 1)
        #expect(table.members(of: key(1)) == [])
        table.expire(now: at(299))
        #expect(table.members(of: key(1)) == [])
        table.expire(now: at(300))
        #expect(table.members(of: key(1)) == nil)
    }

    @Test func generationMovesWithAnswersOnly() {
        var table = MulticastTable()
        func moves(_ change: (inout MulticastTable) -> Void) -> Bool {
            let before = table.generation
            change(&table)
            return table.generation != before
        }
        #expect(moves { $0.join(key(1), port: 1, now: at(0)) })
        #expect(!moves { $0.join(key(1), port: 1, now: at(1)) })
        #expect(moves { $0.heardRouter(inVLAN: 0, port: 2, now: at(1)) })
        #expect(!moves { $0.heardRouter(inVLAN: 0, port: 2, now: at(2)) })
        #expect(!moves { $0.join(key(5), port: 2, now: at(2)) }, "a router's port gets it anyway")
        #expect(!moves { $0.expire(now: at(100)) })
        #expect(moves { $0.expire(now: at(182)) })
        #expect(table.routers(inVLAN: 0).isEmpty)
        #expect(moves { $0.leave(key(1), port: 1) })
        #expect(!moves { $0.leave(key(1), port: 1) })
        #expect(moves { $0.flush() })
        #expect(
            moves { $0.configure(limit: 10, ageing: .seconds(300), floodsUnregistered: false) })
    }

    /// One below, at, and one above the bound.
    @Test func theGroupReportedLongestAgoMakesRoom() {
        var table = MulticastTable()
        table.configure(limit: 1, ageing: .seconds(1), floodsUnregistered: true)
        #expect(table.limit == 10 && table.ageing == .seconds(15), "forced into their ranges")
        for number in 0..<9 as Range<UInt32> { table.join(key(number), port: 1, now: at(0)) }
        #expect(table.count == 9)
        table.join(key(9), port: 1, now: at(1))
        table.join(key(0), port: 2, now: at(2))
        #expect(table.count == 10 && table.statistics.evicted == 0)
        table.join(key(10), port: 1, now: at(3))
        #expect(table.count == 10 && table.statistics.evicted == 1)
        #expect(table.members(of: key(1)) == nil)
        #expect(table.members(of: key(0)) == [1, 2], "it was reported again")
    }

    @Test func routersAreBoundedToo() {
        var table = MulticastTable()
        for vlan in 0...UInt16(Limits.multicastRouters) {
            table.heardRouter(inVLAN: vlan, port: 1, now: at(0))
        }
        #expect(table.routers.count == Limits.multicastRouters)
        #expect(table.routers(inVLAN: 0).isEmpty && table.routers(inVLAN: 1) == [1])
    }

    @Test func aPortIsForgottenAlone() {
        var table = MulticastTable()
        for port in 1...3 as ClosedRange<UInt32> {
            table.join(key(port), port: port, now: at(0))
            table.join(key(9), port: port, now: at(0))
        }
        table.heardRouter(inVLAN: 4, port: 2, now: at(0))
        table.flush(port: 2)
        #expect(table.members(of: key(2)) == nil)
        #expect(table.members(of: key(9)) == [1, 3])
        #expect(table.routers.isEmpty)
        table.flush()
        #expect(table.count == 0 && table.allGroups.isEmpty)
    }

    /// Random orders beside plain dictionaries.
    @Test(arguments: UInt64(1)...20)
    func agreesWithASlowTwin(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var table = MulticastTable()
        var twin: [MulticastTable.Key: [UInt32: Instant]] = [:]
        var reported: [MulticastTable.Key: Instant] = [:]
        for second in 0..<600 {
            let group = key(UInt32(generator.next() % 6))
            let port = UInt32(generator.next() % 4)
            switch generator.next() % 8 {
            case 0:
                table.leave(group, port: port)
                twin[group]?[port] = nil
            case 1:
                table.expire(now: at(second))
                for (group, members) in twin {
                    let living = members.filter { $0.value + .seconds(300) > at(second) }
                    let isOver = (reported[group] ?? .start) + .seconds(300) <= at(second)
                    let lostAll = living.isEmpty && !members.isEmpty
                    twin[group] = living.isEmpty && (isOver || lostAll) ? nil : living
                }
            default:
                guard second % 3 != 0 else { continue }
                table.join(group, port: port, now: at(second))
                twin[group, default: [:]][port] = at(second)
                reported[group] = at(second)
            }
            for number in 0..<6 as Range<UInt32> {
                #expect(
                    table.members(of: key(number))?.sorted()
                        == twin[key(number)]?.keys.sorted(), "seed \(seed), second \(second)")
            }
            #expect(table.count == twin.count)
        }
    }
}

@Suite struct MulticastDecisionTests {
    private static func makeSwitch() -> NormalSwitch {
        var normal = NormalSwitch()
        var ports = (1...6).map { SwitchPort(id: $0, name: "p\($0)", members: [UInt16($0)]) }
        ports[4].floodsMulticast = true
        ports[5].floodsReports = true
        normal.setPorts(ports)
        return normal
    }

    private static func outputs(
        _ kind: MulticastKind, floods: Bool = true, from port: UInt16 = 1
    ) -> [UInt16] {
        var table = MulticastTable()
        table.configure(limit: 10, ageing: .seconds(300), floodsUnregistered: floods)
        table.join(key(1), port: 2, now: at(0))
        table.join(key(1), port: 1, now: at(0))
        table.heardRouter(inVLAN: 0, port: 3, now: at(0))
        var frame = NormalFrame(
            inPort: port, source: MACAddress(bits: 2),
            destination: MACAddress(bits: 0x0100_5e00_0001), tci: 0, etherType: EtherType.ipv4)
        frame.multicast = kind
        return makeSwitch().decide(frame, table: MACTable(), groups: table).outputs.map(\.port)
    }

    @Test func everyKindGoesWhereRFC4541Says() {
        #expect(Self.outputs(.report) == [3, 6], "routers, and who wants reports")
        #expect(Self.outputs(.query) == [2, 3, 4, 5, 6])
        #expect(Self.outputs(.local) == [2, 3, 4, 5, 6])
        #expect(Self.outputs(.data(key(1).group)) == [2, 5, 3])
        #expect(Self.outputs(.data(key(1).group), from: 2) == [1, 5, 3])
        #expect(Self.outputs(.data(key(2).group)) == [2, 3, 4, 5, 6])
        #expect(Self.outputs(.data(key(2).group), floods: false) == [3, 5])
        #expect(Self.outputs(.data(key(2).group), floods: false, from: 3) == [5])
    }
}

@Suite struct MACFloodTests {
    /// A million invented addresses on one port; nothing that others have taught is lost.
    @Test func aFloodEvictsItself() {
        var table = MACTable()
        let limit = UInt64(table.limit)
        for host in 0..<200 as Range<UInt64> {
            let port = UInt32(host % 10) + 2
            table.learn(
                .init(vlan: 0, mac: MACAddress(bits: 0x0200_0000_0000 | host)), on: port,
                now: at(0))
        }
        for number in 0..<1_000_000 as Range<UInt64> {
            table.learn(
                .init(vlan: 0, mac: MACAddress(bits: 0x0600_0000_0000 | number)), on: 1,
                now: at(1))
        }
        for host in 0..<200 as Range<UInt64> {
            let entry = table.lookup(
                .init(vlan: 0, mac: MACAddress(bits: 0x0200_0000_0000 | host)))
            #expect(entry?.port == UInt32(host % 10) + 2)
        }
        #expect(table.count == Int(limit))
        #expect(table.evictionCount == 1_000_000 + 200 - limit)
    }
}
