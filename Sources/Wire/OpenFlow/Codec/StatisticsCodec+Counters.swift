import Flows
import Packets

// Entries of the statistics of tables, ports and queues: each version told a little more.

extension StatisticsCodec {
    static let nameByteCount = 32

    // Tables.

    static func readTable(
        _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> TableStatistics {
        var table = TableStatistics(
            table: try reader.u8(), activeEntries: 0, lookups: 0, matches: 0)
        switch version {
        case .v10:
            try reader.skip(3)
            table.name = try reader.text(nameByteCount)
            table.wildcards = try reader.u32()
            table.maxEntries = try reader.u32()
        case .v11, .v12:
            try reader.skip(7)
            table.name = try reader.text(nameByteCount)
            try reader.skip(version == .v11 ? 24 : 64)
            table.maxEntries = try reader.u32()
        default: try reader.skip(3)
        }
        table.activeEntries = try reader.u32()
        table.lookups = try reader.u64()
        table.matches = try reader.u64()
        return table
    }

    static func write(
        _ table: TableStatistics, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        writer.u8(table.table)
        switch version {
        case .v10:
            writer.zeros(3)
            writer.text(table.name, nameByteCount)
            writer.u32(table.wildcards)
            writer.u32(table.maxEntries)
        case .v11, .v12:
            writer.zeros(7)
            writer.text(table.name, nameByteCount)
            writeAbilities(version, to: &writer)
            writer.u32(table.maxEntries)
        default: writer.zeros(3)
        }
        writer.u32(table.activeEntries)
        writer.u64(table.lookups)
        writer.u64(table.matches)
    }

    /// What 1.1 and 1.2 tell of a table in place of table features: the same of every table.
    private static func writeAbilities(_ version: OpenFlowVersion, to writer: inout OctetWriter) {
        // goto_table, write_metadata, write_actions, apply_actions, clear_actions.
        let instructions: UInt32 = 0x3e
        guard version == .v12 else {
            let fields: UInt32 = 0x3ff
            let actions: UInt32 = 0x0fff_fe01 & ~(3 << 11 | 3 << 26)
            for value in [fields, fields, instructions, actions, actions, 0] { writer.u32(value) }
            return
        }
        // Fields 0 to 35 of OXM but for the physical port, those that can be written without the
        // types and the port.
        let matched: UInt64 = 0xf_ffff_ffff & ~2
        let written: UInt64 = matched & ~(1 | 1 << 5 | 1 << 10)
        let actions: UInt32 = 1 | 1 << 17 | 1 << 18 | 0x3f << 19 | 1 << 25
        writer.u64(matched)
        writer.u64(matched)
        writer.u32(actions)
        writer.u32(actions)
        writer.u64(written)
        writer.u64(written)
        writer.u64(.max)
        writer.u64(.max)
        writer.u32(instructions)
        writer.u32(0)
    }

    // Ports.

    static func readPort(
        _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> PortStatistics {
        if version >= .v14 { return try readPort14(&reader, version) }
        let number = try PortCodec.readNumber(&reader, version, wrong: .badPort)
        var port = PortStatistics(port: number)
        try reader.skip(version == .v10 ? 6 : 4)
        for counter in commonCounters + ethernetCounters {
            port[keyPath: counter] = try reader.u64()
        }
        if version >= .v13 { port.durationNanoseconds = try readDuration(&reader) }
        return port
    }

    private static func readPort14(
        _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> PortStatistics {
        let length = Int(try reader.u16())
        var body = try reader.window(length - 2)
        try body.skip(2)
        let number = try PortCodec.readNumber(&body, version, wrong: .badPort)
        var port = PortStatistics(port: number)
        port.durationNanoseconds = try readDuration(&body)
        for counter in commonCounters { port[keyPath: counter] = try body.u64() }
        try Property.read(&body) { (type, value) throws(OpenFlowErrorCode) in
            guard type == PortCodec.ethernetProperty else { return }
            try value.skip(4)
            for counter in ethernetCounters { port[keyPath: counter] = try value.u64() }
        }
        return port
    }

    /// nil: all ones, "not told".
    private static func readDuration(
        _ reader: inout OctetReader
    ) throws(OpenFlowErrorCode) -> UInt64? {
        let seconds = try reader.u32()
        let nanoseconds = try reader.u32()
        return seconds == .max ? nil : UInt64(seconds) * 1_000_000_000 + UInt64(nanoseconds)
    }

    private static func write(durationOrNone duration: UInt64?, to writer: inout OctetWriter) {
        guard let duration else { return writer.u64(.max) }
        FlowCodec.writeDuration(duration, to: &writer)
    }

    /// In the order of the wire; the second are a property from 1.4 on.
    private static var commonCounters: [WritableKeyPath<PortStatistics, UInt64>] {
        [
            \.rxPackets, \.txPackets, \.rxBytes, \.txBytes, \.rxDropped, \.txDropped, \.rxErrors,
            \.txErrors,
        ]
    }
    private static var ethernetCounters: [WritableKeyPath<PortStatistics, UInt64>] {
        [\.rxFrameErrors, \.rxOverruns, \.rxChecksumErrors, \.collisions]
    }

    static func write(
        _ port: PortStatistics, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        let start = writer.count
        if version >= .v14 { writer.zeros(4) }
        PortCodec.write(port.port, version, to: &writer)
        if version >= .v14 {
            write(durationOrNone: port.durationNanoseconds, to: &writer)
        } else {
            writer.zeros(version == .v10 ? 6 : 4)
        }
        for counter in commonCounters { writer.u64(port[keyPath: counter]) }
        guard version >= .v14 else {
            for counter in ethernetCounters { writer.u64(port[keyPath: counter]) }
            if version == .v13 { write(durationOrNone: port.durationNanoseconds, to: &writer) }
            return
        }
        Property.write(PortCodec.ethernetProperty, to: &writer) {
            $0.zeros(4)
            for counter in ethernetCounters { $0.u64(port[keyPath: counter]) }
        }
        writer.patch16(writer.count - start, at: start)
    }

    // Queues.

    static func readQueue(
        _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> QueueStatistics {
        guard version >= .v14 else { return try readQueueEntry(&reader, version) }
        let length = Int(try reader.u16())
        var body = try reader.window(length - 2)
        try body.skip(6)
        return try readQueueEntry(&body, version)
    }

    private static func readQueueEntry(
        _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> QueueStatistics {
        let port = try PortCodec.readNumber(&reader, version, wrong: .badPort)
        if version == .v10 { try reader.skip(2) }
        var queue = QueueStatistics(
            port: port, queue: try reader.u32(), txBytes: try reader.u64(),
            txPackets: try reader.u64(), txErrors: try reader.u64())
        if version >= .v13 { queue.durationNanoseconds = try readDuration(&reader) }
        return queue
    }

    static func write(
        _ queue: QueueStatistics, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        let start = writer.count
        if version >= .v14 { writer.zeros(8) }
        PortCodec.write(queue.port, version, to: &writer)
        if version == .v10 { writer.zeros(2) }
        writer.u32(queue.queue)
        writer.u64(queue.txBytes)
        writer.u64(queue.txPackets)
        writer.u64(queue.txErrors)
        if version >= .v13 { write(durationOrNone: queue.durationNanoseconds, to: &writer) }
        if version >= .v14 { writer.patch16(writer.count - start, at: start) }
    }
}
