import FlowCache
import Flows
import OpenFlow
import Packets
import Pipeline
import Switching
import Testing
import Timekeeping

// What a cached flow answers is what the tables would have answered: the whole worth of a cache
// hangs on it, and each of CVE-2020-35498, CVE-2023-1668 and CVE-2023-5366 was a switch in which it
// did not hold. So random frames meet random tables, three ways:
//
//     frame --> key --+--> translation (slow path) -----------------------.
//                     +--> megaflow, installed by an earlier packet ------+--> the same actions
//                     `--> microflow, made by an earlier hit -------------'

#if DEBUG
    private let frameCount = 10_000
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

    mutating func model() throws -> ForwardingModel {
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
            let table = UInt8(chance.below(2))
            _ = try model[bridge: bridge].tables.apply(
                FlowMod(
                    command: .add, table: table, priority: UInt16(chance.below(4)),
                    match: match(), instructions: Instructions(apply: actions(table: table))),
                asOpenFlow10: false, now: .start)
        }
        return model
    }
}

struct CacheAgreementTests {
    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func cachesAnswerAsTheTablesDo(seed: UInt64) throws {
        var source = FrameSource(chance: Chance(seed: seed))
        let model = try source.model()
        var tables = FlowCache.FlowTables(flowLimit: 100_000, microflowCount: 512, seed: seed)
        var programs: [[DatapathAction]] = []
        for round in 0..<frameCount / 10 {
            let (bytes, inPort) = source.next()
            let found = FlowKey.extract(frame: bytes.span.bytes, inPort: inPort)
            guard found.malformation != .truncatedEthernet else { continue }
            let slow = model.translate(found.key, collectsEffects: false)
            if let slot = tables.lookup(found.key) {
                let fast = programs[Int(tables.megaflows.program(of: slot))]
                guard fast == slow.actions else {
                    Issue.record("seed \(seed), round \(round): \(bytes) from port \(inPort)")
                    return
                }
                guard let direct = tables.megaflows.lookup(found.key) else {
                    Issue.record("seed \(seed), round \(round): a microflow without its megaflow")
                    return
                }
                guard programs[Int(tables.megaflows.program(of: direct))] == fast else {
                    Issue.record("seed \(seed), round \(round): megaflow and microflow differ")
                    return
                }
            } else {
                programs.append(slow.actions)
                _ = try tables.megaflows.put(
                    key: found.key, mask: slow.mask, program: UInt32(programs.count - 1))
            }
        }
        #expect(tables.brokenInvariant() == nil)
        #expect(tables.microflowHits > 0 && tables.megaflowHits > 0 && tables.misses > 0)
    }
}
