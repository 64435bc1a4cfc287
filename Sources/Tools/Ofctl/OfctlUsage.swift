public import OpenFlow

// Commands by name: how many arguments each takes, and what they mean.

/// What `mod-port` does to one bit of a port's configuration.
public struct OfctlPortChange: Equatable, Sendable {
    public var bit: PortDescription.Config
    public var isSet: Bool

    private static let words: [(String, PortDescription.Config, Bool)] = [
        ("up", .down, false), ("down", .down, true), ("stp", .noSpanningTree, false),
        ("receive", .noReceive, false), ("receive-stp", .noReceiveSpanningTree, false),
        ("flood", .noFlood, false), ("forward", .noForward, false),
        ("packet-in", .noPacketIn, false),
    ]

    init(_ word: String) throws(OfctlFailure) {
        let isNegative = word.hasPrefix("no-")
        let name = isNegative ? String(word.dropFirst(3)) : word
        guard let found = Self.words.first(where: { $0.0 == name }),
            !isNegative || found.1 != .down
        else { throw OfctlFailure("unknown mod-port command '\(word)'") }
        bit = found.1
        isSet = found.2 != isNegative
    }
}

/// What `mod-table` does.
public enum OfctlTableChange: Equatable, Sendable {
    case miss(TableMod.Miss)
    case evict(Bool)
    /// nil: no vacancy events.
    case vacancy(TableMod.Vacancy?)

    init(_ text: String) throws(OfctlFailure) {
        switch text {
        case "controller": self = .miss(.controller)
        case "continue": self = .miss(.goOn)
        case "drop": self = .miss(.drop)
        case "evict": self = .evict(true)
        case "noevict": self = .evict(false)
        case "novacancy": self = .vacancy(nil)
        default:
            let numbers = text.hasPrefix("vacancy:")
                ? text.dropFirst(8).split(separator: ",").map { UInt8($0) } : []
            guard numbers.count == 2, let down = numbers[0], let up = numbers[1], down < up,
                up <= 100
            else {
                throw OfctlFailure(
                    "\(text): bad table setting (controller, continue, drop, evict, noevict, "
                        + "vacancy:LOW,HIGH or novacancy)")
            }
            self = .vacancy(.init(isOn: true, downPercent: down, upPercent: up))
        }
    }
}

struct OfctlUsage {
    typealias Command = OfctlCall.Command

    let name: String
    /// Arguments after the command's name, the bridge among them.
    let arguments: ClosedRange<Int>
    var readsFile = false
    /// What only 1.5 can say.
    var needsVersion15 = false

    private static func of(_ name: String, _ arguments: ClosedRange<Int>) -> OfctlUsage {
        OfctlUsage(name: name, arguments: arguments)
    }
    private static func file(_ name: String) -> OfctlUsage {
        OfctlUsage(name: name, arguments: 2...2, readsFile: true)
    }

    static let all: [OfctlUsage] = [
        of("show", 1...1), of("dump-desc", 1...1), of("dump-tables", 1...1),
        of("dump-table-features", 1...1), of("dump-table-desc", 1...1), of("dump-ports", 1...2),
        of("dump-ports-desc", 1...2), of("dump-flows", 1...2), of("dump-aggregate", 1...2),
        of("queue-stats", 1...3), of("queue-get-config", 1...2), of("add-flow", 2...2),
        file("add-flows"), of("mod-flows", 2...2), of("del-flows", 1...2), file("replace-flows"),
        of("diff-flows", 2...2), file("bundle"), of("packet-out", 2...64), of("mod-port", 3...3),
        of("mod-table", 3...3), of("get-frags", 1...1), of("set-frags", 2...2),
        of("add-group", 2...2), file("add-groups"), of("mod-group", 2...2), of("del-groups", 1...2),
        OfctlUsage(name: "insert-buckets", arguments: 2...2, needsVersion15: true),
        OfctlUsage(name: "remove-buckets", arguments: 2...2, needsVersion15: true),
        of("dump-groups", 1...2), of("dump-group-stats", 1...2), of("dump-group-features", 1...1),
        of("add-meter", 2...2), of("mod-meter", 2...2), of("del-meters", 1...2),
        of("del-meter", 1...2), of("dump-meters", 1...2), of("dump-meter", 1...2),
        of("meter-stats", 1...2), of("meter-features", 1...1), of("add-tlv-map", 2...2),
        of("del-tlv-map", 1...2), of("dump-tlv-map", 1...1), of("dump-ipfix-bridge", 1...1),
        of("dump-ipfix-flow", 1...1), of("ct-flush-zone", 2...2), of("ct-flush", 1...4),
        of("ofp-parse", 1...1), of("ofp-parse-pcap", 1...9), of("probe", 1...1),
        of("ping", 1...2), of("benchmark", 3...3), of("monitor", 1...4), of("snoop", 1...1),
    ]

