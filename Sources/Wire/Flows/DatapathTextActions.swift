import Packets

// The text of actions, read back.

extension DatapathText {
    /// Reads a list of actions; `drop` is the empty list.
    ///
    /// - Throws: With the part that was not understood, or that nests deeper than `nestingMax`.
    public static func parseActions(
        _ text: String
    ) throws(DatapathTextError) -> [DatapathAction] {
        try readActions(text[...], depth: 0)
    }

    private static func readActions(
        _ text: Substring, depth: Int
    ) throws(DatapathTextError) -> [DatapathAction] {
        guard text != "drop" else { return [] }
        guard depth <= nestingMax else { throw DatapathTextError(text, "nested too deep") }
        var actions: [DatapathAction] = []
        for item in try items(text) { actions.append(try action(item, depth: depth)) }
        return actions
    }

    private static func action(
        _ item: Item, depth: Int
    ) throws(DatapathTextError) -> DatapathAction {
        guard let body = item.body else {
            if item.name == "pop_vlan" { return .popVLAN }
            if item.name == "drop" { return .drop(.droppedByRule) }
            guard let port = number(item.name, as: UInt32.self) else {
                throw DatapathTextError(item.name, "no such action")
            }
            return .output(port: port)
        }
        switch item.name {
        case "clone", "sample", "check_pkt_len", "dec_ttl":
            if let action = try nesting(item.name, body, depth: depth) { return action }
        case "set":
            guard let header = try items(body).first, let inner = header.body else { break }
            return .set(try rewrite(header.name, inner))
        case "hash": return try hash(body)
        case "push_vlan": return try pushVLAN(body)
        case "push_mpls": return try pushMPLS(body)
        case "pop_mpls":
            let type = try items(body).first?.name ?? ""
            guard type.hasPrefix("eth_type="),
                let etherType = number(type.dropFirst(9), as: UInt16.self)
            else { break }
            return .popMPLS(etherType: etherType)
        case "drop":
            guard let end = PacketEnd.allCases.first(where: { $0.name == body }) else { break }
            return .drop(end)
        case "userspace": return .userspace(cookie: try cookie(body))
        default:
            guard let argument = number(body, as: UInt32.self) else { break }
            if item.name == "trunc" { return .truncate(byteCount: argument) }
            if item.name == "recirc" { return .recirculate(id: argument) }
            if item.name == "meter" { return .meter(id: argument) }
        }
        throw DatapathTextError("\(item.name)(\(body))", "no such action")
    }

    private static func number<Number: FixedWidthInteger>(
        _ text: Substring, as _: Number.Type
    ) -> Number? {
        textNumber(text).flatMap(Number.init(exactly:))
    }

    /// Actions with lists inside. nil if a part is missing.
    private static func nesting(
        _ name: Substring, _ body: Substring, depth: Int
    ) throws(DatapathTextError) -> DatapathAction? {
        guard name != "clone" else { return .clone(try readActions(body, depth: depth + 1)) }
        let parts = try items(body)
        func list(_ name: String) throws(DatapathTextError) -> [DatapathAction]? {
            guard let body = parts.first(where: { $0.name == name })?.body else { return nil }
            return try readActions(body, depth: depth + 1)
        }
        let first = parts.first?.name ?? ""
        switch name {
        case "dec_ttl":
            guard let expired = try list("le_1") else { return nil }
            return .decrementTTL(ifExpired: expired)
        case "sample":
            guard first.hasPrefix("sample="), let odds = probability(first.dropFirst(7)),
                let actions = try list("actions")
            else { return nil }
            return .sample(probability: odds, actions)
        default:
            guard first.hasPrefix("size="), let size = number(first.dropFirst(5), as: UInt16.self),
                let ifGreater = try list("gt"), let otherwise = try list("le")
            else { return nil }
            return .checkLength(byteCount: size, ifGreater: ifGreater, otherwise: otherwise)
        }
    }

    /// `12.5%` of 2³² - 1, to the nearest.
    static func probability(_ text: Substring) -> UInt32? {
        guard text.last == "%" else { return nil }
        let halves = text.dropLast().split(
            separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let fraction = halves.count == 2 ? halves[1] : ""
        let digits = fraction + String(repeating: "0", count: max(0, 9 - fraction.utf8.count))
        guard digits.utf8.count == 9, let whole = halves.first.flatMap({ textNumber($0) }),
            whole <= 100, digits.utf8.allSatisfy({ 48...57 ~= $0 }), let rest = UInt64(digits)
        else { return nil }
        let scaled = whole * 1_000_000_000 + rest
        guard scaled <= 100_000_000_000 else { return nil }
        let product = UInt128(scaled) * UInt128(UInt32.max) + 50_000_000_000
        return UInt32(truncatingIfNeeded: product / 100_000_000_000)
    }

    private static func rewrite(
        _ name: Substring, _ body: Substring
    ) throws(DatapathTextError) -> HeaderRewrite {
        guard
            let kind = HeaderKind.allCases.first(where: { TextHeader.settable($0).name == name })
        else { throw DatapathTextError(name, "not a header that can be set") }
        var (value, mask) = (FlowKey(), FlowMask())
        try readHeader(TextHeader.settable(kind), body, &value, &mask)
        guard kind.fields.covers(mask), mask != FlowMask() else {
            throw DatapathTextError(body, "not fields that can be set")
        }
        return HeaderRewrite(kind, value: value, mask: mask)
    }

    private static func hash(_ body: Substring) throws(DatapathTextError) -> DatapathAction {
        guard let item = try items(body).first,
            let algorithm = PacketHash.allCases.first(where: { $0.name == item.name }),
            let basis = item.body.flatMap({ number($0, as: UInt32.self) })
        else { throw DatapathTextError(body, "not a hash") }
        return .hash(algorithm, basis: basis)
    }

    private static func pushMPLS(_ body: Substring) throws(DatapathTextError) -> DatapathAction {
        let parts = try items(body)
        guard let type = parts.last?.name, type.hasPrefix("eth_type="), parts.count > 1,
            let etherType = number(type.dropFirst(9), as: UInt16.self)
        else { throw DatapathTextError(body, "not a label with its Ethernet type") }
        var (value, mask) = (FlowKey(), FlowMask())
        let label = parts.dropLast().map(\.name).joined(separator: ",")
        try readHeader(TextHeader.mpls, label[...], &value, &mask)
        return .pushMPLS(etherType: etherType, entry: value.mpls0)
    }

    private static func pushVLAN(_ body: Substring) throws(DatapathTextError) -> DatapathAction {
        var (tpid, rest) = (EtherType.vlan, body)
        if body.hasPrefix("tpid=") {
            let type = body.dropFirst(5).prefix { $0 != "," }
            guard let etherType = number(type, as: UInt16.self) else {
                throw DatapathTextError(body, "not an Ethernet type")
            }
            (tpid, rest) = (etherType, body.dropFirst(5 + type.count + 1))
        }
        return .pushVLAN(tpid: tpid, tci: try readTag(rest).value)
    }

    private static func cookie(_ body: Substring) throws(DatapathTextError) -> [UInt8] {
        var cookie: [UInt8] = []
        for item in try items(body) {
            guard item.name == "userdata", let hex = item.body else { continue }
            let digits = Array(hex)
            guard digits.count.isMultiple(of: 2), digits.allSatisfy(\.isHexDigit) else {
                throw DatapathTextError(hex, "not bytes in hexadecimal")
            }
            cookie = stride(from: 0, to: digits.count, by: 2).compactMap {
                UInt8(String(digits[$0..<$0 + 2]), radix: 16)
            }
        }
        return cookie
    }
}
