// The command line of ovs-dpctl, understood. ovs-dpctl(8).
//
//     ovs-dpctl [-s] [-m] [-t SECONDS] [-f FORMAT] COMMAND [ARGUMENT...]
//
// Options may stand anywhere, as with ovs-dpctl. There is one datapath, so that its name may always
// be left out where Open vSwitch lets it be, and is checked where it is given.

public import DatapathMessages
import Flows

/// What the user of ovs-dpctl wants.
public enum DpctlArguments: Equatable, Sendable {
    case help
    case version
    case call(DpctlCall)

    /// - Parameter words: The command line without the program's name.
    /// - Throws: What is wrong, as a sentence that names the word.
    public init(parsing words: [String]) throws(DpctlError) {
        var call = DpctlCall(command: .show)
        var rest = words[...]
        var plain: [String] = []
        while let word = rest.popFirst() {
            guard word.hasPrefix("-"), word != "-" else {
                plain.append(word)
                continue
            }
            if word == "--" {
                plain += rest
                break
            }
            let (name, value) = Self.split(word)
            switch name {
            case "-h", "--help":
                self = .help
                return
            case "-V", "--version":
                self = .version
                return
            case "-s", "--statistics": call.withStatistics = true
            case "-m", "--more": call.isVerbose = true
            case "--names": call.withNames = true
            case "--no-names": call.withNames = false
            case "-v", "--verbose": continue  // Asks for the tool's own log, and it has none.
            case "-t", "--timeout":
                call.timeout = try Self.timeout(Self.value(name, value, &rest))
            case "-f", "--format":
                call.isJSON = try Self.isJSON(Self.value(name, value, &rest))
            default: throw DpctlError("there is no option \(name); try --help")
            }
        }
        call.command = try Self.command(plain)
        self = .call(call)
    }

    private static func split(_ word: String) -> (name: String, value: String?) {
        guard word.hasPrefix("--") else {
            let value = word.dropFirst(2)
            return (String(word.prefix(2)), value.isEmpty ? nil : String(value))
        }
        guard let sign = word.firstIndex(of: "=") else { return (word, nil) }
        return (String(word[..<sign]), String(word[word.index(after: sign)...]))
    }

    private static func value(
        _ name: String, _ attached: String?, _ rest: inout ArraySlice<String>
    ) throws(DpctlError) -> String {
        guard let value = attached ?? rest.popFirst(), !value.isEmpty else {
            throw DpctlError("option \(name) needs a value")
        }
        return value
    }

    private static func timeout(_ word: String) throws(DpctlError) -> Duration? {
        guard word.utf8.allSatisfy({ (48...57).contains($0) }), let seconds = UInt32(word) else {
            throw DpctlError("\"\(word)\" is no number of seconds")
        }
        return seconds == 0 ? nil : .seconds(Int64(seconds))
    }

    private static func isJSON(_ word: String) throws(DpctlError) -> Bool {
        guard ["json", "text"].contains(word) else {
            throw DpctlError("\"\(word)\" is no format: there are json and text")
        }
        return word == "json"
    }

    // MARK: Commands

    private static func command(_ words: [String]) throws(DpctlError) -> DpctlCommand {
        guard let name = words.first else {
            throw DpctlError("which command? try --help")
        }
        var rest = words.dropFirst()
        switch name {
        case "show":
            try takeDatapath(&rest, isNeeded: false)
            return try last(.show, name, rest)
        case "dump-dps": return try last(.dumpDatapaths, name, rest)
        case "dump-flows":
            try takeDatapath(&rest, isNeeded: false)
            var port: String?
            while let word = rest.popFirst() { port = try filter(word) }
            return .dumpFlows(port: port)
        case "add-flow":
            if rest.count > 2 { try takeDatapath(&rest, isNeeded: true) }
            guard rest.count == 2, let flow = rest.popFirst(), let actions = rest.popFirst() else {
                throw DpctlError("add-flow needs a flow and its actions")
            }
            return .addFlow(try Self.flow(flow, actions))
        case "del-flow":
            if rest.count > 1 { try takeDatapath(&rest, isNeeded: true) }
            guard let flow = rest.popFirst() else { throw DpctlError("del-flow needs a flow") }
            return try last(.deleteFlow(try Self.flow(flow, "drop")), name, rest)
        case "del-flows":
            try takeDatapath(&rest, isNeeded: false)
            return try last(.deleteFlows, name, rest)
        case "add-if":
            try takeDatapath(&rest, isNeeded: true)
            return .addPorts(try rest.map { word throws(DpctlError) in try port(word) })
        case "del-if":
            try takeDatapath(&rest, isNeeded: true)
            return .deletePorts(Array(rest))
        default: throw DpctlError("there is no command \(name); try --help")
        }
    }

