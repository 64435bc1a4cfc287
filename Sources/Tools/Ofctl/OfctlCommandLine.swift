public import OpenFlow

// The command line of ovs-ofctl, understood. ovs-ofctl(8).
//
//     ovs-ofctl [OPTION...] COMMAND BRIDGE [ARGUMENT...]
//
// Options may stand anywhere, as with Open vSwitch's; after `--` nothing is an option.

/// What the user of ovs-ofctl wants.
public enum OfctlCommandLine: Equatable, Sendable {
    case help
    case version
    case call(OfctlCall)

    /// - Parameter words: The command line without the program's name.
    /// - Throws: What is wrong, in the words of ovs-ofctl.
    public init(parsing words: [String]) throws(OfctlFailure) {
        var options = OfctlOptions()
        var arguments: [String] = []
        var rest = words[...]
        while let word = rest.popFirst() {
            if word == "--" {
                arguments += rest
                break
            }
            guard word.hasPrefix("-"), word != "-" else {
                arguments.append(word)
                continue
            }
            switch word {
            case "-h", "--help":
                self = .help
                return
            case "-V", "--version":
                self = .version
                return
            default: try options.take(word, &rest)
            }
        }
        guard let name = arguments.first else {
            throw OfctlFailure("missing command name; use --help for help")
        }
        self = .call(try OfctlCall(name, Array(arguments.dropFirst()), options))
    }
}

/// A sentence for standard error, without the program's name.
public struct OfctlFailure: Error, Equatable, Sendable, CustomStringConvertible {
    public var description: String
    public init(_ description: String) { self.description = description }
}

/// Options, whatever the command.
public struct OfctlOptions: Equatable, Sendable {
    /// Versions to offer; all that are spoken if `-O` is absent.
    ///
    /// Not 1.5 unless a command needs it: it tells no ages of rules, and rewrites `load`.
    public var versions = OpenFlowVersions([.v10, .v11, .v12, .v13, .v14])
    public var isStrict = false
    /// For everything together; nil: the command's own default.
    public var timeout: Duration?
    public var printsNames = false
    public var printsStatistics = true
    /// `mod-group` adds what is not there.
    public var mayCreate = false
    /// Changes go in one bundle.
    public var usesBundle = false
    public var printsJSON = false
    /// How rules are sorted, the first criterion first; empty: as the switch tells them.
    public var order: [OfctlOrder] = []

    public init() {}

    fileprivate mutating func take(
        _ word: String, _ rest: inout ArraySlice<String>
    ) throws(OfctlFailure) {
        let option = OptionWord(word)
        func value() throws(OfctlFailure) -> String {
            guard let value = option.attached ?? rest.popFirst() else {
                throw OfctlFailure("option '\(option.name)' requires an argument")
            }
            return value
        }
        switch option.name {
        case "-O", "--protocols": versions = try Self.versions(try value())
        case "-t", "-T", "--timeout":
            let text = try value()
            guard let seconds = UInt32(text), seconds > 0 else {
                throw OfctlFailure("value \(text) on -T or --timeout is not at least 1")
            }
            timeout = .seconds(seconds)
        case "--strict": isStrict = true
        case "--names": printsNames = true
        case "--no-names": printsNames = false
        case "--stats": printsStatistics = true
        case "--no-stats": printsStatistics = false
        case "--may-create": mayCreate = true
        case "--bundle": usesBundle = true
        case "--sort", "--rsort":
            let isDescending = option.name == "--rsort"
            order.append(try OfctlOrder(option.attached, isDescending: isDescending))
        case "-f", "--format":
            let format = try value()
            guard ["json", "text"].contains(format) else {
                throw OfctlFailure("\(format): unknown format (json or text)")
            }
            printsJSON = format == "json"
        // They ask for what is so already, or for a log that this tool does not have.
        case "-F", "--flow-format": _ = try value()
        case "-m", "--more", "-v", "--verbose", "--color": break
        default: throw OfctlFailure("unrecognized option '\(word)'; use --help for help")
        }
    }

    private static func versions(_ text: String) throws(OfctlFailure) -> OpenFlowVersions {
        var versions: [OpenFlowVersion] = []
        for name in text.split(whereSeparator: { $0 == "," || $0 == " " }) {
            guard let known = OpenFlowVersion.allCases.first(where: { $0.name == name }) else {
                let all = OpenFlowVersion.allCases.map(\.name).joined(separator: ", ")
                throw OfctlFailure("Unknown OpenFlow version: \"\(name)\" (known: \(all))")
            }
            versions.append(known)
        }
        guard !versions.isEmpty else { throw OfctlFailure("No OpenFlow versions specified") }
        return OpenFlowVersions(versions)
    }
}
