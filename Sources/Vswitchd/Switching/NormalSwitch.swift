public import Flows
public import Packets

// The NORMAL switch: what an Ethernet switch with VLANs does with a frame.
//
//     frame -> port known? -> tag whole? -> VLAN let in? -> reserved? -> learn the source
//                 |              |              |              |                 |
//                drop           drop           drop           drop   where is the destination?
//                                                                      |         |         |
//                                                                  behind us   known    unknown
//                                                                      |         |         |
//                                                                     drop   one port    flood
//
// A frame that came by a member of a bond has one more door to pass, before it teaches anything:
// the bond says whether this member may bring it (`Bond.verdict`). A frame that leaves by a bond
// leaves by the member that the bond chooses, which is the caller's next question.
//
// The order of the steps is Open vSwitch's (its NORMAL action, and conf.db(5) for VLANs). NORMAL
// reads of a frame the port, both addresses, the Ethernet type and the outer tag, nothing else.

/// The configuration of a bridge's NORMAL action.
public struct NormalSwitch: Sendable {
    /// In ascending order of `id`; floods leave in this order.
    public private(set) var ports: [SwitchPort] = []
    /// VLANs in which nothing is learned and every frame is flooded (`flood_vlans`).
    public var floodVLANs = VLANSet.none
    /// `other_config:forward-bpdu`: relay frames that a bridge should keep to itself.
    public var forwardsReservedMulticast = false

    private var indexByMember: [UInt16: Int] = [:]

    public init() {}

    /// Replaces all ports. Of two that claim one member or one ID, the first has it.
    public mutating func setPorts(_ ports: [SwitchPort]) {
        var taken: Set<SwitchPort.ID> = []
        self.ports = ports.filter { taken.insert($0.id).inserted }.sorted { $0.id < $1.id }
        indexByMember = [:]
        for (index, port) in self.ports.enumerated() {
            for member in port.members where indexByMember[member] == nil {
                indexByMember[member] = index
            }
        }
    }

    public func port(ofMember number: UInt16) -> SwitchPort? {
        indexByMember[number].map { ports[$0] }
    }

    /// O(log n).
    public func port(id: SwitchPort.ID) -> SwitchPort? {
        var low = 0
        var high = ports.count
        while low < high {
            let middle = (low + high) / 2
            if ports[middle].id < id { low = middle + 1 } else { high = middle }
        }
        return low < ports.count && ports[low].id == id ? ports[low] : nil
    }
}

/// What NORMAL looks at in a frame.
public struct NormalFrame: Hashable, Sendable {
    /// OpenFlow port that it entered by; nil: it comes from a controller.
    public var inPort: UInt16?
    public var source: MACAddress
    public var destination: MACAddress
    /// As in a flow key: with `VLANTag.present`, 0 without a tag.
    public var tci: UInt16
    public var etherType: UInt16
    /// A broadcast by which a host says where it is. Only looked at where a bond may reflect it.
    public var isGratuitousARP: Bool

    public init(
        inPort: UInt16?, source: MACAddress, destination: MACAddress, tci: UInt16,
        etherType: UInt16, isGratuitousARP: Bool = false
    ) {
        self.isGratuitousARP = isGratuitousARP
        self.inPort = inPort
        self.source = source
        self.destination = destination
        self.tci = tci
        self.etherType = etherType
    }
}

/// What is to become of a frame.
public struct NormalDecision: Hashable, Sendable {
    public struct Output: Hashable, Sendable {
        /// OpenFlow port number; of a bond, its first member.
        public var port: UInt16
        /// The tag that the frame leaves with, as in a flow key; 0 = none.
        public var tci: UInt16
        /// The bond that is to choose among its members; nil: there is no choice.
        public var bond: SwitchPort.ID?

