import Flows

/// Bytes of a message in the making, numbers in network order.
struct OctetWriter {
    /// Enough for most messages, so that few grow.
    private static let usualByteCount = 192

    private(set) var bytes: [UInt8] = []

    init() { bytes.reserveCapacity(Self.usualByteCount) }

    var count: Int { bytes.count }

    /// The low `count` bytes of `value`, 1 to 8.
    private mutating func number(_ value: UInt64, _ count: Int) {
        let shifted = (value << UInt64(64 - 8 * count)).bigEndian
        // Safe: the bytes of one number, lent for the call.
        unsafe withUnsafeBytes(of: shifted) {
            unsafe bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: $0[..<count]))
        }
    }

    mutating func u8(_ value: UInt8) { bytes.append(value) }
    mutating func u16(_ value: UInt16) { number(UInt64(value), 2) }
    mutating func u32(_ value: UInt32) { number(UInt64(value), 4) }
    mutating func u48(_ value: UInt64) { number(value, 6) }
    mutating func u64(_ value: UInt64) { number(value, 8) }

    /// The low `count` bytes of `value`; zeros in front of what is longer than 16 bytes.
    mutating func value(_ value: FieldValue, _ count: Int) {
        for index in (0..<count).reversed() {
            let shift = UInt128(clamping: 8 * index)
            bytes.append(index < 16 ? UInt8(truncatingIfNeeded: value.bits >> shift) : 0)
        }
    }

    mutating func zeros(_ count: Int) {
        bytes.append(contentsOf: repeatElement(0, count: max(0, count)))
    }

    mutating func append(_ more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }

    /// `text` in `width` bytes: cut to leave a zero at the end, filled with zeros.
    mutating func text(_ text: String, _ width: Int) {
        let cut = text.utf8.prefix(width - 1)
        append(cut)
        zeros(width - cut.count)
    }

    /// Zeros up to a multiple of 8 bytes from `start`.
    mutating func pad(from start: Int) { zeros((8 - (count - start) % 8) % 8) }

    /// Writes a length that was not known before. `offset` must have been written already.
    mutating func patch16(_ value: Int, at offset: Int) {
        let value = UInt16(clamping: value)
        bytes[offset] = UInt8(value >> 8)
        bytes[offset + 1] = UInt8(truncatingIfNeeded: value)
    }

    /// Ends the message at its first `count` bytes, if it is longer.
    mutating func cut(to count: Int) {
        if bytes.count > count { bytes.removeLast(bytes.count - count) }
    }

    /// Writes one byte that was not known before, as `patch16`.
    mutating func patch8(_ value: UInt8, at offset: Int) {
        bytes[offset] = value
    }
}
