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
            ? try readVendorReply(&reader, version) : try readReply(kind, &reader, version)
        return .statisticsReply(reply, more: more)
    }

    private static func readVendorReply(
        _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> StatisticsReply {
        let vendor = try reader.u32()
        let kind = try reader.u32()
        if vendor == openNetworkingFoundationID, version == .v13, kind == onfFlowMonitor {
            return try readReply(Kind.flowMonitor, &reader, version)
        }
        guard vendor == niciraID else { throw .badVendor }
        if version == .v10 { try reader.skip(4) }
        switch kind {
        case NiciraKind.flow:
            return .flow(try FlowCodec.readFlows(&reader, FlowCodec.readFlowNicira), .nicira)
        case NiciraKind.aggregate: return .aggregate(try readAggregate(&reader, version), .nicira)
        case NiciraKind.flowMonitor: return try readReply(Kind.flowMonitor, &reader, version)
        case NiciraKind.group: return try readReply(Kind.group, &reader, version)
        case NiciraKind.groupDescription:
            return try readReply(Kind.groupDescription, &reader, version)
        case NiciraKind.groupFeatures: return try readReply(Kind.groupFeatures, &reader, version)
        default: throw .badSubtype
        }
    }

    private static func readReply(
        _ kind: UInt16, _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> StatisticsReply {
        func all<Entry>(
            _ entry: (inout OctetReader, OpenFlowVersion) throws(OpenFlowErrorCode) -> Entry
        ) throws(OpenFlowErrorCode) -> [Entry] {
            var all: [Entry] = []
            while !reader.isAtEnd { all.append(try entry(&reader, version)) }
            return all
        }
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
            return .flow(
                try FlowCodec.readFlows(&reader) { (entry) throws(OpenFlowErrorCode) in
                    try FlowCodec.readFlow(&entry, version)
                }, .standard)
        case Kind.flowCounters where version >= .v15:
            return .flow(try FlowCodec.readFlows(&reader, FlowCodec.readCounters15), .counters)
        case Kind.aggregate: return .aggregate(try readAggregate(&reader, version), .standard)
        case Kind.table: return .table(try all(readTable))
        case Kind.port: return .port(try all(readPort))
        case Kind.queue: return .queue(try all(readQueue))
        case Kind.portDescription: return .portDescription(try all(PortCodec.read))
        case Kind.tableFeatures: return .tableFeatures(try TableFeaturesCodec.read(&reader))
        case Kind.group: return .group(try all(GroupStatisticsCodec.read))
        case Kind.groupDescription:
            return .groupDescription(try all(GroupCodec.readDescription))
        case Kind.groupFeatures:
            return .groupFeatures(try GroupStatisticsCodec.readFeatures(&reader))
        case Kind.flowMonitor: return .flowMonitor(try all(MonitorCodec.readUpdate))
        default: break
        }
        func each<Entry>(
            _ entry: (inout OctetReader) throws(OpenFlowErrorCode) -> Entry
        ) throws(OpenFlowErrorCode) -> [Entry] {
            var all: [Entry] = []
            while !reader.isAtEnd { all.append(try entry(&reader)) }
            return all
        }
        switch kind {
        case Kind.meter: return .meter(try each(MeterCodec.readStatistics))
        case Kind.meterConfig: return .meterConfig(try each(MeterCodec.readDescription))
        case Kind.meterFeatures: return .meterFeatures(try MeterCodec.readFeatures(&reader))
        case Kind.tableDescription:
            return .tableDescription(try each(TableSettingsCodec.readDescription))
        case Kind.queueDescription:
            return .queueDescription(try each(QueueCodec.readDescription))
        default: throw .badStatistics
        }
    }

    private static func readAggregate(
        _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> AggregateStatistics {
        if version >= .v15 {
            let counts = try FlowCounts.read(&reader)
            return AggregateStatistics(
                packets: counts.packets ?? 0, bytes: counts.bytes ?? 0, flows: counts.flows ?? 0)
        }
        let packets = try reader.u64()
        let bytes = try reader.u64()
        let flows = try reader.u32()
        try reader.skip(4)
        return AggregateStatistics(packets: packets, bytes: bytes, flows: flows)
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
        func standard<Entry>(
            _ number: UInt16, _ entries: [Entry],
            _ write: (Entry, OpenFlowVersion, inout OctetWriter) -> Void
        ) -> (KindNumber, [OctetWriter]) {
            (.standard(number), each(entries) { write($0, version, &$1) })
        }
        switch reply {
        case .description(let value):
            return (.standard(Kind.description), each([value]) { write($0, to: &$1) })
        case .flow(let flows, let form):
            return (
                flowKind(form, version), each(flows) { FlowCodec.write($0, version, form, to: &$1) }
            )
        case .aggregate(let value, let form):
            return (aggregateKind(form, version), each([value]) { write($0, version, to: &$1) })
        case .table(let tables):
            return (.standard(Kind.table), each(tables) { write($0, version, to: &$1) })
        case .port(let ports):
            return (.standard(Kind.port), each(ports) { write($0, version, to: &$1) })
        case .queue(let queues):
            return (.standard(Kind.queue), each(queues) { write($0, version, to: &$1) })
        case .portDescription(let ports):
            return standard(Kind.portDescription, ports) { PortCodec.write($0, $1, to: &$2) }
        case .tableFeatures(let tables):
            return standard(Kind.tableFeatures, tables) {
                TableFeaturesCodec.write($0, $1, to: &$2)
            }
        case .group(let groups):
            return (
                groupKind(version),
                each(groups) { GroupStatisticsCodec.write($0, version, to: &$1) }
            )
        case .groupDescription(let groups):
            return (
                groupDescriptionKind(version),
                each(groups) { GroupCodec.write($0, version, to: &$1) }
            )
        case .groupFeatures(let features):
            return (
                groupFeaturesKind(version),
                each([features]) { GroupStatisticsCodec.write($0, to: &$1) }
            )
        case .meter(let meters):
            return standard(Kind.meter, meters) { MeterCodec.write($0, to: &$2) }
        case .meterConfig(let meters):
            return standard(Kind.meterConfig, meters) { MeterCodec.write($0, to: &$2) }
        case .meterFeatures(let features):
            return standard(Kind.meterFeatures, [features]) { MeterCodec.write($0, to: &$2) }
        case .tableDescription(let tables):
            return standard(Kind.tableDescription, tables) { TableSettingsCodec.write($0, to: &$2) }
        case .queueDescription(let queues):
            return standard(Kind.queueDescription, queues) { QueueCodec.write($0, to: &$2) }
        case .flowMonitor(let updates):
            return (
                monitorKind(version), each(updates) { MonitorCodec.write($0, version, to: &$1) }
            )
        }
    }

    private static func write(_ value: SwitchDescription, to writer: inout OctetWriter) {
        writer.text(value.manufacturer, longText)
        writer.text(value.hardware, longText)
        writer.text(value.software, longText)
        writer.text(value.serialNumber, shortText)
        writer.text(value.datapath, longText)
    }

    private static func write(
        _ value: AggregateStatistics, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        guard version < .v15 else { return FlowCounts(value).write(to: &writer) }
        writer.u64(value.packets)
        writer.u64(value.bytes)
        writer.u32(value.flows)
        writer.zeros(4)
    }
}
