public import DatapathMessages
import Flows

// What a command line of ovs-dpctl asks for.

/// Which datapath.
public enum DatapathName: Equatable, Sendable, CustomStringConvertible {
    /// The process apus-datapath.
    case own
    /// One of the kernel's module.
    case kernel(String)

    /// Reads `TYPE@NAME` or `NAME`.
    public init(parsing word: String) throws(DpctlError) {
        if word == DatapathReport.name || word == DatapathReport.fullName {
            self = .own
        } else if let at = word.firstIndex(of: "@") {
            let name = String(word[word.index(after: at)...])
            guard word[..<at] == "system", !name.isEmpty else {
                throw DpctlError(
                    "there is no datapath \(word); there is \(DatapathReport.fullName), and "
                        + "system@NAME for the kernel's")
            }
            self = .kernel(name)
        } else {
            self = .kernel(word)
        }
        guard case .kernel(let name) = self else { return }
        guard (1...DatapathMessageLimits.nameByteCountMax).contains(name.utf8.count) else {
            throw DpctlError("\"\(word)\" is no name of a datapath: 1 to 15 bytes")
        }
    }

    public var description: String {
        switch self {
        case .own: DatapathReport.fullName
        case .kernel(let name): "system@\(name)"
        }
    }

    /// Without its type.
    public var name: String {
        switch self {
        case .own: DatapathReport.name
        case .kernel(let name): name
        }
    }
}

/// One flow, by what it matches or by its name.
public enum DpctlFlow: Equatable, Sendable {
    case matching(CachedFlow)
    case named(UFID)
}

/// Which flows dump-flows shows.
public enum DpctlFilter: Equatable, Sendable {
    case all
    /// By number or name of the port they came in by.
    case port(String)
    /// Flows that could answer for a packet like this.
    case like(CachedFlow)
}

/// One command with its options.
public struct DpctlCall: Equatable, Sendable {
    public var command: DpctlCommand
    /// `nil`: the only one.
    public var datapath: DatapathName?
    public var withStatistics = false
    public var isVerbose = false
    public var withNames = false
    public var isJSON = false
    public var mayCreate = false
    /// For each answer; `nil` waits for ever.
    public var timeout: Duration? = .seconds(5)

    public init(command: DpctlCommand) { self.command = command }
}

public enum DpctlCommand: Equatable, Sendable {
    case show
    case dumpDatapaths
    case addDatapath([Vport])
    case deleteDatapath
    case dumpFlows(DpctlFilter)
    case addFlow(CachedFlow)
    case modifyFlow(CachedFlow)
    case getFlow(DpctlFlow)
    case deleteFlow(DpctlFlow)
    case deleteFlows
    case addPorts([Vport])
    case deletePorts([String])
}

/// What is wrong with a command line, or with what it asked for.
public struct DpctlError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}

extension DpctlCall {
    /// Reads the words that are no options.
    mutating func read(_ words: [String]) throws(DpctlError) {
        guard let name = words.first else { throw DpctlError("which command? try --help") }
        var rest = words.dropFirst()
        switch name {
        case "show":
            try takeDatapath(&rest, keeping: 0)
            try finish(.show, name, rest)
        case "dump-dps": try finish(.dumpDatapaths, name, rest)
        case "dump-flows":
            if let word = rest.first, !word.contains("="), !word.contains("(") {
                try takeDatapath(&rest, keeping: 0)
            }
            var filter = DpctlFilter.all
            while let word = rest.popFirst() {
                // `type=` chooses among offloaded flows, of which there are none.
                if !word.hasPrefix("type=") { filter = try Self.filter(word) }
            }
            command = .dumpFlows(filter)
        case "add-flow", "mod-flow":
            try takeDatapath(&rest, keeping: 2)
            guard rest.count == 2, let flow = rest.popFirst(), let actions = rest.popFirst() else {
                throw DpctlError("\(name) needs a flow and its actions")
            }
            let whole = try DpctlArguments.flow(flow, actions)
            command = name == "add-flow" ? .addFlow(whole) : .modifyFlow(whole)
        case "del-flow", "get-flow":
            try takeDatapath(&rest, keeping: 1)
            guard let word = rest.popFirst() else { throw DpctlError("\(name) needs a flow") }
            let flow = try Self.flow(word)
            try finish(name == "del-flow" ? .deleteFlow(flow) : .getFlow(flow), name, rest)
        case "del-flows":
            try takeDatapath(&rest, keeping: 0)
            try finish(.deleteFlows, name, rest)
        default: try readChange(name, &rest)
        }
    }

