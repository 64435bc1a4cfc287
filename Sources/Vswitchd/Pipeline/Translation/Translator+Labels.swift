import Flows
import OpenFlow
import Packets
import Switching

// MPLS label stacks (RFC 3032), and what lies behind them.
//
// A key knows three labels. Pushing the first one hides the network layer: its fields are gone from
// the key. Popping the last one brings it back, but nobody has looked at it: before the next action
// that needs it, the packet goes once more through the datapath.

extension Translator {
    private static var bottomOfStack: UInt32 { 0x100 }
    private static var labelCountMax: Int { 3 }

    /// Looks at all of the stack. Returns how many labels it has, of those that a key knows.
    private mutating func labelCount() -> Int {
        guard key.packet.hasLabels else { return 0 }
        if original.hasLabels {
            (mask.packet.mpls0, mask.packet.mpls1, mask.packet.mpls2) = (.max, .max, .max)
        }
        return key.packet.labelCount
    }

    mutating func pushLabel(_ ethType: UInt16) {
        let count = labelCount()
        guard count < Self.labelCountMax else {
            fail(.invalidAction, "push_mpls on a packet with \(count) labels")
            return
        }
        guard count == 0 else {
            key.packet.mpls2 = key.packet.mpls1
            key.packet.mpls1 = key.packet.mpls0
            key.packet.mpls0 &= ~Self.bottomOfStack
            key.packet.ethType = ethType
            return
        }
        // What was changed behind the label must be written down while it can be reached.
        commitEdits()
        let isVersion6 = key.packet.ethType == EtherType.ipv6
        var entry: UInt32 = (isVersion6 ? 2 : 0) << 12 | Self.bottomOfStack | 64
        if isVersion6 || key.packet.ethType == EtherType.ipv4 {
            (mask.packet.nwTTL, mask.packet.nwTOS) = (.max, mask.packet.nwTOS | 0xfc)
            let trafficClass = UInt32(key.packet.nwTOS >> 2) & 7
            entry = entry & ~0xff | UInt32(key.packet.nwTTL) | trafficClass << 9
        }
        buried = sent
        key.packet.copyNetworkLayer(of: FlowKey())
        sent.copyNetworkLayer(of: FlowKey())
        key.packet.ethType = ethType
        key.packet.mpls0 = entry
    }

    mutating func popLabel(_ ethType: UInt16) {
        let count = labelCount()
        guard count > 0 else { return }
        let isBottom = key.packet.mpls0 & Self.bottomOfStack != 0
        let leadsToLabels = ethType == EtherType.mpls || ethType == EtherType.mplsMulticast
        guard count < Self.labelCountMax || key.packet.mpls2 & Self.bottomOfStack != 0,
            !isBottom || !leadsToLabels
        else {
            fail(.invalidAction, "pop_mpls to what this label stack does not show")
            return
        }
        if count == sent.labelCount + 1, ethType != sent.ethType {
            // The label of a push that is not written down yet: the frame would keep its type.
            commitEdits()
        }
        if !isBottom, !leadsToLabels {
            // One label goes, and those behind it become payload.
            commitEdits()
            append(.popMPLS(etherType: ethType))
            sent.setLabels([])
            sent.ethType = ethType
            key.packet.setLabels([])
        } else {
            key.packet.setLabels(Array(key.packet.labels.dropFirst()))
        }
        key.packet.ethType = ethType
        hasPoppedLabels = hasPoppedLabels || !leadsToLabels
    }

    /// Whether `action` asks for what stood behind labels that were taken away. NORMAL does if the
    /// bridge reads group memberships, or lets gratuitous ARP move addresses between bonds.
    func looksBehindLabels(_ action: Action) -> Bool {
        guard hasPoppedLabels else { return false }
        if action.needsNetworkLayer { return true }
        switch action {
        case .output(.normal, _), .outputField:
            guard let here = model.bridge(bridge) else { return false }
            return here.groups != nil
                || here.bonds.values.contains { $0.settings.mode == .balanceSLB }
        case .group(let number):
            guard let group = model.bridge(bridge)?.tables.groups[number], group.type == .select
            else { return false }
            if case .fields = SelectionMethod(group.selection) { return true }
            return false
        default: return false
        }
    }

