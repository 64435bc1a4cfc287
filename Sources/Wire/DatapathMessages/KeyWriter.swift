import CLinuxPacket
import Flows
import Packets

// Keys and masks as `OVS_KEY_ATTR_*`, in the order in which the kernel writes them.
//
// A key has every attribute of its shape. A mask leaves out what is all zero, because absence says
// "any value"; except VLAN, whose absence says "exactly as in the key".

extension DatagramWriter {
    /// Writes `key` as the nest `type`.
    mutating func put(_ type: UInt16, key: FlowKey) {
        let shape = KeyShape(key)
        let nest = beginNest(type)
        put(row: key, shape, isMask: false)
        if shape.carried(key: key) != key { putWords(key) }
        endNest(nest, "flow key")
    }

    /// Writes `mask`, which belongs to `key`, as the nest `type`.
    mutating func put(_ type: UInt16, mask: FlowMask, of key: FlowKey) {
        let shape = KeyShape(key)
        let nest = beginNest(type)
        put(row: mask, shape, isMask: true)
        if shape.carried(mask: mask) != mask { putWords(mask) }
        endNest(nest, "flow mask")
    }

    /// Writes `key` as the nest `type`, as words only: a fifth of the time, for those who know us.
    mutating func put(_ type: UInt16, wordsOf key: FlowKey) {
        let nest = beginNest(type)
        putWords(key, as: OwnAttribute.keyWords, count: Self.neededCount(key))
        endNest(nest, "flow key")
    }

    /// Writes `mask` as an attribute `type` of words.
    mutating func put(_ type: UInt16, maskWords mask: FlowMask) {
        putWords(mask, as: type, count: Self.neededCount(mask))
    }

    private static func neededCount(_ row: FlowKey) -> Int {
        row.hasTunnelBits ? FlowKey.wordCount : FlowKey.plainWordCount
    }

    private mutating func putWords(
        _ row: FlowKey, as type: UInt16 = OwnAttribute.keyWords, count: Int = FlowKey.wordCount
    ) {
        var words = row.words
        for index in 0..<FlowKey.wordCount { words[index] = words[index].littleEndian }
        // In bounds: the row has at least `count` words, and is lent for the call.
        unsafe withUnsafeBytes(of: &words) { bytes in
            unsafe put(type, UnsafeRawBufferPointer(rebasing: bytes[..<(count * 8)]))
        }
    }

    private mutating func put(row: FlowKey, _ shape: KeyShape, isMask: Bool) {
        putWord(KeyAttribute.recirculationID, row.recirculationID, isMask)
        putWord(KeyAttribute.dpHash, row.dpHash, isMask)
        putWord(KeyAttribute.priority, row.priority, isMask)
        if shape.hasTunnel, !isMask || row.hasTunnelBits { putTunnel(row) }
        if shape.hasInPort || isMask { putWord(KeyAttribute.inPort, row.inPort, isMask) }
        putWord(KeyAttribute.packetMark, row.packetMark, isMask)
        if !isMask || row.ethSrc.bits | row.ethDst.bits != 0 {
            put(KeyAttribute.ethernet, .ethernet(source: row.ethSrc, destination: row.ethDst))
        }
        var nests = [Int]()
        if shape.tags > 0 {
            put(KeyAttribute.etherType, network: row.vlan0TPID)
            put(KeyAttribute.vlan, network: row.vlan0TCI)
            nests.append(beginNest(KeyAttribute.encapsulated))
        }
        if shape.tags > 1 {
            put(KeyAttribute.etherType, network: row.vlan1TPID)
            put(KeyAttribute.vlan, network: row.vlan1TCI)
            nests.append(beginNest(KeyAttribute.encapsulated))
        }
        if isMask ? row.ethType != 0 : shape.isEthernetII {
            put(KeyAttribute.etherType, network: row.ethType)
        }
        putNetwork(row, shape, isMask: isMask)
        putTransport(row, shape, isMask: isMask)
        for nest in nests.reversed() { endNest(nest, "flow key") }
    }

    private mutating func putWord(_ type: UInt16, _ value: UInt32, _ isMask: Bool) {
        if !isMask || value != 0 { put(type, host: value) }
    }

    private mutating func putNetwork(_ row: FlowKey, _ shape: KeyShape, isMask: Bool) {
        let fragment = isMask ? (row.nwFrag == 0 ? 0 : .max) : FragmentType.written(row.nwFrag)
        let fields: Fields
        switch shape.network {
        case .none: return
        case .ipv4:
            fields = .ipv4(
                source: row.nwSrc, destination: row.nwDst, proto: row.nwProto, tos: row.nwTOS,
                ttl: row.nwTTL, fragment: fragment)
        case .ipv6:
            fields = .ipv6(
                source: row.ipv6Src, destination: row.ipv6Dst, label: row.ipv6Label,
                proto: row.nwProto, trafficClass: row.nwTOS, hopLimit: row.nwTTL,
                fragment: fragment)
        case .arp: fields = .arp(row)
        case .mpls(let count): fields = .labels([row.mpls0, row.mpls1, row.mpls2].prefix(count))
        }
        if !isMask || !fields.isZero { put(shape.networkAttribute, fields) }
    }

