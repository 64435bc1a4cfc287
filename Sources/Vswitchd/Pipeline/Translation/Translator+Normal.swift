import Flows
import OpenFlow
import Packets
import Switching

// The NORMAL action: what the packet is to `NormalSwitch`, and its decision carried out.

extension Translator {
    mutating func sendNormally() {
        guard let here = model.bridge(bridge) else { return }
        mask.packet.ethSrc = .broadcast
        mask.packet.ethDst = .broadcast
        let tags = readTags()
        let isFromController = inPort == .controller || inPort == .none
        var frame = NormalFrame(
            inPort: isFromController ? nil : inPort.rawValue, source: key.packet.ethSrc,
            destination: key.packet.ethDst, tags: tags, etherType: key.packet.ethType,
            isGratuitousARP: isGratuitousARP(in: here))
        frame.multicast = multicastKind(in: here)
        let decision = here.decide(frame)
        noteLessons(of: decision)
        if witness.isListening {
            witness.decidedNormal(decision, in: here, depth: depth)
        }
        guard decision.end == .forwarded else {
            drop(decision.end, "NORMAL: \(decision.refusal?.rawValue ?? decision.end.name)")
            return
        }
        for output in decision.outputs {
            send(output, vlan: decision.vlan, in: here)
            guard failure == nil else { return }
        }
    }

    private mutating func noteLessons(of decision: NormalDecision) {
        if let learning = decision.learning {
            note(.learnMAC(bridge: bridge, key: learning.key, port: learning.port))
            if learning.isHeld { note(.holdMAC(bridge: bridge, key: learning.key)) }
        }
        if let port = decision.snooper {
            note(.snoop(bridge: bridge, port: port, vlan: decision.vlan))
        }
    }

    /// The packet's tags, outer first. Looks at no bit by itself.
    var tags: [FrameTag] {
        let packet = key.packet
        guard packet.vlan0TCI & VLANTag.present != 0 else { return [] }
        let outer = FrameTag(tpid: packet.vlan0TPID, tci: packet.vlan0TCI)
        guard packet.vlan1TCI & VLANTag.present != 0 else { return [outer] }
        return [outer, FrameTag(tpid: packet.vlan1TPID, tci: packet.vlan1TCI)]
    }

    /// The same, now looked at.
    mutating func readTags() -> [FrameTag] {
        mask.packet.vlan0TCI = .max
        if model.vlanLimit > 1 { lookAtTags() }
        return tags
    }

    /// Sends a copy as `output` says; the packet itself stays as it is.
    mutating func send(
        _ output: NormalDecision.Output, vlan: UInt16, in here: ForwardingBridge
    ) {
        guard let way = way(of: output, vlan: vlan, in: here) else { return }
        // Nothing is edited, and nothing is to be put back.
        guard output.tags != tags else { return send(way) }
        let before = key
        defer { key = before }
        lookAtTags()
        key.packet.setTags(output.tags)
        send(way)
    }

    /// What the packet is to multicast snooping. RFC 4541 §2.1, and §3 for IPv6.
    private mutating func multicastKind(in here: ForwardingBridge) -> MulticastKind? {
        guard key.packet.ethDst.isMulticast, !key.packet.ethDst.isBroadcast, here.groups != nil
        else { return nil }
        let packet = key.packet
        switch packet.ethType {
        case EtherType.ipv4:
            mask.packet.nwProto = .max
            if packet.nwProto == IPProtocol.igmp {
                mask.packet.tpSrc = .max
                return message(isReport: [0x12, 0x16, 0x17, 0x22].contains(packet.tpSrc))
            }
            mask.packet.nwDst = IPv4Address(bits: .max)
            let isLocal = packet.nwDst.bits >> 8 == 0xe0_0000
            return isLocal ? .local : .data(IPv6Address(mapping: packet.nwDst))
        case EtherType.ipv6:
            mask.packet.nwProto = .max
            if packet.nwProto == IPProtocol.icmpv6 {
                mask.packet.tpSrc = .max
                if packet.tpSrc == 130 { return message(isReport: false) }
                if [131, 132, 143].contains(packet.tpSrc) { return message(isReport: true) }
            }
            mask.packet.ipv6Dst = IPv6Address(high: .max, low: .max)
            let isLocal = packet.ipv6Dst == IPv6Address(high: 0xff02 << 48, low: 1)
            return isLocal ? .local : .data(packet.ipv6Dst)
        default:
            return nil
        }
    }

    /// The switch reads it each time: a cached flow would keep it from that.
    private mutating func message(isReport: Bool) -> MulticastKind {
        mustBeRead = true
        return isReport ? .report : .query
    }
}

extension FlowKey {
    /// Replaces all tags that the key knows by at most two others.
    mutating func setTags(_ tags: [FrameTag]) {
        let (outer, inner) = (tags.first, tags.dropFirst().first)
        (vlan0TPID, vlan0TCI) = (outer?.tpid ?? 0, outer?.tci ?? 0)
        (vlan1TPID, vlan1TCI) = (inner?.tpid ?? 0, inner?.tci ?? 0)
    }
}
