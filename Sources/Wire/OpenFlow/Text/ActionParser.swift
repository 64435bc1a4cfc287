import Flows
import Packets

// Actions, read from flow syntax. Instructions stand among the actions and must come in 1.3's
// order: actions, clear_actions, write_actions, write_metadata, goto_table.

struct ActionParser {
    let ports: PortNames
    /// Tells what `mod_tp_src` and the like write.
    let match: Match
    /// How many actions this list stands in.
    let depth: Int
    private var result = Instructions()
    /// Name and place in the order of the last instruction read.
    private var last: (name: String, rank: Int) = ("apply_actions", 0)

    init(_ ports: PortNames, match: Match, depth: Int = 0) {
        self.ports = ports
        self.match = match
        self.depth = depth
    }

    private static let words = [
        "output", "drop", "normal", "flood", "all", "in_port", "local", "controller", "enqueue",
        "mod_vlan_vid", "set_vlan_vid", "mod_vlan_pcp", "set_vlan_pcp", "strip_vlan", "pop_vlan",
        "push_vlan", "mod_dl_src", "mod_dl_dst", "mod_nw_src", "mod_nw_dst", "mod_nw_tos",
        "mod_nw_ecn", "mod_nw_ttl", "mod_tp_src", "mod_tp_dst", "set_field", "load", "move",
        "dec_ttl", "set_queue", "pop_queue", "resubmit", "learn", "note", "exit", "clear_actions",
        "write_actions", "write_metadata", "goto_table",
    ] + laterWords

    mutating func parse(_ text: String, column: Int) throws(FlowTextError) -> Instructions {
        var tokens = FlowTextTokens(text, column: column)
        var isDrop = false
        while let token = try tokens.next() {
            guard !isDrop else {
                throw FlowTextError(
                    "\"drop\" must not be accompanied by any other action or instruction",
                    column: token.column)
            }
            if token.key.lowercased() == "drop", token.delimiter == .none {
                isDrop = true
                guard result == Instructions() else {
                    throw FlowTextError(
                        "\"drop\" must not be accompanied by any other action or instruction",
                        column: token.column)
                }
            } else if try !takeInstruction(token) {
                try advance(to: "apply_actions", rank: 0, token)
                guard result.apply.count < Limits.actions else {
                    throw FlowTextError("too many actions", column: token.column)
                }
                result.apply += try actions(token)
            }
        }
        return result
    }

    private mutating func advance(
        to name: String, rank: Int, _ token: FlowTextToken
    ) throws(FlowTextError) {
        guard rank >= last.rank else {
            throw FlowTextError(
                "invalid instruction ordering: \(name) must appear before \(last.name), for "
                    + "OpenFlow 1.1+ compatibility", column: token.column)
        }
        guard rank > last.rank || rank == 0 else {
            throw FlowTextError("duplicate \(name) instruction", column: token.column)
        }
        last = (name, rank)
    }

    private mutating func takeInstruction(_ token: FlowTextToken) throws(FlowTextError) -> Bool {
        switch token.key.lowercased() {
        case "meter" where result == Instructions():
            let meter = UInt32(try number(token, upTo: UInt64(MeterNumber.largest)))
            guard meter > 0 else { throw bad(token, "a meter from 1") }
            result.meter = meter
        case "meter": return false
        case "clear_actions":
            try advance(to: "clear_actions", rank: 1, token)
            result.clearsActionSet = true
        case "write_actions":
            try advance(to: "write_actions", rank: 2, token)
            var inner = ActionParser(ports, match: match, depth: depth + 1)
            let written = try inner.parse(token.value, column: token.valueColumn)
            guard written == Instructions(apply: written.apply) else {
                throw FlowTextError(
                    "write_actions must hold actions only", column: token.valueColumn)
            }
            result.write = written.apply
        case "write_metadata":
            try advance(to: "write_metadata", rank: 3, token)
            guard
                let (value, mask) = FieldText.parse(token.value, of: .metadata, ports)
            else { throw bad(token, "a number, or number/mask, of 64 bits") }
            let bits = mask?.low ?? .max
            result.metadata = Masked(value.low & bits, mask: bits)
        case "goto_table":
            try advance(to: "goto_table", rank: 4, token)
            guard let table = parseNumber(token.value), table <= 255 else {
                throw bad(token, "a table from 0 to 255")
            }
            result.gotoTable = UInt8(table)
        default: return false
        }
        return true
    }

    func bad(_ token: FlowTextToken, _ expected: String) -> FlowTextError {
        FlowTextError(
            "\(token.value): bad argument of \(token.key) (\(expected))",
            column: token.valueColumn)
    }

