// One word of a command line that begins with a dash, in two: which option, and its value.
//
//     --timeout=5   -T5     the value is in the word
//     --timeout 5   -T 5    the value, if the option has one, is the next word

struct OptionWord {
    /// With its dashes, as `--timeout` or `-T`.
    let name: String
    /// What stands in the word itself; may be empty.
    let attached: String?

    init(_ word: String) {
        if word.hasPrefix("--") {
            let end = word.firstIndex(of: "=") ?? word.endIndex
            name = String(word[..<end])
            attached = end == word.endIndex ? nil : String(word[word.index(after: end)...])
        } else {
            let value = word.dropFirst(2)
            name = String(word.prefix(2))
            attached = value.isEmpty ? nil : String(value)
        }
    }

    /// The option's value, which is the next word unless this one has it.
    ///
    /// - Returns: `nil` if there is none, or an empty one.
    func value(_ rest: inout ArraySlice<String>) -> String? {
        guard let value = attached ?? rest.popFirst(), !value.isEmpty else { return nil }
        return value
    }

    /// A number of seconds in digits alone, up to 2³² − 1.
    static func seconds(_ word: String) -> UInt32? {
        word.utf8.allSatisfy { (48...57).contains($0) } ? UInt32(word) : nil
    }
}
