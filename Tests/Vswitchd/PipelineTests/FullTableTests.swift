import Flows
import OpenFlow
import Packets
import Pipeline
import PipelineTwin
import Testing

// Tables that are full, that go back to how they were, and that tell what changed.

private func add(
    _ number: UInt64, table: UInt8 = 0, importance: UInt16 = 0, hard: UInt16 = 0
) -> FlowMod {
    var mod = FlowMod(
        command: .add, table: table, match: Match([.ethDst: number]), hardTimeout: hard,
        flags: [.sendFlowRemoved], instructions: Instructions(apply: [.output(2)]))
    mod.importance = importance
    return mod
}

extension FlowTables {
    @discardableResult
    fileprivate mutating func put(_ mod: FlowMod) throws(FlowModError) -> FlowModOutcome {
        try apply(mod, asOpenFlow10: false, now: .start)
    }

    fileprivate var numbers: [UInt64] {
        descriptions(matching: FlowFilter(), now: .start)
            .map { FlowField.ethDst.read($0.match.key).low }.sorted()
    }
}

@Suite struct FullTableTests {
    @Test func aFullTableRefusesOneMoreRuleButNotAChange() throws {
        var tables = FlowTables()
        _ = tables.configure(table: 0, name: "first", limit: 2, evicts: false, now: .start)
        try tables.put(add(1))
        try tables.put(add(2))
        #expect(throws: FlowModError.tableFull(limit: 2)) { try tables.put(add(3)) }
        try tables.put(add(2))
        try tables.put(add(3, table: 1))
        #expect(tables.numbers == [1, 2, 3])
        #expect(tables.settings(of: 0).name == "first")
    }

    @Test func theOneThatWouldGoFirstMakesWay() throws {
        var tables = FlowTables()
        _ = tables.configure(table: 0, name: "", limit: 3, evicts: true, now: .start)
        try tables.put(add(1))
        try tables.put(add(2, hard: 20))
        try tables.put(add(3, hard: 10))
        let outcome = try tables.put(add(4, hard: 30))
        #expect(outcome.removed.map(\.reason) == [.eviction])
        #expect(tables.numbers == [1, 2, 4])
        #expect(
            tables.configure(table: 0, name: "", limit: 1, evicts: true, now: .start).count == 2)
        #expect(tables.numbers == [1], "without a timeout it stays")
        #expect(throws: FlowModError.tableFull(limit: 1)) { try tables.put(add(5)) }
    }

    @Test func theLeastImportantMakesWayIfAControllerSaysSo() throws {
        var tables = FlowTables()
        _ = tables.configure(table: 0, name: "", limit: 2, evicts: false, now: .start)
        try tables.apply(TableMod(table: 0, evicts: true))
        try tables.put(add(1, importance: 5))
        try tables.put(add(2, importance: 3))
        try tables.put(add(3, importance: 4))
        #expect(tables.numbers == [1, 3])
        #expect(tables.tableDescriptions()[0].evicts)
        #expect(throws: FlowModError.badTable(255)) {
            try tables.apply(TableMod(table: 255, evicts: true))
        }
    }

    @Test func goingBackForgetsRulesGroupsAndNoName() throws {
        var tables = FlowTables()
        try tables.put(add(1))
        let before = tables
        let old = tables.generation
        try tables.put(add(2))
        _ = try tables.apply(GroupMod(command: .add, group: 1), now: .start)
        let between = tables.generation
        tables.restore(before)
        #expect(tables.numbers == [1])
        #expect(tables.groups.count == 0)
        #expect(tables.generation > between && between > old)
        #expect(tables.takeChanges().isAll)
    }

    /// A copy is a picture: whatever happens to the original, the copy answers as before.
    @Test func copiesDoNotSeeWhatHappensLater() throws {
        var tables = FlowTables()
        for number in 0..<300 as Range<UInt64> { try tables.put(add(number)) }
        let picture = tables
        for number in 0..<300 as Range<UInt64> where number % 3 == 0 {
            try tables.put(
                FlowMod(command: .delete, match: Match([.ethDst: number]), flags: []))
        }
        #expect(picture.numbers.count == 300 && tables.numbers.count == 200)
        var key = PipelineKey()
        key.packet.ethDst = MACAddress(bits: 3)
        var mask = PipelineMask()
        #expect(picture.lookup(table: 0, key: key, mask: &mask) != nil)
        #expect(tables.lookup(table: 0, key: key, mask: &mask) == nil)
    }

    @Test func changesNameTablesAndTheFirstTablesRules() throws {
        var tables = FlowTables()
        try tables.put(add(1))
        try tables.put(add(2, table: 3))
        let changes = tables.takeChanges()
        #expect((0...4).map { changes.concern(table: $0) } == [true, false, false, true, false])
        #expect(changes.firstTable?.count == 1 && !changes.isAll)
        #expect(tables.takeChanges().isEmpty)
        for number in 0..<100 as Range<UInt64> { try tables.put(add(10 + number)) }
        #expect(tables.takeChanges().firstTable == nil)
    }
}
