import Packets
import Switching
import Testing
import Timekeeping

// Two LACPs at the ends of links that fail, lose and delay, over many seeds. Whatever happened
// before, a world that has become calm is a negotiated one; and never do both ends use a link that
// leads to somebody else.

private struct Wire {
    var isUp = true
    /// Units under way: when they arrive, at which end, and what they say.
    var flight: [(at: Instant, end: Int, unit: LACPUnit)] = []
}

private struct Pair {
    var ends: [LACP]
    var wires: [Wire]
    var now = Instant.start + .seconds(10)
    var chance: SeededGenerator
    var lossOneIn = 0

    init(seed: UInt64) {
        chance = SeededGenerator(seed: seed)
        let isFast = [chance.once(in: 2), chance.once(in: 2)]
        // One of them may be passive.
        let passive = chance.below(3)
        let count = 1 + chance.below(4)
        ends = (0..<2).map { end in
            LACP(
                settings: .init(
                    isActive: end != passive, isFast: isFast[end],
                    system: MACAddress(bits: 0x0200_0000_0001 + UInt64(end))))
        }
        wires = (0..<count).map { _ in Wire() }
        for end in 0..<2 { tell(end, [.members(members(count))]) }
        for wire in 0..<count { setLink(wire, isUp: true) }
    }

    private func members(_ count: Int) -> [LACP.MemberSettings] {
        (0..<count).map { .init(number: UInt16($0 + 1), name: "p\($0)") }
    }

    mutating func setLink(_ wire: Int, isUp: Bool) {
        wires[wire].isUp = isUp
        if !isUp { wires[wire].flight = [] }
        for end in 0..<2 { tell(end, [.carrier(member: UInt16(wire + 1), isUp)]) }
    }

    /// An end forgets everything: its process was restarted.
    mutating func restart(_ end: Int) {
        ends[end] = LACP(settings: ends[end].settings)
        tell(
            end,
            [.members(members(wires.count))]
                + wires.indices.map { .carrier(member: UInt16($0 + 1), wires[$0].isUp) })
    }

    mutating func tell(_ end: Int, _ events: [LACP.Event]) {
        for case .transmit(let member, let unit) in ends[end].handle(events, now: now) {
            let wire = Int(member) - 1
            guard wires[wire].isUp, lossOneIn == 0 || !chance.once(in: lossOneIn) else { continue }
            let delay = Duration.milliseconds(chance.below(30))
            wires[wire].flight.append((now + delay, 1 - end, unit))
        }
    }

    mutating func pass(_ duration: Duration) {
        let end = now + duration
        while now < end {
            now = now + .milliseconds(50)
            for wire in wires.indices {
                let due = wires[wire].flight.filter { $0.at <= now }
                wires[wire].flight.removeAll { $0.at <= now }
                for unit in due {
                    tell(unit.end, [.received(member: UInt16(wire + 1), unit.unit)])
                }
            }
            for end in 0..<2 {
                if let deadline = ends[end].deadline(now: now), deadline <= now {
                    tell(end, [.clockAdvanced])
                }
            }
        }
    }

    /// Wires that both ends would use.
    var usable: [Int] {
        wires.indices.filter { wire in
            ends.allSatisfy { $0.mayEnable(UInt16(wire + 1)) }
        }
    }
}

@Suite struct LACPSimulationTests {
    @Test func afterAnyStormAllLinksAreUsed() {
        for seed in 0..<150 as Range<UInt64> {
            var pair = Pair(seed: seed)
            for _ in 0..<20 {
                pair.lossOneIn = [0, 2, 3, 10][pair.chance.below(4)]
                switch pair.chance.below(6) {
                case 0...3:
                    let wire = pair.chance.below(pair.wires.count)
                    pair.setLink(wire, isUp: pair.chance.once(in: 2))
                case 4: pair.restart(pair.chance.below(2))
                default: break
                }
                pair.pass(.milliseconds(100 * (1 + pair.chance.below(60))))
            }
            pair.lossOneIn = 0
            for wire in pair.wires.indices { pair.setLink(wire, isUp: true) }
            pair.pass(.seconds(35))
            #expect(pair.usable == Array(pair.wires.indices), "seed \(seed)")
            #expect(pair.ends.allSatisfy { $0.isNegotiated }, "seed \(seed)")
            guard pair.usable.count == pair.wires.count else { return }
        }
    }

    @Test func aPartnerThatFallsSilentIsGivenUpWithinThreePeriods() {
        for seed in 0..<50 as Range<UInt64> {
            var pair = Pair(seed: seed)
            pair.pass(.seconds(40))
            #expect(!pair.usable.isEmpty, "seed \(seed)")
            pair.lossOneIn = 1
            for wire in pair.wires.indices { pair.wires[wire].flight = [] }
            let slowest = pair.ends.map { LACP.timeout(isShort: $0.settings.isFast) }.max()
            pair.pass((slowest ?? .zero) + .milliseconds(100))
            for end in pair.ends {
                #expect(pair.wires.indices.allSatisfy { !end.mayEnable(UInt16($0 + 1)) })
            }
        }
    }

    @Test func calmLinksCarryFewUnits() {
        var pair = Pair(seed: 3)
        pair.pass(.seconds(60))
        let before = pair.ends.map { $0.members.map(\.counters.sent).reduce(0, +) }
        pair.pass(.seconds(120))
        for (index, end) in pair.ends.enumerated() {
            let sent = end.members.map(\.counters.sent).reduce(0, +) - before[index]
            let isFast = pair.ends[1 - index].settings.isFast
            let expected = UInt64(pair.wires.count * (isFast ? 120 : 4))
            #expect(
                sent <= expected + UInt64(pair.wires.count)
                    && sent + 2
                        * UInt64(
                            pair.wires.count) >= expected
            )
        }
    }
}
