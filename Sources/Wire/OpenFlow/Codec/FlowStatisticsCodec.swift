import Flows

// Flows as statistics and flow-removed messages tell them.

extension FlowCodec {
    private static let nanosecondsPerSecond: UInt64 = 1_000_000_000

    static func readDuration(
        _ reader: inout OctetReader
    ) throws(OpenFlowErrorCode) -> UInt64 {
        let seconds = UInt64(try reader.u32())
        return seconds * nanosecondsPerSecond + UInt64(try reader.u32())
    }

    static func writeDuration(_ nanoseconds: UInt64, to writer: inout OctetWriter) {
        writer.u32(UInt32(clamping: nanoseconds / nanosecondsPerSecond))
        writer.u32(UInt32(nanoseconds % nanosecondsPerSecond))
    }

    static let unfinished = FlowDescription(
        table: 0, priority: 0, match: Match(), cookie: 0, instructions: Instructions())

    // What is asked for.

    static func readFilter10(_ reader: inout OctetReader) throws(OpenFlowErrorCode) -> FlowFilter {
        var filter = FlowFilter(match: try MatchCodec10.read(&reader))
        let table = try reader.u8()
        filter.table = table == 255 ? nil : table
        try reader.skip(1)
        let port = PortNumber(try reader.u16())
        filter.outPort = port == .none ? nil : port
        return filter
    }

    static func readFilterNicira(
        _ reader: inout OctetReader
    ) throws(OpenFlowErrorCode) -> FlowFilter {
        var filter = FlowFilter()
        let port = PortNumber(try reader.u16())
        filter.outPort = port == .none ? nil : port
        let length = try reader.u16()
        let table = try reader.u8()
        filter.table = table == 255 ? nil : table
        try reader.skip(3)
        let match = try readNicira(length, &reader)
        filter.match = match.match
        filter.cookie = match.cookie?.value ?? 0
        filter.cookieMask = match.cookie?.mask ?? 0
        return filter
    }

    static func readFilter(_ reader: inout OctetReader) throws(OpenFlowErrorCode) -> FlowFilter {
        var filter = FlowFilter()
        let table = try reader.u8()
        filter.table = table == 255 ? nil : table
        try reader.skip(3)
        guard let port = PortNumber(wide: try reader.u32()) else { throw .badPort }
        filter.outPort = port == .none ? nil : port
        filter.outGroup = group(try reader.u32())
        try reader.skip(4)
        filter.cookie = try reader.u64()
        filter.cookieMask = try reader.u64()
        filter.match = try readMatch(&reader)
        return filter
    }

    static func writeFilter10(_ filter: FlowFilter, to writer: inout OctetWriter) {
        MatchCodec10.write(filter.match, to: &writer)
        writer.u8(filter.table ?? 255)
        writer.u8(0)
        writer.u16((filter.outPort ?? .none).rawValue)
    }

    static func writeFilterNicira(_ filter: FlowFilter, to writer: inout OctetWriter) {
        writer.u16((filter.outPort ?? .none).rawValue)
        let lengthOffset = writer.count
        writer.u16(0)
        writer.u8(filter.table ?? 255)
        writer.zeros(3)
        let cookie = Masked(filter.cookie, mask: filter.cookieMask)
        writeNicira(
            filter.match, cookie: filter.cookieMask == 0 ? nil : cookie, lengthAt: lengthOffset,
            to: &writer)
    }

    static func writeFilter(
        _ filter: FlowFilter, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        writer.u8(filter.table ?? 255)
        writer.zeros(3)
        writer.u32((filter.outPort ?? .none).wide)
        writer.u32(filter.outGroup ?? anyGroup)
        writer.zeros(4)
        writer.u64(filter.cookie)
        writer.u64(filter.cookieMask)
        writeMatch(filter.match, version, to: &writer)
    }

    // What is answered: entries with their own length in front.

    static func readFlows(
        _ reader: inout OctetReader,
        _ body: (inout OctetReader) throws(OpenFlowErrorCode) -> FlowDescription
    ) throws(OpenFlowErrorCode) -> [FlowDescription] {
        var flows: [FlowDescription] = []
        while !reader.isAtEnd {
            let length = Int(try reader.u16())
            guard length >= 2 else { throw .badLength }
            var entry = try reader.window(length - 2)
            flows.append(try body(&entry))
        }
        return flows
    }

