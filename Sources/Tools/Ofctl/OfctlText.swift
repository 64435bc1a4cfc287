import Flows
import OpenFlow
import Packets

// Replies as ovs-ofctl prints them.

enum OfctlText {
    static func padded(_ xid: UInt32) -> String { hexadecimal(xid, digits: 8) }

    static func description(_ value: SwitchDescription) -> String {
        "Manufacturer: \(value.manufacturer)\nHardware: \(value.hardware)\n"
            + "Software: \(value.software)\nSerial Num: \(value.serialNumber)\n"
            + "DP Description: \(value.datapath)\n"
    }

    private static let actions10 = [
        "output", "set_vlan_vid", "set_vlan_pcp", "strip_vlan", "mod_dl_src", "mod_dl_dst",
        "mod_nw_src", "mod_nw_dst", "mod_nw_tos", "mod_tp_src", "mod_tp_dst", "enqueue",
    ]
    /// `enqueue` is printed second, whatever its number.
    private static let actionOrder10 = [0, 11, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]

    static func features(_ features: SwitchFeatures, _ version: OpenFlowVersion) -> String {
        var text = "dpid:\(hexadecimal(features.datapathID, digits: 16))\n"
        text += "n_tables:\(features.tables), n_buffers:\(features.buffers)"
        if features.auxiliaryID != 0 { text += ", auxiliary_id:\(features.auxiliaryID)" }
        text += "\ncapabilities: "
        let names: [(String, SwitchFeatures.Capabilities)] = [
            ("FLOW_STATS", .flowStatistics), ("TABLE_STATS", .tableStatistics),
            ("PORT_STATS", .portStatistics),
            (version == .v10 ? "STP" : "GROUP_STATS", .groupStatistics),
            ("IP_REASM", .reassembly), ("QUEUE_STATS", .queueStatistics),
            ("ARP_MATCH_IP", .matchesARPAddresses), ("PORT_BLOCKED", .portBlocked),
        ]
        text += words(names.filter { features.capabilities.contains($0.1) }.map(\.0)) + "\n"
        guard version == .v10 else { return text }
        let actions = actionOrder10.filter { features.actions >> UInt32($0) & 1 == 1 }
        text += "actions: " + words(actions.map { actions10[$0] }) + "\n"
        return text
            + features.ports.sorted { $0.number < $1.number }.map { port($0, version) }.joined()
    }

    private static func words(_ words: [String]) -> String {
        words.isEmpty ? "0" : words.joined(separator: " ")
    }

    static func port(_ port: PortDescription, _ version: OpenFlowVersion) -> String {
        let number = PortNames.none.text(port.number)
        let config: [(String, PortDescription.Config)] = [
            ("PORT_DOWN", .down), ("NO_STP", .noSpanningTree), ("NO_RECV", .noReceive),
            ("NO_RECV_STP", .noReceiveSpanningTree), ("NO_FLOOD", .noFlood),
            ("NO_FWD", .noForward), ("NO_PACKET_IN", .noPacketIn),
        ]
        let state: [(String, PortDescription.State)] = [
            ("LINK_DOWN", .linkDown), ("BLOCKED", .blocked), ("LIVE", .live),
        ]
        var text = " \(number)(\(port.name)): addr:\(port.address)\n"
        text += "     config:     \(words(config.filter { port.config.contains($0.1) }.map(\.0)))\n"
        text += "     state:      \(words(state.filter { port.state.contains($0.1) }.map(\.0)))\n"
        let features = [
            ("current:    ", port.current), ("advertised: ", port.advertised),
            ("supported:  ", port.supported), ("peer:       ", port.peer),
        ]
        for (name, value) in features where !value.isEmpty {
            text += "     \(name)\(words(featureNames(value)))\n"
        }
        let now = version == .v10 ? megabits(port.current) : port.currentSpeedKilobits / 1000
        let most = version == .v10 ? megabits(port.supported) : port.maxSpeedKilobits / 1000
        return text + "     speed: \(now) Mbps now, \(most) Mbps max\n"
    }

    private static let features: [(String, PortDescription.Features, UInt32)] = [
        ("10MB-HD", .megabit10Half, 10), ("10MB-FD", .megabit10Full, 10),
        ("100MB-HD", .megabit100Half, 100), ("100MB-FD", .megabit100Full, 100),
        ("1GB-HD", .gigabit1Half, 1000), ("1GB-FD", .gigabit1Full, 1000),
        ("10GB-FD", .gigabit10Full, 10_000), ("40GB-FD", .gigabit40Full, 40_000),
        ("100GB-FD", .gigabit100Full, 100_000), ("1TB-FD", .terabit1Full, 1_000_000),
        ("OTHER", .other, 0), ("COPPER", .copper, 0), ("FIBER", .fiber, 0),
        ("AUTO_NEG", .autonegotiation, 0), ("AUTO_PAUSE", .pause, 0),
        ("AUTO_PAUSE_ASYM", .asymmetricPause, 0),
    ]

    private static func featureNames(_ value: PortDescription.Features) -> [String] {
        features.filter { value.contains($0.1) }.map(\.0)
    }

