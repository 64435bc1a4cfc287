import Packets

// The text of flows and actions, read back. Every word is understood or refused; what is not named
// is not looked at, with one exception that netlink has too: a flow that names its Ethernet type
// says with it whether there is a tag.

extension DatapathText {
    /// Parentheses that are nested deeper than this are refused: eight lists of actions inside
    /// each other (`sample(…,actions(…))` takes two) and `set(ipv4(…))` in the innermost.
    private static let depthMax = 2 * nestingMax + 4
    /// Lists of actions inside each other.
    public static let nestingMax = 8

    /// Reads a flow's key and mask.
    ///
    /// - Throws: With the part that was not understood.
    public static func parseFlow(
        _ text: String
    ) throws(DatapathTextError) -> (key: FlowKey, mask: FlowMask) {
        var (key, mask) = (FlowKey(), FlowMask())
        let named = try readHeaders(text[...], &key, &mask, depth: 0)
        if named { key.ethType = key.ethType == 0 ? EtherType.notEthernetII : key.ethType }
        return (key, mask)
    }

    /// Returns whether an Ethernet type was named.
    @discardableResult
    private static func readHeaders(
        _ text: Substring, _ key: inout FlowKey, _ mask: inout FlowMask, depth: Int
    ) throws(DatapathTextError) -> Bool {
        guard depth <= 2 else { throw DatapathTextError(text, "more than two tags") }
        var etherType: Masked<UInt16>?
        var hasTag = false
        for item in try items(text) {
            guard let body = item.body else {
                throw DatapathTextError(item.name, "a header needs parentheses")
            }
            switch item.name {
            case "eth_type": etherType = try readEtherType(body)
            case "vlan":
                let tag = try readTag(body)
                hasTag = true
                if depth == 0 { (key.vlan0TCI, mask.vlan0TCI) = (tag.value, tag.mask) }
                if depth == 1 { (key.vlan1TCI, mask.vlan1TCI) = (tag.value, tag.mask) }
            case "encap":
                // What stands before it was the tag's type, not the packet's.
                if depth == 0, let type = etherType {
                    (key.vlan0TPID, mask.vlan0TPID) = (type.value, type.mask)
                }
                if depth == 1, let type = etherType {
                    (key.vlan1TPID, mask.vlan1TPID) = (type.value, type.mask)
                }
                return try readHeaders(body, &key, &mask, depth: depth + 1)
            case "ufid", "packet_type": continue
            default: try readHeader(item.name, body, &key, &mask)
            }
        }
        guard !hasTag else { throw DatapathTextError(text, "vlan(…) without encap(…)") }
        guard let etherType else { return false }
        (key.ethType, mask.ethType) = (etherType.value, etherType.mask)
        if depth == 0 { mask.vlan0TCI = .max }
        return true
    }

    private static func readHeader(
        _ name: Substring, _ body: Substring, _ key: inout FlowKey, _ mask: inout FlowMask
    ) throws(DatapathTextError) {
        guard let header = TextHeader.all.first(where: { $0.name == name }) else {
            throw DatapathTextError(name, "no such header")
        }
        try readHeader(header, body, &key, &mask)
    }

    static func readHeader(
        _ header: TextHeader, _ body: Substring, _ key: inout FlowKey, _ mask: inout FlowMask
    ) throws(DatapathTextError) {
        for item in try items(body) {
            let parts = item.name.split(separator: "=", maxSplits: 1)
            let name = parts.count == 2 ? parts[0] : ""
            guard let value = parts.last, item.body == nil,
                let field = header.fields.first(where: { $0.name == name })
            else { throw DatapathTextError(item.name, "no such field of \(header.name)") }
            let halves = value.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            guard let number = halves.first.flatMap({ field.form.read($0) }),
                let bits = halves.count == 2 ? maskBits(halves[1], field) : field.full,
                number & field.full == number, bits & field.full == bits
            else { throw DatapathTextError(item.name, "not a value of \(header.name)") }
            field.write(&key, number & bits)
            field.write(&mask, bits)
        }
    }

    private static func maskBits(_ text: Substring, _ field: TextField) -> WideNumber? {
        field.form == .fragment ? nil : field.form.read(text)
    }

    private static func readEtherType(
        _ body: Substring
    ) throws(DatapathTextError) -> Masked<UInt16> {
        let halves = body.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let type = halves.first.flatMap({ textNumber($0) }).flatMap(UInt16.init(exactly:)),
            let mask = halves.count == 2
                ? textNumber(halves[1]).flatMap(UInt16.init(exactly:)) : .max
        else { throw DatapathTextError(body, "not an Ethernet type") }
        // 0 with a mask says "no type at all".
        return Masked(type == 0 ? EtherType.notEthernetII : type, mask: mask)
    }

    /// `tpid`, `vid`, `pcp` and `cfi` of a tag. The tag is there unless `cfi=0` says otherwise.
    static func readTag(_ body: Substring) throws(DatapathTextError) -> Masked<UInt16> {
        var tag = Masked(VLANTag.present, mask: VLANTag.present)
        for item in try items(body) {
            let parts = item.name.split(separator: "=", maxSplits: 1)
            let halves =
                parts.last?.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
                ?? []
            let places: [Substring: (bits: UInt16, shift: UInt16)] = [
                "vid": (VLANTag.idMask, 0), "pcp": (7, VLANTag.priorityShift), "cfi": (1, 12),
            ]
            guard parts.count == 2, let place = places[parts[0]],
                let value = halves.first.flatMap({ textNumber($0) }), value <= place.bits,
                let mask = halves.count == 2 ? textNumber(halves[1]) : UInt64(place.bits),
                mask <= place.bits
            else { throw DatapathTextError(item.name, "not a field of vlan") }
            let all = place.bits << place.shift
            tag.value = tag.value & ~all | UInt16(value & mask) << place.shift
            tag.mask = tag.mask & ~all | UInt16(mask) << place.shift
        }
        return tag
    }

    // MARK: Items

    struct Item {
        var name: Substring
        var body: Substring?
    }

    /// Splits `a(b,c),d` at the commas outside parentheses.
    static func items(_ text: Substring) throws(DatapathTextError) -> [Item] {
        var items: [Item] = []
        var (start, depth) = (text.startIndex, 0)
        func add(upTo end: Substring.Index) throws(DatapathTextError) {
            let part = text[start..<end].trimmingSpaces
            guard !part.isEmpty else { return }
            guard let open = part.firstIndex(of: "(") else {
                return items.append(Item(name: part, body: nil))
            }
            guard part.last == ")" else { throw DatapathTextError(part, "`)` is missing") }
            let inside = part[part.index(after: open)..<part.index(before: part.endIndex)]
            items.append(Item(name: part[..<open], body: inside))
        }
        for index in text.indices {
            switch text[index] {
            case "(": depth += 1
            case ")": depth -= 1
            case "," where depth == 0:
                try add(upTo: index)
                start = text.index(after: index)
            default: break
            }
            guard (0...depthMax).contains(depth) else {
                throw DatapathTextError(text, "parentheses do not match")
            }
        }
        guard depth == 0 else { throw DatapathTextError(text, "`)` is missing") }
        try add(upTo: text.endIndex)
        return items
    }
}

extension Substring {
    fileprivate var trimmingSpaces: Substring {
        var part = self
        while part.first == " " { part = part.dropFirst() }
        while part.last == " " { part = part.dropLast() }
        return part
    }
}
