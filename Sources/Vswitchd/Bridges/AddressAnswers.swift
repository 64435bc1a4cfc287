internal import OpenFlow
internal import Packets
internal import Pipeline
internal import Switching
internal import Timekeeping

// `fdb/…` of the control socket, in Open vSwitch's words: the addresses that bridges have learned.

extension Vswitch {
    static let addressCommands: [ControlCommand] = [
        ControlCommand("fdb/add", "bridge port vlan mac", 4...4),
        ControlCommand("fdb/del", "bridge vlan mac", 3...3),
        ControlCommand("fdb/flush", "[bridge]", 0...1),
        ControlCommand("fdb/show", "bridge", 1...1),
        ControlCommand("fdb/stats-clear", "[bridge]", 0...1),
        ControlCommand("fdb/stats-show", "bridge", 1...1),
    ]

    mutating func answerAboutAddresses(
        _ command: String, _ arguments: [String], now: Instant
    ) throws(ControlError) -> String {
        switch command {
        case "fdb/add": return try addAddress(arguments, now: now)
        case "fdb/del": return try removeAddress(arguments)
        case "fdb/show": return addresses(of: try bridge(arguments[0]), now: now)
        case "fdb/stats-show": return addressStatistics(of: try bridge(arguments[0]))
        case "fdb/stats-clear":
            try forEachBridge(arguments.first) { $0.clearStatistics() }
            return "statistics successfully cleared"
        default:
            try forEachBridge(arguments.first) { $0.flush() }
            return "table successfully flushed"
        }
    }

    private mutating func forEachBridge(
        _ name: String?, _ change: (inout MACTable) -> Void
    ) throws(ControlError) {
        for name in name.map({ [$0] }) ?? bridges.keys.sorted() {
            let index = try bridge(name).index
            change(&model[bridge: index].macTable)
        }
    }

    private func addresses(of bridge: PresentBridge, now: Instant) -> String {
        let forwarding = model[bridge: bridge.index]
        var text = " port  VLAN  MAC                Age\n"
        for entry in forwarding.macTable.entries() {
            let port = portText(entry, forwarding)
            let seconds = now.since(entry.usedAt).nanosecondsClamped / 1_000_000_000
            let age = entry.isStatic ? "static" : "\(seconds)"
            let place = padded(port, 5) + "  " + padded("\(entry.key.vlan)", 4)
            text += "\(place)  \(entry.key.mac)  \(padded(age, 3))\n"
        }
        return text
    }

    private func portText(_ entry: MACTable.Entry, _ forwarding: ForwardingBridge) -> String {
        portText(entry.port, forwarding)
    }

    /// The OpenFlow port of a port's first member.
    func portText(_ port: SwitchPort.ID, _ forwarding: ForwardingBridge) -> String {
        let member = forwarding.normal.port(id: port)?.members.first ?? 0
        return member == PortNumber.local.rawValue ? "LOCAL" : "\(member)"
    }

    func padded(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }

    private func addressStatistics(of bridge: PresentBridge) -> String {
        let table = model[bridge: bridge.index].macTable
        let counts = table.statistics
        return """
            Statistics for bridge "\(bridge.wanted.name)":
              Current/maximum MAC entries in the table: \(table.count)/\(table.limit)
              Current static MAC entries in the table : \(table.staticCount)
              Total number of learned MAC entries     : \(counts.learned)
              Total number of expired MAC entries     : \(counts.expired)
              Total number of evicted MAC entries     : \(counts.evicted)
              Total number of port moved MAC entries  : \(counts.moved)

            """
    }

    private mutating func addAddress(
        _ arguments: [String], now: Instant
    ) throws(ControlError) -> String {
        let bridge = try bridge(arguments[0])
        let key = try key(vlan: arguments[2], mac: arguments[3])
        let forwarding = model[bridge: bridge.index]
        guard let number = bridge.interfaces[arguments[1]]?.number,
            let port = forwarding.normal.port(ofMember: number.rawValue)
        else {
            throw ControlError("software error, odp port is present but no ofp port")
        }
        var text = ""
        if let before = forwarding.macTable.lookup(key), before.port != port.id || !before.isStatic
        {
            text =
                "Overriding already existing \(before.isStatic ? "static" : "dynamic") entry on "
                + "\(portText(before, forwarding))\n"
        }
        guard model[bridge: bridge.index].macTable.addStatic(key, on: port.id, now: now) else {
            throw ControlError("could not add static mac entry\n")
        }
        return text
    }

    private mutating func removeAddress(_ arguments: [String]) throws(ControlError) -> String {
        let bridge = try bridge(arguments[0])
        let key = try key(vlan: arguments[1], mac: arguments[2])
        guard model[bridge: bridge.index].macTable.lookup(key)?.isStatic == true else {
            throw ControlError("could not find static mac entry\n")
        }
        model[bridge: bridge.index].macTable.remove(key)
        return ""
    }

    private func key(vlan: String, mac: String) throws(ControlError) -> MACTable.Key {
        guard let address = MACAddress(mac) else { throw ControlError("bad MAC address") }
        guard let vlan = UInt16(vlan), vlan < 4096 else { throw ControlError("bad VLAN") }
        return .init(vlan: vlan, mac: address)
    }
}
