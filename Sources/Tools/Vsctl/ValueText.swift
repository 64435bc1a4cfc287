// Values of columns as ovs-vsctl prints them: `[1, 2]`, `{a="1"}`, `br0`, `[]`.

import DatabaseProtocol

extension Atom {
    /// Strings stand without quotes when nothing else could be meant. A row that this transaction
    /// inserts has no name yet, and appears as what the transaction calls it.
    var text: String {
        switch self {
        case .string(let text): Self.needsQuotes(text) ? JSON.string(text).text : text
        case .integer, .real, .boolean, .uuid, .namedUUID: bareText
        }
    }

    /// As `text`, but strings never have quotes.
    var bareText: String {
        switch self {
        case .integer(let number): String(number)
        case .real: json.text
        case .boolean(let value): value ? "true" : "false"
        case .string(let text), .namedUUID(let text): text
        case .uuid(let uuid): uuid.description
        }
    }

    private static func needsQuotes(_ text: String) -> Bool {
        guard let first = text.utf8.first, isLetter(first) || first == UInt8(ascii: "_") else {
            return true
        }
        let isPlain = text.utf8.allSatisfy { byte in
            isLetter(byte) || (48...57).contains(byte) || "_-.".utf8.contains(byte)
        }
        return !isPlain || text == "true" || text == "false" || UUIDValue(text) != nil
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (65...90).contains(byte) || (97...122).contains(byte)
    }
}

extension Datum {
    /// The value as a user would type it, with brackets unless the column holds exactly one.
    func text(as type: ColumnType) -> String {
        let inside = elements(\.text, separator: ", ")
        guard type.max != 1 || isEmpty else { return inside }
        return isMap ? "{\(inside)}" : "[\(inside)]"
    }

    /// The value without brackets and quotes, for scripts.
    var bareText: String { elements(\.bareText, separator: " ") }

    private func elements(_ text: (Atom) -> String, separator: String) -> String {
        guard isMap else { return keys.map(text).joined(separator: separator) }
        return pairs.map { "\(text($0))=\(text($1))" }.joined(separator: separator)
    }
}
