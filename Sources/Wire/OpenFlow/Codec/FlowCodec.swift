import Flows

// Flow mods, flow removed, and the flows of statistics: where the three ways to write a rule (1.0,
// Nicira's in 1.0, 1.3) differ in order and in what they leave out.

enum FlowCodec {
    private static let noBuffer: UInt32 = 0xffff_ffff
    static let anyGroup = GroupNumber.any

    // The pieces.

    static func buffer(_ raw: UInt32) -> UInt32? { raw == noBuffer ? nil : raw }
    static func raw(_ buffer: UInt32?) -> UInt32 { buffer ?? noBuffer }
    private static func filter(_ port: PortNumber) -> PortNumber? { port == .none ? nil : port }

    /// The match of 1.1 and later: type, length without padding, fields, padding. Type 1 is OXM, 0
    /// is 1.1's own of fixed length.
    static func readMatch(
        _ reader: inout OctetReader
    ) throws(OpenFlowErrorCode) -> Match {
        let type = try reader.u16()
        guard type <= 1 else { throw .badMatchType }
        let length = Int(try reader.u16())
        guard length >= 4 else { throw .badMatchLength }
        guard type == 1 else {
            guard length == MatchCodec11.byteCount else { throw .badMatchLength }
            var fields = try reader.window(length - 4, fault: .badMatchLength)
            return try MatchCodec11.read(&fields)
        }
        var fields = try reader.window(length - 4, fault: .badMatchLength)
        try reader.skip((8 - length % 8) % 8)
        let result = try ExtensibleCodec.read(&fields)
        guard result.cookie == nil else { throw .badMatchField }
        return result.match
    }

    static func writeMatch(
        _ match: Match, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        guard version >= .v12 else {
            writer.u16(0)
            writer.u16(UInt16(MatchCodec11.byteCount))
            return MatchCodec11.write(match, to: &writer)
        }
        let start = writer.count
        writer.u16(1)
        writer.u16(0)
        ExtensibleCodec.write(match, .of(version), to: &writer)
        writer.patch16(writer.count - start, at: start + 2)
        writer.pad(from: start)
    }

    /// Nicira's match of `length` bytes, and padding.
    static func readNicira(
        _ length: UInt16, _ reader: inout OctetReader
    ) throws(OpenFlowErrorCode) -> ExtensibleMatch {
        let length = Int(length)
        var fields = try reader.window(length, fault: .badMatchLength)
        try reader.skip((8 - length % 8) % 8)
        return try ExtensibleCodec.read(&fields)
    }

    /// Writes fields, the cookie last, and padding; patches their length at `lengthOffset`.
    static func writeNicira(
        _ match: Match, cookie: Masked<UInt64>? = nil, lengthAt lengthOffset: Int,
        to writer: inout OctetWriter
    ) {
        let start = writer.count
        ExtensibleCodec.write(match, .nxm, to: &writer)
        if let cookie { ExtensibleCodec.write(cookie: cookie, to: &writer) }
        writer.patch16(writer.count - start, at: lengthOffset)
        writer.pad(from: start)
    }

    // Flow mods.

    /// 1.0's command and, if the connection asked for it, the table in its high byte.
    private static func setCommand10(
        _ raw: UInt16, namesTables: Bool, in mod: inout FlowMod
    ) throws(OpenFlowErrorCode) {
        let number = namesTables ? raw & 0xff : raw
        guard number <= 0xff, let command = FlowMod.Command(rawValue: UInt8(number)) else {
            throw .badFlowModCommand
        }
        mod.command = command
        if namesTables, raw >> 8 != 0xff { mod.table = UInt8(raw >> 8) }
    }

    private static func command10(_ mod: FlowMod, namesTables: Bool) -> UInt16 {
        UInt16(mod.command.rawValue) | (namesTables ? UInt16(mod.table ?? 255) << 8 : 0)
    }

    /// 1.0 knows the flags 1 and 2, and 4 for "emergency", which nobody implements. Rules for
    /// emergencies may have no timeouts (1.0, OFPFMFC_BAD_EMERG_TIMEOUT).
    private static func flags10(
        _ raw: UInt16, _ mod: FlowMod
    ) throws(OpenFlowErrorCode) -> FlowMod.Flags {
        if raw & 4 != 0 {
            let isLasting = mod.idleTimeout == 0 && mod.hardTimeout == 0
            throw isLasting ? .tableFull : .flowModBadEmergencyTimeout
        }
        guard raw & ~3 == 0 else { throw .badFlowModFlags }
        return FlowMod.Flags(rawValue: raw)
    }

