import Flows
import Packets

// `OVS_KEY_ATTR_*` as keys and masks.
//
// What an absent attribute means differs: in a key, a field that the packet does not have; in a
// mask, any value. ETHERTYPE absent from a key says that the frame has an 802.3 length. VLAN absent
// from a mask says that the tag, or that there is none, is compared exactly.

/// Reads one nest of key attributes.
struct KeyReader {
    private let isMask: Bool
    private var row = FlowKey()
    private var words: FlowKey?
    private var layers: UInt64 = 0
    private var hasInPort = false

    /// - Throws: Whatever is wrong with `nest`, among it headers that the key's types exclude.
    static func key(
        _ bytes: RawSpan, _ nest: Attribute
    ) throws(DatapathMessageError) -> FlowKey {
        if let words = try onlyWords(bytes, nest) { return words }
        var reader = KeyReader(isMask: false)
        try reader.readLevel(bytes, nest, depth: 0)
        if let words = reader.words { return words }
        if !reader.hasInPort { reader.row.inPort = KeyShape.noPort }
        let excluded = reader.layers & ~KeyShape(reader.row).layerAttributes
        guard excluded == 0 else {
            throw .invalidValue(
                attribute: "OVS_FLOW_KEY: header not of its type", offset: nest.start,
                value: UInt64(excluded.trailingZeroBitCount))
        }
        return reader.row
    }

    static func mask(
        _ bytes: RawSpan, _ nest: Attribute
    ) throws(DatapathMessageError) -> FlowMask {
        var reader = KeyReader(isMask: true)
        try reader.readLevel(bytes, nest, depth: 0)
        return reader.words ?? reader.row
    }

    /// What one attribute of a `set` writes.
    static func header(
        _ bytes: RawSpan, _ attribute: Attribute, isMask: Bool
    ) throws(DatapathMessageError) -> FlowKey {
        var reader = KeyReader(isMask: isMask)
        if attribute.type == KeyAttribute.vlan {
            let tci = try bytes.network16(attribute, "OVS_KEY_VLAN")
            // Whether the tag is there is not for a set to say.
            reader.row.vlan0TCI = tci & ~VLANTag.present
        } else {
            try reader.readField(bytes, attribute)
        }
        return reader.row
    }

    private init(isMask: Bool) { self.isMask = isMask }

    private struct Level {
        var etherType: UInt16?
        var vlan: UInt16?
        var encapsulated: Attribute?
    }

    private mutating func readLevel(
        _ bytes: RawSpan, _ nest: Attribute, depth: Int
    ) throws(DatapathMessageError) {
        var level = Level()
        var attributes = AttributeReader(bytes, nest: nest, isMask ? "flow mask" : "flow key")
        while let attribute = try attributes.nextAttribute() {
            switch attribute.type {
            case KeyAttribute.etherType:
                level.etherType = try bytes.network16(attribute, "OVS_KEY_ETHERTYPE")
            case KeyAttribute.vlan: level.vlan = try bytes.network16(attribute, "OVS_KEY_VLAN")
            case KeyAttribute.encapsulated: level.encapsulated = attribute
            case OwnAttribute.keyWords: words = try Self.words(bytes, attribute)
            default: try readField(bytes, attribute)
            }
        }
        try finish(level, bytes, nest, depth: depth)
    }

    /// Sets what ETHERTYPE, VLAN and ENCAP say together.
    private mutating func finish(
        _ level: Level, _ bytes: RawSpan, _ nest: Attribute, depth: Int
    ) throws(DatapathMessageError) {
        guard let tci = level.vlan else {
            if let inner = level.encapsulated {
                throw .missingAttribute(
                    "OVS_KEY_VLAN", in: "OVS_KEY_ENCAP", offset: inner.start)
            }
            if let type = level.etherType, !isMask, type < EtherType.smallest {
                throw .invalidValue(
                    attribute: "OVS_KEY_ETHERTYPE", offset: nest.start, value: UInt64(type))
            }
            row.ethType = level.etherType ?? (isMask ? 0 : EtherType.notEthernetII)
            if isMask, depth == 0 { row.vlan0TCI = 0xffff }
            if isMask, depth == 1 { row.vlan1TCI = 0xffff }
            return
        }
        guard let tpid = level.etherType else {
            throw .missingAttribute("OVS_KEY_ETHERTYPE", in: "flow key", offset: nest.start)
        }
        guard depth < 2 else {
            throw .unsupported("OVS_KEY_VLAN behind two tags", type: tci, offset: nest.start)
        }
        // A tag that is there has the present bit; TCI 0 says that the frame ends in its tag.
        guard isMask || tci == 0 || tci & VLANTag.present != 0 else {
            throw .invalidValue(
                attribute: "OVS_KEY_VLAN", offset: nest.start, value: UInt64(tci))
        }
        if depth == 0 { (row.vlan0TPID, row.vlan0TCI) = (tpid, tci) }
        if depth == 1 { (row.vlan1TPID, row.vlan1TCI) = (tpid, tci) }
        guard let inner = level.encapsulated else { return }
        guard isMask || tci != 0 || inner.count == 0 else {
            throw .invalidValue(
                attribute: "OVS_KEY_ENCAP", offset: inner.start, value: UInt64(inner.count))
        }
        if isMask || tci != 0 { try readLevel(bytes, inner, depth: depth + 1) }
    }

