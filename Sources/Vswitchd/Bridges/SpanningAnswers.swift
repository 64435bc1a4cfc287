internal import DatabaseProtocol
internal import OpenFlow
internal import Packets
internal import Switching
internal import Timekeeping

// What is told of spanning trees: `stp/…` and `rstp/…` of the control socket and the columns of
// Bridge and Port, in Open vSwitch's words.

extension Vswitch {
    static let spanningCommands: [ControlCommand] = [
        ControlCommand("rstp/show", "[bridge]", 0...1),
        ControlCommand("rstp/tcn", "[bridge]", 0...1),
        ControlCommand("stp/show", "[bridge]", 0...1),
        ControlCommand("stp/tcn", "[bridge]", 0...1),
    ]

    mutating func answerAboutSpanningTrees(
        _ command: String, _ arguments: [String], now: Instant
    ) throws(ControlError) -> String {
        let names = try bridgesWithTrees(command, arguments.first)
        guard command.hasSuffix("/show") else {
            for name in names {
                tellSpanningTree(of: name, [.topologyChangeRequested], now: now)
            }
            spanningClock.deadline = .start
            return "OK"
        }
        return names.compactMap { name in
            bridges[name]?.spanning.map { text(of: $0.tree, name) }
        }.joined()
    }

    /// Names of the bridges that a command is about.
    private func bridgesWithTrees(
        _ command: String, _ wanted: String?
    ) throws(ControlError) -> [String] {
        let version: SpanningTree.Version = command.hasPrefix("stp/") ? .stp : .rstp
        let names = bridges.keys.sorted().filter {
            bridges[$0]?.spanning?.tree.version == version && (wanted ?? $0) == $0
        }
        guard wanted == nil || !names.isEmpty else {
            throw ControlError(version == .stp ? "no such stp object" : "No such RSTP object")
        }
        return names
    }

    /// Of each bridge what `text` says; times in seconds.
    func spanningTrees(
        _ command: String, _ wanted: String?
    ) throws(ControlError) -> [(String, JSON)] {
        try bridgesWithTrees(command, wanted).compactMap { name in
            bridges[name]?.spanning.map { (name, json($0.tree)) }
        }
    }

    private func json(_ tree: SpanningTree) -> JSON {
        let isOld = tree.version == .stp
        let isRoot = tree.root == tree.settings.identifier
        let ports: [(String, JSON)] = tree.portStatuses.filter { $0.state != .disabled }.map {
            let (priority, number) = $0.priorityAndNumber(isOld)
            return (
                $0.settings.name,
                [
                    "role": .string($0.roleText(true)), "state": .string($0.stateText(true)),
                    "cost": .integer(Int64($0.settings.pathCost)),
                    "priority": .integer(Int64(priority)), "number": .integer(Int64(number)),
                ]
            )
        }
        let root = tree.rootPortName.map { JSON.string($0) } ?? .null
        return [
            "root_id": json(tree.root), "bridge_id": json(tree.settings.identifier),
            "is_root": .bool(isRoot), "root_port": isRoot ? .null : root,
            "root_path_cost": .integer(Int64(tree.rootPathCost)),
            "hello_time": .integer(Int64(tree.timesInForce.helloTime / 256)),
            "max_age": .integer(Int64(tree.timesInForce.maxAge / 256)),
            "forward_delay": .integer(Int64(tree.timesInForce.forwardDelay / 256)),
            "ports": .object(JSONObject(ports)),
        ]
    }

    private func json(_ identifier: BridgeIdentifier) -> JSON {
        [
            "priority": .integer(Int64(identifier.priority)),
            "system_id": .string("\(identifier.address)"),
        ]
    }

    private func text(of tree: SpanningTree, _ name: String) -> String {
        let own = tree.settings
        let isRoot = tree.root == own.identifier
        let isOld = tree.version == .stp
        // Open vSwitch shows the old protocol's own times as the root's, and the times in force
        // as the bridge's; with the rapid one it is as one expects.
        let (rootTimes, bridgeTimes) =
            isOld || isRoot ? (own.times, own.times) : (tree.timesInForce, own.times)
        var text = "---- \(name) ----\nRoot ID:\n"
        text += details(tree.root, rootTimes, tree)
        if isRoot {
            text += "  This bridge is the root\n"
        } else {
            text += "  root-port       \(tree.rootPortName ?? "")\n"
            text += "  root-path-cost  \(tree.rootPathCost)\n"
        }
        text += "\nBridge ID:\n"
        text += details(own.identifier, isOld ? tree.timesInForce : bridgeTimes, tree) + "\n"
        let width = isOld ? 6 : 9
        text += "  Interface  Role       State      " + filled("Cost", width) + "Pri.Nbr \n"
        text += "  ---------- ---------- ---------- "
        text += String(repeating: "-", count: width - 1) + " -------\n"
        for port in tree.portStatuses where port.state != .disabled {
            let (priority, number) = port.priorityAndNumber(isOld)
            text += "  " + filled(String(port.settings.name.prefix(10)), 11)
            text += filled(port.roleText(isOld), 11) + filled(port.stateText(isOld), 11)
            text += filled("\(port.settings.pathCost)", width) + "\(priority).\(number)\n"
        }
        return text + "\n"
    }

