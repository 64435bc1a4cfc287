import Flows

// Rules as lines of text, in the syntax of ovs-ofctl(8) and ovs-actions(7).

public enum FlowText {
    /// What a rule has that names no priority, and what is not printed.
    public static let defaultPriority: UInt16 = 0x8000

    /// Flags as they are printed and read.
    private static let flags: [(name: String, flag: FlowMod.Flags)] = [
        ("send_flow_rem", .sendFlowRemoved), ("check_overlap", .checkOverlap),
        ("reset_counts", .resetCounts), ("no_packet_counts", .noPacketCounts),
        ("no_byte_counts", .noByteCounts),
    ]

    // Printing.

    /// One line of `dump-flows`, with the space in front and without a newline.
    ///
    /// - Parameter version: In which the rule was, or would be, told: actions are written as that
    ///   version says them (`mod_dl_src` in 1.0, `set_field` in 1.3).
    public static func line(
        _ flow: FlowDescription, _ version: OpenFlowVersion, _ ports: PortNames = .none
    ) -> String {
        let milliseconds = flow.durationNanoseconds / 1_000_000
        var text = " cookie=0x\(String(flow.cookie, radix: 16)), "
        text += "duration=\(duration(flow.durationNanoseconds)), "
        text += "table=\(flow.table), n_packets=\(flow.packets), n_bytes=\(flow.bytes), "
        if flow.idleTimeout != 0 { text += "idle_timeout=\(flow.idleTimeout), " }
        if flow.hardTimeout != 0 { text += "hard_timeout=\(flow.hardTimeout), " }
        for (name, flag) in flags where flow.flags.contains(flag) { text += name + " " }
        if flow.importance != 0 { text += "importance=\(flow.importance), " }
        if let age = flow.idleAgeSeconds { text += "idle_age=\(age), " }
        if let age = flow.hardAgeSeconds, UInt64(age) != milliseconds / 1000 {
            text += "hard_age=\(age), "
        }
        let match = MatchText.text(flow.match, priority: flow.priority, ports)
        if !match.isEmpty { text += match + " " }
        return text + "actions=" + ActionText.text(flow.instructions, version, ports)
    }

    /// Seconds with three digits behind the point: `1.500s`.
    public static func duration(_ nanoseconds: UInt64) -> String {
        let milliseconds = nanoseconds / 1_000_000
        let fraction = String(milliseconds % 1000)
        return "\(milliseconds / 1000)."
            + String(repeating: "0", count: 3 - fraction.utf8.count) + fraction + "s"
    }

    /// A match alone, fields joined by commas; empty for a match of everything.
    public static func text(_ match: Match, _ ports: PortNames = .none) -> String {
        MatchText.text(match, ports)
    }

    /// Actions alone, joined by commas; `drop` if there are none.
    public static func text(
        _ instructions: Instructions, _ version: OpenFlowVersion, _ ports: PortNames = .none
    ) -> String {
        ActionText.text(instructions, version, ports)
    }

    /// A flow mod as `ovs-ofctl` repeats it in an error.
    public static func text(
        _ mod: FlowMod, _ version: OpenFlowVersion, _ ports: PortNames = .none
    ) -> String {
        let commands = ["ADD", "MOD", "MOD_STRICT", "DEL", "DEL_STRICT"]
        var text = commands[Int(mod.command.rawValue)]
        if let table = mod.table, table != 0 { text += " table:\(table)" }
        let match = MatchText.text(mod.match, priority: mod.priority, ports)
        if !match.isEmpty { text += " " + match }
        if mod.command != .add, mod.cookieMask != 0 {
            text += " cookie:0x\(String(mod.cookie, radix: 16))"
            text += "/0x\(String(mod.cookieMask, radix: 16))"
        } else if mod.cookie != 0 {
            text += " cookie:0x\(String(mod.cookie, radix: 16))"
        }
        if mod.idleTimeout != 0 { text += " idle:\(mod.idleTimeout)" }
        if mod.hardTimeout != 0 { text += " hard:\(mod.hardTimeout)" }
        if mod.importance != 0 { text += " importance:\(mod.importance)" }
        if let port = mod.outPort { text += " out_port:\(ports.text(port))" }
        for (name, flag) in flags where mod.flags.contains(flag) { text += " " + name }
        return text + " actions=" + ActionText.text(mod.instructions, version, ports)
    }

    // Reading.

    /// The rule, or the selection of rules, that `line` describes for `command`. Adding and
    /// modifying need actions; deleting must have none.
    public static func parse(
        _ line: String, _ command: FlowMod.Command, _ ports: PortNames = .none
    ) throws(FlowTextError) -> FlowMod {
        var mod = FlowMod(command: command)
        mod.addsIfMissing = command == .modify || command == .modifyStrict
        var tokens = FlowTextTokens(line)
        var match = MatchParser(ports)
        var actions: (text: String, column: Int)?
        while let token = try tokens.next() {
            let isActions = token.key == "actions" || token.key == "action"
            if isActions, token.delimiter == .equals, command.hasActions {
                // All the rest of the line belongs to the actions.
                let rest = line.utf8.dropFirst(token.valueColumn - 1)
                actions = (String(decoding: rest, as: UTF8.self), token.valueColumn)
                break
            }
            if try match.take(token) { continue }
            if try take(token, into: &mod, ports) { continue }
            throw FlowTextError(
                "unknown keyword \(token.key)", column: token.column,
                suggestion: nearestWord(to: token.key, in: MatchParser.words + words))
        }
        mod.match = try match.finish()
        guard command.hasActions else { return mod }
        guard let actions else {
            throw FlowTextError("must specify an action", column: line.utf8.count + 1)
        }
        var parser = ActionParser(ports, match: mod.match)
        mod.instructions = try parser.parse(actions.text, column: actions.column)
        return mod
    }

