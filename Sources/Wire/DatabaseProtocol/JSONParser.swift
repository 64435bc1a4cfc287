// From bytes to a JSON value, or to the byte at which the text stops being JSON.

/// Why bytes are not JSON, and where.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Reason: String, Hashable, Sendable {
        case unexpectedEnd = "the text ends too early"
        case unexpectedByte = "unexpected character"
        case badNumber = "not a number that JSON allows"
        case numberTooLarge = "number outside the range of a double"
        case badEscape = "bad escape in a string"
        case controlCharacter = "control character in a string"
        case nullCharacter = "a string may not contain U+0000"
        case badUTF8 = "a string is not UTF-8"
        case tooDeep = "nested too deeply"
        case tooLong = "longer than allowed"
        case trailingBytes = "something follows the value"
        case notContainer = "a message must be an object or an array"
    }
    public let reason: Reason
    /// Where, in bytes from the start of the text (for a stream: of the message).
    public let position: Int

    public init(_ reason: Reason, at position: Int) {
        self.reason = reason
        self.position = position
    }

    public var description: String { "invalid JSON at byte \(position): \(reason.rawValue)" }
}

extension JSON {
    /// Reads one JSON text, which must be all of `bytes` but for white space. RFC 8259.
    ///
    /// U+0000 in strings is refused: Open vSwitch's tools cannot hold it. A whole number that fits
    /// `Int64` becomes `.integer`, however it is written.
    ///
    /// - Throws: What is wrong and at which byte; also if the text is longer than `byteCountMax` or
    ///   deeper than `ProtocolLimits` allows.
    public init(
        parsing bytes: [UInt8], byteCountMax: Int = ProtocolLimits.messageByteCountMax
    ) throws(JSONError) {
        guard bytes.count <= byteCountMax else { throw JSONError(.tooLong, at: byteCountMax) }
        var parser = JSONParser(bytes: bytes)
        self = try parser.parseText()
    }

    /// Reads one JSON text; see `init(parsing:)` of bytes.
    public init(parsing text: String) throws(JSONError) {
        try self.init(parsing: Array(text.utf8))
    }
}

/// A recursive-descent reader. All reading of bytes goes through `peek`, which knows the end.
struct JSONParser {
    let bytes: [UInt8]
    var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    func peek() -> UInt8? { position < bytes.count ? bytes[position] : nil }

    func failure(_ reason: JSONError.Reason) -> JSONError {
        JSONError(
            peek() == nil && reason == .unexpectedByte ? .unexpectedEnd : reason, at: position)
    }

    mutating func parseText() throws(JSONError) -> JSON {
        let value = try parseValue(depth: 0)
        skipWhiteSpace()
        guard position == bytes.count else { throw failure(.trailingBytes) }
        return value
    }

    private mutating func skipWhiteSpace() {
        while let byte = peek(), isWhiteSpace(byte) { position += 1 }
    }

    private mutating func parseValue(depth: Int) throws(JSONError) -> JSON {
        skipWhiteSpace()
        switch peek() {
        case UInt8(ascii: "{"): return .object(try parseObject(depth: depth + 1))
        case UInt8(ascii: "["): return .array(try parseArray(depth: depth + 1))
        case UInt8(ascii: "\""): return .string(try parseString())
        case UInt8(ascii: "t"): return try parseWord("true", .bool(true))
        case UInt8(ascii: "f"): return try parseWord("false", .bool(false))
        case UInt8(ascii: "n"): return try parseWord("null", .null)
        case let byte? where byte == UInt8(ascii: "-") || (0x30...0x39).contains(byte):
            return try parseNumber()
        default: throw failure(.unexpectedByte)
        }
    }

    private mutating func parseWord(_ word: StaticString, _ value: JSON) throws(JSONError) -> JSON {
        for byte in word.description.utf8 {
            guard peek() == byte else { throw failure(.unexpectedByte) }
            position += 1
        }
        return value
    }

    private mutating func parseObject(depth: Int) throws(JSONError) -> JSONObject {
        guard depth <= ProtocolLimits.nestingDepthMax else { throw failure(.tooDeep) }
        var object = JSONObject()
        position += 1
        skipWhiteSpace()
        guard !skip(UInt8(ascii: "}")) else { return object }
        object.reserveCapacity(4)
        while true {
            skipWhiteSpace()
            guard peek() == UInt8(ascii: "\"") else { throw failure(.unexpectedByte) }
            let name = try parseString()
            skipWhiteSpace()
            guard skip(UInt8(ascii: ":")) else { throw failure(.unexpectedByte) }
            object[name] = try parseValue(depth: depth)
            skipWhiteSpace()
            if skip(UInt8(ascii: "}")) { return object }
            guard skip(UInt8(ascii: ",")) else { throw failure(.unexpectedByte) }
        }
    }

    private mutating func parseArray(depth: Int) throws(JSONError) -> [JSON] {
        guard depth <= ProtocolLimits.nestingDepthMax else { throw failure(.tooDeep) }
        var elements: [JSON] = []
        position += 1
        skipWhiteSpace()
        guard !skip(UInt8(ascii: "]")) else { return elements }
        // Most arrays are pairs: ["set", …], ["uuid", …], [key, value].
        elements.reserveCapacity(2)
        while true {
            elements.append(try parseValue(depth: depth))
            skipWhiteSpace()
            if skip(UInt8(ascii: "]")) { return elements }
            guard skip(UInt8(ascii: ",")) else { throw failure(.unexpectedByte) }
        }
    }

    mutating func skip(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        position += 1
        return true
    }
}

/// Whether `byte` may stand between the parts of a JSON text. RFC 8259 §2.
func isWhiteSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d
}
