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
    /// - Throws: `.tooLong` over `actionCountMax` actions, `cookieByteCountMax` bytes of cookie, or
    ///   `actionDepthMax` lists inside each other.
    mutating func put(
        _ type: UInt16, actions: [DatapathAction], depth: Int = 0
    ) throws(DatapathMessageError) {
        guard actions.count <= DatapathMessageLimits.actionCountMax else {
            throw .tooLong("list of actions", byteCount: actions.count)
        }
        guard depth <= DatapathMessageLimits.actionDepthMax else {
            throw .tooLong("nest of lists of actions", byteCount: depth)
        }
        let nest = beginNest(type)
        for action in actions { try put(action, depth: depth) }
        endNest(nest, "list of actions")
    }

    private mutating func put(
        _ action: DatapathAction, depth: Int
    ) throws(DatapathMessageError) {
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
        case .pushMPLS(let etherType, let entry):
            put(ActionAttribute.pushMPLS, .label(entry, etherType: etherType))
        case .popMPLS(let etherType): put(ActionAttribute.popMPLS, network: etherType)
        case .decrementTTL(let expired):
            let nest = beginNest(ActionAttribute.decrementTTL)
            try put(
                UInt16(OVS_DEC_TTL_ATTR_ACTION.rawValue), actions: expired, depth: depth + 1)
            endNest(nest, "dec_ttl action")
        case .meter(let id): put(ActionAttribute.meter, host: id)
        case .clone(let list): try put(ActionAttribute.clone, actions: list, depth: depth + 1)
        case .sample, .checkLength: try putChoice(action, depth: depth)
        case .hash(let algorithm, let basis):
            // struct ovs_action_hash: two numbers in host order.
            put(ActionAttribute.hash, .word(algorithm.rawValue).followed(by: .word(basis)))
        case .recirculate(let id): put(ActionAttribute.recirculate, host: id)
        case .drop(let end): put(ActionAttribute.drop, host: UInt32(end.rawValue))
        }
    }

    /// Actions with a condition beside their lists.
    private mutating func putChoice(
        _ action: DatapathAction, depth: Int
    ) throws(DatapathMessageError) {
        switch action {
        case .sample(let probability, let list):
            let nest = beginNest(ActionAttribute.sample)
            put(UInt16(OVS_SAMPLE_ATTR_PROBABILITY.rawValue), host: probability)
            try put(UInt16(OVS_SAMPLE_ATTR_ACTIONS.rawValue), actions: list, depth: depth + 1)
            endNest(nest, "sample action")
        case .checkLength(let byteCount, let ifGreater, let otherwise):
            let nest = beginNest(ActionAttribute.checkLength)
            put(UInt16(OVS_CHECK_PKT_LEN_ATTR_PKT_LEN.rawValue), .half(byteCount))
            try put(
                UInt16(OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER.rawValue), actions: ifGreater,
                depth: depth + 1)
            try put(
                UInt16(OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL.rawValue), actions: otherwise,
                depth: depth + 1)
            endNest(nest, "check_pkt_len action")
        default: break
        }
    }

    private mutating func put(_ rewrite: HeaderRewrite) {
        let (value, mask) = rewrite.rows
        let kind = rewrite.kind
        putSet(
            kind.attribute, kind.structure(value.masked(by: mask)), mask: kind.structure(mask))
    }

    private mutating func putSet(_ type: UInt16, _ value: Fields, mask: Fields) {
        let isWhole = mask.isOnes
        let nest = beginNest(isWhole ? ActionAttribute.set : ActionAttribute.setMasked)
        put(type, isWhole ? value : value.followed(by: mask))
        endNest(nest, "set action")
    }
}

extension Fields {
    static func half(_ value: UInt16) -> Fields {
        var fields = Fields()
        fields.put(host: value)
        return fields
    }

    static func networkHalf(_ value: UInt16) -> Fields {
        var fields = Fields()
        fields.put(network: value)
        return fields
    }

    /// `struct ovs_action_push_mpls`, padded to the alignment of its first field.
    fileprivate static func label(_ entry: UInt32, etherType: UInt16) -> Fields {
        var fields = Fields()
        fields.put(network: entry)
        fields.put(network: etherType)
        fields.put(network: UInt16(0))
        return fields
    }

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

extension HeaderKind {
    /// The `OVS_KEY_ATTR_*` of the header.
    var attribute: UInt16 {
        switch self {
        case .ethernet: KeyAttribute.ethernet
        case .vlan: KeyAttribute.vlan
        case .mpls: KeyAttribute.mpls
        case .arp: KeyAttribute.arp
        case .ipv4: KeyAttribute.ipv4
        case .ipv6: KeyAttribute.ipv6
        case .tcp: KeyAttribute.tcp
        case .udp: KeyAttribute.udp
        case .sctp: KeyAttribute.sctp
        case .icmp: KeyAttribute.icmp
        case .icmpv6: KeyAttribute.icmpv6
        case .neighbourDiscovery: KeyAttribute.neighbourDiscovery
        case .packetMark: KeyAttribute.packetMark
        case .priority: KeyAttribute.priority
        case .dpHash: KeyAttribute.dpHash
        }
    }

    /// Bytes of the header's structure.
    var byteCount: Int {
        switch self {
        case .vlan, .icmp, .icmpv6: 2
        case .mpls, .tcp, .udp, .sctp, .packetMark, .priority, .dpHash: 4
        case .ethernet, .ipv4: 12
        case .arp: 24
        case .neighbourDiscovery: 28
        case .ipv6: 40
        }
    }

    /// The header's structure with what `row` has of it, and zero for the rest.
    fileprivate func structure(_ row: FlowKey) -> Fields {
        switch self {
        case .ethernet: .ethernet(source: row.ethSrc, destination: row.ethDst)
        case .vlan: .networkHalf(row.vlan0TCI)
        case .mpls: .labels([row.mpls0][...])
        case .arp: .arp(row)
        case .ipv4:
            .ipv4(
                source: row.nwSrc, destination: row.nwDst, proto: 0, tos: row.nwTOS,
                ttl: row.nwTTL, fragment: 0)
        case .ipv6:
            .ipv6(
                source: row.ipv6Src, destination: row.ipv6Dst, label: row.ipv6Label, proto: 0,
                trafficClass: row.nwTOS, hopLimit: row.nwTTL, fragment: 0)
        case .tcp, .udp, .sctp: .ports(source: row.tpSrc, destination: row.tpDst)
        case .icmp, .icmpv6: .message(type: row.tpSrc, code: row.tpDst)
        case .neighbourDiscovery: .neighbourDiscovery(row)
        case .packetMark: .word(row.packetMark)
        case .priority: .word(row.priority)
        case .dpHash: .word(row.dpHash)
        }
    }
}
