// What is wrong with a line of flow syntax: what, where, and what was probably meant.

public struct FlowTextError: Error, Hashable, Sendable, CustomStringConvertible {
    /// As `ovs-ofctl` says it, for example `unknown keyword foo`.
    public var message: String
    /// Where in the line, counted in bytes from 1.
    public var column: Int
    /// The known word that is nearest to what was written; nil: none is near.
    public var suggestion: String?

    public init(_ message: String, column: Int, suggestion: String? = nil) {
        self.message = message
        self.column = column
        self.suggestion = suggestion
    }

    public var description: String {
        let hint = suggestion.map { "; did you mean \"\($0)\"?" } ?? ""
        return "\(message) (at character \(column)\(hint))"
    }
}

/// The word of `words` nearest to `word`, if it is near enough to be a slip of the finger: at most
/// one letter in three different. Of equals the first. Never the word itself, which is right in
/// another place.
public func nearestWord(to word: String, in words: [String]) -> String? {
    let best = words.filter { $0 != word }.map { (word: $0, distance: editDistance(word, $0)) }
        .min { $0.distance < $1.distance }
    guard let best, best.distance <= max(1, word.utf8.count / 3) else { return nil }
    return best.word
}

/// Letters to insert, delete or replace to get from `a` to `b`. O(length of a × length of b), of
/// which no more than 32 letters each are looked at.
private func editDistance(_ a: String, _ b: String) -> Int {
    let a = Array(a.utf8.prefix(32))
    let b = Array(b.utf8.prefix(32))
    var row = Array(0...b.count)
    for (i, left) in a.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for (j, right) in b.enumerated() {
            let above = row[j + 1]
            row[j + 1] = min(diagonal + (left == right ? 0 : 1), above + 1, row[j] + 1)
            diagonal = above
        }
    }
    return row[b.count]
}
