import Flows
import Packets

// Groups as text: the syntax of `ovs-ofctl add-group` and what `dump-groups` prints.

/// Groups in the syntax of ovs-ofctl(8).
public enum GroupText {
    /// One line of `dump-groups`, without the space in front and the newline.
    ///
    /// - Parameter version: 1.0 and 1.5 tell ids of buckets.
    public static func line(
        _ group: GroupDescription, _ version: OpenFlowVersion, _ ports: PortNames = .none
    ) -> String {
        var text = "group_id=\(group.group),type=\(group.type.text)"
        text += selectionText(group.selection)
        for (index, bucket) in group.buckets.enumerated() {
            text += ",bucket="
            if version == .v10 || version >= .v15 {
                text += "bucket_id:\(bucket.id ?? UInt32(clamping: index)),"
            }
            if bucket.weight != group.type.usualWeight { text += "weight:\(bucket.weight)," }
            if let port = bucket.watchPort { text += "watch_port:\(ports.text(port))," }
            if let watched = bucket.watchGroup { text += "watch_group:\(watched)," }
            text += "actions=" + FlowText.text(Instructions(apply: bucket.actions), version, ports)
        }
        return text
    }

    private static func selectionText(_ selection: GroupSelection) -> String {
        guard !selection.method.isEmpty else { return "" }
        var text = ",selection_method=\(selection.method)"
        if selection.parameter != 0 { text += ",selection_method_param=\(selection.parameter)" }
        let fields = selection.fields.map { selected in
            guard selected.mask != selected.field.exactMask else { return selected.field.name }
            let mask = FieldText.value(selected.mask, of: selected.field, .none)
            return "\(selected.field.name)=\(mask)"
        }
        switch fields.count {
        case 0: return text
        case 1: return text + ",fields=\(fields[0])"
        default: return text + ",fields(\(fields.joined(separator: ",")))"
        }
    }

    /// One line of `dump-group-stats`, without the space in front and the newline.
    public static func line(_ group: GroupStatistics) -> String {
        var text = "group_id=\(group.group),"
        if group.durationNanoseconds != 0 {
            text += "duration=\(FlowText.duration(group.durationNanoseconds)),"
        }
        text += "ref_count=\(group.referenceCount),packet_count=\(group.total.packets),"
        text += "byte_count=\(group.total.bytes)"
        for (index, bucket) in group.buckets.enumerated() {
            text += ",bucket\(index):packet_count=\(bucket.packets),byte_count=\(bucket.bytes)"
        }
        return text
    }

    // Reading.

    private static let words = [
        "group_id", "type", "bucket", "buckets", "command_bucket_id", "selection_method",
        "selection_method_param", "fields",
    ]

    /// What `line` asks for with `command`.
    public static func parse(
        _ line: String, _ command: GroupMod.Command, _ ports: PortNames = .none
    ) throws(FlowTextError) -> GroupMod {
        var mod = GroupMod(command: command, group: GroupNumber.any)
        var hasType = false
        let cut = cutBuckets(line)
        var tokens = FlowTextTokens(cut.head)
        while let token = try tokens.next() {
            switch token.key {
            case "group_id":
                mod.group = try number(
                    token, upTo: UInt64(GroupNumber.largest), ["all": GroupNumber.all])
            case "type":
                guard let type = GroupType(text: token.value) else {
                    throw FlowTextError(
                        "invalid group type \(token.value)", column: token.valueColumn,
                        suggestion: nearestWord(
                            to: token.value, in: GroupType.allCases.map(\.text)))
                }
                mod.type = type
                hasType = true
            case "command_bucket_id": mod.commandBucket = try commandBucket(token)
            case "selection_method": mod.selection.method = token.value
            case "selection_method_param":
                guard let value = parseNumber(token.value).flatMap({ UInt64(exactly: $0) }) else {
                    throw invalid(token)
                }
                mod.selection.parameter = value
            case "fields": mod.selection.fields = try fields(token, ports)
            default:
                throw FlowTextError(
                    "unknown keyword \(token.key)", column: token.column,
                    suggestion: nearestWord(to: token.key, in: words))
            }
        }
        for bucket in cut.buckets {
            mod.buckets.append(
                try parseBucket(bucket.text, column: bucket.column, mod.type, ports))
        }
        try check(mod, hasType: hasType, end: line.utf8.count + 1)
        return mod
    }

    private static func check(
        _ mod: GroupMod, hasType: Bool, end: Int
    ) throws(FlowTextError) {
        guard mod.group != GroupNumber.any else {
            throw FlowTextError("must specify a group_id", column: end)
        }
        let makes = [.add, .modify, .addOrModify].contains(mod.command)
        guard hasType || !makes else { throw FlowTextError("must specify a type", column: end) }
        if mod.command == .delete || mod.command == .removeBucket, !mod.buckets.isEmpty {
            throw FlowTextError("no bucket may be named here", column: end)
        }
        let method = mod.selection.method
        guard method.isEmpty || mod.type == .select else {
            throw FlowTextError("selection_method is for select groups only", column: end)
        }
        guard ["", "hash", "dp_hash"].contains(method) else {
            throw FlowTextError("invalid selection method \(method): hash or dp_hash", column: end)
        }
    }

