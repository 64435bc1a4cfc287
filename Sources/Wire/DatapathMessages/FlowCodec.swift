import CLinuxPacket
import Flows
import Packets

// Flows as `OVS_FLOW_ATTR_*`.

extension DatagramWriter {
    /// - Parameter asWords: Key and mask as rows: for those who know us, and wait for thousands.
    mutating func put(
        _ flow: CachedFlow, withCounters: Bool, asWords: Bool = false
    ) throws(DatapathMessageError) {
        if let ufid = flow.ufid { put(ufid) }
        if asWords {
            put(UInt16(OVS_FLOW_ATTR_KEY.rawValue), wordsOf: flow.key)
            put(UInt16(OVS_FLOW_ATTR_MASK.rawValue), wordsOf: flow.mask)
        } else {
            put(UInt16(OVS_FLOW_ATTR_KEY.rawValue), key: flow.key)
            put(UInt16(OVS_FLOW_ATTR_MASK.rawValue), mask: flow.mask, of: flow.key)
        }
        if withCounters { putCounters(flow.statistics) }
        try put(UInt16(OVS_FLOW_ATTR_ACTIONS.rawValue), actions: flow.actions)
    }

    mutating func put(_ ufid: UFID) {
        var fields = Fields()
        fields.put(network: ufid.high)
        fields.put(network: ufid.low)
        put(UInt16(OVS_FLOW_ATTR_UFID.rawValue), fields)
    }

    /// Like the kernel, says only what is not zero.
    private mutating func putCounters(_ statistics: FlowStatistics) {
        if statistics.usedMilliseconds != 0 {
            put(UInt16(OVS_FLOW_ATTR_USED.rawValue), host: statistics.usedMilliseconds)
        }
        if statistics.packets != 0 || statistics.bytes != 0 {
            var fields = Fields()
            fields.put(host: statistics.packets)
            fields.put(host: statistics.bytes)
            put(UInt16(OVS_FLOW_ATTR_STATS.rawValue), fields)
        }
        if statistics.tcpFlags != 0 {
            put(UInt16(OVS_FLOW_ATTR_TCP_FLAGS.rawValue), statistics.tcpFlags)
        }
    }
}

/// What a message of the flow family says, before anybody asks whether that is enough.
struct FlowParts {
    var key: FlowKey?
    var mask: FlowMask?
    private var actions: [DatapathAction]?
    private var statistics = FlowStatistics()
    private var ufid: UFID?
    /// Only to be tried.
    private(set) var isProbe = false

    init(_ bytes: RawSpan, _ range: Range<Int>) throws(DatapathMessageError) {
        var attributes = AttributeReader(bytes, range, "OVS_FLOW")
        while let attribute = try attributes.nextAttribute() {
            switch UInt32(attribute.type) {
            case OVS_FLOW_ATTR_KEY.rawValue: key = try KeyReader.key(bytes, attribute)
            case OVS_FLOW_ATTR_MASK.rawValue: mask = try KeyReader.mask(bytes, attribute)
            case OVS_FLOW_ATTR_ACTIONS.rawValue:
                actions = try ActionReader.actions(bytes, attribute)
            case OVS_FLOW_ATTR_STATS.rawValue:
                try bytes.check(attribute, 16, "OVS_FLOW_STATS")
                statistics.packets = bytes.host64(at: attribute.offset)
                statistics.bytes = bytes.host64(at: attribute.offset + 8)
            case OVS_FLOW_ATTR_TCP_FLAGS.rawValue:
                try bytes.check(attribute, 1, "OVS_FLOW_TCP_FLAGS")
                statistics.tcpFlags = bytes.octet(at: attribute.offset)
            case OVS_FLOW_ATTR_USED.rawValue:
                statistics.usedMilliseconds = try bytes.host64(attribute, "OVS_FLOW_USED")
            case OVS_FLOW_ATTR_UFID.rawValue:
                try bytes.check(attribute, 16, "OVS_FLOW_UFID")
                ufid = UFID(
                    high: bytes.bigEndian64(at: attribute.offset),
                    low: bytes.bigEndian64(at: attribute.offset + 8))
            case OVS_FLOW_ATTR_PROBE.rawValue: isProbe = true
            case OVS_FLOW_ATTR_PAD.rawValue: break
            default:
                // CLEAR among them: to pass over an order would be to disobey it.
                throw .unsupported("OVS_FLOW", type: attribute.type, offset: attribute.start)
            }
        }
    }

    /// - Throws: `.missingAttribute` without a key or without actions.
    func flow(offset: Int) throws(DatapathMessageError) -> CachedFlow {
        guard let key else {
            throw .missingAttribute("OVS_FLOW_KEY", in: "OVS_FLOW", offset: offset)
        }
        guard let actions else {
            throw .missingAttribute("OVS_FLOW_ACTIONS", in: "OVS_FLOW", offset: offset)
        }
        return CachedFlow(
            key: key, mask: mask ?? .exact, actions: actions, statistics: statistics, ufid: ufid)
    }
}
