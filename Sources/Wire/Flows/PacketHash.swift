import Packets

// A number that all packets of a connection share, so that one of several ways can be chosen by it.
//
// The datapath computes it (`hash` action) and vswitchd may compute the same from a key. It spreads
// traffic; it does not protect a table from an attacker (that is what the keyed hash of the flow
// caches is for). Fragments of one packet must take one way, and only the first has ports: so of a
// fragment no ports are taken.

/// How a `hash` action computes its number; raw values as `OVS_HASH_ALG_*`.
public enum PacketHash: UInt32, CaseIterable, Hashable, Sendable {
    /// Addresses, protocol and ports, by direction.
    case layer4 = 0
    /// The same number for both directions of a connection.
    case symmetricLayer4 = 1

    /// The name in the text of actions.
    public var name: String {
        switch self {
        case .layer4: "l4"
        case .symmetricLayer4: "sym_l4"
        }
    }
}

extension FlowKey {
    /// The packet's hash, never 0. A packet that is not IP is told apart by its MAC addresses,
    /// Ethernet type and VLAN ids.
    public func hash(_ algorithm: PacketHash, basis: UInt32) -> UInt32 {
        var mix = HashMix(basis)
        let isSymmetric = algorithm == .symmetricLayer4
        func add(_ source: UInt64, _ destination: UInt64) {
            guard isSymmetric else {
                mix.add(source)
                return mix.add(destination)
            }
            // Sum and product-like mixture do not care who is who.
            mix.add(source ^ destination)
            mix.add(source &+ destination)
        }
        switch ethType {
        case EtherType.ipv4: add(UInt64(nwSrc.bits), UInt64(nwDst.bits))
        case EtherType.ipv6:
            add(ipv6Src.high, ipv6Dst.high)
            add(ipv6Src.low, ipv6Dst.low)
        default:
            add(ethSrc.bits, ethDst.bits)
            mix.add(UInt64(ethType))
            mix.add(UInt64(vlan0TCI & VLANTag.idMask) << 16 | UInt64(vlan1TCI & VLANTag.idMask))
            return mix.finished
        }
        mix.add(UInt64(nwProto))
        let hasPorts =
            nwProto == IPProtocol.tcp || nwProto == IPProtocol.udp || nwProto == IPProtocol.sctp
        if hasPorts, nwFrag == 0 { add(UInt64(tpSrc), UInt64(tpDst)) }
        return mix.finished
    }
}

/// Mixes words into 32 bits. The multiplier is 2⁶⁴ divided by the golden ratio (Knuth, volume 3
/// §6.4), which spreads neighbouring numbers far apart.
private struct HashMix {
    private var state: UInt64

    init(_ basis: UInt32) { state = UInt64(basis) }

    mutating func add(_ word: UInt64) {
        let product = (state ^ word ^ 0x9e37_79b9_7f4a_7c15)
            .multipliedFullWidth(by: 0x9e37_79b9_7f4a_7c15)
        state = (state << 23 | state >> 41) ^ product.low ^ product.high
    }

    var finished: UInt32 {
        let product = state.multipliedFullWidth(by: 0xd6e8_feb8_6659_fd93)
        let folded = product.low ^ product.high
        return max(1, UInt32(truncatingIfNeeded: folded ^ folded >> 32))
    }
}