    /// Returns false if the rest of the rule is not to be carried out.
    mutating func decrementLabelTTL() -> Bool {
        guard key.packet.hasLabels else { return true }
        mask.packet.mpls0 |= 0xff
        let ttl = key.packet.mpls0 & 0xff
        guard ttl > 1 else {
            sendToController(ControllerAction(reason: .invalidTTL))
            return false
        }
        key.packet.mpls0 = key.packet.mpls0 & ~0xff | (ttl - 1)
        return true
    }

    /// Writes down what differs between the label stacks, but for the outermost label alone, which
    /// the header's own rewrite does.
    mutating func commitLabels(_ wanted: FlowKey) {
        let old = sent.labels
        let new = wanted.labels
        guard old.count != new.count || old.dropFirst() != new.dropFirst() else { return }
        var common = 0
        while common < min(old.count, new.count),
            old[old.count - 1 - common] == new[new.count - 1 - common]
        { common += 1 }
        var left = old.count
        while left > common {
            if left - 1 == common, new.count > common {
                append(.set(.mpls(entry: Masked(new[new.count - left], mask: .max))))
                break
            }
            append(
                .popMPLS(
                    etherType: left > 1 && new.isEmpty ? EtherType.mpls : wanted.ethType))
            left -= 1
        }
        for entry in new.dropLast(left).reversed() {
            append(.pushMPLS(etherType: wanted.ethType, entry: entry))
        }
        sent.setLabels(new)
        sent.ethType = wanted.ethType
        if new.isEmpty, !hasPoppedLabels, let buried { sent.copyNetworkLayer(of: buried) }
    }
}

extension FlowKey {
    var hasLabels: Bool { ethType == EtherType.mpls || ethType == EtherType.mplsMulticast }

    /// Labels up to the bottom of the stack, or as many as a key knows.
    var labelCount: Int {
        guard hasLabels else { return 0 }
        if mpls0 & 0x100 != 0 { return 1 }
        return mpls1 & 0x100 != 0 ? 2 : 3
    }

    /// Outer first.
    var labels: [UInt32] { Array([mpls0, mpls1, mpls2].prefix(labelCount)) }

    mutating func setLabels(_ labels: [UInt32]) {
        mpls0 = labels.first ?? 0
        mpls1 = labels.count > 1 ? labels[1] : 0
        mpls2 = labels.count > 2 ? labels[2] : 0
    }

    /// Takes over all that stands behind the Ethernet header and its labels.
    mutating func copyNetworkLayer(of other: FlowKey) {
        (nwSrc, nwDst) = (other.nwSrc, other.nwDst)
        (ipv6Src, ipv6Dst, ipv6Label) = (other.ipv6Src, other.ipv6Dst, other.ipv6Label)
        (nwProto, nwTOS, nwTTL, nwFrag) = (other.nwProto, other.nwTOS, other.nwTTL, other.nwFrag)
        (tpSrc, tpDst, tcpFlags) = (other.tpSrc, other.tpDst, other.tcpFlags)
        (ndTarget, arpSHA, arpTHA) = (other.ndTarget, other.arpSHA, other.arpTHA)
    }
}

extension Action {
    /// Whether it reads or writes what stands behind the Ethernet header and its labels.
    var needsNetworkLayer: Bool {
        switch self {
        case .output, .outputField, .outputTruncated, .enqueue, .controller, .setVLANID,
            .setVLANPriority, .stripVLAN, .pushVLAN, .setQueue, .popQueue, .note, .exit, .group,
            .meter, .conjunction, .clone, .checkPacketLarger, .sample, .resubmit, .popMPLS,
            .decrementMPLSTTL, .conntrackClear:
            false
        case .push(let range), .pop(let range): range.field.isBehindLinkLayer
        case .setField(let field, _, _), .setOwn(let field, _): field.isBehindLinkLayer
        case .load(let range, _): range.field.isBehindLinkLayer
        case .move(let source, let destination):
            source.field.isBehindLinkLayer || destination.field.isBehindLinkLayer
        case .learn, .decrementTTL, .decrementTTLTelling, .multipath, .bundle, .pushMPLS,
            .finTimeout, .resubmitTracked, .conntrack, .nat, .encap, .decap, .decrementNSHTTL,
            .deleteField:
            true
        }
    }
}

extension FlowField {
    fileprivate var isBehindLinkLayer: Bool {
        switch prerequisite {
        case .none, .vlan, .mpls: false
        default: true
        }
    }
}
