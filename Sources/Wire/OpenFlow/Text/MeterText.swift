// Meters as text: the syntax of `ovs-ofctl add-meter` and what `dump-meters` prints.

/// Meters in the syntax of ovs-ofctl(8).
public enum MeterText {
    private static let names: [(name: String, number: UInt32)] = [
        ("slowpath", MeterNumber.slowPath), ("controller", MeterNumber.controller),
        ("all", MeterNumber.all),
    ]
    public static let flags: [(name: String, flag: MeterDescription.Flags)] = [
        ("kbps", .kilobits), ("pktps", .packets), ("burst", .burst), ("stats", .statistics),
    ]

    static func number(_ meter: UInt32) -> String {
        names.first { $0.number == meter }?.name ?? "\(meter)"
    }

    /// A meter with its bands, each on a line of its own, and a newline at the end.
    public static func text(_ meter: MeterDescription) -> String {
        var text = "meter=\(number(meter.meter)) "
        for (name, flag) in flags where meter.flags.contains(flag) { text += name + " " }
        text += "bands="
        for band in meter.bands {
            switch band.effect {
            case .drop: text += "\ntype=drop rate=\(band.rate)"
            case .remarkDSCP: text += "\ntype=dscp_remark rate=\(band.rate)"
            }
            if meter.flags.contains(.burst) { text += " burst_size=\(band.burst)" }
            if case .remarkDSCP(let level) = band.effect { text += " prec_level=\(level)" }
        }
        return text + "\n"
    }

    public static func text(_ meter: MeterStatistics) -> String {
        var text = "meter:\(number(meter.meter)) flow_count:\(meter.flowCount) "
        text += "packet_in_count:\(meter.input.packets) byte_in_count:\(meter.input.bytes) "
        text += "duration:\(FlowText.duration(meter.durationNanoseconds)) bands:\n"
        for (index, band) in meter.bands.enumerated() {
            text += "\(index): packet_count:\(band.packets) byte_count:\(band.bytes)\n"
        }
        return text
    }

    // Reading.

    private static let words = ["meter", "bands", "band"] + flags.map(\.name)
    private static let bandWords = ["type", "rate", "burst_size", "prec_level"]

    /// The number alone, as the commands that name a meter take it: `meter=N`, or `N`.
    public static func parseNumber(_ text: String) throws(FlowTextError) -> UInt32 {
        let value = text.hasPrefix("meter=") ? String(text.dropFirst(6)) : text
        if let named = names.first(where: { $0.name == value })?.number { return named }
        guard let number = OpenFlow.parseNumber(value),
            (1...UInt128(MeterNumber.largest)).contains(number)
        else { throw FlowTextError("invalid meter \"\(value)\"", column: 1) }
        return UInt32(number)
    }

    public static func parse(
        _ line: String, _ command: MeterMod.Command
    ) throws(FlowTextError) -> MeterMod {
        var meter = MeterDescription(meter: 0)
        var tokens = FlowTextTokens(line)
        var bands: (text: String, column: Int)?
        while let token = try tokens.next() {
            if let flag = flags.first(where: { $0.name == token.key }) {
                meter.flags.insert(flag.flag)
                continue
            }
            switch token.key {
            case "meter":
                do throws(FlowTextError) {
                    meter.meter = try parseNumber(token.value)
                } catch {
                    throw FlowTextError(error.message, column: token.valueColumn)
                }
            case "bands", "band":
                let rest = line.utf8.dropFirst(token.valueColumn - 1)
                bands = (String(decoding: rest, as: UTF8.self), token.valueColumn)
            default:
                throw FlowTextError(
                    "unknown keyword \(token.key)", column: token.column,
                    suggestion: nearestWord(to: token.key, in: words))
            }
            if bands != nil { break }
        }
        let end = line.utf8.count + 1
        guard meter.meter != 0 else { throw FlowTextError("must specify 'meter'", column: end) }
        guard command != .delete else { return MeterMod(.delete, meter) }
        guard let bands else { throw FlowTextError("must specify bands", column: end) }
        guard meter.flags.contains(.kilobits) != meter.flags.contains(.packets) else {
            throw FlowTextError("meter must specify either 'kbps' or 'pktps'", column: end)
        }
        meter.bands = try parseBands(bands.text, column: bands.column, &meter.flags)
        return MeterMod(command, meter)
    }

    /// A `type` begins the next band.
    private static func parseBands(
        _ text: String, column: Int, _ flags: inout MeterDescription.Flags
    ) throws(FlowTextError) -> [MeterDescription.Band] {
        var bands: [MeterDescription.Band] = []
        var tokens = FlowTextTokens(text, column: column)
        while let token = try tokens.next() {
            if token.key == "type" {
                guard bands.count < Limits.buckets else {
                    throw FlowTextError("too many bands", column: token.column)
                }
                switch token.value {
                case "drop": bands.append(.init(.drop, rate: 0))
                case "dscp_remark":
                    bands.append(.init(.remarkDSCP(precedenceLevel: 0), rate: 0))
                default:
                    throw FlowTextError(
                        "field type unknown value \(token.value)", column: token.valueColumn,
                        suggestion: nearestWord(to: token.value, in: ["drop", "dscp_remark"]))
                }
                continue
            }
            guard bandWords.contains(token.key) else {
                throw FlowTextError(
                    "unknown keyword \(token.key)", column: token.column,
                    suggestion: nearestWord(to: token.key, in: bandWords))
            }
            guard let last = bands.indices.last else {
                throw FlowTextError("band must begin with its type", column: token.column)
            }
            let largest: UInt128 = token.key == "prec_level" ? 255 : UInt128(UInt32.max)
            guard let number = OpenFlow.parseNumber(token.value), number <= largest else {
                throw FlowTextError(
                    "invalid \(token.key) \"\(token.value)\"", column: token.valueColumn)
            }
            switch token.key {
            case "rate": bands[last].rate = UInt32(number)
            case "burst_size":
                bands[last].burst = UInt32(number)
                flags.insert(.burst)
            default:
                guard case .remarkDSCP = bands[last].effect else {
                    throw FlowTextError("prec_level is for dscp_remark", column: token.column)
                }
                bands[last].effect = .remarkDSCP(precedenceLevel: UInt8(number))
            }
        }
        guard !bands.contains(where: { $0.rate == 0 }) else {
            throw FlowTextError("band must have a rate", column: column)
        }
        return bands
    }
}
