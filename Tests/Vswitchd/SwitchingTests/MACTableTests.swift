import Packets
import Switching
import Testing
import Timekeeping

private func key(_ number: UInt64, vlan: UInt16 = 0) -> MACTable.Key {
    MACTable.Key(vlan: vlan, mac: MACAddress(bits: number))
}

private func at(_ seconds: Int64) -> Instant { .start + .seconds(seconds) }

@Suite struct MACTableTests {
    @Test func learnsMovesAndForgets() {
        var table = MACTable()
        #expect(table.learn(key(1), on: 1, now: at(0)) == .added)
        #expect(table.takeChanges() == .some([key(1)]))
        #expect(table.learn(key(1), on: 1, now: at(100)) == .refreshed)
        #expect(table.takeChanges() == .some([]))
        #expect(table.learn(key(1), on: 2, now: at(200)) == .moved(from: 1))
        #expect(table.takeChanges() == .some([key(1)]))
        #expect(table.nextDeadline == at(500))
        table.expire(now: at(499))
        #expect(table.lookup(key(1))?.port == 2)
        table.expire(now: at(500))
        #expect(table.lookup(key(1)) == nil)
        #expect(table.takeChanges() == .some([key(1)]))
        #expect(table.nextDeadline == nil)
    }

    @Test func aVLANIsPartOfTheAddress() {
        var table = MACTable()
        table.learn(key(1, vlan: 5), on: 1, now: at(0))
        table.learn(key(1, vlan: 6), on: 2, now: at(0))
        #expect(table.lookup(key(1, vlan: 5))?.port == 1)
        #expect(table.lookup(key(1, vlan: 6))?.port == 2)
        #expect(table.lookup(key(1, vlan: 7)) == nil)
    }

    @Test func groupAddressesAreNeverLearned() {
        var table = MACTable()
        let group = MACTable.Key(vlan: 0, mac: .broadcast)
        #expect(table.learn(group, on: 1, now: at(0)) == .ignored)
        #expect(table.count == 0)
    }

    @Test func whoeverFloodsTheTableEvictsHimself() {
        var table = MACTable(limit: 10)
        for number in 1...4 { table.learn(key(UInt64(number)), on: 1, now: at(Int64(number))) }
        for number in 100..<106 { table.learn(key(UInt64(number)), on: 2, now: at(10)) }
        #expect(table.count == 10)
        for number in 200..<1000 { table.learn(key(UInt64(number)), on: 2, now: at(20)) }
        #expect(table.count == 10)
        #expect(table.evictionCount == 800)
        #expect((1...4).allSatisfy { table.lookup(key($0))?.port == 1 })
        #expect(table.lookup(key(999))?.port == 2)
        #expect(table.lookup(key(993)) == nil)
    }

    @Test func staticEntriesNeitherAgeNorMoveNorGiveWay() {
        var table = MACTable(limit: 10)
        table.addStatic(key(1), on: 1, now: at(0))
        #expect(table.learn(key(1), on: 2, now: at(1)) == .ignored)
        table.expire(now: at(100_000))
        #expect(table.lookup(key(1))?.port == 1)
        for number in 2...10 {
            let fits = table.addStatic(key(UInt64(number)), on: 1, now: at(0))
            #expect(fits)
        }
        let fits = table.addStatic(key(11), on: 1, now: at(0))
        #expect(!fits)
        #expect(table.learn(key(11), on: 1, now: at(0)) == .ignored)
        table.flush()
        #expect(table.count == 10)
        table.flush(port: 1, includingStatic: true)
        #expect(table.count == 0)
    }

    @Test func flushesOnePort() {
        var table = MACTable()
        table.learn(key(1), on: 1, now: at(0))
        table.learn(key(2), on: 2, now: at(0))
        table.learn(key(3), on: 1, now: at(0))
        _ = table.takeChanges()
        table.flush(port: 1)
        #expect(table.entries().map(\.key) == [key(2)])
        #expect(table.takeChanges() == .some([key(1), key(3)]))
    }

    @Test(arguments: [(1024, false), (1025, true)])
    func manyChangesAreSaidToBeAll(changes: Int, isAll: Bool) {
        var table = MACTable()
        for number in 0..<changes { table.learn(key(UInt64(number)), on: 1, now: at(0)) }
        #expect((table.takeChanges() == .all) == isAll)
        #expect(table.takeChanges() == .some([]))
    }

    @Test func boundsAreForcedIntoTheirRanges() {
        var table = MACTable(limit: 1, ageing: .seconds(1))
        #expect(table.limit == 10)
        #expect(table.ageing == .seconds(15))
        for number in 0..<30 { table.learn(key(UInt64(number)), on: 1, now: at(Int64(number))) }
        table.configure(limit: 2_000_000, ageing: .seconds(1_000_000))
        #expect(table.limit == 1_000_000)
        #expect(table.ageing == .seconds(3600))
        #expect(table.count == 10)
    }

    /// Against a slow twin: a list in the order of use.
    @Test(arguments: UInt64(1)...20)
    func behavesLikeAListInOrderOfUse(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var table = MACTable(limit: 12, ageing: .seconds(20))
        var twin: [(key: MACTable.Key, port: UInt32, usedAt: Int64)] = []
        for second in 0..<400 {
            let now = Int64(second)
            let address = key(UInt64(generator.below(20)), vlan: UInt16(generator.below(2)))
            let port = UInt32(generator.below(4))
            switch generator.below(20) {
            case 0:
                table.flush(port: port)
                twin.removeAll { $0.port == port }
            case 1:
                table.expire(now: at(now))
                twin.removeAll { $0.usedAt + 20 <= now }
            default:
                table.learn(address, on: port, now: at(now))
                if let index = twin.firstIndex(where: { $0.key == address }) {
                    twin.remove(at: index)
                } else if twin.count == 12 {
                    let largest = (0..<4).max { a, b in
                        let left = twin.count { $0.port == a }
                        let right = twin.count { $0.port == b }
                        return (left, b) < (right, a)
                    }
                    twin.remove(at: twin.firstIndex { $0.port == UInt32(largest ?? 0) } ?? 0)
                }
                twin.append((address, port, now))
            }
            let sorted = twin.sorted { $0.key < $1.key }
            #expect(table.entries().map(\.key) == sorted.map(\.key), "seed \(seed), \(second) s")
            #expect(table.entries().map(\.port) == sorted.map(\.port))
            #expect(table.nextDeadline == twin.first.map { at($0.usedAt + 20) })
        }
    }
}
