import Flows
import OpenFlow

// A rule made out of a packet: `NXAST_LEARN`, ovs-actions(7).

extension Translator {
    /// Turns what `learn` asks for into a flow mod. Every bit of the packet that goes into it is
    /// looked at, so packets of one cached flow all teach the same rule.
    mutating func learn(_ learn: LearnAction) {
        var match = Match()
        var taught: [Action] = []
        for spec in learn.specs {
            let bits: UInt128
            switch spec.source {
            case .field(let range): bits = read(range)
            case .immediate(let value, let width): bits = value.bits & FieldValue.ones(width).bits
            }
            switch spec.destination {
            case .match(let range):
                let shift = UInt128(clamping: range.offset)
                match.set(
                    range.field, to: FieldValue(bits: bits << shift),
                    mask: FieldValue(bits: FieldValue.ones(range.width).bits << shift))
            case .load(let range):
                taught.append(.load(range, FieldValue(bits: bits)))
            case .output:
                taught.append(
                    .output(
                        port: PortNumber(UInt16(truncatingIfNeeded: bits)), maxLength: 0xffff))
            }
        }
        if learn.finIdleTimeout | learn.finHardTimeout != 0 {
            taught.append(.finTimeout(idle: learn.finIdleTimeout, hard: learn.finHardTimeout))
        }
        let mayLearn = hasRoom(for: match, learn)
        if let bit = learn.resultBit { write(bit, mayLearn ? 1 : 0) }
        guard mayLearn else {
            if witness.isListening {
                witness.noted("\(learn.limit) rules are learned, no more are", depth: depth)
            }
            return
        }
        var flags: FlowMod.Flags = []
        if learn.flags & 1 != 0 { flags.insert(.sendFlowRemoved) }
        note(
            .learnRule(
                bridge: bridge,
                FlowMod(
                    command: .modifyStrict, table: learn.table, priority: learn.priority,
                    match: match, cookie: learn.cookie, idleTimeout: learn.idleTimeout,
                    hardTimeout: learn.hardTimeout, flags: flags,
                    instructions: Instructions(apply: taught))))
    }

    /// Whether the rule stands already, or the action's limit allows one more.
    private func hasRoom(for match: Match, _ learn: LearnAction) -> Bool {
        guard learn.limit > 0, let tables = model.bridge(bridge)?.tables else { return true }
        return tables.find(match, priority: learn.priority, table: learn.table) != nil
            || tables.count(inTable: learn.table, cookie: learn.cookie) < Int(learn.limit)
    }
}
