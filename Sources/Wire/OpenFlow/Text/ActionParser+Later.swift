import Flows
import Packets

// Nicira's later actions, groups' and meters', read from flow syntax.

extension ActionParser {
    static let laterWords = [
        "group", "meter", "multipath", "bundle", "bundle_load", "conjunction", "push", "pop",
        "push_mpls", "pop_mpls", "dec_mpls_ttl", "set_mpls_label", "set_mpls_tc", "set_mpls_ttl",
        "set_tunnel", "set_tunnel64", "fin_timeout", "sample", "check_pkt_larger", "clone", "ct",
        "ct_clear", "nat", "encap", "decap", "dec_nsh_ttl", "delete_field",
    ]

    /// nil: not one of these.
    func later(_ token: FlowTextToken) throws(FlowTextError) -> Action? {
        switch token.key.lowercased() {
        case "group": return .group(UInt32(try number(token, upTo: UInt64(GroupNumber.largest))))
        case "multipath": return .multipath(try multipath(token))
        case "bundle": return .bundle(try bundle(token, isLoad: false))
        case "bundle_load": return .bundle(try bundle(token, isLoad: true))
        case "conjunction": return try conjunction(token)
        case "push": return .push(try field(token, isWritten: false))
        case "pop": return .pop(try field(token, isWritten: true))
        case "push_mpls":
            let type = UInt16(try number(token, upTo: 0xffff))
            guard EtherType.isMPLS(type) else { throw bad(token, "0x8847 or 0x8848") }
            return .pushMPLS(ethType: type)
        case "pop_mpls": return .popMPLS(ethType: UInt16(try number(token, upTo: 0xffff)))
        case "dec_mpls_ttl": return .decrementMPLSTTL
        case "set_mpls_label": return try setOwn(.mplsLabel, token, upTo: 0xf_ffff)
        case "set_mpls_tc": return try setOwn(.mplsTC, token, upTo: 7)
        case "set_mpls_ttl": return try setOwn(.mplsTTL, token, upTo: 255)
        case "set_tunnel":
            let id = FieldValue(low: try number(token, upTo: .max))
            // What does not fit the short action is the long one.
            return id.low > UInt64(UInt32.max) ? .setOwn(.tunnelID, id) : .setField(.tunnelID, id)
        case "set_tunnel64": return try setOwn(.tunnelID, token, upTo: .max)
        case "fin_timeout": return try finTimeout(token)
        case "sample": return .sample(try sample(token))
        case "check_pkt_larger": return try checkPacketLarger(token)
        case "clone": return .clone(try nested(token))
        case "ct": return .conntrack(try conntrack(token))
        case "ct_clear": return .conntrackClear
        case "nat": return .nat(try nat(token))
        case "encap": return .encap(try encap(token))
        case "decap": return .decap(try decap(token))
        case "dec_nsh_ttl": return .decrementNSHTTL
        case "delete_field":
            guard let field = FlowField.inText(token.value) else {
                throw FlowTextError(
                    "\(token.value): unknown field", column: token.valueColumn,
                    suggestion: nearestWord(to: token.value, in: FlowField.allNames))
            }
            return .deleteField(field)
        default: return nil
        }
    }

    private func setOwn(
        _ field: FlowField, _ token: FlowTextToken, upTo largest: UInt64
    ) throws(FlowTextError) -> Action {
        .setOwn(field, FieldValue(low: try number(token, upTo: largest)))
    }

    private func field(
        _ token: FlowTextToken, isWritten: Bool
    ) throws(FlowTextError) -> FieldRange {
        let range = try FieldRange.parse(token.value, column: token.valueColumn)
        guard !isWritten || range.field.isWritable else {
            throw FlowTextError("\(token.value) is read-only", column: token.valueColumn)
        }
        return range
    }

    /// Actions within an action. Instructions have no place there.
    private func nested(_ token: FlowTextToken) throws(FlowTextError) -> [Action] {
        guard depth < Limits.actionDepth else {
            throw FlowTextError("actions nest too deep", column: token.column)
        }
        var inner = ActionParser(ports, match: match, depth: depth + 1)
        let instructions = try inner.parse(token.value, column: token.valueColumn)
        guard instructions == Instructions(apply: instructions.apply) else {
            throw FlowTextError(
                "\(token.key) must hold actions only", column: token.valueColumn)
        }
        return instructions.apply
    }