    /// Commands whose datapath must be named.
    private mutating func readChange(
        _ name: String, _ rest: inout ArraySlice<String>
    ) throws(DpctlError) {
        guard ["add-dp", "del-dp", "add-if", "del-if"].contains(name) else {
            throw DpctlError("there is no command \(name); try --help")
        }
        guard let word = rest.popFirst() else {
            throw DpctlError("which datapath? \(DatapathReport.fullName), or system@NAME")
        }
        datapath = try DatapathName(parsing: word)
        switch name {
        case "del-dp": try finish(.deleteDatapath, name, rest)
        case "add-if" where rest.isEmpty, "del-if" where rest.isEmpty:
            throw DpctlError("\(name) needs a port")
        case "del-if": command = .deletePorts(Array(rest))
        default:
            let ports = try rest.map { word throws(DpctlError) in try DpctlArguments.port(word) }
            command = name == "add-dp" ? .addDatapath(ports) : .addPorts(ports)
        }
    }

    /// Takes a datapath's name if there are more words than the command itself needs.
    private mutating func takeDatapath(
        _ rest: inout ArraySlice<String>, keeping count: Int
    ) throws(DpctlError) {
        guard rest.count > count, let word = rest.popFirst() else { return }
        datapath = try DatapathName(parsing: word)
    }

    private mutating func finish(
        _ command: DpctlCommand, _ name: String, _ rest: ArraySlice<String>
    ) throws(DpctlError) {
        if let word = rest.first { throw DpctlError("\(name) does not take \"\(word)\"") }
        self.command = command
    }

    /// `filter=in_port=P`, or a flow as dump-flows writes it.
    private static func filter(_ word: String) throws(DpctlError) -> DpctlFilter {
        let text = word.hasPrefix("filter=") ? word.dropFirst(7) : word[...]
        if text.hasPrefix("in_port="), text.count > 8 { return .port(String(text.dropFirst(8))) }
        guard text.contains("(") else {
            throw DpctlError(
                "\"\(word)\": a filter is filter=in_port=PORT, or a flow as dump-flows writes it, "
                    + "for example filter=\"eth_type(0x0800),ipv4(proto=6)\"")
        }
        return .like(try DpctlArguments.flow(String(text), "drop"))
    }

    private static func flow(_ word: String) throws(DpctlError) -> DpctlFlow {
        guard word.hasPrefix("ufid:") else {
            return .matching(try DpctlArguments.flow(word, "drop"))
        }
        let digits = word.dropFirst(5).filter { $0 != "-" }
        guard digits.count == 32, let high = UInt64(digits.prefix(16), radix: 16),
            let low = UInt64(digits.suffix(16), radix: 16)
        else { throw DpctlError("\"\(word)\" is no name of a flow: ufid: and 32 digits") }
        return .named(UFID(high: high, low: low))
    }
}

extension DpctlArguments {
    /// The text of `--help`.
    public static let helpText = """
        ovs-dpctl, which shows and changes datapaths without vswitchd
        usage: ovs-dpctl [OPTION...] COMMAND [ARGUMENT...]

          show [DP]                       ports and how often the caches knew a packet
          dump-dps                        the datapaths' names
          add-dp DP [PORT...]             only of the kernel's module
          del-dp DP
          dump-flows [DP] [filter=in_port=PORT | filter=FLOW]
          add-flow [DP] FLOW ACTIONS      for example "in_port(1)" 2
          mod-flow [DP] FLOW ACTIONS      a flow that is there; --may-create: or is not
          get-flow [DP] FLOW | ufid:NAME
          del-flow [DP] FLOW | ufid:NAME
          del-flows [DP]
          add-if DP PORT...               PORT[,type=internal][,port_no=N]
          del-if DP PORT...               by name or number

          -s, --statistics       show also prints counters
          -m, --more             dump-flows prints all fields, and names of flows
              --names            dump-flows prints names of ports
          -f, --format=FORMAT    text or json (show, dump-dps, dump-flows, get-flow)
          -t, --timeout=SECONDS  how long to wait for the datapath: 5 if not given,
                                 0 is for ever
          -h, --help             this text
          -V, --version          the version of this tool

        DP is \(DatapathReport.fullName) for apus-datapath, system@NAME for one of
        openvswitch.ko; left out, it is the only one there is. With vswitchd running, flows
        that one adds or deletes by hand are soon as vswitchd wants them.

        """
}