    static func of(_ name: String, argumentCount: Int) throws(OfctlFailure) -> OfctlUsage {
        guard let usage = all.first(where: { $0.name == name }) else {
            let hint = OpenFlow.nearestWord(to: name, in: all.map(\.name))
                .map { "; did you mean '\($0)'?" } ?? ""
            throw OfctlFailure("unknown command '\(name)'; use --help for help\(hint)")
        }
        guard argumentCount >= usage.arguments.lowerBound else {
            throw OfctlFailure(
                "'\(name)' command requires at least \(usage.arguments.lowerBound) arguments")
        }
        guard argumentCount <= usage.arguments.upperBound else {
            throw OfctlFailure(
                "'\(name)' command takes at most \(usage.arguments.upperBound) arguments")
        }
        return usage
    }

    /// What the arguments after the bridge mean.
    func command(_ rest: [String], _ options: OfctlOptions) throws(OfctlFailure) -> Command {
        switch name {
        case "show": .show
        case "dump-desc": .dumpDescription
        case "dump-tables": .dumpTables
        case "dump-table-features": .dumpTableFeatures
        case "dump-table-desc": .dumpTableDescriptions
        case "dump-ports": .dumpPorts(rest.first)
        case "dump-ports-desc": .dumpPortDescriptions(rest.first)
        case "dump-flows": .dumpFlows(rest.first ?? "")
        case "dump-aggregate": .dumpAggregate(rest.first ?? "")
        case "queue-stats":
            .queueStatistics(
                port: rest.first, queue: rest.count > 1 ? try Self.number(rest[1], "queue") : nil)
        case "queue-get-config": .queueConfig(rest.first)
        case "get-frags": .getFragments
        case "set-frags": .setFragments(try Self.fragments(rest[0]))
        case "mod-port": .changePort(rest[0], try OfctlPortChange(rest[1]))
        case "mod-table":
            .changeTable(
                rest[0].lowercased() == "all" ? nil : try Self.number(rest[0], "table"),
                try OfctlTableChange(rest[1]))
        case "packet-out": try OfctlCall.packetOut(rest)
        case "probe": .probe
        case "ping": .ping
        case "benchmark":
            .benchmark(
                byteCount: Int(try Self.number(rest[0], "byte count") as UInt16),
                count: Int(try Self.number(rest[1], "count") as UInt32))
        case "monitor": try Self.monitor(rest)
        case "snoop": .snoop
        case "ofp-parse": .parseMessages
        case "ofp-parse-pcap": .parseCapture(ports: try Self.ports(rest))
        case "ct-flush": .flushConntrack(zone: try Self.zone(rest))
        case "diff-flows": .collectFlows
        default: try change(rest, options)
        }
    }