    private func parts(_ token: FlowTextToken) -> [String] {
        token.value.split { $0 == "," || $0 == " " }.map(String.init)
    }

    private func multipath(_ token: FlowTextToken) throws(FlowTextError) -> MultipathAction {
        let parts = parts(token)
        guard parts.count == 6,
            let fields = HashFields.allCases.first(where: { $0.text == parts[0] }),
            let basis = parseNumber(parts[1]).flatMap({ UInt16(exactly: $0) }),
            let algorithm = MultipathAction.Algorithm.allCases.first(where: {
                $0.text == parts[2]
            }),
            let links = parseNumber(parts[3]), (1...65536).contains(links),
            let argument = parseNumber(parts[4]).flatMap({ UInt32(exactly: $0) })
        else { throw bad(token, "FIELDS,BASIS,ALGORITHM,LINKS,ARGUMENT,FIELD[]") }
        let destination = try FieldRange.parse(parts[5], column: token.valueColumn)
        guard destination.field.isWritable else {
            throw FlowTextError("\(parts[5]) is read-only", column: token.valueColumn)
        }
        guard destination.width >= 16 || links <= 1 << UInt128(destination.width) else {
            throw bad(token, "\(destination.width) bits hold fewer than \(links) links")
        }
        return MultipathAction(
            fields: fields, basis: basis, algorithm: algorithm, maxLink: UInt16(links - 1),
            argument: argument, destination: destination)
    }

    private func bundle(
        _ token: FlowTextToken, isLoad: Bool
    ) throws(FlowTextError) -> BundleAction {
        let words = token.value.split { ", []:".contains($0) }.map(String.init)
        let expected =
            "FIELDS,BASIS,ALGORITHM,ofport," + (isLoad ? "FIELD[]," : "") + "members:PORT,…"
        guard let at = words.firstIndex(where: { $0 == "members" || $0 == "slaves" }),
            at == (isLoad ? 5 : 4), words[3] == "ofport",
            let fields = HashFields.allCases.first(where: { $0.text == words[0] }),
            let basis = parseNumber(words[1]).flatMap({ UInt16(exactly: $0) }),
            let algorithm = BundleAction.Algorithm.allCases.first(where: { $0.text == words[2] })
        else { throw bad(token, expected) }
        var bundle = BundleAction(fields: fields, basis: basis, algorithm: algorithm, members: [])
        if isLoad {
            let name = token.value.split { $0 == "," || $0 == " " }[4]
            bundle.destination = try FieldRange.parse(String(name), column: token.valueColumn)
        }
        for word in words[(at + 1)...] {
            guard let port = ports.number(word), bundle.members.count < Limits.bundleMembers else {
                throw FlowTextError("\(word): bad port number", column: token.valueColumn)
            }
            bundle.members.append(port)
        }
        return bundle
    }

    private func conjunction(_ token: FlowTextToken) throws(FlowTextError) -> Action {
        let numbers = token.value.split { ",/ ".contains($0) }.map(parseNumber)
        guard numbers.count == 3, let id = numbers[0].flatMap({ UInt32(exactly: $0) }),
            let clause = numbers[1], let count = numbers[2], (2...64).contains(count),
            (1...count).contains(clause)
        else { throw bad(token, "ID,K/N with 1 <= K <= N, N from 2 to 64") }
        return .conjunction(id: id, clause: UInt8(clause - 1), count: UInt8(count))
    }

    private func finTimeout(_ token: FlowTextToken) throws(FlowTextError) -> Action {
        var idle: UInt16 = 0
        var hard: UInt16 = 0
        try options(token, ["idle_timeout", "hard_timeout"]) { (option) throws(FlowTextError) in
            let seconds = UInt16(try number(option, upTo: 0xffff))
            if option.key == "idle_timeout" { idle = seconds } else { hard = seconds }
        }
        return .finTimeout(idle: idle, hard: hard)
    }

