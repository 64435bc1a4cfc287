import Packets

// Keys, masks and actions as text, in the words of `ovs-dpctl dump-flows`.
//
//     recirc_id(0),in_port(2),eth(dst=…),eth_type(0x0800),ipv4(dst=10.0.0.0/255.0.0.0,proto=6)
//
// A header is a name and its fields; each field is printed unless nothing looked at it, and with a
// mask unless every bit was looked at. One table (`TextHeader.all`) describes the headers for both
// directions, and for `set(…)` as well.

/// Text of the datapath's flows.
public enum DatapathText {
    /// The flow's key with what its mask looks at.
    ///
    /// - Parameter verbose: Also what the mask does not look at, as `ovs-dpctl dump-flows -m` does.
    public static func flow(key: FlowKey, mask: FlowMask, verbose: Bool = false) -> String {
        var parts: [String] = []
        for header in TextHeader.metadata
        where header.name != "tunnel" || !verbose || key.hasTunnel {
            let text = header.text(key, mask, verbose: verbose)
            if verbose || !text.isEmpty || header.name == "recirc_id" {
                parts.append("\(header.name)(\(text.isEmpty ? "0" : text))")
            }
        }
        parts.append("eth(\(TextHeader.ethernet.text(key, mask, verbose: verbose)))")
        return (parts + tagged(key, mask, verbose, depth: 0)).joined(separator: ",")
    }

    /// From the first tag on; each tag's inside stands in an `encap(…)`.
    private static func tagged(
        _ key: FlowKey, _ mask: FlowMask, _ verbose: Bool, depth: Int
    ) -> [String] {
        let (tci, tpid) = depth == 0 ? (key.vlan0TCI, key.vlan0TPID) : (key.vlan1TCI, key.vlan1TPID)
        guard depth < 2, tci & VLANTag.present != 0 else { return layers(key, mask, verbose) }
        let tciMask = depth == 0 ? mask.vlan0TCI : mask.vlan1TCI
        let tpidMask = depth == 0 ? mask.vlan0TPID : mask.vlan1TPID
        var parts: [String] = []
        // The type of a tag that was looked at is part of the picture, even if only the tag was.
        if verbose || tpidMask != 0 || tciMask != 0 {
            parts.append(etherType(tpid, tpidMask == 0 ? .max : tpidMask))
        }
        let vlan = TextHeader.tag(tci, tciMask, verbose: verbose)
        if !vlan.isEmpty { parts.append("vlan(\(vlan))") }
        let inner = tagged(key, mask, verbose, depth: depth + 1).joined(separator: ",")
        return parts + ["encap(\(inner))"]
    }

    private static func etherType(_ type: UInt16, _ mask: UInt16) -> String {
        let value = "0x" + hexadecimal(type, digits: 4)
        return mask == .max
            ? "eth_type(\(value))" : "eth_type(\(value)/0x\(hexadecimal(mask, digits: 4)))"
    }

    private static func layers(_ key: FlowKey, _ mask: FlowMask, _ verbose: Bool) -> [String] {
        var parts: [String] = []
        if key.ethType < EtherType.smallest {
            if mask.ethType != 0 {
                parts.append("eth_type(0/0x\(hexadecimal(mask.ethType, digits: 4)))")
            }
        } else if verbose || mask.ethType != 0 {
            parts.append(etherType(key.ethType, mask.ethType))
        }
        for header in TextHeader.layers(of: key) {
            let text = header.text(key, mask, verbose: verbose)
            if !text.isEmpty { parts.append("\(header.name)(\(text))") }
        }
        return parts
    }

    /// The actions, `drop` for none.
    public static func actions(_ actions: [DatapathAction]) -> String {
        actions.isEmpty ? "drop" : actions.map(action).joined(separator: ",")
    }

    private static func action(_ action: DatapathAction) -> String {
        switch action {
        case .output(let port): return "\(port)"
        case .userspace(let cookie):
            let hex = cookie.map { hexadecimal($0, digits: 2) }.joined()
            return cookie.isEmpty ? "userspace(pid=0)" : "userspace(pid=0,userdata(\(hex)))"
        case .set(let rewrite):
            let header = TextHeader.settable(rewrite.kind)
            let (value, mask) = rewrite.rows
            return "set(\(header.name)(\(header.text(value, mask, verbose: false))))"
        case .pushVLAN(let tpid, let tci):
            let type = tpid == EtherType.vlan ? "" : "tpid=0x\(hexadecimal(tpid, digits: 4)),"
            let text = TextHeader.tag(tci, 0xffff, verbose: false)
            return "push_vlan(\(type)\(text))"
        case .popVLAN: return "pop_vlan"
        case .pushMPLS(let etherType, let entry):
            var row = FlowKey()
            row.mpls0 = entry
            let label = TextHeader.mpls.text(row, HeaderKind.mpls.fields, verbose: false)
            return "push_mpls(\(label),eth_type=0x\(hexadecimal(etherType)))"
        case .popMPLS(let etherType): return "pop_mpls(eth_type=0x\(hexadecimal(etherType)))"
        case .decrementTTL(let expired): return "dec_ttl(le_1(\(self.actions(expired))))"
        case .meter(let id): return "meter(\(id))"
        case .sample(let probability, let list):
            return "sample(sample=\(percent(probability)),actions(\(self.actions(list))))"
        case .clone(let list): return "clone(\(self.actions(list)))"
        case .checkLength(let byteCount, let ifGreater, let otherwise):
            return "check_pkt_len(size=\(byteCount),gt(\(self.actions(ifGreater))),"
                + "le(\(self.actions(otherwise))))"
        case .truncate(let byteCount): return "trunc(\(byteCount))"
        case .hash(let algorithm, let basis): return "hash(\(algorithm.name)(\(basis)))"
        case .recirculate(let id): return "recirc(0x\(hexadecimal(id)))"
        case .drop(let end): return end == .droppedByRule ? "drop" : "drop(\(end.name))"
        }
    }

    /// A probability in percent, with as many digits as it takes to read it back, but at least one,
    /// for example `50.0%`.
    private static func percent(_ probability: UInt32) -> String {
        var (text, scale) = ("", 1 as UInt64)
        for digits in 1...9 {
            scale *= 10
            let scaled =
                (UInt64(probability) * 100 * scale + UInt64(UInt32.max) / 2) / UInt64(UInt32.max)
            let fraction = String(scaled % scale)
            let zeros = String(repeating: "0", count: digits - fraction.utf8.count)
            text = "\(scaled / scale).\(zeros)\(fraction)%"
            if self.probability(text[...]) == probability { break }
        }
        return text
    }

    /// TCP flags as one letter each, as `ovs-dpctl` shows them behind `flags:`.
    public static func tcpFlagLetters(_ flags: UInt16) -> String {
        String(zip(0..<9, "FSRP.UECN").filter { flags >> UInt16($0.0) & 1 != 0 }.map(\.1))
    }
}

/// A text that is not a flow, or not a list of actions.
public struct DatapathTextError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The part that could not be read.
    public let text: String
    public let reason: String
    public var description: String { "\(text): \(reason)" }

    init(_ text: some StringProtocol, _ reason: String) {
        (self.text, self.reason) = (String(text), reason)
    }
}