        public init(port: UInt16, tci: UInt16, bond: SwitchPort.ID? = nil) {
            self.port = port
            self.tci = tci
            self.bond = bond
        }
    }
    /// How the destination was found.
    public enum Reason: Hashable, Sendable {
        case known(port: SwitchPort.ID)
        case flooded
        case dropped
    }
    public struct Learning: Hashable, Sendable {
        public var key: MACTable.Key
        public var port: SwitchPort.ID
        /// A host that moved: its reflections are not to be learned for a while.
        public var isHeld = false
    }

    public var outputs: [Output] = []
    /// Why it leaves by no port; `.forwarded` if it does.
    public var end: PacketEnd
    public var reason = Reason.dropped
    /// The VLAN that it belongs to; 0 if that was not decided.
    public var vlan: UInt16 = 0
    /// What its source address teaches.
    public var learning: Learning?
    /// Why a bond did not take it in; `end` is `.bondRefused` then.
    public var refusal: Bond.Refusal?
}

extension NormalSwitch {
    /// What becomes of `frame`. Changes nothing: what is to be learned stands in the decision.
    ///
    /// - Parameter bonds: Those of the ports that are bonds.
    public func decide(
        _ frame: NormalFrame, table: MACTable, bonds: [SwitchPort.ID: Bond] = [:]
    ) -> NormalDecision {
        let ingress = frame.inPort.flatMap { port(ofMember: $0) }
        if frame.inPort != nil, ingress == nil { return NormalDecision(end: .portWithoutBridge) }
        if frame.etherType == EtherType.vlan, frame.tci & VLANTag.present == 0 {
            return NormalDecision(end: .malformedVLAN)
        }
        let tagged = frame.tci & VLANTag.idMask
        let vlan: UInt16
        switch VLANEntry(vlanID: tagged, by: ingress?.vlan ?? .trunk(.all)) {
        case .refused(let end): return NormalDecision(end: end)
        case .admitted(let entered): vlan = entered
        }
        if !forwardsReservedMulticast, frame.destination.isReservedForBridges {
            return NormalDecision(end: .reservedMulticast, vlan: vlan)
        }
        let bond = ingress.flatMap { bonds[$0.id] }
        if let ingress, let bond, let refusal = bond.refusal(frame, vlan, ingress.id, table) {
            return NormalDecision(end: .bondRefused, vlan: vlan, refusal: refusal)
        }
        var decision = NormalDecision(end: .forwarded, vlan: vlan)
        let key = MACTable.Key(vlan: vlan, mac: frame.source)
        let isReflection = frame.isGratuitousARP && bond != nil && table.isHeld(key)
        if let ingress, !frame.source.isMulticast, !floodVLANs.contains(vlan), !isReflection {
            decision.learning = .init(
                key: key, port: ingress.id, isHeld: frame.isGratuitousARP && bond == nil)
        }
        findDestination(frame, from: ingress, table: table, bonds: bonds, &decision)
        return decision
    }

    /// Where the destination is, and by which ports the frame leaves for it.
    private func findDestination(
        _ frame: NormalFrame, from ingress: SwitchPort?, table: MACTable,
        bonds: [SwitchPort.ID: Bond], _ decision: inout NormalDecision
    ) {
        let vlan = decision.vlan
        let isFloodVLAN = floodVLANs.contains(vlan)
        let known =
            isFloodVLAN || frame.destination.isMulticast
            ? nil : table.lookup(.init(vlan: vlan, mac: frame.destination))
        if let known, let egress = port(id: known.port), egress.vlan.carries(vlan) {
            decision.reason = .known(port: egress.id)
            if egress.id == ingress?.id {
                decision.end = .destinationOnIngressPort
            } else if !(egress.isProtected && ingress?.isProtected == true) {
                decision.outputs += output(frame, vlan: vlan, by: egress, bonds)
            }
        } else {
            decision.reason = .flooded
            for egress in ports
            where egress.id != ingress?.id && egress.isFloodable && egress.vlan.carries(vlan)
                && !(egress.isProtected && ingress?.isProtected == true)
            {
                decision.outputs += output(frame, vlan: vlan, by: egress, bonds)
            }
        }
        if decision.end == .forwarded, decision.outputs.isEmpty { decision.end = .noOutputPort }
    }

