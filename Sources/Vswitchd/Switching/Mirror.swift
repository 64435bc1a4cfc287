// Copies of what passes, for somebody who watches.
//
// A mirror selects frames by the ports that they enter or leave by, and by VLAN, and sends a copy
// to one port (SPAN) or into one VLAN (RSPAN). Its output port is for mirrors only. conf.db(5),
// "Mirror Table".
//
// No destination gets a frame twice: of several mirrors with one destination only the first copies
// it. A frame that was changed on its way counts as another frame (`Translator+Mirrors.swift`).

/// A row of `Mirror`.
public struct Mirror: Hashable, Sendable {
    /// A number that stays with the row while it stands; its counters hang on it.
    public typealias ID = UInt32

    /// Where copies go.
    public enum Output: Hashable, Sendable {
        case port(SwitchPort.ID)
        case vlan(UInt16)
    }

    public var id: ID
    /// Which frames: by the port that they enter by, or leave by. Every mirror selects some port;
    /// `select_all` means all of both.
    public var sources: Set<SwitchPort.ID>
    public var destinations: Set<SwitchPort.ID>
    /// Of these only those in some VLANs; nil means in all.
    public var vlans: VLANSet?
    public var output: Output
    /// How much of a frame is copied, in bytes (`snaplen`, 14 to 65535); nil: all of it.
    public var snapLength: UInt16?

    public init(
        id: ID, sources: Set<SwitchPort.ID>, destinations: Set<SwitchPort.ID>,
        vlans: VLANSet? = nil, output: Output, snapLength: UInt16? = nil
    ) {
        self.id = id
        self.sources = sources
        self.destinations = destinations
        self.vlans = vlans
        self.output = output
        self.snapLength = snapLength
    }

    /// What has been copied since the mirror was made (`Mirror.statistics`); bytes as they were
    /// before any were cut off.
    public struct Counters: Hashable, Sendable {
        public var packets: UInt64 = 0
        public var bytes: UInt64 = 0
        public init() {}
    }
}

/// Some of a bridge's mirrors, by their place in `NormalSwitch.mirrors`.
public struct MirrorSet: Hashable, Sendable {
    private var bits: UInt32 = 0
    public init() {}
    public static let all = MirrorSet(bits: .max)

    private init(bits: UInt32) { self.bits = bits }

    public func contains(_ place: Int) -> Bool { bits & 1 << UInt32(place) != 0 }
    public mutating func insert(_ place: Int) { bits |= 1 << UInt32(place) }
}

extension NormalSwitch {
    /// Places of the mirrors that look at `port`, ascending.
    public func mirrors(at port: SwitchPort.ID, arriving: Bool) -> [Int] {
        mirrors.indices.filter {
            (arriving ? mirrors[$0].sources : mirrors[$0].destinations).contains(port)
        }
    }

    /// Marks the mirror at `place`, and all with its destination, as served.
    public func serve(_ place: Int, in served: inout MirrorSet) {
        for other in mirrors.indices where mirrors[other].output == mirrors[place].output {
            served.insert(other)
        }
    }
}
