public import Packets

// What the datapath does with a packet, as data.
//
// A cached flow carries a list of these. Because it is data and not code, the same list can be
// printed (`ovs-dpctl dump-flows`), compared (revalidation), sent over netlink, compiled into the
// steps that Execution runs, and, one day, loaded into a further cache tier in the kernel.

/// One action of the datapath, as `enum ovs_action_attr` of `linux/openvswitch.h` has it.
public enum DatapathAction: Hashable, Sendable {
    /// Send the packet, as it is now, out of a datapath port.
    case output(port: UInt32)
    /// Hand the packet to userspace. `cookie` comes back in the upcall
    /// (`OVS_USERSPACE_ATTR_USERDATA`).
    case userspace(cookie: [UInt8])
    /// Write header fields, with their checksums.
    case set(HeaderRewrite)
    /// Put a tag in front. `tci` carries `VLANTag.present`.
    case pushVLAN(tpid: UInt16, tci: UInt16)
    /// Take the outer tag away; nothing happens to a frame without one.
    case popVLAN
    /// Keep at most `byteCount` bytes in the outputs that follow, until the next output.
    case truncate(byteCount: UInt32)
    /// Compute the packet's `dpHash`, for the lookup that a `recirculate` leads to. Never 0.
    case hash(PacketHash, basis: UInt32)
    /// Look the packet up again, as it is now, with this `recirculationID`.
    case recirculate(id: UInt32)
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

/// Which header a `set` writes, one case per `OVS_KEY_ATTR_*` that may be set. A bit of a mask that
/// is 0 leaves the packet's bit as it was.
public enum HeaderRewrite: Hashable, Sendable {
    case ethernet(source: Masked<MACAddress>, destination: Masked<MACAddress>)
    /// Addresses, DSCP and ECN together as `tos`, and time to live.
    case ipv4(
        source: Masked<IPv4Address>, destination: Masked<IPv4Address>, tos: Masked<UInt8>,
        ttl: Masked<UInt8>)
    case ipv6(
        source: Masked<IPv6Address>, destination: Masked<IPv6Address>, label: Masked<UInt32>,
        trafficClass: Masked<UInt8>, hopLimit: Masked<UInt8>)
    /// Ports of TCP, UDP or SCTP; `ipProtocol` says which.
    case ports(ipProtocol: UInt8, source: Masked<UInt16>, destination: Masked<UInt16>)
    case packetMark(Masked<UInt32>)
    case priority(UInt32)
}
