// What is told of groups and meters beside themselves.

enum GroupStatisticsCodec {
    static func read(
        _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> GroupStatistics {
        let length = Int(try reader.u16())
        var body = try reader.window(length - 2)
        try body.skip(2)
        var group = GroupStatistics(group: try body.u32(), referenceCount: try body.u32())
        try body.skip(4)
        group.total = .init(packets: try body.u64(), bytes: try body.u64())
        if hasDuration(version) {
            group.durationNanoseconds = try FlowCodec.readDuration(&body)
        }
        while !body.isAtEnd {
            group.buckets.append(.init(packets: try body.u64(), bytes: try body.u64()))
        }
        return group
    }

    private static func hasDuration(_ version: OpenFlowVersion) -> Bool {
        version == .v10 || version >= .v13
    }

    static func write(
        _ group: GroupStatistics, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        let start = writer.count
        writer.zeros(4)
        writer.u32(group.group)
        writer.u32(group.referenceCount)
        writer.zeros(4)
        writer.u64(group.total.packets)
        writer.u64(group.total.bytes)
        if hasDuration(version) {
            FlowCodec.writeDuration(group.durationNanoseconds, to: &writer)
        }
        for bucket in group.buckets.prefix(Limits.buckets - 3) {
            writer.u64(bucket.packets)
            writer.u64(bucket.bytes)
        }
        writer.patch16(writer.count - start, at: start)
    }

    static func readFeatures(
        _ reader: inout OctetReader
    ) throws(OpenFlowErrorCode) -> GroupFeatures {
        var features = GroupFeatures(
            types: try reader.u32(), capabilities: try reader.u32(), maxGroups: [], actions: [])
        for _ in GroupType.allCases { features.maxGroups.append(try reader.u32()) }
        for _ in GroupType.allCases { features.actions.append(try reader.u32()) }
        return features
    }

    static func write(_ features: GroupFeatures, to writer: inout OctetWriter) {
        writer.u32(features.types)
        writer.u32(features.capabilities)
        for list in [features.maxGroups, features.actions] {
            for value in (list + [0, 0, 0, 0]).prefix(GroupType.allCases.count) {
                writer.u32(value)
            }
        }
    }
}

/// Meters: 1.3 and later (1.3.5 §7.3.4.4, §7.3.5.7 and what follows).
enum MeterCodec {
    private enum Band {
        static let drop: UInt16 = 1
        static let remarkDSCP: UInt16 = 2
        static let byteCount = 16
    }

    static func readMod(_ reader: inout OctetReader) throws(OpenFlowErrorCode) -> MeterMod {
        guard let command = MeterMod.Command(rawValue: try reader.u16()) else {
            throw .meterModBadCommand
        }
        let flags = MeterDescription.Flags(rawValue: try reader.u16())
        var meter = MeterDescription(meter: try reader.u32(), flags: flags)
        if command == .delete {
            let isKnown =
                meter.meter == MeterNumber.all || isOne(meter.meter)
            guard isKnown else { throw .invalidMeter }
            return MeterMod(.delete, MeterDescription(meter: meter.meter))
        }
        guard isOne(meter.meter) else { throw .invalidMeter }
        guard flags.rawValue & ~15 == 0 else { throw .meterModBadFlags }
        // Kilobits or packets, one of them.
        guard !flags.isSuperset(of: [.kilobits, .packets]) else { throw .meterModBadFlags }
        if flags.isDisjoint(with: [.kilobits, .packets]) { throw .meterModBadFlags }
        meter.bands = try readBands(&reader)
        return MeterMod(command, meter)
    }

    /// Whether the number names one meter.
    private static func isOne(_ number: UInt32) -> Bool {
        (1...MeterNumber.largest).contains(number) || number == MeterNumber.slowPath
            || number == MeterNumber.controller
    }

