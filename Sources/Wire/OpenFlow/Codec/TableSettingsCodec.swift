// Table mod, description and status: 1.1 to 1.3 know only what happens to packets without a rule,
// 1.4 and later (§7.3.3 there) eviction and vacancy events.

enum TableSettingsCodec {
    private enum Kind {
        static let eviction: UInt16 = 2
        static let vacancy: UInt16 = 3
    }
    private static let missMask: UInt32 = 3
    private static let evicts: UInt32 = 1 << 2
    private static let tellsVacancy: UInt32 = 1 << 3

    static func readMod(
        _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> TableMod {
        let table = try reader.u8()
        try reader.skip(3)
        let config = try reader.u32()
        var mod = TableMod(table: table == 255 ? nil : table)
        guard version >= .v14 else {
            guard config & ~missMask == 0, let miss = TableMod.Miss(rawValue: config) else {
                throw .tableModBadConfig
            }
            // 1.3 has one way only, and a bit for nothing.
            if version < .v13 { mod.miss = miss }
            return mod
        }
        guard config & ~(missMask | evicts | tellsVacancy) == 0 else { throw .tableModBadConfig }
        mod.evicts = config & evicts != 0
        mod.vacancy = .init(isOn: config & tellsVacancy != 0)
        try Property.read(&reader) { (type, value) throws(OpenFlowErrorCode) in
            switch type {
            case Kind.eviction:
                // What is weighed is the switch's to say: nothing, or all of it as it is told.
                let flags = TableDescription.EvictionFlags(rawValue: try value.u32())
                guard flags.isSubset(of: .all) else { throw .propertyBadValue }
                guard flags == [] || flags == .all else { throw .tableModBadConfig }
            case Kind.vacancy:
                let down = try value.u8()
                let up = try value.u8()
                guard down < up, up <= 100 else { throw .propertyBadValue }
                guard try value.u8() == 0 else { throw .propertyBadValue }
                mod.vacancy = .init(
                    isOn: config & tellsVacancy != 0, downPercent: down, upPercent: up)
            default: throw .propertyBadType
            }
        }
        return mod
    }

    static func write(
        _ mod: TableMod, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        writer.u8(mod.table ?? 255)
        writer.zeros(3)
        guard version >= .v14 else {
            writer.u32(version < .v13 ? mod.miss?.rawValue ?? 0 : 0)
            return
        }
        let vacancy = mod.vacancy
        writer.u32(
            (mod.evicts == true ? evicts : 0) | (vacancy?.isOn == true ? tellsVacancy : 0))
        if let vacancy, vacancy.upPercent > 0 { write(vacancy, now: 0, to: &writer) }
    }

    private static func write(
        _ vacancy: TableMod.Vacancy, now: UInt8, to writer: inout OctetWriter
    ) {
        Property.write(Kind.vacancy, to: &writer) {
            $0.u8(vacancy.downPercent)
            $0.u8(vacancy.upPercent)
            $0.u8(now)
            $0.u8(0)
        }
    }

    static func readDescription(
        _ reader: inout OctetReader
    ) throws(OpenFlowErrorCode) -> TableDescription {
        let length = Int(try reader.u16())
        var body = try reader.window(length - 2)
        var table = TableDescription(table: try body.u8())
        try body.skip(1)
        let config = try body.u32()
        table.evicts = config & evicts != 0
        table.vacancy.isOn = config & tellsVacancy != 0
        try Property.read(&body) { (type, value) throws(OpenFlowErrorCode) in
            switch type {
            case Kind.eviction: table.evictionFlags = .init(rawValue: try value.u32())
            case Kind.vacancy:
                table.vacancy.downPercent = try value.u8()
                table.vacancy.upPercent = try value.u8()
                table.vacancyPercent = try value.u8()
            default: break
            }
        }
        return table
    }

    static func write(_ table: TableDescription, to writer: inout OctetWriter) {
        let start = writer.count
        writer.u16(0)
        writer.u8(table.table)
        writer.u8(0)
        writer.u32((table.evicts ? evicts : 0) | (table.vacancy.isOn ? tellsVacancy : 0))
        Property.write(Kind.eviction, to: &writer) { $0.u32(table.evictionFlags.rawValue) }
        if table.vacancy.isOn || table.vacancy.upPercent > 0 {
            write(table.vacancy, now: table.vacancyPercent, to: &writer)
        }
        writer.patch16(writer.count - start, at: start)
    }

    static func readStatus(
        _ reader: inout OctetReader
    ) throws(OpenFlowErrorCode) -> TableStatus {
        guard let reason = TableStatus.Reason(rawValue: try reader.u8()) else { throw .badReason }
        try reader.skip(7)
        return TableStatus(reason: reason, table: try readDescription(&reader))
    }

    static func write(_ status: TableStatus, to writer: inout OctetWriter) {
        writer.u8(status.reason.rawValue)
        writer.zeros(7)
        write(status.table, to: &writer)
    }
}
