import Flows
import Packets

// A list of actions, whatever version: each has a type, a length that is a multiple of 8, a body.
//
// The files beside this one know the bodies: of 1.0, of 1.1 and later, and of Nicira's, which all
// versions carry under type 0xffff.

/// What a list of actions says. Nicira lets 1.0 write metadata as if it were an action.
struct ActionList {
    var actions: [Action] = []
    var metadata: Masked<UInt64>?
}

enum ActionCodec {
    static let vendorType: UInt16 = 0xffff

    /// Reads up to the reader's end. `match` tells which transport 1.0's `mod_tp_src` writes; nil
    /// for a packet-out. `depth` counts the actions that this list stands in.
    static func read(
        _ reader: inout OctetReader, _ version: OpenFlowVersion, match: Match?, depth: Int = 0
    ) throws(OpenFlowErrorCode) -> ActionList {
        guard depth <= Limits.actionDepth else { throw .tooManyActions }
        var list = ActionList()
        while !reader.isAtEnd {
            guard list.actions.count < Limits.actions else { throw .tooManyActions }
            let type = try reader.u16()
            let length = Int(try reader.u16())
            guard length >= 8, length.isMultiple(of: 8) else { throw .badActionLength }
            var body = try reader.window(length - 4, fault: .badActionLength)
            // What metadata is written comes last, as an instruction would.
            guard list.metadata == nil else { throw .badActionOrder }
            if type == vendorType {
                try readExperimenter(&body, version, match: match, depth: depth, into: &list)
            } else {
                list.actions.append(
                    version == .v10
                        ? try read10(type, &body, match: match)
                        : try readStandard(type, &body, version, match: match))
            }
        }
        return list
    }

    /// - Parameter match: Of the rule that the actions belong to; tells whether 1.0's
    ///   `mod_vlan_vid` finds a tag or must push one.
    static func write(
        _ actions: [Action], _ version: OpenFlowVersion, match: Match?,
        to writer: inout OctetWriter
    ) {
        var hasTag = match?.requiresVLANTag ?? false
        for action in actions {
            if version == .v10 {
                write10(action, to: &writer)
            } else {
                writeStandard(action, version, hasTag: &hasTag, to: &writer)
            }
        }
    }

    /// One action: type and length around what `body` writes, filled to a multiple of 8.
    static func write(
        type: UInt16, to writer: inout OctetWriter, body: (inout OctetWriter) -> Void
    ) {
        let start = writer.count
        writer.u16(type)
        writer.u16(0)
        body(&writer)
        writer.pad(from: start)
        writer.patch16(writer.count - start, at: start + 2)
    }

    /// An output, where sending to the controller is an action of its own.
    static func output(_ port: PortNumber, maxLength: UInt16) throws(OpenFlowErrorCode) -> Action {
        if port == .controller { return .controller(ControllerAction(maxLength: maxLength)) }
        guard port != .none else { throw .badActionPort }
        return .output(port: port, maxLength: maxLength)
    }

    /// The one `setField` that writes `value`, checked.
    static func setField(
        _ field: FlowField, _ value: FieldValue, mask: FieldValue? = nil
    ) throws(OpenFlowErrorCode) -> Action {
        guard field.isWritable, field.canHold(value) else { throw .badSetFieldArgument }
        return .setField(field, value, mask: mask ?? field.exactMask)
    }

    /// The one `setOwn` that writes `value`, checked; from 1.2 on `set_field` takes its place.
    static func setOwn(
        _ field: FlowField, _ value: FieldValue, _ version: OpenFlowVersion
    ) throws(OpenFlowErrorCode) -> Action {
        guard field.canHold(value) else { throw .badSetFieldArgument }
        return version < .v12 ? .setOwn(field, value) : .setField(field, value)
    }
}

extension Action {
    /// What a `setField` of these bits is as loads: one for each run of at most 64 selected bits,
    /// lowest first.
    static func loads(
        _ field: FlowField, _ value: FieldValue, mask: FieldValue
    ) -> [(range: FieldRange, value: FieldValue)] {
        var loads: [(range: FieldRange, value: FieldValue)] = []
        var offset = 0
        while offset < field.width {
            let rest = mask.bits >> UInt128(clamping: offset)
            guard rest & 1 == 1 else {
                offset += 1
                continue
            }
            let width = min((~rest).trailingZeroBitCount, 64, field.width - offset)
            let bits = value.bits >> UInt128(clamping: offset) & FieldValue.ones(width).bits
            loads.append(
                (FieldRange(field, offset: offset, width: width), FieldValue(bits: bits)))
            offset += width
        }
        return loads
    }
}
