// What two ends of an aggregated link say to each other.
//
// A unit is a picture of both ends as the sender sees them: "this is what I am, and this is what I
// believe you to be". Whoever reads it can tell whether the other side believes the right thing,
// and answers if not.
//
//      0            1           2..21        22..41        42..57
//     | subtype 1 | version | 1, 20, actor | 2, 20, partner | 3, 16, collector | zeros to 110
//
//     actor, partner:  type and length (2), system priority (2), system (6), key (2),
//                      port priority (2), port (2), state (1), zeros (3)

/// One end of a link as LACP describes it. IEEE 802.1AX-2014 §6.4.2.3.
public struct LACPEnd: Hashable, Sendable {
    /// The smaller, the more it decides.
    public var systemPriority: UInt16
    public var system: MACAddress
    /// Links of a system with the same key may be aggregated.
    public var key: UInt16
    public var portPriority: UInt16
    public var port: UInt16
    public var state: State

    public init(
        systemPriority: UInt16 = 0, system: MACAddress = .zero, key: UInt16 = 0,
        portPriority: UInt16 = 0, port: UInt16 = 0, state: State = []
    ) {
        self.systemPriority = systemPriority
        self.system = system
        self.key = key
        self.portPriority = portPriority
        self.port = port
        self.state = state
    }

    /// The octet of §6.4.2.3, item m.
    public struct State: OptionSet, Hashable, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        /// Speaks without being spoken to.
        public static let activity = State(rawValue: 1 << 0)
        /// Asks the other end for a unit each second, rather than each 30 s.
        public static let shortTimeout = State(rawValue: 1 << 1)
        /// May be aggregated.
        public static let aggregation = State(rawValue: 1 << 2)
        /// Belongs to the right aggregator.
        public static let synchronization = State(rawValue: 1 << 3)
        public static let collecting = State(rawValue: 1 << 4)
        public static let distributing = State(rawValue: 1 << 5)
        /// What it says of its partner is its own assumption.
        public static let defaulted = State(rawValue: 1 << 6)
        /// It has not heard from its partner for too long.
        public static let expired = State(rawValue: 1 << 7)
    }
}

/// A LACPDU, version 1.
public struct LACPUnit: Hashable, Sendable {
    /// Where LACPDUs and markers go (§6.2.11.3): no bridge relays it.
    public static let group = MACAddress(bits: 0x0180_c200_0002)
    /// Bytes behind the Ethernet header.
    public static let byteCount = 110
    private static let lacp: UInt8 = 1
    private static let marker: UInt8 = 2
    private static let endByteCount: UInt8 = 20

    public var actor: LACPEnd
    public var partner: LACPEnd
    /// Tens of microseconds that a frame may wait at the receiver.
    public var collectorMaxDelay: UInt16

    public init(actor: LACPEnd, partner: LACPEnd, collectorMaxDelay: UInt16 = 0) {
        self.actor = actor
        self.partner = partner
        self.collectorMaxDelay = collectorMaxDelay
    }

    /// Reads what follows the Ethernet header of a frame of type 0x8809. Later versions and what
    /// stands in reserved places are taken as version 1 has it (§6.4.2.3).
    ///
    /// - Throws: `.marker` for a unit of the marker protocol, which is no fault.
    public init(checking payload: RawSpan) throws(LACPUnitError) {
        guard payload.byteCount >= Self.byteCount else {
            throw .truncated(available: payload.byteCount)
        }
        guard payload.octet(at: 0) != Self.marker else { throw .marker }
        guard payload.octet(at: 0) == Self.lacp else {
            throw .unknownSubtype(payload.octet(at: 0))
        }
        for (offset, type) in [(2, 1), (22, 2)] as [(Int, UInt8)] {
            guard payload.octet(at: offset) == type,
                payload.octet(at: offset + 1) == Self.endByteCount
            else { throw .malformed(offset: offset) }
        }
        actor = Self.end(payload, at: 4)
        partner = Self.end(payload, at: 24)
        collectorMaxDelay = payload.bigEndian16(at: 44)
    }

    private static func end(_ bytes: RawSpan, at offset: Int) -> LACPEnd {
        LACPEnd(
            systemPriority: bytes.bigEndian16(at: offset),
            system: bytes.macAddress(at: offset + 2), key: bytes.bigEndian16(at: offset + 8),
            portPriority: bytes.bigEndian16(at: offset + 10),
            port: bytes.bigEndian16(at: offset + 12),
            state: .init(rawValue: bytes.octet(at: offset + 14)))
    }

    /// The whole frame, 124 bytes, as it leaves the interface with address `source`.
    public func frame(from source: MACAddress) -> [UInt8] {
        var bytes = FrameHead.ethernet(to: Self.group, from: source, type: EtherType.lacp)
        let payload = bytes.count
        bytes += [Self.lacp, 1, 1, Self.endByteCount]
        Self.append(actor, to: &bytes)
        bytes += [2, Self.endByteCount]
        Self.append(partner, to: &bytes)
        bytes += [3, 16]
        bytes.append(octets: UInt64(collectorMaxDelay), count: 2)
        bytes += [UInt8](repeating: 0, count: payload + Self.byteCount - bytes.count)
        return bytes
    }

    private static func append(_ end: LACPEnd, to bytes: inout [UInt8]) {
        bytes.append(octets: UInt64(end.systemPriority), count: 2)
        bytes.append(octets: end.system.bits, count: 6)
        bytes.append(octets: UInt64(end.key), count: 2)
        bytes.append(octets: UInt64(end.portPriority), count: 2)
        bytes.append(octets: UInt64(end.port), count: 2)
        bytes += [end.state.rawValue, 0, 0, 0]
    }
}

/// Why a frame of type 0x8809 is no LACPDU.
public enum LACPUnitError: Error, Hashable, Sendable {
    case truncated(available: Int)
    /// The marker protocol (§6.5), which is optional.
    case marker
    /// Another slow protocol (IEEE 802.3 annex 57A).
    case unknownSubtype(UInt8)
    /// The type or length at this byte is not what version 1 has there.
    case malformed(offset: Int)
}
