import CLinuxPacket
import CMnl
public import Flows
import Packets

// Requests as the messages that `openvswitch.ko` takes.

extension DatagramWriter {
    /// Adds `request` to the datagram.
    ///
    /// - Parameter sequence: Comes back in the replies.
    /// - Returns: Whether there was room. If not, the datagram is as it was, and an empty one will
    ///   do.
    /// - Throws: `.tooLong` if the request fits into no datagram, or a name in it is empty or
    ///   longer than an interface's may be.
    /// - Complexity: linear in the size of the message; allocates only for odd masks.
    public mutating func append(
        _ request: DatapathRequest, sequence: UInt32, families: DatapathFamilies = .channel
    ) throws(DatapathMessageError) -> Bool {
        let form = Form(request, families)
        let isUntold = sequence == DatapathSequence.untold
        guard
            begin(
                family: form.family, command: form.command, version: form.version,
                flags: isUntold ? NLM_F_REQUEST : form.flags, sequence: sequence)
        else { return false }
        try putAttributes(request)
        guard try finish("request") else { return false }
        if case .answerUpcall(let answer) = request, answer.mask != nil {
            lastDecision = answer.decision
        }
        return true
    }

    /// As `append(.answerUpcall(answer), sequence: 0)`, over the channel.
    public mutating func append(_ answer: UpcallAnswer) throws(DatapathMessageError) -> Bool {
        guard
            begin(
                family: DatapathFamilies.channel.packet, command: OVS_PACKET_CMD_EXECUTE.rawValue,
                version: 1, flags: NLM_F_REQUEST, sequence: DatapathSequence.none)
        else { return false }
        let isAgain = try put(answer)
        guard try finish("request") else { return false }
        if !isAgain, answer.mask != nil { lastDecision = answer.decision }
        return true
    }

    private struct Form {
        var family: UInt16
        var command: UInt32
        var version: UInt8 = 1
        var flags: Int32 = NLM_F_REQUEST | NLM_F_ACK

        init(_ request: DatapathRequest, _ families: DatapathFamilies) {
            let dump = NLM_F_REQUEST | NLM_F_DUMP
            switch request {
            case .describeDatapath:
                (family, command) = (families.datapath, OVS_DP_CMD_GET.rawValue)
                (version, flags) = (UInt8(OVS_DATAPATH_VERSION), dump)
            case .takeUpcalls, .setWorkers:
                (family, command) = (families.datapath, OVS_DP_CMD_SET.rawValue)
                version = UInt8(OVS_DATAPATH_VERSION)
            case .addPort:
                (family, command) = (families.vport, OVS_VPORT_CMD_NEW.rawValue)
                // A kernel tells what became of it only to those who ask.
                flags |= NLM_F_ECHO
            case .deletePort: (family, command) = (families.vport, OVS_VPORT_CMD_DEL.rawValue)
            case .setTraffic, .setReceiving:
                (family, command) = (families.vport, OVS_VPORT_CMD_SET.rawValue)
            case .listPorts:
                (family, command, flags) = (families.vport, OVS_VPORT_CMD_GET.rawValue, dump)
            case .putFlow:
                // With NLM_F_CREATE a kernel would refuse to give an existing flow new actions.
                (family, command) = (families.flow, OVS_FLOW_CMD_NEW.rawValue)
            case .probeFlow:
                (family, command) = (families.flow, OVS_FLOW_CMD_NEW.rawValue)
                flags |= NLM_F_CREATE
            case .deleteFlow:
                (family, command) = (families.flow, OVS_FLOW_CMD_DEL.rawValue)
                flags |= NLM_F_ECHO
            case .flushFlows: (family, command) = (families.flow, OVS_FLOW_CMD_DEL.rawValue)
            case .listFlows, .listFlowNews:
                (family, command, flags) = (families.flow, OVS_FLOW_CMD_GET.rawValue, dump)
            case .putMeter:
                (family, command) = (families.meter, OVS_METER_CMD_SET.rawValue)
            case .deleteMeter:
                (family, command) = (families.meter, OVS_METER_CMD_DEL.rawValue)
            case .describeMeter:
                (family, command) = (families.meter, OVS_METER_CMD_GET.rawValue)
            case .describeMeters:
                (family, command) = (families.meter, OVS_METER_CMD_FEATURES.rawValue)
            case .execute:
                (family, command) = (families.packet, OVS_PACKET_CMD_EXECUTE.rawValue)
            case .answerUpcall:
                (family, command) = (families.packet, OVS_PACKET_CMD_EXECUTE.rawValue)
                flags = NLM_F_REQUEST
            }
        }
    }

