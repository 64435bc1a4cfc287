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
        (self.key.inPort, self.key.recirculationID, self.key.dpHash) = (0, 0, 0)
        // No port of these tests leads into a tunnel.
        self.key.copyTunnel(of: FlowKey())
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
    var isLong = false
    var stack: [UInt128] = []
    /// What stands behind labels.
    var buried = PretendedDatapath.hidden

    init(_ model: ForwardingModel, _ packet: FlowKey) {
        self.model = model
        rules = model[bridge: 0].tables.descriptions(matching: FlowFilter(), now: .start)
        key = PipelineKey(packet)
        key.packet.inPort = packet.inPort - 10
    }

    static func run(
        _ model: ForwardingModel, _ packet: FlowKey, isLong: Bool = false
    ) -> [Sent] {
        var twin = SlowTwin(model, packet)
        twin.isLong = isLong
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

    private mutating func act(_ action: Action, table number8: UInt8) {
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
        case .resubmit(_, let next): table(next ?? number8)
        case .exit: exited = true
        case .push(let range):
            stack.append(has(range.field) ? read(range) : 0)
        case .pop(let range):
            guard let value = stack.popLast(), has(range.field) else { return }
            write(range, value)
        case .pushMPLS(let type): pushLabel(type)
        case .popMPLS(let type): popLabel(type)
        case .group(let number): group(number, table: number8)
        case .clone(let list):
            onCopy { twin in
                for action in list where !twin.exited { twin.act(action, table: number8) }
            }
        case .checkPacketLarger(_, let range): write(range, isLong ? 1 : 0)
        case .outputTruncated(let port, _):
            if UInt32(port.rawValue) != key.packet.inPort { send(port.rawValue) }
        case .enqueue(let port, let queue):
            let before = key.packet.priority
            key.packet.priority = queue
            if UInt32(port.rawValue) != key.packet.inPort { send(port.rawValue) }
            key.packet.priority = before
        case .setQueue(let queue): key.packet.priority = queue
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

// Labels, groups and clones.

extension SlowTwin {
    private func read(_ range: FieldRange) -> UInt128 {
        range.field.read(key).bits >> UInt128(range.offset) & FieldValue.ones(range.width).bits
    }

    private mutating func write(_ range: FieldRange, _ value: UInt128) {
        let ones = FieldValue.ones(range.width).bits
        range.field.write(
            FieldValue(bits: (value & ones) << UInt128(range.offset)),
            mask: FieldValue(bits: ones << UInt128(range.offset)), into: &key)
    }

    private mutating func onCopy(_ body: (inout SlowTwin) -> Void) {
        let before = (key, set, stack, buried)
        body(&self)
        (key, set, stack, buried) = before
        exited = false
    }

    private mutating func group(_ number: UInt32, table: UInt8) {
        let tables = model[bridge: 0].tables
        guard let group = tables.groups[number] else { return }
        let chosen = group.type == .all ? group.buckets : Array(group.buckets.prefix(1))
        for bucket in chosen {
            onCopy { twin in
                let fields = bucket.actions.filter { !$0.isOutput }
                for action in fields + bucket.actions.filter(\.isOutput).suffix(1) {
                    twin.act(action, table: table)
                }
            }
        }
    }

    private mutating func pushLabel(_ type: UInt16) {
        var packet = PretendedDatapath.Packet(key: key.packet, buried: buried)
        let isFirst = key.packet.ethType != 0x8847
        var entry = key.packet.mpls0 & ~0x100
        if isFirst {
            let isIP = [0x0800, 0x86dd].contains(key.packet.ethType)
            entry = key.packet.ethType == 0x86dd ? 0x2100 : 0x100
            entry |= isIP ? UInt32(key.packet.nwTTL) : 64
            entry |= isIP ? (UInt32(key.packet.nwTOS >> 2) & 7) << 9 : 0
        } else if key.packet.mpls2 != 0 {
            failed = true
        }
        packet.push(type, entry)
        (key.packet, buried) = (packet.key, packet.buried)
    }

    private mutating func popLabel(_ type: UInt16) {
        guard key.packet.ethType == 0x8847 else { return }
        if type == 0x8847, key.packet.mpls0 & 0x100 != 0 { failed = true }
        var packet = PretendedDatapath.Packet(key: key.packet, buried: buried)
        packet.pop(type)
        key.packet = packet.key
    }
}

extension Action {
    fileprivate var isOutput: Bool { if case .output = self { true } else { false } }
}
