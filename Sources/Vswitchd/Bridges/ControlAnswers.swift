internal import DatapathMessages
internal import Flows
internal import LinkValues
internal import OpenFlow
internal import Pipeline
internal import Timekeeping

// A running switch answers questions: `ovs-appctl COMMAND …`, in Open vSwitch's formats.

/// A command of the control socket.
public struct ControlCommand: Hashable, Sendable {
    public var name: String
    /// What follows the name, as `list-commands` shows it.
    public var usage: String
    public var argumentCounts: ClosedRange<Int>
    init(_ name: String, _ usage: String = "", _ argumentCounts: ClosedRange<Int> = 0...0) {
        self.name = name
        self.usage = usage
        self.argumentCounts = argumentCounts
    }
}

/// A question that waits for fresh counters.
struct WaitingControl {
    let id: ControlID
    let command: String
    let arguments: [String]
    let dump: UInt64
}

extension Vswitch {
    /// What `control` answers, ordered by name.
    public static let commands: [ControlCommand] =
        (ownCommands + addressCommands + bondCommands + discoveryCommands + groupCommands
        + lacpCommands + queueCommands + spanningCommands)
        .sorted { $0.name < $1.name }

    private static let ownCommands: [ControlCommand] = [
        ControlCommand("bridge/dump-flows", "bridge", 1...1),
        ControlCommand("dpctl/dump-flows", "[dp]", 0...1),
        ControlCommand("dpctl/show", "[dp]", 0...1),
        ControlCommand("dpif/dump-dps"),
        ControlCommand("dpif/dump-flows", "bridge", 1...1),
        ControlCommand("dpif/show"),
        ControlCommand("dpif/show-dp-features", "bridge", 1...1),
        ControlCommand("ofproto/list"),
        ControlCommand("ofproto/trace", "bridge flow", 2...2),
        ControlCommand("revalidator/purge"),
        ControlCommand("revalidator/wait"),
        ControlCommand("upcall/show"),
    ]

    mutating func control(
        _ id: ControlID, _ command: String, _ arguments: [String], wantsJSON: Bool, now: Instant
    ) {
        guard let known = Self.commands.first(where: { $0.name == command }) else {
            refuse(id, "\"\(command)\" is not a valid command (list-commands names them)")
            return
        }
        guard known.argumentCounts.contains(arguments.count) else {
            refuse(id, "\"\(command)\" command takes \(known.argumentCounts.lowerBound)"
                + " to \(known.argumentCounts.upperBound) arguments: \(command) \(known.usage)")
            return
        }
        switch command {
        case "dpctl/dump-flows", "dpif/dump-flows", "bridge/dump-flows", "revalidator/wait",
            "qos/show":
            guard datapath.isOpen else { break }
            // Ports are told before the flows that are waited for.
            if command == "qos/show" { listPorts() }
            waitingControls.append(
                WaitingControl(
                    id: id, command: command, arguments: arguments, dump: startDump(now: now)))
            return
        default: break
        }
        answerNow(id, command, arguments, wantsJSON: wantsJSON, now: now)
    }

    /// Answers questions whose dump is complete.
    mutating func answerWaitingControls(now: Instant) {
        let ready = waitingControls.filter {
            $0.dump <= datapath.completeDump || !datapath.isOpen
        }
        guard !ready.isEmpty else { return }
        waitingControls.removeAll { $0.dump <= datapath.completeDump || !datapath.isOpen }
        for control in ready {
            answerNow(control.id, control.command, control.arguments, now: now)
        }
    }

    private mutating func refuse(_ id: ControlID, _ text: String) {
        effects.append(.answer(id, .failure(ControlError(text))))
    }

    private mutating func answerNow(
        _ id: ControlID, _ command: String, _ arguments: [String], wantsJSON: Bool = false,
        now: Instant
    ) {
        do throws(ControlError) {
            if wantsJSON, let json = try structuredAnswer(command, arguments, now: now) {
                effects.append(.answerJSON(id, json))
                return
            }
            let text = try answer(command, arguments, now: now)
            effects.append(.answer(id, .success(text)))
        } catch {
            effects.append(.answer(id, .failure(error)))
        }
    }