    private mutating func putAttributes(
        _ request: DatapathRequest
    ) throws(DatapathMessageError) {
        switch request {
        case .describeDatapath, .listPorts, .flushFlows, .listFlows, .describeMeters: break
        case .listFlowNews: putFlag(OwnAttribute.onlyNews)
        case .takeUpcalls where destination.upcallPort != 0: putUpcallPorts()
        case .putMeter(let meter): put(meter, nil)
        case .deleteMeter(let id), .describeMeter(let id):
            put(UInt16(OVS_METER_ATTR_ID.rawValue), host: id)
        case .takeUpcalls:
            // Any number but 0, which would mean "send none": the connection itself is the address.
            put(UInt16(OVS_DP_ATTR_UPCALL_PID.rawValue), host: UInt32(1))
        case .addPort(let port):
            try put(port, withCounters: false)
            guard destination.upcallPort != 0 else { break }
            put(UInt16(OVS_VPORT_ATTR_UPCALL_PID.rawValue), host: destination.upcallPort)
        case .deletePort(let number): put(UInt16(OVS_VPORT_ATTR_PORT_NO.rawValue), host: number)
        case .setTraffic(let number, let traffic):
            put(UInt16(OVS_VPORT_ATTR_PORT_NO.rawValue), host: number)
            put(traffic)
        case .setWorkers(let plan): put(plan)
        case .setReceiving(let number, let receiving):
            put(UInt16(OVS_VPORT_ATTR_PORT_NO.rawValue), host: number)
            put(receiving)
        case .putFlow(let flow): try put(flow, withCounters: false)
        case .probeFlow(let flow):
            try put(flow, withCounters: false)
            putFlag(UInt16(OVS_FLOW_ATTR_PROBE.rawValue))
        case .deleteFlow(let key, let mask):
            put(UInt16(OVS_FLOW_ATTR_KEY.rawValue), key: key)
            put(UInt16(OVS_FLOW_ATTR_MASK.rawValue), mask: mask, of: key)
        case .execute(let packet):
            try putPacket(packet.bytes, packet.offload)
            let type = UInt16(OVS_PACKET_ATTR_KEY.rawValue)
            if destination.isOurs {
                put(type, wordsOf: packet.key)
            } else {
                put(type, key: packet.key)
            }
            try put(UInt16(OVS_PACKET_ATTR_ACTIONS.rawValue), actions: packet.actions)
        case .answerUpcall(let answer): _ = try put(answer)
        }
    }

    /// Returns whether mask and actions are those of the last one that had a mask.
    private mutating func put(_ answer: UpcallAnswer) throws(DatapathMessageError) -> Bool {
        put(OwnAttribute.upcallID, host: answer.id)
        if answer.executes { putFlag(OwnAttribute.upcallExecutes) }
        // A flood of flows is most often one decision over and over.
        if let last = lastDecision, last == answer.decision {
            putFlag(OwnAttribute.upcallAgain)
            return true
        }
        if let mask = answer.mask { put(OwnAttribute.upcallMask, maskWords: mask) }
        if !answer.actions.isEmpty {
            try put(UInt16(OVS_PACKET_ATTR_ACTIONS.rawValue), actions: answer.actions)
        }
        return false
    }
}

extension DatapathRequest {
    /// All requests of one datagram, in order. Never traps, whatever the bytes are.
    public static func decode(
        _ datagram: RawSpan, families: DatapathFamilies = .channel
    ) -> [Received<DatapathRequest>] {
        MessageReader.withAligned(datagram) { bytes in
            var last: UpcallDecision?
            return MessageReader.messages(in: bytes) {
                header throws(DatapathMessageError) in
                do throws(DatapathMessageError) {
                    return try decode(bytes, header, families, &last)
                } catch {
                    // It may have been the last one, had it been read.
                    last = nil
                    throw error
                }
            }
        }
    }

    private static func decode(
        _ bytes: RawSpan, _ header: MessageHeader, _ families: DatapathFamilies,
        _ last: inout UpcallDecision?
    ) throws(DatapathMessageError) -> DatapathRequest {
        guard header.type >= UInt16(NLMSG_MIN_TYPE) else {
            throw .unsupported("control message", type: header.type, offset: header.offset)
        }
        let message = try MessageReader.family(bytes, header)
        let command = UInt32(message.command)
        switch (header.type, command, header.isDump) {
        case (families.datapath, OVS_DP_CMD_GET.rawValue, true): return .describeDatapath
        case (families.datapath, OVS_DP_CMD_SET.rawValue, false):
            return try datapathOrder(bytes, message)
        case (families.vport, OVS_VPORT_CMD_GET.rawValue, true): return .listPorts
        case (families.vport, OVS_VPORT_CMD_NEW.rawValue, false):
            return .addPort(try Vport(bytes, message.attributes))
        case (families.vport, OVS_VPORT_CMD_DEL.rawValue, false):
            return .deletePort(number: try portNumber(bytes, message))
        case (families.vport, OVS_VPORT_CMD_SET.rawValue, false):
            return try portOrder(bytes, message)
        case (families.flow, OVS_FLOW_CMD_GET.rawValue, true):
            return try isOnlyForNews(bytes, message) ? .listFlowNews : .listFlows
        case (families.flow, OVS_FLOW_CMD_NEW.rawValue, false):
            let parts = try FlowParts(bytes, message.attributes)
            let flow = try parts.flow(offset: header.offset)
            return parts.isProbe ? .probeFlow(flow) : .putFlow(flow)
        case (families.flow, OVS_FLOW_CMD_DEL.rawValue, false):
            let parts = try FlowParts(bytes, message.attributes)
            guard let key = parts.key else { return .flushFlows }
            return .deleteFlow(key: key, mask: parts.mask ?? .exact)
        case (families.meter, _, false): return try meter(bytes, header, message)
        case (families.packet, OVS_PACKET_CMD_EXECUTE.rawValue, false):
            if try UpcallAnswer.isMeant(bytes, message.attributes) {
                return .answerUpcall(
                    try UpcallAnswer(
                        bytes, message.attributes, after: &last, offset: header.offset))
            }
            let parts = try PacketParts(bytes, message.attributes)
            return .execute(try parts.execution(header.offset))
        default:
            throw .unsupported("command", type: UInt16(command), offset: header.offset)
        }
    }

