import Flows
import Glibc
import PacketPorts
import Packets
import Testing

/// Real TCP through ports: a relay does nothing but send what came in on one side out of the other.
/// The hosts at both ends leave checksums and segmentation to "hardware", as they do by default.
@Suite(.serialized, .enabled(if: NetworkNamespace.isAllowed, "needs root: makes interfaces"))
struct RelayTests {
    let switchSpace: NetworkNamespace
    let left: NetworkNamespace
    let right: NetworkNamespace

    init() throws {
        switchSpace = try NetworkNamespace()
        left = try NetworkNamespace()
        right = try NetworkNamespace()
        try switchSpace.addPair("p0", "h0", peerIn: left)
        try switchSpace.addPair("p1", "h1", peerIn: right)
        try left.run { try command("ip", "addr", "add", "10.9.0.1/24", "dev", "h0") }
        try right.run { try command("ip", "addr", "add", "10.9.0.2/24", "dev", "h1") }
    }

    static let byteCount = 8 << 20

    @Test(arguments: [RingLayout.standard, .prompt])
    func superFramesCrossUntouched(layout: RingLayout) throws {
        let seen = try transfer(across: [("p0", "p1")], layout)
        #expect(seen.largestByteCount > 10_000)
        #expect(seen.unfinishedChecksumCount > 100)
        #expect(seen.superFrameCount > 100)
        #expect(seen.failureCount == 0)
    }

    /// In the middle the frames have a tag: put into the bytes at one relay, taken out of the
    /// metadata at the other.
    @Test(arguments: [RingLayout.standard, .prompt])
    func superFramesCrossWithATag(layout: RingLayout) throws {
        try switchSpace.addPair("m0", "m1")
        let seen = try transfer(across: [("p0", "m0"), ("m1", "p1")], layout, tagOn: "m0", "m1")
        #expect(seen.superFrameCount > 100)
        #expect(seen.failureCount == 0)
    }

    /// An interface without segmentation offload: the kernel has to cut the super-frames.
    @Test func superFramesLeaveByAnInterfaceThatCannotSegment() throws {
        try switchSpace.run { try command("ip", "link", "set", "p1", "gso_max_segs", "1") }
        let seen = try transfer(across: [("p0", "p1")])
        #expect(seen.superFrameCount > 100)
        #expect(seen.failureCount == 0)
    }

    @Test func superFramesCrossATap() throws {
        let relay = Relay()
        let seen = try switchSpace.run {
            var tap = try TapPort(name: "t0")
            try command("ip", "link", "set", "t0", "addrgenmode", "none")
            try command("ip", "addr", "add", "10.9.0.9/24", "dev", "t0")
            try command("ip", "link", "set", "t0", "up")
            let facts = try InterfaceFacts(name: "p1")
            var ring = try PacketRing(interface: facts)
            var sender = try FrameSender(interface: facts)
            let connection = try Connection(
                from: switchSpace, "10.9.0.9", to: right, "10.9.0.2", byteCount: Self.byteCount)
            while !connection.isFinished {
                relay.step(&tap, &ring, &sender)
            }
            try connection.check()
            return relay.seen
        }
        #expect(seen.largestByteCount > 10_000)
        #expect(seen.superFrameCount > 100)
        #expect(seen.failureCount == 0)
    }

    /// Sends `byteCount` bytes from left to right and a part of them back, checking each, over
    /// relays that each join two ports; ports named in `tagOn` carry frames with tag 101.
    private func transfer(
        across pairs: [(String, String)], _ layout: RingLayout = .standard,
        tagOn tagged: String...
    ) throws -> Relay.Seen {
        let relay = Relay()
        return try switchSpace.run {
            var first = try Relay.Pair(pairs[0], layout, tagged)
            var second = try Relay.Pair(pairs[pairs.count - 1], layout, tagged)
            let connection = try Connection(
                from: left, "10.9.0.1", to: right, "10.9.0.2", byteCount: Self.byteCount)
            while !connection.isFinished {
                relay.step(&first)
                if pairs.count > 1 { relay.step(&second) }
            }
            try connection.check()
            return relay.seen
        }
    }
}

/// Moves frames between ports and notes what kinds of them it saw.
final class Relay {
    struct Seen {
        var largestByteCount = 0
        var superFrameCount = 0
        var unfinishedChecksumCount = 0
        var failureCount = 0
    }
    private(set) var seen = Seen()

    /// Two ports that are joined.
    struct Pair: ~Copyable {
        var ringA: PacketRing
        var ringB: PacketRing
        var senderA: FrameSender
        var senderB: FrameSender
        var tags: (a: Bool, b: Bool)

        init(_ names: (a: String, b: String), _ layout: RingLayout, _ tagged: [String]) throws {
            let factsA = try InterfaceFacts(name: names.a)
            let factsB = try InterfaceFacts(name: names.b)
            let ringA = try PacketRing(interface: factsA, layout: layout)
            let ringB = try PacketRing(interface: factsB, layout: layout)
            let senderA = try FrameSender(interface: factsA)
            let senderB = try FrameSender(interface: factsB)
            self.ringA = ringA
            self.ringB = ringB
            self.senderA = senderA
            self.senderB = senderB
            tags = (tagged.contains(names.a), tagged.contains(names.b))
        }
    }

    func step(_ pair: inout Pair) {
        move(&pair.ringA, &pair.senderB, tags: pair.tags.b)
        move(&pair.ringB, &pair.senderA, tags: pair.tags.a)
    }

    func step(_ tap: inout TapPort, _ ring: inout PacketRing, _ sender: inout FrameSender) {
        while let received = tap.nextFrame() {
            note(received.frame)
            if sender.isFull { flush(&sender) }
            sender.append(received.frame)
        }
        flush(&sender)
        tap.reuseBuffers()
        guard var block = ring.nextBlock() else { return }
        while let received = block.nextFrame() {
            note(received.frame)
            if tap.send(received.frame) != .forwarded { seen.failureCount += 1 }
        }
        block.giveBack()
    }

    private func move(_ ring: inout PacketRing, _ sender: inout FrameSender, tags: Bool) {
        guard var block = ring.nextBlock() else { return }
        while let received = block.nextFrame() {
            note(received.frame)
            if sender.isFull { flush(&sender) }
            var frame = received.frame
            if frame.vlanTPID != 0 && frame.vlanTCI != 101 { seen.failureCount += 1 }
            frame.vlanTPID = tags ? 0x8100 : 0
            frame.vlanTCI = 101
            sender.append(frame)
        }
        flush(&sender)
        block.giveBack()
    }

    private func flush(_ sender: inout FrameSender) { seen.failureCount += sender.flush().failureCount }

    private func note(_ frame: Frame) {
        seen.largestByteCount = max(seen.largestByteCount, frame.byteCount)
        if frame.offload.isSuperFrame { seen.superFrameCount += 1 }
        if frame.offload.needsChecksum { seen.unfinishedChecksumCount += 1 }
    }
}
