// The options that all daemons share, spelled as Open vSwitch spells them.
//
// Its optional values are given with `=` only (`--pidfile` or `--pidfile=F`), and `-v` may have its
// value attached. The argument parser knows neither, and refuses empty values, so `spelledOut`
// rewrites a command line into one with a value each, where "-" stands for "the default place".

public import ArgumentParser
import Product

/// Put it into a daemon's command as `@OptionGroup var daemon: DaemonOptions`, and start that by
/// `Command.main(DaemonOptions.spelledOut(CommandLine.arguments.dropFirst()))`.
public struct DaemonOptions: ParsableArguments, Sendable {
    @Option(
        help: ArgumentHelp(
            "Write the process id to FILE, and not to NAME.pid in the run directory.",
            valueName: "FILE"))
    public var pidfile: String?

    @Flag(help: "Start although the pid file says that the daemon runs already.")
    public var overwritePidfile = false

    @Flag(help: "Return to the shell as soon as the daemon is ready, and run on without it.")
    public var detach = false

    @Flag(help: "Do not change to the root directory when detached.")
    public var noChdir = false

    @Option(
        help: ArgumentHelp(
            "Log to FILE; without it to NAME.log in the log directory.", valueName: "FILE"))
    public var logFile: String?

    @Option(
        name: [.short, .long],
        help: ArgumentHelp(
            "Set log levels: module, destination (console, file) and level (off, emer, err, warn, "
                + "info, dbg), each optional, separated by colons. Alone: everything to dbg.",
            valueName: "SPEC"))
    public var verbose: [String] = []

    @Option(
        help: ArgumentHelp(
            "Listen for control commands at SOCKET; without it at NAME.PID.ctl in the run "
                + "directory, and \"none\" means nowhere.", valueName: "SOCKET"))
    public var unixctl: String?

    public init() {}

    /// The value that stands for no value.
    static let byDefault = "-"

    /// The command line in the words of the argument parser.
    public static func spelledOut(_ arguments: some Sequence<String>) -> [String] {
        var isOptions = true
        return arguments.map { word in
            if word == "--" { isOptions = false }
            guard isOptions else { return word }
            let word = word.last == "=" ? String(word.dropLast()) : word
            if ["--pidfile", "--log-file"].contains(word) { return "\(word)=\(byDefault)" }
            if ["-v", "--verbose"].contains(word) { return "--verbose=dbg" }
            if word.hasPrefix("-v") { return "--verbose=" + word.dropFirst(2) }
            return word
        }
    }

    /// The text of `--version` for the program that users know by `name`.
    public static func version(of name: String) -> String { Product.versionLine(of: name) }
}
