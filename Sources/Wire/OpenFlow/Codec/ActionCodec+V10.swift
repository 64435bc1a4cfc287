import Flows
import Packets

// Actions of OpenFlow 1.0 §5.2.4: twelve types, most of them each for one field.

extension ActionCodec {
    static func read10(
        _ type: UInt16, _ body: inout OctetReader, match: Match?
    ) throws(OpenFlowErrorCode) -> Action {
        func low(_ value: some FixedWidthInteger) -> FieldValue { FieldValue(low: UInt64(value)) }
        guard type == 4 || type == 5 || type == 11 ? body.remaining == 12 : body.remaining == 4
        else { throw type <= 11 ? .badActionLength : .badActionType }
        switch type {
        case 0:
            let port = PortNumber(try body.u16())
            return try output(port, maxLength: try body.u16())
        case 1:
            let id = try body.u16()
            guard id <= VLANTag.idMask else { throw .badActionArgument }
            return .setVLANID(id)
        case 2:
            let priority = try body.u8()
            guard priority <= 7 else { throw .badActionArgument }
            return .setVLANPriority(priority)
        case 3: return .stripVLAN
        case 4: return .setField(.ethSrc, FieldValue(low: try body.u48()))
        case 5: return .setField(.ethDst, FieldValue(low: try body.u48()))
        case 6: return .setField(.ipv4Src, low(try body.u32()))
        case 7: return .setField(.ipv4Dst, low(try body.u32()))
        case 8:
            let tos = try body.u8()
            guard tos & 3 == 0 else { throw .badActionArgument }
            return .setField(.ipDSCP, low(tos >> 2))
        case 9: return setTransportSource(low(try body.u16()), match)
        case 10: return setTransportDestination(low(try body.u16()), match)
        case 11:
            let port = PortNumber(try body.u16())
            try body.skip(6)
            guard port <= .largest || port == .inPort || port == .local else {
                throw .badActionPort
            }
            return .enqueue(port: port, queue: try body.u32())
        default: throw .badActionType
        }
    }

    /// 1.0 has one action for all transports; the rule's own match tells which is meant, and if it
    /// does not, each packet does.
    static func setTransportSource(_ port: FieldValue, _ match: Match?) -> Action {
        switch match?.exactly(.nwProto) {
        case UInt64(IPProtocol.tcp): .setField(.tcpSrc, port)
        case UInt64(IPProtocol.udp): .setField(.udpSrc, port)
        case UInt64(IPProtocol.sctp): .setField(.sctpSrc, port)
        default: .setOwn(.tcpSrc, port)
        }
    }

    static func setTransportDestination(_ port: FieldValue, _ match: Match?) -> Action {
        switch match?.exactly(.nwProto) {
        case UInt64(IPProtocol.tcp): .setField(.tcpDst, port)
        case UInt64(IPProtocol.udp): .setField(.udpDst, port)
        case UInt64(IPProtocol.sctp): .setField(.sctpDst, port)
        default: .setOwn(.tcpDst, port)
        }
    }

    static func write10(_ action: Action, to writer: inout OctetWriter) {
        switch action {
        case .output(let port, let maxLength):
            write(type: 0, to: &writer) {
                $0.u16(port.rawValue)
                $0.u16(maxLength)
            }
        case .controller(let action) where action.isPlainOutput:
            write(type: 0, to: &writer) {
                $0.u16(PortNumber.controller.rawValue)
                $0.u16(action.maxLength)
            }
        case .setVLANID(let id): write(type: 1, to: &writer) { $0.u16(id) }
        case .setVLANPriority(let priority): write(type: 2, to: &writer) { $0.u8(priority) }
        case .stripVLAN: write(type: 3, to: &writer) { $0.zeros(4) }
        case .setField(let field, let value, let mask):
            write10(field, value, mask: mask, to: &writer)
        case .setOwn(.tunnelID, let value): writeTunnel64(value.low, to: &writer)
        case .setOwn(let field, let value):
            guard let own = LegacyWrite(field, value, mask: field.exactMask), own.nicira10 != nil
            else { return write10(field, value, mask: field.exactMask, to: &writer) }
            own.write(.v10, to: &writer)
        case .enqueue(let port, let queue):
            write(type: 11, to: &writer) {
                $0.u16(port.rawValue)
                $0.zeros(6)
                $0.u32(queue)
            }
        // 1.0 has no way to push a tag; see `OpenFlowDialect.unsayable`.
        case .pushVLAN, .meter: break
        default: writeNicira(action, .v10, to: &writer)
        }
    }

