import CLinuxPacket
import Flows
import Packets

// `OVS_ACTION_ATTR_*` as actions. Nothing is recursed into deeper than `actionDepthMax`.

/// Reads one nest of actions.
enum ActionReader {
    static func actions(
        _ bytes: RawSpan, _ nest: Attribute, depth: Int = 0
    ) throws(DatapathMessageError) -> [DatapathAction] {
        guard depth <= DatapathMessageLimits.actionDepthMax else {
            throw .tooLong("nest of lists of actions", byteCount: nest.count)
        }
        var actions = [DatapathAction]()
        var attributes = AttributeReader(bytes, nest: nest, "list of actions")
        while let attribute = try attributes.nextAttribute(once: false) {
            guard actions.count < DatapathMessageLimits.actionCountMax else {
                throw .tooLong("list of actions", byteCount: nest.count)
            }
            actions.append(try action(bytes, attribute, depth: depth))
        }
        return actions
    }

    private static func action(
        _ bytes: RawSpan, _ attribute: Attribute, depth: Int
    ) throws(DatapathMessageError) -> DatapathAction {
        switch attribute.type {
        case ActionAttribute.output:
            return .output(port: try bytes.host32(attribute, "OVS_ACTION_OUTPUT"))
        case ActionAttribute.userspace: return try userspace(bytes, attribute)
        case ActionAttribute.set, ActionAttribute.setMasked:
            return .set(try rewrite(bytes, attribute))
        case ActionAttribute.pushVLAN:
            try bytes.check(attribute, 4, "OVS_ACTION_PUSH_VLAN")
            return .pushVLAN(
                tpid: bytes.bigEndian16(at: attribute.offset),
                tci: bytes.bigEndian16(at: attribute.offset + 2))
        case ActionAttribute.popVLAN:
            try bytes.check(attribute, 0, "OVS_ACTION_POP_VLAN")
            return .popVLAN
        case ActionAttribute.truncate:
            return .truncate(byteCount: try bytes.host32(attribute, "OVS_ACTION_TRUNC"))
        case ActionAttribute.pushMPLS:
            try bytes.check(attribute, 8, "OVS_ACTION_PUSH_MPLS")
            return .pushMPLS(
                etherType: bytes.bigEndian16(at: attribute.offset + 4),
                entry: bytes.bigEndian32(at: attribute.offset))
        case ActionAttribute.popMPLS:
            return .popMPLS(etherType: try bytes.network16(attribute, "OVS_ACTION_POP_MPLS"))
        case ActionAttribute.meter:
            return .meter(id: try bytes.host32(attribute, "OVS_ACTION_METER"))
        case ActionAttribute.clone:
            return .clone(try actions(bytes, attribute, depth: depth + 1))
        case ActionAttribute.decrementTTL, ActionAttribute.sample, ActionAttribute.checkLength:
            return try nesting(bytes, attribute, depth: depth)
        case ActionAttribute.hash:
            try bytes.check(attribute, 8, "OVS_ACTION_HASH")
            let number = bytes.host32(at: attribute.offset)
            guard let algorithm = PacketHash(rawValue: number) else {
                throw .unsupported(
                    "hash algorithm", type: UInt16(clamping: number), offset: attribute.start)
            }
            return .hash(algorithm, basis: bytes.host32(at: attribute.offset + 4))
        case ActionAttribute.recirculate:
            return .recirculate(id: try bytes.host32(attribute, "OVS_ACTION_RECIRC"))
        case ActionAttribute.drop:
            let reason = try bytes.host32(attribute, "OVS_ACTION_DROP")
            guard let end = UInt8(exactly: reason).flatMap(PacketEnd.init(rawValue:)) else {
                throw .invalidValue(
                    attribute: "OVS_ACTION_DROP", offset: attribute.start, value: UInt64(reason))
            }
            return .drop(end)
        default:
            throw .unsupported("OVS_ACTION", type: attribute.type, offset: attribute.start)
        }
    }

