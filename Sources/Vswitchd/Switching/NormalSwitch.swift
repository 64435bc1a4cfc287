public import Flows
public import Packets

// The NORMAL switch: what an Ethernet switch with VLANs does with a frame.
//
//     frame -> port known? -> tag whole? -> not a mirror's? -> VLAN let in? -> reserved?
//                 |              |               |                |              |
//                drop           drop            drop             drop           drop
//
//           -> learn the source -> a group, and somebody listens in? -> where is the destination?
//                                         |                                |         |        |
//                                  its members, routers                behind us   known   unknown
//                                                                          |         |        |
//                                                                         drop   one port   flood
//
// A frame that came by a member of a bond has one more door to pass, before it teaches anything:
// the bond says whether this member may bring it (`Bond.verdict`). A frame that leaves by a bond
// leaves by the member that the bond chooses, which is the caller's next question.
//
// The order of the steps is Open vSwitch's (its NORMAL action, and conf.db(5) for VLANs). NORMAL
// reads of a frame the port, both addresses, the Ethernet type and the tags, and, where multicast
// snooping is on, what group it is about; nothing else.

/// The configuration of a bridge's NORMAL action.
///
/// A value whose parts lie behind one reference and never change but together: each frame is
/// decided on with a copy of it.
public struct NormalSwitch: Sendable {
    private struct Parts: Sendable {
        var ports: [SwitchPort] = []
        /// `ports`, as they are handed around while a frame is decided on.
        var placed: [PlacedPort] = []
        /// For each member's number the place of its port in `ports`, + 1; 0: of none.
        var placesByMember: [UInt32] = []
        var floodVLANs = VLANSet.none
        var forwardsReservedMulticast = false
        var mirrors: [Mirror] = []
        /// Ports that only mirrors send to.
        var mirrorOutputs: Set<SwitchPort.ID> = []
        var hasProtectedPorts = false
    }

    private final class Shared: Sendable {
        let parts: Parts
        init(_ parts: Parts) { self.parts = parts }
    }

    /// A port where it stands: to hand it on counts one reference, where to copy it counts three.
    final class PlacedPort: Sendable {
        let port: SwitchPort
        init(_ port: SwitchPort) { self.port = port }
    }

    private var shared = Shared(Parts())

    private mutating func change(_ change: (inout Parts) -> Void) {
        var parts = shared.parts
        change(&parts)
        shared = Shared(parts)
    }

    /// In ascending order of `id`; floods leave in this order.
    public var ports: [SwitchPort] { shared.parts.ports }
    /// VLANs in which nothing is learned and every frame is flooded (`flood_vlans`).
    public var floodVLANs: VLANSet {
        get { shared.parts.floodVLANs }
        set { change { $0.floodVLANs = newValue } }
    }
    /// `other_config:forward-bpdu`: relay frames that a bridge should keep to itself.
    public var forwardsReservedMulticast: Bool {
        get { shared.parts.forwardsReservedMulticast }
        set { change { $0.forwardsReservedMulticast = newValue } }
    }
    /// At most `Limits.mirrors`; the first that selects a frame copies it first.
    public var mirrors: [Mirror] { shared.parts.mirrors }
    /// Whether any port is protected, so that nothing is asked where none is.
    public var hasProtectedPorts: Bool { shared.parts.hasProtectedPorts }

    public init() {}

    /// Replaces all ports. Of two that claim one member or one ID, the first has it.
    public mutating func setPorts(_ wanted: [SwitchPort]) {
        var taken: Set<SwitchPort.ID> = []
        let ports = wanted.filter { taken.insert($0.id).inserted }.sorted { $0.id < $1.id }
        let last = ports.flatMap(\.members).max().map { Int($0) + 1 }
        var places = [UInt32](repeating: 0, count: last ?? 0)
        for (index, port) in ports.enumerated() {
            for member in port.members where places[Int(member)] == 0 {
                places[Int(member)] = UInt32(index) + 1
            }
        }
        change {
            $0.ports = ports
            $0.hasProtectedPorts = wanted.contains { $0.isProtected }
            $0.placed = ports.map { PlacedPort($0) }
            $0.placesByMember = places
        }
    }

