import Flows

// Groups: 1.1 to 1.4 (1.3.5 §7.3.4.3) write a bucket with its numbers in front; 1.5 (there, too,
// §7.3.4.3) as properties, with an id for each bucket and properties of the group. Nicira's for 1.0
// have the form of 1.5.

enum GroupCodec {
    /// Netronome's experimenter number, and its one property.
    private static let netronome: UInt32 = 0x0000_154d
    private static let selectionMethod: UInt32 = 1
    private static let methodByteCount = 16

    private enum BucketProperty {
        static let weight: UInt16 = 0
        static let watchPort: UInt16 = 1
        static let watchGroup: UInt16 = 2
    }
    private enum CommandBucketNumber {
        static let first: UInt32 = 0xffff_fffd
        static let last: UInt32 = 0xffff_fffe
        static let all: UInt32 = 0xffff_ffff
    }

    /// Whether the version writes groups as 1.5 does.
    private static func isNew(_ version: OpenFlowVersion) -> Bool {
        version == .v10 || version >= .v15
    }

    // Group mods.

    static func readMod(
        _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> GroupMod {
        guard let command = GroupMod.Command(rawValue: try reader.u16()) else {
            throw .groupModBadCommand
        }
        let type = GroupType(rawValue: try reader.u8())
        try reader.skip(1)
        var mod = GroupMod(command: command, type: .all, group: try reader.u32())
        guard let type else { throw .groupModBadType }
        mod.type = type
        if isNew(version) {
            let length = Int(try reader.u16())
            try reader.skip(2)
            mod.commandBucket = try readCommandBucket(try reader.u32())
            var buckets = try reader.window(length, fault: .groupModBadBucket)
            mod.buckets = try readNew(&buckets, type, version)
            mod.selection = try readProperties(&reader, type, command)
        } else {
            guard command != .insertBucket, command != .removeBucket else {
                throw .groupModBadCommand
            }
            mod.buckets = try readOld(&reader, version)
        }
        try check(mod)
        return mod
    }

    private static func check(_ mod: GroupMod) throws(OpenFlowErrorCode) {
        let isDeletion = mod.command == .delete
        guard mod.group <= GroupNumber.largest || isDeletion && mod.group == GroupNumber.all else {
            throw .invalidGroup
        }
        switch mod.command {
        case .add, .modify, .addOrModify:
            if mod.type == .indirect, mod.buckets.count != 1 { throw .invalidGroup }
        case .delete: break
        case .insertBucket: if mod.commandBucket == .all { throw .groupModUnknownBucket }
        case .removeBucket: if !mod.buckets.isEmpty { throw .groupModBadBucket }
        }
        if mod.type != .select, mod.buckets.contains(where: { $0.weight > 0 }) {
            throw .invalidGroup
        }
        let watches = mod.buckets.contains { $0.watchPort != nil || $0.watchGroup != nil }
        if watches, mod.type == .all || mod.type == .indirect { throw .groupModWatchUnsupported }
        var ids: Set<UInt32> = []
        for bucket in mod.buckets {
            if let id = bucket.id, !ids.insert(id).inserted { throw .groupModBucketExists }
            if mod.type == .fastFailover, bucket.watchPort == nil, bucket.watchGroup == nil {
                throw .invalidGroup
            }
        }
    }

    private static func readCommandBucket(
        _ number: UInt32
    ) throws(OpenFlowErrorCode) -> GroupMod.CommandBucket {
        switch number {
        case CommandBucketNumber.first: return .first
        case CommandBucketNumber.last: return .last
        case CommandBucketNumber.all: return .all
        case ...Bucket.largestID: return .id(number)
        default: throw .groupModUnknownBucket
        }
    }

    static func write(
        _ mod: GroupMod, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        writer.u16(mod.command.rawValue)
        writer.u8(mod.type.rawValue)
        writer.u8(0)
        writer.u32(mod.group)
        guard isNew(version) else {
            for bucket in mod.buckets { writeOld(bucket, version, to: &writer) }
            return
        }
        let lengthOffset = writer.count
        writer.zeros(4)
        switch mod.commandBucket {
        case .id(let id): writer.u32(id)
        case .first: writer.u32(CommandBucketNumber.first)
        case .last: writer.u32(CommandBucketNumber.last)
        case .all: writer.u32(CommandBucketNumber.all)
        }
        writeNew(mod.buckets, mod.type, version, lengthAt: lengthOffset, to: &writer)
        writeProperties(mod.selection, version, to: &writer)
    }

    // Descriptions: buckets and properties again.

    static func readDescription(
        _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> GroupDescription {
        let length = Int(try reader.u16())
        var body = try reader.window(length - 2)
        guard let type = GroupType(rawValue: try body.u8()) else { throw .groupModBadType }
        try body.skip(1)
        var group = GroupDescription(group: try body.u32(), type: type, buckets: [])
        guard isNew(version) else {
            group.buckets = try readOld(&body, version)
            return group
        }
        let bucketByteCount = Int(try body.u16())
        try body.skip(6)
        var buckets = try body.window(bucketByteCount, fault: .groupModBadBucket)
        group.buckets = try readNew(&buckets, type, version)
        group.selection = try readProperties(&body, type, .add)
        return group
    }

    static func write(
        _ group: GroupDescription, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        let start = writer.count
        writer.u16(0)
        writer.u8(group.type.rawValue)
        writer.u8(0)
        writer.u32(group.group)
        if isNew(version) {
            let lengthOffset = writer.count
            writer.zeros(8)
            writeNew(group.buckets, group.type, version, lengthAt: lengthOffset, to: &writer)
            writeProperties(group.selection, version, to: &writer)
        } else {
            for bucket in group.buckets { writeOld(bucket, version, to: &writer) }
        }
        writer.patch16(writer.count - start, at: start)
    }

    // Buckets of 1.1 to 1.4.

    private static func readOld(
        _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> [Bucket] {
        var buckets: [Bucket] = []
        while !reader.isAtEnd {
            guard buckets.count < Limits.buckets else { throw .groupModOutOfBuckets }
            guard reader.remaining >= 16 else { throw .groupModBadBucket }
            let length = Int(try reader.u16())
            guard length >= 16, length.isMultiple(of: 8) else { throw .groupModBadBucket }
            var body = try reader.window(length - 2, fault: .groupModBadBucket)
            var bucket = Bucket(weight: try body.u16())
            bucket.watchPort = try watchPort(try body.u32())
            bucket.watchGroup = FlowCodec.group(try body.u32())
            try body.skip(4)
            bucket.actions = try readActions(&body, body.remaining, version)
            buckets.append(bucket)
        }
        return buckets
    }

    private static func watchPort(
        _ raw: UInt32
    ) throws(OpenFlowErrorCode) -> PortNumber? {
        guard let port = PortNumber(wide: raw) else { throw .groupModBadWatch }
        return port == .none ? nil : port
    }

    private static func readActions(
        _ reader: inout OctetReader, _ byteCount: Int, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> [Action] {
        var actions = try reader.window(byteCount, fault: .groupModBadBucket)
        let list = try ActionCodec.read(&actions, version, match: nil)
        guard list.metadata == nil else { throw .groupModBadBucket }
        return list.actions
    }

    private static func writeOld(
        _ bucket: Bucket, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        let start = writer.count
        writer.u16(0)
        writer.u16(bucket.weight)
        writer.u32((bucket.watchPort ?? .none).wide)
        writer.u32(bucket.watchGroup ?? GroupNumber.any)
        writer.zeros(4)
        ActionCodec.write(bucket.actions, version, match: nil, to: &writer)
        writer.patch16(writer.count - start, at: start)
    }

    // Buckets of 1.5.

    private static func readNew(
        _ reader: inout OctetReader, _ type: GroupType, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> [Bucket] {
        var buckets: [Bucket] = []
        while !reader.isAtEnd {
            guard buckets.count < Limits.buckets else { throw .groupModOutOfBuckets }
            guard reader.remaining >= 8 else { throw .groupModBadBucket }
            let length = Int(try reader.u16())
            guard length >= 8, length.isMultiple(of: 8) else { throw .groupModBadBucket }
            var body = try reader.window(length - 2, fault: .groupModBadBucket)
            let actionByteCount = Int(try body.u16())
            var bucket = Bucket(id: try body.u32(), weight: type.usualWeight)
            guard let id = bucket.id, id <= Bucket.largestID else { throw .groupModBadBucket }
            bucket.actions = try readActions(&body, actionByteCount, version)
            try Property.read(&body) { (type, value) throws(OpenFlowErrorCode) in
                switch type {
                case BucketProperty.weight: bucket.weight = try value.u16()
                case BucketProperty.watchPort: bucket.watchPort = try watchPort(try value.u32())
                case BucketProperty.watchGroup:
                    bucket.watchGroup = FlowCodec.group(try value.u32())
                default: throw .propertyBadType
                }
            }
            buckets.append(bucket)
        }
        return buckets
    }

    private static func writeNew(
        _ buckets: [Bucket], _ type: GroupType, _ version: OpenFlowVersion,
        lengthAt lengthOffset: Int, to writer: inout OctetWriter
    ) {
        let bucketsStart = writer.count
        for (index, bucket) in buckets.enumerated() {
            let start = writer.count
            writer.zeros(4)
            writer.u32(bucket.id ?? UInt32(clamping: index))
            let actionsStart = writer.count
            ActionCodec.write(bucket.actions, version, match: nil, to: &writer)
            writer.patch16(writer.count - actionsStart, at: start + 2)
            if bucket.weight != type.usualWeight {
                Property.write(BucketProperty.weight, to: &writer) {
                    $0.u16(bucket.weight)
                    $0.zeros(2)
                }
            }
            if let port = bucket.watchPort {
                Property.write(BucketProperty.watchPort, to: &writer) { $0.u32(port.wide) }
            }
            if let group = bucket.watchGroup {
                Property.write(BucketProperty.watchGroup, to: &writer) { $0.u32(group) }
            }
            writer.patch16(writer.count - start, at: start)
        }
        writer.patch16(writer.count - bucketsStart, at: lengthOffset)
    }

    // Properties of a group.

    private static func readProperties(
        _ reader: inout OctetReader, _ type: GroupType, _ command: GroupMod.Command
    ) throws(OpenFlowErrorCode) -> GroupSelection {
        var selection = GroupSelection()
        try Property.read(&reader) { (kind, body) throws(OpenFlowErrorCode) in
            guard kind == Property.experimenter else { throw .propertyBadType }
            guard try body.u32() == netronome else { throw .propertyBadExperimenter }
            guard try body.u32() == selectionMethod else { throw .propertyBadExperimenterType }
            guard type == .select, command == .add || command == .modify || command == .addOrModify
            else { throw .propertyBadValue }
            try body.skip(4)
            selection.method = try body.text(methodByteCount)
            guard selection.method == "hash" || selection.method == "dp_hash" else {
                throw .propertyBadValue
            }
            selection.parameter = try body.u64()
            selection.fields = try readFields(&body)
            if selection.method == "dp_hash", selection.parameter > UInt64(UInt32.max) {
                throw .propertyBadValue
            }
        }
        return selection
    }

    /// Fields as matches write them; a value is the mask of what is hashed.
    private static func readFields(
        _ body: inout OctetReader
    ) throws(OpenFlowErrorCode) -> [SelectedField] {
        var fields: [SelectedField] = []
        while !body.isAtEnd {
            let header = try body.u32()
            var entry = try body.window(Int(header & 0xff), fault: .badMatchLength)
            let number = header >> 9
            let field = try ExtensibleCodec.field(
                number: number, body: &entry, unknown: .badMatchField)
            let width = ExtensibleCodec.wireByteCount(field, header: number)
            guard entry.remaining == (header & 0x100 == 0 ? width : 2 * width) else {
                throw .badMatchLength
            }
            let ones = field.exactMask.bits
            let value = FieldValue(bits: try entry.value(width).bits & ones)
            guard !fields.contains(where: { $0.field == field }) else {
                throw .duplicateMatchField
            }
            fields.append(SelectedField(field, mask: value))
        }
        return fields
    }

    private static func writeProperties(
        _ selection: GroupSelection, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        guard !selection.method.isEmpty else { return }
        Property.write(Property.experimenter, to: &writer) {
            $0.u32(netronome)
            $0.u32(selectionMethod)
            $0.zeros(4)
            $0.text(selection.method, methodByteCount)
            $0.u64(selection.parameter)
            for field in selection.fields {
                ExtensibleCodec.write(
                    field.field, field.mask, mask: nil, .of(version), to: &$0)
            }
        }
    }
}
