internal import Packets
internal import Pipeline
internal import Switching
internal import Timekeeping

// `mdb/…` of the control socket, in Open vSwitch's words: the multicast groups that bridges have
// learned. `mdb/stats-*` is ours, on the pattern of `fdb/stats-*`.

extension Vswitch {
    static let groupCommands: [ControlCommand] = [
        ControlCommand("mdb/flush", "[bridge]", 0...1),
        ControlCommand("mdb/show", "bridge", 1...1),
        ControlCommand("mdb/stats-clear", "[bridge]", 0...1),
        ControlCommand("mdb/stats-show", "bridge", 1...1),
    ]

    mutating func answerAboutGroups(
        _ command: String, _ arguments: [String], now: Instant
    ) throws(ControlError) -> String {
        switch command {
        case "mdb/show": return text(of: try snoopingBridge(arguments[0]), now: now)
        case "mdb/stats-show": return statistics(of: try snoopingBridge(arguments[0]))
        case "mdb/stats-clear":
            try forEachTable(arguments.first) { $0.clearStatistics() }
            return "statistics successfully cleared"
        default:
            try forEachTable(arguments.first) { $0.flush() }
            return "table successfully flushed"
        }
    }

    /// A bridge with its table.
    struct SnoopingBridge {
        let name: String
        let forwarding: ForwardingBridge
        let table: MulticastTable
    }

    func snoopingBridge(_ name: String) throws(ControlError) -> SnoopingBridge {
        let forwarding = model[bridge: try bridge(name).index]
        guard let table = forwarding.groups else {
            throw ControlError("multicast snooping is disabled")
        }
        return SnoopingBridge(name: name, forwarding: forwarding, table: table)
    }

    /// Changes one table, or all; bridges without one are passed over only if none was named.
    private mutating func forEachTable(
        _ name: String?, _ change: (inout MulticastTable) -> Void
    ) throws(ControlError) {
        if let name { _ = try snoopingBridge(name) }
        for name in name.map({ [$0] }) ?? bridges.keys.sorted() {
            model[bridge: try bridge(name).index].changeGroups(change)
        }
    }

    private func text(of bridge: SnoopingBridge, now: Instant) -> String {
        var text = " port  VLAN  GROUP                Age\n"
        for group in bridge.table.allGroups {
            for member in group.members {
                text +=
                    place(member.port, group.key.vlan, bridge) + groupText(group.key.group)
                    + "         \(padded("\(seconds(member.usedAt, now))", 3))\n"
            }
        }
        for router in bridge.table.routers {
            text +=
                place(router.port, router.vlan, bridge)
                + "querier             \(padded("\(seconds(router.usedAt, now))", 3))\n"
        }
        return text
    }

    private func place(
        _ port: SwitchPort.ID, _ vlan: UInt16, _ bridge: SnoopingBridge
    ) -> String {
        padded(portText(port, bridge.forwarding), 5) + "  " + padded("\(vlan)", 4) + "  "
    }

    func seconds(_ from: Instant, _ now: Instant) -> Int64 {
        now.since(from).nanosecondsClamped / 1_000_000_000
    }

    /// An IPv4-mapped address as IPv4's.
    func groupText(_ group: IPv6Address) -> String {
        guard group.high == 0, group.low >> 32 == 0xffff else { return "\(group)" }
        return "\(IPv4Address(bits: UInt32(truncatingIfNeeded: group.low)))"
    }

    private func statistics(of bridge: SnoopingBridge) -> String {
        let counts = bridge.table.statistics
        let fill = "\(bridge.table.count)/\(bridge.table.limit)"
        return """
            Statistics for bridge "\(bridge.name)":
              Current/maximum multicast groups in the table: \(fill)
              Current multicast router ports               : \(bridge.table.routers.count)
              Total number of learned group members        : \(counts.learned)
              Total number of members that left            : \(counts.left)
              Total number of expired members and routers  : \(counts.expired)
              Total number of evicted groups               : \(counts.evicted)

            """
    }
}
