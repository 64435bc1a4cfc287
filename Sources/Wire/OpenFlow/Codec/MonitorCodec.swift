import Flows

// Flow monitors in three forms: Nicira's (1.0 to 1.2), the ONF's extension for 1.3, and 1.4's own.

enum MonitorCodec {
    /// Nicira's flag for "own changes in full".
    private static let own: UInt16 = 32
    private static let eventFlags: FlowMonitorRequest.Flags = [.add, .delete, .modify]

    /// Numbers of Nicira's events; 1.4 counts from `initial`.
    private enum NiciraEvent {
        static let added: UInt16 = 0
        static let removed: UInt16 = 1
        static let modified: UInt16 = 2
        static let abbreviated: UInt16 = 3
    }
    private enum LaterEvent {
        static let abbreviated: UInt16 = 4
        static let paused: UInt16 = 5
        static let resumed: UInt16 = 6
    }

    // Requests.

    static func readRequests(
        _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> [FlowMonitorRequest] {
        var requests: [FlowMonitorRequest] = []
        while !reader.isAtEnd {
            requests.append(
                version >= .v14
                    ? try readRequest14(&reader) : try readRequest(&reader, version))
        }
        return requests
    }

    private static func readRequest(
        _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> FlowMonitorRequest {
        let id = try reader.u32()
        let flags = try reader.u16()
        guard flags & eventFlags.rawValue != 0, flags & ~0x3f == 0 else { throw .monitorBadFlags }
        var filter = FlowFilter()
        let port: PortNumber
        var matchByteCount: UInt16 = 0
        if version == .v13 {
            try reader.skip(2)
            guard let wide = PortNumber(wide: try reader.u32()) else { throw .badPort }
            port = wide
        } else {
            port = PortNumber(try reader.u16())
            matchByteCount = try reader.u16()
        }
        filter.outPort = port == .none ? nil : port
        let table = try reader.u8()
        filter.table = table == 255 ? nil : table
        guard try reader.value(version == .v13 ? 3 : 5).isZero else { throw .mustBeZero }
        if version == .v13 {
            filter.match = try FlowCodec.readMatch(&reader)
        } else {
            filter.match = try FlowCodec.readNicira(matchByteCount, &reader).match
        }
        var known = FlowMonitorRequest.Flags(rawValue: flags & 31)
        if flags & own != 0 { known.insert(.noAbbreviation) }
        return FlowMonitorRequest(id: id, flags: known, filter: filter)
    }

    private static func readRequest14(
        _ reader: inout OctetReader
    ) throws(OpenFlowErrorCode) -> FlowMonitorRequest {
        let id = try reader.u32()
        guard let port = PortNumber(wide: try reader.u32()) else { throw .badPort }
        var filter = FlowFilter(outPort: port == .none ? nil : port)
        filter.outGroup = FlowCodec.group(try reader.u32())
        let flags = FlowMonitorRequest.Flags(rawValue: try reader.u16())
        let table = try reader.u8()
        filter.table = table == 255 ? nil : table
        guard let command = FlowMonitorRequest.Command(rawValue: try reader.u8()) else {
            throw .monitorBadCommand
        }
        filter.match = try FlowCodec.readMatch(&reader)
        guard command != .delete else {
            return FlowMonitorRequest(id: id, command: .delete, filter: FlowFilter())
        }
        guard !flags.isDisjoint(with: eventFlags), flags.rawValue & ~0x7f == 0 else {
            throw .monitorBadFlags
        }
        return FlowMonitorRequest(id: id, command: command, flags: flags, filter: filter)
    }

    static func write(
        _ request: FlowMonitorRequest, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        let filter = request.filter
        let port = filter.outPort ?? .none
        writer.u32(request.id)
        if version >= .v14 {
            writer.u32(port.wide)
            writer.u32(filter.outGroup ?? GroupNumber.any)
            writer.u16(request.flags.rawValue)
            writer.u8(filter.table ?? 255)
            writer.u8(request.command.rawValue)
            return FlowCodec.writeMatch(filter.match, version, to: &writer)
        }
        let isOwn = request.flags.contains(.noAbbreviation)
        writer.u16(request.flags.rawValue & 31 | (isOwn ? own : 0))
        if version == .v13 {
            writer.u16(0)
            writer.u32(port.wide)
            writer.u8(filter.table ?? 255)
            writer.zeros(3)
            return FlowCodec.writeMatch(filter.match, version, to: &writer)
        }
        writer.u16(port.rawValue)
        let lengthOffset = writer.count
        writer.u16(0)
        writer.u8(filter.table ?? 255)
        writer.zeros(5)
        FlowCodec.writeNicira(filter.match, lengthAt: lengthOffset, to: &writer)
    }

    // Updates.

    static func readUpdate(
        _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> FlowUpdate {
        let length = Int(try reader.u16())
        var body = try reader.window(length - 2)
        let number = try body.u16()
        if version >= .v14 { return try readUpdate14(number, &body, version) }
        let event: FlowUpdate.Event
        switch number {
        case NiciraEvent.added: event = .added
        case NiciraEvent.removed: event = .removed
        case NiciraEvent.modified: event = .modified
        case NiciraEvent.abbreviated: return .abbreviated(xid: try body.u32())
        default: throw .requestMonitorBadEvent
        }
        var flow = FlowCodec.unfinished
        let reason = try body.u16()
        flow.priority = try body.u16()
        flow.idleTimeout = try body.u16()
        flow.hardTimeout = try body.u16()
        let matchByteCount = try body.u16()
        flow.table = try body.u8()
        try body.skip(1)
        flow.cookie = try body.u64()
        if version == .v13 {
            flow.match = try FlowCodec.readMatch(&body)
            flow.instructions = try InstructionCodec.read(&body, version, match: flow.match)
        } else {
            flow.match = try FlowCodec.readNicira(matchByteCount, &body).match
            let list = try ActionCodec.read(&body, version, match: flow.match)
            flow.instructions = Instructions(apply: list.actions, metadata: list.metadata)
        }
        return .full(event, flow, reason: removal(event, UInt8(clamping: reason)))
    }

    private static func removal(
        _ event: FlowUpdate.Event, _ reason: UInt8
    ) -> FlowRemoved.Reason? {
        event == .removed ? FlowRemoved.Reason(rawValue: reason) : nil
    }

    private static func readUpdate14(
        _ number: UInt16, _ body: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> FlowUpdate {
        switch number {
        case LaterEvent.abbreviated: return .abbreviated(xid: try body.u32())
        case LaterEvent.paused: return .paused
        case LaterEvent.resumed: return .resumed
        default: break
        }
        guard let event = FlowUpdate.Event(rawValue: number) else {
            throw .requestMonitorBadEvent
        }
        var flow = FlowCodec.unfinished
        flow.table = try body.u8()
        let reason = try body.u8()
        flow.idleTimeout = try body.u16()
        flow.hardTimeout = try body.u16()
        flow.priority = try body.u16()
        try body.skip(4)
        flow.cookie = try body.u64()
        flow.match = try FlowCodec.readMatch(&body)
        flow.instructions = try InstructionCodec.read(&body, version, match: flow.match)
        return .full(event, flow, reason: removal(event, reason))
    }

    static func write(
        _ update: FlowUpdate, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        let start = writer.count
        writer.u16(0)
        switch update {
        case .full(let event, let flow, let reason):
            if version >= .v14 {
                write14(event, flow, reason, version, to: &writer)
            } else {
                write(event, flow, reason, version, to: &writer)
            }
        case .abbreviated(let xid):
            writer.u16(version >= .v14 ? LaterEvent.abbreviated : NiciraEvent.abbreviated)
            writer.u32(xid)
        case .paused:
            writer.u16(LaterEvent.paused)
            writer.zeros(4)
        case .resumed:
            writer.u16(LaterEvent.resumed)
            writer.zeros(4)
        }
        writer.patch16(writer.count - start, at: start)
    }

    private static func write14(
        _ event: FlowUpdate.Event, _ flow: FlowDescription, _ reason: FlowRemoved.Reason?,
        _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        writer.u16(event.rawValue)
        writer.u8(flow.table)
        writer.u8(reason?.number(in: version) ?? 0)
        writer.u16(flow.idleTimeout)
        writer.u16(flow.hardTimeout)
        writer.u16(flow.priority)
        writer.zeros(4)
        writer.u64(flow.cookie)
        FlowCodec.writeMatch(flow.match, version, to: &writer)
        InstructionCodec.write(flow.instructions, version, match: flow.match, to: &writer)
    }

    private static func write(
        _ event: FlowUpdate.Event, _ flow: FlowDescription, _ reason: FlowRemoved.Reason?,
        _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        switch event {
        case .initial, .added: writer.u16(NiciraEvent.added)
        case .removed: writer.u16(NiciraEvent.removed)
        case .modified: writer.u16(NiciraEvent.modified)
        }
        writer.u16(UInt16(reason?.number(in: version) ?? 0))
        writer.u16(flow.priority)
        writer.u16(flow.idleTimeout)
        writer.u16(flow.hardTimeout)
        let lengthOffset = writer.count
        writer.u16(0)
        writer.u8(flow.table)
        writer.u8(0)
        writer.u64(flow.cookie)
        if version == .v13 {
            FlowCodec.writeMatch(flow.match, version, to: &writer)
            return InstructionCodec.write(
                flow.instructions, version, match: flow.match, to: &writer)
        }
        FlowCodec.writeNicira(flow.match, lengthAt: lengthOffset, to: &writer)
        ActionCodec.write(flow.instructions.apply, version, match: flow.match, to: &writer)
        if let metadata = flow.instructions.metadata {
            ActionCodec.writeNicira(metadata: metadata, to: &writer)
        }
        if let table = flow.instructions.gotoTable {
            ActionCodec.writeNicira(.resubmit(inPort: nil, table: table), version, to: &writer)
        }
    }
}
