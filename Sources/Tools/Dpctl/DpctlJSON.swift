import DatabaseProtocol
import DatapathMessages
import Flows
import Timekeeping

// What `ovs-dpctl -f json` prints.

extension DatapathReport {
    /// A counter: JSON of ours has 64 signed bits.
    private static func number(_ count: UInt64) -> JSON { .integer(Int64(clamping: count)) }

    static func json(
        _ statistics: DatapathStatistics, _ ports: [Vport], name: String
    ) -> String {
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
            "datapath": .string(fullName(of: name)), "hit": number(statistics.hits),
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
                "used": .string(used(
                        flow.statistics.usedMilliseconds,
                        nowMilliseconds: now.millisecondsSinceStart)),
            ]
        }
        return JSON.array(rows).text + "\n"
    }
}
