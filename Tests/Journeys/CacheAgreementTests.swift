import DatapathMessages
import Execution
import Flows
import Forwarding
import OpenFlow
import Packets
import Pipeline
import Switching
import Testing
import Timekeeping

// What a cached flow answers is what the tables would have answered: the whole worth of a cache
// hangs on it, and each of CVE-2020-35498, CVE-2023-1668 and CVE-2023-5366 was a switch in which it
// did not hold. So random frames meet random tables, and every tier:
//
//     frame --+--> up, translation, execution (slow path) ----------------.
//             +--> megaflow, installed by an earlier packet --------------+--> the same frames by
//             +--> microflow, made by an earlier hit ---------------------+    the same ports
//             `--> the kernel's programs, told of a flow by an earlier hit'

#if DEBUG
    private let frameCount = 20_000
#else
    private let frameCount = 1_000_000
#endif

/// Frames over small alphabets, so that flows meet; some broken, some padded.
private struct FrameSource {
    var chance: Chance

    private mutating func pick<Value>(_ values: [Value]) -> Value {
        values[chance.below(values.count)]
    }
    private mutating func octet(_ bound: Int) -> UInt8 { UInt8(chance.below(bound)) }

    private mutating func message(_ ipProtocol: UInt8, isIPv6: Bool) -> [UInt8] {
        var bytes: [UInt8]
        switch ipProtocol {
        case 6: bytes = Build.tcp(flags: pick([2, 0x12, 0x18]))
        case 17: bytes = Build.udp([1, 2])
        case 132: bytes = Build.sctp()
        case 1, 2: bytes = Build.icmp(pick([0, 8, 3]), octet(2))
        case 58 where isIPv6 && chance.oneIn(2):
            bytes = Build.solicitation(
                options: pick([
                    [], [1, 1, 2, 0, 0, 0, 0, 1], [2, 1, 2, 0, 0, 0, 0, 2], [1, 0, 0, 0],
                ]))
            bytes[0] = pick([135, 136])
            bytes[23] = octet(3)
            return bytes
        case 58: bytes = Build.icmp(pick([128, 129, 135]), octet(2))
        default: bytes = [1, 2, 3, 4, 5, 6, 7, 8]
        }
        if bytes.count >= 4, ipProtocol != 58, ipProtocol != 1 {
            (bytes[1], bytes[3]) = (octet(3), octet(3))
        }
        return chance.oneIn(30) ? Array(bytes[..<chance.below(bytes.count)]) : bytes
    }

    private mutating func packet() -> (type: UInt16, bytes: [UInt8]) {
        switch chance.below(10) {
        case 0...4:
            let ipProtocol = pick([6, 6, 17, 132, 1, 2, 0, 47] as [UInt8])
            var bytes = Build.ipv4(
                ipProtocol, tos: pick([0, 4, 1]), ttl: pick([0, 1, 2, 64]),
                place: pick([0, 0, 0, 0x4000, 0x2000, 0x0010]),
                options: pick([[], [], [1, 1, 1, 1]]),
                total: chance.oneIn(20) ? chance.below(70) : nil,
                version: chance.oneIn(40) ? 5 : 4, message(ipProtocol, isIPv6: false))
            (bytes[15], bytes[19]) = (octet(3), octet(3))
            return (EtherType.ipv4, bytes)
        case 5...7:
            let ipProtocol = pick([6, 17, 58, 58, 132, 59] as [UInt8])
            let inner = message(ipProtocol, isIPv6: true)
            var extended: (next: UInt8, bytes: [UInt8]) = (ipProtocol, inner)
            switch chance.below(6) {
            case 0: extended = (0, [ipProtocol, 0, 1, 4, 0, 0, 0, 0] + inner)
            case 1:
                let place: UInt8 = pick([0, 1, 8, 9])
                extended = (44, [ipProtocol, 0, 0, place, 0, 0, 0, 5] + inner)
            case 2: extended = (43, [ipProtocol, 0, 0, octet(2), 0, 0, 0, 0] + inner)
            default: break
            }
            var bytes = Build.ipv6(
                extended.next, label: UInt32(chance.below(2)), hopLimit: pick([1, 64]),
                length: chance.oneIn(20) ? chance.below(80) : nil, extended.bytes)
            (bytes[23], bytes[39]) = (octet(3), octet(3))
            return (EtherType.ipv6, bytes)
        case 8:
            var bytes = Build.arp(pick([1, 2, 0x101]))
            (bytes[17], bytes[27]) = (octet(3), octet(3))
            return (EtherType.arp, bytes)
        default:
            let entry = UInt32(chance.below(3)) << 12 | UInt32(chance.below(2)) << 8 | 64
            let choices: [(type: UInt16, bytes: [UInt8])] = [
                (EtherType.mpls, Build.octets(entry) + Build.octets(entry | 0x100)),
                (0x1234, [1, 2, 3, 4]), (0x0010, [0xaa, 0xaa, 3, 0, 0, 0, 8, 0, 1, 2]),
            ]
            return pick(choices)
        }
    }

