// The one place where bytes become numbers.
//
// Release builds may drop a bounds check on `x[i + 1]` (see Sources/README.md, "Bytes"), so no
// reader of frames or messages indexes arrays. It checks a length once and then loads from here;
// each load here checks again, in release builds too, and traps rather than read past the end.

extension RawSpan {
    /// The byte at `offset`. Traps outside the span.
    @inlinable public func octet(at offset: Int) -> UInt8 {
        // Safe: every bit pattern is a UInt8, and this load checks its bounds.
        unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
    }

    /// The two bytes at `offset` as a number in host order. `offset` need not be aligned.
    @inlinable public func bigEndian16(at offset: Int) -> UInt16 {
        // Safe: every bit pattern is a UInt16, and this load checks its bounds.
        unsafe UInt16(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }

    /// The four bytes at `offset` as a number in host order.
    @inlinable public func bigEndian32(at offset: Int) -> UInt32 {
        // Safe: every bit pattern is a UInt32, and this load checks its bounds.
        unsafe UInt32(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    /// The eight bytes at `offset` as a number in host order.
    @inlinable public func bigEndian64(at offset: Int) -> UInt64 {
        // Safe: every bit pattern is a UInt64, and this load checks its bounds.
        unsafe UInt64(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// The six bytes at `offset` as a MAC address.
    @inlinable public func macAddress(at offset: Int) -> MACAddress {
        MACAddress(
            bits: UInt64(bigEndian16(at: offset)) << 32 | UInt64(bigEndian32(at: offset + 2)))
    }

    /// The sixteen bytes at `offset` as an IPv6 address.
    @inlinable public func ipv6Address(at offset: Int) -> IPv6Address {
        IPv6Address(high: bigEndian64(at: offset), low: bigEndian64(at: offset + 8))
    }
}
