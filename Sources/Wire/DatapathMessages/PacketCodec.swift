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

/// What a message of the packet family says, before anybody asks whether that is enough.
struct PacketParts {
    private var packet: [UInt8]?
    private var rest: [UInt8] = []
    private var offload: UpcallOffload?
    private var key: FlowKey?
    private var actions: [DatapathAction]?
    private var cookie: [UInt8] = []
    private var originalByteCount: Int?
    private var upcallID: UInt32 = 0
    private var upcallMask: FlowMask?
    private var executes = false

    init(_ bytes: RawSpan, _ range: Range<Int>) throws(DatapathMessageError) {
        var attributes = AttributeReader(bytes, range, "OVS_PACKET")
        while let attribute = try attributes.nextAttribute() {
            switch UInt32(attribute.type) {
            case OVS_PACKET_ATTR_PACKET.rawValue: packet = bytes.array(attribute)
            case OVS_PACKET_ATTR_KEY.rawValue: key = try KeyReader.key(bytes, attribute)
            case OVS_PACKET_ATTR_ACTIONS.rawValue:
                actions = try ActionReader.actions(bytes, attribute)
            case OVS_PACKET_ATTR_USERDATA.rawValue:
                guard attribute.count <= DatapathMessageLimits.cookieByteCountMax else {
                    throw .tooLong("upcall cookie", byteCount: attribute.count)
                }
                cookie = bytes.array(attribute)
            case OVS_PACKET_ATTR_LEN.rawValue:
                originalByteCount = Int(try bytes.host32(attribute, "OVS_PACKET_LEN"))
            case UInt32(OwnAttribute.offload):
                try bytes.check(attribute, 10, "offload header")
                offload = UpcallOffload(bytes: bytes.array(attribute))
            case UInt32(OwnAttribute.packetRest): rest = bytes.array(attribute)
            case UInt32(OwnAttribute.upcallID):
                upcallID = try bytes.host32(attribute, "upcall number")
            case UInt32(OwnAttribute.upcallMask):
                upcallMask = try KeyReader.words(bytes, attribute)
            case UInt32(OwnAttribute.upcallExecutes): executes = true
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

    /// An answer names a packet instead of bringing it along.
    var answer: UpcallAnswer? {
        guard upcallID != 0, packet == nil else { return nil }
        return UpcallAnswer(
            id: upcallID, mask: upcallMask, executes: executes, actions: actions ?? [])
    }

    func execution(_ offset: Int) throws(DatapathMessageError) -> ExecutedPacket {
        let frame = try frame(offset)
        guard let actions else {
            throw .missingAttribute("OVS_PACKET_ACTIONS", in: "OVS_PACKET", offset: offset)
        }
        return ExecutedPacket(
            bytes: frame.bytes, offload: offload, key: frame.key, actions: actions)
    }

    func upcall(_ offset: Int, isMiss: Bool) throws(DatapathMessageError) -> Upcall {
        let frame = try frame(offset)
        return Upcall(
            reason: isMiss ? .miss : .action(cookie: cookie), bytes: frame.bytes,
            originalByteCount: originalByteCount ?? frame.bytes.count, offload: offload,
            key: frame.key, id: upcallID)
    }
}
