import DatapathMessages
import Flows
import Forwarding
import Testing

private func upcall(_ place: Int, _ number: Int, byteCount: Int = 100) -> Upcall {
    var key = FlowKey()
    key.inPort = UInt32(place)
    key.packetMark = UInt32(number)
    return Upcall(
        reason: .miss, bytes: [UInt8](repeating: 0, count: byteCount), originalByteCount: byteCount,
        key: key)
}

extension UpcallQueues {
    /// Offers an upcall; whether it was taken.
    fileprivate mutating func offer(_ place: Int, _ number: Int = 0, byteCount: Int = 100) -> Bool {
        guard admits(byteCount: byteCount, at: place) else { return false }
        append(upcall(place, number, byteCount: byteCount), at: place)
        return true
    }
}

struct UpcallQueuesTests {
    @Test func placesAreServedInTurns() {
        var queues = UpcallQueues(upcallsPerPort: 10, byteBudget: 1 << 20)
        for number in 0..<3 { _ = queues.offer(5, number) }
        _ = queues.offer(2, 0)
        for number in 0..<2 { _ = queues.offer(9, number) }
        let first = queues.take(atMost: 4).map { [$0.key.inPort, $0.key.packetMark] }
        #expect(first == [[5, 0], [2, 0], [9, 0], [5, 1]])
        _ = queues.offer(2, 1)
        let rest = queues.take(atMost: 10).map { [$0.key.inPort, $0.key.packetMark] }
        #expect(rest == [[9, 1], [5, 2], [2, 1]])
        #expect(queues.count == 0 && queues.byteCount == 0 && queues.brokenInvariant() == nil)
    }

    @Test(arguments: [9, 10, 11])
    func queuesAreBounded(offered: Int) {
        var queues = UpcallQueues(upcallsPerPort: 10, byteBudget: 1 << 20)
        for _ in 0..<offered { _ = queues.offer(1) }
        #expect(queues.count(at: 1) == min(offered, 10))
        #expect(queues.lost(at: 1) == UInt64(max(0, offered - 10)))
        #expect(queues.lost == queues.lost(at: 1))
    }

    /// A port that floods fills its own queue; another's single upcall is served in the next round.
    @Test func noisyPortDoesNotStarveOthers() {
        var queues = UpcallQueues(upcallsPerPort: 256, byteBudget: 16 << 20)
        var served = [Int: Int]()
        for round in 0..<1000 {
            for _ in 0..<100 { _ = queues.offer(1) }
            let isTaken = queues.offer(2, round)
            #expect(isTaken, "the quiet port found no room")
            for upcall in queues.take(atMost: 4) {
                served[Int(upcall.key.inPort), default: 0] += 1
                // Served in the round in which it came.
                if upcall.key.inPort == 2 { #expect(upcall.key.packetMark == UInt32(round)) }
            }
        }
        #expect(served == [1: 3000, 2: 1000])
        #expect(queues.lost(at: 2) == 0 && queues.lost(at: 1) > 90_000)
    }

    /// Bytes too: large frames of greedy ports leave room for whoever comes new.
    @Test(arguments: [1, 2, 3, 8])
    func greedyPortsShareTheBudget(greedy: Int) {
        var queues = UpcallQueues(upcallsPerPort: 10_000, byteBudget: 1_000_000)
        for _ in 0..<2000 { for place in 0..<greedy { _ = queues.offer(place, byteCount: 1000) } }
        let share = 1_000_000 / (greedy + 1) / 1000
        for place in 0..<greedy {
            #expect((share - 1...share + 1).contains(queues.count(at: place)))
        }
        let newcomer = queues.offer(100, byteCount: share * 900)
        #expect(newcomer)
        #expect(queues.brokenInvariant() == nil)
    }

    @Test func randomUse() {
        var chance = Chance(seed: 5)
        var queues = UpcallQueues(upcallsPerPort: 7, byteBudget: 5000)
        var (taken, offered, number) = (0, 0, 0)
        var lastOf = [UInt32: UInt32]()
        for _ in 0..<5000 {
            switch chance.below(10) {
            case 0...5:
                number += 1
                if queues.offer(chance.below(6), number, byteCount: chance.below(900)) {
                    offered += 1
                }
            case 6:
                let place = chance.below(6)
                offered -= queues.count(at: place)
                queues.removeAll(at: place)
            default:
                for upcall in queues.take(atMost: chance.below(5)) {
                    taken += 1
                    #expect(lastOf[upcall.key.inPort, default: 0] < upcall.key.packetMark)
                    lastOf[upcall.key.inPort] = upcall.key.packetMark
                }
            }
            if let broken = queues.brokenInvariant() { return #expect(Bool(false), "\(broken)") }
        }
        #expect(taken + queues.count == offered)
        #expect(taken > 1000 && queues.lost > 100)
    }
}
