import Glibc
import PacketPorts
import Packets
import Testing

/// One port that several workers receive by: each flow comes to one of them, in order.
@Suite(.serialized, .enabled(if: NetworkNamespace.isAllowed, "needs root: makes interfaces"))
struct SpreadRingsTests {
    private static let pairCount = 3
    private static let flowCount = 48
    private static let framesPerFlow = 40

    let space: NetworkNamespace

    init() throws {
        space = try NetworkNamespace()
        try space.addPair("p0", "h0", mtu: 1500)
    }

    /// A UDP packet of a flow, whose last two bytes are the flow and the frame's number in it.
    private static func frame(flow: Int, number: Int) -> [UInt8] {
        let (low, isIPv6) = (UInt8(flow), flow % 4 == 3)
        let ethernet: [UInt8] =
            [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2] + (isIPv6 ? [0x86, 0xdd] : [8, 0])
        let udp: [UInt8] = [0x10, low, 0, 80, 0, 10, 0, 0, low, UInt8(number)]
        let ip: [UInt8] =
            isIPv6
            ? [0x60, 0, 0, 0, 0, 10, 17, 64] + [0xfd] + Array(repeating: 0, count: 14) + [1]
                + [0xfd] + Array(repeating: 0, count: 14) + [2]
            : [0x45, 0, 0, 30, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, low % 4, 2]
        return ethernet + ip + udp
    }

    /// What one pair has now, as (flow, number).
    private static func read(_ rings: inout SteeredRings) -> [(Int, Int)] {
        var seen: [(Int, Int)] = []
        while var block = rings.nextBlock() {
            while let received = block.nextFrame() {
                let octets = Seen(received).octets
                seen.append((Int(octets[octets.count - 2]), Int(octets[octets.count - 1])))
            }
            block.giveBack()
        }
        return seen
    }

    @Test func eachFlowComesToOnePairInOrder() throws {
        let budget = RingBudget(byteCount: 512 << 20)
        let seen = try space.run {
            let pairs = UnsafeMutablePointer<SteeredRings>.allocate(capacity: Self.pairCount)
            pairs.initialize(
                to: try SteeredRings(
                    interface: InterfaceFacts(name: "p0"), budget: budget,
                    pairCount: Self.pairCount))
            for pair in 1..<Self.pairCount {
                let next = try pairs[pair - 1].another()
                (pairs + pair).initialize(to: next)
            }
            defer {
                pairs.deinitialize(count: Self.pairCount)
                pairs.deallocate()
            }
            let peer = try PlainSocket("h0")
            var seen = Array(repeating: [(Int, Int)](), count: Self.pairCount)
            for number in 0..<Self.framesPerFlow {
                for flow in 0..<Self.flowCount {
                    try peer.send(Self.frame(flow: flow, number: number))
                }
                // Some pairs are read seldom, so that they go over to blocks.
                if number % 10 == 9 {
                    for pair in 0..<Self.pairCount { seen[pair] += Self.read(&pairs[pair]) }
                }
            }
            let wanted = Self.flowCount * Self.framesPerFlow
            for _ in 0..<5_000 where seen.reduce(0, { $0 + $1.count }) < wanted {
                usleep(1_000)
                for pair in 0..<Self.pairCount { seen[pair] += Self.read(&pairs[pair]) }
            }
            return seen
        }
        #expect(seen.reduce(0) { $0 + $1.count } == Self.flowCount * Self.framesPerFlow)
        let flows = seen.map { Set($0.map(\.0)) }
        #expect(flows.reduce(0) { $0 + $1.count } == Self.flowCount, "a flow has one pair")
        for pair in flows.indices {
            #expect(flows[pair].count >= 4, "pair \(pair) has its part")
            for flow in flows[pair].sorted() {
                let numbers = seen[pair].filter { $0.0 == flow }.map(\.1)
                #expect(numbers == Array(0..<Self.framesPerFlow))
            }
        }
        #expect(budget.usedByteCount == 0)
    }
}