    static func readMod10(
        _ reader: inout OctetReader, namesTables: Bool
    ) throws(OpenFlowErrorCode) -> FlowMod {
        let isExact = try MatchCodec10.isExact(reader)
        var mod = FlowMod(command: .add, match: try MatchCodec10.read(&reader))
        mod.cookie = try reader.u64()
        try setCommand10(try reader.u16(), namesTables: namesTables, in: &mod)
        mod.idleTimeout = try reader.u16()
        mod.hardTimeout = try reader.u16()
        mod.priority = try reader.u16()
        // Rules without wildcards come before all others (1.0 §3.4).
        if isExact { mod.priority = .max }
        mod.bufferID = buffer(try reader.u32())
        mod.outPort = filter(PortNumber(try reader.u16()))
        mod.flags = try flags10(try reader.u16(), mod)
        mod.instructions = try InstructionCodec.read(&reader, .v10, match: mod.match)
        settleCookies(&mod, selection: nil)
        return mod
    }

    /// What 1.0 and Nicira call the cookie is the new one; what selects stands among the fields.
    private static func settleCookies(_ mod: inout FlowMod, selection: Masked<UInt64>?) {
        guard mod.command != .add else { return }
        if mod.command == .modify || mod.command == .modifyStrict {
            mod.newCookie = mod.cookie == .max ? nil : mod.cookie
            mod.addsIfMissing = selection == nil
        }
        mod.cookie = selection?.value ?? 0
        mod.cookieMask = selection?.mask ?? 0
    }

    /// The reverse of `settleCookies`.
    private static func cookie10(_ mod: FlowMod) -> UInt64 {
        switch mod.command {
        case .add: mod.cookie
        case .modify, .modifyStrict: mod.newCookie ?? .max
        case .delete, .deleteStrict: 0
        }
    }

    static func writeMod10(_ mod: FlowMod, namesTables: Bool, to writer: inout OctetWriter) {
        MatchCodec10.write(mod.match, to: &writer)
        writer.u64(cookie10(mod))
        writer.u16(command10(mod, namesTables: namesTables))
        writer.u16(mod.idleTimeout)
        writer.u16(mod.hardTimeout)
        writer.u16(mod.priority)
        writer.u32(raw(mod.bufferID))
        writer.u16((mod.outPort ?? .none).rawValue)
        writer.u16(mod.flags.rawValue & 3)
        InstructionCodec.write(mod.instructions, .v10, match: mod.match, to: &writer)
    }

    static func readModNicira(
        _ reader: inout OctetReader, namesTables: Bool
    ) throws(OpenFlowErrorCode) -> FlowMod {
        var mod = FlowMod(command: .add)
        mod.cookie = try reader.u64()
        try setCommand10(try reader.u16(), namesTables: namesTables, in: &mod)
        mod.idleTimeout = try reader.u16()
        mod.hardTimeout = try reader.u16()
        mod.priority = try reader.u16()
        mod.bufferID = buffer(try reader.u32())
        mod.outPort = filter(PortNumber(try reader.u16()))
        mod.flags = try flags10(try reader.u16(), mod)
        let length = try reader.u16()
        try reader.skip(6)
        let match = try readNicira(length, &reader)
        mod.match = match.match
        // Adding selects nothing by cookie (Open vSwitch refuses it too).
        guard mod.command != .add || match.cookie == nil else { throw .nxmInvalid }
        settleCookies(&mod, selection: match.cookie)
        mod.instructions = try InstructionCodec.read(&reader, .v10, match: mod.match)
        return mod
    }

