import DatabaseProtocol
public import DatapathMessages
import Flows
public import Timekeeping

// What ovs-dpctl prints.

public enum DpctlText {
    public static let name = "ovs-netdev"
    public static let fullName = "netdev@ovs-netdev"

    /// `ovs-dpctl show`, with counters for `show -s`.
    public static func show(
        _ statistics: DatapathStatistics, _ ports: [Vport], withStatistics: Bool
    ) -> String {
        let packets = statistics.hits &+ statistics.misses
        let perPacket = ratio(statistics.maskHits, packets, factor: 1)
        let hitRate = ratio(statistics.cacheHits, packets, factor: 100)
        var text = """
            \(fullName):
              lookups: hit:\(statistics.hits) missed:\(statistics.misses) lost:\(statistics.lost)
              flows: \(statistics.flows)
              masks: hit:\(statistics.maskHits) total:\(statistics.masks) hit/pkt:\(perPacket)
              cache: hit:\(statistics.cacheHits) hit-rate:\(hitRate)%

            """
        for port in sorted(ports) {
            let kind = port.kind == .internal ? " (internal)" : ""
            text += "  port \(port.number ?? 0): \(port.name)\(kind)\n"
            if withStatistics { text += counters(port.statistics) }
        }
        return text
    }

    private static func counters(_ counts: VportStatistics) -> String {
        """
            RX packets:\(counts.rxPackets) errors:\(counts.rxErrors) \
        dropped:\(counts.rxDropped) overruns:? frame:?
            TX packets:\(counts.txPackets) errors:\(counts.txErrors) \
        dropped:\(counts.txDropped) aborted:? carrier:?
            collisions:?
            RX bytes:\(counts.rxBytes)\(size(counts.rxBytes))  \
        TX bytes:\(counts.txBytes)\(size(counts.txBytes))

        """
    }

    /// ` (1.5 KiB)`, nothing below 1,024.
    private static func size(_ byteCount: UInt64) -> String {
        let units = ["KiB", "MiB", "GiB", "TiB"]
        guard byteCount >= 1024 else { return "" }
        var (rest, place) = (Double(byteCount) / 1024, 0)
        while rest >= 1024, place + 1 < units.count { (rest, place) = (rest / 1024, place + 1) }
        return " (\(decimal(rest, digits: 1)) \(units[place]))"
    }

    private static func ratio(_ part: UInt64, _ whole: UInt64, factor: Double) -> String {
        decimal(whole == 0 ? 0 : Double(part) / Double(whole) * factor, digits: 2)
    }

    /// `value` (at least 0) with `digits` digits behind the point, rounded.
    static func decimal(_ value: Double, digits: Int) -> String {
        let scale = (0..<digits).reduce(1.0) { scale, _ in scale * 10 }
        let rounded = UInt64((min(max(value, 0), 1e15) * scale).rounded())
        let fraction = "\(rounded % UInt64(scale))"
        let zeros = String(repeating: "0", count: digits - fraction.utf8.count)
        return "\(rounded / UInt64(scale)).\(zeros)\(fraction)"
    }

    static func sorted(_ ports: [Vport]) -> [Vport] {
        ports.sorted { ($0.number ?? 0, $0.name) < ($1.number ?? 0, $1.name) }
    }

    /// One line of `ovs-dpctl dump-flows`, without its end.
    ///
    /// - Parameter names: Names of ports by number, if they are to be printed.
    public static func flow(
        _ flow: CachedFlow, now: Instant, isVerbose: Bool, names: [UInt32: String] = [:]
    ) -> String {
        var text = ""
        if isVerbose, let ufid = flow.ufid { text = "ufid:\(uuid(ufid)), " }
        text += DatapathText.flow(key: flow.key, mask: flow.mask, verbose: isVerbose)
        if let name = names[flow.key.inPort] {
            text = text.replacing(
                "in_port(\(flow.key.inPort))", with: "in_port(\(name))", maxReplacements: 1)
        }
        let statistics = flow.statistics
        text += ", packets:\(statistics.packets), bytes:\(statistics.bytes)"
        text += ", used:\(used(statistics.usedMilliseconds, now))"
        if statistics.tcpFlags != 0 {
            text += ", flags:" + DatapathText.tcpFlagLetters(UInt16(statistics.tcpFlags))
        }
        return text + ", actions:" + actions(flow.actions, names)
    }

    private static func actions(_ actions: [DatapathAction], _ names: [UInt32: String]) -> String {
        guard !names.isEmpty, !actions.isEmpty else { return DatapathText.actions(actions) }
        return actions.map { action in
            if case .output(let port) = action, let name = names[port] { return name }
            return DatapathText.actions([action])
        }.joined(separator: ",")
    }

    private static func used(_ milliseconds: UInt64, _ now: Instant) -> String {
        guard milliseconds != 0 else { return "never" }
        let age = now.millisecondsSinceStart.subtractingReportingOverflow(milliseconds)
        return decimal(age.overflow ? 0 : Double(age.partialValue) / 1000, digits: 3) + "s"
    }

    private static func uuid(_ ufid: UFID) -> String {
        let digits = Array(hex(ufid.high) + hex(ufid.low))
        let ends = [0, 8, 12, 16, 20, 32]
        return zip(ends, ends.dropFirst()).map { String(digits[$0..<$1]) }.joined(separator: "-")
    }

    private static func hex(_ number: UInt64) -> String {
        let text = String(number, radix: 16)
        return String(repeating: "0", count: 16 - text.utf8.count) + text
    }
}

// MARK: JSON

extension DpctlText {
    /// A counter: JSON of ours has 64 signed bits.
    private static func number(_ count: UInt64) -> JSON { .integer(Int64(clamping: count)) }

    static func json(_ statistics: DatapathStatistics, _ ports: [Vport]) -> String {
        let rows = sorted(ports).map { port -> JSON in
            let counts = port.statistics
            var ends = JSONObject()
            for end in PacketEnd.allCases {
                if let count = port.ends[end] { ends[end.name] = number(count) }
            }
            return [
                "port": .integer(Int64(port.number ?? 0)), "name": .string(port.name),
                "type": port.kind == .internal ? "internal" : "system",
                "rx_packets": number(counts.rxPackets), "tx_packets": number(counts.txPackets),
                "rx_bytes": number(counts.rxBytes), "tx_bytes": number(counts.txBytes),
                "rx_errors": number(counts.rxErrors), "tx_errors": number(counts.txErrors),
                "rx_dropped": number(counts.rxDropped), "tx_dropped": number(counts.txDropped),
                "packet_ends": .object(ends),
            ]
        }
        let all: JSON = [
            "datapath": .string(fullName), "hit": number(statistics.hits),
            "missed": number(statistics.misses), "lost": number(statistics.lost),
            "flows": number(statistics.flows), "masks": .integer(Int64(statistics.masks)),
            "mask_hit": number(statistics.maskHits), "cache_hit": number(statistics.cacheHits),
            "ports": .array(rows),
        ]
        return all.text + "\n"
    }

    static func json(_ flows: [CachedFlow], now: Instant) -> String {
        let rows = flows.map { flow -> JSON in
            [
                "flow": .string(DatapathText.flow(key: flow.key, mask: flow.mask)),
                "actions": .string(DatapathText.actions(flow.actions)),
                "packets": number(flow.statistics.packets),
                "bytes": number(flow.statistics.bytes),
                "used": .string(used(flow.statistics.usedMilliseconds, now)),
            ]
        }
        return JSON.array(rows).text + "\n"
    }
}