    private static func write10(
        _ field: FlowField, _ value: FieldValue, mask: FieldValue, to writer: inout OctetWriter
    ) {
        if field == .tunnelID, mask == field.exactMask {
            return writeTunnel(value.low, to: &writer)
        }
        guard let legacy = LegacyWrite(field, value, mask: mask), legacy.type10 != nil else {
            for load in Action.loads(field, value, mask: mask) {
                writeNicira(.load(load.range, load.value), .v10, to: &writer)
            }
            return
        }
        legacy.write(.v10, to: &writer)
    }
}

/// A `setField` for which 1.0 or 1.1 has an action of its own.
struct LegacyWrite {
    /// Its type in 1.0 and in 1.1; nil: it has none there.
    var type10: UInt16?
    var type11: UInt16?
    /// Whether it is Nicira's with a number of its own in 1.0.
    var nicira10: UInt16?
    var name: String
    var value: UInt64
    var byteCount: Int

    /// nil: these versions can say it only as Nicira's `load`.
    init?(_ field: FlowField, _ value: FieldValue, mask: FieldValue) {
        guard mask.bits & field.exactMask.bits == field.exactMask.bits else { return nil }
        let low = value.low
        switch field {
        case .vlanVID where low & UInt64(VLANTag.present) != 0:
            self.init(1, 1, "mod_vlan_vid", low & UInt64(VLANTag.idMask), 2)
        case .dlVLAN: self.init(1, 1, "mod_vlan_vid", low, 2)
        case .vlanPCP: self.init(2, 2, "mod_vlan_pcp", low, 1)
        case .ethSrc: self.init(4, 3, "mod_dl_src", low, 6)
        case .ethDst: self.init(5, 4, "mod_dl_dst", low, 6)
        case .ipv4Src: self.init(6, 5, "mod_nw_src", low, 4)
        case .ipv4Dst: self.init(7, 6, "mod_nw_dst", low, 4)
        case .ipDSCP: self.init(8, 7, "mod_nw_tos", low << 2, 1)
        case .nwTOS: self.init(8, 7, "mod_nw_tos", low & 0xfc, 1)
        case .nwECN: self.init(nil, 8, "mod_nw_ecn", low, 1)
        case .tcpSrc, .udpSrc, .sctpSrc: self.init(9, 9, "mod_tp_src", low, 2)
        case .tcpDst, .udpDst, .sctpDst: self.init(10, 10, "mod_tp_dst", low, 2)
        case .mplsLabel: self.init(nil, 13, "set_mpls_label", low, 4, nicira10: 30)
        case .mplsTC: self.init(nil, 14, "set_mpls_tc", low, 1, nicira10: 31)
        case .mplsTTL: self.init(nil, 15, "set_mpls_ttl", low, 1, nicira10: 25)
        default: return nil
        }
    }

    private init(
        _ type10: UInt16?, _ type11: UInt16, _ name: String, _ value: UInt64, _ byteCount: Int,
        nicira10: UInt16? = nil
    ) {
        self.type10 = type10
        self.type11 = type11
        self.nicira10 = nicira10
        self.name = name
        self.value = value
        self.byteCount = byteCount
    }

    /// Whether `version`, 1.0 or 1.1, has it among its own actions.
    func exists(in version: OpenFlowVersion) -> Bool {
        version == .v10 ? type10 != nil : type11 != nil
    }

    func write(_ version: OpenFlowVersion, to writer: inout OctetWriter) {
        func number(_ writer: inout OctetWriter) {
            switch byteCount {
            case 1: writer.u8(UInt8(truncatingIfNeeded: value))
            case 2: writer.u16(UInt16(truncatingIfNeeded: value))
            case 4: writer.u32(UInt32(truncatingIfNeeded: value))
            default: writer.u48(value)
            }
        }
        if version == .v10, let nicira10 {
            ActionCodec.writeNicira(nicira10, to: &writer) {
                if byteCount == 4 { $0.zeros(2) }
                number(&$0)
            }
        } else if let type = version == .v10 ? type10 : type11 {
            ActionCodec.write(type: type, to: &writer) { number(&$0) }
        }
    }
}

extension ControllerAction {
    /// Whether an output to the controller port says all of it.
    var isPlainOutput: Bool {
        controllerID == 0 && reason == .action && userdata.isEmpty && !pauses && meter == nil
    }
}
