import CLinuxPacket
import Glibc
import PacketPorts
import Packets
import Testing

/// Frames that come in by a ring: the port under test is p0, its peer is h0.
@Suite(.serialized, .enabled(if: NetworkNamespace.isAllowed, "needs root: makes interfaces"))
struct PacketRingTests {
    let space: NetworkNamespace
    static let layouts = [RingLayout.standard, .prompt]

    init() throws {
        space = try NetworkNamespace()
        try space.addPair("p0", "h0", mtu: 9000)
    }

    @Test(arguments: [
        (14, []), (60, []), (61, []), (1514, []), (9014, []),
        (60, [(0x8100, 101)]), (60, [(0x8100, 0xf065)]), (60, [(0x88a8, 7)]),
        (1518, [(0x8100, 4095)]), (64, [(0x88a8, 7), (0x8100, 8)]), (64, [(0x8100, 0)]),
        (9018, [(0x8100, 9)]),
    ] as [(Int, [(UInt16, UInt16)])], layouts)
    func aFrameComesInWithItsBytesAndItsOuterTagBeside(
        frame: (Int, [(UInt16, UInt16)]), layout: RingLayout
    ) throws {
        let (byteCount, tags) = frame
        let octets = testFrame(7, byteCount: byteCount, tags: tags)
        let seen = try space.run {
            var ring = try PacketRing(interface: InterfaceFacts(name: "p0"), layout: layout)
            try PlainSocket("h0").send(octets)
            return try collect(1, from: &ring)[0]
        }
        #expect(seen.octets == testFrame(7, byteCount: byteCount, tags: tags).withoutOuterTag(tags))
        #expect(seen.vlanTPID == tags.first?.0 ?? 0)
        #expect(seen.vlanTPID == 0 || seen.vlanTCI == tags.first?.1)
        #expect(seen.headroom >= PortLimits.headroomByteCount)
        #expect(seen.offload == .none)
        #expect(seen.lostByteCount == 0)
    }

    @Test func whatThePortItselfSendsDoesNotComeIn() throws {
        let seen = try space.run {
            let facts = try InterfaceFacts(name: "p0")
            var ring = try PacketRing(interface: facts)
            var sender = try FrameSender(interface: facts)
            _ = sendAll([testFrame(1)], by: &sender)
            try PlainSocket("h0").send(testFrame(2))
            return try collect(1, from: &ring)
        }
        #expect(seen.map(\.number) == [2])
    }

    @Test func framesOfOtherInterfacesDoNotComeIn() throws {
        try space.addPair("p1", "h1")
        let seen = try space.run {
            let other = try PlainSocket("h1")
            let own = try PlainSocket("h0")
            let facts = try InterfaceFacts(name: "p0")
            var numbers: [Int] = []
            // Noise before, between and after the calls that open the ring.
            for round in 0..<20 {
                try other.send(testFrame(1000 + round))
                var ring = try PacketRing(interface: facts)
                try other.send(testFrame(1000 + round))
                try own.send(testFrame(round))
                numbers += try collect(1, from: &ring).map(\.number)
            }
            return numbers
        }
        #expect(seen == Array(0..<20))
    }

    @Test(arguments: layouts)
    func tenThousandFramesAreCountedExactly(layout: RingLayout) throws {
        try space.run {
            var ring = try PacketRing(interface: InterfaceFacts(name: "p0"), layout: layout)
            var sender = try FrameSender(interface: InterfaceFacts(name: "h0"))
            var numbers: [Int] = []
            for start in stride(from: 0, to: 10_000, by: 500) {
                let report = sendAll((start..<start + 500).map { testFrame($0) }, by: &sender)
                #expect(report == .init(sentCount: 500, sentByteCount: 30_000, failureCount: 0))
                numbers += try collect(500, from: &ring).map(\.number)
            }
            #expect(numbers == Array(0..<10_000))
            let counts = ring.takeCounts()
            #expect(counts == RingCounts(receivedCount: 10_000, droppedCount: 0))
            let countsAgain = ring.takeCounts()
            #expect(countsAgain == RingCounts(receivedCount: 0, droppedCount: 0))
        }
    }

