import Flows
import Packets

// Actions whose arguments have a syntax of their own.

extension ActionParser {
    /// `A->B`, with their columns.
    static func arrow(
        _ token: FlowTextToken
    ) throws(FlowTextError) -> (
        left: (text: String, column: Int), right: (text: String, column: Int)
    ) {
        let bytes = Array(token.value.utf8)
        guard
            let at = bytes.indices.dropLast().first(where: {
                bytes[$0] == UInt8(ascii: "-") && bytes[$0 + 1] == UInt8(ascii: ">")
            })
        else {
            throw FlowTextError(
                "\(token.value): missing `->' in \(token.key)", column: token.valueColumn)
        }
        return (
            (String(decoding: bytes[..<at], as: UTF8.self), token.valueColumn),
            (String(decoding: bytes[(at + 2)...], as: UTF8.self), token.valueColumn + at + 2)
        )
    }

    func output(_ token: FlowTextToken) throws(FlowTextError) -> Action {
        if token.delimiter == .parenthesis { return try truncatedOutput(token) }
        if let port = ports.number(token.value) {
            if port == .controller { return .controller(ControllerAction()) }
            return .output(port: port, maxLength: 0)
        }
        guard token.delimiter == .colon, token.value.contains("[") else {
            throw FlowTextError(
                "\(token.value): output to unknown port", column: token.valueColumn,
                suggestion: nearestWord(to: token.value, in: ports.known))
        }
        let range = try FieldRange.parse(token.value, column: token.valueColumn)
        return .outputField(range, maxLength: .max)
    }

    /// `output(port=PORT,max_len=BYTES)`.
    private func truncatedOutput(_ token: FlowTextToken) throws(FlowTextError) -> Action {
        var port: PortNumber?
        var byteCount: UInt32 = 0
        try options(token, ["port", "max_len"]) { (option) throws(FlowTextError) in
            if option.key == "port" {
                port = ports.number(option.value)
            } else {
                byteCount = UInt32(try number(option, upTo: UInt64(UInt32.max)))
            }
        }
        guard let port else { throw bad(token, "port=PORT,max_len=BYTES") }
        guard byteCount >= 14 else { throw bad(token, "max_len from 14") }
        let isKnown = port <= .largest || port == .local || port == .inPort
        guard isKnown else {
            throw FlowTextError(
                "output to unsupported port: \(ports.text(port))", column: token.valueColumn)
        }
        return .outputTruncated(port: port, byteCount: byteCount)
    }

    /// `CONTROLLER`, `CONTROLLER:n` or `controller(max_len=n,id=n,reason=…)`.
    func controller(_ token: FlowTextToken) throws(FlowTextError) -> Action {
        var action = ControllerAction()
        if token.delimiter == .colon {
            action.maxLength = UInt16(try number(token, upTo: 0xffff))
        }
        guard token.delimiter == .parenthesis else { return .controller(action) }
        var tokens = FlowTextTokens(token.value, column: token.valueColumn)
        while let option = try tokens.next() {
            switch option.key {
            case "max_len": action.maxLength = UInt16(try number(option, upTo: 0xffff))
            case "id": action.controllerID = UInt16(try number(option, upTo: 0xffff))
            case "reason":
                guard let reason = PacketIn.Reason(text: option.value) else {
                    throw bad(option, "action, no_match or invalid_ttl")
                }
                action.reason = reason
            case "userdata": action.userdata = try bytes(option)
            case "pause": action.pauses = true
            case "meter_id":
                action.meter = UInt32(try number(option, upTo: UInt64(UInt32.max)))
            default:
                throw FlowTextError(
                    "unknown key \"\(option.key)\" parsing controller action",
                    column: option.column,
                    suggestion: nearestWord(to: option.key, in: Self.controllerOptions))
            }
        }
        return .controller(action)
    }

    private static let controllerOptions = [
        "max_len", "id", "reason", "userdata", "pause", "meter_id",
    ]

    /// `enqueue:PORT:QUEUE`, or with parentheses and a comma.
    func enqueue(_ token: FlowTextToken) throws(FlowTextError) -> Action {
        let parts = token.value.split { $0 == ":" || $0 == "," || $0 == " " }.map(String.init)
        guard parts.count == 2, let port = ports.number(parts[0]),
            let queue = parseNumber(parts[1]).flatMap({ UInt32(exactly: $0) })
        else { throw bad(token, "PORT:QUEUE") }
        guard port <= .largest || port == .inPort || port == .local else {
            throw FlowTextError("\(parts[0]): enqueue to unknown port", column: token.valueColumn)
        }
        return .enqueue(port: port, queue: queue)
    }

