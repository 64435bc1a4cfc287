import DatapathMessages
import Flows
import Packets
import Testing

/// What goes in comes out, and what is not a message is refused by name.
@Suite struct CodecTests {
    static func bytes(_ requests: [DatapathRequest], _ first: UInt32 = 1) throws -> [UInt8] {
        var writer = DatagramWriter()
        for (index, request) in requests.enumerated() {
            #expect(try writer.append(request, sequence: first + UInt32(index)))
        }
        return writer.bytes
    }

    static func bytes(_ replies: [DatapathReply], inDump: Bool = false) throws -> [UInt8] {
        var writer = DatagramWriter()
        for (index, reply) in replies.enumerated() {
            #expect(try writer.append(reply, sequence: UInt32(index), inDump: inDump))
        }
        return writer.bytes
    }

    static func requests(_ bytes: [UInt8]) -> [Received<DatapathRequest>] {
        DatapathRequest.decode(bytes.span.bytes)
    }

    static func replies(_ bytes: [UInt8]) -> [Received<DatapathReply>] {
        DatapathReply.decode(bytes.span.bytes)
    }

    @Test(arguments: 0..<UInt64(300))
    func everyRequestComesBack(seed: UInt64) throws {
        var numbers = SeededNumbers(seed: seed)
        let requests = numbers.requests()
        let received = Self.requests(try Self.bytes(requests))
        #expect(try received.map { try $0.content.get() } == requests, "seed \(seed)")
        #expect(received.map(\.sequence) == (1...UInt32(requests.count)).map { $0 })
    }

    @Test(arguments: 0..<UInt64(300))
    func everyReplyComesBack(seed: UInt64) throws {
        var numbers = SeededNumbers(seed: seed)
        let replies = numbers.replies()
        for inDump in [false, true] {
            let received = Self.replies(try Self.bytes(replies, inDump: inDump))
            #expect(try received.map { try $0.content.get() } == replies, "seed \(seed)")
        }
    }

    /// A mask that says nothing of the tag, half of it, and one that the kernel's form can say.
    @Test(arguments: [0, 0x1000, 0x1fff, 0xffff, 0x0fff] as [UInt16], [0, 1, 2])
    func masksOfTagsAreExact(bits: UInt16, tags: Int) throws {
        var key = FlowKey()
        key.ethType = EtherType.ipv4
        if tags > 0 { (key.vlan0TPID, key.vlan0TCI) = (EtherType.vlan, 0x1065) }
        if tags > 1 { (key.vlan1TPID, key.vlan1TCI) = (EtherType.vlan, 0x1066) }
        var mask = FlowMask()
        (mask.ethType, mask.vlan0TCI) = (.max, bits)
        let request = DatapathRequest.deleteFlow(key: key, mask: mask)
        let received = Self.requests(try Self.bytes([request]))
        #expect(try received.map { try $0.content.get() } == [request])
    }

    @Test func truncationAtEveryByteIsAnError() throws {
        var numbers = SeededNumbers(seed: 1)
        for (index, reply) in numbers.replies().enumerated() {
            let bytes = try Self.bytes([reply])
            for count in 0..<bytes.count {
                let received = Self.replies(Array(bytes[..<count]))
                let isEmpty = count == 0
                #expect(received.count == (isEmpty ? 0 : 1), "reply \(index) cut at \(count)")
                // The padding behind the last attribute may go: it is not part of the message.
                guard let first = received.first, (try? first.content.get()) != reply else {
                    continue
                }
                #expect(throws: DatapathMessageError.self) { try first.content.get() }
            }
        }
        for request in numbers.requests() {
            let bytes = try Self.bytes([request])
            for count in 1..<bytes.count {
                #expect(Self.requests(Array(bytes[..<count])).count == 1)
            }
        }
    }

    @Test func noFlippedByteTraps() throws {
        var numbers = SeededNumbers(seed: 2)
        let all = try Self.bytes(numbers.requests())
        let answers = try Self.bytes(numbers.replies())
        var read = 0
        for (bytes, isRequest) in [(all, true), (answers, false)] {
            for index in bytes.indices {
                for change in [0x01, 0x80, 0xff, UInt8(truncatingIfNeeded: numbers.next()) | 2] {
                    var broken = bytes
                    broken[index] ^= change
                    read += isRequest ? Self.requests(broken).count : Self.replies(broken).count
                }
            }
        }
        #expect(read > all.count)
    }

    @Test func noiseIsRefused() {
        var numbers = SeededNumbers(seed: 3)
        for _ in 0..<20_000 {
            let noise = numbers.octets(upTo: 300)
            for received in Self.requests(noise) {
                #expect(throws: DatapathMessageError.self) { try received.content.get() }
            }
        }
    }

    /// The same message, its headers right and everything behind them noise.
    @Test func noiseBehindAGoodHeaderIsRefusedOrRead() throws {
        var numbers = SeededNumbers(seed: 4)
        for request in numbers.requests() {
            let good = try Self.bytes([request])
            for _ in 0..<2_000 {
                var bytes = good
                for _ in 0..<3 where bytes.count > 24 {
                    let index = 24 + Int(numbers.next() % UInt64(bytes.count - 24))
                    bytes[index] = UInt8(truncatingIfNeeded: numbers.next())
                }
                #expect(Self.requests(bytes).count >= 1)
            }
        }
    }