    /// The line up to its first bucket, and each bucket's text.
    private static func cutBuckets(
        _ line: String
    ) -> (head: String, buckets: [(text: String, column: Int)]) {
        let bytes = Array(line.utf8)
        let marks = ["bucket=", "buckets="].map { Array($0.utf8) }
        var starts: [(mark: Int, value: Int)] = []
        for at in bytes.indices {
            let isFirst = at == 0 || bytes[at - 1] == UInt8(ascii: ",") || bytes[at - 1] == 32
            guard isFirst else { continue }
            for mark in marks where bytes[at...].starts(with: mark) {
                starts.append((at, at + mark.count))
            }
        }
        func text(_ range: Range<Int>) -> String {
            var end = range.upperBound
            while end > range.lowerBound,
                bytes[end - 1] == UInt8(ascii: ",") || bytes[end - 1] == 32
            {
                end -= 1
            }
            return String(decoding: bytes[range.lowerBound..<end], as: UTF8.self)
        }
        let head = text(0..<(starts.first?.mark ?? bytes.count))
        let ends = starts.dropFirst().map(\.mark) + [bytes.count]
        return (
            head,
            zip(starts, ends).map { (text: text($0.value..<$1), column: $0.value + 1) }
        )
    }

    private static func parseBucket(
        _ text: String, column: Int, _ type: GroupType, _ ports: PortNames
    ) throws(FlowTextError) -> Bucket {
        var bucket = Bucket(weight: type.usualWeight)
        var tokens = FlowTextTokens(text, column: column)
        var actions: (text: String, column: Int)?
        reading: while true {
            var ahead = tokens
            guard let token = try ahead.next() else { break }
            switch token.key {
            case "weight": bucket.weight = UInt16(clamping: try number(token, upTo: 0xffff))
            case "watch_port":
                guard let port = ports.number(token.value) else {
                    throw FlowTextError(
                        "\(token.value): invalid watch_port", column: token.valueColumn)
                }
                bucket.watchPort = port == .none ? nil : port
            case "watch_group":
                bucket.watchGroup = try number(token, upTo: UInt64(GroupNumber.largest))
            case "bucket_id": bucket.id = try number(token, upTo: UInt64(Bucket.largestID))
            case "action", "actions":
                let rest = text.utf8.dropFirst(token.valueColumn - column)
                actions = (String(decoding: rest, as: UTF8.self), token.valueColumn)
                break reading
            default:
                actions = tokens.rest()
                break reading
            }
            tokens = ahead
        }
        guard let actions, !actions.text.isEmpty else {
            throw FlowTextError("bucket must specify actions", column: column + text.utf8.count)
        }
        if type == .fastFailover, bucket.watchPort == nil, bucket.watchGroup == nil {
            throw FlowTextError(
                "fast failover bucket requires watch_port or watch_group", column: column)
        }
        var parser = ActionParser(ports, match: Match(), depth: 1)
        let instructions = try parser.parse(actions.text, column: actions.column)
        guard instructions == Instructions(apply: instructions.apply) else {
            throw FlowTextError("a bucket must hold actions only", column: actions.column)
        }
        bucket.actions = instructions.apply
        return bucket
    }

    private static func commandBucket(
        _ token: FlowTextToken
    ) throws(FlowTextError) -> GroupMod.CommandBucket {
        switch token.value {
        case "all": return .all
        case "first": return .first
        case "last": return .last
        default: return .id(try number(token, upTo: UInt64(Bucket.largestID)))
        }
    }

    /// `eth_dst`, or `(ip_src,ip_dst=255.255.255.0)`.
    private static func fields(
        _ token: FlowTextToken, _ ports: PortNames
    ) throws(FlowTextError) -> [SelectedField] {
        var fields: [SelectedField] = []
        var tokens = FlowTextTokens(token.value, column: token.valueColumn)
        while let one = try tokens.next() {
            guard let field = FlowField.inText(one.key) else {
                throw FlowTextError(
                    "unknown field \(one.key)", column: one.column,
                    suggestion: nearestWord(to: one.key, in: FlowField.allNames))
            }
            var selected = SelectedField(field)
            if one.delimiter == .equals {
                guard let (mask, _) = FieldText.parse(one.value, of: field, ports) else {
                    throw FlowTextError("\(one.value): bad mask", column: one.valueColumn)
                }
                selected.mask = mask
            }
            fields.append(selected)
        }
        return fields
    }

    private static func invalid(_ token: FlowTextToken) -> FlowTextError {
        FlowTextError("invalid \(token.key) \"\(token.value)\"", column: token.valueColumn)
    }

    private static func number(
        _ token: FlowTextToken, upTo largest: UInt64, _ names: [String: UInt32] = [:]
    ) throws(FlowTextError) -> UInt32 {
        if let named = names[token.value] { return named }
        guard let value = parseNumber(token.value), value <= UInt128(largest) else {
            throw invalid(token)
        }
        return UInt32(value)
    }
}

extension GroupType {
    public var text: String {
        switch self {
        case .all: "all"
        case .select: "select"
        case .indirect: "indirect"
        case .fastFailover: "ff"
        }
    }

    init?(text: String) {
        let name = text == "fast_failover" ? "ff" : text
        guard let found = Self.allCases.first(where: { $0.text == name }) else { return nil }
        self = found
    }

    /// The weight of a bucket that names none, and that is not printed.
    var usualWeight: UInt16 { self == .select ? 1 : 0 }
}
