// What a port must know of the interface it stands on: a name is looked up once, here, and from
// then on the index is used, so that renaming an interface does not move a port to another one.

internal import CLinuxPacket
internal import Glibc
public import Packets

/// An interface of this network namespace as it was when it was looked up.
public struct InterfaceFacts: Hashable, Sendable {
    public var name: String
    /// The kernel's number of the interface, at least 1; never used again for another.
    public var index: CInt
    /// Largest payload of an Ethernet frame in bytes, without Ethernet header and outer VLAN tag.
    public var mtu: Int
    public var address: MACAddress
    /// `IFF_*` of `net/if.h`.
    public var flags: UInt32

    /// Whether it was switched on (`ip link set … up`).
    public var isUp: Bool { flags & UInt32(IFF_UP) != 0 }
    /// Whether it was switched on and has a carrier.
    public var isRunning: Bool { flags & UInt32(IFF_RUNNING) != 0 }

    /// Looks `name` up in the calling thread's network namespace. Needs no privilege.
    ///
    /// - Throws: `.invalidName`, `.noSuchInterface`, `.notEthernet`, or what the kernel said.
    public init(name: String) throws(PortError) {
        try checkInterfaceName(name)
        self.name = name
        let descriptor = try Descriptor(
            socket(AF_INET, CInt(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0),
            interface: name, call: "socket")
        // Safe here and below: `name` is passed as a C string for the length of the call, and was
        // checked to be short enough; results are written to variables of this function.
        index = unsafe CInt(bitPattern: if_nametoindex(name))
        guard index > 0 else {
            throw PortError(interface: name, call: "if_nametoindex")
        }
        var mtu: CInt = 0
        guard unsafe apus_interface_mtu(descriptor.number, name, &mtu) == 0 else {
            throw PortError(interface: name, call: "ioctl(SIOCGIFMTU)")
        }
        self.mtu = Int(mtu)
        flags = 0
        guard unsafe apus_interface_flags(descriptor.number, name, &flags) == 0 else {
            throw PortError(interface: name, call: "ioctl(SIOCGIFFLAGS)")
        }
        var kind: CInt = 0
        var octets: [UInt8] = [0, 0, 0, 0, 0, 0]
        guard unsafe apus_interface_address(descriptor.number, name, &kind, &octets) == 0 else {
            throw PortError(interface: name, call: "ioctl(SIOCGIFHWADDR)")
        }
        guard kind == ARPHRD_ETHER else { throw PortError(.notEthernet, interface: name) }
        address = MACAddress(bits: octets.reduce(0) { $0 << 8 | UInt64($1) })
    }
}

/// - Throws: `.invalidName` for a name that `dev_valid_name` of Linux would refuse.
func checkInterfaceName(_ name: String) throws(PortError) {
    let octets = Array(name.utf8)
    // Slash, colon, and what isspace() of the kernel's Latin-1 knows.
    let refused: Set<UInt8> = [0, 0x2f, 0x3a, 0x20, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0xa0]
    guard (1..<Int(IFNAMSIZ)).contains(octets.count), name != ".", name != "..",
        !octets.contains(where: refused.contains)
    else { throw PortError(.invalidName, interface: name) }
}
