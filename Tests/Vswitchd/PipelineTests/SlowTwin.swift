import Flows
import OpenFlow
import Packets
import Pipeline
import Switching
import Testing

// The pipeline told simply: every rule is tried in turn, every edit is made at once, every output
// notes the packet as it is. No masks, no caches, no commits. What the datapath would send with the
// translated actions must be the same packets by the same ports.

/// A packet that left, with its header as it was then. Port nil = to the controller.
struct Sent: Equatable, CustomStringConvertible {
    var port: UInt32?
    var key: FlowKey

    init(port: UInt32?, key: FlowKey) {
        self.port = port
        self.key = key
        self.key.inPort = 0
    }

    /// The port and the words that are not zero.
    var description: String {
        let words = (0..<FlowKey.wordCount).filter { key[word: $0] != 0 }
            .map { "\($0)=\(hexadecimal(key[word: $0]))" }
        return "\(port ?? 0):" + words.joined(separator: ",")
    }
}

struct SlowTwin {
    let model: ForwardingModel
    let rules: [FlowDescription]
    var key: PipelineKey
    var set: [Action] = []
    var sent: [Sent] = []
    var exited = false
    var failed = false

    init(_ model: ForwardingModel, _ packet: FlowKey) {
        self.model = model
        rules = model[bridge: 0].tables.descriptions(matching: FlowFilter(), now: .start)
        key = PipelineKey(packet)
        key.packet.inPort = packet.inPort - 10
    }

    static func run(_ model: ForwardingModel, _ packet: FlowKey) -> [Sent] {
        var twin = SlowTwin(model, packet)
        twin.table(0)
        if !twin.set.isEmpty {
            twin.exited = false
            let sends = twin.set.contains {
                if case .output = $0 { true } else { false }
            }
            if sends { for action in twin.setInOrder() { twin.act(action, table: 0) } }
        }
        return twin.failed ? [] : twin.sent
    }

    /// Only what these tests write: fields, then the last output.
    private func setInOrder() -> [Action] {
        let outputs = set.filter { if case .output = $0 { true } else { false } }
        let fields = set.filter { if case .output = $0 { false } else { true } }
        return fields + outputs.suffix(1)
    }

    mutating func table(_ number: UInt8) {
        let found = rules.filter { $0.table == number && $0.match.matches(key) }
            .max { $0.priority < $1.priority }
        guard let found, !exited, !failed else { return }
        for action in found.instructions.apply where !exited && !failed {
            act(action, table: number)
        }
        guard !exited, !failed else { return }
        set += found.instructions.write
        if let metadata = found.instructions.metadata {
            key.metadata = key.metadata & ~metadata.mask | metadata.value & metadata.mask
        }
        if let next = found.instructions.gotoTable { table(next) }
    }

    private mutating func send(_ port: UInt16) {
        guard (1...4).contains(port) else { return }
        sent.append(Sent(port: UInt32(port) + 10, key: key.packet))
    }

    private func has(_ field: FlowField) -> Bool {
        var all = PipelineMask()
        for index in 0..<PipelineMask.wordCount { all[word: index] = ~0 }
        let isTransport = [.tcp, .udp, .sctp].contains(field.prerequisite)
        if isTransport, key.packet.nwFrag & Fragment.later != 0 { return false }
        return field.hasPrerequisites(key: key, mask: all)
    }

