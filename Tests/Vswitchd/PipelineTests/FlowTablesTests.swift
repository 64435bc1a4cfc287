import Flows
import OpenFlow
import Pipeline
import PipelineTwin
import Testing
import Timekeeping

// Flow mods: OpenFlow 1.0 §4.6, 1.3.5 §6.4; what the standard leaves open, as Open vSwitch.

private func mod(
    _ command: FlowMod.Command, _ match: Match = Match(), table: UInt8? = 0,
    priority: UInt16 = 10, output: UInt16 = 1, cookie: UInt64 = 0, cookieMask: UInt64 = 0,
    idle: UInt16 = 0, hard: UInt16 = 0, flags: FlowMod.Flags = [], outPort: PortNumber? = nil
) -> FlowMod {
    FlowMod(
        command: command, table: table, priority: priority, match: match, cookie: cookie,
        cookieMask: cookieMask, idleTimeout: idle, hardTimeout: hard, outPort: outPort,
        flags: flags, instructions: Instructions(apply: [.output(output)]))
}

private let ip = Match([.ethType: 0x0800])
private let host = Match([.ethType: 0x0800, .ipv4Dst: 0x0a00_0001])
private let arp = Match([.ethType: 0x0806])

/// Three rules: ip and host in table 0, arp in table 1.
private func makeTables() throws -> FlowTables {
    var tables = FlowTables(ruleLimit: 5)
    for mod in [
        mod(.add, ip, output: 1, cookie: 0x11, flags: .sendFlowRemoved),
        mod(.add, host, priority: 20, output: 2, cookie: 0x21, flags: .sendFlowRemoved),
        mod(.add, arp, table: 1, output: 3, cookie: 0x12, flags: .sendFlowRemoved),
    ] { _ = try tables.apply(mod, asOpenFlow10: false, now: at(0)) }
    return tables
}

extension FlowTables {
    fileprivate func dump(_ now: Instant = .start) -> [FlowDescription] {
        descriptions(matching: FlowFilter(), now: now)
    }
    /// Output port of each rule, in the order of a dump.
    fileprivate var outputs: [UInt16] {
        dump().map { rule in
            guard case .output(let port, _) = rule.instructions.apply.first else { return 0 }
            return port.rawValue
        }
    }
}