    private mutating func answer(
        _ command: String, _ arguments: [String], now: Instant
    ) throws(ControlError) -> String {
        switch command {
        case "bridge/dump-flows": return rules(of: try bridge(arguments[0]), now: now)
        case "dpctl/dump-flows": return cachedFlows(of: nil, now: now)
        case "dpif/dump-flows": return cachedFlows(of: try bridge(arguments[0]), now: now)
        case "ofproto/trace": return try trace(arguments[0], arguments[1])
        case "dpctl/show": return datapathText
        case "dpif/dump-dps": return "\(DatapathReport.fullName(of: datapath.nature.name))\n"
        case "dpif/show": return portsText
        case "dpif/show-dp-features":
            _ = try bridge(arguments[0])
            return datapath.features.text
        case "ofproto/list": return bridges.keys.sorted().map { $0 + "\n" }.joined()
        case "revalidator/purge":
            ledger.removeAll()
            order(.flushFlows, .execute)
            return ""
        case "upcall/show": return upcallText
        case _ where command.hasPrefix("fdb/"):
            return try answerAboutAddresses(command, arguments, now: now)
        case _ where command.hasPrefix("mdb/"):
            return try answerAboutGroups(command, arguments, now: now)
        case _ where command.hasPrefix("autoattach/"), "lldp/show":
            return answerAboutNeighbours(command, now: now)
        case _ where command.hasPrefix("qos/"):
            return try answerAboutQueues(command, arguments[0])
        case _ where command.hasPrefix("bond/"):
            return try answerAboutBonds(command, arguments, now: now)
        case _ where command.hasPrefix("lacp/"):
            return try answerAboutLACP(command, arguments)
        case _ where command.hasPrefix("stp/") || command.hasPrefix("rstp/"):
            return try answerAboutSpanningTrees(command, arguments, now: now)
        default: return ""
        }
    }

    func bridge(_ name: String) throws(ControlError) -> PresentBridge {
        guard let bridge = bridges[name] else { throw ControlError("no such bridge") }
        return bridge
    }

    // MARK: Datapath

    private var datapathText: String {
        DatapathReport.show(
            datapath.statistics, vports.names.compactMap { vports.byName[$0] },
            withStatistics: false, name: datapath.nature.name)
    }

    private var portsText: String {
        let s = datapath.statistics
        var text = DatapathReport.fullName(of: datapath.nature.name)
        text += ": hit:\(s.hits) missed:\(s.misses)\n"
        for (name, bridge) in bridges.sorted(by: { $0.key < $1.key }) {
            text += "  \(name):\n"
            for (port, interface) in bridge.interfacesByName {
                let number = interface.vport.map { "\($0)" } ?? "none"
                let kind: String =
                    switch interface.kind {
                    case .system: "system"
                    case .internal: "internal"
                    case .patch(let peer): "patch: peer=\(peer ?? "")"
                    case .link(let order): order.kind.name
                    case .invalid: "invalid"
                    case .unknown(let type): type
                    }
                let ofport = interface.number.databaseNumber
                text += "    \(port) \(ofport)/\(number): (\(kind))\n"
            }
        }
        return text
    }

    private var upcallText: String {
        let milliseconds = datapath.largestDump.nanosecondsClamped / 1_000_000
        return """
            \(DatapathReport.fullName(of: datapath.nature.name)):
              flows         : (current \(ledger.count)) (avg \(ledger.count)) \
            (max \(ledger.largestCount)) (limit \(wanted.flowLimit))
              dump duration : \(milliseconds)ms
              ufid enabled : false

              0: (keys \(ledger.count))
              upcalls       : (misses \(upcallCounts.misses)) (actions \(upcallCounts.actions)) \
            (installed \(upcallCounts.installed)) (refused \(upcallCounts.refused))

            """
    }
}
