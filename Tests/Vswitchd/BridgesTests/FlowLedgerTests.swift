import DatapathMessages
import Flows
import Packets
import Pipeline
import Switching
import Testing
import Timekeeping

@testable import Bridges

// The ledger keeps of each flow only what is its own. Whatever goes in must come out again.

@Suite struct CompactLedgerTests {
    /// A repeatable sequence.
    struct Sequence64 {
        var state: UInt64
        mutating func next(below bound: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % bound
        }
    }

    /// One of few masks, none of which looks at the same words: from no word to all of them.
    private static func mask(_ number: UInt64) -> FlowMask {
        var mask = FlowMask()
        for word in 0..<FlowKey.wordCount where number == 7 || (word + 1) % 8 < Int(number) {
            mask[word: word] = word % 3 == 0 ? .max : 0xffff
        }
        return mask
    }

    private static func key(_ number: UInt64) -> FlowKey {
        var key = FlowKey()
        for word in 0..<FlowKey.wordCount {
            key[word: word] = (number + UInt64(word)) &* 0x9e37_79b9_7f4a_7c15
        }
        return key
    }

    private static func decision(_ number: UInt64) -> FlowDecision {
        let address = MACTable.Key(vlan: 0, mac: MACAddress(bits: number))
        return FlowDecision(
            actions: number % 3 == 0 ? [.popVLAN, .output(port: 2)] : [.output(port: 1)],
            rules: [RuleReference(bridge: 0, table: UInt8(number), rule: nil)],
            effects: number % 2 == 0
                ? [.learnMAC(bridge: 0, key: address, port: 1)]
                : [.useGroup(bridge: 1, group: UInt32(number), bucket: nil)])
    }

    private struct Kept: Equatable {
        var decision: FlowDecision
        var generation: UInt64
        var since: Instant
        var seen: FlowStatistics

        init(_ decision: FlowDecision, generation: UInt64, since: Instant, seen: FlowStatistics) {
            (self.decision, self.generation) = (decision, generation)
            (self.since, self.seen) = (since, seen)
        }

        init(_ entry: LedgerEntry) {
            self.init(
                entry.decision, generation: entry.generation, since: entry.since,
                seen: entry.seen)
        }
    }

    /// Flows of eight masks come, change and go, beside a plain list of them.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func keepsWhatItIsGiven(seed: UInt64) throws {
        var sequence = Sequence64(state: seed)
        var ledger = FlowLedger()
        var twin: [(identity: FlowIdentity, kept: Kept)] = []
        for step in 0..<3_000 as Range<UInt64> {
            let key = Self.key(sequence.next(below: 60))
            let mask = Self.mask(sequence.next(below: 8))
            let identity = FlowIdentity(key: key, mask: mask)
            let place = twin.firstIndex { $0.identity == identity }
            let slot = ledger.slot(key: key, mask: mask)
            #expect((slot == nil) == (place == nil))
            let decision = Self.decision(sequence.next(below: 9))
            let now = Instant(nanosecondsSinceStart: step)
            switch sequence.next(below: 5) {
            case 0:
                guard let slot, let place else { continue }
                let removed = ledger.remove(slot).map { Kept($0) }
                let expected = twin.remove(at: place).kept
                #expect(removed == expected)
            case 1:
                guard let slot, let place else { continue }
                ledger.decide(slot, decision, generation: step)
                (twin[place].kept.decision, twin[place].kept.generation) = (decision, step)
            case 2:
                guard let slot, let place else { continue }
                twin[place].kept.seen.packets = step
                ledger.note(slot, twin[place].kept.seen, dump: step)
            default:
                ledger.put(
                    key: key, mask: mask, decision, generation: step, since: now, dump: step,
                    keepsCounters: step % 2 == 0)
                let before = step % 2 == 0 ? place.map { twin[$0].kept } : nil
                let kept = Kept(
                    decision, generation: step, since: before?.since ?? now,
                    seen: before?.seen ?? FlowStatistics())
                if let place { twin[place].kept = kept } else { twin.append((identity, kept)) }
            }
            if step % 50 == 0 { #expect(ledger.checkInvariants()) }
        }
        #expect(ledger.count == twin.count)
        #expect(ledger.decisionCount <= 9)
        for (identity, kept) in twin {
            let slot = try #require(ledger.slot(of: identity))
            let entry = try #require(ledger[slot])
            #expect(entry.identity == identity)
            let found = Kept(entry)
            #expect(found == kept)
            #expect(ledger.inPort(slot) == identity.key.inPort)
        }
        #expect(ledger.checkInvariants())
    }

    /// What many flows have in common is there once, and goes with the last of them.
    @Test func sharesDecisions() {
        var ledger = FlowLedger()
        for number in 0..<2_000 as Range<UInt64> {
            ledger.put(
                key: Self.key(number), mask: Self.mask(7), Self.decision(number % 2),
                generation: 1, since: .start, dump: 0)
        }
        #expect(ledger.decisionCount == 2)
        for slot in 0..<ledger.slotCount where ledger.decision(slot) == Self.decision(0) {
            ledger.remove(slot)
        }
        #expect(ledger.decisionCount == 1)
        #expect(ledger.count == 1_000)
        #expect(ledger.checkInvariants())
    }

    /// Ids that flows wait for, and those that they send packets to.
    @Test func knowsTheRecirculationsInUse() {
        var ledger = FlowLedger()
        var key = FlowKey()
        var mask = FlowMask()
        (key.recirculationID, mask.recirculationID) = (7, .max)
        ledger.put(
            key: key, mask: mask, Self.decision(0), generation: 1, since: .start, dump: 0)
        #expect(ledger.recirculationIDs == [7])
    }
}


@Suite struct SlotIndexTests {
    /// Hashes that differ in few bits, or not at all, beside a plain list.
    @Test(arguments: [1, 3, 1 << 20] as [UInt32])
    func agreesWithAList(step: UInt32) {
        var sequence = CompactLedgerTests.Sequence64(state: UInt64(step))
        var index = SlotIndex()
        var twin: [(hash: UInt32, number: Int)] = []
        for number in 0..<4_000 {
            if sequence.next(below: 3) == 0, !twin.isEmpty {
                let gone = twin.remove(at: Int(sequence.next(below: UInt64(twin.count))))
                index.remove(gone.hash, gone.number)
            } else {
                let hash = UInt32(sequence.next(below: 40)) &* step
                index.insert(hash, number)
                twin.append((hash, number))
            }
            #expect(index.count == twin.count)
            if let one = twin.randomOne(&sequence) {
                let found = index.find(one.hash) { $0 == one.number }
                #expect(found == one.number)
            }
        }
        for (hash, number) in twin {
            let found = index.find(hash) { $0 == number }
            #expect(found == number)
            let other = index.find(hash &+ 7) { $0 == number }
            #expect(other == nil)
        }
    }
}

extension Array {
    fileprivate func randomOne(_ sequence: inout CompactLedgerTests.Sequence64) -> Element? {
        isEmpty ? nil : self[Int(sequence.next(below: UInt64(count)))]
    }
}