    static func readFlow10(
        _ reader: inout OctetReader
    ) throws(OpenFlowErrorCode) -> FlowDescription {
        var flow = unfinished
        flow.table = try reader.u8()
        try reader.skip(1)
        flow.match = try MatchCodec10.read(&reader)
        flow.durationNanoseconds = try readDuration(&reader)
        flow.priority = try reader.u16()
        flow.idleTimeout = try reader.u16()
        flow.hardTimeout = try reader.u16()
        try reader.skip(6)
        flow.cookie = try reader.u64()
        flow.packets = try reader.u64()
        flow.bytes = try reader.u64()
        flow.instructions = try InstructionCodec.read(&reader, .v10, match: flow.match)
        return flow
    }

    static func readFlowNicira(
        _ reader: inout OctetReader
    ) throws(OpenFlowErrorCode) -> FlowDescription {
        var flow = unfinished
        flow.table = try reader.u8()
        try reader.skip(1)
        flow.durationNanoseconds = try readDuration(&reader)
        flow.priority = try reader.u16()
        flow.idleTimeout = try reader.u16()
        flow.hardTimeout = try reader.u16()
        let length = try reader.u16()
        flow.idleAgeSeconds = age(try reader.u16())
        flow.hardAgeSeconds = age(try reader.u16())
        flow.cookie = try reader.u64()
        flow.packets = try reader.u64()
        flow.bytes = try reader.u64()
        flow.match = try readNicira(length, &reader).match
        flow.instructions = try InstructionCodec.read(&reader, .v10, match: flow.match)
        return flow
    }

    /// Ages are one more than they are; 0 = unknown.
    private static func age(_ raw: UInt16) -> UInt16? { raw == 0 ? nil : raw - 1 }
    private static func raw(age: UInt16?) -> UInt16 {
        age.map { $0 == .max ? $0 : $0 + 1 } ?? 0
    }

