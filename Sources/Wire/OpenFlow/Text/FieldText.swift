import Flows
import Packets

// Values of fields as text, each in its field's own format.

enum FieldText {
    // Printing.

    /// C's `%#x`: no prefix for zero.
    static func hexadecimal(_ value: UInt128) -> String {
        value == 0 ? "0" : "0x" + String(value, radix: 16)
    }

    static func value(_ value: FieldValue, of field: FlowField, _ ports: PortNames) -> String {
        switch field.format {
        case .decimal: "\(value.bits)"
        case .hexadecimal: hexadecimal(value.bits)
        case .ethernet: "\(MACAddress(bits: value.low))"
        case .ipv4: "\(IPv4Address(bits: UInt32(truncatingIfNeeded: value.low)))"
        case .ipv6: "\(IPv6Address(high: value.high, low: value.low))"
        case .port: ports.text(PortNumber(UInt16(truncatingIfNeeded: value.low)))
        case .fragment: fragment(value, mask: field.exactMask) ?? hexadecimal(value.bits)
        case .tcpFlags, .connectionState: flags(value, mask: field.exactMask, of: field)
        case .packetType:
            "(\(value.low >> 16),\(hexadecimal(UInt128(value.low & 0xffff))))"
        }
    }

    /// A value and the bits of it that count, where the mask is not 0.
    static func masked(
        _ value: FieldValue, mask: FieldValue, of field: FlowField, _ ports: PortNames
    ) -> String {
        if field.hasFlags { return flags(value, mask: mask, of: field) }
        if field.format == .fragment, let text = fragment(value, mask: mask) { return text }
        let text = self.value(value, of: field, ports)
        guard mask.bits & field.heldMask.bits != field.heldMask.bits else { return text }
        switch field.format {
        case .ipv4, .ipv6:
            if let length = prefixLength(mask, width: field.width) { return "\(text)/\(length)" }
            return "\(text)/\(self.value(mask, of: field, ports))"
        case .ethernet: return "\(text)/\(self.value(mask, of: field, ports))"
        default: return "\(hexadecimal(value.bits))/\(hexadecimal(mask.bits))"
        }
    }

    /// How many leading ones `mask` is; nil: there is a one after a zero.
    private static func prefixLength(_ mask: FieldValue, width: Int) -> Int? {
        let zeros = min(mask.bits.trailingZeroBitCount, width)
        let ones = width - zeros
        let expected = FieldValue.ones(ones).bits << UInt128(clamping: zeros)
        return mask.bits == expected ? ones : nil
    }

    private static let flagNames = [
        "fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns", "[200]", "[400]", "[800]",
    ]

    /// All bits: `syn|ack`; some: `+syn-ack`.
    private static func flags(
        _ value: FieldValue, mask: FieldValue, of field: FlowField
    ) -> String {
        let names = field.format == .tcpFlags ? flagNames : ConnectionState.names
        let isWhole = mask.low & (1 << UInt64(names.count) - 1) == 1 << UInt64(names.count) - 1
        if isWhole, value.isZero { return "0" }
        var parts: [String] = []
        for (bit, name) in names.enumerated() where mask.low >> UInt64(bit) & 1 == 1 {
            let isSet = value.low >> UInt64(bit) & 1 == 1
            if isWhole {
                if isSet { parts.append(name) }
            } else {
                parts.append((isSet ? "+" : "-") + name)
            }
        }
        return parts.joined(separator: isWhole ? "|" : "")
    }

    private static let fragments: [(name: String, value: UInt64, mask: UInt64)] = [
        ("no", 0, 3), ("yes", 1, 1), ("first", 1, 3), ("later", 3, 3), ("not_later", 0, 2),
    ]

    private static func fragment(_ value: FieldValue, mask: FieldValue) -> String? {
        fragments.first { $0.value == value.low && $0.mask == mask.low }?.name
    }

    // Reading.

    /// `value` or `value/mask`; the mask is nil if none was written. nil: not a value of `field`.
    static func parse(
        _ text: String, of field: FlowField, _ ports: PortNames
    ) -> (value: FieldValue, mask: FieldValue?)? {
        if field.format == .fragment, let known = fragments.first(where: { $0.name == text }) {
            return (FieldValue(low: known.value), FieldValue(low: known.mask))
        }
        if field.hasFlags, let flags = parseFlags(text, of: field) { return flags }
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let value = parseValue(String(parts[0]), of: field, ports) else { return nil }
        guard parts.count == 2 else { return (value, nil) }
        let maskText = String(parts[1])
        let isAddress = field.format == .ipv4 || field.format == .ipv6
        if isAddress, let length = Int(maskText), (0...field.width).contains(length) {
            let zeros = UInt128(clamping: field.width - length)
            return (value, FieldValue(bits: FieldValue.ones(length).bits << zeros))
        }
        guard let mask = parseValue(maskText, of: field, ports, isMask: true) else { return nil }
        return (value, mask)
    }

    private static func parseValue(
        _ text: String, of field: FlowField, _ ports: PortNames, isMask: Bool = false
    ) -> FieldValue? {
        switch field.format {
        case .ethernet: return MACAddress(text).map { FieldValue(low: $0.bits) }
        case .ipv4: return IPv4Address(text).map { FieldValue(low: UInt64($0.bits)) }
        case .ipv6: return IPv6Address(text).map { FieldValue(high: $0.high, low: $0.low) }
        case .port:
            return ports.number(text).map { FieldValue(low: UInt64($0.rawValue)) }
        case .packetType:
            let parts = text.drop { $0 == "(" }.prefix { $0 != ")" }
                .split(separator: ",").map(parseNumber)
            guard parts.count == 2, let space = parts[0], let type = parts[1], space <= 0xffff,
                type <= 0xffff
            else { return nil }
            return FieldValue(bits: space << 16 | type)
        case .decimal, .hexadecimal, .fragment, .tcpFlags, .connectionState:
            guard let number = parseNumber(text) else { return nil }
            if number == .max, isMask { return FieldValue.ones(field.width) }
            let value = FieldValue(bits: number)
            let fits = number & ~FieldValue.ones(field.width).bits == 0
            return fits && field.canHold(value) ? value : nil
        }
    }

    /// `+syn-ack` or `syn|ack`.
    private static func parseFlags(
        _ text: String, of field: FlowField
    ) -> (value: FieldValue, mask: FieldValue?)? {
        let names = field.format == .tcpFlags ? flagNames : ConnectionState.names
        func bit(_ name: Substring) -> UInt64? {
            names.firstIndex(of: String(name)).map { 1 << UInt64($0) }
        }
        guard text.first == "+" || text.first == "-" else {
            var value: UInt64 = 0
            for name in text.split(separator: "|", omittingEmptySubsequences: false) {
                guard let bit = bit(name) else { return nil }
                value |= bit
            }
            return (FieldValue(low: value), nil)
        }
        var value: UInt64 = 0
        var mask: UInt64 = 0
        var rest = text[...]
        while let sign = rest.first {
            rest = rest.dropFirst()
            let name = rest.prefix { $0 != "+" && $0 != "-" }
            guard let bit = bit(name), mask & bit == 0 else { return nil }
            mask |= bit
            if sign == "+" { value |= bit }
            rest = rest.dropFirst(name.count)
        }
        return (FieldValue(low: value), FieldValue(low: mask))
    }
}

/// Bits of `ct_state` (ovs-fields(7)).
enum ConnectionState {
    static let names = ["new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat"]
    static let known: UInt64 = 0xff
}

extension FlowField {
    /// Whether its bits have names.
    fileprivate var hasFlags: Bool { format == .tcpFlags || format == .connectionState }
}
