// An interface of the host as a value.

internal import CNetlink
internal import Glibc
public import Packets

/// What the kernel said of one network interface when it was asked.
public struct Link: Hashable, Sendable {
    /// 1 to 15 bytes.
    public var name: String
    /// The kernel's number, at least 1; never used again for another interface.
    public var index: Int
    /// Largest payload of a frame in bytes.
    public var mtu: Int
    /// `nil` for an interface without a 6-byte address.
    public var address: MACAddress?
    /// Whether it was switched on (`IFF_UP`).
    public var isUp: Bool
    /// Whether the other end is there (`IFF_LOWER_UP`).
    public var hasCarrier: Bool
    /// The driver's kind as `ip -d link` shows it, for example "veth" or "tun"; `nil` for hardware.
    public var kind: String?
    /// In units of 10⁶ bit/s; `nil` if the driver does not know or there is no carrier.
    public var speedMegabits: Int?
    public var duplex: Duplex?

    public enum Duplex: Hashable, Sendable { case half, full }
}

extension Link {
    /// Reads a link object of libnl; `nil` if it has no name or number.
    init?(_ object: OpaquePointer) {
        // Safe: the caller holds the object; each string is copied before it is released.
        guard let name = unsafe rtnl_link_get_name(object) else { return nil }
        self.name = unsafe String(cString: name)
        index = unsafe Int(rtnl_link_get_ifindex(object))
        guard index > 0 else { return nil }
        mtu = unsafe Int(rtnl_link_get_mtu(object))
        let flags = unsafe rtnl_link_get_flags(object)
        isUp = flags & UInt32(IFF_UP) != 0
        // IFF_LOWER_UP, bit 16, has no name in glibc's net/if.h.
        hasCarrier = flags & 1 << 16 != 0
        address = unsafe Self.address(rtnl_link_get_addr(object))
        kind = unsafe rtnl_link_get_type(object).map { unsafe String(cString: $0) }
        var megabits: CInt = 0
        var duplex: CInt = 0
        // Safe: the name is a C string for the length of the call. If the question cannot be
        // answered, both numbers say "unknown".
        _ = unsafe apus_link_speed(self.name, &megabits, &duplex)
        speedMegabits = megabits > 0 ? Int(megabits) : nil
        self.duplex =
            switch duplex {
            case CInt(DUPLEX_HALF): .half
            case CInt(DUPLEX_FULL): .full
            default: nil
            }
    }

    private static func address(_ address: OpaquePointer?) -> MACAddress? {
        // Safe: libnl keeps `nl_addr_get_len` bytes at the address; six are read if there are six.
        guard let address = unsafe address, unsafe nl_addr_get_len(address) == 6,
            let octets = unsafe nl_addr_get_binary_addr(address)
        else { return nil }
        let bytes = unsafe UnsafeRawBufferPointer(start: octets, count: 6)
        return unsafe MACAddress(bits: bytes.reduce(0) { $0 << 8 | UInt64($1) })
    }
}
