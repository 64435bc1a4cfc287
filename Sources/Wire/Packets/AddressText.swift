// How addresses are written and read as text, in the forms that `ip`, `tcpdump` and Open vSwitch
// use. A text that is almost an address is refused, never guessed.

extension MACAddress: CustomStringConvertible, LosslessStringConvertible {
    /// Six groups of one or two hexadecimal digits, separated by colons.
    public init?(_ text: some StringProtocol) {
        let groups = text.split(separator: ":", omittingEmptySubsequences: false)
        guard groups.count == 6 else { return nil }
        var bits: UInt64 = 0
        for group in groups {
            guard (1...2).contains(group.utf8.count), group.first != "+", group.first != "-",
                let octet = UInt64(group, radix: 16)
            else { return nil }
            bits = bits << 8 | octet
        }
        self.init(bits: bits)
    }

    public init?(_ description: String) { self.init(description[...]) }

    public var description: String {
        (0..<6).map { hexadecimal(bits >> UInt64(40 - 8 * $0) & 0xff, digits: 2) }
            .joined(separator: ":")
    }
}

extension IPv4Address: CustomStringConvertible, LosslessStringConvertible {
    /// Four decimal numbers up to 255, separated by dots.
    public init?(_ text: some StringProtocol) {
        let groups = text.split(separator: ".", omittingEmptySubsequences: false)
        guard groups.count == 4 else { return nil }
        var bits: UInt32 = 0
        for group in groups {
            guard (1...3).contains(group.utf8.count), group.utf8.allSatisfy({ 48...57 ~= $0 }),
                let octet = UInt8(group)
            else { return nil }
            bits = bits << 8 | UInt32(octet)
        }
        self.init(bits: bits)
    }

    public init?(_ description: String) { self.init(description[...]) }

    public var description: String {
        "\(bits >> 24).\(bits >> 16 & 0xff).\(bits >> 8 & 0xff).\(bits & 0xff)"
    }
}

extension IPv6Address: CustomStringConvertible, LosslessStringConvertible {
    /// RFC 4291 §2.2: eight groups, one run of zeros as `::`, the last 32 bits also as IPv4.
    public init?(_ text: some StringProtocol) {
        let halves = Self.halves(of: String(text))
        guard let halves, let head = Self.groups(halves.head),
            let tail = halves.tail.map({ Self.groups($0) }) ?? [UInt16]()
        else { return nil }
        let missing = 8 - head.count - tail.count
        guard halves.tail == nil ? missing == 0 : missing >= 1 else { return nil }
        let all = head + [UInt16](repeating: 0, count: missing) + tail
        func half(_ groups: ArraySlice<UInt16>) -> UInt64 {
            groups.reduce(0) { $0 << 16 | UInt64($1) }
        }
        self.init(high: half(all[..<4]), low: half(all[4...]))
    }

    public init?(_ description: String) { self.init(description[...]) }

    /// Splits at the one `::` that is allowed. `tail` is nil without it.
    private static func halves(of text: String) -> (head: String, tail: String?)? {
        let bytes = Array(text.utf8)
        var breaks: [Int] = []
        var index = 0
        while index + 1 < bytes.count {
            if bytes[index] == 58, bytes[index + 1] == 58 {
                breaks.append(index)
                index += 1
            }
            index += 1
        }
        guard let at = breaks.first else { return (text, nil) }
        guard breaks.count == 1 else { return nil }
        return (
            String(decoding: bytes[..<at], as: UTF8.self),
            String(decoding: bytes[(at + 2)...], as: UTF8.self)
        )
    }

    private static func groups(_ text: String) -> [UInt16]? {
        guard !text.isEmpty else { return [] }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        var groups: [UInt16] = []
        for (index, part) in parts.enumerated() {
            if index == parts.count - 1, let v4 = IPv4Address(part) {
                groups += [UInt16(v4.bits >> 16), UInt16(truncatingIfNeeded: v4.bits)]
                continue
            }
            guard (1...4).contains(part.utf8.count), part.first != "+", part.first != "-",
                let group = UInt16(part, radix: 16)
            else { return nil }
            groups.append(group)
        }
        return groups.count <= 8 ? groups : nil
    }

    /// The canonical form of RFC 5952: lower case, the longest run of two or more zero groups
    /// shortened, the first of equals.
    public var description: String {
        let groups = (0..<8).map { index -> UInt16 in
            let half = index < 4 ? high : low
            return UInt16(truncatingIfNeeded: half >> UInt64(48 - 16 * (index % 4)))
        }
        var longest = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, groups[end] == 0 { end += 1 }
            if end - start > max(longest.count, 1) { longest = start..<end }
            start = max(end, start + 1)
        }
        func text(_ slice: ArraySlice<UInt16>) -> String {
            slice.map { String($0, radix: 16) }.joined(separator: ":")
        }
        guard !longest.isEmpty else { return text(groups[...]) }
        return text(groups[..<longest.lowerBound]) + "::" + text(groups[longest.upperBound...])
    }
}

/// `value` in lower-case hexadecimal, with zeros in front up to `digits`.
public func hexadecimal(_ value: some FixedWidthInteger, digits: Int = 1) -> String {
    let text = String(value, radix: 16)
    return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
}