    /// An entry of 1.1 to 1.4.
    static func readFlow(
        _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> FlowDescription {
        guard version < .v15 else { return try readFlow15(&reader) }
        var flow = unfinished
        flow.table = try reader.u8()
        try reader.skip(1)
        flow.durationNanoseconds = try readDuration(&reader)
        flow.priority = try reader.u16()
        flow.idleTimeout = try reader.u16()
        flow.hardTimeout = try reader.u16()
        let flags = FlowMod.Flags(rawValue: try reader.u16())
        if version >= .v13 { flow.flags = flags }
        let importance = try reader.u16()
        if version >= .v14 { flow.importance = importance }
        try reader.skip(2)
        flow.cookie = try reader.u64()
        flow.packets = try reader.u64()
        flow.bytes = try reader.u64()
        flow.match = try readMatch(&reader)
        flow.instructions = try InstructionCodec.read(&reader, version, match: flow.match)
        return flow
    }

    /// An entry of OFPMP_FLOW_DESC (1.5.1 §7.3.5.2): the rule, then its statistics.
    private static func readFlow15(
        _ reader: inout OctetReader
    ) throws(OpenFlowErrorCode) -> FlowDescription {
        var flow = unfinished
        try reader.skip(2)
        flow.table = try reader.u8()
        try reader.skip(1)
        flow.priority = try reader.u16()
        flow.idleTimeout = try reader.u16()
        flow.hardTimeout = try reader.u16()
        flow.flags = FlowMod.Flags(rawValue: try reader.u16())
        flow.importance = try reader.u16()
        flow.cookie = try reader.u64()
        flow.match = try readMatch(&reader)
        let counts = try FlowCounts.read(&reader)
        counts.put(into: &flow)
        flow.instructions = try InstructionCodec.read(&reader, .v15, match: flow.match)
        return flow
    }

    /// An entry of OFPMP_FLOW_STATS (1.5.1 §7.3.5.3): which rule, and its statistics.
    static func readCounters15(
        _ reader: inout OctetReader
    ) throws(OpenFlowErrorCode) -> FlowDescription {
        var flow = unfinished
        try reader.skip(2)
        flow.table = try reader.u8()
        // Why it is told: always because it was asked for.
        try reader.skip(1)
        flow.priority = try reader.u16()
        flow.match = try readMatch(&reader)
        try FlowCounts.read(&reader).put(into: &flow)
        return flow
    }

    static func write(
        _ flow: FlowDescription, _ version: OpenFlowVersion, _ form: FlowForm,
        to writer: inout OctetWriter
    ) {
        let start = writer.count
        if version >= .v15 {
            form == .counters ? writeCounters15(flow, to: &writer) : write15(flow, to: &writer)
        } else if version > .v10 {
            writeLater(flow, version, to: &writer)
        } else {
            write10(flow, form, to: &writer)
        }
        writer.patch16(writer.count - start, at: start)
    }

    private static func write10(
        _ flow: FlowDescription, _ form: FlowForm, to writer: inout OctetWriter
    ) {
        writer.u16(0)
        writer.u8(flow.table)
        writer.u8(0)
        if form == .standard { MatchCodec10.write(flow.match, to: &writer) }
        writeDuration(flow.durationNanoseconds, to: &writer)
        writer.u16(flow.priority)
        writer.u16(flow.idleTimeout)
        writer.u16(flow.hardTimeout)
        let lengthOffset = writer.count
        writer.u16(0)
        writer.u16(form == .standard ? 0 : raw(age: flow.idleAgeSeconds))
        writer.u16(form == .standard ? 0 : raw(age: flow.hardAgeSeconds))
        writer.u64(flow.cookie)
        writer.u64(flow.packets)
        writer.u64(flow.bytes)
        if form == .nicira { writeNicira(flow.match, lengthAt: lengthOffset, to: &writer) }
        InstructionCodec.write(flow.instructions, .v10, match: flow.match, to: &writer)
    }

    private static func writeLater(
        _ flow: FlowDescription, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        writer.u16(0)
        writer.u8(flow.table)
        writer.u8(0)
        writeDuration(flow.durationNanoseconds, to: &writer)
        writer.u16(flow.priority)
        writer.u16(flow.idleTimeout)
        writer.u16(flow.hardTimeout)
        writer.u16(version >= .v13 ? flow.flags.rawValue : 0)
        writer.u16(version >= .v14 ? flow.importance : 0)
        writer.zeros(2)
        writer.u64(flow.cookie)
        writer.u64(flow.packets)
        writer.u64(flow.bytes)
        writeMatch(flow.match, version, to: &writer)
        InstructionCodec.write(flow.instructions, version, match: flow.match, to: &writer)
    }

    private static func write15(_ flow: FlowDescription, to writer: inout OctetWriter) {
        writer.zeros(4)
        writer.u8(flow.table)
        writer.u8(0)
        writer.u16(flow.priority)
        writer.u16(flow.idleTimeout)
        writer.u16(flow.hardTimeout)
        writer.u16(flow.flags.rawValue)
        writer.u16(flow.importance)
        writer.u64(flow.cookie)
        writeMatch(flow.match, .v15, to: &writer)
        FlowCounts(flow).write(to: &writer)
        InstructionCodec.write(flow.instructions, .v15, match: flow.match, to: &writer)
    }

    private static func writeCounters15(_ flow: FlowDescription, to writer: inout OctetWriter) {
        writer.zeros(4)
        writer.u8(flow.table)
        writer.u8(0)
        writer.u16(flow.priority)
        writeMatch(flow.match, .v15, to: &writer)
        FlowCounts(flow).write(to: &writer)
    }

    // Flow removed.

    static func readRemoved10(
        _ reader: inout OctetReader
    ) throws(OpenFlowErrorCode) -> FlowRemoved {
        var flow = unfinished
        flow.match = try MatchCodec10.read(&reader)
        flow.cookie = try reader.u64()
        flow.priority = try reader.u16()
        let reason = try readReason(&reader)
        try reader.skip(1)
        flow.durationNanoseconds = try readDuration(&reader)
        flow.idleTimeout = try reader.u16()
        try reader.skip(2)
        flow.packets = try reader.u64()
        flow.bytes = try reader.u64()
        return FlowRemoved(flow: flow, reason: reason)
    }

    /// NXT_FLOW_REMOVED: a table one more than it is, or 0 for unknown.
    static func readRemovedNicira(
        _ reader: inout OctetReader
    ) throws(OpenFlowErrorCode) -> FlowRemoved {
        var flow = unfinished
        flow.cookie = try reader.u64()
        flow.priority = try reader.u16()
        let reason = try readReason(&reader)
        flow.table = try reader.u8() &- 1
        flow.durationNanoseconds = try readDuration(&reader)
        flow.idleTimeout = try reader.u16()
        let length = try reader.u16()
        flow.packets = try reader.u64()
        flow.bytes = try reader.u64()
        flow.match = try readNicira(length, &reader).match
        return FlowRemoved(flow: flow, reason: reason)
    }

    /// OFPT_FLOW_REMOVED of 1.1 to 1.4 and of 1.5.
    static func readRemoved(
        _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> FlowRemoved {
        var flow = unfinished
        guard version < .v15 else {
            flow.table = try reader.u8()
            let reason = try readReason(&reader)
            flow.priority = try reader.u16()
            flow.idleTimeout = try reader.u16()
            flow.hardTimeout = try reader.u16()
            flow.cookie = try reader.u64()
            flow.match = try readMatch(&reader)
            try FlowCounts.read(&reader).put(into: &flow)
            return FlowRemoved(flow: flow, reason: reason)
        }
        flow.cookie = try reader.u64()
        flow.priority = try reader.u16()
        let reason = try readReason(&reader)
        flow.table = try reader.u8()
        flow.durationNanoseconds = try readDuration(&reader)
        flow.idleTimeout = try reader.u16()
        let hardTimeout = try reader.u16()
        if version >= .v12 { flow.hardTimeout = hardTimeout }
        flow.packets = try reader.u64()
        flow.bytes = try reader.u64()
        flow.match = try readMatch(&reader)
        return FlowRemoved(flow: flow, reason: reason)
    }

    private static func readReason(
        _ reader: inout OctetReader
    ) throws(OpenFlowErrorCode) -> FlowRemoved.Reason {
        guard let reason = FlowRemoved.Reason(rawValue: try reader.u8()) else {
            throw .badReason
        }
        return reason
    }

    static func writeNicira(_ removed: FlowRemoved, to writer: inout OctetWriter) {
        let flow = removed.flow
        writer.u64(flow.cookie)
        writer.u16(flow.priority)
        writer.u8(removed.reason.number(in: .v10))
        writer.u8(flow.table &+ 1)
        writeDuration(flow.durationNanoseconds, to: &writer)
        writer.u16(flow.idleTimeout)
        let lengthOffset = writer.count
        writer.u16(0)
        writer.u64(flow.packets)
        writer.u64(flow.bytes)
        writeNicira(flow.match, lengthAt: lengthOffset, to: &writer)
    }

    static func write(
        _ removed: FlowRemoved, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        let flow = removed.flow
        if version == .v10 { MatchCodec10.write(flow.match, to: &writer) }
        if version >= .v15 {
            writer.u8(flow.table)
            writer.u8(removed.reason.number(in: version))
            writer.u16(flow.priority)
            writer.u16(flow.idleTimeout)
            writer.u16(flow.hardTimeout)
            writer.u64(flow.cookie)
            writeMatch(flow.match, version, to: &writer)
            return FlowCounts(flow).write(to: &writer)
        }
        writer.u64(flow.cookie)
        writer.u16(flow.priority)
        writer.u8(removed.reason.number(in: version))
        writer.u8(version == .v10 ? 0 : flow.table)
        writeDuration(flow.durationNanoseconds, to: &writer)
        writer.u16(flow.idleTimeout)
        writer.u16(version < .v12 ? 0 : flow.hardTimeout)
        writer.u64(flow.packets)
        writer.u64(flow.bytes)
        if version != .v10 { writeMatch(flow.match, version, to: &writer) }
    }
}

extension FlowRemoved.Reason {
    /// Removal with a group has a number from 1.1 on, the other two from 1.4 on.
    func number(in version: OpenFlowVersion) -> UInt8 {
        switch self {
        case .idleTimeout, .hardTimeout, .delete: rawValue
        case .groupDelete: version == .v10 ? Self.delete.rawValue : rawValue
        case .meterDelete, .eviction: version < .v14 ? Self.delete.rawValue : rawValue
        }
    }
}
