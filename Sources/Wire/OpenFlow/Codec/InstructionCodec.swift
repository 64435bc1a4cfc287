import Flows

// Instructions of OpenFlow 1.3.5 §7.2.4; in 1.0 a rule has only a list of actions.

enum InstructionCodec {
    /// Reads up to the reader's end.
    static func read13(
        _ reader: inout OctetReader, match: Match
    ) throws(OpenFlowErrorCode) -> Instructions {
        var result = Instructions()
        var seen: Set<UInt16> = []
        while !reader.isAtEnd {
            let type = try reader.u16()
            let length = Int(try reader.u16())
            guard length >= 8, length.isMultiple(of: 8) else { throw .badInstructionLength }
            var body = try reader.window(length - 4, fault: .badInstructionLength)
            guard seen.insert(type).inserted else { throw .duplicateInstruction }
            try read13(type, &body, match: match, into: &result)
        }
        return result
    }

    private static func read13(
        _ type: UInt16, _ body: inout OctetReader, match: Match, into result: inout Instructions
    ) throws(OpenFlowErrorCode) {
        switch type {
        case 1:
            let table = try body.u8()
            guard table != 255 else { throw .badInstructionTable }
            result.gotoTable = table
        case 2:
            try body.skip(4)
            let value = try body.u64()
            let mask = try body.u64()
            result.metadata = Masked(value & mask, mask: mask)
        case 3, 4:
            try body.skip(4)
            var actions = try body.window(body.remaining, fault: .badActionLength)
            let list = try ActionCodec.read(&actions, .v13, match: match)
            guard list.metadata == nil else { throw .badActionVendorType }
            if type == 3 { result.write = list.actions } else { result.apply = list.actions }
        case 5: result.clearsActionSet = true
        case 6: throw .invalidMeter
        case 0xffff: throw .badInstructionExperimenter
        default: throw .unknownInstruction
        }
    }

    static func write13(
        _ instructions: Instructions, match: Match, to writer: inout OctetWriter
    ) {
        func list(_ type: UInt16, _ actions: [Action]) {
            ActionCodec.write(type: type, to: &writer) {
                $0.zeros(4)
                ActionCodec.write(actions, .v13, match: match, to: &$0)
            }
        }
        if !instructions.apply.isEmpty { list(4, instructions.apply) }
        if instructions.clearsActionSet {
            ActionCodec.write(type: 5, to: &writer) { $0.zeros(4) }
        }
        if !instructions.write.isEmpty { list(3, instructions.write) }
        if let metadata = instructions.metadata {
            ActionCodec.write(type: 2, to: &writer) {
                $0.zeros(4)
                $0.u64(metadata.value)
                $0.u64(metadata.mask)
            }
        }
        if let table = instructions.gotoTable {
            ActionCodec.write(type: 1, to: &writer) { $0.u8(table) }
        }
    }

    static func read10(
        _ reader: inout OctetReader, match: Match
    ) throws(OpenFlowErrorCode) -> Instructions {
        let list = try ActionCodec.read(&reader, .v10, match: match)
        return Instructions(apply: list.actions, metadata: list.metadata)
    }

    /// 1.0 has no action set: what would be written to it is left out. Going on to a table is a
    /// resubmit there, as in Open vSwitch.
    static func write10(
        _ instructions: Instructions, match: Match, to writer: inout OctetWriter
    ) {
        ActionCodec.write(instructions.apply, .v10, match: match, to: &writer)
        if let metadata = instructions.metadata {
            ActionCodec.writeNicira(metadata: metadata, to: &writer)
        }
        if let table = instructions.gotoTable {
            ActionCodec.writeNicira(.resubmit(inPort: nil, table: table), to: &writer)
        }
    }
}
