import Flows

// The one door through which bytes from a peer come in.
//
// A reader is a window of a message. Every read checks the window first and throws the error that
// the window was opened with (a short action is OFPBAC_BAD_LEN, a short match OFPBMC_BAD_LEN), so
// that no reader of a message has to count bytes, and nothing can read past the end.

struct OctetReader {
    private let bytes: [UInt8]
    private(set) var position: Int
    let end: Int
    /// What a read beyond the window throws.
    let fault: OpenFlowErrorCode

    init(_ bytes: [UInt8], fault: OpenFlowErrorCode = .badLength) {
        self.bytes = bytes
        position = 0
        end = bytes.count
        self.fault = fault
    }

    private init(_ whole: OctetReader, from: Int, to: Int, fault: OpenFlowErrorCode) {
        bytes = whole.bytes
        position = from
        end = to
        self.fault = fault
    }

    var remaining: Int { end - position }
    var isAtEnd: Bool { position == end }

    /// Checks that `count` bytes are there and steps over them; returns where they began.
    private mutating func advance(_ count: Int) throws(OpenFlowErrorCode) -> Int {
        guard count >= 0, count <= end - position else { throw fault }
        defer { position += count }
        return position
    }

    private mutating func number(_ count: Int) throws(OpenFlowErrorCode) -> UInt64 {
        let start = try advance(count)
        var value: UInt64 = 0
        // By index: a slice would count references, for each number of each message.
        for place in start..<(start + count) { value = value << 8 | UInt64(bytes[place]) }
        return value
    }

    mutating func u8() throws(OpenFlowErrorCode) -> UInt8 { UInt8(try number(1)) }
    mutating func u16() throws(OpenFlowErrorCode) -> UInt16 { UInt16(try number(2)) }
    mutating func u32() throws(OpenFlowErrorCode) -> UInt32 { UInt32(try number(4)) }
    mutating func u48() throws(OpenFlowErrorCode) -> UInt64 { try number(6) }
    mutating func u64() throws(OpenFlowErrorCode) -> UInt64 { try number(8) }

    /// A number of `count` bytes; of more than 16 the high ones must be zero.
    mutating func value(_ count: Int) throws(OpenFlowErrorCode) -> FieldValue {
        let start = try advance(count)
        var value: UInt128 = 0
        for index in 0..<count {
            let byte = bytes[start + index]
            guard count - index <= 16 || byte == 0 else { throw .mustBeZero }
            value = value << 8 | UInt128(byte)
        }
        return FieldValue(bits: value)
    }

    mutating func skip(_ count: Int) throws(OpenFlowErrorCode) { _ = try advance(count) }

    /// Steps over what is missing to a multiple of 8 bytes from `start`, or to the end.
    mutating func skipPadding(from start: Int) {
        let odd = (position - start) % 8
        if odd != 0 { position = min(end, position + 8 - odd) }
    }

    /// A window of the next `count` bytes, which this reader steps over.
    mutating func window(
        _ count: Int, fault: OpenFlowErrorCode? = nil
    ) throws(OpenFlowErrorCode) -> OctetReader {
        let start = try advance(count)
        return OctetReader(self, from: start, to: start + count, fault: fault ?? self.fault)
    }

    mutating func rest() -> [UInt8] {
        defer { position = end }
        return Array(bytes[position..<end])
    }

    /// Text in `count` bytes, up to the first zero byte; what is not UTF-8 becomes U+FFFD.
    mutating func text(_ count: Int) throws(OpenFlowErrorCode) -> String {
        let start = try advance(count)
        let field = bytes[start..<(start + count)]
        return String(decoding: field.prefix { $0 != 0 }, as: UTF8.self)
    }

    func finish() throws(OpenFlowErrorCode) {
        guard isAtEnd else { throw fault }
    }
}
