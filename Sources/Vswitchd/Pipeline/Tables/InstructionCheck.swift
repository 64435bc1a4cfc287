import Flows
import OpenFlow

// What a rule may do is checked when it is added, so that translation never meets an action that it
// cannot carry out half-way through a packet.

enum InstructionCheck {
    static func check(
        _ instructions: Instructions, table: UInt8
    ) throws(FlowModError) {
        if let next = instructions.gotoTable, next <= table {
            throw .badGotoTable(next)
        }
        for action in instructions.apply { try check(action) }
        for action in instructions.write { try checkInSet(action) }
        try checkConjunction(instructions)
        try checkNesting(instructions.apply, depth: 0)
    }

    /// A clause is no answer, so that nothing but notes may stand beside it.
    private static func checkConjunction(_ instructions: Instructions) throws(FlowModError) {
        func isClause(_ action: Action) -> Bool {
            if case .conjunction = action { true } else { false }
        }
        guard instructions.apply.contains(where: isClause) else { return }
        let others = instructions.apply.filter { action in
            if case .note = action { return false }
            return !isClause(action)
        }
        guard others.isEmpty, instructions.write.isEmpty, instructions.gotoTable == nil,
            instructions.metadata == nil
        else { throw .badConjunction }
    }

    private static func checkNesting(_ list: [Action], depth: Int) throws(FlowModError) {
        guard depth <= Limits.clones else { throw .badArgument(what: "clones nest too deep") }
        for case .clone(let inner) in list { try checkNesting(inner, depth: depth + 1) }
    }

    /// An action of a set, or of a bucket.
    static func checkInSet(_ action: Action) throws(FlowModError) {
        try check(action)
        guard action.mayBeWritten else {
            throw .badArgument(what: "an action set has no such action")
        }
    }

    static func check(_ action: Action) throws(FlowModError) {
        if case .conntrack = action { throw .noConnectionTracking }
        if let name = action.unsupportedName { throw .unsupportedAction(name) }
        switch action {
        case .output(let port, _):
            guard port != .none else { throw .badOutputPort(port) }
        case .outputTruncated(let port, let byteCount):
            guard port <= .largest || port == .local || port == .inPort else {
                throw .badOutputPort(port)
            }
            guard byteCount >= 14 else {
                throw .badArgument(what: "an Ethernet header has 14 bytes")
            }
        case .outputField(let range, _), .push(let range):
            try check(range, isWritten: false)
        case .pop(let range): try check(range, isWritten: true)
        case .setField(let field, let value, let mask):
            try checkWritable(field)
            guard field.canHold(value), field.canHold(mask) || mask == field.exactMask else {
                throw .badFieldRange(field.name)
            }
        case .setOwn(let field, let value):
            guard field.canHold(value) else { throw .badFieldRange(field.name) }
        case .load(let range, _):
            try check(range, isWritten: true)
        case .move(let source, let destination):
            try check(source, isWritten: false)
            try check(destination, isWritten: true)
            guard source.width == destination.width else {
                throw .badArgument(what: "move copies as many bits as it reads")
            }
        case .setVLANID, .setVLANPriority, .pushVLAN, .pushMPLS: try checkTag(action)
        case .resubmit(_, let table):
            guard table.map({ $0 < Limits.tables }) ?? true else {
                throw .badArgument(what: "tables end at 254")
            }
        case .learn(let learn): try check(learn)
        case .enqueue(let port, _):
            guard port <= .largest || port == .local || port == .inPort else {
                throw .badOutputPort(port)
            }
        default: try checkChoice(action)
        }
    }

    private static func checkTag(_ action: Action) throws(FlowModError) {
        switch action {
        case .setVLANID(let id):
            guard id <= VLANTag.idMask else { throw .badArgument(what: "VLAN ids end at 4095") }
        case .setVLANPriority(let priority):
            guard priority <= 7 else { throw .badArgument(what: "VLAN priorities end at 7") }
        case .pushVLAN(let tpid):
            guard tpid == 0x8100 || tpid == 0x88a8 else {
                throw .badArgument(what: "a VLAN tag has type 0x8100 or 0x88a8")
            }
        case .pushMPLS(let type):
            guard type == 0x8847 || type == 0x8848 else {
                throw .badArgument(what: "a label has type 0x8847 or 0x8848")
            }
        default: break
        }
    }

    private static func checkChoice(_ action: Action) throws(FlowModError) {
        switch action {
        case .multipath(let multipath):
            try check(multipath.destination, isWritten: true)
            let width = multipath.destination.width
            guard width >= 16 || Int(multipath.maxLink) < 1 << width else {
                throw .badArgument(what: "the field does not hold the number of a link")
            }
        case .bundle(let bundle):
            guard bundle.members.allSatisfy({ $0 <= .largest || $0 == .local }) else {
                throw .badOutputPort(bundle.members.first { $0 > .largest } ?? .none)
            }
            if let destination = bundle.destination {
                try check(destination, isWritten: true)
                guard destination.width >= 16 else {
                    throw .badArgument(what: "a port number has 16 bits")
                }
            }
        case .conjunction(_, let clause, let count):
            guard (2...64).contains(count), clause < count else { throw .badConjunction }
        case .checkPacketLarger(_, let bit):
            try check(bit, isWritten: true)
            guard bit.width == 1 else { throw .badArgument(what: "the answer is one bit") }
        case .clone(let list): for action in list { try check(action) }
        case .controller(let controller):
            guard controller.userdata.count <= Limits.userdataByteCount else {
                throw .badArgument(what: "too much userdata")
            }
        default: break
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