    private func change(_ rest: [String], _ options: OfctlOptions) throws(OfctlFailure) -> Command {
        let text = rest.first
        switch name {
        case "add-flow": return .change(.add, [rest[0]])
        case "add-flows": return .change(.add, [])
        case "mod-flows": return .change(options.isStrict ? .modifyStrict : .modify, [rest[0]])
        case "del-flows":
            return .change(options.isStrict ? .deleteStrict : .delete, [text ?? ""])
        case "replace-flows": return .replaceFlows
        case "bundle": return .bundle
        case "add-group": return .changeGroups(.add, [rest[0]])
        case "add-groups": return .changeGroups(.add, [])
        case "mod-group":
            return .changeGroups(options.mayCreate ? .addOrModify : .modify, [rest[0]])
        case "del-groups": return .changeGroups(.delete, [text ?? "group_id=all"])
        case "insert-buckets": return .changeGroups(.insertBucket, [rest[0]])
        case "remove-buckets": return .changeGroups(.removeBucket, [rest[0]])
        case "dump-groups": return .dumpGroups(try Self.group(text))
        case "dump-group-stats": return .dumpGroupStatistics(try Self.group(text))
        case "dump-group-features": return .dumpGroupFeatures
        case "add-meter": return .changeMeters(.add, [rest[0]])
        case "mod-meter": return .changeMeters(.modify, [rest[0]])
        case "del-meters", "del-meter": return .changeMeters(.delete, [text ?? "meter=all"])
        case "dump-meters", "dump-meter": return .dumpMeters(try Self.meter(text))
        case "meter-stats": return .meterStatistics(try Self.meter(text))
        case "meter-features": return .meterFeatures
        case "add-tlv-map": return .changeTLVMap(.add, try Self.mappings(rest[0]))
        case "del-tlv-map":
            guard let text else { return .changeTLVMap(.clear, []) }
            return .changeTLVMap(.delete, try Self.mappings(text))
        case "dump-tlv-map": return .dumpTLVMap
        case "dump-ipfix-bridge": return .dumpExporter(byFlow: false)
        case "dump-ipfix-flow": return .dumpExporter(byFlow: true)
        default: return .flushConntrack(zone: try Self.number(rest[0], "zone"))
        }
    }

    private static func number<Number: FixedWidthInteger>(
        _ text: String, _ what: String
    ) throws(OfctlFailure) -> Number {
        guard let number = OpenFlow.parseNumber(text).flatMap({ Number(exactly: $0) }) else {
            throw OfctlFailure("\(text): bad \(what) (0 to \(Number.max))")
        }
        return number
    }

    private static func group(_ text: String?) throws(OfctlFailure) -> UInt32 {
        guard let text, text != "all" else { return GroupNumber.all }
        return try number(text.hasPrefix("group_id=") ? String(text.dropFirst(9)) : text, "group")
    }

    private static func meter(_ text: String?) throws(OfctlFailure) -> UInt32 {
        guard let text else { return MeterNumber.all }
        do throws(FlowTextError) {
            return try MeterText.parseNumber(text)
        } catch {
            throw OfctlFailure("\(error)")
        }
    }

    private static func ports(_ rest: [String]) throws(OfctlFailure) -> [UInt16] {
        var ports: [UInt16] = []
        for text in rest { ports.append(try number(text, "port")) }
        return ports
    }

    /// `zone=N`. Single connections cannot be named: the switch knows none.
    private static func zone(_ rest: [String]) throws(OfctlFailure) -> UInt16? {
        guard let first = rest.first else { return nil }
        guard rest.count == 1, first.hasPrefix("zone=") else {
            throw OfctlFailure(
                "\(rest.last ?? first): this switch tracks no connections; only zone=N is known")
        }
        return try number(String(first.dropFirst(5)), "zone") as UInt16
    }

    private static func fragments(_ text: String) throws(OfctlFailure) -> UInt16 {
        guard let mode = fragmentModes.firstIndex(of: text) else {
            throw OfctlFailure("\(text): unknown fragment handling mode")
        }
        return UInt16(mode)
    }

    static let fragmentModes = ["normal", "drop", "reassemble", "nx-match"]

    private static func monitor(_ rest: [String]) throws(OfctlFailure) -> Command {
        var length: UInt16?
        var watch: [String] = []
        for word in rest {
            if word.hasPrefix("watch:") {
                watch.append(String(word.dropFirst(6)))
            } else if word != "invalid_ttl", word != "resume" {
                length = try number(word, "miss-len")
            }
        }
        return .monitor(missSendLength: length, watch: watch)
    }

    /// `{class=0xffff,type=0,len=4}->tun_metadata0,…`.
    private static func mappings(_ text: String) throws(OfctlFailure) -> [TLVMapping] {
        var mappings: [TLVMapping] = []
        for part in text.split(separator: "{") {
            let words = part.split { ",}= ->".contains($0) }.map(String.init)
            guard words.count >= 7, words[0] == "class", words[2] == "type", words[4] == "len",
                words[6].hasPrefix("tun_metadata")
            else {
                throw OfctlFailure("\(part): expected {class=C,type=T,len=L}->tun_metadataN")
            }
            mappings.append(
                TLVMapping(
                    optionClass: try number(words[1], "class"), type: try number(words[3], "type"),
                    byteCount: try number(words[5], "len"),
                    index: try number(String(words[6].dropFirst(12)), "field")))
        }
        return mappings
    }
}
