import Flows

// Statistics (1.0 §5.3.5), called multipart from 1.3 on (§7.3.5): type, flags, body.

enum StatisticsCodec {
    enum Kind {
        static let description: UInt16 = 0
        static let flow: UInt16 = 1
        static let aggregate: UInt16 = 2
        static let table: UInt16 = 3
        static let port: UInt16 = 4
        static let queue: UInt16 = 5
        static let group: UInt16 = 6
        static let groupDescription: UInt16 = 7
        static let groupFeatures: UInt16 = 8
        static let meter: UInt16 = 9
        static let meterConfig: UInt16 = 10
        static let meterFeatures: UInt16 = 11
        static let tableFeatures: UInt16 = 12
        static let portDescription: UInt16 = 13
        static let tableDescription: UInt16 = 14
        static let queueDescription: UInt16 = 15
        static let flowMonitor: UInt16 = 16
        static let flowCounters: UInt16 = 17
        static let vendor: UInt16 = 0xffff
    }

    /// Nicira's kinds, under `Kind.vendor`.
    enum NiciraKind {
        static let flow: UInt32 = 0
        static let aggregate: UInt32 = 1
        static let flowMonitor: UInt32 = 2
        static let exporterByBridge: UInt32 = 3
        static let exporterByFlow: UInt32 = 4
        static let group: UInt32 = 7
        static let groupDescription: UInt32 = 8
        static let groupFeatures: UInt32 = 9
    }

    /// The ONF's, under `Kind.vendor`.
    static let onfFlowMonitor: UInt32 = 1870

    static let moreFlag: UInt16 = 1
    private static let allQueues: UInt32 = 0xffff_ffff

    // Requests.

