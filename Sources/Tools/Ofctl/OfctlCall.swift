public import OpenFlow

/// One command with its arguments.
public struct OfctlCall: Equatable, Sendable {
    public enum Command: Equatable, Sendable {
        case show, dumpDescription, dumpTables, probe, ping
        /// nil: all ports.
        case dumpPortDescriptions(String?)
        case dumpTableDescriptions, dumpTableFeatures, dumpGroupFeatures, meterFeatures
        case dumpTLVMap, getFragments, snoop
        /// nil: all ports.
        case dumpPorts(String?)
        case dumpFlows(String)
        case dumpAggregate(String)
        case queueStatistics(port: String?, queue: UInt32?)
        case queueConfig(String?)
        case dumpExporter(byFlow: Bool)
        /// `GroupNumber.all`: all of them.
        case dumpGroups(UInt32)
        case dumpGroupStatistics(UInt32)
        /// `MeterNumber.all`: all of them.
        case dumpMeters(UInt32)
        case meterStatistics(UInt32)
        /// Lines of flow syntax; the text of `inputPath` comes in addition.
        case change(FlowMod.Command, [String])
        /// Lines of group syntax, in the same way.
        case changeGroups(GroupMod.Command, [String])
        case changeMeters(MeterMod.Command, [String])
        /// A file with `flow`, `group` and `packet-out` lines, in one bundle.
        case bundle
        /// Makes the rules those of the file.
        case replaceFlows
        /// Hands the rules to the caller: see `OfctlMachine.flows`.
        case collectFlows
        case changePort(String, OfctlPortChange)
        case changeTable(UInt8?, OfctlTableChange)
        case setFragments(UInt16)
        case changeTLVMap(TLVTableMod.Command, [TLVMapping])
        /// nil: all zones.
        case flushConntrack(zone: UInt16?)
        /// What stands in a file: OpenFlow messages, or captured packets with messages in them, to
        /// or from these ports. Needs no switch: see `OfctlFiles`.
        case parseMessages
        case parseCapture(ports: [UInt16])
        /// Hexadecimal packets.
        case packetOut(inPort: String, actions: String, packets: [String])
        case monitor(missSendLength: UInt16?, watch: [String])
        case benchmark(byteCount: Int, count: Int)
    }

    public var command: Command
    /// BRIDGE, unix:PATH or tcp:HOST[:PORT].
    public var target: String
    public var options: OfctlOptions
    /// A file whose text must be handed to the machine; `-`: standard input.
    public var inputPath: String?
    /// What `diff-flows` compares `target` with.
    public var otherSource: String?

    init(_ name: String, _ arguments: [String], _ options: OfctlOptions) throws(OfctlFailure) {
        let usage = try OfctlUsage.of(name, argumentCount: arguments.count)
        target = arguments[0]
        self.options = options
        if name.hasPrefix("ofp-parse") { inputPath = target }
        if usage.readsFile { inputPath = arguments[1] }
        if name == "diff-flows" { otherSource = arguments[1] }
        if usage.needsVersion15, options.versions == OfctlOptions().versions {
            self.options.versions = OpenFlowVersions([.v15])
        }
        command = try usage.command(Array(arguments.dropFirst()), options)
    }

    /// `BRIDGE IN_PORT ACTIONS PACKET...`, or `BRIDGE "in_port=… packet=… actions=…"`.
    static func packetOut(_ arguments: [String]) throws(OfctlFailure) -> Command {
        if arguments.count >= 3 {
            return .packetOut(
                inPort: arguments[0], actions: arguments[1], packets: Array(arguments[2...]))
        }
        guard arguments.count == 1 else {
            throw OfctlFailure("packet-out takes either a flow string or IN_PORT ACTIONS PACKET...")
        }
        var inPort = "CONTROLLER"
        var packets: [String] = []
        var rest = arguments[0][...]
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

    /// How long the whole command may take; nil: as long as its user likes.
    public var timeout: Duration? {
        if let timeout = options.timeout { return timeout }
        if case .monitor = command { return nil }
        if case .snoop = command { return nil }
        return .seconds(OfctlLimits.timeoutSeconds)
    }
}
