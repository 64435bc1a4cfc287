// Values of columns as users type them. ovs-vsctl(8), "Database Values".
//
//     5   br0   "with space"   1,2,3   [1 2 3]   0-9   a=1,b=2   {a=1, b=2}   @name
//
// A word ends at one of `:=, []{}!<>` unless that stands after a backslash or between quotes.

import DatabaseProtocol

/// Reads words from the front of one argument.
struct WordScanner {
    private let bytes: [UInt8]
    private(set) var position = 0

    init(_ text: String) { bytes = Array(text.utf8) }

    var next: UInt8? { position < bytes.count ? bytes[position] : nil }
    var isAtEnd: Bool { position == bytes.count }
    /// What was not read yet.
    var rest: String { String(decoding: bytes[position...], as: UTF8.self) }

    mutating func skip() { position += isAtEnd ? 0 : 1 }

    mutating func skipSpaces() {
        while let byte = next, byte == 0x20 || (9...13).contains(byte) { position += 1 }
    }

    /// Takes `text` if it comes next.
    mutating func take(_ text: String) -> Bool {
        guard bytes[position...].starts(with: text.utf8) else { return false }
        position += text.utf8.count
        return true
    }

    static func isDelimiter(_ byte: UInt8) -> Bool { ":=, []{}!<>".utf8.contains(byte) }

    /// The next word, without its backslashes but with its quotes; may be empty.
    mutating func word() throws(VsctlStop) -> String {
        let start = position
        var word: [UInt8] = []
        var isQuoted = false
        while let byte = next {
            if byte == UInt8(ascii: "\\") {
                position += 1
                if isQuoted { word.append(byte) }
                guard let escaped = next else {
                    throw .failure("\(text(from: start)): backslash at end of argument")
                }
                word.append(escaped)
            } else if !isQuoted && Self.isDelimiter(byte) {
                break
            } else {
                if byte == UInt8(ascii: "\"") { isQuoted.toggle() }
                word.append(byte)
            }
            position += 1
        }
        guard !isQuoted else {
            throw .failure("\(text(from: start)): quoted string extends past end of argument")
        }
        return String(decoding: word, as: UTF8.self)
    }

    private func text(from start: Int) -> String {
        String(decoding: bytes[start...], as: UTF8.self)
    }
}

extension ColumnType {
    /// "integer", "set of up to 4096 integers", "map of (string, string) pairs".
    fileprivate var english: String {
        guard !isScalar else { return key.type.rawValue }
        let count =
            switch (min, max) {
            case (0, nil): ""
            case (_, nil): " \(min) or more"
            case (0, let max?): " up to \(max)"
            case (_, let max?): " \(min) to \(max)"
            }
        guard let value else { return "set of\(count) \(key.type.rawValue)s" }
        return "map of\(count) (\(key.type.rawValue), \(value.type.rawValue)) pairs"
    }
}

/// Reads the values of one column.
struct ValueReader {
    let type: ColumnType

    /// Reads a whole value.
    ///
    /// - Parameter symbols: Learns of each `@name` that the value refers to.
    func read(_ text: String, _ symbols: inout VsctlSymbols) throws(VsctlStop) -> Datum {
        var scanner = WordScanner(text)
        let end = try begin(&scanner)
        var keys: [Atom] = []
        var values: [Atom] = []
        while let byte = scanner.next, byte != end {
            guard !WordScanner.isDelimiter(byte) else {
                throw .failure(
                    "\(text): unexpected \"\(Character(UnicodeScalar(byte)))\" parsing "
                        + type.english)
            }
            try element(text, &scanner, &symbols, &keys, &values)
            scanner.skipSpaces()
            if scanner.next == UInt8(ascii: ",") {
                scanner.skip()
                scanner.skipSpaces()
            }
        }
        guard scanner.next == end else {
            let missing = end.map { String(UnicodeScalar($0)) } ?? ""
            throw .failure("\(text): missing \"\(missing)\" at end of data")
        }
        if let end {
            scanner.skip()
            scanner.skipSpaces()
            guard scanner.isAtEnd else {
                throw .failure(
                    "\(text): trailing garbage after \"\(Character(UnicodeScalar(end)))\"")
            }
        }
        return try datum(text, keys, values)
    }

    /// Swallows an opening bracket.
    ///
    /// - Returns: The bracket that must close the value, if any.
    private func begin(_ scanner: inout WordScanner) throws(VsctlStop) -> UInt8? {
        scanner.skipSpaces()
        guard !scanner.isAtEnd else {
            throw .failure(
                type.isMap
                    ? "use \"{}\" to specify the empty map"
                    : "use \"[]\" to specify the empty set")
        }
        guard scanner.next == UInt8(ascii: type.isMap ? "{" : "[") else { return nil }
        scanner.skip()
        scanner.skipSpaces()
        return UInt8(ascii: type.isMap ? "}" : "]")
    }

    private func element(
        _ text: String, _ scanner: inout WordScanner, _ symbols: inout VsctlSymbols,
        _ keys: inout [Atom], _ values: inout [Atom]
    ) throws(VsctlStop) {
        let range = try atoms(scanner.word(), type.key, &symbols)
        keys += range
        guard let value = type.value else { return }
        scanner.skipSpaces()
        guard scanner.next == UInt8(ascii: "=") else {
            let found = scanner.next.map { String(UnicodeScalar($0)) } ?? ""
            throw .failure("\(text): syntax error at \"\(found)\" expecting \"=\"")
        }
        scanner.skip()
        scanner.skipSpaces()
        let atom = try Self.atom(scanner.word(), value, &symbols)
        values += Array(repeating: atom, count: range.count)
    }

