import Glibc
import PacketPorts
import Packets
import Testing

/// Two rings of one port, and going over between them: the port under test is p0, its peer is h0.
@Suite(.serialized, .enabled(if: NetworkNamespace.isAllowed, "needs root: makes interfaces"))
struct SteeredRingsTests {
    let space: NetworkNamespace

    init() throws {
        space = try NetworkNamespace()
        try space.addPair("p0", "h0", mtu: 9000)
    }

    /// Numbers of the next `count` frames, in the order in which they were handed over.
    private static func numbers(_ count: Int, from rings: inout SteeredRings) throws -> [Int] {
        var numbers: [Int] = []
        for _ in 0..<5_000 where numbers.count < count {
            guard var block = rings.nextBlock() else {
                usleep(1_000)
                continue
            }
            while let received = block.nextFrame() { numbers.append(Seen(received).number) }
            block.giveBack()
            if let plan = rings.takePlan() { rings.add(try plan.make()) }
        }
        return numbers
    }

    @Test func aQuietPortReceivesEachFrameOnceAndInOrder() throws {
        let (seen, changes) = try space.run {
            var rings = try SteeredRings(interface: InterfaceFacts(name: "p0"))
            let peer = try PlainSocket("h0")
            var seen: [Int] = []
            for number in 0..<50 {
                try peer.send(testFrame(number, byteCount: number % 3 == 0 ? 9014 : 60))
                seen += try Self.numbers(1, from: &rings)
            }
            return (seen, rings.changeCount)
        }
        #expect(seen == Array(0..<50))
        #expect(changes == 0)
    }

    @Test func aFloodGoesOverToBlocksAndQuietComesBackWithoutOvertaking() throws {
        let (seen, changes) = try space.run {
            var rings = try SteeredRings(interface: InterfaceFacts(name: "p0"))
            let peer = try PlainSocket("h0")
            // More than some full runs of slots wait when reading begins.
            for number in 0..<1_000 { try peer.send(testFrame(number)) }
            var seen = try Self.numbers(400, from: &rings)
            for number in 1_000..<1_500 { try peer.send(testFrame(number)) }
            seen += try Self.numbers(1_500 - seen.count, from: &rings)
            // One frame at a time: blocks come by their timer, and the port goes back.
            for number in 1_500..<1_520 {
                try peer.send(testFrame(number))
                seen += try Self.numbers(1, from: &rings)
            }
            return (seen, rings.changeCount)
        }
        #expect(seen == Array(0..<1_520))
        #expect(changes == 2)
    }

    @Test func aRingOfBlocksIsMadeWhenWantedAndLetGoWhenIdle() throws {
        let budget = RingBudget(byteCount: 512 << 20)
        try space.run {
            var rings = try SteeredRings(interface: InterfaceFacts(name: "p0"), budget: budget)
            let quiet = budget.usedByteCount
            #expect(rings.descriptors.count == 1)
            let hasPlanAtFirst = rings.takePlan() != nil
            #expect(!hasPlanAtFirst)
            let peer = try PlainSocket("h0")
            for number in 0..<400 { try peer.send(testFrame(number)) }
            var seen = try Self.numbers(400, from: &rings)
            #expect(rings.descriptors.count == 2)
            #expect(budget.usedByteCount > quiet)
            for number in 400..<420 {
                try peer.send(testFrame(number))
                seen += try Self.numbers(1, from: &rings)
            }
            var seconds = 0
            while rings.descriptors.count == 2, seconds < 60 {
                _ = rings.releaseIdleBlocks()
                seconds += 1
            }
            #expect(seconds == PortLimits.idleBlockSeconds + 1)
            #expect(budget.usedByteCount == quiet)
            for number in 420..<430 { try peer.send(testFrame(number)) }
            seen += try Self.numbers(10, from: &rings)
            #expect(seen == Array(0..<430))
            #expect(rings.takeCounts().receivedCount >= 430)
        }
        #expect(budget.usedByteCount == 0)
    }

    @Test func portsShareABudgetAndTheOneTooManyIsRefused() throws {
        let budget = RingBudget(byteCount: 2 << 20)
        try space.run {
            let facts = try InterfaceFacts(name: "p0")
            var sizes: [Int] = []
            var refusal: PortError?
            func open(_ depth: Int) {
                do throws(PortError) {
                    let before = budget.usedByteCount
                    let rings = try SteeredRings(interface: facts, budget: budget)
                    sizes.append(budget.usedByteCount - before)
                    if depth < 10 { open(depth + 1) }
                    withExtendedLifetime(rings.descriptors) {}
                } catch { refusal = error }
            }
            open(0)
            #expect(sizes == [512 << 10, 512 << 10, 512 << 10, 512 << 10])
            #expect(refusal?.kind == .noRingMemory(limitByteCount: 2 << 20))
        }
        #expect(budget.usedByteCount == 0)
    }

    @Test func whatThePortItselfSendsDoesNotComeIn() throws {
        let seen = try space.run {
            let facts = try InterfaceFacts(name: "p0")
            var rings = try SteeredRings(interface: facts)
            var sender = try FrameSender(interface: facts)
            _ = sendAll([testFrame(1)], by: &sender)
            try PlainSocket("h0").send(testFrame(2))
            return try Self.numbers(1, from: &rings)
        }
        #expect(seen == [2])
    }
}
