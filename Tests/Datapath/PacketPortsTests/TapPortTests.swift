import Flows
import Glibc
import PacketPorts
import Packets
import Testing

/// An internal port: t0 is what the host sees of it.
@Suite(.serialized, .enabled(if: NetworkNamespace.isAllowed, "needs root: makes interfaces"))
struct TapPortTests {
    let space: NetworkNamespace

    init() throws { space = try NetworkNamespace() }

    private func withTap(_ body: (inout TapPort) throws -> Void) throws {
        try space.run {
            var tap = try TapPort(name: "t0")
            try command("ip", "link", "set", "t0", "addrgenmode", "none")
            try command("ip", "link", "set", "t0", "up")
            try body(&tap)
        }
    }

    @Test(
        arguments: [
            (14, []), (60, []), (1514, []), (60, [(0x8100, 101)]), (1518, [(0x8100, 0xffff)]),
            (60, [(0x88a8, 1)]), (64, [(0x88a8, 7), (0x8100, 8)]), (20, [(0x8100, 3)]),
        ] as [(Int, [(UInt16, UInt16)])])
    func whatTheHostSendsComesInWithItsTagBeside(
        byteCount: Int, tags: [(UInt16, UInt16)]
    ) throws {
        let octets = testFrame(5, byteCount: byteCount, tags: tags)
        try withTap { tap in
            try PlainSocket("t0").send(octets)
            #expect(waitUntilReadable(tap.descriptor))
            let received = tap.nextFrame().map { Seen($0) }
            let seen = try #require(received)
            #expect(seen.octets == octets.withoutOuterTag(tags))
            #expect(seen.vlanTPID == tags.first?.0 ?? 0)
            #expect(seen.vlanTCI == tags.first?.1 ?? 0)
            #expect(seen.headroom >= PortLimits.headroomByteCount)
            #expect(seen.offload == .none)
            let next = tap.nextFrame().map { Seen($0) }
            #expect(next == nil)
        }
    }

    @Test(arguments: [(0, 0), (0x8100, 101), (0x88a8, 0xe00c)] as [(UInt16, UInt16)])
    func whatIsSentTheHostReceives(tag: (UInt16, UInt16)) throws {
        try withTap { tap in
            let host = try PlainSocket("t0")
            for byteCount in [tag.0 == 0 ? 14 : 16, 60, 1514] {
                var octets = testFrame(6, byteCount: byteCount)
                let end = octets.withUnsafeMutableBytes {
                    tap.send(
                        Frame(
                            start: $0.baseAddress!, byteCount: byteCount, vlanTPID: tag.0,
                            vlanTCI: tag.1))
                }
                #expect(end == .forwarded)
                let received = try host.receive()
                #expect(
                    received == PlainFrame(octets: octets, vlanTPID: tag.0, vlanTCI: tag.1))
            }
        }
    }

    /// A super-frame's offload header counts from the frame without its tag, on both ways.
    @Test func anOffloadHeaderMovesWithTheTag() throws {
        let offload = Offload(
            flags: 1, segmentation: 1, headerByteCount: 54, segmentByteCount: 1000,
            checksumStart: 34, checksumOffset: 16)
        try withTap { tap in
            var host = try FrameSender(interface: InterfaceFacts(name: "t0"))
            for tag in [(0, 0), (0x8100, 101)] as [(UInt16, UInt16)] {
                let report = sendAll(
                    [tcpFrame(payloadByteCount: 5000)], by: &host, tag: tag, offload: offload)
                #expect(report.failureCount == 0)
                #expect(waitUntilReadable(tap.descriptor))
                let received = tap.nextFrame().map { Seen($0) }
                let seen = try #require(received)
                #expect(seen.octets == tcpFrame(payloadByteCount: 5000))
                #expect(seen.vlanTPID == tag.0)
                #expect(seen.offload.checksumStart == 34)
                #expect(seen.offload.checksumOffset == 16)
                #expect(seen.offload.segmentByteCount == 1000)
                #expect(seen.offload.segmentation == 1)
                #expect(seen.offload.needsChecksum)
            }
        }
    }

    @Test func noMoreFramesAreLentThanThePoolHas() throws {
        try withTap { tap in
            let host = try PlainSocket("t0")
            for number in 0..<PortLimits.tapPoolCount + 3 { try host.send(testFrame(number)) }
            var numbers: [Int] = []
            while let frame = tap.nextFrame() { numbers.append(Seen(frame).number) }
            #expect(numbers == Array(0..<PortLimits.tapPoolCount))
            tap.reuseBuffers()
            while let frame = tap.nextFrame() { numbers.append(Seen(frame).number) }
            #expect(numbers == Array(0..<PortLimits.tapPoolCount + 3))
        }
    }

    @Test func framesThatTheHostCannotTakeAreCountedByReason() throws {
        try withTap { tap in
            var octets = testFrame(1, byteCount: 60)
            try octets.withUnsafeMutableBytes {
                let start = try #require($0.baseAddress)
                let short = tap.send(Frame(start: start, byteCount: 13))
                let bad = Offload(
                    flags: 1, segmentation: 0, headerByteCount: 0, segmentByteCount: 0,
                    checksumStart: 100, checksumOffset: 16)
                let invalid = tap.send(Frame(start: start, byteCount: 60, offload: bad))
                try command("ip", "link", "set", "t0", "down")
                let down = tap.send(Frame(start: start, byteCount: 60))
                let silence = tap.nextFrame().map { Seen($0) }
                try command("ip", "link", "del", "t0")
                let gone = tap.send(Frame(start: start, byteCount: 60))
                #expect(short == .truncatedEthernet)
                #expect(invalid == .invalidOffload)
                #expect(down == .sendFailed)
                #expect(silence == nil)
                #expect(gone == .outputPortGone)
            }
        }
    }

    @Test func theInterfaceLivesAsLongAsThePort() throws {
        try space.run {
            do {
                let tap = try TapPort(name: "t0")
                #expect(tap.interface.mtu == 1500)
                let facts = try InterfaceFacts(name: "t0")
                #expect(facts.index == tap.interface.index)
            }
            // A process that another test starts at this moment holds a copy of the descriptor
            // until it becomes its own program; the interface goes with the last copy.
            let isGone = eventually {
                do {
                    _ = try InterfaceFacts(name: "t0")
                    return false
                } catch {
                    return (error as? PortError)?.kind == .noSuchInterface
                }
            }
            #expect(isGone)
        }
    }

    @Test(arguments: ["dummy-like", "tap"])
    func aTakenNameIsAnErrorThatSaysSo(kind: String) throws {
        try space.run {
            if kind == "tap" {
                try command("ip", "tuntap", "add", "t0", "mode", "tap")
            } else {
                try command("ip", "link", "add", "t0", "type", "veth", "peer", "name", "t1")
            }
            let error = #expect(throws: PortError.self) { _ = try TapPort(name: "t0") }
            #expect(error?.kind == .nameTaken)
            #expect(error?.description.contains("t0: an interface of this name exists") == true)
        }
    }

    /// Ethernet, IPv4, TCP without options, and a payload; the checksum is left unfinished.
    private func tcpFrame(payloadByteCount: Int) -> [UInt8] {
        let total = 40 + payloadByteCount
        return [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00]
            + [0x45, 0, UInt8(total >> 8), UInt8(total & 0xff), 0, 0, 0x40, 0, 64, 6, 0, 0]
            + [10, 9, 0, 1, 10, 9, 0, 2]
            + [0x13, 0x89, 0x13, 0x89, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0]
            + (0..<payloadByteCount).map { UInt8(truncatingIfNeeded: $0) }
    }
}
