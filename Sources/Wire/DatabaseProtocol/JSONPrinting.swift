// JSON values as text: compact, in UTF-8, escaping only what RFC 8259 §7 says must be escaped.

extension JSON {
    /// The text in UTF-8: no spaces, members in their order.
    public var bytes: [UInt8] {
        var out: [UInt8] = []
        write(to: &out)
        return out
    }

    /// The text as a string, for logs and for columns that hold JSON.
    public var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Appends the text to `out`.
    public func write(to out: inout [UInt8]) {
        switch self {
        case .null: out.append(contentsOf: "null".utf8)
        case .bool(let value): out.append(contentsOf: (value ? "true" : "false").utf8)
        case .integer(let number): Self.write(number, to: &out)
        case .real(let number): out.append(contentsOf: Self.digits(of: number).utf8)
        case .string(let text): Self.write(text, to: &out)
        case .array(let elements):
            out.append(UInt8(ascii: "["))
            var isFirst = true
            for element in elements {
                if !isFirst { out.append(UInt8(ascii: ",")) }
                isFirst = false
                element.write(to: &out)
            }
            out.append(UInt8(ascii: "]"))
        case .object(let object):
            out.append(UInt8(ascii: "{"))
            var isFirst = true
            for (name, value) in object.members {
                if !isFirst { out.append(UInt8(ascii: ",")) }
                isFirst = false
                Self.write(name, to: &out)
                out.append(UInt8(ascii: ":"))
                value.write(to: &out)
            }
            out.append(UInt8(ascii: "}"))
        }
    }

    /// The shortest digits that read back as `number`; whole numbers without ".0".
    static func digits(of number: Double) -> String {
        guard number.isFinite else { return "null" }
        let text = number.description
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    /// Appends a number's digits.
    public static func write(_ number: Int64, to out: inout [UInt8]) {
        guard (0..<100).contains(number) else { return out.append(contentsOf: String(number).utf8) }
        if number >= 10 { out.append(UInt8(ascii: "0") + UInt8(number / 10)) }
        out.append(UInt8(ascii: "0") + UInt8(number % 10))
    }

    /// Appends a text in quotes.
    public static func write(_ text: String, to out: inout [UInt8]) {
        out.append(UInt8(ascii: "\""))
        defer { out.append(UInt8(ascii: "\"")) }
        guard hasToBeEscaped(text) else { return out.append(contentsOf: text.utf8) }
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): out.append(contentsOf: "\\\"".utf8)
            case UInt8(ascii: "\\"): out.append(contentsOf: "\\\\".utf8)
            case 0x08: out.append(contentsOf: "\\b".utf8)
            case 0x09: out.append(contentsOf: "\\t".utf8)
            case 0x0a: out.append(contentsOf: "\\n".utf8)
            case 0x0c: out.append(contentsOf: "\\f".utf8)
            case 0x0d: out.append(contentsOf: "\\r".utf8)
            case 0..<0x20:
                out.append(contentsOf: "\\u00".utf8)
                out.append(hexadecimalDigit(byte >> 4))
                out.append(hexadecimalDigit(byte & 15))
            default: out.append(byte)
            }
        }
    }

    private static func hasToBeEscaped(_ text: String) -> Bool {
        let bytes = text.utf8.span
        var place = 0
        while place < bytes.count {
            let byte = bytes[place]
            if byte < 0x20 || byte == 0x22 || byte == 0x5c { return true }
            place += 1
        }
        return false
    }
}

/// The lower-case hexadecimal digit of `nibble`, which must be below 16.
func hexadecimalDigit(_ nibble: UInt8) -> UInt8 {
    nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") - 10 + nibble
}