    /// Hands each `key=value` of the token's list to `body`; others are answered with the nearest.
    func options(
        _ token: FlowTextToken, _ known: [String],
        _ body: (FlowTextToken) throws(FlowTextError) -> Void
    ) throws(FlowTextError) {
        var tokens = FlowTextTokens(token.value, column: token.valueColumn)
        while let option = try tokens.next() {
            guard known.contains(option.key) else {
                throw FlowTextError(
                    "unknown key \"\(option.key)\" in \(token.key)", column: option.column,
                    suggestion: nearestWord(to: option.key, in: known))
            }
            try body(option)
        }
    }

    private func sample(_ token: FlowTextToken) throws(FlowTextError) -> SampleAction {
        var sample = SampleAction(probability: 0)
        let known = [
            "probability", "collector_set_id", "obs_domain_id", "obs_point_id", "sampling_port",
            "ingress", "egress",
        ]
        func wide(_ option: FlowTextToken) throws(FlowTextError) -> UInt32 {
            UInt32(try number(option, upTo: UInt64(UInt32.max)))
        }
        try options(token, known) { (option) throws(FlowTextError) in
            switch option.key {
            case "probability": sample.probability = UInt16(try number(option, upTo: 0xffff))
            case "collector_set_id": sample.collectorSet = try wide(option)
            case "obs_domain_id": sample.observationDomain = try wide(option)
            case "obs_point_id": sample.observationPoint = try wide(option)
            case "sampling_port": sample.samplingPort = ports.number(option.value)
            case "ingress": sample.direction = .ingress
            default: sample.direction = .egress
            }
        }
        guard sample.probability > 0 else { throw bad(token, "probability from 1 to 65535") }
        return sample
    }

    private func checkPacketLarger(_ token: FlowTextToken) throws(FlowTextError) -> Action {
        guard let byteCount = parseNumber(token.value).flatMap({ UInt16(exactly: $0) }),
            token.suffix.hasPrefix("->")
        else { throw bad(token, "check_pkt_larger(BYTES)->FIELD[BIT]") }
        let bit = try FieldRange.parse(String(token.suffix.dropFirst(2)), column: token.valueColumn)
        guard bit.width == 1, bit.field.isWritable else {
            throw bad(token, "one bit of a field that can be written")
        }
        return .checkPacketLarger(byteCount: byteCount, bit)
    }

    // Connection tracking.

    private func conntrack(_ token: FlowTextToken) throws(FlowTextError) -> ConntrackAction {
        var action = ConntrackAction()
        var nats: [Action] = []
        var inner: [Action] = []
        let known = ["commit", "force", "table", "zone", "alg", "nat", "exec"]
        try options(token, known) { (option) throws(FlowTextError) in
            switch option.key {
            case "commit": action.commits = true
            case "force": action.forces = true
            case "table": action.table = UInt8(try number(option, upTo: 254))
            case "zone":
                if let zone = parseNumber(option.value).flatMap({ UInt16(exactly: $0) }) {
                    action.zone = .number(zone)
                } else {
                    action.zone = .field(
                        try FieldRange.parse(option.value, column: option.valueColumn))
                }
            case "alg":
                guard let helper = ["ftp": UInt16(21), "tftp": 69][option.value] else {
                    throw bad(option, "ftp or tftp")
                }
                action.helper = helper
            case "nat": nats = [.nat(try nat(option))]
            default:
                inner = try nested(option)
                guard inner.allSatisfy({ $0.mayBeTracked }) else {
                    throw bad(option, "set_field, load and move only")
                }
            }
        }
        guard !action.forces || action.commits else { throw bad(token, "force needs commit") }
        action.actions = nats + inner
        return action
    }

    private func nat(_ token: FlowTextToken) throws(FlowTextError) -> NATAction {
        var nat = NATAction()
        let known = ["src", "dst", "persistent", "hash", "random"]
        try options(token, known) { (option) throws(FlowTextError) in
            switch option.key {
            case "src", "dst":
                nat.direction = option.key == "src" ? .source : .destination
                if !option.value.isEmpty { try addRange(option, to: &nat) }
            case "persistent": nat.isPersistent = true
            case "hash": nat.choice = .hash
            default: nat.choice = .random
            }
        }
        return nat
    }