    /// The fastest of these modes.
    private static func megabits(_ value: PortDescription.Features) -> UInt32 {
        features.filter { value.contains($0.1) }.map(\.2).max() ?? 0
    }

    static func counter(_ value: UInt64) -> String {
        value == PortStatistics.unknown ? "?" : "\(value)"
    }

    static func statistics(_ port: PortStatistics, _ ports: PortNames) -> String {
        let number = ports.text(port.port)
        let name = number.utf8.count < 2 ? " " + number : number
        var text = "  port \(name): rx pkts=\(counter(port.rxPackets)), "
        text += "bytes=\(counter(port.rxBytes)), drop=\(counter(port.rxDropped)), "
        text += "errs=\(counter(port.rxErrors)), frame=\(counter(port.rxFrameErrors)), "
        text += "over=\(counter(port.rxOverruns)), crc=\(counter(port.rxChecksumErrors))\n"
        text += "           tx pkts=\(counter(port.txPackets)), "
        text += "bytes=\(counter(port.txBytes)), drop=\(counter(port.txDropped)), "
        text += "errs=\(counter(port.txErrors)), coll=\(counter(port.collisions))\n"
        guard let duration = port.durationNanoseconds else { return text }
        return text + "           duration=\(seconds(duration))\n"
    }

    /// With three decimals.
    static func seconds(_ nanoseconds: UInt64) -> String {
        let milliseconds = String(nanoseconds / 1_000_000 % 1000)
        let zeros = String(repeating: "0", count: 3 - milliseconds.utf8.count)
        return "\(nanoseconds / 1_000_000_000).\(zeros)\(milliseconds)s"
    }

    private static let matching10 =
        "    matching:\n      exact match or wildcard: in_port eth_{src,dst,type} vlan_{vid,pcp} "
        + "ip_{src,dst} nw_{proto,tos} tcp_{src,dst}\n"

    /// Tables that say the same as the one before are told as a range.
    static func tables(_ tables: [TableStatistics], _ version: OpenFlowVersion) -> String {
        var blocks: [String] = []
        var index = 0
        while index < tables.count {
            let table = tables[index]
            var end = index
            if index > 0 {
                while end < tables.count, isAlike(tables[end], tables[index - 1]) { end += 1 }
            }
            if end > index {
                let last = tables[end - 1].table
                blocks.append(
                    last == table.table
                        ? "  table \(last): ditto\n" : "  tables \(table.table)...\(last): ditto\n")
                index = end
                continue
            }
            var text = "  table \(table.table):\n    active=\(table.activeEntries), "
            text += "lookup=\(table.lookups), matched=\(table.matches)\n"
            if version == .v10 {
                let isSame = index > 0 && tables[index - 1].maxEntries == table.maxEntries
                text +=
                    isSame
                    ? "    (same features)\n"
                    : "    max_entries=\(table.maxEntries)\n" + matching10
            }
            blocks.append(text)
            index += 1
        }
        return blocks.joined(separator: "\n")
    }

    private static func isAlike(_ a: TableStatistics, _ b: TableStatistics) -> Bool {
        var a = a
        a.table = b.table
        return a == b
    }
}

/// A packet for the controller, and what is in it.
enum PacketInText {
    static func text(_ packet: PacketIn, _ ports: PortNames) -> String {
        var text = ""
        if packet.table != 0 { text += " table_id=\(packet.table)" }
        text += " cookie=0x\(String(packet.cookie, radix: 16))"
        text += " total_len=\(packet.totalByteCount) "
        var match = packet.match
        match.set(.inPort, to: FieldValue(low: UInt64(packet.inPort.rawValue)))
        text += FlowText.text(match, ports)
        let reasons = ["no_match", "action", "invalid_ttl", "action_set", "group", "packet_out"]
        text += " (via \(reasons[Int(packet.reason.rawValue)])) data_len=\(packet.bytes.count)"
        if packet.bytes.count != packet.totalByteCount {
            text += " (***truncated***)"
        }
        text += packet.bufferID.map { " buffer=0x\(hexadecimal($0, digits: 8))" } ?? " (unbuffered)"
        if !packet.userdata.isEmpty {
            let bytes = packet.userdata.map { hexadecimal($0, digits: 2) }
            text += "\n userdata=" + bytes.joined(separator: ".")
        }
        return text + "\n" + headers(packet.bytes) + "\n"
    }

    /// The packet's own fields, as a rule that matches it exactly.
    private static func headers(_ bytes: [UInt8]) -> String {
        // Safe: the extraction reads the array's own bytes, within their count.
        let key = unsafe FlowKey.extract(frame: bytes.span.bytes, inPort: 0).key
        var mask = PipelineMask()
        let fields: [FlowField] = [
            .ethSrc, .ethDst, .ethType, .vlanTCI, .nwProto, .nwTOS, .nwECN, .nwTTL, .ipFrag,
            .ipv4Src, .ipv4Dst, .ipv6Src, .ipv6Dst, .tcpSrc, .tcpDst, .arpSHA, .arpTHA,
        ]
        for field in fields { field.write(field.exactMask, into: &mask) }
        return FlowText.text(Match(key: PipelineKey(key), mask: mask))
    }
}
