// Cuts flow syntax into `key`, `key=value`, `key:value` and `key(value)`.
//
// Commas and spaces separate; a value runs to the next separator that is not inside parentheses or
// quotes, so that `learn(table=1,output:2)` is one token whose value is cut again.

struct FlowTextToken {
    enum Delimiter { case none, equals, colon, parenthesis }

    var key: String
    var delimiter: Delimiter
    var value: String
    /// What follows a closing parenthesis without a separator: `->reg0[0]`.
    var suffix = ""
    /// Of the key and of the value, in bytes from 1 in the whole line.
    var column: Int
    var valueColumn: Int
}

struct FlowTextTokens {
    private let bytes: [UInt8]
    private var position = 0
    /// Column of the first byte of `bytes`.
    private let base: Int

    init(_ text: String, column: Int = 1) {
        bytes = Array(text.utf8)
        base = column
    }

    private static func isSeparator(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ",") || byte == UInt8(ascii: " ") || (9...13).contains(byte)
    }

    /// Everything from the next token on, and its column.
    mutating func rest() -> (text: String, column: Int) {
        defer { position = bytes.count }
        return (text(position..<bytes.count), base + position)
    }

    private func text(_ range: Range<Int>) -> String {
        String(decoding: bytes[range], as: UTF8.self)
    }

    /// The next token; nil at the end.
    mutating func next() throws(FlowTextError) -> FlowTextToken? {
        while position < bytes.count, Self.isSeparator(bytes[position]) { position += 1 }
        guard position < bytes.count else { return nil }
        let start = position
        let key = try readKey()
        var token = FlowTextToken(
            key: key, delimiter: .none, value: "", column: base + start,
            valueColumn: base + position)
        guard position < bytes.count else { return token }
        switch bytes[position] {
        case UInt8(ascii: "="):
            token.delimiter = .equals
            position += 1
        case UInt8(ascii: ":"):
            token.delimiter = .colon
            position += 1
        case UInt8(ascii: "("):
            token.delimiter = .parenthesis
            position += 1
            token.valueColumn = base + position
            token.value = try readParenthesis()
            let end = position
            while position < bytes.count, !Self.isSeparator(bytes[position]) { position += 1 }
            token.suffix = text(end..<position)
            return token
        default: return token
        }
        token.valueColumn = base + position
        token.value = try readValue()
        return token
    }

    private mutating func readKey() throws(FlowTextError) -> String {
        if bytes[position] == UInt8(ascii: "\"") { return try readQuoted() }
        let start = position
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "="), UInt8(ascii: ":"), UInt8(ascii: "("): break
            case UInt8(ascii: "["):
                // A range of bits belongs to the key: `NXM_NX_REG0[0..15]=1`.
                skipBrackets()
                continue
            case let byte where Self.isSeparator(byte): break
            default:
                position += 1
                continue
            }
            break
        }
        guard position > start else {
            throw FlowTextError("unexpected character", column: base + position)
        }
        return text(start..<position)
    }

    private mutating func skipBrackets() {
        while position < bytes.count, bytes[position] != UInt8(ascii: "]") { position += 1 }
        position = min(position + 1, bytes.count)
    }

    private mutating func readQuoted() throws(FlowTextError) -> String {
        let start = position + 1
        position = start
        while position < bytes.count, bytes[position] != UInt8(ascii: "\"") { position += 1 }
        guard position < bytes.count else {
            throw FlowTextError("missing closing quote", column: base + start - 1)
        }
        defer { position += 1 }
        return text(start..<position)
    }

    /// Up to the parenthesis that closes the one already read.
    private mutating func readParenthesis() throws(FlowTextError) -> String {
        let start = position
        var depth = 1
        while position < bytes.count {
            if bytes[position] == UInt8(ascii: "(") { depth += 1 }
            if bytes[position] == UInt8(ascii: ")") { depth -= 1 }
            position += 1
            if depth == 0 { return text(start..<(position - 1)) }
        }
        throw FlowTextError("missing closing parenthesis", column: base + start - 1)
    }

    private mutating func readValue() throws(FlowTextError) -> String {
        if position < bytes.count, bytes[position] == UInt8(ascii: "\"") { return try readQuoted() }
        let start = position
        var depth = 0
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "(") { depth += 1 }
            if byte == UInt8(ascii: ")") { depth -= 1 }
            if depth <= 0, Self.isSeparator(byte) { break }
            position += 1
        }
        return text(start..<position)
    }
}
