import CLinuxPacket
import CMnl
import Packets

// Replies and upcalls as the messages that `openvswitch.ko` sends.
//
//     one item      [item] [NLMSG_ERROR 0]
//     a dump        [item MULTI] [item MULTI] … [NLMSG_DONE]
//     a failure     [NLMSG_ERROR errno + NLMSGERR_ATTR_MSG text]
//     by itself     [OVS_PACKET_CMD_MISS or ACTION, sequence 0]

extension DatagramWriter {
    /// Adds `reply` to the datagram.
    ///
    /// - Parameters:
    ///   - sequence: The request's; 0 for an upcall.
    ///   - inDump: Whether the reply belongs to a dump: its items are marked as parts of one
    ///     answer, and `.done` is NLMSG_DONE.
    /// - Returns: Whether there was room. If not, the datagram is as it was, and an empty one will
    ///   do.
    /// - Throws: `.tooLong` if the reply fits into no datagram.
    public mutating func append(
        _ reply: DatapathReply, sequence: UInt32, inDump: Bool = false,
        families: DatapathFamilies = .channel
    ) throws(DatapathMessageError) -> Bool {
        let flags = inDump ? NLM_F_MULTI : 0
        func begin(
            _ family: UInt16, _ command: UInt32, _ writer: inout DatagramWriter,
            version: UInt8 = 1
        ) -> Bool {
            writer.begin(
                family: family, command: command, version: version, flags: flags,
                sequence: sequence)
        }
        switch reply {
        case .datapath(let datapath):
            let version = UInt8(OVS_DATAPATH_VERSION)
            guard begin(families.datapath, OVS_DP_CMD_NEW.rawValue, &self, version: version)
            else { return false }
            try put(datapath)
        case .port(let port):
            guard begin(families.vport, OVS_VPORT_CMD_NEW.rawValue, &self) else { return false }
            try put(port, withCounters: true)
        case .flow(let flow):
            guard begin(families.flow, OVS_FLOW_CMD_NEW.rawValue, &self) else { return false }
            try put(flow, withCounters: true, asWords: inDump && families == .channel)
        case .meter(let meter, let statistics):
            guard begin(families.meter, OVS_METER_CMD_GET.rawValue, &self) else { return false }
            put(meter, statistics)
        case .meterFeatures(let meterCount, let bandCount):
            guard begin(families.meter, OVS_METER_CMD_FEATURES.rawValue, &self) else {
                return false
            }
            putMeterFeatures(meterCount, bandCount)
        case .upcall(let upcall):
            let command =
                upcall.reason == .miss ? OVS_PACKET_CMD_MISS : OVS_PACKET_CMD_ACTION
            guard begin(families.packet, command.rawValue, &self) else { return false }
            try put(upcall)
        case .done:
            guard putDone(sequence: sequence, inDump: inDump) else { return false }
        case .failed(let errno, let text):
            guard putError(errno, text, sequence: sequence) else { return false }
        }
        return try finish("reply")
    }

    private mutating func putDone(sequence: UInt32, inDump: Bool) -> Bool {
        guard inDump else { return putError(0, "", sequence: sequence) }
        guard begin(type: UInt16(NLMSG_DONE), flags: UInt16(NLM_F_MULTI), sequence: sequence)
        else { return false }
        putExtraHeader(.word(0))
        return true
    }

    /// `struct nlmsgerr`: the error as a negative errno and the header of the request, of which we
    /// keep the sequence number, then the text (include/uapi/linux/netlink.h).
    private mutating func putError(_ errno: Int32, _ text: String, sequence: UInt32) -> Bool {
        let flags = UInt16(NLM_F_CAPPED) | (text.isEmpty ? 0 : UInt16(NLM_F_ACK_TLVS))
        guard begin(type: UInt16(NLMSG_ERROR), flags: flags, sequence: sequence) else {
            return false
        }
        var fields = Fields()
        fields.put(host: UInt32(bitPattern: 0 &- errno))
        fields.put(host: UInt32(16))
        fields.put(host: UInt16(0))
        fields.put(host: UInt16(0))
        fields.put(host: sequence)
        fields.put(host: UInt32(0))
        putExtraHeader(fields)
        if !text.isEmpty {
            let octets = text.utf8.prefix(DatapathMessageLimits.errorTextByteCountMax)
            put(UInt16(NLMSGERR_ATTR_MSG.rawValue), Array(octets) + [0])
        }
        return true
    }