    mutating func next() -> (bytes: [UInt8], inPort: UInt32) {
        let (type, bytes) = packet()
        let stacks: [[(tpid: UInt16, tci: UInt16)]] = [
            [], [], [], [(0x8100, 0x0001)], [(0x8100, 0x2002)],
            [(0x88a8, 0x0001), (0x8100, 0x0002)],
        ]
        let tags = pick(stacks)
        var frame = Build.ethernet(type, tags: tags, bytes)
        (frame[5], frame[11]) = (octet(3), octet(3))
        if chance.oneIn(8) { frame += [UInt8](repeating: 0, count: chance.below(300)) }
        if chance.oneIn(50) { frame[12 + chance.below(frame.count - 12)] = octet(256) }
        return (frame, UInt32(1 + chance.below(3)))
    }

    /// Of one TCP or UDP frame in three the sender left the checksum to others.
    mutating func offload(of frame: [UInt8]) -> Offload {
        // Without tags and options the ports are behind 34 bytes.
        guard chance.oneIn(3), frame.count >= 60, frame[12] == 8, frame[13] == 0, frame[14] == 0x45,
            frame[23] == 6 || frame[23] == 17
        else { return .none }
        return Offload(
            flags: 1, segmentation: 0, headerByteCount: 0, segmentByteCount: 0,
            checksumStart: 34, checksumOffset: frame[23] == 6 ? 16 : 6)
    }

    /// What matches some packet: a few fields of a random one, with what they need.
    private mutating func match() -> Match {
        let (bytes, inPort) = next()
        let key = PipelineKey(FlowKey.extract(frame: bytes.span.bytes, inPort: inPort).key)
        var match = Match()
        func add(_ fields: FlowField..., oneIn bound: Int = 3) {
            for field in fields where chance.oneIn(bound) {
                if field.hasPrerequisites(key: match.key, mask: match.mask) {
                    match.set(field, to: field.read(key))
                }
            }
        }
        add(.inPort, .ethSrc, .ethDst, .vlanTCI, oneIn: 4)
        add(.ethType, oneIn: 1)
        add(.ipv4Src, .ipv4Dst, .ipv6Src, .ipv6Dst, .ipFrag, .nwTTL, .nwECN, oneIn: 4)
        add(.arpOp, .arpSPA, .arpTHA, .mplsLabel, .mplsBOS)
        add(.nwProto, oneIn: 2)
        add(.tcpSrc, .tcpDst, .tcpFlags, .udpSrc, .udpDst, .sctpDst, .icmpType, .icmpCode)
        add(.icmpv6Type, oneIn: 1)
        add(.icmpv6Code, .ndTarget, .ndSLL, .ndTLL)
        return match
    }

    private mutating func actions(table: UInt8) -> [Action] {
        (0..<chance.below(4)).map { _ in
            let writes: [(FlowField, UInt64)] = [
                (.ethDst, 9), (.ethSrc, 1), (.vlanTCI, 0x1003), (.ipv4Dst, 0x0a00_0002),
                (.ipv6Label, 1),
                (.nwTOS, 4), (.tcpDst, 80), (.udpSrc, 1), (.sctpSrc, 1), (.arpOp, 2), (.arpTPA, 7),
                (.arpSHA, 5), (.icmpType, 8), (.icmpv6Code, 1), (.ndTarget, 3), (.ndSLL, 4),
                (.ndTLL, 5), (.mplsLabel, 9), (.mplsTTL, 1), (.packetMark, 3),
            ]
            switch chance.below(12) {
            case 0...3: return .output(port: PortNumber(UInt16(1 + chance.below(4))), maxLength: 0)
            case 4...7:
                let (field, value) = pick(writes)
                return .setField(field, FieldValue(low: value), mask: field.exactMask)
            case 8: return .decrementTTL
            case 9: return pick([.stripVLAN, .pushVLAN(tpid: 0x8100), .setVLANID(2)])
            case 10 where table == 0: return .resubmit(inPort: nil, table: 1)
            default: return .output(port: .normal, maxLength: 0)
            }
        }
    }

    /// What a rule of a plain network says: where a frame comes in and goes to, and its tag.
    private mutating func plainRule() -> (match: Match, actions: [Action]) {
        let (bytes, inPort) = next()
        let key = PipelineKey(FlowKey.extract(frame: bytes.span.bytes, inPort: inPort).key)
        var match = Match()
        match.set(.inPort, to: FlowField.inPort.read(key))
        for field in [FlowField.ethDst, .vlanTCI, .ethType, .ipv4Dst, .nwProto, .udpDst]
        where chance.oneIn(3) && field.hasPrerequisites(key: match.key, mask: match.mask) {
            match.set(field, to: field.read(key))
        }
        let output = Action.output(port: PortNumber(UInt16(1 + chance.below(4))), maxLength: 0)
        let tagged: [[Action]] = [
            [], [], [.stripVLAN], [.setVLANID(2)], [.pushVLAN(tpid: 0x8100), .setVLANID(5)],
        ]
        return (match, pick(tagged) + [output])
    }

