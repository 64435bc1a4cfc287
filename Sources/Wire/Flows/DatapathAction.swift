// What the datapath does with a packet, as data.
//
// A cached flow carries a list of these. Because it is data and not code, the same list can be
// printed (`ovs-dpctl dump-flows`), compared (revalidation), sent over netlink, compiled into the
// steps that Execution runs, and, one day, loaded into a further cache tier in the kernel.

/// One action of the datapath, as `enum ovs_action_attr` of `linux/openvswitch.h` has it.
///
/// Lists inside an action run on a copy of the packet: whatever they do to it, the actions behind
/// see the packet as it was. The largest case is indirect: most lists are one output.
public enum DatapathAction: Hashable, Sendable {
    /// Send the packet, as it is now, out of a datapath port.
    case output(port: UInt32)
    /// Hand the packet to userspace. `cookie` comes back in the upcall
    /// (`OVS_USERSPACE_ATTR_USERDATA`).
    case userspace(cookie: [UInt8])
    /// Write header fields, with their checksums.
    indirect case set(HeaderRewrite)
    /// Put a tag in front. `tci` carries `VLANTag.present`.
    case pushVLAN(tpid: UInt16, tci: UInt16)
    /// Take the outer tag away; nothing happens to a frame without one.
    case popVLAN
    /// Put a label-stack entry before the network layer, and make `etherType` (0x8847 or 0x8848)
    /// the frame's. VLAN tags stay outside.
    case pushMPLS(etherType: UInt16, entry: UInt32)
    /// Take the first label-stack entry away, and make `etherType` the frame's; nothing happens to
    /// a frame without one.
    case popMPLS(etherType: UInt16)
    /// One from an IP packet's time to live; a packet for which that leaves nothing runs
    /// `ifExpired` instead of what follows. Nothing happens to other packets.
    case decrementTTL(ifExpired: [DatapathAction])
    /// Keep at most `byteCount` bytes in the outputs that follow, until the next output.
    case truncate(byteCount: UInt32)
    /// Compute the packet's `dpHash`, for the lookup that a `recirculate` leads to. Never 0.
    case hash(PacketHash, basis: UInt32)
    /// Look the packet up again, as it is now, with this `recirculationID`.
    case recirculate(id: UInt32)
    /// Let a meter of the datapath decide whether the packet goes on. One that is not there lets
    /// everything pass.
    case meter(id: UInt32)
    /// Run `actions` for one packet in 2³² / `probability`, by chance; `.max` means for each.
    case sample(probability: UInt32, [DatapathAction])
    /// Run them on a copy.
    case clone([DatapathAction])
    /// Run one list or the other by the packet's length from its Ethernet header on, tags
    /// included; of a super-frame, by the length of its segments.
    case checkLength(
        byteCount: UInt16, ifGreater: [DatapathAction], otherwise: [DatapathAction])
    /// End here, and say why (`OVS_ACTION_ATTR_DROP`). An empty list drops too, but cannot say why.
    case drop(PacketEnd)
}

/// A value together with the bits of it that count.
public struct Masked<Value: Hashable & Sendable>: Hashable, Sendable {
    public var value: Value
    public var mask: Value
    @inlinable public init(_ value: Value, mask: Value) {
        self.value = value
        self.mask = mask
    }
}

extension DatapathAction {
    /// The lists inside the action.
    public var nested: [[DatapathAction]] {
        switch self {
        case .sample(_, let actions), .clone(let actions), .decrementTTL(let actions): [actions]
        case .checkLength(_, let ifGreater, let otherwise): [ifGreater, otherwise]
        case .output, .userspace, .set, .pushVLAN, .popVLAN, .pushMPLS, .popMPLS, .truncate, .hash,
            .recirculate, .meter, .drop:
            []
        }
    }
}