    /// Replaces all mirrors; those above the bound are left out.
    public mutating func setMirrors(_ wanted: [Mirror]) {
        let mirrors = Array(wanted.prefix(Limits.mirrors))
        var outputs: Set<SwitchPort.ID> = []
        for mirror in mirrors {
            if case .port(let port) = mirror.output { outputs.insert(port) }
        }
        change {
            $0.mirrors = mirrors
            $0.mirrorOutputs = outputs
        }
    }

    /// Whether the port is some mirror's: what it receives is dropped, and NORMAL never chooses it.
    public func isMirrorOutput(_ port: SwitchPort.ID) -> Bool {
        hasMirrorOutputs && shared.parts.mirrorOutputs.contains(port)
    }

    public func port(ofMember number: UInt16) -> SwitchPort? { placed(ofMember: number)?.port }

    func placed(ofMember number: UInt16) -> PlacedPort? {
        guard Int(number) < shared.parts.placesByMember.count else { return nil }
        let place = Int(shared.parts.placesByMember[Int(number)])
        return place > 0 ? shared.parts.placed[place - 1] : nil
    }

    /// O(log n).
    public func port(id: SwitchPort.ID) -> SwitchPort? { placed(id: id)?.port }

    func placed(id: SwitchPort.ID) -> PlacedPort? {
        var low = 0
        var high = ports.count
        while low < high {
            let middle = (low + high) / 2
            if ports[middle].id < id { low = middle + 1 } else { high = middle }
        }
        return low < ports.count && ports[low].id == id ? shared.parts.placed[low] : nil
    }
}

/// What NORMAL looks at in a frame.
public struct NormalFrame: Hashable, Sendable {
    /// OpenFlow port that it entered by; nil: it comes from a controller.
    public var inPort: UInt16?
    public var source: MACAddress
    public var destination: MACAddress
    /// Its tags, outer first, as far as they count as tags.
    public var tags: [FrameTag]
    public var etherType: UInt16
    /// A broadcast by which a host says where it is. Only looked at where a bond may reflect it.
    public var isGratuitousARP: Bool
    /// What it is to multicast snooping; nil where that is off, or has nothing to do with it.
    public var multicast: MulticastKind?

    public init(
        inPort: UInt16?, source: MACAddress, destination: MACAddress, tags: [FrameTag],
        etherType: UInt16, isGratuitousARP: Bool = false
    ) {
        self.isGratuitousARP = isGratuitousARP
        self.inPort = inPort
        self.source = source
        self.destination = destination
        self.tags = tags
        self.etherType = etherType
    }

    /// With one tag, or none if `tci` is 0.
    public init(
        inPort: UInt16?, source: MACAddress, destination: MACAddress, tci: UInt16,
        etherType: UInt16, isGratuitousARP: Bool = false
    ) {
        self.init(
            inPort: inPort, source: source, destination: destination,
            tags: tci == 0 ? [] : [FrameTag(tci: tci)], etherType: etherType,
            isGratuitousARP: isGratuitousARP)
    }

    var outerTCI: UInt16 { tags.first?.tci ?? 0 }
}

/// What is to become of a frame.
public struct NormalDecision: Hashable, Sendable {
    public struct Output: Hashable, Sendable {
        /// OpenFlow port number; of a bond, its first member.
        public var port: UInt16
        /// The tags that the frame leaves with, outer first, in place of those it had.
        public var tags: [FrameTag]
        /// The bond that is to choose among its members; nil: there is no choice.
        public var bond: SwitchPort.ID?

        public init(port: UInt16, tags: [FrameTag], bond: SwitchPort.ID? = nil) {
            self.port = port
            self.tags = tags
            self.bond = bond
        }

