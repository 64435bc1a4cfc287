import CLinuxPacket
import Flows
import Packets

// Packets as `OVS_PACKET_ATTR_*`.
//
// The kernel cuts super-frames into segments before it hands them up; ours go up whole. The largest
// of them do not fit into one attribute, whose length has 16 bits, so their last bytes follow in an
// attribute of our own.

extension DatagramWriter {
    mutating func putPacket(
        _ packet: [UInt8], _ offload: UpcallOffload?
    ) throws(DatapathMessageError) {
        guard packet.count <= DatapathMessageLimits.frameByteCountMax else {
            throw .tooLong("frame", byteCount: packet.count)
        }
        let cut = DatapathMessageLimits.packetAttributeByteCountMax
        put(UInt16(OVS_PACKET_ATTR_PACKET.rawValue), packet.prefix(cut), "frame")
        if packet.count > cut { put(OwnAttribute.packetRest, packet[cut...], "frame") }
        guard let offload else { return }
        guard offload.bytes.count == 10 else {
            throw .tooLong("offload header", byteCount: offload.bytes.count)
        }
        put(OwnAttribute.offload, offload.bytes)
    }
}

/// What an order to execute says, before anybody asks whether that is enough.
struct PacketParts {
    private var packet: [UInt8]?
    private var rest: [UInt8] = []
    private var offload: UpcallOffload?
    private var key: FlowKey?
    private var actions: [DatapathAction]?

    init(_ bytes: RawSpan, _ range: Range<Int>) throws(DatapathMessageError) {
        var attributes = AttributeReader(bytes, range, "OVS_PACKET")
        while let attribute = try attributes.nextAttribute() {
            switch UInt32(attribute.type) {
            case OVS_PACKET_ATTR_PACKET.rawValue: packet = bytes.array(attribute)
            case OVS_PACKET_ATTR_KEY.rawValue: key = try KeyReader.key(bytes, attribute)
            case OVS_PACKET_ATTR_ACTIONS.rawValue:
                actions = try ActionReader.actions(bytes, attribute)
            case UInt32(OwnAttribute.offload):
                try bytes.check(attribute, 10, "offload header")
                offload = UpcallOffload(bytes: bytes.array(attribute))
            case UInt32(OwnAttribute.packetRest): rest = bytes.array(attribute)
            default: break
            }
        }
        if !rest.isEmpty { packet?.append(contentsOf: rest) }
        if let count = packet?.count, count > DatapathMessageLimits.frameByteCountMax {
            throw .tooLong("frame", byteCount: count)
        }
    }

    private func frame(
        _ offset: Int
    ) throws(DatapathMessageError) -> (bytes: [UInt8], key: FlowKey) {
        guard let packet else {
            throw .missingAttribute("OVS_PACKET_PACKET", in: "OVS_PACKET", offset: offset)
        }
        guard let key else {
            throw .missingAttribute("OVS_PACKET_KEY", in: "OVS_PACKET", offset: offset)
        }
        return (packet, key)
    }

    func execution(_ offset: Int) throws(DatapathMessageError) -> ExecutedPacket {
        let frame = try frame(offset)
        guard let actions else {
            throw .missingAttribute("OVS_PACKET_ACTIONS", in: "OVS_PACKET", offset: offset)
        }
        return ExecutedPacket(
            bytes: frame.bytes, offload: offload, key: frame.key, actions: actions)
    }

}