    private func output(
        _ frame: NormalFrame, vlan: UInt16, by egress: SwitchPort, _ bonds: [SwitchPort.ID: Bond]
    ) -> [NormalDecision.Output] {
        guard let member = egress.activeMember else { return [] }
        return [
            .init(
                port: member, tci: egress.tci(ofVLAN: vlan, enteredWith: frame.tci),
                bond: bonds[egress.id] == nil ? nil : egress.id)
        ]
    }
}

extension Bond {
    /// Why `frame`, which came by a member of this bond, is not taken in; nil: it is.
    fileprivate func refusal(
        _ frame: NormalFrame, _ vlan: UInt16, _ port: SwitchPort.ID, _ table: MACTable
    ) -> Refusal? {
        let isMulticast = frame.destination.isMulticast
        switch verdict(from: frame.inPort ?? 0, isMulticast: isMulticast) {
        case .accept: return nil
        case .drop(let refusal): return refusal
        case .acceptUnlessMoved:
            let key = MACTable.Key(vlan: vlan, mac: frame.source)
            guard let known = table.lookup(key), known.port != port else { return nil }
            // A host may have moved to the other side of the bond, and says so itself; but not
            // just after it said that it is on this side.
            return frame.isGratuitousARP && !table.isHeld(key) ? nil : .cameBack
        }
    }
}

/// Whether a frame may enter a port, and which VLAN it then belongs to. conf.db(5), `vlan_mode`.
enum VLANEntry: Equatable {
    case admitted(UInt16)
    case refused(PacketEnd)

    /// - Parameter vlanID: 0 for a frame without a tag, or with a priority tag.
    init(vlanID: UInt16, by mode: VLANMode) {
        switch mode {
        case .access(let own):
            // Even its own VLAN: a frame with a tag did not come from an access port's host.
            self = vlanID == 0 ? .admitted(own) : .refused(.taggedOnAccessPort)
        case .trunk:
            self = mode.carries(vlanID) ? .admitted(vlanID) : .refused(.vlanNotAllowed)
        case .nativeTagged(let native, _), .nativeUntagged(let native, _):
            let vlan = vlanID == 0 ? native : vlanID
            self = mode.carries(vlan) ? .admitted(vlan) : .refused(.vlanNotAllowed)
        }
    }
}

extension SwitchPort {
    /// The tag that a frame of `vlan` leaves with, which keeps the priority that it entered with.
    public func tci(ofVLAN vlan: UInt16, enteredWith tci: UInt16) -> UInt16 {
        let id: UInt16
        switch self.vlan {
        case .access: id = 0
        case .trunk, .nativeTagged: id = vlan
        case .nativeUntagged(let native, _): id = vlan == native ? 0 : vlan
        }
        let priority = tci & VLANTag.priorityMask
        let isTagged: Bool
        switch priorityTags {
        case _ where id != 0: isTagged = true
        case .never: isTagged = false
        case .ifNonzero: isTagged = priority != 0
        case .always: isTagged = true
        }
        return isTagged ? VLANTag.present | priority | id : 0
    }
}

extension MACAddress {
    /// Addresses that a bridge keeps to itself unless `forward-bpdu` is set: IEEE 802.1Q's, and
    /// those that conf.db(5) lists for other makers' discovery and spanning-tree protocols.
    public var isReservedForBridges: Bool {
        if isReservedMulticast { return true }
        switch bits {
        case 0x00e0_2b00_0000, 0x00e0_2b00_0004, 0x00e0_2b00_0006: return true
        case 0x0100_0c00_0000, 0x0100_0ccd_cdcd: return true
        case 0x0100_0ccc_ccc0...0x0100_0ccc_cccf: return true
        default: return false
        }
    }
}
