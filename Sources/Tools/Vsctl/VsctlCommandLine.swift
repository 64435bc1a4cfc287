// A whole command line: options, then commands with `--` between them.
//
//     ovs-vsctl --no-wait -- --may-exist add-br br0 -- set bridge br0 fail_mode=secure

/// What a command line asks for.
public enum VsctlRequest: Sendable {
    case help, version
    case run(VsctlCommandLine)
}

public struct VsctlCommandLine: Sendable {
    public internal(set) var options: VsctlOptions
    let invocations: [VsctlInvocation]
    /// The whole line, for the database's log.
    let text: String

    /// Whether it waits, by the user's wish, for something that others do. Such a line has no
    /// default timeout: how long is right only the user knows.
    public var waitsForOthers: Bool {
        invocations.contains { $0.command.name == "wait-until" }
    }

    /// Reads the words after the program's name.
    ///
    /// - Parameter timeoutVariable: The value of `OVS_CTL_TIMEOUT`: seconds to wait where
    ///   `--timeout` says nothing.
    /// - Parameter invoker: Who started the tool, for the database's log.
    /// - Throws: `.failure` with what is wrong and, where one is near, what was probably meant.
    public static func parse(
        _ arguments: [String], timeoutVariable: String? = nil, invoker: String? = nil
    ) throws(VsctlStop) -> VsctlRequest {
        var reader = VsctlOptionReader(arguments)
        let (words, action) = try reader.read()
        switch action {
        case .help: return .help
        case .version: return .version
        case .proceed: break
        }
        var options = reader.options
        if options.timeoutSeconds == nil, let timeoutVariable, !timeoutVariable.isEmpty {
            options.timeoutSeconds = try VsctlOptionReader.seconds(timeoutVariable)
        }
        var invocations: [VsctlInvocation] = []
        var local = reader.local
        for part in words.split(separator: "--", omittingEmptySubsequences: false) {
            if part.isEmpty && local.isEmpty { continue }
            invocations.append(try invocation(of: part, local))
            local = []
        }
        guard !invocations.isEmpty else { throw .failure(missingCommand) }
        if invocations.count > 1,
            let alone = invocations.first(where: { ["diff", "undo"].contains($0.command.name) })
        {
            throw .failure("\(alone.command.name) cannot stand beside other commands")
        }
        return .run(
            VsctlCommandLine(
                options: options, invocations: invocations,
                text: (invoker.map { "ovs-vsctl (invoked by \($0)): " } ?? "")
                    + quoted(["ovs-vsctl"] + arguments)))
    }

    /// The servers that `--db` names, as `tcp:10.0.0.1:6640,tcp:10.0.0.2:6640`: a comma ends one
    /// where another method follows.
    public static func places(in text: String) -> [String] {
        let methods = ["tcp:", "ssl:", "unix:", "ptcp:", "pssl:", "punix:"]
        return text.split(separator: ",", omittingEmptySubsequences: false).reduce(into: []) {
            places, piece in
            let isPlace = methods.contains { piece.hasPrefix($0) }
            if let last = places.popLast() {
                places += isPlace ? [last, String(piece)] : ["\(last),\(piece)"]
            } else {
                places.append(String(piece))
            }
        }
    }

    private static let missingCommand = "missing command name (use --help for help)"

    private static func invocation(
        of words: ArraySlice<String>, _ local: [VsctlInvocation.Option]
    ) throws(VsctlStop) -> VsctlInvocation {
        var words = words
        var options = local
        while let word = words.first, word.hasPrefix("-") {
            words.removeFirst()
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let option = VsctlInvocation.Option(
                name: String(parts[0]), value: parts.count == 2 ? String(parts[1]) : nil)
            guard !options.contains(where: { $0.name == option.name }) else {
                throw .failure("'\(word)' option specified multiple times")
            }
            options.append(option)
        }
        guard let name = words.popFirst() else { throw .failure(missingCommand) }
        guard let command = VsctlCommand.named(name) else {
            throw .failure(
                "unknown command '\(name)'; use --help for help"
                    + suggestion(for: name, among: VsctlCommand.names))
        }
        for option in options { try check(option, of: command) }
        try checkCount(Array(words), of: command)
        return VsctlInvocation(command: command, options: options, arguments: Array(words))
    }

    private static func check(
        _ option: VsctlInvocation.Option, of command: VsctlCommand
    ) throws(VsctlStop) {
        guard let known = command.options.first(where: { $0.name == option.name }) else {
            throw .failure(
                "'\(command.name)' command has no '\(option.name)' option"
                    + suggestion(for: option.name, among: command.options.map(\.name)))
        }
        guard known.takesValue == (option.value != nil) else {
            throw .failure(
                known.takesValue
                    ? "missing argument to '\(option.name)' option on '\(command.name)' command"
                    : "'\(option.name)' option on '\(command.name)' does not accept an argument")
        }
    }

    private static func checkCount(
        _ arguments: [String], of command: VsctlCommand
    ) throws(VsctlStop) {
        guard arguments.count >= command.argumentCountMin else {
            throw .failure(
                "'\(command.name)' command requires at least \(command.argumentCountMin) arguments")
        }
        guard let max = command.argumentCountMax, arguments.count > max else { return }
        let note =
            arguments.contains { $0.hasPrefix("-") }
            ? " (note that options must precede command names and follow a \"--\" argument)" : ""
        throw .failure("'\(command.name)' command takes at most \(max) arguments\(note)")
    }
}
