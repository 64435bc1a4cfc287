// What bridges say to each other so that no frame goes round in circles.
//
// Every bridge tells its neighbours which bridge it believes to be the root, how far away that is,
// and who it is itself. Whoever hears something better believes that. What is best of all spreads,
// and each bridge then knows which of its ports lead to the root and which would close a circle.
//
//      0..1      2         3       4       5..12     13..16      17..24     25..26
//     | 0, 0 | version | type |  flags | root  | path cost | bridge | port |
//      27..28         29..30      31..32        33..34            35
//     | message age | max age | hello time | forward delay | version 1 length |
//
// A topology change notification ends behind its type, a configuration BPDU of the old protocol
// behind the forward delay. All stand behind an 802.3 length and an LLC header. IEEE 802.1D-2004
// clause 9.

/// A bridge, and how much it wants to be the root: the smaller, the more. §9.2.5.
public struct BridgeIdentifier: Hashable, Comparable, Sendable {
    /// The priority in the 16 high bits, the address in the others.
    public var bits: UInt64

    public init(bits: UInt64) { self.bits = bits }
    public init(priority: UInt16, address: MACAddress) {
        bits = UInt64(priority) << 48 | address.bits
    }

    /// With the system ID extension in the 12 low bits.
    public var priority: UInt16 { UInt16(truncatingIfNeeded: bits >> 48) }
    public var address: MACAddress { MACAddress(bits: bits) }

    public static func < (a: Self, b: Self) -> Bool { a.bits < b.bits }
}

/// A bridge protocol data unit.
public enum BPDU: Hashable, Sendable {
    /// Of the Spanning Tree Protocol, §9.3.1.
    case configuration(Message)
    /// §9.3.2.
    case topologyChangeNotification
    /// Of the Rapid Spanning Tree Protocol, §9.3.3.
    case rapid(Message)

    /// Where BPDUs go, Table 7-9: no bridge relays it.
    public static let group = MACAddress(bits: 0x0180_c200_0000)

    /// What a configuration or rapid BPDU says. The times are in units of 1/256 s.
    public struct Message: Hashable, Sendable {
        public var flags: Flags
        public var root: BridgeIdentifier
        public var rootPathCost: UInt32
        public var bridge: BridgeIdentifier
        /// The priority in the high bits, the number of the port in the low ones.
        public var port: UInt16
        public var messageAge: UInt16
        public var maxAge: UInt16
        public var helloTime: UInt16
        public var forwardDelay: UInt16

        public init(
            flags: Flags, root: BridgeIdentifier, rootPathCost: UInt32, bridge: BridgeIdentifier,
            port: UInt16, messageAge: UInt16, maxAge: UInt16, helloTime: UInt16,
            forwardDelay: UInt16
        ) {
            self.flags = flags
            self.root = root
            self.rootPathCost = rootPathCost
            self.bridge = bridge
            self.port = port
            self.messageAge = messageAge
            self.maxAge = maxAge
            self.helloTime = helloTime
            self.forwardDelay = forwardDelay
        }
    }

    /// §9.2.2 (old) and §9.2.9 (rapid): the old protocol has the first and the last.
    public struct Flags: OptionSet, Hashable, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        public static let topologyChange = Flags(rawValue: 1 << 0)
        public static let proposal = Flags(rawValue: 1 << 1)
        public static let learning = Flags(rawValue: 1 << 4)
        public static let forwarding = Flags(rawValue: 1 << 5)
        public static let agreement = Flags(rawValue: 1 << 6)
        public static let topologyChangeAcknowledgment = Flags(rawValue: 1 << 7)

        /// The role of the port that the BPDU left by.
        public enum Role: UInt8, Hashable, Sendable {
            case unknown = 0
            case alternateOrBackup = 1
            case root = 2
            case designated = 3
        }

        public var role: Role { Role(rawValue: rawValue >> 2 & 3) ?? .unknown }

        public init(_ flags: Flags, role: Role) {
            rawValue = flags.rawValue & ~0b1100 | role.rawValue << 2
        }
    }
}

/// Why a frame to the bridges' group is no BPDU of ours.
public enum BPDUError: Error, Hashable, Sendable {
    case truncated(available: Int)
    /// Not the spanning tree's LLC address, so another protocol.
    case otherProtocol
    /// The type, or its version, is none of 802.1D.
    case unknownType(UInt8, version: UInt8)
    /// Its information is older than it says that information may be.
    case tooOld
}

