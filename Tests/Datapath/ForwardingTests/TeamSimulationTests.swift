import DatapathMessages
import Flows
import Packets
import Testing
import Timekeeping

@testable import Forwarding

/// SplitMix64 (Steele, Lea and Flood, 2014).
private struct Dice {
    var state: UInt64
    mutating func below(_ bound: Int) -> Int {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
        return Int((word ^ word >> 31) % UInt64(bound))
    }
}

/// One world, told twice: to a datapath of one worker and to one of several. Whatever is ordered
/// and whatever comes, nobody outside can tell which is which.
struct TeamSimulationTests {
    @Test(arguments: [(2, 1), (2, 2), (3, 3), (5, 4), (64, 5)] as [(Int, UInt64)])
    func manyActAsOne(workerCount: Int, seed: UInt64) {
        var chance = Dice(state: seed)
        var one = TeamBench(1)
        var many = TeamBench(workerCount)
        many.desk.spreads = ["p6"]
        for port in 1...6 as ClosedRange<UInt32> {
            one.open(port)
            many.open(port)
        }
        for step in 0..<3000 {
            switch chance.below(12) {
            case 0...6:
                let port = UInt32(chance.below(7)) + 1
                let bytes = Self.frame(UInt8(chance.below(6)))
                let worker =
                    many.homes(port).count > 1 ? chance.below(workerCount) : nil
                one.send(bytes, from: port)
                many.send(bytes, from: port, by: worker)
            case 7: Self.answerAll(&one, &many, &chance)
            case 8: Self.both(&one, &many, .putFlow(Self.flow(&chance)))
            case 9:
                let flow = Self.flow(&chance)
                Self.both(&one, &many, .deleteFlow(key: flow.key, mask: flow.mask))
            case 10:
                let port = UInt32(chance.below(6)) + 1
                if chance.below(20) == 0 {
                    Self.both(&one, &many, .deletePort(number: port))
                    one.open(port)
                    many.open(port)
                }
            default: if chance.below(60) == 0 { Self.both(&one, &many, .flushFlows) }
            }
            one.now = one.now + .milliseconds(1)
            many.now = one.now
            if step % 250 == 0 { Self.compare(&one, &many) }
        }
        Self.compare(&one, &many)
    }

    private static func frame(_ last: UInt8) -> [UInt8] {
        [2, 0, 0, 0, 0, last, 2, 0, 0, 0, 0, 9, 0x12, 0x34] + Array(repeating: 7, count: 46)
    }

    private static func flow(_ chance: inout Dice) -> CachedFlow {
        var flow = Bench.flow(
            inPort: UInt32(chance.below(8)),
            to: MACAddress(bits: 0x0200_0000_0000 + UInt64(chance.below(6))),
            [.output(port: UInt32(chance.below(6)) + 1)])
        flow.ufid = nil
        return flow
    }

    /// Both give the same replies; a flow that is told has the same counters.
    private static func both(
        _ one: inout TeamBench, _ many: inout TeamBench, _ request: DatapathRequest
    ) {
        let (first, second) = (one.order(request), many.order(request))
        #expect(first == second)
    }

    /// What is asked is answered in both alike; which answer comes first differs.
    private static func answerAll(
        _ one: inout TeamBench, _ many: inout TeamBench, _ chance: inout Dice
    ) {
        let out = UInt32(chance.below(6)) + 1
        let installs = chance.below(2) == 0
        for upcalls in [one.ask()] { answer(upcalls, &one, out, installs) }
        for upcalls in [many.ask()] { answer(upcalls, &many, out, installs) }
    }

    private static func answer(
        _ upcalls: [Upcall], _ bench: inout TeamBench, _ out: UInt32, _ installs: Bool
    ) {
        for upcall in upcalls {
            let flow = Bench.flow(inPort: upcall.key.inPort, [.output(port: out)])
            bench.order(
                .answerUpcall(
                    UpcallAnswer(
                        id: upcall.id, mask: installs ? flow.mask : nil, executes: true,
                        actions: flow.actions)))
        }
    }

    private static func compare(_ one: inout TeamBench, _ many: inout TeamBench) {
        one.expectSound()
        many.expectSound()
        for port in 1...6 as ClosedRange<UInt32> {
            let (first, second) = (
                one.team.report(ofPort: port), many.team.report(ofPort: port)
            )
            #expect(first == second)
        }
        #expect(Set(one.dump()) == Set(many.dump()))
        #expect(one.team.executedPackets == many.team.executedPackets)
        let (a, b) = (one.sent().reduce(0, +), many.sent().reduce(0, +))
        #expect(a == b)
    }
}
