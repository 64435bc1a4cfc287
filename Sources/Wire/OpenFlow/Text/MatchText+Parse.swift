import Flows
import Packets

// Conditions of a rule, read from flow syntax.
//
// OpenFlow 1.0's names depend on the protocol (`nw_src` is an ARP address under `arp`, `tp_src` a
// UDP port under `udp`), and the protocol may come later in the line. So conditions are collected
// first and given their fields at the end.

/// Conditions in the making.
struct MatchParser {
    private struct Condition {
        var name: String
        var token: FlowTextToken
    }

    private let ports: PortNames
    private var keyword: MatchText.Keyword?
    private var conditions: [Condition] = []

    init(_ ports: PortNames) { self.ports = ports }

    /// Words that begin a condition, sorted.
    static let words: [String] =
        (MatchText.Keyword.all.map(\.word) + FlowField.allNames + ["eth"]).sorted()

    /// Takes the token if it is a condition; returns whether it was.
    mutating func take(_ token: FlowTextToken) throws(FlowTextError) -> Bool {
        if token.delimiter == .none || token.value.isEmpty {
            if token.key == "eth" { return true }
            if let found = MatchText.Keyword.all.first(where: { $0.word == token.key }) {
                keyword = found
                return true
            }
        }
        guard FlowField.inText(token.key) != nil else { return false }
        guard token.delimiter == .equals, !token.value.isEmpty else {
            throw FlowTextError("field \(token.key) missing value", column: token.column)
        }
        conditions.append(Condition(name: token.key, token: token))
        return true
    }

    /// All conditions, fields that others need before those that need them.
    func finish() throws(FlowTextError) -> Match {
        var match = Match()
        if let keyword {
            match.set(.ethType, to: FieldValue(low: UInt64(keyword.ethType)))
            if let nwProto = keyword.nwProto {
                match.set(.nwProto, to: FieldValue(low: UInt64(nwProto)))
            }
        }
        let first = ["eth_type", "dl_type", "vlan_tci", "vlan_vid", "dl_vlan"]
        let second = ["nw_proto", "ip_proto"]
        let third = ["icmp_type", "icmpv6_type"]
        func rank(_ name: String) -> Int {
            if first.contains(name) { return 0 }
            return second.contains(name) ? 1 : third.contains(name) ? 2 : 3
        }
        for wanted in 0...3 {
            for condition in conditions where rank(condition.name) == wanted {
                try add(condition, to: &match)
            }
        }
        return contradicts(match) ? match.keptToWhatMeansSomething : match
    }

    /// Whether a condition took away what another one needs: `tcp,dl_type=0x88cc`. That one then
    /// means nothing, and is left out, as ovs-ofctl does.
    private func contradicts(_ match: Match) -> Bool {
        func means(_ field: FlowField) -> Bool {
            field.hasPrerequisites(key: match.key, mask: match.mask)
        }
        let keywordMeans = match.mask.packet.nwProto == 0 || means(.nwProto) || means(.arpOp)
        return !keywordMeans
            || !conditions.allSatisfy { means(Self.field($0.name, under: match)) }
    }

    private func add(_ condition: Condition, to match: inout Match) throws(FlowTextError) {
        let token = condition.token
        if condition.name == "dl_vlan" { return try addVLAN(token, to: &match) }
        if condition.name == "dl_vlan_pcp" || condition.name == "vlan_pcp" {
            // A priority is that of a tag, which must be there.
            let present = FieldValue(low: UInt64(VLANTag.present))
            match.set(.vlanTCI, to: present, mask: present)
        }
        let field = Self.field(condition.name, under: match)
        guard let (value, mask) = FieldText.parse(token.value, of: field, ports) else {
            if field == .inPort {
                throw FlowTextError(
                    "\(token.value): invalid or unknown port for in_port",
                    column: token.valueColumn,
                    suggestion: nearestWord(to: token.value, in: ports.known))
            }
            throw FlowTextError(
                "\(token.value): bad value for \(condition.name) (\(Self.expected(field)))",
                column: token.valueColumn)
        }
        guard mask == nil || mask == field.exactMask || field.maskRule == .bitwise else {
            throw FlowTextError(
                "\(token.value): \(condition.name) cannot be masked", column: token.valueColumn)
        }
        if let mask, mask.isZero { return }
        if field == .packetType, value.isZero { return }
        guard field.hasPrerequisites(key: match.key, mask: match.mask) else {
            throw FlowTextError(
                "\(condition.name) means nothing without \(Self.needed(field))",
                column: token.column)
        }
        let bits = mask ?? field.exactMask
        match.set(field, to: FieldValue(bits: value.bits & bits.bits), mask: bits)
    }