    private mutating func readField(
        _ bytes: RawSpan, _ attribute: Attribute
    ) throws(DatapathMessageError) {
        switch attribute.type {
        case KeyAttribute.recirculationID:
            row.recirculationID = try bytes.host32(attribute, "OVS_KEY_RECIRC_ID")
        case KeyAttribute.dpHash: row.dpHash = try bytes.host32(attribute, "OVS_KEY_DP_HASH")
        case KeyAttribute.priority:
            row.priority = try bytes.host32(attribute, "OVS_KEY_PRIORITY")
        case KeyAttribute.inPort:
            row.inPort = try bytes.host32(attribute, "OVS_KEY_IN_PORT")
            hasInPort = true
        case KeyAttribute.packetMark:
            row.packetMark = try bytes.host32(attribute, "OVS_KEY_SKB_MARK")
        case KeyAttribute.ethernet:
            try bytes.check(attribute, 12, "OVS_KEY_ETHERNET")
            row.ethSrc = bytes.macAddress(at: attribute.offset)
            row.ethDst = bytes.macAddress(at: attribute.offset + 6)
        case KeyAttribute.tunnel:
            try row.readTunnel(bytes, attribute)
            if isMask { row.forgetBareTunnel() }
        case 1...63 where try readLayer(bytes, attribute):
            layers |= 1 << UInt64(attribute.type)
        default:
            // The kernel's keys also have connection tracking; we have none, so it
            // may be there only to say "nothing".
            guard bytes.array(attribute).allSatisfy({ $0 == 0 }) else {
                throw .unsupported("OVS_KEY", type: attribute.type, offset: attribute.start)
            }
        }
    }

    /// Network and transport layer. Returns false if the attribute is of another kind.
    private mutating func readLayer(
        _ bytes: RawSpan, _ attribute: Attribute
    ) throws(DatapathMessageError) -> Bool {
        let at = attribute.offset
        switch attribute.type {
        case KeyAttribute.ipv4: try readIPv4(bytes, attribute)
        case KeyAttribute.ipv6: try readIPv6(bytes, attribute)
        case KeyAttribute.arp: try readARP(bytes, attribute)
        case KeyAttribute.mpls: try readLabels(bytes, attribute)
        case KeyAttribute.tcp, KeyAttribute.udp, KeyAttribute.sctp:
            try bytes.check(attribute, 4, "OVS_KEY_TCP, UDP or SCTP")
            row.tpSrc = bytes.bigEndian16(at: at)
            row.tpDst = bytes.bigEndian16(at: at + 2)
        case KeyAttribute.tcpFlags:
            row.tcpFlags = try bytes.network16(attribute, "OVS_KEY_TCP_FLAGS")
        case KeyAttribute.icmp, KeyAttribute.icmpv6:
            try bytes.check(attribute, 2, "OVS_KEY_ICMP or ICMPV6")
            row.tpSrc = UInt16(bytes.octet(at: at))
            row.tpDst = UInt16(bytes.octet(at: at + 1))
        case KeyAttribute.neighbourDiscovery:
            try bytes.check(attribute, 28, "OVS_KEY_ND")
            row.ndTarget = bytes.ipv6Address(at: at)
            row.arpSHA = bytes.macAddress(at: at + 16)
            row.arpTHA = bytes.macAddress(at: at + 22)
        default: return false
        }
        return true
    }

