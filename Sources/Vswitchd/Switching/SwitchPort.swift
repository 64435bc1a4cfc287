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

    /// The mode that a row of `Port` asks for. Without `vlan_mode`, a `tag` makes an access port
    /// and anything else a trunk. An empty set of trunks means all VLANs. nil: the columns
    /// contradict each other (a mode that needs a `tag` without one, or does not exist).
    public init?(vlanMode: String?, tag: UInt16?, trunks: [UInt16]) {
        let carried = trunks.isEmpty ? VLANSet.all : VLANSet(trunks)
        switch (vlanMode, tag) {
        case (nil, let tag?), ("access", let tag?): self = .access(tag)
        case (nil, nil), ("trunk", _): self = .trunk(carried)
        case ("native-tagged", let tag?): self = .nativeTagged(native: tag, trunks: carried)
        case ("native-untagged", let tag?): self = .nativeUntagged(native: tag, trunks: carried)
        default: return nil
        }
    }

    /// Whether frames of `vlan` may enter or leave.
    public func carries(_ vlan: UInt16) -> Bool {
        switch self {
        case .access(let own): own == vlan
        case .trunk(let trunks): trunks.contains(vlan)
        case .nativeTagged(let native, let trunks), .nativeUntagged(let native, let trunks):
            native == vlan || trunks.contains(vlan)
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