    @Test func memoryNeedNotBeAligned() throws {
        var numbers = SeededNumbers(seed: 5)
        let requests = numbers.requests()
        let shifted = [0] + (try Self.bytes(requests))
        let received = DatapathRequest.decode(shifted.span.bytes.extracting(droppingFirst: 1))
        #expect(try received.map { try $0.content.get() } == requests)
    }
}

/// Sizes one below, at and above the bounds.
@Suite struct CodecLimitTests {
    static func upcall(_ byteCount: Int) -> DatapathReply {
        var numbers = SeededNumbers(seed: 9)
        let bytes = (0..<byteCount).map { UInt8(truncatingIfNeeded: $0) }
        return .upcall(
            Upcall(
                reason: .miss, bytes: bytes, originalByteCount: byteCount,
                offload: UpcallOffload(bytes: Array(1...10)), key: numbers.key()))
    }

    @Test(arguments: [
        DatapathMessageLimits.packetAttributeByteCountMax - 1,
        DatapathMessageLimits.packetAttributeByteCountMax,
        DatapathMessageLimits.packetAttributeByteCountMax + 1,
        DatapathMessageLimits.frameByteCountMax,
    ])
    func aSuperFrameFits(byteCount: Int) throws {
        let reply = Self.upcall(byteCount)
        let received = CodecTests.replies(try CodecTests.bytes([reply]))
        #expect(try received.map { try $0.content.get() } == [reply])
    }

    @Test func aLongerFrameIsRefused() {
        #expect(throws: DatapathMessageError.self) {
            try CodecTests.bytes([Self.upcall(DatapathMessageLimits.frameByteCountMax + 1)])
        }
    }

    /// Nothing of an earlier message shows between the attributes of a later one.
    @Test func paddingIsZero() throws {
        var numbers = SeededNumbers(seed: 6)
        let replies = numbers.replies()
        let clean = try CodecTests.bytes(replies)
        var writer = DatagramWriter()
        let noise = Upcall(
            reason: .miss, bytes: [UInt8](repeating: 0xa5, count: 60_000),
            originalByteCount: 60_000, key: FlowKey())
        #expect(try writer.append(.upcall(noise), sequence: 0))
        writer.removeAll()
        for (index, reply) in replies.enumerated() {
            #expect(try writer.append(reply, sequence: UInt32(index)))
        }
        #expect(writer.bytes == clean)
    }

    @Test func aFullDatagramIsLeftAsItWas() throws {
        var writer = DatagramWriter()
        let reply = Self.upcall(60_000)
        #expect(try writer.append(reply, sequence: 1))
        #expect(try writer.append(reply, sequence: 2))
        let before = writer.byteCount
        #expect(try !writer.append(reply, sequence: 3))
        #expect(writer.byteCount == before && writer.messageCount == 2)
        #expect(try writer.append(.done, sequence: 4))
        let received = CodecTests.replies(writer.bytes)
        #expect(received.map(\.sequence) == [1, 2, 4])
        writer.removeAll()
        #expect(try writer.append(reply, sequence: 3))
    }

    @Test(arguments: DatapathProbe.all)
    func aProbeArrivesAsAProbe(probe: DatapathProbe) throws {
        let bytes = try CodecTests.bytes([.probeFlow(probe.flow)])
        let received = try CodecTests.requests(bytes)[0].content.get()
        guard case .probeFlow(let flow) = received else {
            Issue.record("it arrived as \(received)")
            return
        }
        #expect(flow.actions == probe.flow.actions)
    }

    @Test(arguments: [(4096, true), (4097, false)])
    func actionsAreBounded(count: Int, fits: Bool) throws {
        let flow = CachedFlow(
            key: FlowKey(), mask: FlowMask(),
            actions: [DatapathAction](repeating: .output(port: 1), count: count))
        let bytes = try? CodecTests.bytes([.putFlow(flow)])
        #expect((bytes != nil) == fits)
        guard let bytes else { return }
        #expect(try CodecTests.requests(bytes)[0].content.get() == .putFlow(flow))
    }

    @Test(arguments: [
        ("", false), ("a", true), ("abcdefghijklmno", true),
        ("abcdefghijklmnop", false),
    ])
    func namesAreBounded(name: String, fits: Bool) {
        let port = DatapathRequest.addPort(Vport(number: 1, kind: .netdev, name: name))
        #expect(((try? CodecTests.bytes([port])) != nil) == fits)
    }

    @Test func aLongErrorTextIsCut() throws {
        let text = String(repeating: "x", count: 5000)
        let received = CodecTests.replies(
            try CodecTests.bytes([DatapathReply.failed(errno: 1, text: text)]))
        #expect(
            try received[0].content.get()
                == .failed(errno: 1, text: String(text.prefix(1024))))
    }
}
