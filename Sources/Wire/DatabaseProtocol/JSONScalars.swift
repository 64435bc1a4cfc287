// Strings and numbers: the two parts of JSON with rules of their own.

extension JSONParser {
    /// Reads a string; the next byte is its opening quote.
    mutating func parseString() throws(JSONError) -> String {
        let start = position + 1
        position = plainEnd(from: start)
        if skip(UInt8(ascii: "\"")) {
            return String(decoding: bytes[start..<(position - 1)], as: UTF8.self)
        }
        return try parseUnusualString(from: start)
    }

    /// The place of the first byte from `place` on that is no plain ASCII character of a string.
    private func plainEnd(from place: Int) -> Int {
        let bytes = bytes.span
        var place = place
        while place < bytes.count {
            let byte = bytes[place]
            guard byte >= 0x20, byte < 0x80, byte != UInt8(ascii: "\""),
                byte != UInt8(ascii: "\\")
            else { break }
            place += 1
        }
        return place
    }

    /// Reads a string that has escapes or other characters than those of ASCII. All before
    /// `position` is plain.
    private mutating func parseUnusualString(from start: Int) throws(JSONError) -> String {
        var unescaped: [UInt8]?
        while true {
            switch peek() {
            case nil: throw failure(.unexpectedEnd)
            case UInt8(ascii: "\""):
                let content = unescaped.map { $0[...] } ?? bytes[start..<position]
                guard let text = String(validating: content, as: UTF8.self) else {
                    throw JSONError(.badUTF8, at: start)
                }
                position += 1
                return text
            case UInt8(ascii: "\\"):
                if unescaped == nil { unescaped = Array(bytes[start..<position]) }
                position += 1
                try unescape(into: &unescaped!)
            case let byte?:
                guard byte >= 0x20 else { throw failure(.controlCharacter) }
                unescaped?.append(byte)
                position += 1
            }
        }
    }

    /// Reads what follows a backslash. RFC 8259 §7.
    private mutating func unescape(into out: inout [UInt8]) throws(JSONError) {
        guard let letter = peek() else { throw failure(.unexpectedEnd) }
        position += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(letter)
        case UInt8(ascii: "b"): out.append(0x08)
        case UInt8(ascii: "f"): out.append(0x0c)
        case UInt8(ascii: "n"): out.append(0x0a)
        case UInt8(ascii: "r"): out.append(0x0d)
        case UInt8(ascii: "t"): out.append(0x09)
        case UInt8(ascii: "u"):
            let scalar = try parseCodePoint()
            guard scalar.value != 0 else { throw failure(.nullCharacter) }
            out.append(contentsOf: String(Character(scalar)).utf8)
        default:
            position -= 1
            throw failure(.badEscape)
        }
    }

    /// Reads the digits after `\u`, and the second half of a surrogate pair if there must be one.
    private mutating func parseCodePoint() throws(JSONError) -> Unicode.Scalar {
        let first = try parseFourHexadecimalDigits()
        guard (0xd800..<0xdc00).contains(first) else {
            guard let scalar = Unicode.Scalar(first) else { throw failure(.badEscape) }
            return scalar
        }
        guard skip(UInt8(ascii: "\\")), skip(UInt8(ascii: "u")) else { throw failure(.badEscape) }
        let second = try parseFourHexadecimalDigits()
        guard (0xdc00..<0xe000).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xd800) << 10 + (second - 0xdc00))
        else { throw failure(.badEscape) }
        return scalar
    }

    private mutating func parseFourHexadecimalDigits() throws(JSONError) -> UInt32 {
        var number: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek() else { throw failure(.unexpectedEnd) }
            guard let digit = hexadecimalValue(byte) else { throw failure(.badEscape) }
            number = number << 4 | UInt32(digit)
            position += 1
        }
        return number
    }

    /// Reads a number; the next byte is "-" or a digit. RFC 8259 §6.
    mutating func parseNumber() throws(JSONError) -> JSON {
        let start = position
        _ = skip(UInt8(ascii: "-"))
        guard let first = peek() else { throw failure(.unexpectedEnd) }
        guard skipDigits() > 0, first != UInt8(ascii: "0") || isAfterOneDigit(start) else {
            throw JSONError(.badNumber, at: start)
        }
        var isPlain = true
        if skip(UInt8(ascii: ".")) {
            isPlain = false
            guard skipDigits() > 0 else { throw failure(.badNumber) }
        }
        if skip(UInt8(ascii: "e")) || skip(UInt8(ascii: "E")) {
            isPlain = false
            _ = skip(UInt8(ascii: "+")) || skip(UInt8(ascii: "-"))
            guard skipDigits() > 0 else { throw failure(.badNumber) }
        }
        // Eighteen digits fit 64 bits, whatever they are.
        if isPlain, position - start <= 18 { return .integer(wholeNumber(start)) }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isPlain, let number = Int64(text) { return .integer(number) }
        guard let number = Double(text), number.isFinite else {
            throw JSONError(.numberTooLarge, at: start)
        }
        return Int64(exactly: number).map(JSON.integer) ?? .real(number)
    }

    /// The number from `start` to here: perhaps "-", then digits.
    private func wholeNumber(_ start: Int) -> Int64 {
        let isNegative = bytes[start] == UInt8(ascii: "-")
        var number: Int64 = 0
        for byte in bytes[(isNegative ? start + 1 : start)..<position] {
            number = number * 10 + Int64(byte - UInt8(ascii: "0"))
        }
        return isNegative ? -number : number
    }

    /// Whether exactly one digit was read since `start`, where the number began.
    private func isAfterOneDigit(_ start: Int) -> Bool {
        position - start == (bytes[start] == UInt8(ascii: "-") ? 2 : 1)
    }

    private mutating func skipDigits() -> Int {
        let start = position
        while let byte = peek(), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
            position += 1
        }
        return position - start
    }
}

/// The value of a hexadecimal digit of either case.
func hexadecimalValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}
