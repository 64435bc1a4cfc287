import Flows
import Packets

// From a list of actions to a row of steps, and back.
//
// Back, because the row is the only copy that the datapath keeps: what a dump shows is what runs.

/// Why a list of actions was refused.
public enum ProgramRefusal: Error, Hashable, Sendable {
    case tooManyActions(limit: Int)
    case tooLarge(byteLimit: Int)
    /// All programs together have reached `ExecutionLimits.words`.
    case noRoom
}

enum ActionCompiler {
    static func compile(_ actions: [DatapathAction]) throws(ProgramRefusal) -> [UInt64] {
        guard actions.count <= ExecutionLimits.actions else {
            throw .tooManyActions(limit: ExecutionLimits.actions)
        }
        let limit = ExecutionLimits.programByteCount
        var words: [UInt64] = []
        for action in actions {
            if case .userspace(let cookie) = action, cookie.count > limit {
                throw .tooLarge(byteLimit: limit)
            }
            append(action, to: &words)
            guard words.count < limit / 8 else { throw .tooLarge(byteLimit: limit) }
        }
        words.append(Step(.end).word)
        return words
    }

    private static func append(_ action: DatapathAction, to words: inout [UInt64]) {
        switch action {
        case .output(let port): words.append(Step(.output, immediate: port).word)
        case .userspace(let cookie):
            words.append(Step(.userspace, small: UInt16(cookie.count)).word)
            for start in stride(from: 0, to: cookie.count, by: 8) {
                // The first byte in the lowest eight bits, whatever order the machine has.
                words.append(
                    cookie[start..<min(start + 8, cookie.count)].reversed()
                        .reduce(0) { $0 << 8 | UInt64($1) })
            }
        case .set(let rewrite): append(rewrite, to: &words)
        case .pushVLAN(let tpid, let tci):
            words.append(Step(.pushVLAN, small: tpid, immediate: UInt32(tci)).word)
        case .popVLAN: words.append(Step(.popVLAN).word)
        case .truncate(let byteCount): words.append(Step(.truncate, immediate: byteCount).word)
        case .hash(let algorithm, let basis):
            let small = UInt16(truncatingIfNeeded: algorithm.rawValue)
            words.append(Step(.hash, small: small, immediate: basis).word)
        case .recirculate(let id): words.append(Step(.recirculate, immediate: id).word)
        case .drop(let reason):
            words.append(Step(.drop, immediate: UInt32(reason.rawValue)).word)
        }
    }

    private static func append(_ rewrite: HeaderRewrite, to words: inout [UInt64]) {
        switch rewrite {
        case .ethernet(let source, let destination):
            words += [
                Step(.setEthernet).word, source.value.bits, source.mask.bits,
                destination.value.bits, destination.mask.bits,
            ]
        case .ipv4(let source, let destination, let tos, let ttl):
            words += [
                Step(.setIPv4, immediate: pair(tos) << 16 | pair(ttl)).word,
                pair(source.value.bits, source.mask.bits),
                pair(destination.value.bits, destination.mask.bits),
            ]
        case .ipv6(let source, let destination, let label, let trafficClass, let hopLimit):
            words += [
                Step(.setIPv6, immediate: pair(trafficClass) << 16 | pair(hopLimit)).word,
                source.value.high, source.value.low, source.mask.high, source.mask.low,
                destination.value.high, destination.value.low, destination.mask.high,
                destination.mask.low, pair(label.value, label.mask),
            ]
        case .ports(let ipProtocol, let source, let destination):
            words += [
                Step(.setPorts, small: UInt16(ipProtocol)).word,
                UInt64(source.value) << 48 | UInt64(source.mask) << 32
                    | UInt64(destination.value) << 16 | UInt64(destination.mask),
            ]
        case .packetMark(let mark): words += [Step(.setMark).word, pair(mark.value, mark.mask)]
        case .priority(let priority):
            words.append(Step(.setPriority, immediate: priority).word)
        }
    }