    private func addVLAN(
        _ token: FlowTextToken, to match: inout Match
    ) throws(FlowTextError) {
        guard let number = parseNumber(token.value), number <= 0xffff else {
            throw FlowTextError(
                "\(token.value): bad value for dl_vlan (0 to 4095, or 0xffff for no tag)",
                column: token.valueColumn)
        }
        if number == 0xffff { return match.set(.vlanTCI, to: FieldValue(low: 0)) }
        guard number <= UInt128(VLANTag.idMask) else {
            throw FlowTextError(
                "\(token.value): bad value for dl_vlan (0 to 4095, or 0xffff for no tag)",
                column: token.valueColumn)
        }
        match.set(.vlanVID, to: FieldValue(low: UInt64(number) | UInt64(VLANTag.present)))
    }

    /// The field that `name` means among the conditions known already.
    static func field(_ name: String, under match: Match) -> FlowField {
        let type = match.exactly(.ethType)
        let isARP = type == UInt64(EtherType.arp) || type == UInt64(EtherType.reverseARP)
        let isVersion6 = type == UInt64(EtherType.ipv6)
        switch name {
        case "nw_src" where isARP, "ip_src" where isARP: return .arpSPA
        case "nw_dst" where isARP, "ip_dst" where isARP: return .arpTPA
        case "nw_proto" where isARP, "ip_proto" where isARP: return .arpOp
        case "icmp_type" where isVersion6: return .icmpv6Type
        case "icmp_code" where isVersion6: return .icmpv6Code
        case "tp_src", "tp_dst":
            let isSource = name == "tp_src"
            switch match.exactly(.nwProto) {
            case UInt64(IPProtocol.udp): return isSource ? .udpSrc : .udpDst
            case UInt64(IPProtocol.sctp): return isSource ? .sctpSrc : .sctpDst
            case UInt64(IPProtocol.icmp): return isSource ? .icmpType : .icmpCode
            case UInt64(IPProtocol.icmpv6) where isVersion6:
                return isSource ? .icmpv6Type : .icmpv6Code
            default: return isSource ? .tcpSrc : .tcpDst
            }
        default: return FlowField.inText(name) ?? .inPort
        }
    }

    private static func expected(_ field: FlowField) -> String {
        switch field.format {
        case .ethernet: "an Ethernet address such as 00:11:22:33:44:55"
        case .ipv4: "an IPv4 address such as 10.0.0.1 or 10.0.0.0/8"
        case .ipv6: "an IPv6 address such as fe80::1 or 2001:db8::/32"
        case .fragment: "no, yes, first, later or not_later"
        case .tcpFlags: "flags such as +syn-ack or syn|ack"
        case .port: "a port"
        case .packetType: "(NAME_SPACE,TYPE) such as (1,0x800)"
        case .connectionState: "flags such as +trk-new or trk|est"
        case .decimal, .hexadecimal: "a number of \(field.width) bits"
        }
    }

    private static func needed(_ field: FlowField) -> String {
        switch field.prerequisite {
        case .none: "nothing"
        case .vlan: "a VLAN (dl_vlan=…)"
        case .mpls: "mpls or mplsm"
        case .arp: "arp or rarp"
        case .ipv4: "ip (or arp)"
        case .ipv6: "ipv6"
        case .ip: "ip or ipv6"
        case .tcp: "tcp or tcp6"
        case .udp: "udp or udp6"
        case .sctp: "sctp or sctp6"
        case .icmp: "icmp"
        case .icmpv6: "icmp6"
        case .neighbourDiscovery: "icmp6,icmp_type=135 (or 136)"
        case .neighbourSolicit: "icmp6,icmp_type=135"
        case .neighbourAdvert: "icmp6,icmp_type=136"
        }
    }
}

extension Match {
    /// Without the bits that belong to no field whose prerequisites are met.
    fileprivate var keptToWhatMeansSomething: Match {
        var match = self
        // What goes may take with it what needed it; four layers stand one upon the other.
        for _ in 0..<4 {
            var kept = PipelineMask()
            for field in FlowField.all
            where field.hasPrerequisites(key: match.key, mask: match.mask) {
                field.write(.ones(field.width), mask: .ones(field.width), into: &kept)
            }
            match = Match(key: match.key, mask: match.mask.masked(by: kept))
        }
        return match
    }
}