    private mutating func act(_ action: Action, table number: UInt8) {
        switch action {
        case .output(.inPort, _): send(UInt16(key.packet.inPort))
        case .output(.flood, _):
            for port in UInt16(1)...4 where UInt32(port) != key.packet.inPort { send(port) }
        case .output(.normal, _): normal()
        case .output(let port, _):
            if UInt32(port.rawValue) != key.packet.inPort { send(port.rawValue) }
        case .controller: sent.append(Sent(port: nil, key: key.packet))
        case .setField(let field, let value, let mask):
            if has(field) { field.write(value, mask: mask, into: &key) }
        case .load(let range, _):
            guard let write = action.fieldWrite, has(range.field) else { return }
            write.field.write(write.value, mask: write.mask, into: &key)
        case .move(let source, let target):
            guard has(source.field), has(target.field) else { return }
            let ones = FieldValue.ones(source.width).bits
            let bits = source.field.read(key).bits >> UInt128(source.offset) & ones
            target.field.write(
                FieldValue(bits: bits << UInt128(target.offset)),
                mask: FieldValue(bits: ones << UInt128(target.offset)), into: &key)
        case .setVLANID(let id): tag { $0 & ~0xfff | id }
        case .setVLANPriority(let priority): tag { $0 & 0x1fff | UInt16(priority) << 13 }
        case .stripVLAN: pop()
        case .pushVLAN(let tpid):
            if key.packet.vlan1TCI != 0 { failed = true } else { push(tpid, 0x1000) }
        case .decrementTTL:
            if has(.nwTTL) { key.packet.nwTTL -= 1 }
        case .resubmit(_, let next): table(next ?? number)
        case .exit: exited = true
        default: Issue.record("the twin does not know \(action)")
        }
    }

    private mutating func tag(_ change: (UInt16) -> UInt16) {
        if key.packet.vlan0TCI == 0 { key.packet.vlan0TPID = 0x8100 }
        key.packet.vlan0TCI = change(key.packet.vlan0TCI) | 0x1000
    }

    private mutating func pop() {
        (key.packet.vlan0TPID, key.packet.vlan0TCI) = (key.packet.vlan1TPID, key.packet.vlan1TCI)
        (key.packet.vlan1TPID, key.packet.vlan1TCI) = (0, 0)
    }

    private mutating func push(_ tpid: UInt16, _ tci: UInt16) {
        (key.packet.vlan1TPID, key.packet.vlan1TCI) = (key.packet.vlan0TPID, key.packet.vlan0TCI)
        (key.packet.vlan0TPID, key.packet.vlan0TCI) = (tpid, tci)
    }

    private mutating func normal() {
        let bridge = model[bridge: 0]
        let packet = key.packet
        let frame = NormalFrame(
            inPort: UInt16(packet.inPort), source: packet.ethSrc, destination: packet.ethDst,
            tci: packet.vlan0TCI, etherType: packet.ethType)
        for output in bridge.normal.decide(frame, table: bridge.macTable).outputs {
            let before = key
            switch (key.packet.vlan0TCI != 0, output.tci != 0) {
            case (true, true): key.packet.vlan0TCI = output.tci
            case (true, false): pop()
            case (false, true): push(0x8100, output.tci)
            case (false, false): break
            }
            send(output.port)
            key = before
        }
    }
}

/// What a datapath sends when it carries out `actions` on a packet with `key`.
func replay(_ actions: [DatapathAction], on key: FlowKey) -> [Sent] {
    var key = key
    var sent: [Sent] = []
    for action in actions {
        switch action {
        case .output(let port): sent.append(Sent(port: port, key: key))
        case .userspace: sent.append(Sent(port: nil, key: key))
        case .popVLAN:
            (key.vlan0TPID, key.vlan0TCI) = (key.vlan1TPID, key.vlan1TCI)
            (key.vlan1TPID, key.vlan1TCI) = (0, 0)
        case .pushVLAN(let tpid, let tci):
            (key.vlan1TPID, key.vlan1TCI) = (key.vlan0TPID, key.vlan0TCI)
            (key.vlan0TPID, key.vlan0TCI) = (tpid, tci)
        case .set(let rewrite): key = rewrite.applied(to: key)
        case .hash(let algorithm, let basis): key.dpHash = key.hash(algorithm, basis: basis)
        case .truncate, .drop: break
        default: Issue.record("the twin does not know \(action)")
        }
    }
    return sent
}
