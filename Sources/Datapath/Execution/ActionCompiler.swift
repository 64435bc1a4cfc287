import Flows
import Packets

// From a list of actions to a row of steps, and back.
//
// Back, because the row is the only copy that the datapath keeps: what a dump shows is what runs.

/// Why a list of actions was refused.
public enum ProgramRefusal: Error, Hashable, Sendable {
    case tooManyActions(limit: Int)
    case tooLarge(byteLimit: Int)
    /// More lists of actions inside each other than `ExecutionLimits.nesting`.
    case tooDeep(limit: Int)
    /// All programs together have reached `ExecutionLimits.words`.
    case noRoom
}

enum ActionCompiler {
    static func compile(_ actions: [DatapathAction]) throws(ProgramRefusal) -> [UInt64] {
        var words: [UInt64] = []
        try append(list: actions, to: &words, depth: 0)
        return words
    }

    private static func append(
        list actions: [DatapathAction], to words: inout [UInt64], depth: Int
    ) throws(ProgramRefusal) {
        guard depth <= ExecutionLimits.nesting else {
            throw .tooDeep(limit: ExecutionLimits.nesting)
        }
        guard actions.count <= ExecutionLimits.actions else {
            throw .tooManyActions(limit: ExecutionLimits.actions)
        }
        let limit = ExecutionLimits.programByteCount
        for action in actions {
            if case .userspace(let cookie) = action, cookie.count > limit {
                throw .tooLarge(byteLimit: limit)
            }
            try append(action, to: &words, depth: depth)
            guard words.count < limit / 8 else { throw .tooLarge(byteLimit: limit) }
        }
        words.append(Step(.end).word)
    }

    private static func append(
        _ action: DatapathAction, to words: inout [UInt64], depth: Int
    ) throws(ProgramRefusal) {
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
        case .pushMPLS(let etherType, let entry):
            words.append(Step(.pushMPLS, small: etherType, immediate: entry).word)
        case .popMPLS(let etherType): words.append(Step(.popMPLS, small: etherType).word)
        case .truncate(let byteCount): words.append(Step(.truncate, immediate: byteCount).word)
        case .hash(let algorithm, let basis):
            let small = UInt16(truncatingIfNeeded: algorithm.rawValue)
            words.append(Step(.hash, small: small, immediate: basis).word)
        case .recirculate(let id): words.append(Step(.recirculate, immediate: id).word)
        case .meter(let id): words.append(Step(.meter, immediate: id).word)
        case .drop(let reason):
            words.append(Step(.drop, immediate: UInt32(reason.rawValue)).word)
        case .decrementTTL, .sample, .clone, .checkLength:
            try append(nesting: action, to: &words, depth: depth)
        }
    }

    private static func append(
        nesting action: DatapathAction, to words: inout [UInt64], depth: Int
    ) throws(ProgramRefusal) {
        let place = words.count
        words.append(0)
        if case .checkLength = action { words.append(0) }
        var ends: [Int] = []
        for list in action.nested {
            try append(list: list, to: &words, depth: depth + 1)
            ends.append(words.count)
        }
        let byteLimit = ExecutionLimits.programByteCount
        guard let small = UInt16(exactly: words.count - place - 1) else {
            throw .tooLarge(byteLimit: byteLimit)
        }
        switch action {
        case .sample(let probability, _):
            words[place] = Step(.sample, small: small, immediate: probability).word
        case .checkLength(let byteCount, _, _):
            words[place] = Step(.checkLength, small: small, immediate: UInt32(byteCount)).word
            words[place + 1] = UInt64(ends[0] - place - 2)
        case .decrementTTL: words[place] = Step(.decrementTTL, small: small).word
        default: words[place] = Step(.clone, small: small).word
        }
    }

    private static func append(_ rewrite: HeaderRewrite, to words: inout [UInt64]) {
        let (value, mask) = rewrite.rows
        let kind = rewrite.kind
        words.append(
            Step(.set, operands: 2 * kind.wordCount, small: UInt16(kind.rawValue)).word)
        for word in kind.words { words += [value[word: word], mask[word: word]] }
    }

    // MARK: Back

    /// The actions of the row that begins at `at`.
    static func actions(_ words: [UInt64], at place: Int) -> [DatapathAction] {
        var actions: [DatapathAction] = []
        var at = place
        while true {
            let step = Step(word: words[at])
            guard let action = action(step, words, at + 1) else { return actions }
            actions.append(action)
            at += 1 + step.operandCount
        }
    }

    /// The action of `step`, whose operands begin at `at`; nil for the end.
    private static func action(_ step: Step, _ words: [UInt64], _ at: Int) -> DatapathAction? {
        switch step.kind {
        case .end: nil
        case .output: .output(port: step.immediate)
        case .userspace:
            .userspace(
                cookie: (0..<Int(step.small)).map {
                    UInt8(truncatingIfNeeded: words[at + $0 / 8] >> UInt64($0 % 8 * 8))
                })
        case .set: .set(rewrite(step.header, words, at))
        case .pushVLAN:
            .pushVLAN(tpid: step.small, tci: UInt16(truncatingIfNeeded: step.immediate))
        case .popVLAN: .popVLAN
        case .pushMPLS: .pushMPLS(etherType: step.small, entry: step.immediate)
        case .popMPLS: .popMPLS(etherType: step.small)
        case .truncate: .truncate(byteCount: step.immediate)
        case .hash:
            .hash(PacketHash(rawValue: UInt32(step.small)) ?? .layer4, basis: step.immediate)
        case .recirculate: .recirculate(id: step.immediate)
        case .meter: .meter(id: step.immediate)
        case .drop:
            .drop(PacketEnd(rawValue: UInt8(truncatingIfNeeded: step.immediate)) ?? .droppedByRule)
        case .decrementTTL: .decrementTTL(ifExpired: actions(words, at: at))
        case .sample: .sample(probability: step.immediate, actions(words, at: at))
        case .clone: .clone(actions(words, at: at))
        case .checkLength:
            .checkLength(
                byteCount: UInt16(truncatingIfNeeded: step.immediate),
                ifGreater: actions(words, at: at + 1),
                otherwise: actions(words, at: at + 1 + Int(words[at])))
        }
    }

    private static func rewrite(
        _ kind: HeaderKind, _ words: [UInt64], _ at: Int
    ) -> HeaderRewrite {
        var (value, mask) = (FlowKey(), FlowMask())
        for (index, word) in kind.words.enumerated() {
            value[word: word] = words[at + 2 * index]
            mask[word: word] = words[at + 2 * index + 1]
        }
        return HeaderRewrite(kind, value: value, mask: mask)
    }
}
