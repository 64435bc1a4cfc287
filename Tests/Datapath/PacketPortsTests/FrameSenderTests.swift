import Flows
import Glibc
import PacketPorts
import Packets
import Testing

/// Frames that leave by a sender: the port under test is p0; h0 sees what leaves.
@Suite(.serialized, .enabled(if: NetworkNamespace.isAllowed, "needs root: makes interfaces"))
struct FrameSenderTests {
    let space: NetworkNamespace

    init() throws {
        space = try NetworkNamespace()
        try space.addPair("p0", "h0")
    }

    @Test(arguments: [1, 63, 64, 65, 1000])
    func allFramesLeaveInTheirOrder(count: Int) throws {
        try space.run {
            let peer = try PlainSocket("h0")
            var sender = try FrameSender(interface: InterfaceFacts(name: "p0"))
            let frames = (0..<count).map { testFrame($0, byteCount: 60 + $0 % 1400) }
            let report = sendAll(frames, by: &sender)
            #expect(report.sentCount == count)
            #expect(report.sentByteCount == frames.reduce(0) { $0 + $1.count })
            #expect(report.failureCount == 0)
            for frame in frames {
                #expect(try peer.receive() == PlainFrame(octets: frame))
            }
        }
    }

    @Test(
        arguments: [(0, 0), (0x8100, 101), (0x88a8, 0xe00c)] as [(UInt16, UInt16)],
        [0, 5, 14, 60, 192])
    func theOuterTagIsPutIntoTheBytes(tag: (UInt16, UInt16), copyingHeader: Int) throws {
        try space.run {
            let peer = try PlainSocket("h0")
            var sender = try FrameSender(interface: InterfaceFacts(name: "p0"))
            for byteCount in [14, 16, 60, 191, 192, 193, 1510, 1514] {
                // Linux receives no tagged frame without two bytes behind the tag and the type.
                if tag.0 != 0 && byteCount == 14 { continue }
                // AF_PACKET allows the tag's 4 bytes beyond the MTU for 802.1Q only.
                if tag.0 == 0x88a8 && byteCount == 1514 { continue }
                let octets = testFrame(3, byteCount: byteCount)
                let report = sendAll(
                    [octets], by: &sender, tag: tag, copyingHeader: copyingHeader)
                let wireByteCount = octets.count + (tag.0 == 0 ? 0 : 4)
                #expect(report.sentByteCount == wireByteCount)
                #expect(
                    try peer.receive()
                        == PlainFrame(octets: octets, vlanTPID: tag.0, vlanTCI: tag.1))
            }
        }
    }

    @Test func aCopiedHeaderMayBeChangedBeforeTheFlush() throws {
        try space.run {
            let peer = try PlainSocket("h0")
            var sender = try FrameSender(interface: InterfaceFacts(name: "p0"))
            var octets = testFrame(1, byteCount: 100)
            try octets.withUnsafeMutableBytes { bytes in
                let start = try #require(bytes.baseAddress)
                let frame = Frame(start: start, byteCount: 100)
                sender.append(frame, copyingHeader: 18)
                start.storeBytes(of: 2, toByteOffset: 17, as: UInt8.self)
                sender.append(frame)
                let waitingCount = sender.waitingCount
                let report = sender.flush()
                #expect(waitingCount == 2)
                #expect(report.sentCount == 2)
            }
            #expect(try [peer.receive(), peer.receive()].map { $0.octets[17] } == [1, 2])
        }
    }

    /// Each frame that cannot leave is counted by its reason; those behind it still leave.
    @Test func aFrameThatCannotLeaveHoldsUpNoOther() throws {
        try space.run {
            let peer = try PlainSocket("h0")
            var sender = try FrameSender(interface: InterfaceFacts(name: "p0"))
            let byteCounts = [60, 1515, 61, 13, 0, 62, 3000, 1514]
            let frames = byteCounts.map { testFrame(1, byteCount: $0) }
            let report = sendAll(frames, by: &sender)
            #expect(report.sentCount == 4)
            #expect(report.sentByteCount == 60 + 61 + 62 + 1514)
            let refused = failures(of: sender, report)
            #expect(
                refused == [
                    SendFailure(token: 1, end: .exceedsMTU),
                    SendFailure(token: 3, end: .truncatedEthernet),
                    SendFailure(token: 4, end: .truncatedEthernet),
                    SendFailure(token: 6, end: .exceedsMTU),
                ])
            #expect(try (0..<4).map { _ in try peer.receive().octets.count } == [60, 61, 62, 1514])
        }
    }

    @Test func aTagDoesNotCountAgainstTheMTU() throws {
        try space.run {
            var sender = try FrameSender(interface: InterfaceFacts(name: "p0"))
            let frames = [1514, 1515].map { testFrame(1, byteCount: $0) }
            let report = sendAll(frames, by: &sender, tag: (0x8100, 5))
            #expect(report.sentCount == 1)
            let refused = failures(of: sender, report)
            #expect(refused == [SendFailure(token: 1, end: .exceedsMTU)])
        }
    }

    @Test(arguments: [
        // A checksum behind the frame's end, headers longer than the frame, an unknown kind of
        // super-frame, and one with segments of no bytes.
        Offload(
            flags: 1, segmentation: 0, headerByteCount: 0, segmentByteCount: 0,
            checksumStart: 100, checksumOffset: 16),
        Offload(
            flags: 0, segmentation: 1, headerByteCount: 101, segmentByteCount: 10,
            checksumStart: 0, checksumOffset: 0),
        Offload(
            flags: 1, segmentation: 9, headerByteCount: 54, segmentByteCount: 10,
            checksumStart: 34, checksumOffset: 16),
        Offload(
            flags: 1, segmentation: 1, headerByteCount: 54, segmentByteCount: 0,
            checksumStart: 34, checksumOffset: 16),
    ])
    func anOffloadHeaderThatContradictsTheFrameIsRefused(offload: Offload) throws {
        try space.run {
            var sender = try FrameSender(interface: InterfaceFacts(name: "p0"))
            for tag in [(0, 0), (0x8100, 5)] as [(UInt16, UInt16)] {
                let frames = [testFrame(1, byteCount: 100)]
                let report = sendAll(frames, by: &sender, tag: tag, offload: offload)
                let refused = failures(of: sender, report)
                #expect(refused == [SendFailure(token: 0, end: .invalidOffload)])
            }
        }
    }

    @Test func anInterfaceThatIsDownOrGoneIsAReasonOfItsOwn() throws {
        try space.run {
            var sender = try FrameSender(interface: InterfaceFacts(name: "p0"))
            try command("ip", "link", "set", "p0", "down")
            let whileDown = sendAll([testFrame(), testFrame()], by: &sender)
            let refused = failures(of: sender, whileDown)
            #expect(refused.map(\.end) == [.sendFailed, .sendFailed])
            try command("ip", "link", "set", "p0", "up")
            let whileUp = sendAll([testFrame()], by: &sender)
            #expect(whileUp.sentCount == 1)
            try command("ip", "link", "del", "p0")
            let whenGone = sendAll([testFrame()], by: &sender)
            let refusedThen = failures(of: sender, whenGone)
            #expect(refusedThen.map(\.end) == [.outputPortGone])
        }
    }

    @Test func anEmptyFlushDoesNothing() throws {
        try space.run {
            var sender = try FrameSender(interface: InterfaceFacts(name: "p0"))
            let report = sender.flush()
            #expect(report == SendReport())
        }
    }
}
