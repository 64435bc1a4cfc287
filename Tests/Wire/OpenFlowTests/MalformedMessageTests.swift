import Testing

@testable import OpenFlow

/// Nothing that arrives may trap: each message cut at every byte, and many with bytes changed.
@Suite struct MalformedMessageTests {
    /// Found by `apus-fuzz openflow`: it was written back as an error without a vendor.
    @Test func anErrorOfVendorZeroIsRefused() {
        let bytes: [UInt8] = [4, 1, 0, 18, 1, 2, 3, 4, 0xff, 0xff, 0, 7, 0, 0, 0, 0, 0, 0]
        #expect(throws: OpenFlowFault.self) { try OpenFlowDialect(.v13).decode(bytes) }
    }

    static func corpus() throws -> [(OpenFlowDialect, [UInt8])] {
        var corpus = try FlowGoldenTests.all().flatMap { golden in
            let dialect = FlowGoldenTests.dialect(golden)
            return [(dialect, golden.mod), (dialect, golden.reply)]
        }
        for message in try MessageGoldenTests.all() {
            corpus.append((OpenFlowDialect(message.version), message.bytes))
        }
        for version in OpenFlowVersion.allCases {
            let dialect = OpenFlowDialect(version)
            for body in MessageTests.bodies(version) {
                corpus.append((dialect, dialect.encode(OpenFlowMessage(xid: 9, body))))
            }
        }
        return corpus
    }

    /// Reads, and writes back what could be read.
    static func digest(_ bytes: [UInt8], _ dialect: OpenFlowDialect) {
        do throws(OpenFlowFault) {
            let message = try dialect.decode(bytes)
            _ = dialect.encode(message)
        } catch {
            _ = dialect.encode(error.reply)
        }
    }

    static func setLength(_ bytes: inout [UInt8]) {
        guard bytes.count >= 4 else { return }
        bytes[2] = UInt8(bytes.count >> 8)
        bytes[3] = UInt8(truncatingIfNeeded: bytes.count)
    }

    @Test func cutAtEveryByte() throws {
        // Every ninth, and not the long ones: the same kinds of bytes again and again.
        for (index, (dialect, bytes)) in try Self.corpus().enumerated()
        where index % 9 == 0 && bytes.count < 400 {
            for length in 0..<bytes.count {
                var cut = Array(bytes[..<length])
                Self.digest(cut, dialect)
                Self.setLength(&cut)
                Self.digest(cut, dialect)
            }
        }
    }

    @Test func aHundredThousandMutations() throws {
        let corpus = try Self.corpus().filter { $0.1.count < 400 }
        var random = Generator(state: 2026)
        for _ in 0..<100_000 {
            var (dialect, bytes) = corpus[Int(random.next() % UInt64(corpus.count))]
            for _ in 0..<(1 + random.next() % 6) {
                let at = Int(random.next() % UInt64(bytes.count))
                switch random.next() % 4 {
                case 0: bytes[at] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes[at] ^= 1 << (random.next() % 8)
                case 2: bytes[at] = random.next() % 2 == 0 ? 0 : 0xff
                default:
                    let more = (0..<(random.next() % 9)).map { _ in
                        UInt8(truncatingIfNeeded: random.next())
                    }
                    bytes.insert(contentsOf: more, at: at)
                }
            }
            bytes[0] = dialect.version.rawValue
            Self.setLength(&bytes)
            Self.digest(bytes, dialect)
        }
    }

    @Test func framingFollowsTheStreamAndRefusesImpossibleLengths() throws {
        var framing = OpenFlowFraming()
        let echo: [UInt8] = [1, 2, 0, 10, 0, 0, 0, 1, 7, 7]
        let hello: [UInt8] = [1, 0, 0, 8, 0, 0, 0, 2]
        var seen: [[UInt8]] = []
        for byte in echo + hello + echo {
            framing.feed([byte])
            while let message = try framing.next() { seen.append(message) }
        }
        #expect(seen == [echo, hello, echo])
        framing.feed([1, 0, 0, 7, 0, 0, 0, 2])
        #expect(throws: OpenFlowFraming.Broken(length: 7)) { try framing.next() }
    }
}
