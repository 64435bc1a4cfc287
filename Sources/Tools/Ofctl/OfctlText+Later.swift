import OpenFlow

// Groups, meters, queues, tables and monitors as ovs-ofctl prints them.

extension OfctlText {
    static func reason(_ reason: FlowRemoved.Reason) -> String {
        switch reason {
        case .idleTimeout: "idle"
        case .hardTimeout: "hard"
        case .delete: "delete"
        case .groupDelete: "group_delete"
        case .meterDelete: "meter_delete"
        case .eviction: "eviction"
        }
    }

    /// By the bit of each action's number in 1.3, in the order in which they are printed.
    private static let groupActions: [(name: String, bit: UInt32)] = [
        ("output", 0), ("group", 22), ("set_field", 25), ("strip_vlan", 18), ("push_vlan", 17),
        ("mod_nw_ttl", 23), ("dec_ttl", 24), ("set_mpls_ttl", 15), ("dec_mpls_ttl", 16),
        ("push_mpls", 19), ("pop_mpls", 20), ("set_queue", 21),
    ]

    static func features(_ features: GroupFeatures) -> String {
        var text = " Group table:\n    Types:  0x\(String(features.types, radix: 16))\n"
        text += "    Capabilities:  0x\(String(features.capabilities, radix: 16))\n"
        for type in GroupType.allCases where features.types >> UInt32(type.rawValue) & 1 == 1 {
            let index = Int(type.rawValue)
            guard features.maxGroups.indices.contains(index),
                features.actions.indices.contains(index)
            else { continue }
            let name = type == .fastFailover ? "fast failover" : type.text
            let actions = groupActions.filter { features.actions[index] >> $0.bit & 1 == 1 }
            text += "    \(name) group:\n"
            text += "       max_groups=0x\(String(features.maxGroups[index], radix: 16))\n"
            text += "       actions: \(actions.map(\.name).joined(separator: " "))\n"
        }
        return text
    }

    static func features(_ features: MeterFeatures) -> String {
        let known: [(String, UInt32)] = [("drop", 2), ("dscp_remark", 4)]
        let bands = known.filter { features.bandTypes & $0.1 != 0 }
        let flags = MeterText.flags.filter { features.capabilities.contains($0.flag) }
        return "max_meter:\(features.maxMeters) max_bands:\(features.maxBands) "
            + "max_color:\(features.maxColors)\n"
            + "band_types: \(bands.isEmpty ? "0" : bands.map(\.0).joined(separator: " "))\n"
            + "capabilities: \(flags.isEmpty ? "0" : flags.map(\.name).joined(separator: " "))\n"
    }

    static func settings(_ table: TableDescription) -> String {
        let names: [(String, TableDescription.EvictionFlags)] = [
            ("OTHER", .other), ("IMPORTANCE", .importance), ("LIFETIME", .lifetime),
        ]
        let flags = names.filter { table.evictionFlags.contains($0.1) }.map(\.0)
        var text = "  table \(table.table):\n   eviction=\(table.evicts ? "on" : "off") "
        text += "eviction_flags=\(flags.isEmpty ? "0" : flags.joined(separator: "|"))\n"
        text += "   vacancy=\(table.vacancy.isOn ? "on" : "off")"
        if table.vacancy.isOn {
            text += " vacancy_down=\(table.vacancy.downPercent)%"
            text += " vacancy_up=\(table.vacancy.upPercent)% vacancy=\(table.vacancyPercent)%"
        }
        return text + "\n"
    }

    static func statistics(_ queue: QueueStatistics, _ ports: PortNames) -> String {
        "  port \(ports.text(queue.port)) queue \(queue.queue): bytes=\(counter(queue.txBytes)), "
            + "pkts=\(counter(queue.txPackets)), errors=\(counter(queue.txErrors)), "
            + "duration=\(queue.durationNanoseconds.map { seconds($0) } ?? "?")\n"
    }

    /// Queues by port; begins with a space, or a new line for the first port.
    static func queueConfig(_ queues: [QueueDescription], _ ports: PortNames) -> String {
        var text = " "
        var last: PortNumber?
        for queue in queues {
            if queue.port != last { text += "port=\(ports.text(queue.port))\n" }
            last = queue.port
            text += "queue \(queue.queue):" + rate("min_rate", queue.minRate)
            text += rate("max_rate", queue.maxRate) + "\n"
        }
        return queues.isEmpty ? text + "\n" : text
    }

