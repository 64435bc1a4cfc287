import DatapathMessages
import Flows
import Testing
import Timekeeping

@testable import Bridges

@Suite struct ReconnectionTests {
    @Test func callsAtOnceThenEverMoreSlowlyUpToTheBound() {
        var calls = Reconnection(now: .start)
        var now = Instant.start
        var pauses: [Int64] = []
        for _ in 0..<8 {
            let (first, second) = (calls.mustCall(now: now), calls.mustCall(now: now))
            #expect(first && !second, "one call at a time")
            calls.lost(now: now)
            guard let next = calls.deadline else { return }
            pauses.append(next.since(now).nanosecondsClamped / 1_000_000)
            now = next
        }
        #expect(pauses == [100, 200, 400, 800, 1600, 2000, 2000, 2000])
        _ = calls.mustCall(now: now)
        calls.connected()
        #expect(calls.deadline == nil)
        calls.lost(now: now)
        #expect(calls.deadline == now + .milliseconds(100), "soon again after a good connection")
    }
}

@Suite struct RecheckTests {
    private func expect(
        _ recheck: inout Recheck, turnOf slotCount: Int, atMost count: Int, is slots: Range<Int>
    ) {
        let turn = recheck.turn(of: slotCount, atMost: count)
        #expect(turn == slots)
    }

    @Test func aWalkIsCutIntoTurnsAndReachesWhatItBeganWith() {
        var recheck = Recheck()
        #expect(!recheck.isPending)
        recheck.begin()
        let generation = recheck.generation
        expect(&recheck, turnOf: 5, atMost: 2, is: 0..<2)
        expect(&recheck, turnOf: 5, atMost: 2, is: 2..<4)
        #expect(recheck.reached < generation)
        expect(&recheck, turnOf: 5, atMost: 2, is: 4..<5)
        #expect(recheck.reached == generation && !recheck.isPending)
        expect(&recheck, turnOf: 5, atMost: 2, is: 0..<0)
    }

    @Test func aChangeDuringAWalkAsksForAnother() {
        var recheck = Recheck()
        recheck.begin()
        let first = recheck.generation
        _ = recheck.turn(of: 4, atMost: 2)
        recheck.begin()
        _ = recheck.turn(of: 4, atMost: 2)
        #expect(recheck.reached == first)
        #expect(recheck.isPending)
        expect(&recheck, turnOf: 4, atMost: 9, is: 0..<4)
        #expect(!recheck.isPending)
    }

    @Test func theLastTurnOfAWalkChecksOnlyWhatAChangeConcerns() {
        var recheck = Recheck()
        recheck.begin()
        _ = recheck.turn(of: 1, atMost: 9)
        var entry = FlowLedgerTests.entry(1, generation: recheck.generation)
        let unknown = FlowLedgerTests.entry(2, generation: 0)
        for _ in 0..<3 {
            // Rules of a bridge that no cached flow met.
            recheck.begin(.tables([]))
            expect(&recheck, turnOf: 1, atMost: 9, is: 0..<1)
            let isConcerned = recheck.concerns(entry, inPort: nil)
            #expect(!isConcerned)
            let isUnknownConcerned = recheck.concerns(unknown, inPort: nil)
            #expect(isUnknownConcerned, "it was never checked")
            entry.generation = recheck.generation
        }
    }

    @Test func aTableThatShrinksEndsTheWalk() {
        var recheck = Recheck()
        recheck.begin()
        _ = recheck.turn(of: 10, atMost: 8)
        expect(&recheck, turnOf: 3, atMost: 8, is: 3..<3)
        #expect(!recheck.isPending)
        recheck.begin()
        expect(&recheck, turnOf: 0, atMost: 8, is: 0..<0)
        #expect(!recheck.isPending)
    }
}

@Suite struct FlowLedgerTests {
    static func identity(_ number: UInt32) -> FlowIdentity {
        var key = FlowKey()
        key.inPort = number
        var mask = FlowMask()
        mask.inPort = .max
        return FlowIdentity(key: key, mask: mask)
    }

    static func entry(_ number: UInt32, generation: UInt64) -> LedgerEntry {
        LedgerEntry(
            identity: identity(number), actions: [], rules: [], effects: [],
            generation: generation, since: .start, dump: 0)
    }

    /// Random orders beside a plain dictionary; the seed is in the loop.
    @Test func agreesWithADictionary() {
        var ledger = FlowLedger()
        var twin: [UInt32: UInt64] = [:]
        var state: UInt64 = 42
        for step in 0..<5_000 as Range<UInt64> {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let number = UInt32(state >> 33) % 50
            if state >> 60 < 9 {
                ledger.put(Self.entry(number, generation: step))
                twin[number] = step
            } else if let slot = ledger.slot(of: Self.identity(number)) {
                let removed = ledger.remove(slot)?.generation
                let expected = twin.removeValue(forKey: number)
                #expect(removed == expected)
            } else {
                #expect(twin[number] == nil)
            }
            #expect(ledger.count == twin.count)
            #expect(ledger.checkInvariants())
        }
        for (number, generation) in twin {
            let slot = ledger.slot(of: Self.identity(number))
            #expect(slot.flatMap { ledger[$0] }?.generation == generation)
        }
        #expect(ledger.slotCount <= 50)
        #expect(ledger.largestCount >= twin.count)
    }

    /// Ports that fall on one bit of the sieve (1, 65, 129) are told apart all the same.
    @Test func findsTheFlowsThatTouchAPort() {
        var ledger = FlowLedger()
        for number in 0..<300 as Range<UInt32> {
            var entry = Self.entry(number, generation: 1)
            entry.actions = [.popVLAN, .output(port: number + 1000)]
            ledger.put(entry)
        }
        #expect(ledger.slots(at: [65]) == [65], "by that it comes by")
        #expect(ledger.slots(at: [1129]) == [129], "and by those that it is sent to")
        #expect(ledger.slots(at: [7, 1003, 5000]) == [3, 7])
        let fresh = FlowDecision(actions: [.output(port: 4)], rules: [], effects: [])
        ledger.decide(129, fresh, generation: 2)
        ledger.remove(65)
        #expect(ledger.slots(at: [1129, 65]).isEmpty)
        #expect(ledger.slots(at: [4]) == [4, 129])
        #expect(ledger.checkInvariants())
    }

    @Test func bitsOutsideTheMaskDoNotMakeAnotherFlow() {
        var key = FlowKey()
        key.inPort = 7
        key.tpDst = 80
        var mask = FlowMask()
        mask.inPort = .max
        #expect(FlowIdentity(key: key, mask: mask) == Self.identity(7))
    }
}
