public import Flows
import Packets

// What a datapath can do, found by offering it flows that no packet belongs to.
//
//     probe ──> OVS_FLOW_CMD_NEW with OVS_FLOW_ATTR_PROBE ──> taken, or refused
//
// Kernels differ in what their module knows, and no message lists it. So each thing that not every
// datapath can is tried, once, when a connection opens, with our own process as with a kernel. What
// was not tried yet, or was refused, does not go into a cached flow.

/// Something that not every datapath can do to a packet.
public enum DatapathFeature: UInt8, CaseIterable, Hashable, Sendable {
    /// Write some bits of a field.
    case maskedSet
    case setARP, setICMP, setICMPv6, setNeighbourDiscovery
    case mpls, decrementTTL, truncate, clone, checkLength, meter
    /// Hash and look up again.
    case recirculate
    /// A hash that is the same in both directions.
    case symmetricHash
    /// Say why a packet is dropped.
    case explicitDrop
    /// Look at a second VLAN tag.
    case twoTags

    fileprivate var bit: UInt32 { 1 << UInt32(rawValue) }
}

/// One question to a datapath.
public enum DatapathProbe: Hashable, Sendable {
    case feature(DatapathFeature)
    /// So many `sample` inside each other.
    case sampleNesting(Int)
    /// A key with so many MPLS labels.
    case mplsDepth(Int)

    /// All of them, in the order in which they are asked.
    public static let all: [DatapathProbe] =
        DatapathFeature.allCases.map { .feature($0) }
        + (1...DatapathMessageLimits.actionDepthMax).map { .sampleNesting($0) }
        + (1...3).map { .mplsDepth($0) }

    /// The flow that is offered. It would match at a port that cannot be, so that no packet meets
    /// it in the moment for which a kernel keeps it.
    public var flow: CachedFlow {
        var key = FlowKey()
        (key.inPort, key.ethType) = (65_534, 0x1234)
        key.ethSrc = MACAddress(bits: 0x0200_0000_0001)
        let actions: [DatapathAction]
        switch self {
        case .feature(let feature): actions = feature.probe(&key)
        case .sampleNesting(let depth):
            actions = (0..<depth).reduce([.output(port: 0)]) { inside, _ in
                [.sample(probability: 1 << 31, inside)]
            }
        case .mplsDepth(let depth):
            (key.ethType, key.mpls0) = (EtherType.mpls, depth == 1 ? 0x100 : 0)
            if depth >= 2 { key.mpls1 = depth == 2 ? 0x100 : 0 }
            if depth >= 3 { key.mpls2 = 0x100 }
            actions = [.output(port: 0)]
        }
        var mask = FlowMask()
        mask.ethSrc = .broadcast
        if case .mplsDepth(let depth) = self {
            mask.mpls0 = .max
            if depth >= 2 { mask.mpls1 = .max }
            if depth >= 3 { mask.mpls2 = .max }
        }
        return CachedFlow(key: key, mask: mask.wholeShape(of: key), actions: actions)
    }
}

extension DatapathFeature {
    /// Actions that need the feature, on packets like `key`, which is changed to suit them.
    fileprivate func probe(_ key: inout FlowKey) -> [DatapathAction] {
        let some = Masked(UInt8(8), mask: 0xff)
        switch self {
        case .maskedSet:
            let address = MACAddress(bits: 0x0200_0000_0000)
            return [
                .set(
                    .ethernet(
                        source: Masked(address, mask: address),
                        destination: Masked(.zero, mask: .zero)))
            ]
        case .setARP:
            key.ethType = EtherType.arp
            let untouched = Masked(IPv4Address(bits: 0), mask: IPv4Address(bits: 0))
            let noAddress = Masked(MACAddress.zero, mask: .zero)
            return [
                .set(
                    .arp(
                        source: untouched, target: untouched, operation: Masked(2, mask: 0xff),
                        sourceHardware: noAddress, targetHardware: noAddress))
            ]
        case .setICMP:
            (key.ethType, key.nwProto) = (EtherType.ipv4, IPProtocol.icmp)
            return [.set(.icmp(type: some, code: some))]
        case .setICMPv6:
            (key.ethType, key.nwProto) = (EtherType.ipv6, IPProtocol.icmpv6)
            return [.set(.icmpv6(type: some, code: some))]
        case .setNeighbourDiscovery:
            (key.ethType, key.nwProto, key.tpSrc) = (EtherType.ipv6, IPProtocol.icmpv6, 135)
            let target = IPv6Address(high: 1, low: 1)
            let noAddress = Masked(MACAddress.zero, mask: .zero)
            return [
                .set(
                    .neighbourDiscovery(
                        target: Masked(target, mask: IPv6Address(high: .max, low: .max)),
                        sourceLinkLayer: noAddress, targetLinkLayer: noAddress))
            ]
        case .mpls:
            key.ethType = EtherType.ipv4
            return [.pushMPLS(etherType: EtherType.mpls, entry: 0x140)]
        case .decrementTTL:
            key.ethType = EtherType.ipv4
            return [.decrementTTL(ifExpired: []), .output(port: 0)]
        case .truncate: return [.truncate(byteCount: 64), .output(port: 0)]
        case .clone: return [.clone([.output(port: 0)])]
        case .checkLength:
            return [.checkLength(byteCount: 100, ifGreater: [], otherwise: [.output(port: 0)])]
        case .meter: return [.meter(id: 1), .output(port: 0)]
        case .recirculate: return [.hash(.layer4, basis: 0), .recirculate(id: 1)]
        case .symmetricHash: return [.hash(.symmetricLayer4, basis: 0), .recirculate(id: 1)]
        case .explicitDrop: return [.drop(.droppedByRule)]
        case .twoTags:
            (key.vlan0TPID, key.vlan0TCI) = (EtherType.serviceVLAN, VLANTag.present | 1)
            (key.vlan1TPID, key.vlan1TCI) = (EtherType.vlan, VLANTag.present | 2)
            return [.output(port: 0)]
        }
    }
}