    private static func rate(_ name: String, _ rate: UInt16?) -> String {
        guard let rate else { return "" }
        return " \(name):\(rate / 10).\(rate % 10)%"
    }

    static func table(_ table: TLVTable) -> String {
        var text = " max option space=\(table.maxByteCount) max fields=\(table.maxFields)\n"
        let used = table.mappings.reduce(0) { $0 + Int($1.byteCount) }
        text += " allocated option space=\(used)\n\n mapping table:\n"
        text += "  class  type  length  match field\n ------  ----  ------  --------------\n"
        for mapping in table.mappings {
            text += " 0x\(String(mapping.optionClass, radix: 16))  0x"
            text += "\(String(mapping.type, radix: 16))  \(mapping.byteCount)  "
            text += "tun_metadata\(mapping.index)\n"
        }
        return text
    }

    static func update(
        _ update: FlowUpdate, _ version: OpenFlowVersion, _ ports: PortNames
    ) -> String {
        switch update {
        case .abbreviated(let xid): return "event=ABBREV xid=0x\(String(xid, radix: 16))"
        case .paused: return "event=PAUSED"
        case .resumed: return "event=RESUMED"
        case .full(let event, let flow, let reason):
            var text: String
            switch event {
            case .initial: text = "event=INITIAL"
            case .added: text = "event=ADDED"
            case .removed: text = "event=DELETED reason=\(self.reason(reason ?? .delete))"
            case .modified: text = "event=MODIFIED"
            }
            text += " table=\(flow.table)"
            if flow.idleTimeout != 0 { text += " idle_timeout=\(flow.idleTimeout)" }
            if flow.hardTimeout != 0 { text += " hard_timeout=\(flow.hardTimeout)" }
            text += " cookie=0x" + String(flow.cookie, radix: 16)
            var match: [String] = []
            if flow.priority != FlowText.defaultPriority {
                match.append("priority=\(flow.priority)")
            }
            let fields = FlowText.text(flow.match, ports)
            if !fields.isEmpty { match.append(fields) }
            if !match.isEmpty { text += " " + match.joined(separator: ",") }
            if flow.instructions != Instructions() {
                text += " actions=" + FlowText.text(flow.instructions, version, ports)
            }
            return text
        }
    }
}

/// What passes between a switch and its controllers, one line a message: what can be told shortly
/// is told, of others the kind.
enum OfctlSnoop {
    static func text(
        _ message: OpenFlowMessage, _ version: OpenFlowVersion, _ ports: PortNames
    ) -> String {
        let suffix = version == .v10 ? "" : " (OF1.\(version.rawValue - 1))"
        func line(_ kind: String, _ rest: String = "") -> String {
            "\(kind)\(suffix) (xid=0x\(String(message.xid, radix: 16))):\(rest)\n"
        }
        switch message.body {
        case .hello: return line("OFPT_HELLO")
        case .error(let report): return line("OFPT_ERROR", " " + report.name)
        case .echoRequest(let data):
            return line("OFPT_ECHO_REQUEST", " \(data.count) bytes of payload")
        case .echoReply(let data):
            return line("OFPT_ECHO_REPLY", " \(data.count) bytes of payload")
        case .flowMod(let mod):
            return line("OFPT_FLOW_MOD", " " + FlowText.text(mod, version, ports))
        case .packetIn(let packet):
            return line("OFPT_PACKET_IN", PacketInText.text(packet, ports))
        case .barrierRequest: return line("OFPT_BARRIER_REQUEST")
        case .barrierReply: return line("OFPT_BARRIER_REPLY")
        case .flowRemoved(let removed):
            return line(
                "OFPT_FLOW_REMOVED",
                " \(FlowText.text(removed.flow.match, ports)) reason="
                    + OfctlText.reason(removed.reason))
        default:
            // The case's own name is the message's.
            let name = Mirror(reflecting: message.body).children.first?.label
            return line(name ?? "\(message.body)")
        }
    }
}
