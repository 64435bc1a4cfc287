import Flows

// Statistics (1.0 §5.3.5), called multipart in 1.3 (§7.3.5): type, flags, body.

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
        static let vendor: UInt16 = 0xffff
    }

    /// Nicira's kinds, under `Kind.vendor`.
    enum NiciraKind {
        static let flow: UInt32 = 0
        static let aggregate: UInt32 = 1
        static let group: UInt32 = 7
        static let groupDescription: UInt32 = 8
        static let groupFeatures: UInt32 = 9
    }

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
        switch (kind, version) {
        case (Kind.description, _): return .description
        case (Kind.flow, .v10): return .flow(try FlowCodec.readFilter10(&reader), .standard)
        case (Kind.flow, .v13): return .flow(try FlowCodec.readFilter13(&reader), .standard)
        case (Kind.aggregate, .v10):
            return .aggregate(try FlowCodec.readFilter10(&reader), .standard)
        case (Kind.aggregate, .v13):
            return .aggregate(try FlowCodec.readFilter13(&reader), .standard)
        case (Kind.table, _): return .table
        case (Kind.port, _):
            let port = try PortCodec.readNumber(&reader, version, wrong: .badPort)
            return .port(port == .none ? nil : port)
        case (Kind.queue, _): return try readQueueRequest(&reader, version)
        case (Kind.portDescription, _): return .portDescription
        case (Kind.vendor, .v10): return try readNiciraRequest(&reader)
        case (Kind.vendor, .v13): throw .badVendor
        case (Kind.tableFeatures, .v13):
            // With a body it would change the tables.
            guard reader.isAtEnd else { throw .tableFeaturesNotAllowed }
            return .tableFeatures
        case (Kind.group, .v13): return .group
        case (Kind.groupDescription, .v13): return .groupDescription
        case (Kind.groupFeatures, .v13): return .groupFeatures
        case (Kind.meter, .v13): return .meter
        case (Kind.meterConfig, .v13): return .meterConfig
        case (Kind.meterFeatures, .v13): return .meterFeatures
        default: throw .badStatistics
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

    private static func readNiciraRequest(
        _ reader: inout OctetReader
    ) throws(OpenFlowErrorCode) -> StatisticsRequest {
        guard try reader.u32() == niciraID else { throw .badVendor }
        let kind = try reader.u32()
        try reader.skip(4)
        switch kind {
        case NiciraKind.flow: return .flow(try FlowCodec.readFilterNicira(&reader), .nicira)
        case NiciraKind.aggregate:
            return .aggregate(try FlowCodec.readFilterNicira(&reader), .nicira)
        case NiciraKind.group: return .group
        case NiciraKind.groupDescription: return .groupDescription
        case NiciraKind.groupFeatures: return .groupFeatures
        default: throw .badSubtype
        }
    }

    static func write(
        _ request: StatisticsRequest, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        header(kind(of: request), version, more: false, to: &writer)
        switch request {
        case .flow(let filter, let form), .aggregate(let filter, let form):
            switch (version, form) {
            case (.v10, .standard): FlowCodec.writeFilter10(filter, to: &writer)
            case (.v10, .nicira): FlowCodec.writeFilterNicira(filter, to: &writer)
            case (.v13, _): FlowCodec.writeFilter13(filter, to: &writer)
            }
        case .port(let port):
            PortCodec.write(port ?? .none, version, to: &writer)
            writer.zeros(version == .v10 ? 6 : 4)
        case .queue(let port, let queue):
            PortCodec.write(port ?? (version == .v10 ? .all : .none), version, to: &writer)
            if version == .v10 { writer.zeros(2) }
            writer.u32(queue ?? allQueues)
        case .groupDescription where version != .v10: break
        case .group, .groupDescription:
            // All groups.
            writer.u32(0xffff_fffc)
            writer.zeros(4)
        case .meter, .meterConfig:
            writer.u32(0xffff_ffff)
            writer.zeros(4)
        case .description, .table, .portDescription, .tableFeatures, .groupFeatures,
            .meterFeatures:
            break
        }
    }

    // The two headers.

    enum KindNumber {
        case standard(UInt16)
        case nicira(UInt32)
        /// A standard kind that 1.0 has only as Nicira's.
        case later(UInt16, nicira: UInt32)
    }

    static func header(
        _ kind: KindNumber, _ version: OpenFlowVersion, more: Bool, to writer: inout OctetWriter
    ) {
        var vendorKind: UInt32?
        switch kind {
        case .standard(let number): writer.u16(number)
        case .later(let number, _) where version != .v10: writer.u16(number)
        case .nicira(let number), .later(_, let number):
            writer.u16(Kind.vendor)
            vendorKind = number
        }
        writer.u16(more ? moreFlag : 0)
        if version != .v10 { writer.zeros(4) }
        if let vendorKind {
            writer.u32(niciraID)
            writer.u32(vendorKind)
            if version == .v10 { writer.zeros(4) }
        }
    }

    private static func kind(of request: StatisticsRequest) -> KindNumber {
        switch request {
        case .description: .standard(Kind.description)
        case .flow(_, .standard): .standard(Kind.flow)
        case .flow(_, .nicira): .later(Kind.flow, nicira: NiciraKind.flow)
        case .aggregate(_, .standard): .standard(Kind.aggregate)
        case .aggregate(_, .nicira): .later(Kind.aggregate, nicira: NiciraKind.aggregate)
        case .table: .standard(Kind.table)
        case .port: .standard(Kind.port)
        case .queue: .standard(Kind.queue)
        case .portDescription: .standard(Kind.portDescription)
        case .tableFeatures: .standard(Kind.tableFeatures)
        case .group: .later(Kind.group, nicira: NiciraKind.group)
        case .groupDescription:
            .later(Kind.groupDescription, nicira: NiciraKind.groupDescription)
        case .groupFeatures: .later(Kind.groupFeatures, nicira: NiciraKind.groupFeatures)
        case .meter: .standard(Kind.meter)
        case .meterConfig: .standard(Kind.meterConfig)
        case .meterFeatures: .standard(Kind.meterFeatures)
        }
    }
}
