import CLinuxPacket
import Flows
import Packets

// Ports as `OVS_VPORT_ATTR_*`.

extension DatagramWriter {
    /// - Throws: `.tooLong` if the name has not 1 to 15 bytes.
    mutating func put(_ port: Vport, withCounters: Bool) throws(DatapathMessageError) {
        let length = port.name.utf8.count
        guard (1...DatapathMessageLimits.nameByteCountMax).contains(length) else {
            throw .tooLong("interface name", byteCount: length)
        }
        if let number = port.number {
            put(UInt16(OVS_VPORT_ATTR_PORT_NO.rawValue), host: number)
        }
        put(UInt16(OVS_VPORT_ATTR_TYPE.rawValue), host: port.kind.rawValue)
        put(UInt16(OVS_VPORT_ATTR_NAME.rawValue), text: port.name)
        guard withCounters else { return }
        var fields = Fields()
        let counts = port.statistics
        for count in [
            counts.rxPackets, counts.txPackets, counts.rxBytes, counts.txBytes, counts.rxErrors,
            counts.txErrors, counts.rxDropped, counts.txDropped,
        ] { fields.put(host: count) }
        put(UInt16(OVS_VPORT_ATTR_STATS.rawValue), fields)
        put(UInt16(OVS_VPORT_ATTR_IFINDEX.rawValue), host: port.interfaceIndex)
        if !port.queues.isEmpty { put(port.queues) }
        guard !port.ends.isEmpty else { return }
        let nest = beginNest(OwnAttribute.packetEnds)
        for end in PacketEnd.allCases {
            if let count = port.ends[end] { put(UInt16(end.rawValue), host: count) }
        }
        endNest(nest, "packet ends")
    }
}

extension Vport {
    init(_ bytes: RawSpan, _ range: Range<Int>) throws(DatapathMessageError) {
        var number: UInt32?
        var kind: VportKind?
        var name: String?
        var statistics = VportStatistics()
        var interfaceIndex: UInt32 = 0
        var ends: [PacketEnd: UInt64] = [:]
        var queues: [QueueCounters] = []
        var attributes = AttributeReader(bytes, range, "OVS_VPORT")
        while let attribute = try attributes.nextAttribute() {
            switch UInt32(attribute.type) {
            case OVS_VPORT_ATTR_PORT_NO.rawValue:
                number = try bytes.host32(attribute, "OVS_VPORT_PORT_NO")
            case OVS_VPORT_ATTR_TYPE.rawValue:
                let type = try bytes.host32(attribute, "OVS_VPORT_TYPE")
                kind = VportKind(rawValue: type)
                if kind == nil {
                    throw .invalidValue(
                        attribute: "OVS_VPORT_TYPE", offset: attribute.start, value: UInt64(type))
                }
            case OVS_VPORT_ATTR_NAME.rawValue:
                name = try bytes.text(
                    attribute, "OVS_VPORT_NAME", limit: DatapathMessageLimits.nameByteCountMax)
            case OVS_VPORT_ATTR_STATS.rawValue:
                statistics = try VportStatistics(bytes, attribute)
            case OVS_VPORT_ATTR_IFINDEX.rawValue:
                interfaceIndex = try bytes.host32(attribute, "OVS_VPORT_IFINDEX")
            case UInt32(OwnAttribute.packetEnds): ends = try Self.ends(bytes, attribute)
            case UInt32(OwnAttribute.queueCounters):
                queues = try QueueCounters.read(bytes, attribute)
            default: break
            }
        }
        guard let kind, let name else {
            throw .missingAttribute(
                kind == nil ? "OVS_VPORT_TYPE" : "OVS_VPORT_NAME", in: "OVS_VPORT",
                offset: range.lowerBound)
        }
        self.init(
            number: number, kind: kind, name: name, statistics: statistics,
            interfaceIndex: interfaceIndex, ends: ends)
        self.queues = queues
    }

    /// Ends that a newer datapath may know and we do not are left out.
    private static func ends(
        _ bytes: RawSpan, _ nest: Attribute
    ) throws(DatapathMessageError) -> [PacketEnd: UInt64] {
        var ends: [PacketEnd: UInt64] = [:]
        var attributes = AttributeReader(bytes, nest: nest, "packet ends")
        while let attribute = try attributes.nextAttribute() {
            guard let end = UInt8(exactly: attribute.type).flatMap(PacketEnd.init(rawValue:))
            else { continue }
            ends[end] = try bytes.host64(attribute, "packet end")
        }
        return ends
    }
}

extension VportStatistics {
    fileprivate init(_ bytes: RawSpan, _ attribute: Attribute) throws(DatapathMessageError) {
        try bytes.check(attribute, 64, "OVS_VPORT_STATS")
        let at = attribute.offset
        self.init()
        rxPackets = bytes.host64(at: at)
        txPackets = bytes.host64(at: at + 8)
        rxBytes = bytes.host64(at: at + 16)
        txBytes = bytes.host64(at: at + 24)
        rxErrors = bytes.host64(at: at + 32)
        txErrors = bytes.host64(at: at + 40)
        rxDropped = bytes.host64(at: at + 48)
        txDropped = bytes.host64(at: at + 56)
    }
}