    /// The selection that `dump-flows` and `dump-aggregate` take.
    public static func parseFilter(
        _ text: String, _ ports: PortNames = .none
    ) throws(FlowTextError) -> FlowFilter {
        let mod = try parse(text, .delete, ports)
        return FlowFilter(
            match: mod.match, table: mod.table, outPort: mod.outPort, outGroup: mod.outGroup,
            cookie: mod.cookie, cookieMask: mod.cookieMask)
    }

    /// A list of actions alone, as `packet-out` takes it.
    public static func parseActions(
        _ text: String, _ ports: PortNames = .none
    ) throws(FlowTextError) -> [Action] {
        var parser = ActionParser(ports, match: Match())
        let instructions = try parser.parse(text, column: 1)
        guard instructions == Instructions(apply: instructions.apply) else {
            throw FlowTextError("only actions are allowed here, no instructions", column: 1)
        }
        return instructions.apply
    }

    private static let words =
        [
            "table", "priority", "cookie", "idle_timeout", "hard_timeout", "out_port", "duration",
            "actions", "importance", "out_group",
        ] + flags.map(\.name)

    /// Takes a property of the rule that is not a condition; returns whether it was one.
    private static func take(
        _ token: FlowTextToken, into mod: inout FlowMod, _ ports: PortNames
    ) throws(FlowTextError) -> Bool {
        if token.delimiter == .none, let flag = flags.first(where: { $0.name == token.key }) {
            mod.flags.insert(flag.flag)
            return true
        }
        switch token.key {
        case "table":
            let table = UInt8(try number(token, upTo: 255))
            mod.table = table == 255 ? nil : table
        case "priority": mod.priority = UInt16(try number(token, upTo: 0xffff))
        case "idle_timeout": mod.idleTimeout = UInt16(try number(token, upTo: 0xffff))
        case "importance": mod.importance = UInt16(try number(token, upTo: 0xffff))
        case "out_group":
            let group = UInt32(try number(token, upTo: UInt64(UInt32.max)))
            mod.outGroup = group == GroupNumber.any ? nil : group
        case "hard_timeout": mod.hardTimeout = UInt16(try number(token, upTo: 0xffff))
        case "cookie": try takeCookie(token, into: &mod)
        case "out_port":
            guard let port = ports.number(token.value) else {
                throw FlowTextError(
                    "\(token.value): out_port is not a valid OpenFlow port",
                    column: token.valueColumn)
            }
            mod.outPort = port == .none ? nil : port
        // What dump-flows prints may be fed back: counters mean nothing here.
        case "duration", "n_packets", "n_bytes", "idle_age", "hard_age": break
        default: return false
        }
        return true
    }

    private static func number(
        _ token: FlowTextToken, upTo largest: UInt64
    ) throws(FlowTextError) -> UInt64 {
        guard let number = parseNumber(token.value), number <= UInt128(largest) else {
            throw FlowTextError(
                "invalid \(token.key) \"\(token.value)\"", column: token.valueColumn)
        }
        return UInt64(number)
    }

    private static func takeCookie(
        _ token: FlowTextToken, into mod: inout FlowMod
    ) throws(FlowTextError) {
        let parts = token.value.split(separator: "/", maxSplits: 1).map(parseNumber)
        let numbers = parts.compactMap { $0.map { UInt64(truncatingIfNeeded: $0) } }
        guard (1...2).contains(parts.count), numbers.count == parts.count else {
            throw FlowTextError(
                "invalid cookie \"\(token.value)\"", column: token.valueColumn)
        }
        if numbers.count == 2 {
            guard mod.command != .add else {
                throw FlowTextError(
                    "cannot set cookie mask when adding a flow", column: token.valueColumn)
            }
            (mod.cookie, mod.cookieMask) = (numbers[0] & numbers[1], numbers[1])
            mod.addsIfMissing = false
        } else if mod.command == .modify || mod.command == .modifyStrict {
            mod.newCookie = numbers[0]
        } else if mod.command == .add {
            mod.cookie = numbers[0]
        } else {
            throw FlowTextError(
                "cookie needs a mask to select by: cookie=\(token.value)/-1",
                column: token.valueColumn)
        }
    }
}

extension FlowMod.Command {
    fileprivate var hasActions: Bool { self == .add || self == .modify || self == .modifyStrict }
}

extension FlowText {
    /// A line of `dump-flows --no-stats`: what may be fed back to `add-flows`.
    public static func lineWithoutStatistics(
        _ flow: FlowDescription, _ version: OpenFlowVersion, _ ports: PortNames = .none
    ) -> String {
        var text = ""
        if flow.cookie != 0 { text += " cookie=0x\(String(flow.cookie, radix: 16))," }
        if flow.table != 0 { text += " table=\(flow.table)," }
        if flow.idleTimeout != 0 { text += " idle_timeout=\(flow.idleTimeout)," }
        if flow.hardTimeout != 0 { text += " hard_timeout=\(flow.hardTimeout)," }
        for (name, flag) in flags where flow.flags.contains(flag) { text += " " + name }
        if flow.importance != 0 { text += " importance=\(flow.importance)," }
        let match = MatchText.text(flow.match, priority: flow.priority, ports)
        if !match.isEmpty { text += " " + match }
        return text + " actions=" + ActionText.text(flow.instructions, version, ports)
    }
}
