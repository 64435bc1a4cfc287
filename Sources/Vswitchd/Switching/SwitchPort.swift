import Packets

// How a port takes part in VLANs.
//
// A port of the NORMAL switch is a row of the `Port` table: one interface, or several that form a
// bond. All a frame's VLAN depends on stands in this value; conf.db(5), "VLAN Configuration".

/// One logical port of the NORMAL switch (Open vSwitch calls it a bundle).
public struct SwitchPort: Hashable, Sendable {
    /// A number that whoever configures the switch chose; it must stay with the port for as long
    /// as the port stands, because MAC table entries point to it.
    public typealias ID = UInt32

    public var id: ID
    /// Name of the row in `Port`, for text that people read.
    public var name: String
    /// OpenFlow port numbers of its interfaces, at least one.
    public var members: [UInt16]
    /// The member that frames leave by; one of `members`, or nil if none can send.
    public var activeMember: UInt16?
    public var vlan: VLANMode
    /// When a frame that leaves without a VLAN carries a priority tag.
    public var priorityTags: PriorityTags
    /// Whether frames for unknown destinations may leave here (false: a member has
    /// `OFPPC_NO_FLOOD`).
    public var isFloodable: Bool
    /// Two protected ports do not speak to each other.
    public var isProtected: Bool
    /// LACP's units that its interfaces receive are for the switch itself.
    public var usesLACP = false
    /// Frames for multicast groups leave here even if nobody behind it has asked for them
    /// (`mcast-snooping-flood`).
    public var floodsMulticast = false
    /// Reports of group members leave here too (`mcast-snooping-flood-reports`).
    public var floodsReports = false

    public init(
        id: ID, name: String, members: [UInt16], activeMember: UInt16? = nil,
        vlan: VLANMode = .trunk(.all), priorityTags: PriorityTags = .never,
        isFloodable: Bool = true, isProtected: Bool = false
    ) {
        self.id = id
        self.name = name
        self.members = members
        self.activeMember = activeMember ?? members.first
        self.vlan = vlan
        self.priorityTags = priorityTags
        self.isFloodable = isFloodable
        self.isProtected = isProtected
    }

    /// `other_config:priority-tags`.
    public enum PriorityTags: String, Hashable, Sendable {
        case never
        case ifNonzero = "if-nonzero"
        case always
    }
}

/// `vlan_mode` with the columns that it reads.
public enum VLANMode: Hashable, Sendable {
    /// Frames of one VLAN, without a tag.
    case access(UInt16)
    /// Frames of these VLANs, with a tag; VLAN 0 without.
    case trunk(VLANSet)
    /// A trunk whose frames without a tag belong to `native`; they leave with a tag.
    case nativeTagged(native: UInt16, trunks: VLANSet)
    /// The same, but frames of `native` leave without a tag.
    case nativeUntagged(native: UInt16, trunks: VLANSet)
    /// A customer's frames of `customers`, whatever their tags, inside the VLAN `service`, whose
    /// tag has this type.
    case dot1qTunnel(service: UInt16, customers: VLANSet, etherType: UInt16)

    /// The mode that a row of `Port` asks for. Without `vlan_mode`, a `tag` makes an access port
    /// and anything else a trunk. An empty set of VLANs means all of them; a mode that needs a
    /// `tag` and has none takes 0; a mode that does not exist is a trunk.
    ///
    /// - Parameter qinqEtherType: `other_config:qinq-ethtype`; all but `802.1q` is 802.1ad.
    public init(
        vlanMode: String?, tag: UInt16?, trunks: [UInt16], customers: [UInt16] = [],
        qinqEtherType: String? = nil
    ) {
        let carried = trunks.isEmpty ? VLANSet.all : VLANSet(trunks)
        let own = tag.flatMap { $0 < 4096 ? $0 : nil }
        switch vlanMode ?? (own == nil ? "trunk" : "access") {
        case "access": self = .access(own ?? 0)
        case "native-tagged": self = .nativeTagged(native: own ?? 0, trunks: carried)
        case "native-untagged": self = .nativeUntagged(native: own ?? 0, trunks: carried)
        case "dot1q-tunnel":
            self = .dot1qTunnel(
                service: own ?? 0, customers: customers.isEmpty ? .all : VLANSet(customers),
                etherType: qinqEtherType == "802.1q" ? EtherType.vlan : EtherType.serviceVLAN)
        default: self = .trunk(carried)
        }
    }

    /// Whether frames of `vlan` may leave, as far as that VLAN decides. A native VLAN other than 0
    /// is always carried, and takes VLAN 0's place.
    public func carries(_ vlan: UInt16) -> Bool {
        switch self {
        case .access(let own): own == vlan
        case .trunk(let trunks): trunks.contains(vlan)
        case .nativeTagged(let native, let trunks), .nativeUntagged(let native, let trunks):
            native == 0
                ? trunks.contains(vlan) : native == vlan || vlan != 0 && trunks.contains(vlan)
        case .dot1qTunnel(let service, _, _): service == vlan
        }
    }
}

/// A set of VLAN ids, 0 to 4095.
public struct VLANSet: Hashable, Sendable {
    /// 64 words of 64 ids; empty for "all".
    private var words: [UInt64]

    public static let all = VLANSet(words: [])
    public static let none = VLANSet([])

    private init(words: [UInt64]) { self.words = words }

    /// Ids above 4095 are left out.
    public init(_ ids: some Sequence<UInt16>) {
        words = [UInt64](repeating: 0, count: 64)
        for id in ids where id < 4096 { words[Int(id) / 64] |= 1 << UInt64(id % 64) }
    }

    public func contains(_ id: UInt16) -> Bool {
        guard !words.isEmpty else { return id < 4096 }
        return id < 4096 && words[Int(id) / 64] & 1 << UInt64(id % 64) != 0
    }
}