    /// Actions whose lists stand in a nest of their own, beside a condition.
    private static func nesting(
        _ bytes: RawSpan, _ nest: Attribute, depth: Int
    ) throws(DatapathMessageError) -> DatapathAction {
        var parts = [UInt16: Attribute]()
        var attributes = AttributeReader(bytes, nest: nest, "nesting action")
        while let attribute = try attributes.nextAttribute() {
            guard attribute.type <= 3 else {
                throw .unsupported("nesting action", type: attribute.type, offset: attribute.start)
            }
            parts[attribute.type] = attribute
        }
        func part(_ type: UInt32, _ name: String) throws(DatapathMessageError) -> Attribute {
            guard let part = parts[UInt16(type)] else {
                throw .missingAttribute(name, in: "nesting action", offset: nest.start)
            }
            return part
        }
        let inner = depth + 1
        switch nest.type {
        case ActionAttribute.decrementTTL:
            let expired = try part(OVS_DEC_TTL_ATTR_ACTION.rawValue, "OVS_DEC_TTL_ACTION")
            return .decrementTTL(ifExpired: try actions(bytes, expired, depth: inner))
        case ActionAttribute.sample:
            let probability = try part(
                OVS_SAMPLE_ATTR_PROBABILITY.rawValue, "OVS_SAMPLE_PROBABILITY")
            let list = try part(OVS_SAMPLE_ATTR_ACTIONS.rawValue, "OVS_SAMPLE_ACTIONS")
            return .sample(
                probability: try bytes.host32(probability, "OVS_SAMPLE_PROBABILITY"),
                try actions(bytes, list, depth: inner))
        default:
            let size = try part(OVS_CHECK_PKT_LEN_ATTR_PKT_LEN.rawValue, "OVS_CHECK_PKT_LEN")
            try bytes.check(size, 2, "OVS_CHECK_PKT_LEN")
            let ifGreater = try part(
                OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER.rawValue, "ACTIONS_IF_GREATER")
            let otherwise = try part(
                OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL.rawValue, "ACTIONS_IF_LESS_EQUAL")
            return .checkLength(
                byteCount: bytes.host16(at: size.offset),
                ifGreater: try actions(bytes, ifGreater, depth: inner),
                otherwise: try actions(bytes, otherwise, depth: inner))
        }
    }

    private static func userspace(
        _ bytes: RawSpan, _ nest: Attribute
    ) throws(DatapathMessageError) -> DatapathAction {
        var cookie = [UInt8]()
        var attributes = AttributeReader(bytes, nest: nest, "userspace action")
        while let attribute = try attributes.nextAttribute() {
            switch UInt32(attribute.type) {
            case OVS_USERSPACE_ATTR_PID.rawValue:
                _ = try bytes.host32(attribute, "OVS_USERSPACE_PID")
            case OVS_USERSPACE_ATTR_USERDATA.rawValue:
                guard attribute.count <= DatapathMessageLimits.cookieByteCountMax else {
                    throw .tooLong("userspace cookie", byteCount: attribute.count)
                }
                cookie = bytes.array(attribute)
            default:
                throw .unsupported("OVS_USERSPACE", type: attribute.type, offset: attribute.start)
            }
        }
        return .userspace(cookie: cookie)
    }

    private static func rewrite(
        _ bytes: RawSpan, _ nest: Attribute
    ) throws(DatapathMessageError) -> HeaderRewrite {
        let isMasked = nest.type == ActionAttribute.setMasked
        var attributes = AttributeReader(bytes, nest: nest, "set action")
        guard let attribute = try attributes.nextAttribute() else {
            throw .missingAttribute("OVS_KEY", in: "set action", offset: nest.start)
        }
        if let second = try attributes.nextAttribute() {
            throw .unsupported("a second header in a set", type: second.type, offset: second.start)
        }
        guard let kind = HeaderKind.allCases.first(where: { $0.attribute == attribute.type })
        else {
            throw .unsupported("set of OVS_KEY", type: attribute.type, offset: attribute.start)
        }
        let count = kind.byteCount
        try bytes.check(attribute, isMasked ? 2 * count : count, "set of OVS_KEY")
        let first = Attribute(type: attribute.type, offset: attribute.offset, count: count)
        let value = try KeyReader.header(bytes, first, isMask: false)
        // A plain set repeats what cannot be written (protocol, fragment): it does not count.
        guard isMasked else { return HeaderRewrite(kind, value: value, mask: kind.fields) }
        let second = Attribute(
            type: attribute.type, offset: attribute.offset + count, count: count)
        let mask = try KeyReader.header(bytes, second, isMask: true)
        guard kind.fields.covers(mask) else {
            throw .invalidValue(
                attribute: "mask of a set action", offset: second.offset,
                value: UInt64(attribute.type))
        }
        return HeaderRewrite(kind, value: value, mask: mask)
    }
}