@Suite struct FlowTablesTests {
    struct Deletion: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var mod: FlowMod
        /// Outputs of the rules that stay.
        var left: [UInt16]
    }
    @Test(arguments: [
        Deletion(testDescription: "all tables", mod: mod(.delete, table: nil), left: []),
        Deletion(testDescription: "255 is all tables", mod: mod(.delete, table: 255), left: []),
        Deletion(testDescription: "one table", mod: mod(.delete, table: 0), left: [3]),
        Deletion(testDescription: "and what is more specific", mod: mod(.delete, ip), left: [3]),
        Deletion(testDescription: "not less specific", mod: mod(.delete, host), left: [1, 3]),
        Deletion(
            testDescription: "strict", mod: mod(.deleteStrict, ip, priority: 10), left: [2, 3]),
        Deletion(
            testDescription: "strict looks at priority", mod: mod(.deleteStrict, ip, priority: 11),
            left: [2, 1, 3]),
        Deletion(
            testDescription: "strict in all tables",
            mod: mod(.deleteStrict, arp, table: nil, priority: 10), left: [2, 1]),
        Deletion(
            testDescription: "by output", mod: mod(.delete, table: nil, outPort: PortNumber(2)),
            left: [1, 3]),
        Deletion(
            testDescription: "output NONE is any",
            mod: mod(.delete, table: nil, outPort: PortNumber.none),
            left: []),
        Deletion(
            testDescription: "by cookie", mod: mod(.delete, table: nil, cookie: 1, cookieMask: 0xf),
            left: [3]),
    ])
    func deletes(_ row: Deletion) throws {
        var tables = try makeTables()
        #expect(tables.outputs == [2, 1, 3])
        let outcome = try tables.apply(row.mod, asOpenFlow10: false, now: at(7))
        #expect(tables.outputs == row.left)
        #expect(outcome.removed.count == 3 - row.left.count)
        #expect(outcome.removed.allSatisfy { $0.reason == .delete })
        #expect(outcome.removed.allSatisfy { $0.flow.durationNanoseconds == 7_000_000_000 })
    }

    @Test func addReplacesAndKeepsOrResetsCounters() throws {
        for (asOpenFlow10, flags, expected) in [
            (false, [], 5), (false, .resetCounts, 0), (true, [], 0),
        ] as [(Bool, FlowMod.Flags, UInt64)] {
            var tables = try makeTables()
            var mask = PipelineMask()
            let id = try #require(tables.lookup(table: 0, key: ip.key, mask: &mask))
            tables.credit(rule: id, packets: 5, bytes: 500, usedAt: at(3))
            let outcome = try tables.apply(
                mod(.add, ip, output: 9, flags: flags), asOpenFlow10: asOpenFlow10, now: at(4))
            #expect(outcome.removed.isEmpty)
            let rule = try #require(tables.dump().first { $0.match == ip })
            #expect(tables.outputs == [2, 9, 3])
            #expect(rule.packets == expected)
            #expect(rule.cookie == 0)
        }
    }

    @Test func modifyChangesActionsAndNothingElse() throws {
        var tables = try makeTables()
        let before = tables.generation
        let outcome = try tables.apply(
            mod(.modify, ip, output: 8, cookie: 0x99, idle: 5), asOpenFlow10: false, now: at(2))
        #expect(outcome.modifiedCount == 2)
        #expect(tables.outputs == [8, 8, 3])
        #expect(tables.dump().map(\.cookie) == [0x21, 0x11, 0x12])
        #expect(tables.dump().map(\.idleTimeout) == [0, 0, 0])
        #expect(tables.generation > before)
        var renaming = mod(.modifyStrict, ip, output: 7)
        renaming.newCookie = 0x99
        _ = try tables.apply(renaming, asOpenFlow10: true, now: at(2))
        #expect(tables.outputs == [8, 7, 3])
        #expect(tables.dump().map(\.cookie) == [0x21, 0x99, 0x12])
    }

    @Test func modifyAddsOnlyInOpenFlow10() throws {
        let missing = Match([.inPort: 3])
        for asOpenFlow10 in [false, true] {
            var tables = try makeTables()
            let outcome = try tables.apply(
                mod(.modifyStrict, missing), asOpenFlow10: asOpenFlow10, now: at(0))
            #expect(outcome.addedCount == (asOpenFlow10 ? 1 : 0))
            #expect(tables.count == (asOpenFlow10 ? 4 : 3))
        }
    }

    @Test(
        arguments: [
            (mod(.add, table: 255), .badTable(255)), (mod(.modify, table: 255), .badTable(255)),
            (mod(.add, Match([.ipv4Dst: 5]), flags: .checkOverlap), .overlap),
            (with([.output(port: .none, maxLength: 0)]), .badOutputPort(.none)),
            (with([.setField(.ethType, FieldValue(low: 1))]), .fieldNotWritable("eth_type")),
            (with([.setField(.nwProto, FieldValue(low: 1))]), .fieldNotWritable("nw_proto")),
            (
                with([.load(FieldRange(.ethSrc, offset: 40, width: 9), FieldValue(low: 1))]),
                .badFieldRange("eth_src")
            ),
            (
                with([.load(FieldRange(.ethSrc, offset: -1, width: 2), FieldValue(low: 1))]),
                .badFieldRange("eth_src")
            ),
            (
                FlowMod(command: .add, table: 3, instructions: Instructions(gotoTable: 3)),
                .badGotoTable(3)
            ),
        ] as [(FlowMod, FlowModError)])
    func refuses(_ mod: FlowMod, with error: FlowModError) throws {
        var tables = try makeTables()
        let before = tables.dump()
        #expect(throws: error) { try tables.apply(mod, asOpenFlow10: false, now: at(0)) }
        #expect(tables.dump() == before)
    }

    private static func with(_ actions: [Action]) -> FlowMod {
        FlowMod(command: .add, instructions: Instructions(apply: actions))
    }

    @Test func aFullTableRefusesNewRulesOnly() throws {
        var tables = try makeTables()
        for port in 1...2 {
            let match = Match([.inPort: UInt64(port)])
            _ = try tables.apply(mod(.add, match), asOpenFlow10: false, now: at(0))
        }
        let sixth = mod(.add, Match([.inPort: 6]))
        #expect(throws: FlowModError.tableFull(limit: 5)) {
            try tables.apply(sixth, asOpenFlow10: false, now: at(0))
        }
        _ = try tables.apply(mod(.add, ip, output: 4), asOpenFlow10: false, now: at(0))
        #expect(tables.count == 5)
    }

    @Test func timeoutsEndRules() throws {
        var tables = FlowTables()
        for mod in [
            mod(.add, ip, output: 1, idle: 10, flags: .sendFlowRemoved),
            mod(.add, arp, output: 2, hard: 15, flags: .sendFlowRemoved),
            mod(.add, host, output: 3, idle: 12),
        ] { _ = try tables.apply(mod, asOpenFlow10: false, now: at(0)) }
        #expect(tables.nextDeadline == at(10))
        var mask = PipelineMask()
        let id = try #require(tables.lookup(table: 0, key: ip.key, mask: &mask))
        tables.credit(rule: id, packets: 1, bytes: 60, usedAt: at(8))
        #expect(tables.expire(now: at(10)).isEmpty)
        #expect(tables.nextDeadline == at(12))
        #expect(tables.expire(now: at(12)).isEmpty)
        #expect(tables.count == 2)
        let hard = tables.expire(now: at(15))
        #expect(hard.map(\.reason) == [.hardTimeout])
        #expect(hard.map(\.flow.match) == [arp])
        let idle = tables.expire(now: at(18))
        #expect(idle.map(\.reason) == [.idleTimeout])
        #expect(idle.map(\.flow.packets) == [1])
        #expect(tables.nextDeadline == nil)
        #expect(tables[rule: id] == nil)
    }

    @Test func statisticsAddUp() throws {
        var tables = try makeTables()
        var mask = PipelineMask()
        let id = try #require(tables.lookup(table: 0, key: host.key, mask: &mask))
        tables.credit(rule: id, packets: 3, bytes: 300, usedAt: at(2))
        let sum = tables.aggregate(matching: FlowFilter(match: ip))
        #expect((sum.packets, sum.bytes, sum.flows) == (3, 300, 2))
        let statistics = tables.tableStatistics()
        #expect(statistics.count == 254)
        #expect(statistics.prefix(3).map(\.activeCount) == [2, 1, 0])
        #expect(tables.dump(at(5)).first?.idleAgeSeconds == 3)
        #expect(tables.dump(at(5)).first?.hardAgeSeconds == 5)
    }

    @Test func learningTwiceOnlyRestartsTheHardTimeout() throws {
        var tables = FlowTables()
        let taught = mod(.modifyStrict, ip, hard: 10)
        #expect(try tables.learn(taught, now: at(0)))
        let generation = tables.generation
        #expect(try !tables.learn(taught, now: at(5)))
        #expect(tables.generation == generation)
        #expect(tables.expire(now: at(10)).isEmpty)
        #expect(tables.count == 1)
        _ = tables.expire(now: at(15))
        #expect(tables.count == 0)
    }

    @Test func learnedRulesGoWithTheLastRuleThatLearns() throws {
        var tables = FlowTables()
        let learn = Action.learn(LearnAction(table: 5, cookie: 0x77, flags: 2))
        for priority: UInt16 in [1, 2] {
            let rule = FlowMod(
                command: .add, priority: priority, instructions: Instructions(apply: [learn]))
            _ = try tables.apply(rule, asOpenFlow10: false, now: at(0))
        }
        try tables.learn(mod(.modifyStrict, ip, table: 5, cookie: 0x77), now: at(0))
        try tables.learn(mod(.modifyStrict, arp, table: 5, cookie: 0x78), now: at(0))
        let first = mod(.deleteStrict, priority: 1)
        #expect(try tables.apply(first, asOpenFlow10: false, now: at(1)).removedCount == 1)
        let second = mod(.deleteStrict, priority: 2)
        #expect(try tables.apply(second, asOpenFlow10: false, now: at(1)).removedCount == 2)
        #expect(tables.dump().map(\.cookie) == [0x78])
    }
}
