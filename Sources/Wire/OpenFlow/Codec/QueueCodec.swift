// Queues: their configuration was a message until 1.3, and is a statistic from 1.4 on.

enum QueueCodec {
    private static let minRate: UInt16 = 1
    private static let maxRate: UInt16 = 2
    /// A rate above 1000 is "not set" (1.3.5 §7.2.2).
    private static let largestRate: UInt16 = 1000
    private static let rateByteCount = 16

    // OFPT_QUEUE_GET_CONFIG.

    static func readRequest(
        _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> PortNumber? {
        let port = try PortCodec.readNumber(&reader, version, wrong: .badQueuePort)
        try reader.skip(version == .v10 ? 2 : 4)
        return port == .none ? nil : port
    }

    static func writeRequest(
        _ port: PortNumber?, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        PortCodec.write(port ?? .none, version, to: &writer)
        writer.zeros(version == .v10 ? 2 : 4)
    }

    static func readReply(
        _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> OpenFlowMessage.Body {
        let port = try PortCodec.readNumber(&reader, version, wrong: .badQueuePort)
        try reader.skip(version == .v10 ? 6 : 4)
        var queues: [QueueDescription] = []
        while !reader.isAtEnd {
            var queue = QueueDescription(port: port, queue: try reader.u32())
            if version >= .v12 {
                queue.port = try PortCodec.readNumber(&reader, version, wrong: .badQueuePort)
            }
            let length = Int(try reader.u16())
            let header = version >= .v12 ? 10 : 6
            var body = try reader.window(length - header)
            try body.skip(version >= .v12 ? 6 : 2)
            try readRates(&body, paddedBy: 4, into: &queue)
            queues.append(queue)
        }
        return .queueConfigReply(port == .none ? nil : port, queues)
    }

    private static func readRates(
        _ body: inout OctetReader, paddedBy padding: Int, into queue: inout QueueDescription
    ) throws(OpenFlowErrorCode) {
        try Property.read(&body) { (type, value) throws(OpenFlowErrorCode) in
            try value.skip(padding)
            switch type {
            case minRate: queue.minRate = try rate(&value)
            case maxRate: queue.maxRate = try rate(&value)
            default: break
            }
        }
    }

    private static func rate(_ value: inout OctetReader) throws(OpenFlowErrorCode) -> UInt16? {
        let rate = try value.u16()
        return rate <= largestRate ? rate : nil
    }

    static func writeReply(
        _ port: PortNumber?, _ queues: [QueueDescription], _ version: OpenFlowVersion,
        to writer: inout OctetWriter
    ) {
        PortCodec.write(port ?? .none, version, to: &writer)
        writer.zeros(version == .v10 ? 6 : 4)
        for queue in queues {
            guard writer.count < Limits.messageByteCount - 128 else { break }
            let start = writer.count
            writer.u32(queue.queue)
            if version >= .v12 { writer.u32(queue.port.wide) }
            let lengthOffset = writer.count
            writer.u16(0)
            writer.zeros(version >= .v12 ? 6 : 2)
            for (type, rate) in [(minRate, queue.minRate), (maxRate, queue.maxRate)] {
                guard let rate else { continue }
                writer.u16(type)
                writer.u16(UInt16(rateByteCount))
                writer.zeros(4)
                writer.u16(rate)
                writer.zeros(6)
            }
            writer.patch16(writer.count - start, at: lengthOffset)
        }
    }

    // OFPMP_QUEUE_DESC.

    static func readDescription(
        _ reader: inout OctetReader
    ) throws(OpenFlowErrorCode) -> QueueDescription {
        guard let port = PortNumber(wide: try reader.u32()) else { throw .badQueuePort }
        var queue = QueueDescription(port: port, queue: try reader.u32())
        let length = Int(try reader.u16())
        var body = try reader.window(length - 10)
        try body.skip(6)
        try readRates(&body, paddedBy: 0, into: &queue)
        return queue
    }

    static func write(_ queue: QueueDescription, to writer: inout OctetWriter) {
        let start = writer.count
        writer.u32(queue.port.wide)
        writer.u32(queue.queue)
        writer.zeros(8)
        for (type, rate) in [(minRate, queue.minRate), (maxRate, queue.maxRate)] {
            guard let rate else { continue }
            Property.write(type, to: &writer) {
                $0.u16(rate)
                $0.zeros(2)
            }
        }
        writer.patch16(writer.count - start, at: start + 8)
    }
}