    private mutating func readIPv4(
        _ bytes: RawSpan, _ attribute: Attribute
    ) throws(DatapathMessageError) {
        try bytes.check(attribute, 12, "OVS_KEY_IPV4")
        let at = attribute.offset
        row.nwSrc = IPv4Address(bits: bytes.bigEndian32(at: at))
        row.nwDst = IPv4Address(bits: bytes.bigEndian32(at: at + 4))
        row.nwProto = bytes.octet(at: at + 8)
        row.nwTOS = bytes.octet(at: at + 9)
        row.nwTTL = bytes.octet(at: at + 10)
        row.nwFrag = try fragment(bytes.octet(at: at + 11), "OVS_KEY_IPV4", attribute)
    }

    private mutating func readIPv6(
        _ bytes: RawSpan, _ attribute: Attribute
    ) throws(DatapathMessageError) {
        try bytes.check(attribute, 40, "OVS_KEY_IPV6")
        let at = attribute.offset
        row.ipv6Src = bytes.ipv6Address(at: at)
        row.ipv6Dst = bytes.ipv6Address(at: at + 16)
        row.ipv6Label = bytes.bigEndian32(at: at + 32)
        row.nwProto = bytes.octet(at: at + 36)
        row.nwTOS = bytes.octet(at: at + 37)
        row.nwTTL = bytes.octet(at: at + 38)
        row.nwFrag = try fragment(bytes.octet(at: at + 39), "OVS_KEY_IPV6", attribute)
    }

    private func fragment(
        _ octet: UInt8, _ name: String, _ attribute: Attribute
    ) throws(DatapathMessageError) -> UInt8 {
        if isMask { return octet == 0 ? 0 : Fragment.any | Fragment.later }
        guard let bits = FragmentType.read(octet) else {
            throw .invalidValue(attribute: name, offset: attribute.start, value: UInt64(octet))
        }
        return bits
    }

    private mutating func readARP(
        _ bytes: RawSpan, _ attribute: Attribute
    ) throws(DatapathMessageError) {
        try bytes.check(attribute, 24, "OVS_KEY_ARP")
        let at = attribute.offset
        row.nwSrc = IPv4Address(bits: bytes.bigEndian32(at: at))
        row.nwDst = IPv4Address(bits: bytes.bigEndian32(at: at + 4))
        let operation = bytes.bigEndian16(at: at + 8)
        guard isMask || operation <= 0xff else {
            throw .invalidValue(
                attribute: "OVS_KEY_ARP", offset: attribute.start, value: UInt64(operation))
        }
        row.nwProto = UInt8(truncatingIfNeeded: operation)
        row.arpSHA = bytes.macAddress(at: at + 10)
        row.arpTHA = bytes.macAddress(at: at + 16)
    }

    private mutating func readLabels(
        _ bytes: RawSpan, _ attribute: Attribute
    ) throws(DatapathMessageError) {
        guard [4, 8, 12].contains(attribute.count) else {
            throw .wrongLength(
                attribute: "OVS_KEY_MPLS", offset: attribute.start, expected: 12,
                found: attribute.count)
        }
        row.mpls0 = bytes.bigEndian32(at: attribute.offset)
        if attribute.count > 4 { row.mpls1 = bytes.bigEndian32(at: attribute.offset + 4) }
        if attribute.count > 8 { row.mpls2 = bytes.bigEndian32(at: attribute.offset + 8) }
    }

    /// The row that a nest consists of, as those of upcalls do; nil if it has more in it, or less.
    private static func onlyWords(
        _ bytes: RawSpan, _ nest: Attribute
    ) throws(DatapathMessageError) -> FlowKey? {
        var attributes = AttributeReader(bytes, nest: nest, "flow key")
        guard let first = try attributes.nextAttribute(), first.type == OwnAttribute.keyWords,
            first.count + 4 == nest.count
        else { return nil }
        return try words(bytes, first)
    }

    static func words(
        _ bytes: RawSpan, _ attribute: Attribute
    ) throws(DatapathMessageError) -> FlowKey {
        let isPlain = attribute.count == FlowKey.plainWordCount * 8
        let count = isPlain ? FlowKey.plainWordCount : FlowKey.wordCount
        try bytes.check(attribute, count * 8, "key words")
        var row = FlowKey()
        unsafe row.withMutableWords { words in
            // Safe: a row has wordCount words.
            for index in 0..<count {
                unsafe words[index] =
                    bytes.bigEndian64(at: attribute.offset + 8 * index).byteSwapped
            }
        }
        return row
    }
}