        /// With one tag, or none if `tci` is 0.
        public init(port: UInt16, tci: UInt16, bond: SwitchPort.ID? = nil) {
            self.init(port: port, tags: tci == 0 ? [] : [FrameTag(tci: tci)], bond: bond)
        }
    }
    /// How the destination was found.
    public enum Reason: Hashable, Sendable {
        case known(port: SwitchPort.ID)
        case flooded
        /// By what multicast snooping knows.
        case snooped
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
    /// The port whose multicast snooping is to read the frame.
    public var snooper: SwitchPort.ID?
    /// Why a bond did not take it in; `end` is `.bondRefused` then.
    public var refusal: Bond.Refusal?
}

extension NormalSwitch {
    /// What becomes of `frame`. Changes nothing: what is to be learned stands in the decision.
    ///
    /// - Parameters:
    ///   - bonds: Those of the ports that are bonds.
    ///   - groups: Who listens to which group; nil: multicast is not snooped on.
    public func decide(
        _ frame: NormalFrame, table: MACTable, bonds: [SwitchPort.ID: Bond] = [:],
        groups: MulticastTable? = nil
    ) -> NormalDecision {
        decide(
            frame, lookUp: { table.lookup($0) }, isHeld: { table.isHeld($0) }, bonds: bonds,
            groups: groups)
    }

    /// The same for a table that lies where it need not be copied.
    ///
    /// - Parameters:
    ///   - lookUp: `MACTable.lookup`.
    ///   - isHeld: `MACTable.isHeld`.
    public func decide(
        _ frame: NormalFrame, lookUp: (MACTable.Key) -> MACTable.Entry?,
        isHeld: (MACTable.Key) -> Bool, bonds: [SwitchPort.ID: Bond], groups: MulticastTable?
    ) -> NormalDecision {
        let ingress = frame.inPort.flatMap { placed(ofMember: $0) }
        if frame.inPort != nil, ingress == nil { return NormalDecision(end: .portWithoutBridge) }
        if frame.etherType == EtherType.vlan || frame.etherType == EtherType.serviceVLAN,
            frame.tags.isEmpty
        {
            return NormalDecision(end: .malformedVLAN)
        }
        if let ingress, isMirrorOutput(ingress.port.id) {
            return NormalDecision(end: .mirrorOutputPort)
        }
        let mode = ingress?.port.vlan ?? .trunk(.all)
        let tagged = VLANStack(frame.tags)
        if let end = mode.refusal(of: tagged) { return NormalDecision(end: end) }
        let stack = mode.enter(tagged)
        let vlan = stack.vlan
        if !forwardsReservedMulticast, ingress != nil, frame.destination.isReservedForBridges {
            return NormalDecision(end: .reservedMulticast, vlan: vlan)
        }
        let bond = bonds.isEmpty ? nil : ingress.flatMap { bonds[$0.port.id] }
        if let ingress, let bond,
            let refusal = bond.refusal(frame, vlan, ingress.port.id, lookUp, isHeld)
        {
            return NormalDecision(end: .bondRefused, vlan: vlan, refusal: refusal)
        }
        var decision = NormalDecision(end: .forwarded, vlan: vlan)
        let key = MACTable.Key(vlan: vlan, mac: frame.source)
        let isReflection = frame.isGratuitousARP && bond != nil && isHeld(key)
        if let ingress, !frame.source.isMulticast, !floodVLANs.contains(vlan), !isReflection {
            decision.learning = .init(
                key: key, port: ingress.port.id, isHeld: frame.isGratuitousARP && bond == nil)
        }
        let journey = Journey(frame: frame, stack: stack, ingress: ingress, bonds: bonds)
        if let groups, let kind = frame.multicast {
            sendToGroup(kind, journey, groups, &decision)
        } else {
            findDestination(journey, lookUp, &decision)
        }
        if decision.end == .forwarded, decision.outputs.isEmpty { decision.end = .noOutputPort }
        return decision
    }

