public import DatabaseProtocol
public import DatapathMessages
import Flows
public import LinkValues
import Packets

// Links as text and as JSON.
//
//     v0: veth, up, carrier, mtu 1500, address 02:00:00:00:00:01, 10000 Mbit/s full
//         peer v1
//         in bridge br0, port v0, OpenFlow port 1
//         offloads: rx tx sg tso gso gro
//         received 12 packets (1008 bytes), sent 10 (840); dropped 0 received, 0 sent
//         the datapath: dropped_by_rule 3

/// Everything that `apus link show` tells of one link.
public struct LinkRow: Sendable {
    public var link: Link
    public var counters: LinkCounters
    public var addresses: [InterfaceAddress]
    public var offloads: [LinkOffload: Bool]
    /// Names of the master, and of the parent or peer, where they are known.
    public var master: String?
    public var lower: String?
    public var use: LinkUse?
    public var vport: Vport?

    public init(
        link: Link, counters: LinkCounters, addresses: [InterfaceAddress],
        offloads: [LinkOffload: Bool], master: String?, lower: String?, use: LinkUse?,
        vport: Vport?
    ) {
        self.link = link
        self.counters = counters
        self.addresses = addresses
        self.offloads = offloads
        self.master = master
        self.lower = lower
        self.use = use
        self.vport = vport
    }

    public var text: String {
        var lines = [headline]
        if !addresses.isEmpty {
            lines.append("addresses " + addresses.map(\.description).joined(separator: ", "))
        }
        if let master { lines.append("member of \(master)") }
        if let use { lines.append(Self.text(of: use)) }
        if let vport { lines.append(Self.text(of: vport)) }
        let on = LinkOffload.allCases.filter { offloads[$0] == true }.map(\.rawValue)
        if !offloads.isEmpty {
            lines.append("offloads " + (on.isEmpty ? "none" : on.joined(separator: " ")))
        }
        lines.append(
            "received \(counters.rxPackets) packets, \(counters.rxBytes) bytes, "
                + "\(counters.rxDropped) dropped, \(counters.rxErrors) errors")
        lines.append(
            "sent \(counters.txPackets) packets, \(counters.txBytes) bytes, "
                + "\(counters.txDropped) dropped, \(counters.txErrors) errors")
        return lines.joined(separator: "\n    ") + "\n"
    }

    private var headline: String {
        var words = [link.kind ?? "hardware", link.isUp ? "up" : "down"]
        words.append(link.hasCarrier ? "carrier" : "no carrier")
        words.append("mtu \(link.mtu)")
        if let address = link.address { words.append("address \(address)") }
        if let speed = link.speedMegabits {
            words.append("\(speed) Mbit/s" + (link.duplex.map { " \($0.rawValue)" } ?? ""))
        }
        switch link.detail {
        case .none: break
        case .vlan(let id): words.append("id \(id)")
        case .bond(let settings): words += settings.words.map { "\($0.name) \($0.value)" }
        }
        if let lower { words.append(link.kind == "veth" ? "peer \(lower)" : "on \(lower)") }
        if let alias = link.alias { words.append("alias \"\(alias)\"") }
        return "\(link.name): " + words.joined(separator: ", ")
    }

    private static func text(of use: LinkUse) -> String {
        var words = ["in bridge \(use.bridge)", "port \(use.port)"]
        if let bond = use.bond {
            words[1] = "bond \(bond) of \(use.members.joined(separator: ", "))"
        }
        if let number = use.openFlowPort, number >= 0 { words.append("OpenFlow port \(number)") }
        if let error = use.error { words.append("error: \(error)") }
        return words.joined(separator: ", ")
    }

    private static func text(of vport: Vport) -> String {
        var words = ["datapath port \(vport.number ?? 0)"]
        let s = vport.statistics
        words.append("\(s.rxDropped) dropped on receipt, \(s.txDropped) on sending")
        for end in PacketEnd.allCases where !end.isDelivery {
            if let count = vport.ends[end] { words.append("\(end.name) \(count)") }
        }
        return words.joined(separator: ", ")
    }