    private mutating func put(_ datapath: DatapathDescription) throws(DatapathMessageError) {
        let length = datapath.name.utf8.count
        guard (1...DatapathMessageLimits.datapathNameByteCountMax).contains(length) else {
            throw .tooLong("datapath name", byteCount: length)
        }
        put(UInt16(OVS_DP_ATTR_NAME.rawValue), text: datapath.name)
        let statistics = datapath.statistics
        var counters = Fields()
        counters.put(host: statistics.hits)
        counters.put(host: statistics.misses)
        counters.put(host: statistics.lost)
        counters.put(host: statistics.flows)
        put(UInt16(OVS_DP_ATTR_STATS.rawValue), counters)
        var megaflow = Fields()
        megaflow.put(host: statistics.maskHits)
        megaflow.put(host: statistics.masks)
        megaflow.put(host: UInt32(0))
        megaflow.put(host: statistics.cacheHits)
        megaflow.put(host: UInt64(0))
        put(UInt16(OVS_DP_ATTR_MEGAFLOW_STATS.rawValue), megaflow)
    }

    private mutating func put(_ upcall: Upcall) throws(DatapathMessageError) {
        try putPacket(upcall.bytes, upcall.offload)
        put(UInt16(OVS_PACKET_ATTR_KEY.rawValue), wordsOf: upcall.key)
        if upcall.id != 0 { put(OwnAttribute.upcallID, host: upcall.id) }
        if case .action(let cookie) = upcall.reason, !cookie.isEmpty {
            guard cookie.count <= DatapathMessageLimits.cookieByteCountMax else {
                throw .tooLong("upcall cookie", byteCount: cookie.count)
            }
            put(UInt16(OVS_PACKET_ATTR_USERDATA.rawValue), cookie)
        }
        if upcall.originalByteCount != upcall.bytes.count {
            put(
                UInt16(OVS_PACKET_ATTR_LEN.rawValue),
                host: UInt32(clamping: upcall.originalByteCount))
        }
    }
}

extension DatapathReply {
    /// All replies and upcalls of one datagram, in order. Never traps, whatever the bytes are.
    public static func decode(
        _ datagram: RawSpan, families: DatapathFamilies = .channel
    ) -> [Received<DatapathReply>] {
        MessageReader.withAligned(datagram) { bytes in
            MessageReader.messages(in: bytes) {
                header throws(DatapathMessageError) in
                try decode(bytes, header, families)
            }
        }
    }

    private static func decode(
        _ bytes: RawSpan, _ header: MessageHeader, _ families: DatapathFamilies
    ) throws(DatapathMessageError) -> DatapathReply? {
        switch Int32(header.type) {
        case NLMSG_NOOP: return nil
        case NLMSG_DONE: return .done
        case NLMSG_ERROR: return try error(bytes, header)
        default: break
        }
        let message = try MessageReader.family(bytes, header)
        // A kernel's dumps carry the command that asked for them, GET; ours and its news say NEW.
        switch (header.type, UInt32(message.command)) {
        case (families.datapath, OVS_DP_CMD_NEW.rawValue),
            (families.datapath, OVS_DP_CMD_GET.rawValue):
            return .datapath(try DatapathDescription(bytes, message.attributes))
        case (families.vport, OVS_VPORT_CMD_NEW.rawValue),
            (families.vport, OVS_VPORT_CMD_GET.rawValue):
            return .port(try Vport(bytes, message.attributes))
        case (families.flow, OVS_FLOW_CMD_NEW.rawValue),
            (families.flow, OVS_FLOW_CMD_GET.rawValue),
            (families.flow, OVS_FLOW_CMD_DEL.rawValue):
            let parts = try FlowParts(bytes, message.attributes)
            return .flow(try parts.flow(offset: header.offset))
        case (families.meter, OVS_METER_CMD_FEATURES.rawValue):
            return try MeterParts.features(bytes, message.attributes)
        case (families.meter, OVS_METER_CMD_SET.rawValue),
            (families.meter, OVS_METER_CMD_GET.rawValue),
            (families.meter, OVS_METER_CMD_DEL.rawValue):
            let parts = try MeterParts(bytes, message.attributes)
            return .meter(parts.meter, parts.statistics)
        case (families.packet, OVS_PACKET_CMD_MISS.rawValue):
            return .upcall(
                try Upcall(bytes, message.attributes, isMiss: true, offset: header.offset))
        case (families.packet, OVS_PACKET_CMD_ACTION.rawValue):
            return .upcall(
                try Upcall(bytes, message.attributes, isMiss: false, offset: header.offset))
        default:
            throw .unsupported(
                "command", type: UInt16(message.command), offset: header.offset)
        }
    }