    private static func readBands(
        _ reader: inout OctetReader
    ) throws(OpenFlowErrorCode) -> [MeterDescription.Band] {
        var bands: [MeterDescription.Band] = []
        while !reader.isAtEnd {
            guard bands.count < Limits.buckets else { throw .meterModOutOfBands }
            guard reader.remaining >= Band.byteCount else { throw .badLength }
            let type = try reader.u16()
            let length = Int(try reader.u16())
            guard type == Band.drop || type == Band.remarkDSCP else { throw .meterModBadBand }
            guard length == Band.byteCount else { throw .badLength }
            let rate = try reader.u32()
            let burst = try reader.u32()
            let level = try reader.u8()
            try reader.skip(3)
            bands.append(
                .init(
                    type == Band.drop ? .drop : .remarkDSCP(precedenceLevel: level), rate: rate,
                    burst: burst))
        }
        return bands
    }

    static func write(_ mod: MeterMod, to writer: inout OctetWriter) {
        writer.u16(mod.command.rawValue)
        writer.u16(mod.meter.flags.rawValue)
        writer.u32(mod.meter.meter)
        writeBands(mod.meter.bands, to: &writer)
    }

    private static func writeBands(
        _ bands: [MeterDescription.Band], to writer: inout OctetWriter
    ) {
        for band in bands.prefix(Limits.buckets - 2) {
            let level: UInt8
            switch band.effect {
            case .drop:
                writer.u16(Band.drop)
                level = 0
            case .remarkDSCP(let precedenceLevel):
                writer.u16(Band.remarkDSCP)
                level = precedenceLevel
            }
            writer.u16(UInt16(Band.byteCount))
            writer.u32(band.rate)
            writer.u32(band.burst)
            writer.u8(level)
            writer.zeros(3)
        }
    }

    static func readDescription(
        _ reader: inout OctetReader
    ) throws(OpenFlowErrorCode) -> MeterDescription {
        let length = Int(try reader.u16())
        var body = try reader.window(length - 2)
        let flags = MeterDescription.Flags(rawValue: try body.u16())
        return MeterDescription(
            meter: try body.u32(), flags: flags, bands: try readBands(&body))
    }

    static func write(_ meter: MeterDescription, to writer: inout OctetWriter) {
        let start = writer.count
        writer.u16(0)
        writer.u16(meter.flags.rawValue)
        writer.u32(meter.meter)
        writeBands(meter.bands, to: &writer)
        writer.patch16(writer.count - start, at: start)
    }

    static func readStatistics(
        _ reader: inout OctetReader
    ) throws(OpenFlowErrorCode) -> MeterStatistics {
        var meter = MeterStatistics(meter: try reader.u32())
        let length = Int(try reader.u16())
        var body = try reader.window(length - 6)
        try body.skip(6)
        meter.flowCount = try body.u32()
        meter.input = .init(packets: try body.u64(), bytes: try body.u64())
        meter.durationNanoseconds = try FlowCodec.readDuration(&body)
        while !body.isAtEnd {
            meter.bands.append(.init(packets: try body.u64(), bytes: try body.u64()))
        }
        return meter
    }

    static func write(_ meter: MeterStatistics, to writer: inout OctetWriter) {
        let start = writer.count
        writer.u32(meter.meter)
        writer.zeros(8)
        writer.u32(meter.flowCount)
        writer.u64(meter.input.packets)
        writer.u64(meter.input.bytes)
        FlowCodec.writeDuration(meter.durationNanoseconds, to: &writer)
        for band in meter.bands.prefix(Limits.buckets - 3) {
            writer.u64(band.packets)
            writer.u64(band.bytes)
        }
        writer.patch16(writer.count - start, at: start + 4)
    }

    static func readFeatures(
        _ reader: inout OctetReader
    ) throws(OpenFlowErrorCode) -> MeterFeatures {
        let features = MeterFeatures(
            maxMeters: try reader.u32(), bandTypes: try reader.u32(),
            capabilities: .init(rawValue: UInt16(truncatingIfNeeded: try reader.u32())),
            maxBands: try reader.u8(), maxColors: try reader.u8())
        try reader.skip(2)
        return features
    }

    static func write(_ features: MeterFeatures, to writer: inout OctetWriter) {
        writer.u32(features.maxMeters)
        writer.u32(features.bandTypes)
        writer.u32(UInt32(features.capabilities.rawValue))
        writer.u8(features.maxBands)
        writer.u8(features.maxColors)
        writer.zeros(2)
    }
}
