import DatapathMessages
import Flows
import OpenFlow
import Packets
import Pipeline
import Testing
import Timekeeping

@testable import Bridges

// Which cached flows a change of rules concerns.

@Suite struct RecheckScopeTests {
    private func entry(tables: [UInt8], destination: UInt64 = 1) -> LedgerEntry {
        var (key, mask) = (FlowKey(), FlowMask())
        (key.inPort, mask.inPort) = (11, .max)
        (key.ethDst, mask.ethDst) = (MACAddress(bits: destination), .broadcast)
        return LedgerEntry(
            identity: FlowIdentity(key: key, mask: mask), actions: [],
            rules: tables.map { RuleReference(bridge: 0, table: $0, rule: nil) }, effects: [],
            generation: 1, since: .start, dump: 0)
    }

    /// What adding a rule changes.
    private func scope(table: UInt8, _ match: Match) throws -> RecheckScope {
        var tables = FlowTables()
        _ = try tables.apply(
            FlowMod(command: .add, table: table, match: match), asOpenFlow10: false, now: .start)
        return .tables([(0, tables.takeChanges())])
    }

    private func match(_ field: FlowField, _ value: UInt64) -> Match {
        var match = Match()
        match.set(field, to: FieldValue(low: value))
        return match
    }

    @Test func flowsThatMetOtherTablesArePassedOver() throws {
        let scope = try scope(table: 2, Match())
        #expect(scope.concerns(entry(tables: [0, 2]), inPort: PortNumber(1)))
        #expect(!scope.concerns(entry(tables: [0, 1]), inPort: PortNumber(1)))
    }

    @Test func flowsThatMetAHigherPriorityArePassedOver() throws {
        var tables = FlowTables()
        let mod = FlowMod(command: .add, table: 2, priority: 100)
        _ = try tables.apply(mod, asOpenFlow10: false, now: .start)
        let scope = RecheckScope.tables([(0, tables.takeChanges())])
        for (priority, isConcerned) in [(99, true), (100, true), (101, false), (0, true)] {
            var flow = entry(tables: [2])
            flow.rules[0].priority = UInt16(priority)
            #expect(scope.concerns(flow, inPort: PortNumber(1)) == isConcerned, "\(priority)")
        }
    }

    @Test func inTheFirstTableTheRuleItselfIsHeldAgainstTheFlow() throws {
        let flow = entry(tables: [0], destination: 5)
        let port = PortNumber(1)
        #expect(try scope(table: 0, match(.ethDst, 5)).concerns(flow, inPort: port))
        #expect(try !scope(table: 0, match(.ethDst, 6)).concerns(flow, inPort: port))
        #expect(try scope(table: 0, match(.inPort, 1)).concerns(flow, inPort: port))
        #expect(try !scope(table: 0, match(.inPort, 2)).concerns(flow, inPort: port))
        // The flow does not look at the source: some of its packets may have it.
        #expect(try scope(table: 0, match(.ethSrc, 9)).concerns(flow, inPort: port))
        // No packet has a register when it comes.
        #expect(try !scope(table: 0, match(.reg(0), 9)).concerns(flow, inPort: port))
        // A second lookup of the table sees a packet that may have been changed.
        #expect(
            try scope(table: 0, match(.ethDst, 6)).concerns(entry(tables: [0, 0]), inPort: port))
    }

    @Test func aWalkForgetsScopesThatAllHaveReached() {
        var recheck = Recheck()
        recheck.begin(.tables([]))
        let calm = entry(tables: [0])
        #expect(!recheck.concerns(calm, inPort: nil))
        recheck.begin(.all)
        #expect(recheck.concerns(calm, inPort: nil))
        _ = recheck.turn(of: 1, atMost: 9)
        var fresh = calm
        fresh.generation = recheck.generation
        recheck.begin(.tables([]))
        #expect(!recheck.concerns(fresh, inPort: nil))
        #expect(recheck.concerns(calm, inPort: nil), "it missed what was forgotten")
    }

    @Test func whatChangesDuringAWalkIsKeptForTheNext() throws {
        var recheck = Recheck()
        recheck.begin(.tables([]))
        _ = recheck.turn(of: 2, atMost: 1)
        var early = entry(tables: [0])
        early.generation = recheck.generation
        recheck.begin(try scope(table: 0, Match()))
        _ = recheck.turn(of: 2, atMost: 1)
        #expect(recheck.isPending, "the first entries have not been held against the change")
        recheck.begin(.tables([]))
        #expect(recheck.concerns(early, inPort: nil))
    }
}

extension RecheckScope {
    func concerns(_ entry: LedgerEntry, inPort: PortNumber?) -> Bool {
        var ledger = FlowLedger()
        ledger.put(entry)
        return concerns(ledger, 0, inPort: inPort)
    }
}

extension Recheck {
    func concerns(_ entry: LedgerEntry, inPort: PortNumber?) -> Bool {
        var ledger = FlowLedger()
        ledger.put(entry)
        return concerns(ledger, 0, inPort: inPort)
    }
}
