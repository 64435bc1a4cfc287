import Flows

// The datapath told as text, as `ovs-dpctl` prints it. vswitchd and the datapath print the same on
// their control sockets, so it stands beside the values it tells.

/// Reports about the one datapath, its ports and its flows.
public enum DatapathReport {
    public static let name = "ovs-netdev"
    public static let fullName = "netdev@ovs-netdev"

    /// `TYPE@NAME` of a datapath: ours is a process, every other the kernel's.
    public static func fullName(of name: String) -> String {
        name == self.name ? fullName : "system@\(name)"
    }

    /// `ovs-dpctl show`, with counters for `show -s`.
    public static func show(
        _ statistics: DatapathStatistics, _ ports: [Vport], withStatistics: Bool,
        name: String = name
    ) -> String {
        let packets = statistics.hits &+ statistics.misses
        let perPacket = ratio(statistics.maskHits, packets, factor: 1)
        let hitRate = ratio(statistics.cacheHits, packets, factor: 100)
        var text = """
            \(fullName(of: name)):
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

    /// Ports by number.
    public static func sorted(_ ports: [Vport]) -> [Vport] {
        ports.sorted { ($0.number ?? 0, $0.name) < ($1.number ?? 0, $1.name) }
    }

    /// One line of `ovs-dpctl dump-flows`, without its end.
    ///
    /// - Parameters:
    ///   - nowMilliseconds: Of the monotonic clock, as `FlowStatistics.usedMilliseconds`.
    ///   - names: Names of ports by number, if they are to be printed.
    public static func flow(
        _ flow: CachedFlow, nowMilliseconds: UInt64, isVerbose: Bool = false,
        names: [UInt32: String] = [:]
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
        text += ", used:\(used(statistics.usedMilliseconds, nowMilliseconds: nowMilliseconds))"
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

    /// How long ago `milliseconds` was, for example `1.200s`; `never` for 0.
    public static func used(_ milliseconds: UInt64, nowMilliseconds: UInt64) -> String {
        guard milliseconds != 0 else { return "never" }
        let age = nowMilliseconds.subtractingReportingOverflow(milliseconds)
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
