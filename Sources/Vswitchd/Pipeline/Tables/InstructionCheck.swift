import Flows
import OpenFlow

// What a rule may do is checked when it is added, so that translation never meets an action that it
// cannot carry out half-way through a packet.

enum InstructionCheck {
    static func check(
        _ instructions: Instructions, table: UInt8
    ) throws(FlowModError) {
        if let next = instructions.gotoTable, next <= table || next >= Limits.tables {
            throw .badGotoTable(next)
        }
        // Meters come with the groups: see `Action.unsupportedName`.
        guard instructions.meter == nil else { throw .unsupportedAction("meter") }
        for action in instructions.apply { try check(action) }
        for action in instructions.write { try check(action) }
    }

    static func check(_ action: Action) throws(FlowModError) {
        if let name = action.unsupportedName { throw .unsupportedAction(name) }
        switch action {
        case .output(let port, _):
            guard port != .none else { throw .badOutputPort(port) }
        case .outputField(let range, _):
            try check(range, isWritten: false)
        case .setField(let field, let value, let mask):
            try checkWritable(field)
            guard field.canHold(value), field.canHold(mask) || mask == field.exactMask else {
                throw .badFieldRange(field.name)
            }
        case .load(let range, _):
            try check(range, isWritten: true)
        case .move(let source, let destination):
            try check(source, isWritten: false)
            try check(destination, isWritten: true)
            guard source.width == destination.width else {
                throw .badArgument(what: "move copies as many bits as it reads")
            }
        case .setVLANID(let id):
            guard id <= VLANTag.idMask else { throw .badArgument(what: "VLAN ids end at 4095") }
        case .setVLANPriority(let priority):
            guard priority <= 7 else { throw .badArgument(what: "VLAN priorities end at 7") }
        case .pushVLAN(let tpid):
            guard tpid == 0x8100 || tpid == 0x88a8 else {
                throw .badArgument(what: "a VLAN tag has type 0x8100 or 0x88a8")
            }
        case .resubmit(_, let table):
            guard table.map({ $0 < Limits.tables }) ?? true else {
                throw .badArgument(what: "tables end at 254")
            }
        case .learn(let learn):
            try check(learn)
        case .enqueue(let port, _):
            guard port <= .largest || port == .local || port == .inPort else {
                throw .badOutputPort(port)
            }
        default:
            break
        }
    }

    private static func check(_ learn: LearnAction) throws(FlowModError) {
        guard learn.table < Limits.tables else {
            throw .badArgument(what: "tables end at 254")
        }
        for spec in learn.specs {
            let width: Int
            switch spec.source {
            case .field(let range):
                try check(range, isWritten: false)
                width = range.width
            case .immediate(_, let bits):
                width = bits
            }
            switch spec.destination {
            case .match(let range):
                try check(range, isWritten: false)
                guard range.width == width else { throw .badFieldRange(range.field.name) }
            case .load(let range):
                try check(range, isWritten: true)
                guard range.width == width else { throw .badFieldRange(range.field.name) }
            case .output:
                break
            }
        }
    }

    private static func check(_ range: FieldRange, isWritten: Bool) throws(FlowModError) {
        let field = range.field
        guard range.offset >= 0, range.width > 0, range.width <= field.width,
            range.offset <= field.width - range.width
        else { throw .badFieldRange(field.name) }
        if isWritten { try checkWritable(field) }
    }

    private static func checkWritable(_ field: FlowField) throws(FlowModError) {
        guard field.isWritable else { throw .fieldNotWritable(field.name) }
    }
}
