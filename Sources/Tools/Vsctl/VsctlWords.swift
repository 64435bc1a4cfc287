// Small questions about words: which comes first, which is nearest, how to quote them.

extension String {
    /// Byte order, as `strcmp` has it; Swift's own `<` looks at characters.
    func precedes(_ other: String) -> Bool { utf8.lexicographicallyPrecedes(other.utf8) }
}

extension Sequence where Element == String {
    func sortedByBytes() -> [String] { sorted { $0.precedes($1) } }
}

/// The candidate that was most likely meant by `word`; `nil` if none is near.
///
/// Upper and lower case, `-` and `_` are the same here. Of equally near ones the first wins.
func nearest(to word: String, among candidates: [String]) -> String? {
    let wanted = Array(folded(word).utf8)
    var best: (distance: Int, name: String)?
    for name in candidates {
        let distance = editDistance(wanted, Array(folded(name).utf8))
        if distance < best?.distance ?? .max { best = (distance, name) }
    }
    let bound = min(VsctlLimits.suggestionDistanceMax, max(1, wanted.count / 3))
    return best.flatMap { $0.distance <= bound ? $0.name : nil }
}

/// " (did you mean X?)", or nothing.
func suggestion(for word: String, among candidates: [String]) -> String {
    nearest(to: word, among: candidates).map { " (did you mean \($0)?)" } ?? ""
}

/// Lower case with `_` for `-`: how names of tables and columns are compared.
func folded(_ name: String) -> String {
    String(
        decoding: name.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "-"): UInt8(ascii: "_")
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte | 0x20
            default: byte
            }
        }, as: UTF8.self)
}

/// How many letters to insert, remove, replace or swap with their neighbour.
private func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var before: [Int] = []
    var last = Array(0...b.count)
    for (i, x) in a.enumerated() {
        var row = [i + 1]
        for (j, y) in b.enumerated() {
            var cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (x == y ? 0 : 1))
            if i > 0, j > 0, x == b[j - 1], y == a[i - 1] { cost = min(cost, before[j - 1] + 1) }
            row.append(cost)
        }
        (before, last) = (last, row)
    }
    return last[b.count]
}

/// The arguments as one line in which each can be told from the next.
func quoted(_ arguments: [String]) -> String {
    arguments.map { argument in
        let special = argument.utf8.contains { " \t\r\n\u{b}\\'\"".utf8.contains($0) }
        guard special else { return argument }
        var text = "\""
        for character in argument.unicodeScalars {
            if character == "\\" || character == "\"" { text += "\\" }
            text.unicodeScalars.append(character)
        }
        return text + "\""
    }.joined(separator: " ")
}

/// The number at the start of `text`, 0 if there is none: how C's `atoi` reads a VLAN.
func leadingNumber(_ text: String) -> Int64 {
    var digits = text.drop { $0 == " " }
    var isNegative = false
    if let sign = digits.first, sign == "-" || sign == "+" {
        isNegative = sign == "-"
        digits = digits.dropFirst()
    }
    var number: Int64 = 0
    for byte in digits.utf8 {
        guard (48...57).contains(byte), number < 1 << 48 else { break }
        number = number * 10 + Int64(byte - 48)
    }
    return isNegative ? -number : number
}
