import Flows
import Packets

// The VLANs that a frame is in, while it is inside the switch.
//
// A frame comes with tags, is put into a VLAN by the port that it enters, and leaves with the tags
// that the other port wants to see. In between it has a stack of VLANs, the first of which is the
// one that ports and addresses are looked up in:
//
//     tags --(port's mode: enter)--> stack --(other port's mode: leave)--> stack --> tags
//
//     access 10            [ ]           [10]       to access 10                [ ]
//     trunk                [20]          [20]       to trunk                    [20]
//     dot1q-tunnel 100     [20]          [100][20]  to a trunk of the carrier   [100][20]
//
// How many tags are looked at is `other_config:vlan-limit`'s business; what lies deeper is payload
// and stays where it is. Modes and rules are conf.db(5)'s, "VLAN Configuration"; where the manual
// and Open vSwitch 3.1 differ (priority tags), its behaviour is followed.

/// One VLAN tag of a frame, as a flow key holds it.
public struct FrameTag: Hashable, Sendable {
    /// 0x8100 or 0x88a8.
    public var tpid: UInt16
    /// With `VLANTag.present`.
    public var tci: UInt16

    public init(tpid: UInt16 = 0x8100, tci: UInt16) {
        self.tpid = tpid
        self.tci = tci
    }
}

/// The VLANs of a frame, the outer one first. At most two: a flow key knows no more.
public struct VLANStack: Hashable, Sendable {
    /// One level; all zero if there is none. A priority tag has an `id` of 0 and a `tpid`.
    public struct Level: Hashable, Sendable {
        public var tpid: UInt16 = 0
        public var id: UInt16 = 0
        /// The three bits where a TCI has them.
        public var priority: UInt16 = 0
    }

    public var outer = Level()
    public var inner = Level()

    /// - Parameter tags: Outer first; those behind the second are left out.
    public init(_ tags: [FrameTag]) {
        if let first = tags.first { outer = Level(first) }
        if let second = tags.dropFirst().first { inner = Level(second) }
    }

    /// The VLAN that the frame is in; 0 for none.
    public var vlan: UInt16 { outer.id }

    mutating func push(_ level: Level) { (outer, inner) = (level, outer) }
    mutating func pop() { (outer, inner) = (inner, Level()) }

    /// The tags to be seen on the wire.
    ///
    /// - Parameter keepsPriorityTags: A tag without VLAN and priority stays one.
    func tags(keepsPriorityTags: Bool) -> [FrameTag] {
        let second = inner.tag(isKept: keepsPriorityTags)
        guard let first = outer.tag(isKept: keepsPriorityTags || second != nil) else { return [] }
        return [first] + (second.map { [$0] } ?? [])
    }
}

extension VLANStack.Level {
    fileprivate init(_ tag: FrameTag) {
        tpid = tag.tpid
        id = tag.tci & VLANTag.idMask
        priority = tag.tci & VLANTag.priorityMask
    }

    /// Of a frame with two tags the outer one stays in any case: without it the inner one, which
    /// nobody has checked, would be the frame's VLAN.
    fileprivate func tag(isKept: Bool) -> FrameTag? {
        guard id | priority != 0 || isKept && tpid != 0 else { return nil }
        return FrameTag(
            tpid: tpid == 0 ? EtherType.vlan : tpid, tci: VLANTag.present | priority | id)
    }
}

extension VLANMode {
    /// Why a frame with these tags may not enter; nil: it may.
    func refusal(of tagged: VLANStack) -> PacketEnd? {
        let id = tagged.outer.id
        switch self {
        case .access:
            // Even its own VLAN: a frame with a tag did not come from an access port's host.
            return id == 0 ? nil : .taggedOnAccessPort
        case .trunk(let trunks):
            return trunks.contains(id) ? nil : .vlanNotAllowed
        case .nativeTagged, .nativeUntagged:
            return id == 0 || carries(id) ? nil : .vlanNotAllowed
        case .dot1qTunnel(_, let customers, _):
            return customers.contains(id) ? nil : .vlanNotAllowed
        }
    }

    /// The stack that a frame with these tags has inside; nil: it may not enter.
    public func stack(of tagged: VLANStack) -> VLANStack? {
        refusal(of: tagged) == nil ? enter(tagged) : nil
    }

    /// The stack of a frame that entered with `tagged`.
    func enter(_ tagged: VLANStack) -> VLANStack {
        var stack = tagged
        switch self {
        case .access(let own):
            stack.inner = .init()
            stack.outer.put(into: own)
        case .trunk:
            break
        case .nativeTagged(let native, _), .nativeUntagged(let native, _):
            if tagged.outer.id == 0 { stack.outer.put(into: native) }
        case .dot1qTunnel(let service, _, let etherType):
            stack.push(.init(tpid: etherType, id: service, priority: 0))
        }
        return stack
    }

    /// Whether a frame with this stack leaves here when it is flooded.
    public func carries(_ stack: VLANStack) -> Bool {
        guard carries(stack.vlan) else { return false }
        switch self {
        case .access: return stack.inner.id == 0
        case .dot1qTunnel(_, let customers, _): return customers.contains(stack.inner.id)
        case .trunk, .nativeTagged, .nativeUntagged: return true
        }
    }

    /// The stack that the frame leaves with.
    func leave(_ stack: VLANStack) -> VLANStack {
        var out = stack
        switch self {
        case .access: out = VLANStack([])
        case .trunk, .nativeTagged: break
        case .nativeUntagged(let native, _): if stack.vlan == native { out.pop() }
        case .dot1qTunnel: out.pop()
        }
        return out
    }
}

extension VLANStack.Level {
    /// Makes a level without VLAN one of `vlan`; tag type and priority stay as they came.
    fileprivate mutating func put(into vlan: UInt16) {
        id = vlan
        if tpid == 0 { tpid = EtherType.vlan }
    }
}

extension SwitchPort {
    /// The tags that a frame with `stack` leaves with.
    ///
    /// - Parameter tci: The outer tag that it has now, whose priority a port with priority tags
    ///   keeps.
    public func tags(of stack: VLANStack, enteredWith tci: UInt16) -> [FrameTag] {
        var out = vlan.leave(stack)
        if priorityTags != .never { out.outer.priority = tci & VLANTag.priorityMask }
        return out.tags(keepsPriorityTags: priorityTags == .always)
    }

    /// The tag that a frame of `vlan` leaves with, 0 for none.
    public func tci(ofVLAN vlan: UInt16, enteredWith tci: UInt16) -> UInt16 {
        let entered = FrameTag(tci: VLANTag.present | tci & VLANTag.priorityMask | vlan)
        let stack = VLANStack(vlan | tci == 0 ? [] : [entered])
        return tags(of: stack, enteredWith: tci).first?.tci ?? 0
    }
}