extension BPDU {
    private static let ethernetByteCount = 14
    private static let llc: [UInt8] = [0x42, 0x42, 0x03]
    private enum Kind {
        static let configuration: UInt8 = 0x00
        static let rapid: UInt8 = 0x02
        static let notification: UInt8 = 0x80
    }

    /// Reads a whole frame, and validates it as §9.3.4 asks. What stands behind the unit, and bits
    /// that a later version gave a meaning, are not looked at.
    public init(checking frame: RawSpan) throws(BPDUError) {
        let start = Self.ethernetByteCount + Self.llc.count
        guard frame.byteCount >= start else { throw .truncated(available: frame.byteCount) }
        guard frame.octet(at: 14) == 0x42, frame.octet(at: 15) == 0x42, frame.octet(at: 16) == 3
        else { throw .otherProtocol }
        // The length of 802.3 leaves out what pads the frame to its 60 bytes.
        let claimed = Self.ethernetByteCount + Int(frame.bigEndian16(at: 12))
        guard claimed <= frame.byteCount, claimed >= start + 4 else {
            throw .truncated(available: frame.byteCount)
        }
        try self.init(checkingUnit: frame.extracting(start..<claimed))
    }

    /// - Parameter bytes: From the protocol identifier to the end of the unit; at least four.
    private init(checkingUnit bytes: RawSpan) throws(BPDUError) {
        guard bytes.bigEndian16(at: 0) == 0 else { throw .otherProtocol }
        let (version, type) = (bytes.octet(at: 2), bytes.octet(at: 3))
        switch type {
        case Kind.notification:
            self = .topologyChangeNotification
        case Kind.configuration:
            guard bytes.byteCount >= 35 else { throw .truncated(available: bytes.byteCount) }
            let message = Message(bytes)
            guard message.messageAge < message.maxAge else { throw .tooOld }
            self = .configuration(message)
        case Kind.rapid where version >= 2:
            guard bytes.byteCount >= 36 else { throw .truncated(available: bytes.byteCount) }
            self = .rapid(Message(bytes))
        default:
            throw .unknownType(type, version: version)
        }
    }

    /// The whole frame, 60 bytes, as it leaves the interface with address `source`.
    public func frame(from source: MACAddress) -> [UInt8] {
        var unit: [UInt8] = Self.llc + [0, 0]
        switch self {
        case .topologyChangeNotification:
            unit += [0, Kind.notification]
        case .configuration(let message):
            unit += [0, Kind.configuration]
            message.append(to: &unit, keeping: [.topologyChange, .topologyChangeAcknowledgment])
        case .rapid(let message):
            unit += [2, Kind.rapid]
            message.append(to: &unit, keeping: Flags(rawValue: 0x7f))
            unit.append(0)
        }
        var bytes = FrameHead.ethernet(
            to: Self.group, from: source, type: UInt16(truncatingIfNeeded: unit.count))
        bytes += unit
        bytes += [UInt8](repeating: 0, count: max(0, 60 - bytes.count))
        return bytes
    }
}

extension BPDU.Message {
    /// - Parameter bytes: At least 35.
    fileprivate init(_ bytes: RawSpan) {
        self.init(
            flags: .init(rawValue: bytes.octet(at: 4)),
            root: .init(bits: bytes.bigEndian64(at: 5)), rootPathCost: bytes.bigEndian32(at: 13),
            bridge: .init(bits: bytes.bigEndian64(at: 17)), port: bytes.bigEndian16(at: 25),
            messageAge: bytes.bigEndian16(at: 27), maxAge: bytes.bigEndian16(at: 29),
            helloTime: bytes.bigEndian16(at: 31), forwardDelay: bytes.bigEndian16(at: 33))
    }

    fileprivate func append(to bytes: inout [UInt8], keeping known: BPDU.Flags) {
        bytes.append(flags.rawValue & known.rawValue)
        bytes.append(octets: root.bits, count: 8)
        bytes.append(octets: UInt64(rootPathCost), count: 4)
        bytes.append(octets: bridge.bits, count: 8)
        for number in [port, messageAge, maxAge, helloTime, forwardDelay] {
            bytes.append(octets: UInt64(number), count: 2)
        }
    }
}