    private static func meter(
        _ bytes: RawSpan, _ header: MessageHeader, _ message: FamilyMessage
    ) throws(DatapathMessageError) -> DatapathRequest {
        let command = UInt32(message.command)
        if command == OVS_METER_CMD_FEATURES.rawValue { return .describeMeters }
        let parts = try MeterParts(bytes, message.attributes)
        switch command {
        case OVS_METER_CMD_SET.rawValue: return .putMeter(parts.meter)
        case OVS_METER_CMD_DEL.rawValue: return .deleteMeter(id: parts.meter.id)
        case OVS_METER_CMD_GET.rawValue: return .describeMeter(id: parts.meter.id)
        default:
            throw .unsupported("command", type: UInt16(command), offset: header.offset)
        }
    }

    private static func datapathOrder(
        _ bytes: RawSpan, _ message: FamilyMessage
    ) throws(DatapathMessageError) -> DatapathRequest {
        var attributes = AttributeReader(bytes, message.attributes, "OVS_DP")
        while let attribute = try attributes.nextAttribute() {
            if UInt32(attribute.type) == OVS_DP_ATTR_UPCALL_PID.rawValue,
                try bytes.host32(attribute, "OVS_DP_UPCALL_PID") != 0
            {
                return .takeUpcalls
            }
            if attribute.type == OwnAttribute.workers {
                return .setWorkers(try WorkerPlan(bytes, attribute))
            }
        }
        throw .missingAttribute(
            "OVS_DP_UPCALL_PID", in: "OVS_DP_CMD_SET", offset: message.attributes.lowerBound)
    }

    private static func isOnlyForNews(
        _ bytes: RawSpan, _ message: FamilyMessage
    ) throws(DatapathMessageError) -> Bool {
        var attributes = AttributeReader(bytes, message.attributes, "OVS_FLOW")
        while let attribute = try attributes.nextAttribute() {
            if attribute.type == OwnAttribute.onlyNews { return true }
        }
        return false
    }

    private static func portNumber(
        _ bytes: RawSpan, _ message: FamilyMessage
    ) throws(DatapathMessageError) -> UInt32 {
        var attributes = AttributeReader(bytes, message.attributes, "OVS_VPORT")
        while let attribute = try attributes.nextAttribute() {
            if UInt32(attribute.type) == OVS_VPORT_ATTR_PORT_NO.rawValue {
                return try bytes.host32(attribute, "OVS_VPORT_PORT_NO")
            }
        }
        throw .missingAttribute(
            "OVS_VPORT_PORT_NO", in: "OVS_VPORT", offset: message.attributes.lowerBound)
    }

    private static func portOrder(
        _ bytes: RawSpan, _ message: FamilyMessage
    ) throws(DatapathMessageError) -> DatapathRequest {
        let number = try portNumber(bytes, message)
        var attributes = AttributeReader(bytes, message.attributes, "OVS_VPORT")
        while let attribute = try attributes.nextAttribute() {
            switch attribute.type {
            case OwnAttribute.traffic:
                return .setTraffic(port: number, try PortTraffic(bytes, attribute))
            case OwnAttribute.receiving:
                return .setReceiving(port: number, try PortReceiving(bytes, attribute))
            default: break
            }
        }
        throw .missingAttribute(
            "port traffic", in: "OVS_VPORT_CMD_SET", offset: message.attributes.lowerBound)
    }
}

extension FlowKey {
    /// A mask that looks at every bit: what a flow without `OVS_FLOW_ATTR_MASK` means.
    public static var exact: FlowMask {
        var mask = FlowMask()
        for index in 0..<FlowKey.wordCount { mask[word: index] = .max }
        return mask
    }
}
