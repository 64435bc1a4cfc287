// What a command line needs of the file system, which only the program may read.

public import DatabaseHistory

/// Files that were read for one command line.
public struct VsctlFiles: Sendable {
    /// Of `log` and `undo`.
    public var history: History?
    /// Of `diff`: texts by path.
    public var texts: [String: String] = [:]

    public init() {}
}

extension VsctlCommandLine {
    /// Whether `log` or `undo` want the history of the database.
    public var wantsHistory: Bool { invocations.contains { Self.readsHistory($0) } }

    /// The database's file as `--file` names it.
    public var historyPath: String? {
        invocations.lazy.filter(Self.readsHistory).flatMap(\.options)
            .first { $0.name == "--file" }?.value
    }

    /// The change files of `diff`.
    public var changePaths: [String] {
        invocations.filter { $0.command.name == "diff" }.compactMap(\.arguments.first)
    }

    /// Whether anything but the history is wanted, so that a server must be there.
    public var wantsServer: Bool { invocations.contains { $0.command.name != "log" } }

    private static func readsHistory(_ invocation: VsctlInvocation) -> Bool {
        ["log", "undo"].contains(invocation.command.name)
    }
}
