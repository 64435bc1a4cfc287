import Flows

// Instructions of OpenFlow 1.1 and later (1.3.5 §7.2.4); in 1.0 a rule has only a list of actions.

enum InstructionCodec {
    private enum Kind {
        static let gotoTable: UInt16 = 1
        static let writeMetadata: UInt16 = 2
        static let writeActions: UInt16 = 3
        static let applyActions: UInt16 = 4
        static let clearActions: UInt16 = 5
        static let meter: UInt16 = 6
        static let statisticsTrigger: UInt16 = 7
        static let experimenter: UInt16 = 0xffff
    }

    /// Reads up to the reader's end.
    static func read(
        _ reader: inout OctetReader, _ version: OpenFlowVersion, match: Match
    ) throws(OpenFlowErrorCode) -> Instructions {
        guard version != .v10 else { return try read10(&reader, match: match) }
        var result = Instructions()
        // By bit of its type; experimenters' share one, and others are refused below.
        var seen: UInt64 = 0
        while !reader.isAtEnd {
            let type = try reader.u16()
            let length = Int(try reader.u16())
            guard length >= 8, length.isMultiple(of: 8) else { throw .badInstructionLength }
            var body = try reader.window(length - 4, fault: .badInstructionLength)
            let bit: UInt64 = 1 << UInt64(min(type, 63))
            guard seen & bit == 0 else { throw .duplicateInstruction }
            seen |= bit
            try read(type, &body, version, match: match, into: &result)
        }
        return result
    }

    private static func read(
        _ type: UInt16, _ body: inout OctetReader, _ version: OpenFlowVersion, match: Match,
        into result: inout Instructions
    ) throws(OpenFlowErrorCode) {
        switch type {
        case Kind.gotoTable:
            // 255 names no table: as in Open vSwitch, a rule may lead there, and packets end there.
            result.gotoTable = try body.u8()
        case Kind.writeMetadata:
            try body.skip(4)
            let value = try body.u64()
            let mask = try body.u64()
            result.metadata = Masked(value & mask, mask: mask)
        case Kind.writeActions, Kind.applyActions:
            try body.skip(4)
            var actions = try body.window(body.remaining, fault: .badActionLength)
            let list = try ActionCodec.read(&actions, version, match: match)
            guard list.metadata == nil else { throw .badActionVendorType }
            if type == Kind.writeActions {
                result.write = list.actions
            } else {
                result.apply = list.actions
                takeMeter(&result)
            }
        case Kind.clearActions: result.clearsActionSet = true
        case Kind.meter where version == .v13 || version == .v14:
            let meter = try body.u32()
            guard meter >= 1, meter <= MeterNumber.largest else { throw .invalidMeter }
            result.meter = meter
        case Kind.statisticsTrigger where version >= .v15: throw .unsupportedInstruction
        case Kind.experimenter: throw .badInstructionExperimenter
        default: throw .unknownInstruction
        }
    }

    /// 1.5's first action is what 1.3's instruction was.
    private static func takeMeter(_ result: inout Instructions) {
        guard case .meter(let meter)? = result.apply.first, result.meter == nil else { return }
        result.meter = meter
        result.apply.removeFirst()
    }

    static func write(
        _ instructions: Instructions, _ version: OpenFlowVersion, match: Match,
        to writer: inout OctetWriter
    ) {
        guard version != .v10 else { return write10(instructions, match: match, to: &writer) }
        func list(_ type: UInt16, _ actions: [Action]) {
            ActionCodec.write(type: type, to: &writer) {
                $0.zeros(4)
                ActionCodec.write(actions, version, match: match, to: &$0)
            }
        }
        var apply = instructions.apply
        if let meter = instructions.meter {
            if version >= .v15 {
                apply.insert(.meter(meter), at: 0)
            } else if version >= .v13 {
                ActionCodec.write(type: Kind.meter, to: &writer) { $0.u32(meter) }
            }
        }
        if !apply.isEmpty { list(Kind.applyActions, apply) }
        if instructions.clearsActionSet {
            ActionCodec.write(type: Kind.clearActions, to: &writer) { $0.zeros(4) }
        }
        if !instructions.write.isEmpty { list(Kind.writeActions, instructions.write) }
        if let metadata = instructions.metadata {
            ActionCodec.write(type: Kind.writeMetadata, to: &writer) {
                $0.zeros(4)
                $0.u64(metadata.value)
                $0.u64(metadata.mask)
            }
        }
        if let table = instructions.gotoTable {
            ActionCodec.write(type: Kind.gotoTable, to: &writer) { $0.u8(table) }
        }
    }

    private static func read10(
        _ reader: inout OctetReader, match: Match
    ) throws(OpenFlowErrorCode) -> Instructions {
        let list = try ActionCodec.read(&reader, .v10, match: match)
        return Instructions(apply: list.actions, metadata: list.metadata)
    }

    /// 1.0 has no action set: what would be written to it is left out. Going on to a table is a
    /// resubmit there, as in Open vSwitch.
    private static func write10(
        _ instructions: Instructions, match: Match, to writer: inout OctetWriter
    ) {
        ActionCodec.write(instructions.apply, .v10, match: match, to: &writer)
        if let metadata = instructions.metadata {
            ActionCodec.writeNicira(metadata: metadata, to: &writer)
        }
        if let table = instructions.gotoTable {
            ActionCodec.writeNicira(.resubmit(inPort: nil, table: table), .v10, to: &writer)
        }
    }
}
