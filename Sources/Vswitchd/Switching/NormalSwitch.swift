public import Flows
public import Packets
public import Timekeeping

// The NORMAL switch: what an Ethernet switch with VLANs does with a frame.
//
//     frame ──> port known? ──> tag whole? ──> VLAN allowed in? ──> reserved address? ──> learn source
//                  │               │                │                     │                   │
//                  v               v                v                     v                   v
//                 drop            drop             drop                  drop      where is the destination?
//                                                                                 │         │          │
//                                                                              behind us   known    unknown
//                                                                                 v         v          v
//                                                                               drop     one port    flood

/// The configuration of a bridge's NORMAL action.
public struct NormalSwitch: Sendable {
    /// In ascending order of `id`; floods leave in this order.
    public private(set) var ports: [SwitchPort] = []
    /// VLANs in which nothing is learned and every frame is flooded (`flood_vlans`).
    public var floodVLANs = VLANSet.none
    /// `other_config:forward-bpdu`: relay frames that a bridge should keep to itself.
    public var forwardsReservedMulticast = false

    public init() {}

    /// Replaces all ports. Of two that claim one member, the lower id has it.
    public mutating func setPorts(_ ports: [SwitchPort]) {}
    public func port(ofMember number: UInt16) -> SwitchPort? { nil }
    public func port(id: SwitchPort.ID) -> SwitchPort? { nil }
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
    public init(
        inPort: UInt16?, source: MACAddress, destination: MACAddress, tci: UInt16,
        etherType: UInt16
    ) {
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
        /// OpenFlow port number.
        public var port: UInt16
        /// The tag that the frame leaves with, as in a flow key; 0 = none.
        public var tci: UInt16
        public init(port: UInt16, tci: UInt16) {
            self.port = port
            self.tci = tci
        }
    }
    public enum Reason: Hashable, Sendable { case known, flooded, dropped }

    public var outputs: [Output]
    /// Why it leaves by no port; `.forwarded` if it does.
    public var end: PacketEnd
    public var reason: Reason
    /// The VLAN that it belongs to; 0 if that was not decided.
    public var vlan: UInt16
    /// What its source address teaches.
    public var learning: Learning?

    public struct Learning: Hashable, Sendable {
        public var key: MACTable.Key
        public var port: SwitchPort.ID
    }
}

extension NormalSwitch {
    public func decide(_ frame: NormalFrame, table: MACTable, now: Instant) -> NormalDecision {
        NormalDecision(outputs: [], end: .noOutputPort, reason: .dropped, vlan: 0)
    }
}
