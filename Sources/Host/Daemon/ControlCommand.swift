// What can be asked on a control socket.

import DatabaseProtocol
import Streams

/// A command that a daemon answers.
public struct ControlCommand: Sendable {
    public let name: String
    /// Its arguments in the words of `list-commands`, for example `[BRIDGE]`.
    public let usage: String
    /// How many arguments it may have.
    public let argumentCounts: ClosedRange<Int>

    public init(_ name: String, usage: String = "", argumentCounts: ClosedRange<Int> = 0...0) {
        self.name = name
        self.usage = usage
        self.argumentCounts = argumentCounts
    }

    /// What every daemon answers.
    static let standard = [
        ControlCommand("exit"),
        ControlCommand("help"),
        ControlCommand("list-commands"),
        ControlCommand("set-options", usage: "--format json|text", argumentCounts: 2...2),
        ControlCommand("version"),
        ControlCommand("vlog/list"),
        ControlCommand("vlog/reopen"),
        ControlCommand(
            "vlog/set", usage: "[[MODULE]:[DESTINATION]:[LEVEL]]...", argumentCounts: 0...100),
    ]
}

/// One question, to be answered by the `ControlServer` that delivered it.
public struct ControlRequest: Sendable {
    public let command: String
    public let arguments: [String]
    /// Whether the client reads JSON.
    public let wantsJSON: Bool
    /// What its client calls it.
    let id: JSON
    let stream: StreamID

    init(command: String, arguments: [String], id: JSON, wantsJSON: Bool, stream: StreamID) {
        self.command = command
        self.arguments = arguments
        self.id = id
        self.wantsJSON = wantsJSON
        self.stream = stream
    }
}