    public var json: JSON {
        var row = JSONObject()
        row["name"] = .string(link.name)
        row["index"] = .integer(Int64(link.index))
        row["kind"] = link.kind.map { .string($0) } ?? .null
        row["up"] = .bool(link.isUp)
        row["carrier"] = .bool(link.hasCarrier)
        row["mtu"] = .integer(Int64(link.mtu))
        row["address"] = link.address.map { .string("\($0)") } ?? .null
        row["speed_mbps"] = link.speedMegabits.map { .integer(Int64($0)) } ?? .null
        row["addresses"] = .array(addresses.map { .string($0.description) })
        if let master { row["master"] = .string(master) }
        if let lower { row[link.kind == "veth" ? "peer" : "parent"] = .string(lower) }
        if let alias = link.alias { row["alias"] = .string(alias) }
        switch link.detail {
        case .none: break
        case .vlan(let id): row["vlan_id"] = .integer(Int64(id))
        case .bond(let settings):
            var bond: JSONObject = JSONObject()
            for (name, value) in settings.words { bond[name] = .string(value) }
            row["bond"] = .object(bond)
        }
        var flags: JSONObject = JSONObject()
        for offload in LinkOffload.allCases {
            if let isOn = offloads[offload] { flags[offload.rawValue] = .bool(isOn) }
        }
        row["offloads"] = .object(flags)
        row["rx"] = Self.counts(
            counters.rxPackets, counters.rxBytes, counters.rxDropped, counters.rxErrors)
        row["tx"] = Self.counts(
            counters.txPackets, counters.txBytes, counters.txDropped, counters.txErrors)
        if let use { row["use"] = Self.json(of: use) }
        if let vport { row["datapath"] = Self.json(of: vport) }
        return .object(row)
    }

    private static func counts(
        _ packets: UInt64, _ bytes: UInt64, _ dropped: UInt64, _ errors: UInt64
    ) -> JSON {
        [
            "packets": .integer(Int64(clamping: packets)),
            "bytes": .integer(Int64(clamping: bytes)),
            "dropped": .integer(Int64(clamping: dropped)),
            "errors": .integer(Int64(clamping: errors)),
        ]
    }

    private static func json(of use: LinkUse) -> JSON {
        [
            "bridge": .string(use.bridge), "port": .string(use.port),
            "bond": use.bond.map { .string($0) } ?? .null,
            "members": .array(use.members.map { .string($0) }), "type": .string(use.type),
            "ofport": use.openFlowPort.map { .integer($0) } ?? .null,
            "error": use.error.map { .string($0) } ?? .null,
        ]
    }

    private static func json(of vport: Vport) -> JSON {
        var ends: JSONObject = JSONObject()
        for end in PacketEnd.allCases {
            if let count = vport.ends[end] { ends[end.name] = .integer(Int64(clamping: count)) }
        }
        return [
            "port": .integer(Int64(vport.number ?? 0)),
            "rx_dropped": .integer(Int64(clamping: vport.statistics.rxDropped)),
            "tx_dropped": .integer(Int64(clamping: vport.statistics.txDropped)),
            "packet_ends": .object(ends),
        ]
    }
}

/// One line of `apus link watch`.
public enum LinkEventReport {
    public static func text(_ event: LinkEvent) -> String {
        switch event {
        case .present(let link):
            let state = "\(link.isUp ? "up" : "down"), \(link.hasCarrier ? "" : "no ")carrier"
            return "\(link.index) \(link.name): \(link.kind ?? "hardware"), \(state), "
                + "mtu \(link.mtu)\n"
        case .removed(let index, let name): return "\(index) \(name): gone\n"
        case .eventsLost: return "some events were lost\n"
        }
    }

    public static func json(_ event: LinkEvent) -> String {
        switch event {
        case .present(let link):
            let row = LinkRow(
                link: link, counters: .init(), addresses: [], offloads: [:], master: nil,
                lower: nil, use: nil, vport: nil)
            guard case .object(var object) = row.json else { return "" }
            object["event"] = "present"
            for key in ["rx", "tx", "offloads", "addresses"] { object[key] = nil }
            return JSON.object(object).text + "\n"
        case .removed(let index, let name):
            let object: JSON = [
                "event": "removed", "index": .integer(Int64(index)), "name": .string(name),
            ]
            return object.text + "\n"
        case .eventsLost:
            let object: JSON = ["event": "lost"]
            return object.text + "\n"
        }
    }
}
