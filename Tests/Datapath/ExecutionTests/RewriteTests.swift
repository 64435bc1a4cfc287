import Execution
import Flows
import Packets
import Testing

/// Frames of every kind that a `set` knows, with right checksums.
private enum Sample {
    static let discovery: [UInt8] =
        Build.solicitation(options: [1, 1, 2, 0, 0, 0, 0, 9, 2, 1, 2, 0, 0, 0, 0, 8])
    static let label = Build.octets(16 << 12 | 1 << 9 | 1 << 8 | 64 as UInt32)

    static func frames() -> [[UInt8]] {
        let data: [UInt8] = [1, 2, 3, 4, 5]
        let ip: [(UInt8, [UInt8])] = [
            (6, Build.tcp(data)), (17, Build.udp(data)), (132, Build.sctp(data)),
        ]
        var frames: [[UInt8]] = []
        for (ipProtocol, message) in ip {
            frames.append(
                Build.ethernet(0x0800, Build.ipv4(ipProtocol, options: [1, 1, 1, 0], message)))
            frames.append(Build.ethernet(0x86dd, Build.ipv6(ipProtocol, message)))
        }
        frames.append(Build.ethernet(0x0800, Build.ipv4(1, Build.icmp(8) + data)))
        frames.append(Build.ethernet(0x86dd, Build.ipv6(58, Build.icmp(128) + data)))
        frames.append(Build.ethernet(0x86dd, Build.ipv6(58, discovery)))
        frames = frames.map { filled($0) }
        frames.append(Build.ethernet(0x0806, Build.arp(1)))
        frames.append(Build.ethernet(0x8847, label + Build.ipv4(6, Build.tcp())))
        frames.append(Build.ethernet(0x1234, data))
        return frames + frames.map { tagged($0) }
    }

    static func tagged(_ frame: [UInt8]) -> [UInt8] {
        Array(frame[..<12]) + [0x81, 0, 0x20, 5] + Array(frame[12...])
    }

    private static func icmpv4Place(_ frame: [UInt8]) -> Int? {
        let found = frame.withUnsafeBytes { FlowKey.extract(frame: $0.bytes, inPort: 1) }
        return found.layout.transportProtocol == 1 ? Int(found.layout.transport) : nil
    }

    static func filled(_ frame: [UInt8]) -> [UInt8] {
        guard let place = icmpv4Place(frame) else { return Transport.filled(frame) }
        var frame = frame
        let sum = ~Sum.of(frame[place...])
        (frame[place + 2], frame[place + 3]) = (UInt8(sum >> 8), UInt8(sum & 0xff))
        return frame
    }

    static func isRight(_ frame: [UInt8]) -> Bool {
        if let place = icmpv4Place(frame) { return Sum.of(frame[place...]) == 0xffff }
        let found = frame.withUnsafeBytes { FlowKey.extract(frame: $0.bytes, inPort: 1) }
        return found.layout.transport == 0 || Transport.isRight(frame)
    }
}

extension Chance {
    mutating func row() -> FlowKey {
        var row = FlowKey()
        for index in 0..<FlowKey.wordCount { row[word: index] = next() }
        return row
    }

    /// A rewrite of some bits of a header, or of all.
    mutating func rewrite(_ kind: HeaderKind) -> HeaderRewrite {
        let mask = oneIn(3) ? kind.fields : row().masked(by: kind.fields)
        return HeaderRewrite(kind, value: row().masked(by: mask), mask: mask)
    }
}

struct RewriteTests {
    /// Every header of every frame, random bits: what is sent has the key that the rewrite says,
    /// right checksums, and the same bytes behind its headers.
    @Test(arguments: HeaderKind.allCases)
    func writesWhatItSaysAndKeepsSums(kind: HeaderKind) throws {
        var chance = Chance(seed: UInt64(kind.rawValue) + 100)
        for round in 0..<200 {
            for frame in Sample.frames() {
                let before = FlowKey.extract(frame: frame.span.bytes, inPort: 7).key
                let rewrite = chance.rewrite(kind)
                let actions: [DatapathAction] = [
                    .set(rewrite), .output(port: 1), .userspace(cookie: []),
                ]
                let result = try run(actions, on: frame)
                let sent = try #require(result.sent.first)
                let after = try #require(result.upcalls.first).key
                var expected = rewrite.applied(to: before)
                // What an ICMPv6 message holds depends on its type, and what stands behind a label
                // on the bit that says whether it is the last.
                let words = kind == .icmpv6 ? 13 : kind == .mpls ? 17 : FlowKey.wordCount
                for index in words..<FlowKey.wordCount {
                    expected[word: index] = after[word: index]
                }
                #expect(after == expected, "round \(round): \(rewrite) on \(frame)")
                #expect(Sample.isRight(sent.bytes), "round \(round): \(rewrite) on \(frame)")
                #expect(sent.bytes.count == frame.count)
            }
        }
    }

