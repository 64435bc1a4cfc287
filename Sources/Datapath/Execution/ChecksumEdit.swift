// How a checksum changes when some of the bytes it covers do, without reading the others.

/// What edits add to a one's-complement sum (RFC 1071), gathered over several fields.
@usableFromInline
struct SumDifference {
    /// Not folded. Each field adds less than 2³², so that there is room for many.
    @usableFromInline var sum: UInt64 = 0

    @inlinable init() {}

    /// A 16-bit word changed. RFC 1624 §3: minus the old word is plus its complement.
    @inlinable mutating func replace(_ old: UInt16, by new: UInt16) {
        sum += UInt64(~old) + UInt64(new)
    }

    /// Two 16-bit words changed.
    @inlinable mutating func replace(_ old: UInt32, by new: UInt32) {
        replace(UInt16(old >> 16), by: UInt16(new >> 16))
        replace(UInt16(truncatingIfNeeded: old), by: UInt16(truncatingIfNeeded: new))
    }

    /// Four 16-bit words changed.
    @inlinable mutating func replace(_ old: UInt64, by new: UInt64) {
        replace(UInt32(old >> 32), by: UInt32(new >> 32))
        replace(UInt32(truncatingIfNeeded: old), by: UInt32(truncatingIfNeeded: new))
    }

    @inlinable static func fold(_ sum: UInt64) -> UInt16 {
        var sum = (sum & 0xffff_ffff) + sum >> 32
        sum = (sum & 0xffff) + sum >> 16
        sum = (sum & 0xffff) + sum >> 16
        sum = (sum & 0xffff) + sum >> 16
        return UInt16(truncatingIfNeeded: sum)
    }

    /// The checksum field after the change: HC' = ~(~HC + ~m + m'), RFC 1624 §3 [Eqn. 3].
    @inlinable func applied(toFinished checksum: UInt16) -> UInt16 {
        ~Self.fold(UInt64(~checksum) + sum)
    }

    /// The field of an unfinished checksum, which holds the plain sum of the pseudo-header.
    @inlinable func applied(toUnfinished sum: UInt16) -> UInt16 {
        Self.fold(UInt64(sum) + self.sum)
    }
}

/// CRC32c, the checksum of SCTP (RFC 9260 appendix A), as far as an edit needs it.
///
/// A CRC is linear: the CRC of what changed, at its distance from the end, is what the CRC changes
/// by. Bytes that stay need not be read. Polynomials are reflected: bit 31 is x⁰.
enum CRC32C {
    private static let polynomial: UInt32 = 0x82f6_3b78

    /// What a CRC changes by when its message changes by `difference` (four bytes, the first in the
    /// lowest bits), with `byteCountBehind` bytes of message behind them.
    static func change(difference: UInt32, byteCountBehind: Int) -> UInt32 {
        var change = difference
        for _ in 0..<32 { change = timesX(change) }
        var power: UInt32 = 1 << 31
        var square: UInt32 = 1 << 23  // x⁸, one byte
        var rest = byteCountBehind
        while rest > 0 {
            if rest & 1 == 1 { power = product(power, square) }
            square = product(square, square)
            rest >>= 1
        }
        return product(change, power)
    }

    private static func timesX(_ value: UInt32) -> UInt32 {
        value & 1 == 1 ? value >> 1 ^ polynomial : value >> 1
    }

    private static func product(_ a: UInt32, _ b: UInt32) -> UInt32 {
        var (result, factor) = (0 as UInt32, b)
        for bit in 0..<32 {
            if a << UInt32(bit) & 1 << 31 != 0 { result ^= factor }
            factor = timesX(factor)
        }
        return result
    }
}