    /// Several times what the ring holds passes, because each block is used again; with slots, these
    /// frames are larger than one.
    @Test(arguments: [
        RingLayout(blockByteCount: 16 << 10, blockCount: 4), RingLayout(slotCount: 256),
    ])
    func blocksAreUsedAgainOnceGivenBack(layout: RingLayout) throws {
        try space.run {
            var ring = try PacketRing(interface: InterfaceFacts(name: "p0"), layout: layout)
            let peer = try PlainSocket("h0")
            for round in 0..<400 {
                for number in 0..<4 { try peer.send(testFrame(4 * round + number, byteCount: 4000)) }
                let seen = try collect(4, from: &ring)
                #expect(seen.map(\.number) == (0..<4).map { 4 * round + $0 })
            }
            let counts = ring.takeCounts()
            #expect(counts.droppedCount == 0)
        }
    }

    @Test func aFullRingIsCountedAndReported() throws {
        try space.run {
            let layout = RingLayout(blockByteCount: 16 << 10, blockCount: 2)
            var ring = try PacketRing(interface: InterfaceFacts(name: "p0"), layout: layout)
            let peer = try PlainSocket("h0")
            for number in 0..<100 { try peer.send(testFrame(number, byteCount: 1000)) }
            var readCount = 0
            while waitUntilReadable(ring.descriptor, milliseconds: 100) {
                guard var block = ring.nextBlock() else { continue }
                while block.nextFrame() != nil { readCount += 1 }
                block.giveBack()
            }
            let counts = ring.takeCounts()
            #expect(readCount > 10)
            #expect(counts.receivedCount == 100)
            #expect(counts.droppedCount == 100 - readCount)
        }
    }

    @Test func aBlockSaysThatTheKernelDropsUntilTheCountsAreTaken() throws {
        try space.run {
            let layout = RingLayout(blockByteCount: 16 << 10, blockCount: 2)
            var ring = try PacketRing(interface: InterfaceFacts(name: "p0"), layout: layout)
            let peer = try PlainSocket("h0")
            for number in 0..<100 { try peer.send(testFrame(number, byteCount: 1000)) }
            _ = try collect(10, from: &ring)
            var flags: [Bool] = []
            for takes in [false, true] {
                if takes { _ = ring.takeCounts() }
                try peer.send(testFrame(0))
                while true {
                    guard var block = ring.nextBlock() else {
                        let isReadable = waitUntilReadable(ring.descriptor)
                        try #require(isReadable)
                        continue
                    }
                    let last = block.nextFrame().map { Seen($0).octets.count }
                    let flag = block.kernelIsDropping
                    block.giveBack()
                    guard last == 60 else { continue }
                    flags.append(flag)
                    break
                }
            }
            #expect(flags == [true, false])
        }
    }

    @Test func aFrameThatIsLargerThanABlockIsCutAndSaysSo() throws {
        let seen = try space.run {
            let layout = RingLayout(blockByteCount: 4096, blockCount: 8)
            var ring = try PacketRing(interface: InterfaceFacts(name: "p0"), layout: layout)
            let peer = try PlainSocket("h0")
            for (number, byteCount) in [(1, 60), (2, 9000), (3, 61)] {
                try peer.send(testFrame(number, byteCount: byteCount))
            }
            return try collect(3, from: &ring)
        }
        #expect(seen.map(\.number) == [1, 2, 3])
        #expect(seen.map { $0.octets.count + $0.lostByteCount } == [60, 9000, 61])
        #expect(seen.map { $0.lostByteCount > 0 } == [false, true, false])
        #expect(seen[1].octets == Array(testFrame(2, byteCount: 9000)[..<seen[1].octets.count]))
    }