    /// - Parameter isPlain: Most of its flows are such as the kernel's programs can carry out.
    mutating func model(isPlain: Bool) throws -> ForwardingModel {
        var model = ForwardingModel()
        let bridge = model.addBridge(
            ForwardingBridge(name: "br0", tables: Pipeline.FlowTables(ruleLimit: 1000)))
        for number in 1...4 as ClosedRange<UInt16> {
            model.setPort(
                BridgePort(
                    number: PortNumber(number), name: "p\(number)",
                    attachment: .datapath(UInt32(number))), bridge: bridge)
        }
        model[bridge: bridge].normal.setPorts(
            (1...4 as ClosedRange<UInt16>).map {
                SwitchPort(id: UInt32($0), name: "p\($0)", members: [$0])
            })
        for _ in 0..<24 {
            let table = isPlain ? 0 : UInt8(chance.below(2))
            let rule = isPlain ? plainRule() : (match: match(), actions: actions(table: table))
            _ = try model[bridge: bridge].tables.apply(
                FlowMod(
                    command: .add, table: table, priority: UInt16(chance.below(4)),
                    match: rule.match, instructions: Instructions(apply: rule.actions)),
                asOpenFlow10: false, now: .start)
        }
        return model
    }
}

struct CacheAgreementTests {
    static let seedCount: UInt64 = 10

    /// How many frames took each way.
    private struct Tally {
        var slow = 0
        var bare = 0
        var fast = 0
        var express = 0
    }

    /// Frames that the tables know are answered alike by every tier: the same bytes, tags and
    /// unfinished checksums, by the same ports, in the same order, and the same copies to
    /// userspace. And all that came in and went out is in the counters, whichever tier it took.
    @Test(arguments: 1...CacheAgreementTests.seedCount)
    func everyTierAnswersAsTheTablesDo(seed: UInt64) throws {
        var source = FrameSource(chance: Chance(seed: seed))
        let isPlain = seed > Self.seedCount / 2
        let model = try source.model(isPlain: isPlain)
        var slow = try Way(microflowCount: 1, hasTier: false, seed: seed)
        var bare = try Way(microflowCount: 1, hasTier: false, seed: seed)
        var fast = try Way(microflowCount: 512, hasTier: true, seed: seed)
        var (tally, expected, now) = (Tally(), Totals(), Instant.start + .seconds(1))
        for round in 0..<frameCount / Int(Self.seedCount) {
            if round % 1000 == 0 { now = now + .milliseconds(100) }
            let (bytes, inPort) = source.next()
            let offload = source.offload(of: bytes)
            expected.note(received: bytes)

            var miss: Upcall?
            var wanted = Verdict()
            var translation: Translation?
            _ = try slow.pass(bytes, from: inPort, offload: offload, now: now, miss: &miss)
            if let miss {
                let found = model.translate(miss.key, collectsEffects: false)
                wanted = try slow.execute(miss, found.actions, now: now)
                translation = found
                tally.slow += 1
            }
            if let verdict = try bare.pass(
                bytes, from: inPort, offload: offload, now: now, miss: &miss)
            {
                guard verdict == wanted else {
                    return differ("seed \(seed), \(round): \(bytes)", inPort, wanted, verdict)
                }
                tally.bare += 1
            } else if let translation, let miss {
                try bare.install(miss.key, translation)
            }
            if let verdict = try fast.pass(
                bytes, from: inPort, offload: offload, now: now, miss: &miss)
            {
                guard verdict == wanted else {
                    return differ("seed \(seed), \(round): \(bytes)", inPort, wanted, verdict)
                }
                expected.note(sent: verdict.sent)
                if verdict.isExpress { tally.express += 1 } else { tally.fast += 1 }
            } else if let translation, let miss {
                try fast.install(miss.key, translation)
            }
        }
        let totals = try fast.totals(now: now)
        #expect(totals == expected)
        let (cached, uncached) = (fast.forwarder.statistics, bare.forwarder.statistics)
        #expect(cached.cacheHits > 0 && cached.misses > 0 && uncached.hits > 0)
        if isPlain { #expect(tally.express > tally.slow / 100) }
        // Few keys are cached there, so that most answers are of megaflows.
        #expect(uncached.cacheHits < uncached.hits / 2)
        print("seed \(seed): \(tally), \(cached.cacheHits) by microflows")
    }

    private func differ(
        _ what: String, _ inPort: UInt32, _ wanted: Verdict, _ verdict: Verdict
    ) {
        Issue.record("\(what) from port \(inPort)\nby tables: \(wanted)\nbut: \(verdict)")
    }
}