    static func readRequest(
        _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> StatisticsRequest {
        let kind = try reader.u16()
        let flags = try reader.u16()
        guard flags & moreFlag == 0 else { throw .multipartOverflow }
        if version != .v10 { try reader.skip(4) }
        switch kind {
        case Kind.description: return .description
        case Kind.flow: return .flow(try readFilter(&reader, version), .standard)
        case Kind.aggregate: return .aggregate(try readFilter(&reader, version), .standard)
        case Kind.table: return .table
        case Kind.port:
            let port = try PortCodec.readNumber(&reader, version, wrong: .badPort)
            return .port(port == .none ? nil : port)
        case Kind.queue: return try readQueueRequest(&reader, version)
        case Kind.portDescription:
            guard version >= .v15, !reader.isAtEnd else { return .portDescription(nil) }
            let port = try PortCodec.readNumber(&reader, version, wrong: .badPort)
            return .portDescription(port == .none ? nil : port)
        case Kind.vendor: return try readVendorRequest(&reader, version)
        case Kind.group...Kind.groupFeatures where version >= .v11:
            return try readGroupRequest(kind, &reader, version)
        case Kind.meter...Kind.tableFeatures where version >= .v13:
            return try readMeterRequest(kind, &reader)
        case Kind.tableDescription where version >= .v14: return .tableDescription
        case Kind.queueDescription where version >= .v14:
            let request = try readQueueRequest(&reader, version)
            guard case .queue(let port, let queue) = request else { throw .badStatistics }
            return .queueDescription(port, queue: queue)
        case Kind.flowMonitor where version >= .v14:
            return .flowMonitor(try MonitorCodec.readRequests(&reader, version))
        case Kind.flowCounters where version >= .v15:
            return .flow(try FlowCodec.readFilter(&reader), .counters)
        default: throw .badStatistics
        }
    }

    private static func readFilter(
        _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> FlowFilter {
        version == .v10
            ? try FlowCodec.readFilter10(&reader) : try FlowCodec.readFilter(&reader)
    }

    private static func readGroupRequest(
        _ kind: UInt16, _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> StatisticsRequest {
        switch kind {
        case Kind.group: return .group(try reader.u32())
        case Kind.groupDescription:
            return .groupDescription(version >= .v15 ? try reader.u32() : GroupNumber.all)
        default:
            guard version >= .v12 else { throw .badStatistics }
            return .groupFeatures
        }
    }

    private static func readMeterRequest(
        _ kind: UInt16, _ reader: inout OctetReader
    ) throws(OpenFlowErrorCode) -> StatisticsRequest {
        switch kind {
        case Kind.meter: return .meter(try reader.u32())
        case Kind.meterConfig: return .meterConfig(try reader.u32())
        case Kind.meterFeatures: return .meterFeatures
        default:
            // With a body it would change the tables.
            guard reader.isAtEnd else { throw .tableFeaturesNotAllowed }
            return .tableFeatures
        }
    }

    private static func readQueueRequest(
        _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> StatisticsRequest {
        let port = try PortCodec.readNumber(&reader, version, wrong: .badQueuePort)
        if version == .v10 { try reader.skip(2) }
        let queue = try reader.u32()
        let isAny = port == .all || port == .none
        return .queue(isAny ? nil : port, queue: queue == allQueues ? nil : queue)
    }

    private static func readVendorRequest(
        _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> StatisticsRequest {
        let vendor = try reader.u32()
        let kind = try reader.u32()
        if vendor == openNetworkingFoundationID {
            guard version == .v13, kind == onfFlowMonitor else { throw .badSubtype }
            return .flowMonitor(try MonitorCodec.readRequests(&reader, version))
        }
        guard vendor == niciraID else { throw .badVendor }
        // In 1.0 the kind is followed by padding.
        if version == .v10 { try reader.skip(4) }
        switch kind {
        case NiciraKind.flow where version == .v10:
            return .flow(try FlowCodec.readFilterNicira(&reader), .nicira)
        case NiciraKind.aggregate where version == .v10:
            return .aggregate(try FlowCodec.readFilterNicira(&reader), .nicira)
        case NiciraKind.flowMonitor where version < .v13:
            return .flowMonitor(try MonitorCodec.readRequests(&reader, version))
        case NiciraKind.exporterByBridge: return .exporter(byFlow: false)
        case NiciraKind.exporterByFlow: return .exporter(byFlow: true)
        case NiciraKind.group where version == .v10: return .group(try reader.u32())
        case NiciraKind.groupDescription where version == .v10:
            return .groupDescription(try reader.u32())
        case NiciraKind.groupFeatures where version < .v12: return .groupFeatures
        default: throw .badSubtype
        }
    }

    static func write(
        _ request: StatisticsRequest, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        header(kind(of: request, version), version, more: false, to: &writer)
        switch request {
        case .flow(let filter, let form), .aggregate(let filter, let form):
            switch (version, form) {
            case (.v10, .standard): FlowCodec.writeFilter10(filter, to: &writer)
            case (.v10, .nicira): FlowCodec.writeFilterNicira(filter, to: &writer)
            default: FlowCodec.writeFilter(filter, version, to: &writer)
            }
        case .port(let port):
            PortCodec.write(port ?? .none, version, to: &writer)
            writer.zeros(version == .v10 ? 6 : 4)
        case .queue(let port, let queue), .queueDescription(let port, let queue):
            PortCodec.write(port ?? (version == .v10 ? .all : .none), version, to: &writer)
            if version == .v10 { writer.zeros(2) }
            writer.u32(queue ?? allQueues)
        case .groupDescription where version != .v10 && version < .v15: break
        case .group(let number), .groupDescription(let number), .meter(let number),
            .meterConfig(let number):
            writer.u32(number)
            writer.zeros(4)
        case .portDescription(let port) where version >= .v15:
            writer.u32((port ?? .none).wide)
            writer.zeros(4)
        case .flowMonitor(let requests):
            for request in requests { MonitorCodec.write(request, version, to: &writer) }
        case .description, .table, .portDescription, .tableFeatures, .groupFeatures,
            .meterFeatures, .tableDescription, .exporter:
            break
        }
    }

    // The two headers.

    enum KindNumber {
        case standard(UInt16)
        case vendor(UInt32, kind: UInt32)
    }

    static func header(
        _ kind: KindNumber, _ version: OpenFlowVersion, more: Bool, to writer: inout OctetWriter
    ) {
        switch kind {
        case .standard(let number): writer.u16(number)
        case .vendor: writer.u16(Kind.vendor)
        }
        writer.u16(more ? moreFlag : 0)
        if version != .v10 { writer.zeros(4) }
        guard case .vendor(let vendor, let number) = kind else { return }
        writer.u32(vendor)
        writer.u32(number)
        if version == .v10 { writer.zeros(4) }
    }

    private static func kind(
        of request: StatisticsRequest, _ version: OpenFlowVersion
    ) -> KindNumber {
        switch request {
        case .description: .standard(Kind.description)
        case .flow(_, let form): flowKind(form, version)
        case .aggregate(_, let form): aggregateKind(form, version)
        case .table: .standard(Kind.table)
        case .port: .standard(Kind.port)
        case .queue: .standard(Kind.queue)
        case .portDescription: .standard(Kind.portDescription)
        case .tableFeatures: .standard(Kind.tableFeatures)
        case .group: groupKind(version)
        case .groupDescription: groupDescriptionKind(version)
        case .groupFeatures: groupFeaturesKind(version)
        case .meter: .standard(Kind.meter)
        case .meterConfig: .standard(Kind.meterConfig)
        case .meterFeatures: .standard(Kind.meterFeatures)
        case .tableDescription: .standard(Kind.tableDescription)
        case .queueDescription: .standard(Kind.queueDescription)
        case .flowMonitor: monitorKind(version)
        case .exporter(let byFlow):
            .vendor(
                niciraID,
                kind: byFlow ? NiciraKind.exporterByFlow : NiciraKind.exporterByBridge)
        }
    }

    // What some versions have only as an extension.

    static func flowKind(_ form: FlowForm, _ version: OpenFlowVersion) -> KindNumber {
        switch form {
        case .nicira where version == .v10: .vendor(niciraID, kind: NiciraKind.flow)
        case .counters where version >= .v15: .standard(Kind.flowCounters)
        case .standard, .nicira, .counters: .standard(Kind.flow)
        }
    }

    static func aggregateKind(_ form: FlowForm, _ version: OpenFlowVersion) -> KindNumber {
        form == .nicira && version == .v10
            ? .vendor(niciraID, kind: NiciraKind.aggregate) : .standard(Kind.aggregate)
    }

    static func groupKind(_ version: OpenFlowVersion) -> KindNumber {
        version == .v10 ? .vendor(niciraID, kind: NiciraKind.group) : .standard(Kind.group)
    }

    static func groupDescriptionKind(_ version: OpenFlowVersion) -> KindNumber {
        version == .v10
            ? .vendor(niciraID, kind: NiciraKind.groupDescription)
            : .standard(Kind.groupDescription)
    }

    static func groupFeaturesKind(_ version: OpenFlowVersion) -> KindNumber {
        version < .v12
            ? .vendor(niciraID, kind: NiciraKind.groupFeatures) : .standard(Kind.groupFeatures)
    }

    static func monitorKind(_ version: OpenFlowVersion) -> KindNumber {
        if version >= .v14 { return .standard(Kind.flowMonitor) }
        return version == .v13
            ? .vendor(openNetworkingFoundationID, kind: onfFlowMonitor)
            : .vendor(niciraID, kind: NiciraKind.flowMonitor)
    }
}
