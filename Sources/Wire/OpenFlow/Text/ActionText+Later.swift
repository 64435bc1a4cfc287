import Flows
import Packets

// Nicira's later actions, groups' and meters' as `ovs-ofctl` prints them.

extension ActionText {
    static func later(
        _ action: Action, _ version: OpenFlowVersion, _ ports: PortNames
    ) -> String {
        switch action {
        case .group(let group): return "group:\(group)"
        case .meter(let meter): return "meter:\(meter)"
        case .outputTruncated(let port, let byteCount):
            return "output(port=\(ports.text(port)),max_len=\(byteCount))"
        case .multipath(let action):
            return "multipath(\(action.fields.text),\(action.basis),\(action.algorithm.text),"
                + "\(Int(action.maxLink) + 1),\(action.argument),\(action.destination.text))"
        case .bundle(let bundle): return text(bundle, ports)
        case .conjunction(let id, let clause, let count):
            return "conjunction(\(id),\(Int(clause) + 1)/\(count))"
        case .push(let range): return "push:\(range.text)"
        case .pop(let range): return "pop:\(range.text)"
        case .pushMPLS(let type): return "push_mpls:0x" + hexadecimal(type, digits: 4)
        case .popMPLS(let type): return "pop_mpls:0x" + hexadecimal(type, digits: 4)
        case .decrementMPLSTTL: return "dec_mpls_ttl"
        case .decrementTTLTelling(let ids):
            return "dec_ttl(\(ids.map { "\($0)" }.joined(separator: ",")))"
        case .finTimeout(let idle, let hard):
            let parts = [("idle_timeout", idle), ("hard_timeout", hard)].filter { $0.1 != 0 }
            return "fin_timeout(\(parts.map { "\($0.0)=\($0.1)" }.joined(separator: ",")))"
        case .resubmitTracked(let port, let table):
            let inPort = port.map { ports.text($0) } ?? ""
            return "resubmit(\(inPort),\(table.map { "\($0)" } ?? ""),ct)"
        case .sample(let sample): return text(sample, ports)
        case .checkPacketLarger(let byteCount, let bit):
            return "check_pkt_larger(\(byteCount))->\(bit.text)"
        case .clone(let actions): return "clone(\(list(actions, version, ports)))"
        case .conntrack(let action): return text(action, version, ports)
        case .conntrackClear: return "ct_clear"
        case .nat(let nat): return text(nat)
        case .encap(let encap): return text(encap)
        case .decap(nil): return "decap()"
        case .decap(let type?):
            let number = type.rawValue
            return "decap(packet_type(ns=\(number >> 16),type="
                + FieldText.hexadecimal(UInt128(number & 0xffff)) + "))"
        case .decrementNSHTTL: return "dec_nsh_ttl"
        case .deleteField(let field): return "delete_field:\(field.name)"
        default: return ""
        }
    }

    private static func list(
        _ actions: [Action], _ version: OpenFlowVersion, _ ports: PortNames
    ) -> String {
        actions.isEmpty
            ? "drop" : actions.map { text($0, version, ports) }.joined(separator: ",")
    }

    private static func text(_ bundle: BundleAction, _ ports: PortNames) -> String {
        var text = bundle.destination == nil ? "bundle(" : "bundle_load("
        text += "\(bundle.fields.text),\(bundle.basis),\(bundle.algorithm.text),ofport,"
        if let destination = bundle.destination { text += destination.text + "," }
        let members = bundle.members.map { ports.text($0) }
        return text + "members:" + members.joined(separator: ",") + ")"
    }

    private static func text(_ sample: SampleAction, _ ports: PortNames) -> String {
        var text =
            "sample(probability=\(sample.probability),collector_set_id=\(sample.collectorSet),"
            + "obs_domain_id=\(sample.observationDomain),"
            + "obs_point_id=\(sample.observationPoint)"
        if let port = sample.samplingPort, port != .none {
            text += ",sampling_port=\(ports.text(port))"
        }
        switch sample.direction {
        case .unsaid: break
        case .ingress: text += ",ingress"
        case .egress: text += ",egress"
        }
        return text + ")"
    }