    private func details(
        _ identifier: BridgeIdentifier, _ times: SpanningTimes, _ tree: SpanningTree
    ) -> String {
        let gap = tree.version == .stp ? "  " : "    "
        return """
              stp-priority\(gap)\(identifier.priority)
              stp-system-id   \(identifier.address)
              stp-hello-time  \(times.helloTime / 256)s
              stp-max-age     \(times.maxAge / 256)s
              stp-fwd-delay   \(times.forwardDelay / 256)s

            """
    }

    private func filled(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}

extension SpanningPortStatus {
    fileprivate func priorityAndNumber(_ isOld: Bool) -> (priority: UInt16, number: UInt16) {
        let id = settings.portID
        return isOld ? (id >> 8, id & 0xff) : (id >> 8 & 0xf0, id & 0xfff)
    }

    fileprivate func roleText(_ isOld: Bool) -> String {
        switch role {
        case .disabled: isOld ? "disabled" : "Disabled"
        case .root: isOld ? "root" : "Root"
        case .designated: isOld ? "designated" : "Designated"
        case .alternate: isOld ? "alternate" : "Alternate"
        case .backup: isOld ? "alternate" : "Backup"
        }
    }

    fileprivate func stateText(_ isOld: Bool) -> String {
        isOld ? state.text : state.text.prefix(1).uppercased() + state.text.dropFirst()
    }
}

extension BridgeIdentifier {
    /// `8000.0123456789ab`.
    fileprivate var oldText: String {
        hexadecimal(priority, digits: 4) + "." + hexadecimal(address.bits, digits: 12)
    }

    /// `8.000.0123456789ab`: priority, system ID extension, address.
    fileprivate var rapidText: String {
        hexadecimal(priority >> 12) + "." + hexadecimal(priority & 0xfff, digits: 3) + "."
            + hexadecimal(address.bits, digits: 12)
    }
}

// Columns of the database.

extension Vswitch {
    func reportedSpanning(_ bridge: PresentBridge) -> [(String, Datum)] {
        var (old, rapid): ([(String, String)], [(String, String)]) = ([], [])
        switch bridge.spanning?.tree {
        case .stp(let tree)?:
            old = [
                ("stp_bridge_id", tree.settings.identifier.oldText),
                ("stp_designated_root", tree.root.oldText),
                ("stp_root_path_cost", "\(tree.rootPathCost)"),
            ]
        case .rstp(let tree)?:
            rapid = [
                ("rstp_bridge_id", tree.settings.identifier.rapidText),
                ("rstp_bridge_port_id", hexadecimal(tree.rootPortID, digits: 4)),
                ("rstp_designated_id", tree.designatedBridge.rapidText),
                ("rstp_designated_port_id", hexadecimal(tree.designatedPort, digits: 4)),
                ("rstp_root_id", tree.root.rapidText),
                ("rstp_root_path_cost", "\(tree.rootPathCost)"),
            ]
        case nil: break
        }
        return [
            BridgeColumns.setting(\.status, ColumnMap(old)),
            BridgeColumns.setting(\.rstpStatus, ColumnMap(rapid)),
        ]
    }

    func reportedSpanning(_ port: WantedPort, _ bridge: PresentBridge) -> [(String, Datum)] {
        var (old, rapid): ([(String, String)], [(String, String)]) = ([], [])
        var (oldCounts, rapidCounts): ([(String, Int64)], [(String, Int64)]) = ([], [])
        if let present = bridge.spanning,
            let number = port.interfaces.first.flatMap({ bridge.interfaces[$0.name]?.number }),
            let status = present.tree.portStatuses.first(where: {
                $0.settings.number == number.rawValue
            })
        {
            let counters = status.counters
            let counts = [counters.sent, counters.received, counters.malformed]
                .map { Int64(clamping: $0) }
            func seconds(_ since: [UInt16: Instant]) -> Int64 {
                let start = since[number.rawValue]
                return start.map { spanningSeconds(since: $0) } ?? 0
            }
            switch present.tree.version {
            case .stp:
                old = [
                    ("stp_port_id", "\(status.settings.portID)"),
                    ("stp_role", status.roleText(true)),
                    ("stp_sec_in_state", "\(seconds(present.stateSince))"),
                    ("stp_state", status.stateText(true)),
                ]
                oldCounts = Array(zip(["stp_tx_count", "stp_rx_count", "stp_error_count"], counts))
            case .rstp:
                rapid = rapidStatus(status)
                rapidCounts =
                    Array(zip(["rstp_tx_count", "rstp_rx_count", "rstp_error_count"], counts))
                    + [("rstp_uptime", seconds(present.portSince))]
            }
        }
        return [
            PortColumns.setting(\.status, ColumnMap(old)),
            PortColumns.setting(\.statistics, ColumnMap(oldCounts)),
            PortColumns.setting(\.rstpStatus, ColumnMap(rapid)),
            PortColumns.setting(\.rstpStatistics, ColumnMap(rapidCounts)),
        ]
    }

    private func rapidStatus(_ status: SpanningPortStatus) -> [(String, String)] {
        [
            ("rstp_designated_bridge_id", status.designatedBridge.rapidText),
            ("rstp_designated_path_cost", "\(status.designatedCost)"),
            ("rstp_designated_port_id", hexadecimal(status.designatedPort, digits: 4)),
            ("rstp_port_id", hexadecimal(status.settings.portID, digits: 4)),
            ("rstp_port_role", status.roleText(false)),
            ("rstp_port_state", status.stateText(false)),
        ]
    }

    private func spanningSeconds(since start: Instant) -> Int64 {
        spanningClock.lastReport.since(start).nanosecondsClamped / 1_000_000_000
    }
}