    private static func pair(_ value: UInt32, _ mask: UInt32) -> UInt64 {
        UInt64(value) << 32 | UInt64(mask)
    }
    private static func pair(_ field: Masked<UInt8>) -> UInt32 {
        UInt32(field.value) << 8 | UInt32(field.mask)
    }

    /// The action of `step`, whose operands are `operands`; nil for the end.
    static func action(_ step: Step, _ operands: [UInt64]) -> DatapathAction? {
        switch step.kind {
        case .end: nil
        case .output: .output(port: step.immediate)
        case .userspace:
            .userspace(
                cookie: (0..<Int(step.small)).map {
                    UInt8(truncatingIfNeeded: operands[$0 / 8] >> UInt64($0 % 8 * 8))
                })
        case .pushVLAN:
            .pushVLAN(tpid: step.small, tci: UInt16(truncatingIfNeeded: step.immediate))
        case .popVLAN: .popVLAN
        case .truncate: .truncate(byteCount: step.immediate)
        case .hash:
            .hash(PacketHash(rawValue: UInt32(step.small)) ?? .layer4, basis: step.immediate)
        case .recirculate: .recirculate(id: step.immediate)
        case .drop:
            .drop(PacketEnd(rawValue: UInt8(truncatingIfNeeded: step.immediate)) ?? .droppedByRule)
        case .setEthernet, .setIPv4, .setIPv6, .setPorts, .setMark, .setPriority:
            rewrite(step, operands).map { .set($0) }
        }
    }

    private static func rewrite(_ step: Step, _ operands: [UInt64]) -> HeaderRewrite? {
        switch step.kind {
        case .setEthernet:
            .ethernet(
                source: Masked(MACAddress(bits: operands[0]), mask: MACAddress(bits: operands[1])),
                destination: Masked(
                    MACAddress(bits: operands[2]), mask: MACAddress(bits: operands[3])))
        case .setIPv4:
            .ipv4(
                source: address(operands[0]), destination: address(operands[1]),
                tos: octet(step.immediate >> 16), ttl: octet(step.immediate))
        case .setIPv6:
            .ipv6(
                source: address(operands[0...3]), destination: address(operands[4...7]),
                label: word(operands[8]), trafficClass: octet(step.immediate >> 16),
                hopLimit: octet(step.immediate))
        case .setPorts:
            .ports(
                ipProtocol: UInt8(truncatingIfNeeded: step.small),
                source: port(operands[0] >> 32), destination: port(operands[0]))
        case .setMark: .packetMark(word(operands[0]))
        case .setPriority: .priority(step.immediate)
        case .end, .output, .userspace, .pushVLAN, .popVLAN, .truncate, .drop, .hash,
            .recirculate:
            nil
        }
    }

    private static func word(_ pair: UInt64) -> Masked<UInt32> {
        Masked(UInt32(pair >> 32), mask: UInt32(truncatingIfNeeded: pair))
    }
    private static func octet(_ pair: UInt32) -> Masked<UInt8> {
        Masked(UInt8(truncatingIfNeeded: pair >> 8), mask: UInt8(truncatingIfNeeded: pair))
    }
    private static func port(_ pair: UInt64) -> Masked<UInt16> {
        Masked(UInt16(truncatingIfNeeded: pair >> 16), mask: UInt16(truncatingIfNeeded: pair))
    }
    private static func address(_ pair: UInt64) -> Masked<IPv4Address> {
        Masked(
            IPv4Address(bits: UInt32(pair >> 32)),
            mask: IPv4Address(bits: UInt32(truncatingIfNeeded: pair)))
    }
    private static func address(_ words: ArraySlice<UInt64>) -> Masked<IPv6Address> {
        let words = Array(words)
        return Masked(
            IPv6Address(high: words[0], low: words[1]),
            mask: IPv6Address(high: words[2], low: words[3]))
    }
}
