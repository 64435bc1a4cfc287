public import Flows
import Packets

// What `openvswitch.ko` can cache.
//
// The kernel takes a flow apart by its headers: a mask may look into a header only if it also looks
// at everything that says the header is there. Our own masks may look at less. Looking at more is
// always right (the flow then answers for fewer packets, with the same actions), so a mask is
// widened until the kernel's form says it exactly.

extension FlowMask {
    /// This mask, widened to what the kernel compares for packets like `key`: port, recirculation,
    /// Ethernet type, tags, and for IP the protocol and the kind of fragment.
    ///
    /// - Parameter key: A packet's whole key, not masked.
    public func wholeShape(of key: FlowKey) -> FlowMask {
        let shape = KeyShape(key)
        var mask = self
        (mask.recirculationID, mask.inPort, mask.ethType) = (.max, .max, .max)
        switch shape.tags {
        case 0: mask.vlan0TCI = .max
        case 1:
            mask.vlan0TPID = .max
            mask.vlan0TCI |= VLANTag.present
            mask.vlan1TCI = .max
        default:
            (mask.vlan0TPID, mask.vlan1TPID) = (.max, .max)
            mask.vlan0TCI |= VLANTag.present
            mask.vlan1TCI |= VLANTag.present
        }
        if shape.network == .ipv4 || shape.network == .ipv6 {
            (mask.nwProto, mask.nwFrag) = (.max, .max)
            // 20 bits; the kernel refuses more (RFC 8200 §3).
            mask.ipv6Label &= 0xfffff
        }
        switch shape.transport {
        case .icmpv6, .neighbourDiscovery: (mask.tpSrc, mask.tpDst) = (.max, .max)
        case .icmp:
            if mask.tpSrc != 0 { mask.tpSrc = .max }
            if mask.tpDst != 0 { mask.tpDst = .max }
        case .none, .tcp, .udp, .sctp: break
        }
        return shape.carried(mask: mask)
    }
}

extension [DatapathAction] {
    /// These actions for a kernel that cannot be told why a packet is dropped: it drops what has no
    /// action. A drop is the last of its list, so that nothing else changes.
    public var withoutDropReasons: [DatapathAction] {
        compactMap { action in
            switch action {
            case .drop: nil
            case .sample(let probability, let list):
                .sample(probability: probability, list.withoutDropReasons)
            case .clone(let list): .clone(list.withoutDropReasons)
            case .decrementTTL(let list): .decrementTTL(ifExpired: list.withoutDropReasons)
            case .checkLength(let byteCount, let ifGreater, let otherwise):
                .checkLength(
                    byteCount: byteCount, ifGreater: ifGreater.withoutDropReasons,
                    otherwise: otherwise.withoutDropReasons)
            default: action
            }
        }
    }
}