    private static func text(
        _ action: ConntrackAction, _ version: OpenFlowVersion, _ ports: PortNames
    ) -> String {
        var parts: [String] = []
        if action.commits { parts.append("commit") }
        if action.forces { parts.append("force") }
        if let table = action.table { parts.append("table=\(table)") }
        switch action.zone {
        case .number(0): break
        case .number(let zone): parts.append("zone=\(zone)")
        case .field(let range): parts.append("zone=\(range.text)")
        }
        var actions = action.actions[...]
        if case .nat(let nat)? = actions.first {
            parts.append(text(nat))
            actions = actions.dropFirst()
        }
        if !actions.isEmpty { parts.append("exec(\(list(Array(actions), version, ports)))") }
        switch action.helper {
        case 0: break
        case 21: parts.append("alg=ftp")
        case 69: parts.append("alg=tftp")
        case let port: parts.append("alg=\(port)")
        }
        return "ct(\(parts.joined(separator: ",")))"
    }

    private static func text(_ nat: NATAction) -> String {
        guard nat.direction != .none else { return "nat" }
        var range = ""
        switch nat.addresses {
        case .none: break
        case .ipv4(let first, let last): range = "\(first)" + (last.map { "-\($0)" } ?? "")
        case .ipv6(let first, let last):
            let hasPort = nat.firstPort != nil
            func bracketed(_ address: IPv6Address) -> String {
                hasPort ? "[\(address)]" : "\(address)"
            }
            range = bracketed(first) + (last.map { "-" + bracketed($0) } ?? "")
        }
        if let port = nat.firstPort {
            range += ":\(port)" + (nat.lastPort.map { "-\($0)" } ?? "")
        }
        var parts = [(nat.direction == .source ? "src" : "dst") + (range.isEmpty ? "" : "=")]
        parts[0] += range
        if nat.isPersistent { parts.append("persistent") }
        if nat.choice == .hash { parts.append("hash") }
        if nat.choice == .random { parts.append("random") }
        return "nat(\(parts.joined(separator: ",")))"
    }

    private static func text(_ encap: EncapAction) -> String {
        let name = encap.packetType.encapName ?? "0x" + String(encap.packetType.rawValue, radix: 16)
        guard !encap.properties.isEmpty else { return "encap(\(name))" }
        let properties = encap.properties.map { property in
            if property.type == 1 { return "md_type=\(property.bytes.first ?? 0)" }
            let bytes = property.bytes
            guard bytes.count >= 4 else { return "tlv()" }
            let optionClass = UInt16(bytes[0]) << 8 | UInt16(bytes[1])
            let value = bytes.dropFirst(4).prefix(Int(bytes[3]))
            return "tlv(0x" + hexadecimal(optionClass, digits: 4) + ",\(bytes[2]),0x"
                + value.map { hexadecimal($0, digits: 2) }.joined() + ")"
        }
        return "encap(\(name)(\(properties.joined(separator: ","))))"
    }

    /// Bytes as `note` and `userdata` write them.
    static func dotted(_ bytes: [UInt8]) -> String {
        bytes.map { hexadecimal($0, digits: 2) }.joined(separator: ".")
    }
}

extension PacketType {
    /// The word for it in `encap`.
    var encapName: String? { Self.encapNames.first { $0.type == self }?.name }

    static let encapNames: [(name: String, type: PacketType)] = [
        ("ethernet", .ethernet), ("nsh", .networkServiceHeader), ("mpls", .mpls),
        ("mpls_mc", .mplsMulticast),
    ]
}

extension HashFields {
    var text: String {
        switch self {
        case .ethSrc: "eth_src"
        case .symmetricL4: "symmetric_l4"
        case .symmetricL3L4: "symmetric_l3l4"
        case .symmetricL3L4UDP: "symmetric_l3l4+udp"
        case .nwSrc: "nw_src"
        case .nwDst: "nw_dst"
        case .symmetricL3: "symmetric_l3"
        }
    }
}

extension MultipathAction.Algorithm {
    var text: String {
        switch self {
        case .moduloN: "modulo_n"
        case .hashThreshold: "hash_threshold"
        case .highestRandomWeight: "hrw"
        case .iterativeHash: "iter_hash"
        }
    }
}

extension BundleAction.Algorithm {
    var text: String {
        switch self {
        case .activeBackup: "active_backup"
        case .highestRandomWeight: "hrw"
        }
    }
}
