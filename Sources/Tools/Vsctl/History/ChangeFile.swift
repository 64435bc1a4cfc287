// A file of commands, one line a transaction, as a script would hold them:
//
//     # the lecture
//     ovs-vsctl add-br br0
//     add-port br0 eth0 tag=5 -- set interface eth0 type=internal

struct ChangeFile {
    let number: Int
    let invocations: [VsctlInvocation]

    /// - Parameter path: For messages.
    static func lines(of text: String, called path: String) throws(VsctlStop) -> [ChangeFile] {
        var lines: [ChangeFile] = []
        let all = text.split(separator: "\n", omittingEmptySubsequences: false)
        for (place, line) in all.enumerated() {
            do throws(VsctlStop) {
                var words = try ShellWords.split(line)[...]
                if words.first == "sudo" { words.removeFirst() }
                if words.first == "apus" { words.removeFirst() }
                if words.first == "ovs-vsctl" || words.first == "vsctl" { words.removeFirst() }
                guard !words.isEmpty,
                    case .run(let line) = try VsctlCommandLine.parse(Array(words))
                else { continue }
                for invocation in line.invocations
                where ["diff", "undo", "log", "wait-until"].contains(invocation.command.name) {
                    throw .failure("\(invocation.command.name) changes nothing by itself")
                }
                lines.append(ChangeFile(number: place + 1, invocations: line.invocations))
            } catch {
                throw stop(error, path, place + 1)
            }
        }
        return lines
    }

    static func stop(_ stop: VsctlStop, _ path: String, _ number: Int) -> VsctlStop {
        guard case .failure(let text) = stop else { return stop }
        return .failure("\(path):\(number): \(text)")
    }
}

/// Words as a shell reads them, without its variables and substitutions.
enum ShellWords {
    static func split(_ line: Substring) throws(VsctlStop) -> [String] {
        var words: [String] = []
        var word: String?
        var quote: Character?
        var rest = line
        while let character = rest.popFirst() {
            switch (quote, character) {
            case (nil, " "), (nil, "\t"), (nil, "\r"):
                if let whole = word { words.append(whole) }
                word = nil
            case (nil, "#") where word == nil: rest = ""
            case (nil, "'"), (nil, "\""):
                quote = character
                word = word ?? ""
            case (let open?, character) where open == character: quote = nil
            case (nil, "\\"), ("\"", "\\"):
                guard let escaped = rest.popFirst() else {
                    throw .failure("backslash at the end of the line")
                }
                if quote != nil, escaped != "\"", escaped != "\\" { word?.append("\\") }
                word = (word ?? "") + String(escaped)
            default: word = (word ?? "") + String(character)
            }
        }
        guard quote == nil else { throw .failure("a quotation mark is not closed") }
        if let word { words.append(word) }
        return words
    }
}
