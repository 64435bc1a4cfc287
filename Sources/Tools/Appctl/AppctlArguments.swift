// The command line of ovs-appctl, understood. ovs-appctl(8).
//
//     ovs-appctl [-t TARGET] [-T SECONDS] [-f FORMAT] COMMAND [ARGUMENT...]
//
// Options end at the command, so that its arguments may begin with a dash.

/// What the user of ovs-appctl wants.
public enum AppctlArguments: Equatable, Sendable {
    case help
    case version
    case call(AppctlCall)

    /// - Parameter words: The command line without the program's name.
    /// - Throws: What is wrong, as a sentence that names the word.
    public init(parsing words: [String]) throws(AppctlUsageError) {
        var call = AppctlCall(command: "")
        var namesTarget = false
        var rest = words[...]
        while let word = rest.first, word.hasPrefix("-"), word != "-" {
            rest = rest.dropFirst()
            if word == "--" { break }
            let option = OptionWord(word)
            switch option.name {
            case "-h", "--help":
                self = .help
                return
            case "-V", "--version":
                self = .version
                return
            case "-v", "--verbose":
                continue  // Asks for the tool's own log, and it has none.
            case "-t", "--target":
                call.target = try Self.target(Self.value(of: option, &rest))
                namesTarget = true
            case "-T", "--timeout":
                call.timeout = try Self.timeout(Self.value(of: option, &rest))
            case "-f", "--format":
                call.format = try Self.format(Self.value(of: option, &rest))
            default:
                throw AppctlUsageError("there is no option \(option.name); try --help")
            }
        }
        guard let command = rest.first else {
            throw AppctlUsageError("which command? try --help, or the command list-commands")
        }
        call.command = command
        // What Open vSwitch asks of its vswitchd, which has the datapath's threads in itself.
        if !namesTarget && command.hasPrefix("dpif-netdev/") {
            call.target = .daemon(name: DaemonNames.datapath)
        }
        call.arguments = Array(rest.dropFirst())
        self = .call(call)
    }

    private static func value(
        of option: OptionWord, _ rest: inout ArraySlice<String>
    ) throws(AppctlUsageError) -> String {
        guard let value = option.value(&rest) else {
            throw AppctlUsageError("option \(option.name) needs a value")
        }
        return value
    }

    private static func target(_ word: String) throws(AppctlUsageError) -> AppctlTarget {
        if word.hasPrefix("/") { return .socket(path: word) }
        guard !word.contains("/") else {
            throw AppctlUsageError(
                "\"\(word)\" is no target: give a daemon's name, or a socket's whole path")
        }
        return .daemon(name: word)
    }

    private static func timeout(_ word: String) throws(AppctlUsageError) -> Duration? {
        guard let seconds = OptionWord.seconds(word) else {
            throw AppctlUsageError("\"\(word)\" is no number of seconds")
        }
        return seconds == 0 ? nil : .seconds(Int64(seconds))
    }

    private static func format(_ word: String) throws(AppctlUsageError) -> AppctlFormat {
        guard let format = AppctlFormat(rawValue: word.lowercased()) else {
            throw AppctlUsageError("\"\(word)\" is no format: there are json and text")
        }
        return format
    }

    /// The text of `--help`.
    public static let helpText = """
        ovs-appctl, which asks and orders running daemons
        usage: ovs-appctl [OPTION...] COMMAND [ARGUMENT...]

          -t, --target=TARGET    whom: a daemon's name (ovs-vswitchd, ovsdb-server,
                                 apus-datapath) or the path of its control socket;
                                 if not given, apus-datapath for dpif-netdev/...,
                                 else ovs-vswitchd
          -T, --timeout=SECONDS  how long to wait for it: 5 if not given, 0 is for ever
          -f, --format=FORMAT    text or json
          -h, --help             this text
          -V, --version          the version of this tool

        Every daemon knows the commands list-commands, version, vlog/list,
        vlog/set [[MODULE]:[DESTINATION]:[LEVEL]]..., vlog/reopen and exit.

        """
}

/// One call of a daemon's command.
public struct AppctlCall: Equatable, Sendable {
    public var target = AppctlTarget.daemon(name: DaemonNames.vswitchd)
    /// For connecting and the answer together; `nil` waits for ever.
    public var timeout: Duration? = .seconds(5)
    /// `nil` if the user did not say: then old daemons, which know no formats, understand the call.
    public var format: AppctlFormat?
    public var command: String
    public var arguments: [String] = []

    /// A call with everything else as it is when the user says nothing.
    public init(command: String) { self.command = command }
}

/// Whom to call.
public enum AppctlTarget: Equatable, Sendable {
    /// Through `NAME.pid` and then `NAME.PID.ctl` in the run directory.
    case daemon(name: String)
    case socket(path: String)
}

public enum AppctlFormat: String, Sendable { case json, text }

/// What is wrong with a command line.
public struct AppctlUsageError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}