    /// A frame that was let in.
    struct Journey {
        let frame: NormalFrame
        let stack: VLANStack
        let ingress: PlacedPort?
        let bonds: [SwitchPort.ID: Bond]
    }

    /// Where the destination is, and by which ports the frame leaves for it. A known port is not
    /// asked whether it carries the VLAN: it was learned in it, or an operator has said so.
    private func findDestination(
        _ journey: Journey, _ lookUp: (MACTable.Key) -> MACTable.Entry?,
        _ decision: inout NormalDecision
    ) {
        let vlan = decision.vlan
        let destination = journey.frame.destination
        guard !floodVLANs.contains(vlan), !destination.isMulticast else {
            return flood(journey, &decision)
        }
        var known = lookUp(.init(vlan: vlan, mac: destination))?.port
        if known == nil, destination == journey.frame.source {
            // What it teaches counts before it is asked.
            known = decision.learning?.port
        }
        guard let known, let placed = placed(id: known) else { return flood(journey, &decision) }
        decision.reason = .known(port: known)
        if isMirrorOutput(known) {
            decision.end = .mirrorOutputPort
        } else if known == journey.ingress?.port.id {
            decision.end = .destinationOnIngressPort
        } else {
            send(journey, by: placed.port, &decision)
        }
    }

    func flood(_ journey: Journey, _ decision: inout NormalDecision) {
        decision.reason = .flooded
        for egress in ports
        where egress.id != journey.ingress?.port.id && egress.isFloodable
            && !isMirrorOutput(egress.id) && egress.vlan.carries(journey.stack)
        {
            send(journey, by: egress, &decision)
        }
    }

    func send(_ journey: Journey, by egress: SwitchPort, _ decision: inout NormalDecision) {
        guard !(egress.isProtected && journey.ingress?.port.isProtected == true) else { return }
        let tci = journey.frame.outerTCI
        guard let output = output(journey.stack, tci: tci, by: egress, journey.bonds) else {
            return
        }
        decision.outputs.append(output)
    }

    /// Whether a port is some mirror's.
    public var hasMirrorOutputs: Bool { !shared.parts.mirrorOutputs.isEmpty }

    /// How a frame with `stack` leaves by `egress`; nil: by no member of it.
    ///
    /// - Parameter tci: The outer tag that it has now.
    public func output(
        _ stack: VLANStack, tci: UInt16, by egress: SwitchPort, _ bonds: [SwitchPort.ID: Bond]
    ) -> NormalDecision.Output? {
        egress.activeMember.map {
            .init(
                port: $0, tags: egress.tags(of: stack, enteredWith: tci),
                bond: bonds[egress.id] == nil ? nil : egress.id)
        }
    }
}

extension Bond {
    /// Why `frame`, which came by a member of this bond, is not taken in; nil: it is.
    fileprivate func refusal(
        _ frame: NormalFrame, _ vlan: UInt16, _ port: SwitchPort.ID,
        _ lookUp: (MACTable.Key) -> MACTable.Entry?, _ isHeld: (MACTable.Key) -> Bool
    ) -> Refusal? {
        let isMulticast = frame.destination.isMulticast
        switch verdict(from: frame.inPort ?? 0, isMulticast: isMulticast) {
        case .accept: return nil
        case .drop(let refusal): return refusal
        case .acceptUnlessMoved:
            let key = MACTable.Key(vlan: vlan, mac: frame.source)
            guard let known = lookUp(key), known.port != port else { return nil }
            // A host may have moved to the other side of the bond, and says so itself; but not
            // just after it said that it is on this side.
            return frame.isGratuitousARP && !isHeld(key) ? nil : .cameBack
        }
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
        case 0x0100_0ccc_ccc0...0x0100_0ccc_ccc7: return true
        case 0x0100_0ccc_cccc, 0x0100_0ccc_cccd: return true
        default: return false
        }
    }
}