    /// `resubmit:PORT`, `resubmit(PORT)`, `resubmit(PORT,TABLE)`, `resubmit(,TABLE)`.
    func resubmit(_ token: FlowTextToken) throws(FlowTextError) -> Action {
        let parts = token.value.split(separator: ",", omittingEmptySubsequences: false)
            .map { String($0.filter { $0 != " " }) }
        var port: PortNumber?
        var table: UInt8?
        if let name = parts.first, !name.isEmpty {
            guard let found = ports.number(name) else {
                throw FlowTextError("\(name): resubmit to unknown port", column: token.valueColumn)
            }
            port = found == .inPort ? nil : found
        }
        if parts.count > 1, !parts[1].isEmpty {
            guard let number = parseNumber(parts[1]), number <= 255 else {
                throw FlowTextError(
                    "\(parts[1]): resubmit to unknown table", column: token.valueColumn)
            }
            table = number == 255 ? nil : UInt8(number)
        }
        let isTracked = parts.count == 3 && parts[2] == "ct"
        guard parts.count <= 2 || isTracked else { throw bad(token, "[PORT],[TABLE][,ct]") }
        guard port != nil || table != nil else {
            throw FlowTextError(
                "at least one \"in_port\" or \"table\" must be specified on resubmit",
                column: token.column)
        }
        return isTracked
            ? .resubmitTracked(inPort: port, table: table)
            : .resubmit(inPort: port, table: table)
    }

    /// `set_field:VALUE[/MASK]->FIELD`.
    func setField(_ token: FlowTextToken) throws(FlowTextError) -> Action {
        let (left, right) = try Self.arrow(token)
        guard let named = FlowField.inText(right.text) else {
            throw FlowTextError(
                "\(right.text) is not a valid OXM field name", column: right.column,
                suggestion: nearestWord(to: right.text, in: FlowField.allNames))
        }
        // What is printed names one field, whatever the rule matches: no ARP address is `ip_dst`.
        // `tp_dst` is never printed.
        let isTransport = right.text == "tp_src" || right.text == "tp_dst"
        let field = isTransport ? MatchParser.field(right.text, under: match) : named
        guard field.isWritable else {
            throw FlowTextError("\(right.text) is read-only", column: right.column)
        }
        guard let (value, mask) = FieldText.parse(left.text, of: field, ports) else {
            throw FlowTextError(
                "\(left.text): bad value for \(right.text)", column: left.column)
        }
        guard value.bits & ~field.exactMask.bits == 0 else {
            throw FlowTextError(
                "\(left.text) is not a valid value for field \(right.text)", column: left.column)
        }
        if field == .dlVLAN { return .setVLANID(UInt16(truncatingIfNeeded: value.low)) }
        let bits = mask ?? field.exactMask
        return .setField(field, FieldValue(bits: value.bits & bits.bits), mask: bits)
    }

    /// `load:VALUE->FIELD[a..b]`.
    func load(_ token: FlowTextToken) throws(FlowTextError) -> Action {
        let (left, right) = try Self.arrow(token)
        let range = try FieldRange.parse(right.text, column: right.column)
        guard range.field.isWritable else {
            throw FlowTextError("\(right.text) is read-only", column: right.column)
        }
        let number =
            parseNumber(left.text)
            ?? FieldText.parse(left.text, of: range.field, ports).flatMap {
                $0.mask == nil ? $0.value.bits : nil
            }
        guard let number, number & ~FieldValue.ones(range.width).bits == 0 else {
            throw FlowTextError(
                "\(left.text): value does not fit into the \(range.width) bits of \(right.text)",
                column: left.column)
        }
        return .load(range, FieldValue(bits: number))
    }

    /// `move:FIELD[a..b]->FIELD[c..d]`.
    func move(_ token: FlowTextToken) throws(FlowTextError) -> Action {
        let (left, right) = try Self.arrow(token)
        let source = try FieldRange.parse(left.text, column: left.column)
        let destination = try FieldRange.parse(right.text, column: right.column)
        guard source.width == destination.width else {
            throw FlowTextError(
                "\(token.value): source field is \(source.width) bits wide but destination is "
                    + "\(destination.width) bits wide", column: token.valueColumn)
        }
        guard destination.field.isWritable else {
            throw FlowTextError("\(right.text) is read-only", column: right.column)
        }
        return .move(source: source, destination: destination)
    }

    /// `note:00.11.22`.
    func note(_ token: FlowTextToken) throws(FlowTextError) -> [UInt8] {
        let bytes = try bytes(token)
        // As many as the action on the wire will hold, the missing ones zero.
        let padded = max(6, (bytes.count + 1) / 8 * 8 + 6)
        return bytes + [UInt8](repeating: 0, count: padded - bytes.count)
    }

    private func bytes(_ token: FlowTextToken) throws(FlowTextError) -> [UInt8] {
        let digits = Array(token.value.utf8.filter { $0 != UInt8(ascii: ".") })
        let bytes = stride(from: 0, to: digits.count - 1, by: 2).compactMap {
            UInt8(String(decoding: digits[$0...($0 + 1)], as: UTF8.self), radix: 16)
        }
        guard digits.count.isMultiple(of: 2), bytes.count == digits.count / 2 else {
            throw bad(token, "bytes in hexadecimal, such as 00.11.22")
        }
        return bytes
    }
}