/// What a datapath can do, as far as it was asked.
public struct DatapathFeatures: Hashable, Sendable {
    /// Bit n: the feature with raw value n. Asked for each flow that is installed.
    private var features: UInt32 = 0
    public private(set) var sampleNesting = 0
    public private(set) var mplsDepth = 0

    /// Nothing was asked yet.
    public init() {}

    /// A datapath that can do everything there is a question for.
    public static let all: DatapathFeatures = {
        var features = DatapathFeatures()
        for probe in DatapathProbe.all { features.note(probe, isTaken: true) }
        return features
    }()

    /// Takes the answer to one question.
    public mutating func note(_ probe: DatapathProbe, isTaken: Bool) {
        guard isTaken else { return }
        switch probe {
        case .feature(let feature): features |= feature.bit
        case .sampleNesting(let depth): sampleNesting = max(sampleNesting, depth)
        case .mplsDepth(let depth): mplsDepth = max(mplsDepth, depth)
        }
    }

    public func has(_ feature: DatapathFeature) -> Bool { features & feature.bit != 0 }

    /// Whether `actions` may stand in a cached flow. Reasons of drops do not count: they can be
    /// left out (`spoken`).
    public func support(_ actions: [DatapathAction]) -> Bool { support(actions, sampleDepth: 0) }

    private func support(_ actions: [DatapathAction], sampleDepth: Int) -> Bool {
        actions.allSatisfy { action in
            var depth = sampleDepth
            if case .sample = action {
                depth += 1
                guard depth <= sampleNesting else { return false }
            }
            return action.needs.allSatisfy { has($0) }
                && action.nested.allSatisfy { support($0, sampleDepth: depth) }
        }
    }

    /// `actions` as the datapath understands them.
    public func spoken(_ actions: [DatapathAction]) -> [DatapathAction] {
        has(.explicitDrop) ? actions : actions.withoutDropReasons
    }
}

extension DatapathAction {
    /// What a datapath must be able to do for this action, lists inside of it left aside.
    fileprivate var needs: [DatapathFeature] {
        switch self {
        case .output, .userspace, .pushVLAN, .popVLAN, .sample, .drop: []
        case .pushMPLS, .popMPLS: [.mpls]
        case .decrementTTL: [.decrementTTL]
        case .truncate: [.truncate]
        case .hash(.layer4, _), .recirculate: [.recirculate]
        case .hash(.symmetricLayer4, _): [.symmetricHash]
        case .meter: [.meter]
        case .clone: [.clone]
        case .checkLength: [.checkLength]
        case .set(let rewrite):
            switch rewrite.kind {
            case .arp: [.maskedSet, .setARP]
            case .icmp: [.maskedSet, .setICMP]
            case .icmpv6: [.maskedSet, .setICMPv6]
            case .neighbourDiscovery: [.maskedSet, .setNeighbourDiscovery]
            case .ethernet, .vlan, .mpls, .ipv4, .ipv6, .tcp, .udp, .sctp, .packetMark, .priority,
                .dpHash:
                [.maskedSet]
            }
        }
    }
}
