import Chance
import Flows
import OpenFlow
import Packets

// Rules and packets in the manner of ClassBench (Taylor and Turner, INFOCOM 2005): prefixes of many
// lengths that nest, few protocols, ports that are exact, any, or ranges, each rule with a priority
// of its own. The same seed makes the same list in every run.

extension SeededGenerator {
    /// An element, each as often as its weight says.
    fileprivate mutating func pick<Element>(_ choices: [(Element, Int)]) -> Element {
        var left = below(choices.reduce(0) { $0 + $1.1 })
        for (element, weight) in choices {
            if left < weight { return element }
            left -= weight
        }
        return choices[0].0
    }
}

/// A list of rules, and packets that meet it.
struct AccessList {
    private(set) var rules: [FlowMod] = []
    private var chance: SeededGenerator
    /// Networks that addresses come from, so that prefixes nest.
    private let networks: [UInt32]

    private static let sourceLengths = [
        (0, 20), (8, 2), (16, 8), (21, 4), (24, 26), (28, 8), (32, 32),
    ]
    private static let targetLengths = [
        (0, 5), (16, 5), (20, 5), (24, 25), (27, 6), (30, 8), (32, 46),
    ]
    private static let protocols: [(UInt8, Int)] = [(6, 65), (17, 20), (1, 5), (0, 10)]
    private static let ports: [(UInt16, Int)] = [(80, 20), (443, 20), (22, 8), (53, 10), (25, 6)]

    init(count: Int, seed: UInt64) {
        var chance = SeededGenerator(seed: seed)
        networks = (0..<max(count / 20, 16)).map { _ in
            UInt32(truncatingIfNeeded: chance.next()) & 0xffff_f000
        }
        self.chance = chance
        rules = (0..<count).map {
            makeRule(priority: UInt16(clamping: 60_000 - $0 * 59_000 / count))
        }
    }

    private mutating func address() -> UInt32 {
        networks[chance.below(networks.count)] | UInt32(chance.below(4096))
    }

    private mutating func makeRule(priority: UInt16) -> FlowMod {
        var match = Match()
        match.set(.ethType, to: FieldValue(low: UInt64(EtherType.ipv4)))
        set(.ipv4Src, chance.pick(Self.sourceLengths), in: &match)
        set(.ipv4Dst, chance.pick(Self.targetLengths), in: &match)
        let ipProtocol = chance.pick(Self.protocols)
        if ipProtocol != 0 { match.set(.nwProto, to: FieldValue(low: UInt64(ipProtocol))) }
        if ipProtocol == 6 || ipProtocol == 17 {
            let port = UInt64(chance.pick(Self.ports + [(UInt16(chance.below(65_536)), 36)]))
            switch chance.below(10) {
            case 0...6: match.set(.tcpDst, to: FieldValue(low: port))
            case 7:
                // The upper half of the ports, as a range of clients' ports becomes.
                match.set(.tcpDst, to: FieldValue(low: 0x8000), mask: FieldValue(low: 0x8000))
            default: break
            }
        }
        return FlowMod(
            command: .add, table: 0, priority: priority, match: match,
            instructions: Instructions(apply: [.output(port: PortNumber(2), maxLength: 0)]))
    }

    private mutating func set(_ field: FlowField, _ length: Int, in match: inout Match) {
        guard length > 0 else { return }
        let mask = UInt64(~UInt32(0) << UInt32(32 - length))
        match.set(field, to: FieldValue(low: UInt64(address()) & mask), mask: FieldValue(low: mask))
    }

    /// A packet: of three, two match the conditions of some rule, and one comes from anywhere.
    mutating func packet() -> FlowKey {
        var key = FlowKey()
        key.inPort = 1
        key.ethType = EtherType.ipv4
        (key.ethSrc, key.ethDst) = (
            MACAddress(bits: 0x0200_0000_0001), MACAddress(bits: 0x0200_0000_0002)
        )
        (key.nwSrc, key.nwDst) = (IPv4Address(bits: address()), IPv4Address(bits: address()))
        key.nwProto = chance.below(4) == 0 ? 17 : 6
        key.nwTTL = 64
        key.tpSrc = UInt16(chance.below(65_536))
        key.tpDst = UInt16(chance.below(65_536))
        guard chance.below(3) > 0 else { return key }
        let match = rules[chance.below(rules.count)].match
        for word in 0..<FlowKey.wordCount {
            let mask = match.mask[word: word]
            key[word: word] = key[word: word] & ~mask | match.key[word: word] & mask
        }
        return key
    }
}
