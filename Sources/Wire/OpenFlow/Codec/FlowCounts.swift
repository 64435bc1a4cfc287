import Flows

// The statistics of 1.5: a list of (header, value) as OXM has for fields, called OXS
// (1.5.1 §7.2.4).

/// What flow statistics tell; nil is not told.
struct FlowCounts {
    var durationNanoseconds: UInt64?
    var idleNanoseconds: UInt64?
    var flows: UInt32?
    var packets: UInt64?
    var bytes: UInt64?

    private static let basicClass: UInt32 = 0x8002
    private enum Kind {
        static let duration: UInt32 = 0
        static let idle: UInt32 = 1
        static let flows: UInt32 = 3
        static let packets: UInt32 = 4
        static let bytes: UInt32 = 5
    }

    init() {}

    init(_ flow: FlowDescription) {
        durationNanoseconds = flow.durationNanoseconds
        idleNanoseconds = flow.idleAgeSeconds.map { UInt64($0) * 1_000_000_000 }
        packets = flow.packets
        bytes = flow.bytes
    }

    init(_ aggregate: AggregateStatistics) {
        flows = aggregate.flows
        packets = aggregate.packets
        bytes = aggregate.bytes
    }

    func put(into flow: inout FlowDescription) {
        flow.durationNanoseconds = durationNanoseconds ?? 0
        flow.idleAgeSeconds = idleNanoseconds.map { UInt16(clamping: $0 / 1_000_000_000) }
        flow.packets = packets ?? 0
        flow.bytes = bytes ?? 0
    }

    /// Reads two reserved bytes, the length, the list, and padding.
    static func read(_ reader: inout OctetReader) throws(OpenFlowErrorCode) -> FlowCounts {
        let start = reader.position
        try reader.skip(2)
        let length = Int(try reader.u16())
        guard length >= 4 else { throw .badLength }
        var list = try reader.window(length - 4)
        reader.skipPadding(from: start)
        var counts = FlowCounts()
        while !list.isAtEnd {
            let header = try list.u32()
            var value = try list.window(Int(header & 0xff))
            guard header >> 16 == basicClass else { continue }
            switch header >> 9 & 0x7f {
            case Kind.duration: counts.durationNanoseconds = try FlowCodec.readDuration(&value)
            case Kind.idle: counts.idleNanoseconds = try FlowCodec.readDuration(&value)
            case Kind.flows: counts.flows = try value.u32()
            case Kind.packets: counts.packets = try value.u64()
            case Kind.bytes: counts.bytes = try value.u64()
            default: continue
            }
        }
        return counts
    }

    func write(to writer: inout OctetWriter) {
        let start = writer.count
        writer.u16(0)
        writer.u16(0)
        func header(_ kind: UInt32, _ byteCount: UInt32) {
            writer.u32(Self.basicClass << 16 | kind << 9 | byteCount)
        }
        if let durationNanoseconds {
            header(Kind.duration, 8)
            FlowCodec.writeDuration(durationNanoseconds, to: &writer)
        }
        if let idleNanoseconds {
            header(Kind.idle, 8)
            FlowCodec.writeDuration(idleNanoseconds, to: &writer)
        }
        if let flows {
            header(Kind.flows, 4)
            writer.u32(flows)
        }
        if let packets {
            header(Kind.packets, 8)
            writer.u64(packets)
        }
        if let bytes {
            header(Kind.bytes, 8)
            writer.u64(bytes)
        }
        writer.patch16(writer.count - start, at: start + 2)
        writer.pad(from: start)
    }
}
