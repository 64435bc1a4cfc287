package import Flows
import OpenFlow
import Packets
import Pipeline
import Switching
import Timekeeping

// The pipeline told simply: every rule is tried in turn, every edit is made at once, every output
// notes the packet as it is. No masks, no caches, no commits. What the datapath would send with the
// translated actions must be the same packets by the same ports.

/// A packet that left, with its header as it was then. Port nil = to the controller.
package struct Sent: Equatable, CustomStringConvertible {
    package var port: UInt32?
    package var key: FlowKey

    package init(port: UInt32?, key: FlowKey) {
        self.port = port
        self.key = key
        (self.key.inPort, self.key.recirculationID, self.key.dpHash) = (0, 0, 0)
        // No port of these tests leads into a tunnel.
        self.key.copyTunnel(of: FlowKey())
    }

    /// The port and the words that are not zero.
    package var description: String {
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
    /// Its TTL would become 0: the rest of the rule is left out.
    var diedOfAge = false
    /// What comparisons with the packet's length say, in turn; the last for all that follow.
    var comparisons = [false]
    var comparisonCount = 0
    var stack: [UInt128] = []
    /// What stands behind labels.
    var buried = PretendedDatapath.hidden

    init(_ model: ForwardingModel, _ packet: FlowKey) {
        self.model = model
        rules = model[bridge: 0].tables.descriptions(matching: FlowFilter(), now: .start)
        key = PipelineKey(packet)
        key.packet.inPort = packet.inPort - 10
    }

    /// What the packet becomes; nil: it cannot be done, and nothing is sent.
    static func run(
        _ model: ForwardingModel, _ packet: FlowKey, isLong: Bool = false
    ) -> [Sent]? {
        var twin = SlowTwin(model, packet)
        twin.comparisons = [isLong]
        twin.run()
        return twin.failed ? nil : twin.sent
    }

    /// Whether a packet of some length, or one whose length edits carry over a limit, cannot be
    /// done. Then none is, since both outcomes of a comparison are parts of one translation, as in
    /// Open vSwitch.
    static func mayFail(
        _ model: ForwardingModel, _ packet: FlowKey, after outcomes: [Bool] = []
    ) -> Bool {
        var twin = SlowTwin(model, packet)
        twin.comparisons = outcomes + [false]
        twin.run()
        if twin.failed { return true }
        // More would nest too many lists, which the translation says.
        for count in outcomes.count..<max(outcomes.count, min(twin.comparisonCount, 8)) {
            let others = outcomes + Array(repeating: false, count: count - outcomes.count) + [true]
            if mayFail(model, packet, after: others) { return true }
        }
        return false
    }

    private mutating func run() {
        let normal = model[bridge: 0].normal
        let ingress = normal.port(ofMember: UInt16(key.packet.inPort))
        if let ingress, normal.mirrors.contains(where: { $0.output == .port(ingress.id) }) {
            return
        }
        mirror(UInt16(key.packet.inPort), arriving: true)
        table(0)
        exited = false
        let sends = set.contains { if case .output = $0 { true } else { false } }
        if sends { run(setInOrder(), table: 0) }
    }

    private mutating func compare() -> Bool {
        defer { comparisonCount += 1 }
        return comparisons[min(comparisonCount, comparisons.count - 1)]
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
        run(found.instructions.apply, table: number)
        let endsRule = diedOfAge
        diedOfAge = false
        guard !exited, !failed, !endsRule else { return }
        set += found.instructions.write
        if let metadata = found.instructions.metadata {
            key.metadata = key.metadata & ~metadata.mask | metadata.value & metadata.mask
        }
        if let next = found.instructions.gotoTable { table(next) }
    }

    /// Until the rule ends, the packet may not go on, or nothing can be done.
    private mutating func run(_ actions: [Action], table number: UInt8) {
        for action in actions where !exited && !failed && !diedOfAge {
            resetMirrors(action)
            act(action, table: number)
        }
    }

    private mutating func send(_ port: UInt16) {
        guard (1...4).contains(port) else { return }
        let normal = model[bridge: 0].normal
        let inPort = UInt16(truncatingIfNeeded: key.packet.inPort)
        let ends = [port, inPort].map { normal.port(ofMember: $0)?.isProtected == true }
        guard ends != [true, true] else { return }
        sent.append(Sent(port: UInt32(port) + 10, key: key.packet))
        mirror(port, arriving: false)
    }

    /// Destinations that have a copy of the packet as it is.
    private var mirrored: Set<Mirror.Output> = []

    /// Copies the packet for each mirror of the port whose destination has no copy of it yet.
    private mutating func mirror(_ number: UInt16, arriving: Bool) {
        let normal = model[bridge: 0].normal
        guard let port = normal.port(ofMember: number),
            let stack = port.vlan.stack(of: VLANStack(tags))
        else { return }
        for mirror in normal.mirrors {
            let ports = arriving ? mirror.sources : mirror.destinations
            guard ports.contains(port.id), !mirrored.contains(mirror.output),
                mirror.vlans?.contains(stack.vlan) ?? true
            else { continue }
            mirrored.insert(mirror.output)
            switch mirror.output {
            case .port(let id): sendTagged(stack, by: id)
            case .vlan(let vlan):
                guard stack.vlan != vlan, !key.packet.ethDst.isReservedForBridges else { continue }
                var other = stack
                other.outer.id = vlan
                for out in normal.ports where !normal.isMirrorOutput(out.id) {
                    if out.vlan.carries(other) { sendTagged(other, by: out.id) }
                }
            }
        }
    }

    private mutating func sendTagged(_ stack: VLANStack, by id: SwitchPort.ID) {
        guard let port = model[bridge: 0].normal.port(id: id), let member = port.members.first
        else { return }
        let before = key
        setTags(port.tags(of: stack, enteredWith: key.packet.vlan0TCI))
        send(member)
        key = before
    }

    /// The packet's tags.
    private var tags: [FrameTag] {
        [(key.packet.vlan0TPID, key.packet.vlan0TCI), (key.packet.vlan1TPID, key.packet.vlan1TCI)]
            .filter { $0.1 != 0 }.map { FrameTag(tpid: $0.0, tci: $0.1) }
    }

    /// Replaces them.
    private mutating func setTags(_ tags: [FrameTag]) {
        for _ in self.tags { pop() }
        for tag in tags.reversed() { push(tag.tpid, tag.tci) }
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
            guard has(.nwTTL) else { return }
            guard key.packet.nwTTL > 1 else {
                sent.append(Sent(port: nil, key: key.packet))
                diedOfAge = true
                return
            }
            key.packet.nwTTL -= 1
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
                twin.run(list, table: number8)
            }
        case .checkPacketLarger(_, let range): write(range, compare() ? 1 : 0)
        case .outputTruncated(let port, _):
            if UInt32(port.rawValue) != key.packet.inPort { send(port.rawValue) }
        case .enqueue(let port, let queue):
            let before = key.packet.priority
            key.packet.priority = PortTraffic.priority(ofQueue: queue)
            if UInt32(port.rawValue) != key.packet.inPort { send(port.rawValue) }
            key.packet.priority = before
        case .setQueue(let queue):
            key.packet.priority = PortTraffic.priority(ofQueue: queue)
        default: fatalError("the twin does not know \(action)")
        }
    }

    /// What is written makes another packet of it, for mirrors, even if the same stands there.
    private mutating func resetMirrors(_ action: Action) {
        switch action {
        case .setVLANID, .setVLANPriority, .stripVLAN, .pushVLAN, .decrementTTL: mirrored = []
        case .setField(.packetMark, _, _): break
        case .setField, .load: mirrored = []
        default: break
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
        var frame = NormalFrame(
            inPort: UInt16(packet.inPort), source: packet.ethSrc, destination: packet.ethDst,
            tags: tags, etherType: packet.ethType)
        if bridge.groups != nil, packet.ethDst.isMulticast, !packet.ethDst.isBroadcast {
            frame.multicast = kind(of: packet)
        }
        let decision = bridge.normal.decide(
            frame, table: bridge.macTable, groups: bridge.groups)
        for output in decision.outputs {
            let before = key
            setTags(output.tags)
            send(output.port)
            key = before
        }
    }

    private func kind(of packet: FlowKey) -> MulticastKind? {
        switch (packet.ethType, packet.nwProto, packet.tpSrc) {
        case (EtherType.ipv4, IPProtocol.igmp, 0x12), (EtherType.ipv4, IPProtocol.igmp, 0x16),
            (EtherType.ipv4, IPProtocol.igmp, 0x17), (EtherType.ipv4, IPProtocol.igmp, 0x22):
            .report
        case (EtherType.ipv4, IPProtocol.igmp, _): .query
        case (EtherType.ipv4, _, _):
            packet.nwDst.bits & 0xffff_ff00 == 0xe000_0000
                ? .local : .data(IPv6Address(mapping: packet.nwDst))
        case (EtherType.ipv6, IPProtocol.icmpv6, 130): .query
        case (EtherType.ipv6, IPProtocol.icmpv6, 131), (EtherType.ipv6, IPProtocol.icmpv6, 132),
            (EtherType.ipv6, IPProtocol.icmpv6, 143):
            .report
        case (EtherType.ipv6, _, _):
            "\(packet.ipv6Dst)" == "ff02::1" ? .local : .data(packet.ipv6Dst)
        default: nil
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
        (exited, diedOfAge) = (false, false)
    }

    private mutating func group(_ number: UInt32, table: UInt8) {
        let tables = model[bridge: 0].tables
        guard let group = tables.groups[number] else { return }
        let chosen = group.type == .all ? group.buckets : Array(group.buckets.prefix(1))
        for bucket in chosen {
            onCopy { twin in
                let fields = bucket.actions.filter { !$0.isOutput }
                twin.run(fields + bucket.actions.filter(\.isOutput).suffix(1), table: table)
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