extension Upcall {
    /// Reads each part to where it stays: there are a hundred thousand a second.
    init(
        _ bytes: RawSpan, _ range: Range<Int>, isMiss: Bool, offset: Int
    ) throws(DatapathMessageError) {
        var (hasPacket, hasKey) = (false, false)
        var (packet, cookie, rest) = ([UInt8](), [UInt8](), [UInt8]())
        var key = FlowKey()
        var offload: UpcallOffload?
        var id: UInt32 = 0
        var length: Int?
        var attributes = AttributeReader(bytes, range, "OVS_PACKET")
        while let attribute = try attributes.nextAttribute() {
            switch UInt32(attribute.type) {
            case OVS_PACKET_ATTR_PACKET.rawValue:
                packet = bytes.array(attribute)
                hasPacket = true
            case OVS_PACKET_ATTR_KEY.rawValue:
                key = try KeyReader.key(bytes, attribute)
                hasKey = true
            case UInt32(OwnAttribute.upcallID): id = try bytes.host32(attribute, "upcall number")
            case UInt32(OwnAttribute.offload):
                try bytes.check(attribute, 10, "offload header")
                offload = UpcallOffload(bytes: bytes.array(attribute))
            case OVS_PACKET_ATTR_LEN.rawValue:
                length = Int(try bytes.host32(attribute, "OVS_PACKET_LEN"))
            case UInt32(OwnAttribute.packetRest): rest = bytes.array(attribute)
            case OVS_PACKET_ATTR_USERDATA.rawValue:
                guard attribute.count <= DatapathMessageLimits.cookieByteCountMax else {
                    throw .tooLong("upcall cookie", byteCount: attribute.count)
                }
                cookie = bytes.array(attribute)
            default: break
            }
        }
        guard hasPacket else {
            throw .missingAttribute("OVS_PACKET_PACKET", in: "OVS_PACKET", offset: offset)
        }
        guard hasKey else {
            throw .missingAttribute("OVS_PACKET_KEY", in: "OVS_PACKET", offset: offset)
        }
        if !rest.isEmpty { packet.append(contentsOf: rest) }
        guard packet.count <= DatapathMessageLimits.frameByteCountMax else {
            throw .tooLong("frame", byteCount: packet.count)
        }
        self.init(
            reason: isMiss ? .miss : .action(cookie: cookie), bytes: packet,
            originalByteCount: length ?? packet.count, offload: offload, key: key, id: id)
    }
}

extension UpcallAnswer {
    /// Reads an answer, which names a packet instead of bringing it along.
    ///
    /// - Parameter last: The last decision in the datagram that had a mask: what one may refer to
    ///   that says "again".
    init(
        _ bytes: RawSpan, _ range: Range<Int>, after last: inout UpcallDecision?, offset: Int
    ) throws(DatapathMessageError) {
        self.init(id: 0, decision: .nothing)
        var isAgain = false
        var mask: FlowMask?
        var actions: [DatapathAction] = []
        var attributes = AttributeReader(bytes, range, "OVS_PACKET")
        while let attribute = try attributes.nextAttribute() {
            switch UInt32(attribute.type) {
            case UInt32(OwnAttribute.upcallID): id = try bytes.host32(attribute, "upcall number")
            case UInt32(OwnAttribute.upcallExecutes): executes = true
            case UInt32(OwnAttribute.upcallAgain): isAgain = true
            case UInt32(OwnAttribute.upcallMask): mask = try KeyReader.words(bytes, attribute)
            case OVS_PACKET_ATTR_ACTIONS.rawValue:
                actions = try ActionReader.actions(bytes, attribute)
            default: break
            }
        }
        guard id != 0 else {
            throw .invalidValue(attribute: "upcall number", offset: offset, value: 0)
        }
        if isAgain {
            guard let last else {
                throw .missingAttribute("upcall mask", in: "OVS_PACKET", offset: offset)
            }
            decision = last
        } else if mask != nil || !actions.isEmpty {
            decision = UpcallDecision(mask: mask, actions: actions)
            if mask != nil { last = decision }
        }
    }

    /// Whether a message of the packet family is one: it begins with the number.
    static func isMeant(
        _ bytes: RawSpan, _ range: Range<Int>
    ) throws(DatapathMessageError) -> Bool {
        var attributes = AttributeReader(bytes, range, "OVS_PACKET")
        return try attributes.nextAttribute()?.type == OwnAttribute.upcallID
    }
}
