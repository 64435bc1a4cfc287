import CLinuxPacket
import Flows
import Packets

// Actions as `OVS_ACTION_ATTR_*`.
//
// A rewrite of whole fields is a SET, one of some bits a SET_MASKED. The network headers are always
// SET_MASKED: their structures also hold the protocol and the fragment type, which a plain SET
// would have to repeat and a masked one leaves alone. The kernel wants bits outside the mask to be
// zero, and so they are written.

extension DatagramWriter {
    /// Writes `actions` as the nest `type`.
    ///
    /// - Throws: `.tooLong` over `actionCountMax` actions or `cookieByteCountMax` bytes of cookie.
    mutating func put(
        _ type: UInt16, actions: [DatapathAction]
    ) throws(DatapathMessageError) {
        guard actions.count <= DatapathMessageLimits.actionCountMax else {
            throw .tooLong("list of actions", byteCount: actions.count)
        }
        let nest = beginNest(type)
        for action in actions { try put(action) }
        endNest(nest, "list of actions")
    }

    private mutating func put(_ action: DatapathAction) throws(DatapathMessageError) {
        switch action {
        case .output(let port): put(ActionAttribute.output, host: port)
        case .userspace(let cookie):
            guard cookie.count <= DatapathMessageLimits.cookieByteCountMax else {
                throw .tooLong("userspace cookie", byteCount: cookie.count)
            }
            let nest = beginNest(ActionAttribute.userspace)
            put(UInt16(OVS_USERSPACE_ATTR_PID.rawValue), host: destination.upcallPort)
            if !cookie.isEmpty { put(UInt16(OVS_USERSPACE_ATTR_USERDATA.rawValue), cookie) }
            endNest(nest, "userspace action")
        case .set(let rewrite): put(rewrite)
        case .pushVLAN(let tpid, let tci):
            put(ActionAttribute.pushVLAN, .ports(source: tpid, destination: tci))
        case .popVLAN: putFlag(ActionAttribute.popVLAN)
        case .truncate(let byteCount): put(ActionAttribute.truncate, host: byteCount)
        case .hash(let algorithm, let basis):
            // struct ovs_action_hash: two numbers in host order.
            put(ActionAttribute.hash, .word(algorithm.rawValue).followed(by: .word(basis)))
        case .recirculate(let id): put(ActionAttribute.recirculate, host: id)
        case .drop(let end): put(ActionAttribute.drop, host: UInt32(end.rawValue))
        }
    }

    private mutating func put(_ rewrite: HeaderRewrite) {
        switch rewrite {
        case .ethernet(let source, let destination):
            putSet(
                KeyAttribute.ethernet,
                .ethernet(source: source.effective, destination: destination.effective),
                mask: .ethernet(source: source.mask, destination: destination.mask))
        case .ipv4(let source, let destination, let tos, let ttl):
            putSet(
                KeyAttribute.ipv4,
                .ipv4(
                    source: source.effective, destination: destination.effective, proto: 0,
                    tos: tos.effective, ttl: ttl.effective, fragment: 0),
                mask: .ipv4(
                    source: source.mask, destination: destination.mask, proto: 0, tos: tos.mask,
                    ttl: ttl.mask, fragment: 0))
        case .ipv6(let source, let destination, let label, let trafficClass, let hopLimit):
            putSet(
                KeyAttribute.ipv6,
                .ipv6(
                    source: source.effective, destination: destination.effective,
                    label: label.effective, proto: 0, trafficClass: trafficClass.effective,
                    hopLimit: hopLimit.effective, fragment: 0),
                mask: .ipv6(
                    source: source.mask, destination: destination.mask, label: label.mask,
                    proto: 0, trafficClass: trafficClass.mask, hopLimit: hopLimit.mask,
                    fragment: 0))
        case .ports(let ipProtocol, let source, let destination):
            let type =
                switch ipProtocol {
                case IPProtocol.tcp: KeyAttribute.tcp
                case IPProtocol.sctp: KeyAttribute.sctp
                default: KeyAttribute.udp
                }
            putSet(
                type, .ports(source: source.effective, destination: destination.effective),
                mask: .ports(source: source.mask, destination: destination.mask))
        case .packetMark(let mark):
            putSet(
                KeyAttribute.packetMark, .word(mark.effective), mask: .word(mark.mask))
        case .priority(let priority):
            putSet(KeyAttribute.priority, .word(priority), mask: .word(.max))
        }
    }

    private mutating func putSet(_ type: UInt16, _ value: Fields, mask: Fields) {
        let isWhole = mask.isOnes
        let nest = beginNest(isWhole ? ActionAttribute.set : ActionAttribute.setMasked)
        put(type, isWhole ? value : value.followed(by: mask))
        endNest(nest, "set action")
    }
}

extension Fields {
    static func word(_ value: UInt32) -> Fields {
        var fields = Fields()
        fields.put(host: value)
        return fields
    }

    /// Whether every byte is 0xff.
    fileprivate var isOnes: Bool {
        // In bounds: the closure reads what it is lent.
        unsafe withBytes { bytes in unsafe bytes.allSatisfy { $0 == 0xff } }
    }
}