    /// `ADDRESS[-ADDRESS][:PORT[-PORT]]`; an IPv6 address before ports stands in brackets.
    private func addRange(_ token: FlowTextToken, to nat: inout NATAction) throws(FlowTextError) {
        let expected = "ADDRESS[-ADDRESS][:PORT[-PORT]]"
        var addresses = token.value[...]
        var portText = ""
        let isBracketed = addresses.contains("[")
        let isVersion6 = isBracketed || addresses.filter { $0 == ":" }.count > 1
        if let at = addresses.lastIndex(of: ":"),
            !isVersion6 || isBracketed && addresses[at...].allSatisfy({ $0 != "]" })
        {
            portText = String(addresses[addresses.index(after: at)...])
            addresses = addresses[..<at]
        }
        let ends = addresses.filter { $0 != "[" && $0 != "]" }.split(separator: "-")
            .map(String.init)
        if isVersion6 {
            let parsed = ends.compactMap { IPv6Address($0) }
            guard parsed.count == ends.count, (1...2).contains(ends.count) else {
                throw bad(token, expected)
            }
            nat.addresses = .ipv6(parsed[0], parsed.dropFirst().first)
        } else if !ends.isEmpty {
            let parsed = ends.compactMap { IPv4Address($0) }
            guard parsed.count == ends.count, ends.count <= 2 else { throw bad(token, expected) }
            nat.addresses = .ipv4(parsed[0], parsed.dropFirst().first)
        }
        guard !portText.isEmpty else { return }
        let numbers = portText.split(separator: "-").map { UInt16($0) }
        guard (1...2).contains(numbers.count), let first = numbers[0],
            numbers.allSatisfy({ $0 != nil })
        else { throw bad(token, expected) }
        nat.firstPort = first
        nat.lastPort = numbers.dropFirst().first ?? nil
    }

    // Headers of other protocols.

    private func encap(_ token: FlowTextToken) throws(FlowTextError) -> EncapAction {
        var tokens = FlowTextTokens(token.value, column: token.valueColumn)
        guard let inner = try tokens.next() else { throw bad(token, "ethernet, nsh or mpls") }
        guard let type = PacketType.encapNames.first(where: { $0.name == inner.key })?.type else {
            throw FlowTextError(
                "\(inner.key): encap of unknown packet type", column: inner.column,
                suggestion: nearestWord(to: inner.key, in: PacketType.encapNames.map(\.name)))
        }
        var encap = EncapAction(type)
        try options(inner, ["md_type", "tlv"]) { (option) throws(FlowTextError) in
            if option.key == "md_type" {
                let kind = UInt8(try number(option, upTo: 255))
                encap.properties.append(.init(propertyClass: 4, type: 1, bytes: [kind]))
                return
            }
            let parts = option.value.split(separator: ",").map { parseNumber($0) }
            guard parts.count == 3, let optionClass = parts[0].flatMap({ UInt16(exactly: $0) }),
                let kind = parts[1].flatMap({ UInt8(exactly: $0) }),
                let text = option.value.split(separator: ",").last?.dropFirst(2)
            else { throw bad(option, "CLASS,TYPE,0xVALUE") }
            let digits = (text.count.isMultiple(of: 2) ? "" : "0") + text
            let value = stride(from: 0, to: digits.count, by: 2).compactMap { at in
                UInt8(digits.dropFirst(at).prefix(2), radix: 16)
            }
            guard value.count * 2 == digits.count, value.count <= 247 else {
                throw bad(option, "CLASS,TYPE,0xVALUE")
            }
            encap.properties.append(
                .init(
                    propertyClass: 4, type: 2,
                    bytes: [
                        UInt8(optionClass >> 8), UInt8(truncatingIfNeeded: optionClass), kind,
                        UInt8(value.count),
                    ] + value))
        }
        return encap
    }

    private func decap(_ token: FlowTextToken) throws(FlowTextError) -> PacketType? {
        var tokens = FlowTextTokens(token.value, column: token.valueColumn)
        guard let inner = try tokens.next() else { return nil }
        guard inner.key == "packet_type" else {
            throw bad(token, "packet_type(ns=…,type=…)")
        }
        var number: UInt32 = 0
        try options(inner, ["ns", "type"]) { (option) throws(FlowTextError) in
            let value = UInt32(try self.number(option, upTo: 0xffff))
            number |= option.key == "ns" ? value << 16 : value
        }
        return PacketType(rawValue: number)
    }
}