    /// An ARP operation above 255 is 0 in the key; writing it whole writes both bytes.
    @Test func operationsAreWrittenWhole() throws {
        let frame = Build.ethernet(0x0806, Build.arp(0x0301))
        func written(_ mask: UInt8) throws -> [UInt8] {
            var (row, bits) = (FlowKey(), FlowMask())
            (row.nwProto, bits.nwProto) = (2, mask)
            let rewrite = HeaderRewrite(.arp, value: row, mask: bits)
            return Array(
                try run([.set(rewrite), .output(port: 1)], on: frame).sent[0].bytes[20..<22])
        }
        #expect(try written(.max) == [0, 2])
        #expect(try written(0x0f) == [3, 2])
    }

    /// Options that are not there are not added, and a broken one ends the walk.
    @Test func discoveryOptionsMustBeThere() throws {
        for options in [[], [1, 1, 2, 0, 0, 0, 0, 9], [2, 0, 1, 1, 1, 1, 1, 1]] as [[UInt8]] {
            let frame = Sample.filled(
                Build.ethernet(0x86dd, Build.ipv6(58, Build.solicitation(options: options))))
            var row = FlowKey()
            row.arpSHA = MACAddress(bits: 0xa1)
            row.arpTHA = MACAddress(bits: 0xb2)
            row.ndTarget = IPv6Address(high: 1, low: 2)
            let rewrite = HeaderRewrite(
                .neighbourDiscovery, value: row, mask: HeaderKind.neighbourDiscovery.fields)
            let sent = try run([.set(rewrite), .output(port: 1)], on: frame).sent[0].bytes
            #expect(sent.count == frame.count)
            #expect(Sample.isRight(sent))
            let tail = Array(sent[(14 + 40 + 24)...])
            let isWhole = options.count == 8 && options[1] == 1
            #expect(tail == (isWhole ? [1, 1, 0, 0, 0, 0, 0, 0xa1] : options))
        }
    }

    /// Pushed labels and popped ones, between tags and the network layer, and back.
    @Test(arguments: Sample.frames().filter { $0[12] != 0x12 })
    func labelsComeAndGo(frame: [UInt8]) throws {
        let offload = Offload(
            flags: 1, segmentation: 0, headerByteCount: 0, segmentByteCount: 0, checksumStart: 34,
            checksumOffset: 2)
        let key = FlowKey.extract(frame: frame.span.bytes, inPort: 7).key
        let push = DatapathAction.pushMPLS(etherType: 0x8848, entry: 0x0001_01ff)
        let result = try run(
            [
                push, .output(port: 1), .userspace(cookie: []), .popMPLS(etherType: key.ethType),
                .set(.packetMark(Masked(1, mask: .max))), .output(port: 2),
            ], on: frame, offload: frame.count > 44 ? offload : .none)
        let link = key.vlan0TCI == 0 ? 14 : 18
        let labelled = frame[..<(link - 2)] + [0x88, 0x48, 0, 1, 1, 0xff] + frame[link...]
        #expect(result.sent.map(\.bytes) == [Array(labelled), frame])
        #expect(result.sent[0].offload.checksumStart == (frame.count > 44 ? 38 : 0))
        #expect(result.sent[1].offload.checksumStart == (frame.count > 44 ? 34 : 0))
        let seen = try #require(result.upcalls.first).key
        #expect(seen.mpls0 == 0x0001_01ff && seen.ethType == 0x8848)
    }

    /// After a pop the network layer can be edited, though nobody had seen it before.
    @Test func whatAppearsCanBeEdited() throws {
        let inside = Build.ipv4(6, Build.tcp([1, 2, 3]))
        let frame = Build.ethernet(0x8847, Sample.label + inside)
        let (value, mask) = (IPv4Address(bits: 0x0b00_0001), IPv4Address(bits: .max))
        var rows = (FlowKey(), FlowMask())
        (rows.0.nwSrc, rows.1.nwSrc) = (value, mask)
        let edit = HeaderRewrite(.ipv4, value: rows.0, mask: rows.1)
        let sent = try run(
            [.popMPLS(etherType: 0x0800), .set(edit), .output(port: 1)], on: frame
        ).sent[0].bytes
        let key = FlowKey.extract(frame: sent.span.bytes, inPort: 7).key
        #expect(sent.count == frame.count - 4 && key.nwSrc == value && key.tpDst == 80)
        #expect(Sum.of(sent[14..<34]) == 0xffff)
    }

    @Test func framesWithoutTypeOrLabelStayAsTheyAre() throws {
        let raw = Build.ethernet(8, [1, 2, 3, 4, 5, 6, 7, 8])
        let result = try run(
            [
                .pushMPLS(etherType: 0x8847, entry: 1), .popMPLS(etherType: 0x0800),
                .output(port: 1),
            ], on: raw)
        #expect(result.sent.map(\.bytes) == [raw] && result.copies == 0)
        #expect(
            try run([.popMPLS(etherType: 0x0800), .output(port: 1)], on: plain).sent[0].bytes
                == plain)
    }
}