extension Masked where Value: FixedWidthInteger {
    fileprivate var effective: Value { value & mask }
}
extension Masked<MACAddress> {
    fileprivate var effective: MACAddress { MACAddress(bits: value.bits & mask.bits) }
}
extension Masked<IPv4Address> {
    fileprivate var effective: IPv4Address { IPv4Address(bits: value.bits & mask.bits) }
}
extension Masked<IPv6Address> {
    fileprivate var effective: IPv6Address {
        IPv6Address(high: value.high & mask.high, low: value.low & mask.low)
    }
}

/// Reads one nest of actions.
enum ActionReader {
    static func actions(
        _ bytes: RawSpan, _ nest: Attribute
    ) throws(DatapathMessageError) -> [DatapathAction] {
        var actions = [DatapathAction]()
        var attributes = AttributeReader(bytes, nest: nest, "list of actions")
        while let attribute = try attributes.nextAttribute(once: false) {
            guard actions.count < DatapathMessageLimits.actionCountMax else {
                throw .tooLong("list of actions", byteCount: nest.count)
            }
            actions.append(try action(bytes, attribute))
        }
        return actions
    }

    private static func action(
        _ bytes: RawSpan, _ attribute: Attribute
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
        guard let count = Self.byteCounts.first(where: { $0.type == attribute.type })?.count else {
            throw .unsupported("set of OVS_KEY", type: attribute.type, offset: attribute.start)
        }
        try bytes.check(attribute, isMasked ? 2 * count : count, "set of OVS_KEY")
        return MaskedFields(
            bytes: bytes, value: attribute.offset, mask: isMasked ? attribute.offset + count : nil
        ).rewrite(attribute.type)
    }

    /// How long each structure is that can be set.
    private static let byteCounts: [(type: UInt16, count: Int)] = [
        (KeyAttribute.ethernet, 12), (KeyAttribute.ipv4, 12), (KeyAttribute.ipv6, 40),
        (KeyAttribute.tcp, 4), (KeyAttribute.udp, 4), (KeyAttribute.sctp, 4),
        (KeyAttribute.packetMark, 4), (KeyAttribute.priority, 4),
    ]
}

/// A structure and its mask, whose lengths have been checked. No mask: every bit counts.
private struct MaskedFields: ~Escapable {
    let bytes: RawSpan
    let value: Int
    let mask: Int?

    @_lifetime(copy bytes)
    init(bytes: RawSpan, value: Int, mask: Int?) {
        (self.bytes, self.value, self.mask) = (bytes, value, mask)
    }

    func rewrite(_ type: UInt16) -> HeaderRewrite {
        switch type {
        case KeyAttribute.ethernet: .ethernet(source: mac(0), destination: mac(6))
        case KeyAttribute.ipv4:
            .ipv4(source: ipv4(0), destination: ipv4(4), tos: octet(9), ttl: octet(10))
        case KeyAttribute.ipv6:
            .ipv6(
                source: ipv6(0), destination: ipv6(16), label: word(32), trafficClass: octet(37),
                hopLimit: octet(38))
        case KeyAttribute.tcp:
            .ports(ipProtocol: IPProtocol.tcp, source: half(0), destination: half(2))
        case KeyAttribute.udp:
            .ports(ipProtocol: IPProtocol.udp, source: half(0), destination: half(2))
        case KeyAttribute.sctp:
            .ports(ipProtocol: IPProtocol.sctp, source: half(0), destination: half(2))
        case KeyAttribute.priority: .priority(bytes.host32(at: value))
        default:
            .packetMark(
                Masked(bytes.host32(at: value), mask: mask.map { bytes.host32(at: $0) } ?? .max))
        }
    }

    private func octet(_ at: Int) -> Masked<UInt8> {
        Masked(
            bytes.octet(at: value + at), mask: mask.map { bytes.octet(at: $0 + at) } ?? .max)
    }
    private func half(_ at: Int) -> Masked<UInt16> {
        Masked(
            bytes.bigEndian16(at: value + at),
            mask: mask.map { bytes.bigEndian16(at: $0 + at) } ?? .max)
    }
    private func word(_ at: Int) -> Masked<UInt32> {
        Masked(
            bytes.bigEndian32(at: value + at),
            mask: mask.map { bytes.bigEndian32(at: $0 + at) } ?? .max)
    }
    private func mac(_ at: Int) -> Masked<MACAddress> {
        Masked(
            bytes.macAddress(at: value + at),
            mask: mask.map { bytes.macAddress(at: $0 + at) } ?? .broadcast)
    }
    private func ipv4(_ at: Int) -> Masked<IPv4Address> {
        let both = word(at)
        return Masked(IPv4Address(bits: both.value), mask: IPv4Address(bits: both.mask))
    }
    private func ipv6(_ at: Int) -> Masked<IPv6Address> {
        let all = IPv6Address(high: .max, low: .max)
        return Masked(
            bytes.ipv6Address(at: value + at),
            mask: mask.map { bytes.ipv6Address(at: $0 + at) } ?? all)
    }
}
