public import OpenFlow

/// One command with its arguments.
public struct OfctlCall: Equatable, Sendable {
    public enum Command: Equatable, Sendable {
        case show, dumpDescription, dumpTables, dumpPortDescriptions, probe, ping
        /// nil: all ports.
        case dumpPorts(String?)
        case dumpFlows(String)
        case dumpAggregate(String)
        /// Lines of flow syntax; the text of `inputPath` comes in addition.
        case change(FlowMod.Command, [String])
        /// Hexadecimal packets.
        case packetOut(inPort: String, actions: String, packets: [String])
        case monitor(missSendLength: UInt16?)
    }

    public var command: Command
    /// BRIDGE, unix:PATH or tcp:HOST[:PORT].
    public var target: String
    public var options: OfctlOptions
    /// A file whose text must be handed to the machine; `-`: standard input.
    public var inputPath: String?

    private struct Usage {
        var name: String
        /// Arguments after the command's name, the bridge among them.
        var arguments: ClosedRange<Int>
    }

    private static let usages: [Usage] = [
        Usage(name: "show", arguments: 1...1), Usage(name: "dump-desc", arguments: 1...1),
        Usage(name: "dump-tables", arguments: 1...1), Usage(name: "dump-ports", arguments: 1...2),
        Usage(name: "dump-ports-desc", arguments: 1...2),
        Usage(name: "dump-flows", arguments: 1...2),
        Usage(name: "dump-aggregate", arguments: 1...2),
        Usage(name: "add-flow", arguments: 2...2), Usage(name: "add-flows", arguments: 2...2),
        Usage(name: "mod-flows", arguments: 2...2), Usage(name: "del-flows", arguments: 1...2),
        Usage(name: "packet-out", arguments: 2...64), Usage(name: "probe", arguments: 1...1),
        Usage(name: "ping", arguments: 1...2), Usage(name: "monitor", arguments: 1...3),
    ]

    init(_ name: String, _ arguments: [String], _ options: OfctlOptions) throws(OfctlFailure) {
        guard let usage = Self.usages.first(where: { $0.name == name }) else {
            throw OfctlFailure("unknown command '\(name)'; use --help for help")
        }
        guard arguments.count >= usage.arguments.lowerBound else {
            throw OfctlFailure(
                "'\(name)' command requires at least \(usage.arguments.lowerBound) arguments")
        }
        guard arguments.count <= usage.arguments.upperBound else {
            throw OfctlFailure(
                "'\(name)' command takes at most \(usage.arguments.upperBound) arguments")
        }
        target = arguments[0]
        self.options = options
        let second = arguments.count > 1 ? arguments[1] : nil
        switch name {
        case "show": command = .show
        case "dump-desc": command = .dumpDescription
        case "dump-tables": command = .dumpTables
        case "dump-ports": command = .dumpPorts(second)
        case "dump-ports-desc": command = .dumpPortDescriptions
        case "dump-flows": command = .dumpFlows(second ?? "")
        case "dump-aggregate": command = .dumpAggregate(second ?? "")
        case "probe": command = .probe
        case "ping": command = .ping
        case "packet-out": command = try Self.packetOut(arguments)
        case "monitor": command = .monitor(missSendLength: try Self.missSendLength(second))
        case "add-flows":
            command = .change(.add, [])
            inputPath = second
        default: command = Self.change(name, second ?? "", options)
        }
    }

    private static func change(
        _ name: String, _ text: String, _ options: OfctlOptions
    ) -> Command {
        switch name {
        case "add-flow": .change(.add, [text])
        case "mod-flows": .change(options.isStrict ? .modifyStrict : .modify, [text])
        default: .change(options.isStrict ? .deleteStrict : .delete, [text])
        }
    }

    /// `BRIDGE IN_PORT ACTIONS PACKET...`, or `BRIDGE "in_port=… packet=… actions=…"`.
    private static func packetOut(_ arguments: [String]) throws(OfctlFailure) -> Command {
        if arguments.count >= 4 {
            return .packetOut(
                inPort: arguments[1], actions: arguments[2], packets: Array(arguments[3...]))
        }
        guard arguments.count == 2 else {
            throw OfctlFailure("packet-out takes either a flow string or IN_PORT ACTIONS PACKET...")
        }
        var inPort = "CONTROLLER"
        var packets: [String] = []
        var rest = arguments[1][...]
        while true {
            rest = rest.drop { $0 == " " || $0 == "," }
            if rest.hasPrefix("actions=") {
                let actions = String(rest.dropFirst("actions=".count))
                return .packetOut(inPort: inPort, actions: actions, packets: packets)
            }
            guard !rest.isEmpty else { throw OfctlFailure("must specify an action") }
            let word = rest.prefix { $0 != " " && $0 != "," }
            rest = rest.dropFirst(word.count)
            if word.hasPrefix("in_port=") {
                inPort = String(word.dropFirst("in_port=".count))
            } else if word.hasPrefix("packet=") {
                packets.append(String(word.dropFirst("packet=".count)))
            } else {
                throw OfctlFailure("unknown keyword \(word) in packet-out")
            }
        }
    }

    private static func missSendLength(_ text: String?) throws(OfctlFailure) -> UInt16? {
        guard let text else { return nil }
        guard let length = UInt16(text) else {
            throw OfctlFailure("\(text): bad miss-len (0 to 65535)")
        }
        return length
    }

    /// How long the whole command may take; nil: as long as its user likes.
    public var timeout: Duration? {
        if let timeout = options.timeout { return timeout }
        if case .monitor = command { return nil }
        return .seconds(OfctlLimits.timeoutSeconds)
    }
}