    func number(
        _ token: FlowTextToken, upTo largest: UInt64
    ) throws(FlowTextError) -> UInt64 {
        guard let number = parseNumber(token.value), number <= UInt128(largest) else {
            throw bad(token, "a number up to \(largest)")
        }
        return UInt64(number)
    }

    /// One token is one action, but for the ports that `output:1,2` goes on with.
    private func actions(_ token: FlowTextToken) throws(FlowTextError) -> [Action] {
        switch token.key.lowercased() {
        case "output": return [try output(token)]
        case "controller": return [try controller(token)]
        case "enqueue": return [try enqueue(token)]
        case "resubmit": return [try resubmit(token)]
        case "set_field": return [try setField(token)]
        case "load": return [try load(token)]
        case "move": return [try move(token)]
        case "learn":
            return [.learn(try LearnText.parse(token.value, column: token.valueColumn, ports))]
        case "note": return [.note(try note(token))]
        case "exit": return [.exit]
        case "dec_ttl":
            guard token.delimiter != .none, !token.value.isEmpty else { return [.decrementTTL] }
            var ids: [UInt16] = []
            for part in token.value.split(whereSeparator: { $0 == "," || $0 == " " }) {
                guard let id = parseNumber(part).flatMap({ UInt16(exactly: $0) }) else {
                    throw bad(token, "controller ids")
                }
                ids.append(id)
            }
            guard !ids.isEmpty else {
                throw FlowTextError(
                    "\(token.key): expected at least one controller id",
                    column: token.valueColumn)
            }
            return [.decrementTTLTelling(ids)]
        case "strip_vlan", "pop_vlan": return [.stripVLAN]
        case "push_vlan":
            let type = UInt16(try number(token, upTo: 0xffff))
            guard type == EtherType.vlan || type == EtherType.serviceVLAN else {
                throw bad(token, "0x8100 or 0x88a8")
            }
            return [.pushVLAN(tpid: type)]
        case "set_queue": return [.setQueue(UInt32(try number(token, upTo: UInt64(UInt32.max))))]
        case "pop_queue": return [.popQueue]
        default:
            if token.key == "meter" {
                return [.meter(UInt32(try number(token, upTo: UInt64(MeterNumber.largest))))]
            }
            if let action = try legacy(token) { return [action] }
            if let action = try later(token) { return [action] }
            return [try bare(token)]
        }
    }

    /// `mod_…`: OpenFlow 1.0's actions, each for one field.
    private func legacy(_ token: FlowTextToken) throws(FlowTextError) -> Action? {
        switch token.key.lowercased() {
        case "set_vlan_vid":
            let id = try number(token, upTo: 0xfff)
            return .setField(.vlanVID, FieldValue(low: id | UInt64(VLANTag.present)))
        case "set_vlan_pcp":
            return .setField(.vlanPCP, FieldValue(low: try number(token, upTo: 7)))
        case "mod_vlan_vid":
            return .setVLANID(UInt16(try number(token, upTo: 0xfff)))
        case "mod_vlan_pcp":
            return .setVLANPriority(UInt8(try number(token, upTo: 7)))
        case "mod_dl_src": return try write(.ethSrc, token)
        case "mod_dl_dst": return try write(.ethDst, token)
        case "mod_nw_src": return try write(.ipv4Src, token)
        case "mod_nw_dst": return try write(.ipv4Dst, token)
        case "mod_nw_tos":
            let tos = try number(token, upTo: 255)
            guard tos & 3 == 0 else {
                throw FlowTextError("\(token.value): not a valid TOS", column: token.valueColumn)
            }
            return .setField(.ipDSCP, FieldValue(low: tos >> 2))
        case "mod_nw_ecn": return .setField(.nwECN, FieldValue(low: try number(token, upTo: 3)))
        case "mod_nw_ttl": return .setOwn(.nwTTL, FieldValue(low: try number(token, upTo: 255)))
        case "mod_tp_src": return try write(MatchParser.field("tp_src", under: match), token)
        case "mod_tp_dst": return try write(MatchParser.field("tp_dst", under: match), token)
        default: return nil
        }
    }

    private func write(
        _ field: FlowField, _ token: FlowTextToken
    ) throws(FlowTextError) -> Action {
        guard let (value, mask) = FieldText.parse(token.value, of: field, ports), mask == nil
        else { throw bad(token, "a value of \(field.name)") }
        return .setField(field, value)
    }

    /// A port, by number or name: `2`, `NORMAL`, `"eth1"`.
    private func bare(_ token: FlowTextToken) throws(FlowTextError) -> Action {
        guard token.delimiter == .none, let port = ports.number(token.key) else {
            throw FlowTextError(
                "unknown action \(token.key)", column: token.column,
                suggestion: nearestWord(to: token.key, in: Self.words + ports.known))
        }
        if port == .controller { return .controller(ControllerAction()) }
        return .output(port: port, maxLength: 0)
    }
}