    /// Takes the datapath's name if it is there: `ovs-netdev`, `netdev@ovs-netdev`.
    private static func takeDatapath(
        _ rest: inout ArraySlice<String>, isNeeded: Bool
    ) throws(DpctlError) {
        guard let word = rest.first else {
            guard !isNeeded else { throw DpctlError("which datapath? \(DatapathReport.fullName)") }
            return
        }
        if word == DatapathReport.name || word == DatapathReport.fullName {
            rest = rest.dropFirst()
        } else if isNeeded || word.contains("@") {
            throw DpctlError("there is no datapath \(word); there is \(DatapathReport.fullName)")
        }
    }

    private static func last(
        _ command: DpctlCommand, _ name: String, _ rest: ArraySlice<String>
    ) throws(DpctlError) -> DpctlCommand {
        guard let word = rest.first else { return command }
        throw DpctlError("\(name) does not take \"\(word)\"")
    }

    /// `filter=in_port=P`, also `in_port(P)` and with more fields, which must be `in_port` only.
    private static func filter(_ word: String) throws(DpctlError) -> String {
        let text = word.hasPrefix("filter=") ? word.dropFirst(7) : word[...]
        guard text.hasPrefix("in_port="), text.count > 8 else {
            throw DpctlError("\"\(word)\": the only filter is filter=in_port=PORT")
        }
        return String(text.dropFirst(8))
    }

    private static func flow(
        _ text: String, _ actions: String
    ) throws(DpctlError) -> CachedFlow {
        do throws(DatapathTextError) {
            let (key, mask) = try DatapathText.parseFlow(text)
            return CachedFlow(
                key: key, mask: mask, actions: try DatapathText.parseActions(actions))
        } catch { throw DpctlError("cannot understand the flow: \(error)") }
    }

    /// `NAME[,type=TYPE][,port_no=N]`.
    private static func port(_ word: String) throws(DpctlError) -> Vport {
        let parts = word.split(separator: ",", omittingEmptySubsequences: false)
        guard let name = parts.first,
            (1...DatapathMessageLimits.nameByteCountMax).contains(name.utf8.count)
        else { throw DpctlError("\"\(word)\" names no interface") }
        var port = Vport(number: nil, kind: .netdev, name: String(name))
        for part in parts.dropFirst() {
            let halves = part.split(separator: "=", maxSplits: 1).map(String.init)
            switch (halves.first, halves.last) {
            case ("type", "internal"?), ("type", "tap"?): port.kind = .internal
            case ("type", "system"?): port.kind = .netdev
            case ("port_no", let value?):
                guard let number = UInt32(value), number <= 65534 else {
                    throw DpctlError("\"\(value)\" is no port number")
                }
                port.number = number
            default: throw DpctlError("\"\(part)\" is no option of a port")
            }
        }
        return port
    }

    /// The text of `--help`.
    public static let helpText = """
        ovs-dpctl, which shows and changes the datapath without vswitchd
        usage: ovs-dpctl [OPTION...] COMMAND [ARGUMENT...]

          show [DP]                       ports and how often the caches knew a packet
          dump-dps                        the datapath's name
          dump-flows [DP] [filter=in_port=PORT]
          add-flow [DP] FLOW ACTIONS      for example "in_port(1)" 2
          del-flow [DP] FLOW
          del-flows [DP]
          add-if DP PORT...               PORT[,type=internal][,port_no=N]
          del-if DP PORT...               by name or number

          -s, --statistics       show also prints counters
          -m, --more             dump-flows prints all fields, and names of flows
              --names            dump-flows prints names of ports
          -f, --format=FORMAT    text or json (show, dump-flows)
          -t, --timeout=SECONDS  how long to wait for the datapath: 5 if not given,
                                 0 is for ever
          -h, --help             this text
          -V, --version          the version of this tool

        DP is \(DatapathReport.fullName). With vswitchd running, flows that one adds or
        deletes by hand are soon as vswitchd wants them.

        """
}

/// One command with its options.
public struct DpctlCall: Equatable, Sendable {
    public var command: DpctlCommand
    public var withStatistics = false
    public var isVerbose = false
    public var withNames = false
    public var isJSON = false
    /// For each answer; `nil` waits for ever.
    public var timeout: Duration? = .seconds(5)

    public init(command: DpctlCommand) { self.command = command }
}

public enum DpctlCommand: Equatable, Sendable {
    case show
    case dumpDatapaths
    /// `port` is a number or a name; nil means all.
    case dumpFlows(port: String?)
    case addFlow(CachedFlow)
    case deleteFlow(CachedFlow)
    case deleteFlows
    case addPorts([Vport])
    case deletePorts([String])
}

/// What is wrong with a command line, or with what it asked for.
public struct DpctlError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String
    init(_ description: String) { self.description = description }
}
