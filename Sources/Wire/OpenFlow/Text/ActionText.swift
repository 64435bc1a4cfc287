import Flows
import Packets

// Actions as `ovs-ofctl` prints them.

enum ActionText {
    static func text(
        _ instructions: Instructions, _ version: OpenFlowVersion, _ ports: PortNames
    ) -> String {
        var parts = instructions.meter.map { ["meter:\($0)"] } ?? []
        parts += instructions.apply.map { text($0, version, ports) }
        if instructions.clearsActionSet { parts.append("clear_actions") }
        if !instructions.write.isEmpty {
            let written = instructions.write.map { text($0, version, ports) }
            parts.append("write_actions(\(written.joined(separator: ",")))")
        }
        if let metadata = instructions.metadata {
            var part = "write_metadata:" + hexadecimal(metadata.value)
            if metadata.mask != .max { part += "/" + hexadecimal(metadata.mask) }
            parts.append(part)
        }
        if let table = instructions.gotoTable { parts.append("goto_table:\(table)") }
        return parts.isEmpty ? "drop" : parts.joined(separator: ",")
    }

    private static func hexadecimal(_ value: UInt64) -> String {
        "0x" + String(value, radix: 16)
    }

    static func text(
        _ action: Action, _ version: OpenFlowVersion, _ ports: PortNames
    ) -> String {
        switch action {
        case .output(let port, _):
            return port.isReserved ? ports.text(port) : "output:\(ports.text(port))"
        case .outputField(let range, _): return "output:\(range.text)"
        case .controller(let controller): return text(controller)
        case .setField(let field, let value, let mask):
            return text(field, value, mask: mask, version, ports)
        case .setOwn(let field, let value): return text(own: field, value, version, ports)
        case .load(let range, let value) where version >= .v15:
            return text(load: range, value, ports)
        case .load(let range, let value):
            return "load:\(FieldText.hexadecimal(value.bits))->\(range.text)"
        case .move(let source, let destination):
            return "move:\(source.text)->\(destination.text)"
        case .setVLANID(let id): return "mod_vlan_vid:\(id)"
        case .setVLANPriority(let priority): return "mod_vlan_pcp:\(priority)"
        case .stripVLAN: return version == .v10 ? "strip_vlan" : "pop_vlan"
        case .pushVLAN(let tpid): return "push_vlan:0x" + Packets.hexadecimal(tpid, digits: 4)
        case .decrementTTL: return "dec_ttl"
        case .resubmit(let port?, nil): return "resubmit:\(ports.text(port))"
        case .resubmit(let port, let table):
            let inPort = port.map { ports.text($0) } ?? ""
            return "resubmit(\(inPort),\(table.map { "\($0)" } ?? ""))"
        case .learn(let learn): return LearnText.text(learn, ports)
        case .exit: return "exit"
        case .note(let bytes): return "note:" + noteText(bytes)
        case .enqueue(let port, let queue): return "enqueue:\(ports.text(port)):\(queue)"
        case .setQueue(let queue): return "set_queue:\(queue)"
        case .popQueue: return "pop_queue"
        default: return later(action, version, ports)
        }
    }

    /// Bytes as they will stand in the message: filled up to its multiple of 8.
    private static func noteText(_ bytes: [UInt8]) -> String {
        let byteCount = max(6, (bytes.count + 1) / 8 * 8 + 6)
        let filled = bytes + [UInt8](repeating: 0, count: max(0, byteCount - bytes.count))
        return filled.map { Packets.hexadecimal($0, digits: 2) }.joined(separator: ".")
    }

    private static func text(_ action: ControllerAction) -> String {
        if action.isPlainOutput { return "CONTROLLER:\(action.maxLength)" }
        var parts: [String] = []
        if action.reason != .action { parts.append("reason=\(action.reason.text)") }
        if action.maxLength != .max { parts.append("max_len=\(action.maxLength)") }
        if action.controllerID != 0 { parts.append("id=\(action.controllerID)") }
        if !action.userdata.isEmpty { parts.append("userdata=\(dotted(action.userdata))") }
        if action.pauses { parts.append("pause") }
        if let meter = action.meter { parts.append("meter_id=\(meter)") }
        return "controller(\(parts.joined(separator: ",")))"
    }