    private func datum(
        _ text: String, _ keys: [Atom], _ values: [Atom]
    ) throws(VsctlStop) -> Datum {
        let unit = type.isMap ? "pair(s)" : "value(s)"
        guard keys.count >= type.min else {
            throw .failure(
                "\(text): \(keys.count) \(unit) specified but the minimum number is \(type.min)")
        }
        if let max = type.max, keys.count > max {
            throw .failure(
                "\(text): \(keys.count) \(unit) specified but the maximum number is \(max)")
        }
        let datum = type.isMap ? Datum(map: zip(keys, values)) : Datum(set: keys)
        guard datum.count == keys.count else {
            throw .failure(
                type.isMap
                    ? "\(text): map contains duplicate key"
                    : "\(text): set contains duplicate value")
        }
        return datum
    }

    /// One atom, or those of a range of integers.
    private func atoms(
        _ word: String, _ base: BaseType, _ symbols: inout VsctlSymbols
    ) throws(VsctlStop) -> [Atom] {
        let parts = word.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard base.type == .integer, parts.count == 2, let first = Int64(parts[0]),
            let last = Int64(parts[1])
        else { return [try Self.atom(word, base, &symbols)] }
        guard last >= first else {
            throw .failure(
                "\"\(word)\" is not a valid range. Range end cannot be before start.")
        }
        let (span, isTooFar) = last.subtractingReportingOverflow(first)
        guard !isTooFar, span < VsctlLimits.rangeElementCountMax else {
            throw .failure(
                "constraint violation: Range \"\(word)\" is too big. Maximum allowed size is "
                    + "\(VsctlLimits.rangeElementCountMax).")
        }
        try Self.check(.integer(first), base)
        try Self.check(.integer(last), base)
        return (first...last).map(Atom.integer)
    }

    /// Reads a single value.
    static func atom(
        _ word: String, _ base: BaseType, _ symbols: inout VsctlSymbols
    ) throws(VsctlStop) -> Atom {
        let atom: Atom
        switch base.type {
        case .integer:
            guard let number = Int64(word) else {
                throw .failure("\"\(word)\" is not a valid integer or range")
            }
            atom = .integer(number)
        case .real:
            guard let number = Double(word), number.isFinite else {
                throw .failure("\"\(word)\" is not a valid real number")
            }
            atom = .real(number == 0 ? 0 : number)
        case .boolean:
            switch word {
            case "true", "yes", "on", "1": atom = .boolean(true)
            case "false", "no", "off", "0": atom = .boolean(false)
            default:
                throw .failure(
                    "\"\(word)\" is not a valid boolean (use \"true\" or \"false\")"
                        + suggestion(for: word, among: ["true", "false"]))
            }
        case .string: atom = .string(try string(word))
        case .uuid:
            if word.utf8.first == UInt8(ascii: "@") {
                return symbols.reference(word, strength: base.strength)
            }
            guard let uuid = UUIDValue(word) else {
                throw .failure("\"\(word)\" is not a valid UUID")
            }
            atom = .uuid(uuid)
        }
        try check(atom, base)
        return atom
    }

    private static func string(_ word: String) throws(VsctlStop) -> String {
        guard !word.isEmpty else {
            throw .failure(
                "An empty string is not valid as input; use \"\" to represent the empty string")
        }
        guard word.utf8.first == UInt8(ascii: "\"") else { return word }
        guard word.utf8.count >= 2, word.utf8.last == UInt8(ascii: "\"") else {
            throw .failure("\(word): missing quote at end of quoted string")
        }
        do throws(JSONError) {
            guard let text = try JSON(parsing: "[\(word)]").array?.first?.string else {
                throw JSONError(.notContainer, at: 0)
            }
            return text
        } catch {
            throw .failure("\(word): \(error.reason.rawValue)")
        }
    }

    /// Checks what the schema demands of a single value, in Open vSwitch's words.
    private static func check(_ atom: Atom, _ base: BaseType) throws(VsctlStop) {
        if !base.allowed.isEmpty, !base.allowed.contains(atom) {
            let allowed = Datum(set: base.allowed).text(
                as: ColumnType(key: base, min: 0, max: nil))
            throw .failure(
                "constraint violation: \(atom.text) is not one of the allowed values (\(allowed))"
                    + suggestion(for: atom.bareText, among: base.allowed.map(\.bareText)))
        }
        switch atom {
        case .integer(let number):
            try check(number, base.integerMin, base.integerMax)
        case .real(let number):
            try check(number, base.realMin, base.realMax)
        case .string(let text):
            let length = text.unicodeScalars.count
            if let min = base.lengthMin, length < min {
                throw .failure(
                    "constraint violation: \"\(text)\" length \(length) is less than minimum "
                        + "allowed length \(min)")
            }
            if let max = base.lengthMax, length > max {
                throw .failure(
                    "constraint violation: \"\(text)\" length \(length) is greater than maximum "
                        + "allowed length \(max)")
            }
        case .boolean, .uuid, .namedUUID: break
        }
    }

    private static func check<Number: Comparable>(
        _ number: Number, _ min: Number?, _ max: Number?
    ) throws(VsctlStop) {
        switch (min, max) {
        case (let min?, let max?) where number < min || number > max:
            throw .failure(
                "constraint violation: \(number) is not in the valid range \(min) to \(max) "
                    + "(inclusive)")
        case (let min?, nil) where number < min:
            throw .failure(
                "constraint violation: \(number) is less than minimum allowed value \(min)")
        case (nil, let max?) where number > max:
            throw .failure(
                "constraint violation: \(number) is greater than maximum allowed value \(max)")
        default: break
        }
    }
}