    private mutating func putTransport(_ row: FlowKey, _ shape: KeyShape, isMask: Bool) {
        let ports = Fields.ports(source: row.tpSrc, destination: row.tpDst)
        let message = Fields.message(type: row.tpSrc, code: row.tpDst)
        func put(_ type: UInt16, _ fields: Fields, _ writer: inout DatagramWriter) {
            if !isMask || !fields.isZero { writer.put(type, fields) }
        }
        switch shape.transport {
        case .none: break
        case .tcp:
            put(KeyAttribute.tcp, ports, &self)
            if !isMask || row.tcpFlags != 0 {
                self.put(KeyAttribute.tcpFlags, network: row.tcpFlags)
            }
        case .udp: put(KeyAttribute.udp, ports, &self)
        case .sctp: put(KeyAttribute.sctp, ports, &self)
        case .icmp: put(KeyAttribute.icmp, message, &self)
        case .icmpv6: put(KeyAttribute.icmpv6, message, &self)
        case .neighbourDiscovery:
            put(KeyAttribute.icmpv6, message, &self)
            put(KeyAttribute.neighbourDiscovery, .neighbourDiscovery(row), &self)
        }
    }
}

extension KeyShape {
    fileprivate var networkAttribute: UInt16 {
        switch network {
        case .none: 0
        case .ipv4: KeyAttribute.ipv4
        case .ipv6: KeyAttribute.ipv6
        case .arp: KeyAttribute.arp
        case .mpls: KeyAttribute.mpls
        }
    }
}

/// `enum ovs_frag_type` and the bits of `FlowKey.nwFrag`.
enum FragmentType {
    static func written(_ bits: UInt8) -> UInt8 {
        if bits & Fragment.later != 0 { return UInt8(OVS_FRAG_TYPE_LATER.rawValue) }
        return UInt8((bits == 0 ? OVS_FRAG_TYPE_NONE : OVS_FRAG_TYPE_FIRST).rawValue)
    }

    /// nil for a number that is no fragment type.
    static func read(_ type: UInt8) -> UInt8? {
        switch UInt32(type) {
        case OVS_FRAG_TYPE_NONE.rawValue: 0
        case OVS_FRAG_TYPE_FIRST.rawValue: Fragment.any
        case OVS_FRAG_TYPE_LATER.rawValue: Fragment.any | Fragment.later
        default: nil
        }
    }
}

/// The structures `ovs_key_*`.
extension Fields {
    static func ethernet(source: MACAddress, destination: MACAddress) -> Fields {
        var fields = Fields()
        fields.put(source)
        fields.put(destination)
        return fields
    }

    static func ipv4(
        source: IPv4Address, destination: IPv4Address, proto: UInt8, tos: UInt8, ttl: UInt8,
        fragment: UInt8
    ) -> Fields {
        var fields = Fields()
        fields.put(network: source.bits)
        fields.put(network: destination.bits)
        for octet in [proto, tos, ttl, fragment] { fields.put(octet) }
        return fields
    }

    static func ipv6(
        source: IPv6Address, destination: IPv6Address, label: UInt32, proto: UInt8,
        trafficClass: UInt8, hopLimit: UInt8, fragment: UInt8
    ) -> Fields {
        var fields = Fields()
        fields.put(source)
        fields.put(destination)
        fields.put(network: label)
        for octet in [proto, trafficClass, hopLimit, fragment] { fields.put(octet) }
        return fields
    }

    static func arp(_ row: FlowKey) -> Fields {
        var fields = Fields()
        fields.put(network: row.nwSrc.bits)
        fields.put(network: row.nwDst.bits)
        fields.put(network: UInt16(row.nwProto))
        fields.put(row.arpSHA)
        fields.put(row.arpTHA)
        // The structure's size is a multiple of its widest field's.
        fields.put(network: UInt16(0))
        return fields
    }

    static func labels(_ entries: ArraySlice<UInt32>) -> Fields {
        var fields = Fields()
        for entry in entries { fields.put(network: entry) }
        return fields
    }

    static func ports(source: UInt16, destination: UInt16) -> Fields {
        var fields = Fields()
        fields.put(network: source)
        fields.put(network: destination)
        return fields
    }

    static func message(type: UInt16, code: UInt16) -> Fields {
        var fields = Fields()
        fields.put(UInt8(truncatingIfNeeded: type))
        fields.put(UInt8(truncatingIfNeeded: code))
        return fields
    }

    static func neighbourDiscovery(_ row: FlowKey) -> Fields {
        var fields = Fields()
        fields.put(row.ndTarget)
        fields.put(row.arpSHA)
        fields.put(row.arpTHA)
        return fields
    }

    /// This structure and behind it `mask`, as `OVS_ACTION_ATTR_SET_MASKED` has them.
    func followed(by mask: Fields) -> Fields {
        var both = self
        // In bounds: the indices are the buffer's own.
        unsafe mask.withBytes { bytes in
            for index in bytes.indices { unsafe both.put(bytes[index]) }
        }
        return both
    }

    /// Whether every byte is 0.
    var isZero: Bool {
        // In bounds: the closure reads what it is lent.
        unsafe withBytes { bytes in unsafe bytes.allSatisfy { $0 == 0 } }
    }
}
