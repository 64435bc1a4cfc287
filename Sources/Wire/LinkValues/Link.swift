// An interface of the host as a value.

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
    /// What somebody wrote beside it (`IFLA_IFALIAS`).
    public var alias: String?
    /// The bridge or bond that it is a member of, by index.
    public var masterIndex: Int?
    /// The interface it stands on (a VLAN's parent) or leads to (a veth's peer), by index.
    public var lowerIndex: Int?
    /// The kernel's local number of the network namespace that `lowerIndex` counts in; `nil`: ours.
    public var lowerNamespace: Int?
    public var detail = Detail.none

    public enum Duplex: String, Hashable, Sendable { case half, full }

    /// What only links of one kind have.
    public enum Detail: Hashable, Sendable {
        case none
        case vlan(id: UInt16)
        case bond(BondSettings)
    }

    public init(
        name: String, index: Int, mtu: Int = 1500, address: MACAddress? = nil, isUp: Bool = false,
        hasCarrier: Bool = false, kind: String? = nil
    ) {
        self.name = name
        self.index = index
        self.mtu = mtu
        self.address = address
        self.isUp = isUp
        self.hasCarrier = hasCarrier
        self.kind = kind
    }
}

/// Packets and bytes of one interface since it was made.
public struct LinkCounters: Hashable, Sendable {
    public var rxPackets: UInt64 = 0
    public var rxBytes: UInt64 = 0
    public var rxErrors: UInt64 = 0
    public var rxDropped: UInt64 = 0
    public var txPackets: UInt64 = 0
    public var txBytes: UInt64 = 0
    public var txErrors: UInt64 = 0
    public var txDropped: UInt64 = 0
    public init() {}
}

/// One change to the interfaces of a network namespace.
public enum LinkEvent: Hashable, Sendable {
    /// An interface that is new, or has changed in some way; a renamed one has its old index.
    case present(Link)
    /// The interface with this index is gone, or went to another network namespace.
    case removed(index: Int, name: String)
    /// Some events did not arrive.
    case eventsLost
}

/// Work that the driver or the kernel's stack does for whole bursts of a TCP stream.
public enum LinkOffload: String, Hashable, Sendable, CaseIterable {
    /// Checksums of received packets.
    case rx
    /// Checksums of sent packets.
    case tx
    /// Sending from scattered memory.
    case sg
    /// Cutting TCP super-frames in the device.
    case tso
    /// Cutting super-frames just before the device.
    case gso
    /// Joining received packets to super-frames.
    case gro
}

/// Bounds of links, each with its reason.
public enum LinkLimits {
    /// Bytes of an interface's name, `IFNAMSIZ` less its zero.
    public static let nameByteCountMax = 15
    /// Bytes of an alias, `IFALIASZ` less its zero.
    public static let aliasByteCountMax = 255
    /// VLANs that can be told apart: 0 and 4095 are reserved (IEEE 802.1Q-2018 table 9-2).
    public static let vlanRange: ClosedRange<Int> = 1...4094
    /// Bytes of a payload: the smallest is IPv4's (RFC 791), the largest what the kernel counts.
    public static let mtuRange: ClosedRange<Int> = 68...65_535
    /// Members of one bond.
    public static let memberCountMax = 64
    /// Links of one file of `apus link apply`.
    public static let fileLinkCountMax = 8_192
    /// Bytes of such a file.
    public static let fileByteCountMax = 4 << 20
}

/// Whether the kernel takes `name` for an interface: 1 to 15 bytes, no slash, colon or blank, and
/// neither "." nor "..".
public func isLinkName(_ name: String) -> Bool {
    let bytes = name.utf8
    return (1...LinkLimits.nameByteCountMax).contains(bytes.count) && name != "." && name != ".."
        && bytes.allSatisfy {
            $0 > 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "/")
                && $0 != UInt8(ascii: ":")
        }
}

/// Whether `name` can name a network namespace: a file's name, at most 255 bytes.
public func isNamespaceName(_ name: String) -> Bool {
    let bytes = name.utf8
    return (1...255).contains(bytes.count) && name != "." && name != ".."
        && bytes.allSatisfy { $0 > 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "/") }
}
