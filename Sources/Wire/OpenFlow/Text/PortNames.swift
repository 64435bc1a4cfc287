// Ports by name: the reserved ones, and a bridge's own if they are known.

/// The names of a bridge's ports, to read and to print flows with. Empty: only numbers are known.
public struct PortNames: Hashable, Sendable {
    private var numbers: [String: PortNumber] = [:]
    private var names: [PortNumber: String] = [:]
    /// Whether printing uses names; reading always does.
    public var printsNames: Bool

    public init(_ ports: [(name: String, number: PortNumber)] = [], printsNames: Bool = false) {
        for port in ports {
            numbers[port.name] = port.number
            names[port.number] = port.name
        }
        self.printsNames = printsNames
    }

    public static let none = PortNames()

    private static let reserved: [(name: String, number: PortNumber)] = [
        ("IN_PORT", .inPort), ("TABLE", .table), ("NORMAL", .normal), ("FLOOD", .flood),
        ("ALL", .all), ("CONTROLLER", .controller), ("LOCAL", .local), ("ANY", .none),
        ("NONE", .none),
    ]

    /// The port that `text` names: a number (decimal or `0x…`), a reserved name in any case, or a
    /// port of the bridge. nil: none of these.
    public func number(_ text: String) -> PortNumber? {
        if let number = parseNumber(text) {
            guard let wide = UInt32(exactly: number), let port = PortNumber(wide: wide) else {
                return UInt16(exactly: number).map(PortNumber.init)
            }
            return port
        }
        if let port = numbers[text] { return port }
        let upper = text.uppercased()
        return Self.reserved.first { $0.name == upper }?.number
    }

    /// As `ovs-ofctl` prints it: a reserved name, a quoted name if names are wanted, or a number.
    public func text(_ port: PortNumber) -> String {
        if let reserved = Self.reserved.first(where: { $0.number == port }) {
            return reserved.name
        }
        if printsNames, let name = names[port] { return Self.isPlain(name) ? name : "\"\(name)\"" }
        return "\(port.rawValue)"
    }

    /// Whether the name can stand in a flow without quotes: letters, digits, `_`, `-` and `.`, and
    /// no digit first.
    private static func isPlain(_ name: String) -> Bool {
        func isLetter(_ byte: UInt8) -> Bool {
            (65...90).contains(byte) || (97...122).contains(byte) || byte == UInt8(ascii: "_")
        }
        guard let first = name.utf8.first, isLetter(first) else { return false }
        return name.utf8.allSatisfy {
            isLetter($0) || (48...57).contains($0) || $0 == UInt8(ascii: "-")
                || $0 == UInt8(ascii: ".")
        }
    }

    /// All names of the bridge's ports, sorted.
    var known: [String] { numbers.keys.sorted() }
}

/// A number in decimal or, after `0x`, in hexadecimal, up to 128 bits; nil: not one. `-1` is all
/// ones, as `ovs-ofctl` users write masks.
public func parseNumber(_ text: some StringProtocol) -> UInt128? {
    if text.hasPrefix("0x") || text.hasPrefix("0X") {
        let digits = text.dropFirst(2)
        guard digits.first != "+", digits.first != "-" else { return nil }
        return UInt128(digits, radix: 16)
    }
    if text == "-1" { return .max }
    guard text.first != "+", text.first != "-" else { return nil }
    return UInt128(text)
}
