import CLinuxPacket

// The numbers of the messages, in one place.
//
// On a generic-netlink socket a family's number is asked of the kernel (CTRL_CMD_GETFAMILY). The
// channel between our own two processes has nobody to ask, so it uses fixed numbers, from the range
// in which the kernel hands out its own (16 to 1023).

/// The netlink message types of the five families, `nlmsg_type`.
public struct DatapathFamilies: Hashable, Sendable {
    public var datapath: UInt16
    public var vport: UInt16
    public var flow: UInt16
    public var packet: UInt16
    public var meter: UInt16

    public init(datapath: UInt16, vport: UInt16, flow: UInt16, packet: UInt16, meter: UInt16) {
        self.datapath = datapath
        self.vport = vport
        self.flow = flow
        self.packet = packet
        self.meter = meter
    }

    /// The numbers of the socket channel.
    public static let channel = DatapathFamilies(
        datapath: 0x301, vport: 0x302, flow: 0x303, packet: 0x304, meter: 0x305)
}

/// Attributes of our own. The kernel's are all below 64, ours from 0x2000; a netlink attribute's
/// type has 14 bits.
enum OwnAttribute {
    /// In a key or a mask: the words of the row, little-endian, when the kernel's attributes
    /// cannot say it exactly, or to save time. It counts in place of the others. All words, or as
    /// many as a packet without a tunnel has; the others are then 0.
    static let keyWords: UInt16 = 0x2001
    /// In a vport: how its packets ended, one u64 for each end, its type the end's number.
    static let packetEnds: UInt16 = 0x2002
    /// In a packet: the ten bytes of `struct virtio_net_hdr`.
    static let offload: UInt16 = 0x2003
    /// In a packet: what the frame has beyond `packetAttributeByteCountMax`.
    static let packetRest: UInt16 = 0x2004
    /// In a vport: its limits and queues, see `TrafficCodec`.
    static let traffic: UInt16 = 0x2005
    /// In a packet: the number under which the datapath keeps it.
    static let upcallID: UInt16 = 0x2006
    /// In an answer to an upcall: the mask of the flow to be installed, as `keyWords`.
    static let upcallMask: UInt16 = 0x2007
    /// In an answer to an upcall: a flag, the packet gets the actions.
    static let upcallExecutes: UInt16 = 0x2008
    /// In a dump of flows: a flag, only what is new.
    static let onlyNews: UInt16 = 0x2009
    /// In an answer to an upcall: a flag, mask and actions are those of the last answer in the
    /// same datagram that had a mask.
    static let upcallAgain: UInt16 = 0x200a
    /// In a datapath: its workers, see `WorkerCodec`.
    static let workers: UInt16 = 0x200b
    /// In a vport: who receives by it, see `WorkerCodec`.
    static let receiving: UInt16 = 0x200c
    /// In a vport: what its queues have sent, see `WorkerCodec`.
    static let queueCounters: UInt16 = 0x200d
}

/// `OVS_KEY_ATTR_*` as `nla_type`.
enum KeyAttribute {
    static let encapsulated = UInt16(OVS_KEY_ATTR_ENCAP.rawValue)
    static let priority = UInt16(OVS_KEY_ATTR_PRIORITY.rawValue)
    static let inPort = UInt16(OVS_KEY_ATTR_IN_PORT.rawValue)
    static let ethernet = UInt16(OVS_KEY_ATTR_ETHERNET.rawValue)
    static let vlan = UInt16(OVS_KEY_ATTR_VLAN.rawValue)
    static let etherType = UInt16(OVS_KEY_ATTR_ETHERTYPE.rawValue)
    static let ipv4 = UInt16(OVS_KEY_ATTR_IPV4.rawValue)
    static let ipv6 = UInt16(OVS_KEY_ATTR_IPV6.rawValue)
    static let tcp = UInt16(OVS_KEY_ATTR_TCP.rawValue)
    static let udp = UInt16(OVS_KEY_ATTR_UDP.rawValue)
    static let icmp = UInt16(OVS_KEY_ATTR_ICMP.rawValue)
    static let icmpv6 = UInt16(OVS_KEY_ATTR_ICMPV6.rawValue)
    static let arp = UInt16(OVS_KEY_ATTR_ARP.rawValue)
    static let neighbourDiscovery = UInt16(OVS_KEY_ATTR_ND.rawValue)
    static let packetMark = UInt16(OVS_KEY_ATTR_SKB_MARK.rawValue)
    static let tunnel = UInt16(OVS_KEY_ATTR_TUNNEL.rawValue)
    static let sctp = UInt16(OVS_KEY_ATTR_SCTP.rawValue)
    static let tcpFlags = UInt16(OVS_KEY_ATTR_TCP_FLAGS.rawValue)
    static let dpHash = UInt16(OVS_KEY_ATTR_DP_HASH.rawValue)
    static let recirculationID = UInt16(OVS_KEY_ATTR_RECIRC_ID.rawValue)
    static let mpls = UInt16(OVS_KEY_ATTR_MPLS.rawValue)
}

/// `OVS_ACTION_ATTR_*` as `nla_type`.
enum ActionAttribute {
    static let output = UInt16(OVS_ACTION_ATTR_OUTPUT.rawValue)
    static let userspace = UInt16(OVS_ACTION_ATTR_USERSPACE.rawValue)
    static let set = UInt16(OVS_ACTION_ATTR_SET.rawValue)
    static let setMasked = UInt16(OVS_ACTION_ATTR_SET_MASKED.rawValue)
    static let pushVLAN = UInt16(OVS_ACTION_ATTR_PUSH_VLAN.rawValue)
    static let popVLAN = UInt16(OVS_ACTION_ATTR_POP_VLAN.rawValue)
    static let sample = UInt16(OVS_ACTION_ATTR_SAMPLE.rawValue)
    static let pushMPLS = UInt16(OVS_ACTION_ATTR_PUSH_MPLS.rawValue)
    static let popMPLS = UInt16(OVS_ACTION_ATTR_POP_MPLS.rawValue)
    static let meter = UInt16(OVS_ACTION_ATTR_METER.rawValue)
    static let clone = UInt16(OVS_ACTION_ATTR_CLONE.rawValue)
    static let checkLength = UInt16(OVS_ACTION_ATTR_CHECK_PKT_LEN.rawValue)
    static let decrementTTL = UInt16(OVS_ACTION_ATTR_DEC_TTL.rawValue)
    static let hash = UInt16(OVS_ACTION_ATTR_HASH.rawValue)
    static let recirculate = UInt16(OVS_ACTION_ATTR_RECIRC.rawValue)
    static let truncate = UInt16(OVS_ACTION_ATTR_TRUNC.rawValue)
    /// Linux 6.7 and later; not in the header of Debian 12.
    static let drop: UInt16 = 24
}
