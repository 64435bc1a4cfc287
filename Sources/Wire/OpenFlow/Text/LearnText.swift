import Flows

// The learn action as text: properties, conditions (`NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[]`, or
// `eth_type=0x800`), `load:…->…`, `output:…`.

enum LearnText {
    private static let sendFlowRemoved: UInt16 = 1
    private static let deleteLearned: UInt16 = 2

    static func text(_ learn: LearnAction, _ ports: PortNames) -> String {
        var parts = ["table=\(learn.table)"]
        func number(_ name: String, _ value: UInt16, unless usual: UInt16 = 0) {
            if value != usual { parts.append("\(name)=\(value)") }
        }
        number("idle_timeout", learn.idleTimeout)
        number("hard_timeout", learn.hardTimeout)
        number("fin_idle_timeout", learn.finIdleTimeout)
        number("fin_hard_timeout", learn.finHardTimeout)
        number("priority", learn.priority, unless: FlowText.defaultPriority)
        if learn.flags & sendFlowRemoved != 0 { parts.append("send_flow_rem") }
        if learn.flags & deleteLearned != 0 { parts.append("delete_learned") }
        if learn.cookie != 0 { parts.append("cookie=0x" + String(learn.cookie, radix: 16)) }
        if learn.limit != 0 { parts.append("limit=\(learn.limit)") }
        if let bit = learn.resultBit { parts.append("result_dst=\(bit.text)") }
        parts += learn.specs.map { text($0, ports) }
        return "learn(\(parts.joined(separator: ",")))"
    }

    private static func text(_ spec: LearnAction.Spec, _ ports: PortNames) -> String {
        switch (spec.source, spec.destination) {
        case (.field(let source), .match(let range)):
            return source == range ? range.text : "\(range.text)=\(source.text)"
        case (.immediate(let value, _), .match(let range)):
            if range.offset == 0, range.width == range.field.width {
                return "\(range.field.name)=\(FieldText.value(value, of: range.field, ports))"
            }
            return "\(range.text)=0x" + String(value.bits, radix: 16)
        case (.field(let source), .load(let range)): return "load:\(source.text)->\(range.text)"
        case (.immediate(let value, _), .load(let range)):
            return "load:0x" + String(value.bits, radix: 16) + "->\(range.text)"
        case (.field(let source), .output): return "output:\(source.text)"
        case (.immediate(let value, _), .output):
            return "output:0x" + String(value.bits, radix: 16)
        }
    }

    static func parse(
        _ text: String, column: Int, _ ports: PortNames
    ) throws(FlowTextError) -> LearnAction {
        var learn = LearnAction(table: 1)
        var tokens = FlowTextTokens(text, column: column)
        // Immediate values whose field's prerequisites come earlier in the same list.
        var match = Match()
        while let token = try tokens.next() {
            if try takeProperty(token, into: &learn) { continue }
            guard learn.specs.count < Limits.learnSpecs else {
                throw FlowTextError("too much to learn", column: token.column)
            }
            learn.specs.append(try spec(token, &match, ports))
        }
        return learn
    }

    private static func takeProperty(
        _ token: FlowTextToken, into learn: inout LearnAction
    ) throws(FlowTextError) -> Bool {
        func number(_ largest: UInt128) throws(FlowTextError) -> UInt128 {
            guard let number = parseNumber(token.value), number <= largest else {
                throw FlowTextError(
                    "invalid \(token.key) \"\(token.value)\"", column: token.valueColumn)
            }
            return number
        }
        switch token.key {
        case "table": learn.table = UInt8(try number(254))
        case "priority": learn.priority = UInt16(try number(0xffff))
        case "idle_timeout": learn.idleTimeout = UInt16(try number(0xffff))
        case "hard_timeout": learn.hardTimeout = UInt16(try number(0xffff))
        case "fin_idle_timeout": learn.finIdleTimeout = UInt16(try number(0xffff))
        case "fin_hard_timeout": learn.finHardTimeout = UInt16(try number(0xffff))
        case "cookie": learn.cookie = UInt64(truncatingIfNeeded: try number(.max))
        case "limit": learn.limit = UInt32(try number(UInt128(UInt32.max)))
        case "result_dst":
            let bit = try FieldRange.parse(token.value, column: token.valueColumn)
            guard bit.width == 1, bit.field.isWritable else {
                throw FlowTextError("result_dst must be one bit", column: token.valueColumn)
            }
            learn.resultBit = bit
        case "send_flow_rem": learn.flags |= sendFlowRemoved
        case "delete_learned": learn.flags |= deleteLearned
        default: return false
        }
        return true
    }

    private static func spec(
        _ token: FlowTextToken, _ match: inout Match, _ ports: PortNames
    ) throws(FlowTextError) -> LearnAction.Spec {
        switch (token.key, token.delimiter) {
        case ("output", .colon):
            let range = try FieldRange.parse(token.value, column: token.valueColumn)
            return .init(source: .field(range), destination: .output)
        case ("load", .colon):
            let (value, range) = try ActionParser.arrow(token)
            let destination = try FieldRange.parse(range.text, column: range.column)
            if let number = parseNumber(value.text) {
                try check(number, fits: destination, column: value.column)
                return .init(
                    source: .immediate(FieldValue(bits: number), width: destination.width),
                    destination: .load(destination))
            }
            let source = try FieldRange.parse(value.text, column: value.column)
            return .init(
                source: .field(try narrowed(source, destination, column: value.column)),
                destination: .load(destination))
        case (_, .none):
            let range = try FieldRange.parse(token.key, column: token.column)
            return .init(source: .field(range), destination: .match(range))
        case (_, .equals): return try condition(token, &match, ports)
        default:
            throw FlowTextError("\(token.key): unknown keyword in learn", column: token.column)
        }
    }

    private static func condition(
        _ token: FlowTextToken, _ match: inout Match, _ ports: PortNames
    ) throws(FlowTextError) -> LearnAction.Spec {
        let named = MatchParser.field(token.key, under: match)
        let isWhole = FlowField.named(token.key) != nil
        let range =
            isWhole
            ? FieldRange(named, offset: 0, width: named.width)
            : try FieldRange.parse(token.key, column: token.column)
        if isWhole, let (value, mask) = FieldText.parse(token.value, of: named, ports),
            mask == nil
        {
            match.set(named, to: value)
            return .init(
                source: .immediate(value, width: range.width), destination: .match(range))
        }
        if let number = parseNumber(token.value) {
            try check(number, fits: range, column: token.valueColumn)
            return .init(
                source: .immediate(FieldValue(bits: number), width: range.width),
                destination: .match(range))
        }
        let source = try FieldRange.parse(token.value, column: token.valueColumn)
        return .init(
            source: .field(try narrowed(source, range, column: token.valueColumn)),
            destination: .match(range))
    }

    private static func check(
        _ number: UInt128, fits range: FieldRange, column: Int
    ) throws(FlowTextError) {
        guard number & ~FieldValue.ones(range.width).bits == 0 else {
            throw FlowTextError(
                "value does not fit into the \(range.width) bits of \(range.text)", column: column)
        }
    }

    /// Source and destination must be equally wide; of a wider source the low bits are meant only
    /// when it was written without a range, as in Open vSwitch.
    private static func narrowed(
        _ source: FieldRange, _ destination: FieldRange, column: Int
    ) throws(FlowTextError) -> FieldRange {
        guard source.width == destination.width else {
            throw FlowTextError(
                "bit widths of \(source.text) (\(source.width)) and \(destination.text) "
                    + "(\(destination.width)) differ", column: column)
        }
        return source
    }
}