    private static func text(
        _ field: FlowField, _ value: FieldValue, mask: FieldValue, _ version: OpenFlowVersion,
        _ ports: PortNames
    ) -> String {
        if version == .v10 || version == .v11 {
            if field == .tunnelID, mask == field.exactMask {
                let name = value.low > UInt64(UInt32.max) ? "set_tunnel64" : "set_tunnel"
                return "\(name):\(FieldText.hexadecimal(value.bits))"
            }
            if version == .v11, field == .nwTTL { return text(own: field, value, version, ports) }
            guard let legacy = LegacyWrite(field, value, mask: mask), legacy.exists(in: version)
            else {
                return Action.loads(field, value, mask: mask).map {
                    Self.text(.load($0.range, $0.value), version, ports)
                }.joined(separator: ",")
            }
            let isAddress = field.format == .ethernet || field.format == .ipv4
            let value =
                isAddress ? FieldText.value(value, of: field, ports) : "\(legacy.value)"
            if legacy.nicira10 != nil { return "\(legacy.name)(\(legacy.value))" }
            let isTag = version == .v11 && (field == .vlanVID || field == .vlanPCP)
            return (isTag ? "set_" + legacy.name.dropFirst(4) : legacy.name) + ":\(value)"
        }
        let text = FieldText.masked(value, mask: mask, of: field, ports)
        return "set_field:\(text)->\(field.name)"
    }

    /// An action for one field alone; where the version has none, what is written in its place.
    private static func text(
        own field: FlowField, _ value: FieldValue, _ version: OpenFlowVersion, _ ports: PortNames
    ) -> String {
        let isOld = version == .v10 || version == .v11
        switch field {
        case .nwTTL where version != .v10: return "mod_nw_ttl:\(value.low)"
        case .tunnelID where isOld: return "set_tunnel64:\(FieldText.hexadecimal(value.bits))"
        case .mplsTTL: return "set_mpls_ttl(\(value.low))"
        case .mplsLabel where isOld: return "set_mpls_label(\(value.low))"
        case .mplsTC where isOld: return "set_mpls_tc(\(value.low))"
        default: return text(field, value, mask: field.exactMask, version, ports)
        }
    }

    /// 1.5 has no `load`: a `set_field` with a mask stands for it.
    private static func text(
        load range: FieldRange, _ value: FieldValue, _ ports: PortNames
    ) -> String {
        guard let write = Action.load(range, value).fieldWrite else { return "" }
        let isWhole = range.width == range.field.width
        if isWhole, range.width.isMultiple(of: 8) {
            return text(write.field, write.value, mask: range.field.exactMask, .v15, ports)
        }
        let text = FieldText.value(write.value, of: range.field, ports)
        let mask = FieldText.hexadecimal(write.mask.bits)
        return isWhole
            ? "set_field:\(text)/\(mask)->\(range.field.name)"
            : self.text(write.field, write.value, mask: write.mask, .v15, ports)
    }
}

extension PortNumber {
    /// Whether the number stands for something other than one port that packets come by.
    var isReserved: Bool { rawValue >= PortNumber.inPort.rawValue }
}

extension PacketIn.Reason {
    /// As `controller(reason=…)` writes it.
    var text: String {
        switch self {
        case .noMatch: "no_match"
        case .action: "action"
        case .invalidTTL: "invalid_ttl"
        case .actionSet: "action_set"
        case .group: "group"
        case .packetOut: "packet_out"
        }
    }

    init?(text: String) {
        guard let found = [Self.noMatch, .action, .invalidTTL].first(where: { $0.text == text })
        else { return nil }
        self = found
    }
}