    private static func error(
        _ bytes: RawSpan, _ header: MessageHeader
    ) throws(DatapathMessageError) -> DatapathReply {
        let start = header.payload.lowerBound
        guard header.payload.count >= 20 else {
            throw .truncatedMessage(offset: header.offset, available: header.payload.count + 16)
        }
        let code = Int32(bitPattern: bytes.host32(at: start))
        guard code != 0 else { return .done }
        var text = ""
        if header.flags & UInt16(NLM_F_ACK_TLVS) != 0 {
            // Uncapped, the whole request stands between the error and its text.
            let skipped =
                header.flags & UInt16(NLM_F_CAPPED) != 0 ? 16 : Int(bytes.host32(at: start + 4))
            guard skipped >= 16, start + 4 + skipped <= header.payload.upperBound else {
                throw .truncatedMessage(offset: header.offset, available: header.payload.count)
            }
            let attributes = start + 4 + (skipped + 3) & ~3
            text = try errorText(
                bytes, min(attributes, header.payload.upperBound)..<header.payload.upperBound)
        }
        return .failed(errno: 0 &- code, text: text)
    }

    private static func errorText(
        _ bytes: RawSpan, _ range: Range<Int>
    ) throws(DatapathMessageError) -> String {
        var attributes = AttributeReader(bytes, range, "NLMSGERR")
        while let attribute = try attributes.nextAttribute() {
            guard UInt32(attribute.type) == UInt32(NLMSGERR_ATTR_MSG.rawValue) else { continue }
            // A text for people: what is not UTF-8 is shown as such.
            return String(decoding: bytes.array(attribute).prefix { $0 != 0 }, as: UTF8.self)
        }
        return ""
    }
}

extension DatapathDescription {
    init(_ bytes: RawSpan, _ range: Range<Int>) throws(DatapathMessageError) {
        var name: String?
        var statistics = DatapathStatistics()
        var attributes = AttributeReader(bytes, range, "OVS_DP")
        while let attribute = try attributes.nextAttribute() {
            let at = attribute.offset
            switch UInt32(attribute.type) {
            case OVS_DP_ATTR_NAME.rawValue:
                name = try bytes.text(
                    attribute, "OVS_DP_NAME",
                    limit: DatapathMessageLimits.datapathNameByteCountMax)
            case OVS_DP_ATTR_STATS.rawValue:
                try bytes.check(attribute, 32, "OVS_DP_STATS")
                statistics.hits = bytes.host64(at: at)
                statistics.misses = bytes.host64(at: at + 8)
                statistics.lost = bytes.host64(at: at + 16)
                statistics.flows = bytes.host64(at: at + 24)
            case OVS_DP_ATTR_MEGAFLOW_STATS.rawValue:
                try bytes.check(attribute, 32, "OVS_DP_MEGAFLOW_STATS")
                statistics.maskHits = bytes.host64(at: at)
                statistics.masks = bytes.host32(at: at + 8)
                statistics.cacheHits = bytes.host64(at: at + 16)
            default: break
            }
        }
        guard let name else {
            throw .missingAttribute("OVS_DP_NAME", in: "OVS_DP", offset: range.lowerBound)
        }
        self.init(name: name, statistics: statistics)
    }
}
