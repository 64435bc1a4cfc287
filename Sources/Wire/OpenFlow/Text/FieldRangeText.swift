import Flows

// Bits of fields as text: `NXM_NX_REG0[0..15]`, `NXM_OF_ETH_SRC[]`, `reg0[3]`.

extension FlowField {
    /// The name of its header: that of Nicira's match if it has one, else the standard's.
    var headerName: String {
        guard let nxm else {
            return oxm.map { $0 >> 7 } == Self.packetRegisterClass
                ? "OXM_OF_PKT_REG" + name.dropFirst(4) : standardHeaderName
        }
        return (nxm >> 7 == 0 ? "NXM_OF_" : "NXM_NX_") + (Self.niciraNames[name] ?? capitals)
    }

    /// The name of its header in OpenFlow itself.
    fileprivate var standardHeaderName: String {
        "OXM_OF_" + (Self.standardNames[name] ?? capitals)
    }

    private var capitals: String { name.uppercased() }

    /// Where the name is not simply the field's own in capitals.
    private static let niciraNames: [String: String] = [
        "nw_proto": "IP_PROTO", "nw_tos": "IP_TOS", "nw_ecn": "IP_ECN", "nw_ttl": "IP_TTL",
    ]
    private static let standardNames: [String: String] = [
        "nw_proto": "IP_PROTO", "nw_ecn": "IP_ECN", "ip_src": "IPV4_SRC", "ip_dst": "IPV4_DST",
        "icmp_type": "ICMPV4_TYPE", "icmp_code": "ICMPV4_CODE", "ipv6_label": "IPV6_FLABEL",
        "nd_target": "IPV6_ND_TARGET", "nd_sll": "IPV6_ND_SLL", "nd_tll": "IPV6_ND_TLL",
        "dl_vlan": "VLAN_VID",
    ]

    /// By name, alias or header name.
    static func inText(_ name: String) -> FlowField? { named(name) ?? byHeaderName[name] }

    private static let byHeaderName: [String: FlowField] = {
        var table: [String: FlowField] = [:]
        for field in all where field.oxm != nil { table[field.standardHeaderName] = field }
        for field in all where field.nxm ?? field.oxm != nil { table[field.headerName] = field }
        return table
    }()

    /// All words that name a field, sorted.
    static let allNames: [String] = (all.flatMap { [$0.name] + $0.aliases }).sorted()
}

extension FieldRange {
    /// Bits that text counts as the whole field: of the VLAN id not the present bit.
    private static func textWidth(_ field: FlowField) -> Int {
        field == .vlanVID ? 12 : field.width
    }

    var isWhole: Bool { offset == 0 && width == Self.textWidth(field) }

    var text: String {
        if isWhole { return "\(field.headerName)[]" }
        if width == 1 { return "\(field.headerName)[\(offset)]" }
        return "\(field.headerName)[\(offset)..\(offset + width - 1)]"
    }

    /// Reads `FIELD[]`, `FIELD[n]`, `FIELD[n..m]` or `FIELD`.
    static func parse(_ text: String, column: Int) throws(FlowTextError) -> FieldRange {
        let name = String(text.prefix { $0 != "[" })
        guard let field = FlowField.inText(name) else {
            throw FlowTextError(
                "\(text): unknown field `\(name)'", column: column,
                suggestion: nearestWord(to: name, in: FlowField.allNames))
        }
        let whole = FieldRange(field, offset: 0, width: textWidth(field))
        guard name.utf8.count < text.utf8.count else { return whole }
        guard text.hasSuffix("]") else {
            throw FlowTextError("\(text): missing ] after field name", column: column)
        }
        let bits = text.dropFirst(name.count + 1).dropLast()
        guard !bits.isEmpty else { return whole }
        let ends = bits.split(separator: ".", omittingEmptySubsequences: false)
        let first = ends.first.flatMap { Int($0) }
        let last = ends.count == 3 && ends[1].isEmpty ? Int(ends[2]) : ends.count == 1 ? first : nil
        guard let first, let last, first >= 0, last >= first else {
            throw FlowTextError(
                "\(text): syntax error expecting [] or [<bit>] or [<start>..<end>]",
                column: column)
        }
        guard last < field.width else {
            throw FlowTextError(
                "\(text): end bit number \(last) is too large (field is only \(field.width) "
                    + "bits wide)",
                column: column)
        }
        return FieldRange(field, offset: first, width: last - first + 1)
    }
}
