import Flows
import Packets

// Statistics replies. A long one is a run of messages with the same xid, all but the last of which
// say that more follow.

extension StatisticsCodec {
    private static let longText = 256
    private static let shortText = 32

    static func readReply(
        _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> OpenFlowMessage.Body {
        let kind = try reader.u16()
        let more = try reader.u16() & moreFlag != 0
        if version != .v10 { try reader.skip(4) }
        let reply =
            kind == Kind.vendor
            ? try readNiciraReply(&reader, version) : try readReply(kind, &reader, version)
        return .statisticsReply(reply, more: more)
    }

    private static func readNiciraReply(
        _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> StatisticsReply {
        guard version == .v10, try reader.u32() == niciraID else { throw .badVendor }
        let kind = try reader.u32()
        try reader.skip(4)
        switch kind {
        case NiciraKind.flow:
            return .flow(try FlowCodec.readFlows(&reader, FlowCodec.readFlowNicira), .nicira)
        case NiciraKind.aggregate: return .aggregate(try readAggregate(&reader), .nicira)
        case NiciraKind.group: return .group
        case NiciraKind.groupDescription: return .groupDescription
        case NiciraKind.groupFeatures: return .groupFeatures
        default: throw .badSubtype
        }
    }

    private static func readReply(
        _ kind: UInt16, _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> StatisticsReply {
        switch kind {
        case Kind.description:
            return .description(
                SwitchDescription(
                    manufacturer: try reader.text(longText), hardware: try reader.text(longText),
                    software: try reader.text(longText), serialNumber: try reader.text(shortText),
                    datapath: try reader.text(longText)))
        case Kind.flow where version == .v10:
            return .flow(try FlowCodec.readFlows(&reader, FlowCodec.readFlow10), .standard)
        case Kind.flow:
            return .flow(try FlowCodec.readFlows(&reader, FlowCodec.readFlow13), .standard)
        case Kind.aggregate: return .aggregate(try readAggregate(&reader), .standard)
        case Kind.table:
            return .table(
                try entries(&reader) { (r) throws(OpenFlowErrorCode) in
                    try readTable(&r, version)
                })
        case Kind.port:
            return .port(
                try entries(&reader) { (r) throws(OpenFlowErrorCode) in
                    try readPort(&r, version)
                })
        case Kind.queue:
            return .queue(
                try entries(&reader) { (r) throws(OpenFlowErrorCode) in
                    try readQueue(&r, version)
                })
        case Kind.portDescription:
            return .portDescription(
                try entries(&reader) { (r) throws(OpenFlowErrorCode) in
                    try PortCodec.read(&r, version)
                })
        case Kind.tableFeatures: return .tableFeatures(try TableFeaturesCodec.read(&reader))
        case Kind.group: return .group
        case Kind.groupDescription: return .groupDescription
        case Kind.groupFeatures: return .groupFeatures
        case Kind.meter: return .meter
        case Kind.meterConfig: return .meterConfig
        case Kind.meterFeatures: return .meterFeatures
        default: throw .badStatistics
        }
    }

    private static func entries<Entry>(
        _ reader: inout OctetReader,
        _ entry: (inout OctetReader) throws(OpenFlowErrorCode) -> Entry
    ) throws(OpenFlowErrorCode) -> [Entry] {
        var all: [Entry] = []
        while !reader.isAtEnd { all.append(try entry(&reader)) }
        return all
    }

    private static func readAggregate(
        _ reader: inout OctetReader
    ) throws(OpenFlowErrorCode) -> AggregateStatistics {
        let packets = try reader.u64()
        let bytes = try reader.u64()
        let flows = try reader.u32()
        try reader.skip(4)
        return AggregateStatistics(packets: packets, bytes: bytes, flows: flows)
    }

    private static func readTable(
        _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> TableStatistics {
        var table = TableStatistics(
            table: try reader.u8(), activeEntries: 0, lookups: 0, matches: 0)
        try reader.skip(3)
        if version == .v10 {
            table.name = try reader.text(shortText)
            table.wildcards = try reader.u32()
            table.maxEntries = try reader.u32()
        }
        table.activeEntries = try reader.u32()
        table.lookups = try reader.u64()
        table.matches = try reader.u64()
        return table
    }

    private static func readPort(
        _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> PortStatistics {
        let number = try PortCodec.readNumber(&reader, version, wrong: .badPort)
        var port = PortStatistics(port: number)
        try reader.skip(version == .v10 ? 6 : 4)
        for counter in counters { port[keyPath: counter] = try reader.u64() }
        if version != .v10 {
            let seconds = try reader.u32()
            let nanoseconds = try reader.u32()
            if seconds != .max {
                port.durationNanoseconds =
                    UInt64(seconds) * 1_000_000_000 + UInt64(nanoseconds)
            }
        }
        return port
    }

    /// In the order of the wire.
    private static var counters: [WritableKeyPath<PortStatistics, UInt64>] {
        [
            \.rxPackets, \.txPackets, \.rxBytes, \.txBytes, \.rxDropped, \.txDropped, \.rxErrors,
            \.txErrors, \.rxFrameErrors, \.rxOverruns, \.rxChecksumErrors, \.collisions,
        ]
    }

    private static func readQueue(
        _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> QueueStatistics {
        let port = try PortCodec.readNumber(&reader, version, wrong: .badPort)
        if version == .v10 { try reader.skip(2) }
        let queue = QueueStatistics(
            port: port, queue: try reader.u32(), txBytes: try reader.u64(),
            txPackets: try reader.u64(), txErrors: try reader.u64())
        if version != .v10 { try reader.skip(8) }
        return queue
    }

    // Writing.

    /// The bodies of the messages that together are this reply: at least one, each complete.
    static func bodies(
        of reply: StatisticsReply, _ version: OpenFlowVersion, more: Bool
    ) -> [OctetWriter] {
        let (kind, entries) = written(reply, version)
        var groups: [[OctetWriter]] = [[]]
        var byteCount = 0
        for entry in entries {
            if byteCount + entry.count > Limits.statisticsBodyByteCount, byteCount > 0 {
                groups.append([])
                byteCount = 0
            }
            groups[groups.count - 1].append(entry)
            byteCount += entry.count
        }
        return groups.enumerated().map { index, group in
            var writer = OctetWriter()
            header(kind, version, more: more || index + 1 < groups.count, to: &writer)
            for entry in group { writer.append(entry.bytes) }
            return writer
        }
    }

    private static func written(
        _ reply: StatisticsReply, _ version: OpenFlowVersion
    ) -> (KindNumber, [OctetWriter]) {
        func each<Entry>(
            _ entries: [Entry], _ write: (Entry, inout OctetWriter) -> Void
        ) -> [OctetWriter] {
            entries.map { entry in
                var writer = OctetWriter()
                write(entry, &writer)
                return writer
            }
        }
        switch reply {
        case .description(let value):
            return (.standard(Kind.description), each([value]) { write($0, to: &$1) })
        case .flow(let flows, let form):
            let kind: KindNumber =
                form == .standard
                ? .standard(Kind.flow) : .later(Kind.flow, nicira: NiciraKind.flow)
            return (kind, each(flows) { FlowCodec.write($0, version, form, to: &$1) })
        case .aggregate(let value, let form):
            let kind: KindNumber =
                form == .standard
                ? .standard(Kind.aggregate)
                : .later(Kind.aggregate, nicira: NiciraKind.aggregate)
            return (kind, each([value]) { write($0, to: &$1) })
        case .table(let tables):
            return (.standard(Kind.table), each(tables) { write($0, version, to: &$1) })
        case .port(let ports):
            return (.standard(Kind.port), each(ports) { write($0, version, to: &$1) })
        case .queue(let queues):
            return (.standard(Kind.queue), each(queues) { write($0, version, to: &$1) })
        case .portDescription(let ports):
            return (
                .standard(Kind.portDescription),
                each(ports) { PortCodec.write($0, version, to: &$1) }
            )
        case .tableFeatures(let tables):
            return (
                .standard(Kind.tableFeatures),
                each(tables) { TableFeaturesCodec.write($0, to: &$1) }
            )
        case .group: return (.later(Kind.group, nicira: NiciraKind.group), [])
        case .groupDescription:
            return (.later(Kind.groupDescription, nicira: NiciraKind.groupDescription), [])
        case .groupFeatures:
            return (
                .later(Kind.groupFeatures, nicira: NiciraKind.groupFeatures),
                each([()]) { $1.zeros(40) }
            )
        case .meter: return (.standard(Kind.meter), [])
        case .meterConfig: return (.standard(Kind.meterConfig), [])
        case .meterFeatures: return (.standard(Kind.meterFeatures), each([()]) { $1.zeros(16) })
        }
    }

    private static func write(_ value: SwitchDescription, to writer: inout OctetWriter) {
        writer.text(value.manufacturer, longText)
        writer.text(value.hardware, longText)
        writer.text(value.software, longText)
        writer.text(value.serialNumber, shortText)
        writer.text(value.datapath, longText)
    }

    private static func write(_ value: AggregateStatistics, to writer: inout OctetWriter) {
        writer.u64(value.packets)
        writer.u64(value.bytes)
        writer.u32(value.flows)
        writer.zeros(4)
    }

    private static func write(
        _ table: TableStatistics, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        writer.u8(table.table)
        writer.zeros(3)
        if version == .v10 {
            writer.text(table.name, shortText)
            writer.u32(table.wildcards)
            writer.u32(table.maxEntries)
        }
        writer.u32(table.activeEntries)
        writer.u64(table.lookups)
        writer.u64(table.matches)
    }

    private static func write(
        _ port: PortStatistics, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        PortCodec.write(port.port, version, to: &writer)
        writer.zeros(version == .v10 ? 6 : 4)
        for counter in counters { writer.u64(port[keyPath: counter]) }
        guard version != .v10 else { return }
        if let duration = port.durationNanoseconds {
            FlowCodec.writeDuration(duration, to: &writer)
        } else {
            writer.u64(.max)
        }
    }

    private static func write(
        _ queue: QueueStatistics, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        PortCodec.write(queue.port, version, to: &writer)
        if version == .v10 { writer.zeros(2) }
        writer.u32(queue.queue)
        writer.u64(queue.txBytes)
        writer.u64(queue.txPackets)
        writer.u64(queue.txErrors)
        if version != .v10 { writer.u64(.max) }
    }
}