    @Test(arguments: layouts)
    func aRingOutlivesAnInterfaceThatGoesDownAndReportsOneThatGoesAway(layout: RingLayout) throws {
        try space.run {
            var ring = try PacketRing(interface: InterfaceFacts(name: "p0"), layout: layout)
            let atFirst = ring.takeError()
            #expect(atFirst == nil)
            try command("ip", "link", "set", "p0", "down")
            let whenDown = ring.takeError()
            #expect(whenDown?.errorNumber == ENETDOWN)
            let whenTaken = ring.takeError()
            #expect(whenTaken == nil)
            try command("ip", "link", "set", "p0", "up")
            try PlainSocket("h0").send(testFrame(9))
            let seen = try collect(1, from: &ring)
            #expect(seen.map(\.number) == [9])
            try command("ip", "link", "del", "p0")
            let whenGone = ring.takeError()
            #expect(whenGone?.errorNumber == ENETDOWN)
            #expect(throws: PortError.self) { try InterfaceFacts(name: "p0") }
        }
    }

    @Test(arguments: layouts)
    func aRingOnAnInterfaceThatIsDownBeginsWhenItComesUp(layout: RingLayout) throws {
        try space.run {
            try command("ip", "link", "set", "p0", "down")
            var ring = try PacketRing(interface: InterfaceFacts(name: "p0"), layout: layout)
            let atFirst = ring.takeError()
            #expect(atFirst == nil)
            try command("ip", "link", "set", "p0", "up")
            try PlainSocket("h0").send(testFrame(4))
            let seen = try collect(1, from: &ring)
            #expect(seen.map(\.number) == [4])
        }
    }

    @Test(arguments: layouts)
    func noMoreBlocksAreLentThanTheLimitSays(layout: RingLayout) throws {
        try space.run {
            var ring = try PacketRing(interface: InterfaceFacts(name: "p0"), layout: layout)
            let peer = try PlainSocket("h0")
            var lent: [Int] = []
            func take() throws -> RingBlock {
                try peer.send(testFrame(lent.count, byteCount: 5000))
                while true {
                    if let block = ring.nextBlock() { return block }
                    guard waitUntilReadable(ring.descriptor) else {
                        throw Refused(description: "silence")
                    }
                }
            }
            var first = try take()
            while let frame = first.nextFrame() { lent.append(Seen(frame).number) }
            var second = try take()
            while let frame = second.nextFrame() { lent.append(Seen(frame).number) }
            try peer.send(testFrame(2))
            _ = waitUntilReadable(ring.descriptor)
            let third = ring.nextBlock()?.frameCountAndGiveBack()
            #expect(third == nil)
            // In the other order than they were lent.
            second.giveBack()
            first.giveBack()
            lent += try collect(1, from: &ring).map(\.number)
            #expect(lent == [0, 1, 2])
        }
    }

    /// More large frames than one run may have, between small ones: in order, each whole.
    @Test func largeFramesKeepTheirPlaceAmongSmallOnes() throws {
        try space.run {
            var ring = try PacketRing(interface: InterfaceFacts(name: "p0"), layout: .prompt)
            let peer = try PlainSocket("h0")
            let frames = (0..<300).map { testFrame($0, byteCount: [60, 9014, 2000, 1514][$0 % 4]) }
            for frame in frames { try peer.send(frame) }
            let seen = try collect(300, from: &ring)
            #expect(seen.map(\.octets) == frames)
            #expect(seen.allSatisfy { $0.headroom >= PortLimits.headroomByteCount })
        }
    }

    @Test func aBlockThatIsForgottenStopsTheProcess() async {
        await #expect(processExitsWith: .failure) {
            let space = try NetworkNamespace()
            try space.addPair("p0", "h0")
            try space.run {
                var ring = try PacketRing(interface: InterfaceFacts(name: "p0"))
                try PlainSocket("h0").send(testFrame())
                _ = waitUntilReadable(ring.descriptor)
                guard let block = ring.nextBlock() else { exit(0) }
                _ = block.frameCount
            }
            exit(0)
        }
    }
}

extension RingBlock {
    consuming func frameCountAndGiveBack() -> Int {
        let count = frameCount
        giveBack()
        return count
    }
}

extension [UInt8] {
    /// The bytes as a ring lends them: without the first of `tags`.
    func withoutOuterTag(_ tags: [(UInt16, UInt16)]) -> [UInt8] {
        tags.isEmpty ? self : Array(self[..<12] + self[16...])
    }
}
