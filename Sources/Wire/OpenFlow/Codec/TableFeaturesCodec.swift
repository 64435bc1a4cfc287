import Flows

// OFPMP_TABLE_FEATURES (1.3.5 §7.3.5.5). `ovs-ofctl`, from 1.3 on, asks for it before each command
// that may name a table, and gives up if one of the eight required properties is missing.

enum TableFeaturesCodec {
    private static let fixedByteCount = 64
    private static let nameByteCount = 32

    private enum Property {
        static let instructions: UInt16 = 0
        static let nextTables: UInt16 = 2
        static let writeActions: UInt16 = 4
        static let applyActions: UInt16 = 6
        static let match: UInt16 = 8
        static let wildcards: UInt16 = 10
        static let writeSetField: UInt16 = 12
        static let applySetField: UInt16 = 14
    }

    /// Reads tables; what they can do is passed over.
    static func read(_ reader: inout OctetReader) throws(OpenFlowErrorCode) -> [TableFeatures] {
        var tables: [TableFeatures] = []
        while !reader.isAtEnd {
            let length = Int(try reader.u16())
            guard length >= fixedByteCount else { throw .badLength }
            var body = try reader.window(length - 2)
            let table = try body.u8()
            try body.skip(5)
            let name = try body.text(nameByteCount)
            try body.skip(20)
            let maxEntries = try body.u32()
            tables.append(
                TableFeatures(
                    table: table, name: name, maxEntries: maxEntries,
                    tableCount: try nextTable(&body, after: table)))
        }
        return tables
    }

    /// One past the highest table that `goto_table` reaches.
    private static func nextTable(
        _ body: inout OctetReader, after table: UInt8
    ) throws(OpenFlowErrorCode) -> UInt8 {
        var highest = table
        while !body.isAtEnd {
            let start = body.position
            let type = try body.u16()
            let length = Int(try body.u16())
            guard length >= 4 else { throw .badLength }
            var property = try body.window(length - 4)
            body.skipPadding(from: start)
            if type == Property.nextTables {
                highest = max(highest, property.rest().max() ?? 0)
            }
        }
        return highest == .max ? highest : highest + 1
    }

    static func write(
        _ table: TableFeatures, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        let start = writer.count
        writer.u16(0)
        writer.u8(table.table)
        writer.zeros(5)
        writer.text(table.name, nameByteCount)
        writer.u64(.max)
        writer.u64(.max)
        writer.u32(0)
        writer.u32(table.maxEntries)
        func property(_ type: UInt16, _ body: (inout OctetWriter) -> Void) {
            let start = writer.count
            writer.u16(type)
            writer.u16(0)
            body(&writer)
            writer.patch16(writer.count - start, at: start + 2)
            writer.pad(from: start)
        }
        property(Property.instructions) { writer in
            // goto_table, write_metadata, write_actions, apply_actions, clear_actions, meter.
            let isLast = Int(table.table) + 1 >= Int(table.tableCount)
            for type: UInt16 in (isLast ? 2 : 1)...(version < .v15 ? 6 : 5) {
                entry(type, to: &writer)
            }
        }
        property(Property.nextTables) { writer in
            guard table.table < table.tableCount else { return }
            for next in (table.table..<table.tableCount).dropFirst() { writer.u8(next) }
        }
        for type in [Property.writeActions, Property.applyActions] {
            property(type) { writer in
                // output, then set_mpls_ttl up to set_field.
                for type: UInt16 in [0] + (15...25) { entry(type, to: &writer) }
            }
        }
        property(Property.match) { writer in
            for field in fields { header(field, masked: field.maskRule == .bitwise, to: &writer) }
        }
        property(Property.wildcards) { writer in
            for field in fields { header(field, masked: false, to: &writer) }
        }
        for type in [Property.writeSetField, Property.applySetField] {
            property(type) { writer in
                for field in fields where field.isWritable {
                    header(field, masked: false, to: &writer)
                }
            }
        }
        writer.patch16(writer.count - start, at: start)
    }

    /// Those that have a number, in the order of `FlowField.all`.
    private static let fields = FlowField.all.filter { $0.oxm != nil || $0.nxm != nil }

    private static func entry(_ type: UInt16, to writer: inout OctetWriter) {
        writer.u16(type)
        writer.u16(4)
    }

    private static func header(_ field: FlowField, masked: Bool, to writer: inout OctetWriter) {
        header(field, field.oxm ?? field.nxm ?? 0, masked: masked, to: &writer)
        // Ports of 16 and of 32 bits are two fields.
        if field == .inPort, let number = field.nxm {
            header(field, number, masked: masked, to: &writer)
        }
    }

    private static func header(
        _ field: FlowField, _ number: UInt32, masked: Bool, to writer: inout OctetWriter
    ) {
        let width = ExtensibleCodec.wireByteCount(field, header: number)
        let isExperimenters = number >> 7 == FlowField.experimenterClass
        let length = (masked ? 2 * width : width) + (isExperimenters ? 4 : 0)
        writer.u32(number << 9 | (masked ? 0x100 : 0) | UInt32(length))
        if isExperimenters { writer.u32(openNetworkingFoundationID) }
    }
}
