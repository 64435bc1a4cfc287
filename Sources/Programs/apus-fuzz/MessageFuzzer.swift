import Chance
import OpenFlow

// Broken OpenFlow messages for the decoder.
//
//     honest message ──> written in some version ──> bytes changed, cut, doubled ──> decode
//     decoded ──> encode ──> decode ──> message ──> encode ──> decode ──> the same message
//
// Finds a trap, what we write and cannot read, and what we read and write differently. What was
// read is printed too, as ovs-ofctl does.

struct MessageFuzzer: Fuzzer {
    var progress: FuzzProgress
    private let dialects = OpenFlowVersion.allCases.map { OpenFlowDialect($0) }
    /// Honest messages of each dialect, as bytes.
    private var honest: [[[UInt8]]] = []
    private var readCount = 0

    /// Longer ones only take longer.
    private static let byteCountMax = 4096

    init(seed: UInt64, _ corpus: Corpus) {
        progress = FuzzProgress(seed: seed)
        let bodies = corpus.bodies
        for dialect in dialects {
            let written = bodies.map { dialect.encode(OpenFlowMessage(xid: 0x0102_0304, $0)) }
            honest.append(
                written.filter { bytes in
                    guard bytes.count <= Self.byteCountMax else { return false }
                    return (try? dialect.decode(bytes)) != nil
                })
        }
        let recorded = corpus.messages.filter { $0.bytes.count <= Self.byteCountMax }
        for index in dialects.indices {
            honest[index] += recorded.filter { $0.version == dialects[index].version }
                .map(\.bytes)
        }
    }

    var summary: String {
        "\(honest.reduce(0) { $0 + $1.count }) honest messages, \(readCount) of the broken read"
    }

    mutating func step() {
        let index = dice.below(dialects.count)
        var dialect = dialects[index]
        dialect.namesTables = dice.below(4) == 0
        dialect.usesExtendedMatch = dice.below(4) == 0
        var bytes = dice.pick(honest[index])
        for _ in 0..<dice.below(5) { damage(&bytes, index) }
        // Most of the time the header's length is right, or nothing else would be looked at.
        if dice.below(20) > 0 { mendLength(&bytes) }
        if dice.below(4) > 0, bytes.count > 0 { bytes[0] = dialect.version.rawValue }
        let message: OpenFlowMessage
        do throws(OpenFlowFault) {
            message = try dialect.decode(bytes)
        } catch {
            // The refusal must be sayable.
            _ = dialect.encode(error.reply)
            return
        }
        readCount += 1
        print(message, dialect.version)
        if let wrong = Self.disagreement(message, dialect) {
            finding = "\(dialect.version.name) \(Self.hex(bytes)): \(wrong)"
        }
    }

    /// What cannot be read back, or becomes yet another message by being written and read again.
    ///
    /// The first time something may be lost: bits that mean nothing, what the version cannot say.
    private static func disagreement(
        _ message: OpenFlowMessage, _ dialect: OpenFlowDialect
    ) -> String? {
        var message = message
        for round in 0..<2 {
            let written = dialect.encode(message)
            var framing = OpenFlowFraming()
            framing.feed(written)
            var again: [OpenFlowMessage] = []
            do {
                while let bytes = try framing.next() { again.append(try dialect.decode(bytes)) }
            } catch {
                return "\(message) is written as \(hex(written)), which cannot be read: \(error)"
            }
            // A long statistics reply is written as several.
            guard again.count == 1 else {
                return again.isEmpty ? "\(message) is not written" : nil
            }
            guard round == 0 || again[0] == message else {
                return "\(message) is written as \(hex(written)), which says \(again[0])"
            }
            message = again[0]
        }
        return nil
    }

    private func print(_ message: OpenFlowMessage, _ version: OpenFlowVersion) {
        switch message.body {
        case .flowMod(let mod): _ = FlowText.text(mod, version)
        case .statisticsReply(.flow(let flows, _), _):
            for flow in flows { _ = FlowText.line(flow, version) }
        case .statisticsReply(.groupDescription(let groups), _):
            for group in groups { _ = GroupText.line(group, version) }
        case .statisticsReply(.meterConfig(let meters), _):
            for meter in meters { _ = MeterText.text(meter) }
        default: break
        }
    }

    // MARK: Breaking things

    private mutating func damage(_ bytes: inout [UInt8], _ index: Int) {
        guard bytes.count > 8 else {
            bytes += [dice.octet(), dice.octet(), dice.octet(), dice.octet()]
            return
        }
        // Fields begin at even places, most of them.
        let place = 8 + dice.below(bytes.count - 8)
        switch dice.below(12) {
        case 0: bytes[place] ^= 1 << UInt8(dice.below(8))
        case 1: bytes[place] = dice.octet()
        case 2: bytes[place] = dice.pick([0, 1, 4, 8, 16, 0x7f, 0x80, 0xff])
        case 3: bytes[1] = UInt8(dice.below(36))
        case 4: bytes.removeLast(dice.below(bytes.count - 8))
        case 5: bytes.removeSubrange(place..<min(bytes.count, place + 8))
        case 6, 7:
            let count = dice.pick([4, 8, 16, 24])
            let part = Array(bytes[place..<min(bytes.count, place + count)])
            bytes.insert(contentsOf: part, at: 8 + dice.below(bytes.count - 8))
        case 8:
            let other = dice.pick(honest[index])
            guard other.count > 8 else { return }
            let from = 8 + dice.below(other.count - 8)
            let part = Array(other[from..<min(other.count, from + 8 * (1 + dice.below(6)))])
            bytes.insert(contentsOf: part, at: place & ~7)
        case 9:
            // A length somewhere.
            let even = place & ~1
            guard even + 1 < bytes.count else { return }
            let value = dice.pick([0, 4, 8, 16, bytes.count - even, bytes.count, 0xffff])
            (bytes[even], bytes[even + 1]) = (UInt8(value >> 8 & 0xff), UInt8(value & 0xff))
        case 10: for other in place..<min(bytes.count, place + 8) { bytes[other] = 0 }
        default: for other in place..<min(bytes.count, place + 4) { bytes[other] = 0xff }
        }
        if bytes.count > Self.byteCountMax { bytes.removeLast(bytes.count - Self.byteCountMax) }
    }

    private func mendLength(_ bytes: inout [UInt8]) {
        guard bytes.count >= 4 else { return }
        (bytes[2], bytes[3]) = (UInt8(bytes.count >> 8 & 0xff), UInt8(bytes.count & 0xff))
    }

    static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