    static func writeModNicira(_ mod: FlowMod, namesTables: Bool, to writer: inout OctetWriter) {
        let selects = mod.cookieMask != 0 && mod.command != .add
        writer.u64(cookie10(mod))
        writer.u16(command10(mod, namesTables: namesTables))
        writer.u16(mod.idleTimeout)
        writer.u16(mod.hardTimeout)
        writer.u16(mod.priority)
        writer.u32(raw(mod.bufferID))
        writer.u16((mod.outPort ?? .none).rawValue)
        writer.u16(mod.flags.rawValue & 3)
        let lengthOffset = writer.count
        writer.u16(0)
        writer.zeros(6)
        writeNicira(
            mod.match, cookie: selects ? Masked(mod.cookie, mask: mod.cookieMask) : nil,
            lengthAt: lengthOffset, to: &writer)
        InstructionCodec.write(mod.instructions, .v10, match: mod.match, to: &writer)
    }

    /// OFPT_FLOW_MOD of 1.1 and later.
    static func readMod(
        _ reader: inout OctetReader, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> FlowMod {
        var mod = FlowMod(command: .add)
        mod.cookie = try reader.u64()
        mod.cookieMask = try reader.u64()
        let table = try reader.u8()
        mod.table = table == 255 ? nil : table
        guard let command = FlowMod.Command(rawValue: try reader.u8()) else {
            throw .badFlowModCommand
        }
        mod.command = command
        mod.idleTimeout = try reader.u16()
        mod.hardTimeout = try reader.u16()
        mod.priority = try reader.u16()
        mod.bufferID = buffer(try reader.u32())
        guard let port = PortNumber(wide: try reader.u32()) else { throw .badPort }
        mod.outPort = filter(port)
        mod.outGroup = group(try reader.u32())
        mod.flags = FlowMod.Flags(rawValue: try reader.u16())
        guard mod.flags.rawValue & ~knownFlags(version) == 0 else { throw .badFlowModFlags }
        let importance = try reader.u16()
        if version >= .v14, command == .add { mod.importance = importance }
        mod.match = try readMatch(&reader)
        // "All tables" is for deletion only, and in 1.1 for nothing (1.3.5 §7.3.4.1).
        let deletes = command == .delete || command == .deleteStrict
        guard deletes && version > .v11 || table != 255 else { throw .badFlowModTable }
        if !deletes { mod.outGroup = nil }
        settle(&mod, version)
        mod.instructions = try InstructionCodec.read(&reader, version, match: mod.match)
        return mod
    }

    /// What cookie and flags mean for the command (1.3.5 §7.3.4.1).
    private static func settle(_ mod: inout FlowMod, _ version: OpenFlowVersion) {
        switch mod.command {
        case .add:
            // Adding does not select: the mask means nothing.
            mod.cookieMask = 0
            if version == .v11 { mod.flags.insert(.resetCounts) }
        case .modify where version == .v11 && mod.cookieMask == 0,
            .modifyStrict where version == .v11 && mod.cookieMask == 0:
            // As 1.0's: adds if there is nothing to change.
            mod.newCookie = mod.cookie
            mod.cookie = 0
            mod.addsIfMissing = true
        case .modify, .modifyStrict, .delete, .deleteStrict: break
        }
    }

    static func group(_ raw: UInt32) -> UInt32? { raw == anyGroup ? nil : raw }

    private static func knownFlags(_ version: OpenFlowVersion) -> UInt16 {
        version < .v12 ? 3 : version < .v13 ? 7 : 31
    }

    static func writeMod(
        _ mod: FlowMod, _ version: OpenFlowVersion, to writer: inout OctetWriter
    ) {
        writer.u64(version == .v11 ? mod.newCookie ?? mod.cookie : mod.cookie)
        writer.u64(mod.cookieMask)
        let deletes = mod.command == .delete || mod.command == .deleteStrict
        writer.u8(mod.table ?? (deletes ? 255 : 0))
        writer.u8(mod.command.rawValue)
        writer.u16(mod.idleTimeout)
        writer.u16(mod.hardTimeout)
        writer.u16(mod.priority)
        writer.u32(raw(mod.bufferID))
        writer.u32((mod.outPort ?? .none).wide)
        writer.u32(mod.outGroup ?? anyGroup)
        writer.u16(mod.flags.rawValue & knownFlags(version))
        writer.u16(version >= .v14 ? mod.importance : 0)
        writeMatch(mod.match, version, to: &writer)
        InstructionCodec.write(mod.instructions, version, match: mod.match, to: &writer)
    }
}
