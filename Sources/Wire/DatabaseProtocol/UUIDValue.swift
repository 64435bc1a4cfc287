// The names of rows. Where they come from is not decided here: nothing pure draws lots.

/// A universally unique identifier: 128 bits. RFC 9562.
public struct UUIDValue: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The first eight bytes, as a number.
    public let high: UInt64
    /// The last eight bytes, as a number.
    public let low: UInt64

    /// Names no row; a client's first `monitor_cond_since` carries it.
    public static let zero = UUIDValue(high: 0, low: 0)

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Makes a version 4 identifier of 128 random bits, six of which are overwritten.
    public init(random high: UInt64, _ low: UInt64) {
        self.high = high & ~0xf000 | 0x4000
        self.low = low & ~(0b11 << 62) | 0b10 << 62
    }

    /// Reads the form `8-4-4-4-12` in hexadecimal digits of either case; `nil` for anything else.
    public init?(_ text: some StringProtocol) {
        var digitCount = 0
        var (high, low): (UInt64, UInt64) = (0, 0)
        for (place, byte) in text.utf8.enumerated() {
            guard place < 36 else { return nil }
            if place == 8 || place == 13 || place == 18 || place == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard let digit = hexadecimalValue(byte) else { return nil }
            if digitCount < 16 { high = high << 4 | UInt64(digit) }
            if digitCount >= 16 { low = low << 4 | UInt64(digit) }
            digitCount += 1
        }
        guard digitCount == 32 else { return nil }
        self.init(high: high, low: low)
    }

    /// The form `8-4-4-4-12` in lower case.
    public var description: String {
        var text: [UInt8] = []
        text.reserveCapacity(36)
        write(to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// Appends the same form in ASCII.
    public func write(to out: inout [UInt8]) {
        var place = 0
        while place < 32 {
            if place == 8 || place == 12 || place == 16 || place == 20 {
                out.append(UInt8(ascii: "-"))
            }
            let half = place < 16 ? high : low
            out.append(hexadecimalDigit(UInt8(half >> UInt64(60 - place % 16 * 4) & 15)))
            place += 1
        }
    }

    public static func < (a: UUIDValue, b: UUIDValue) -> Bool {
        a.high != b.high ? a.high < b.high : a.low < b.low
    }
}
