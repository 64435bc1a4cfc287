// How neighbours on a link tell each other who they are: IEEE 802.1AB-2016.
//
// A unit is a row of type-length-values, three of which must come first:
//
//     | type (7 bits) length (9 bits) | value |  1 chassis, 2 port, 3 lifetime, ..., 0 end
//
// It is sent again and again and never answered. What is not understood is passed over
// (§9.2.7.7.4).

/// A chassis or a port: a kind of identifier, and its octets (§8.5.2, §8.5.3).
public struct LLDPIdentifier: Hashable, Sendable {
    public var subtype: UInt8
    /// 1 to 255.
    public var octets: [UInt8]

    public init(subtype: UInt8, octets: [UInt8]) {
        self.subtype = subtype
        self.octets = octets
    }
}

/// A neighbour's description of itself.
public struct LLDPUnit: Hashable, Sendable {
    /// 01:80:c2:00:00:0e, the nearest bridge (§7.1).
    public static let group = MACAddress(bits: 0x0180_c200_000e)
    /// Subtypes of a chassis that is a MAC address, and of a port that is an interface's name.
    public static let macAddress: UInt8 = 4
    public static let interfaceName: UInt8 = 5
    /// Most octets of an identifier or a text (§8.5.2.1, §8.5.6.1).
    public static let valueByteCountMax = 255

    public var chassis: LLDPIdentifier
    public var port: LLDPIdentifier
    /// Seconds for which this is true; 0: it is true no more (§8.5.4).
    public var timeToLive: UInt16
    public var portDescription: String?
    public var systemName: String?
    public var systemDescription: String?

    public init(
        chassis: LLDPIdentifier, port: LLDPIdentifier, timeToLive: UInt16,
        portDescription: String? = nil, systemName: String? = nil,
        systemDescription: String? = nil
    ) {
        self.chassis = chassis
        self.port = port
        self.timeToLive = timeToLive
        self.portDescription = portDescription
        self.systemName = systemName
        self.systemDescription = systemDescription
    }

    /// Reads what follows the Ethernet header of a frame of type 0x88cc.
    public init(checking payload: RawSpan) throws(LLDPUnitError) {
        var walk = LLDPWalk(offset: 0)
        let (chassis, port, lifetime) = (
            try walk.next(payload, wants: 1, atLeast: 2, atMost: 256),
            try walk.next(payload, wants: 2, atLeast: 2, atMost: 256),
            try walk.next(payload, wants: 3, atLeast: 2, atMost: 511)
        )
        self.init(
            chassis: Self.identifier(payload, chassis), port: Self.identifier(payload, port),
            timeToLive: payload.bigEndian16(at: lifetime.lowerBound))
        while let (type, value) = try walk.next(payload), type != 0 {
            switch type {
            case 4: portDescription = portDescription ?? Self.text(payload, value)
            case 5: systemName = systemName ?? Self.text(payload, value)
            case 6: systemDescription = systemDescription ?? Self.text(payload, value)
            default: break
            }
        }
    }

    private static func identifier(_ bytes: RawSpan, _ value: Range<Int>) -> LLDPIdentifier {
        LLDPIdentifier(
            subtype: bytes.octet(at: value.lowerBound),
            octets: value.dropFirst().map { bytes.octet(at: $0) })
    }

    private static func text(_ bytes: RawSpan, _ value: Range<Int>) -> String {
        let octets = value.prefix(valueByteCountMax).map { bytes.octet(at: $0) }
        return String(decoding: octets, as: UTF8.self)
    }

    /// The whole frame, as it leaves the interface with address `source`. Values that are too long
    /// are cut.
    public func frame(from source: MACAddress) -> [UInt8] {
        var bytes = FrameHead.ethernet(to: Self.group, from: source, type: EtherType.lldp)
        func add(_ type: UInt16, _ value: [UInt8]) {
            bytes.append(octets: UInt64(type << 9 | UInt16(value.count)), count: 2)
            bytes += value
        }
        func add(_ type: UInt16, _ text: String?) {
            guard let text else { return }
            add(type, Array(text.utf8.prefix(Self.valueByteCountMax)))
        }
        for (type, id) in [(1, chassis), (2, port)] as [(UInt16, LLDPIdentifier)] {
            add(type, [id.subtype] + id.octets.prefix(Self.valueByteCountMax))
        }
        add(3, [UInt8(timeToLive >> 8), UInt8(timeToLive & 0xff)])
        add(4, portDescription)
        add(5, systemName)
        add(6, systemDescription)
        add(0, [])
        if bytes.count < 60 { bytes += [UInt8](repeating: 0, count: 60 - bytes.count) }
        return bytes
    }
}

/// Goes from one type-length-value to the next.
private struct LLDPWalk {
    var offset: Int

    /// nil at the end of the bytes.
    mutating func next(
        _ bytes: RawSpan
    ) throws(LLDPUnitError) -> (type: UInt8, value: Range<Int>)? {
        guard offset < bytes.byteCount else { return nil }
        guard bytes.byteCount - offset >= 2 else { throw .truncated(offset: offset) }
        let head = bytes.bigEndian16(at: offset)
        let (start, count) = (offset + 2, Int(head & 0x1ff))
        guard bytes.byteCount - start >= count else { throw .truncated(offset: offset) }
        offset = start + count
        return (UInt8(head >> 9), start..<start + count)
    }

    mutating func next(
        _ bytes: RawSpan, wants type: UInt8, atLeast low: Int, atMost high: Int
    ) throws(LLDPUnitError) -> Range<Int> {
        let at = offset
        guard let (found, value) = try next(bytes) else { throw .truncated(offset: at) }
        guard found == type, value.count >= low, value.count <= high else {
            throw .malformed(offset: at)
        }
        return value
    }
}

/// Why a frame of type 0x88cc is no LLDPDU (§9.2.7.7.1).
public enum LLDPUnitError: Error, Hashable, Sendable {
    /// What begins at this byte is not wholly there.
    case truncated(offset: Int)
    /// Not what must stand at this byte.
    case malformed(offset: Int)
}
