import CMnl
import Packets

// Reading what libmnl laid out, from memory that anybody may have written.
//
// Nothing is believed: a message must lie in its datagram, an attribute in what holds it, a payload
// must have the length that its type says. Offsets are from the start of the datagram, so that an
// error can point at the byte.

/// One attribute: where its payload lies.
struct Attribute {
    var type: UInt16
    /// First byte of the payload.
    var offset: Int
    var count: Int
    /// First byte of the attribute itself.
    var start: Int { offset - 4 }
}

/// Walks the attributes between two offsets of a datagram.
struct AttributeReader: ~Escapable {
    let bytes: RawSpan
    let what: String
    private var next: Int
    private let end: Int
    private var seen: UInt64 = 0

    /// `range` must lie in `bytes`.
    @_lifetime(copy bytes)
    init(_ bytes: RawSpan, _ range: Range<Int>, _ what: String) {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.byteCount)
        self.bytes = bytes
        self.what = what
        (next, end) = (range.lowerBound, range.upperBound)
    }

    /// The attributes inside `nest`.
    @_lifetime(copy bytes)
    init(_ bytes: RawSpan, nest: Attribute, _ what: String) {
        self.init(bytes, nest.offset..<nest.offset + nest.count, what)
    }

    /// The next attribute, nil behind the last.
    ///
    /// - Parameter once: Whether a second attribute of the same type below 64 is an error. Empty
    ///   ones may repeat: some kernels put them before 64-bit numbers, to align those.
    @_lifetime(self: copy self)
    mutating func nextAttribute(once: Bool = true) throws(DatapathMessageError) -> Attribute? {
        let left = end - next
        // Attributes are padded to 4 bytes, except perhaps the last.
        guard left > 0 else { return nil }
        let place = next
        let (isWhole, type, count, step) = unsafe bytes.withUnsafeBytes {
            memory -> (Bool, UInt16, Int, Int) in
            // In bounds: `place` is below `end`, and mnl_attr_ok reads no more than `left` bytes.
            guard let base = memory.baseAddress, left >= 4 else { return (false, 0, 0, 0) }
            let attribute = unsafe (base + place).assumingMemoryBound(to: nlattr.self)
            guard unsafe mnl_attr_ok(attribute, Int32(left)) else { return (false, 0, 0, 0) }
            let after = unsafe UnsafeRawPointer(mnl_attr_next(attribute)!)
            return unsafe (
                true, mnl_attr_get_type(attribute), Int(mnl_attr_get_payload_len(attribute)),
                after - (base + place)
            )
        }
        guard isWhole else { throw .malformedAttribute(in: what, offset: place) }
        next += step
        if once, type < 64, count > 0 {
            guard seen & 1 << UInt64(type) == 0 else {
                throw .duplicateAttribute(in: what, type: type, offset: place)
            }
            seen |= 1 << UInt64(type)
        }
        return Attribute(type: type, offset: place + 4, count: count)
    }
}

/// Payloads of attributes, with their lengths checked.
extension RawSpan {
    func check(_ attribute: Attribute, _ count: Int, _ name: String) throws(DatapathMessageError) {
        guard attribute.count == count else {
            throw .wrongLength(
                attribute: name, offset: attribute.start, expected: count, found: attribute.count)
        }
    }

    /// The four bytes at `offset` in host order. `bigEndian` of a number that was read as
    /// big-endian is the number as it lay in memory.
    func host32(at offset: Int) -> UInt32 { bigEndian32(at: offset).bigEndian }
    func host64(at offset: Int) -> UInt64 { bigEndian64(at: offset).bigEndian }
    func host16(at offset: Int) -> UInt16 { bigEndian16(at: offset).bigEndian }

    func host32(_ attribute: Attribute, _ name: String) throws(DatapathMessageError) -> UInt32 {
        try check(attribute, 4, name)
        return host32(at: attribute.offset)
    }

    func host64(_ attribute: Attribute, _ name: String) throws(DatapathMessageError) -> UInt64 {
        try check(attribute, 8, name)
        return host64(at: attribute.offset)
    }

    func network16(_ attribute: Attribute, _ name: String) throws(DatapathMessageError) -> UInt16 {
        try check(attribute, 2, name)
        return bigEndian16(at: attribute.offset)
    }

    /// A copy of the payload.
    func array(_ attribute: Attribute) -> [UInt8] { array(attribute.offset, attribute.count) }

    func array(_ offset: Int, _ count: Int) -> [UInt8] {
        guard count > 0 else { return [] }
        // Copied within the closure; `extracting` checks the bounds.
        return unsafe extracting(offset..<offset + count).withUnsafeBytes { unsafe [UInt8]($0) }
    }

    /// Text up to its zero, or to the attribute's end.
    ///
    /// - Throws: `.wrongLength` if it is empty or longer than `limit`, `.invalidValue` if it is
    ///   not UTF-8.
    func text(
        _ attribute: Attribute, _ name: String, limit: Int
    ) throws(DatapathMessageError) -> String {
        let octets = array(attribute).prefix { $0 != 0 }
        guard (1...limit).contains(octets.count) else {
            throw .wrongLength(
                attribute: name, offset: attribute.start, expected: limit, found: octets.count)
        }
        guard let text = String(validating: octets, as: UTF8.self) else {
            throw .invalidValue(attribute: name, offset: attribute.start, value: 0)
        }
        return text
    }
}
