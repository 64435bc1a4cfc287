public import Flows
public import OpenFlow
import Packets

// What a `userspace` action of the datapath carries, so that the packet that comes up with it can
// be turned into a packet-in without asking any table again: when it arrives, the rule that sent it
// may be gone.
//
//     byte 0     1        2..3        4..5        6       7           8..11
//     | layout | reason | controller | maxLength | table | registers | bridge |
//     12..19        20..21    22..29     30..33        34..37         38..
//     | rule cookie | in port | metadata | packet type | continuation | registers | userdata |
//
// Byte 7 is 1 if there are registers, 16 of 4 bytes. A continuation of 0 is none.
//
// Numbers are big-endian. Nobody but us reads it.

/// The cookie of a packet on its way to a controller.
public struct ControllerCookie: Hashable, Sendable {
    public var bridge: Int
    public var reason: PacketIn.Reason
    public var controllerID: UInt16
    /// As the action has it. It counts only for packets that are kept in a buffer, of which there
    /// are none: the controller gets the whole packet (1.3.5 §7.4.1).
    public var maxLength: UInt16
    public var table: UInt8
    /// The rule's cookie; all ones if no rule sent it (packet-out, table miss).
    public var ruleCookie: UInt64
    public var inPort: PortNumber
    public var metadata: UInt64
    /// reg0 to reg15; empty if all are 0, as they nearly always are.
    public var registers: [UInt32]
    /// What the action sends along.
    public var userdata: [UInt8]
    /// Not 0: the controller gets what stands behind the Ethernet header.
    public var packetType: UInt32
    /// Where the packet's translation goes on when the controller says so.
    public var continuation: UInt32?

    private static let layout: UInt8 = 3
    private static let shortByteCount = 38
    private static let longByteCount = shortByteCount + 4 * FlowField.registerCount
    private static let ethernetByteCount = 14

    public init(
        bridge: Int, reason: PacketIn.Reason, controllerID: UInt16, maxLength: UInt16,
        table: UInt8, ruleCookie: UInt64, key: PipelineKey, userdata: [UInt8] = []
    ) {
        self.userdata = userdata
        self.bridge = bridge
        self.reason = reason
        self.controllerID = controllerID
        self.maxLength = maxLength
        self.table = table
        self.ruleCookie = ruleCookie
        inPort = PortNumber(UInt16(truncatingIfNeeded: key.packet.inPort))
        metadata = key.metadata
        packetType = key.packetType
        let isUsed = (0..<FlowField.registerCount).contains { key[register: $0] != 0 }
        registers = isUsed ? (0..<FlowField.registerCount).map { key[register: $0] } : []
    }

    /// 38 bytes, or 102 if a register is not 0; then the userdata.
    public var encoded: [UInt8] {
        var bytes: [UInt8] = [Self.layout, reason.rawValue]
        bytes.append(bigEndian: controllerID)
        bytes.append(bigEndian: maxLength)
        bytes += [table, registers.isEmpty ? 0 : 1]
        bytes.append(bigEndian: UInt32(truncatingIfNeeded: bridge))
        bytes.append(bigEndian: ruleCookie)
        bytes.append(bigEndian: inPort.rawValue)
        bytes.append(bigEndian: metadata)
        bytes.append(bigEndian: packetType)
        bytes.append(bigEndian: continuation ?? 0)
        for register in registers { bytes.append(bigEndian: register) }
        return bytes + userdata
    }

    /// nil: not a cookie of this layout.
    public init?(_ bytes: [UInt8]) {
        // Safe: the span is of an array that lives through this call.
        let span = unsafe bytes.span.bytes
        guard span.byteCount >= Self.shortByteCount, span.octet(at: 0) == Self.layout,
            let reason = PacketIn.Reason(rawValue: span.octet(at: 1))
        else { return nil }
        self.reason = reason
        controllerID = span.bigEndian16(at: 2)
        maxLength = span.bigEndian16(at: 4)
        table = span.octet(at: 6)
        bridge = Int(span.bigEndian32(at: 8))
        ruleCookie = span.bigEndian64(at: 12)
        inPort = PortNumber(span.bigEndian16(at: 20))
        metadata = span.bigEndian64(at: 22)
        packetType = span.bigEndian32(at: 30)
        let number = span.bigEndian32(at: 34)
        continuation = number == 0 ? nil : number
        registers = []
        let hasRegisters = span.octet(at: 7) == 1
        let end = hasRegisters ? Self.longByteCount : Self.shortByteCount
        guard span.byteCount >= end else { return nil }
        userdata = Array(bytes.dropFirst(end))
        guard hasRegisters else { return }
        func word(_ index: Int) -> UInt32 { span.bigEndian32(at: Self.shortByteCount + 4 * index) }
        for index in 0..<FlowField.registerCount { registers.append(word(index)) }
    }

    /// The packet-in for a packet that came up with this cookie. `totalByteCount` is its length
    /// before the datapath cut it.
    public func packetIn(bytes: [UInt8], totalByteCount: Int) -> PacketIn {
        var match = Match()
        match.set(.inPort, to: FieldValue(low: UInt64(inPort.rawValue)))
        if metadata != 0 { match.set(.metadata, to: FieldValue(low: metadata)) }
        for (index, value) in registers.enumerated() where value != 0 {
            match.set(.reg(index), to: FieldValue(low: UInt64(value)))
        }
        // One that waits keeps its header: it comes back as it is.
        let skipped = packetType == 0 || continuation != nil ? 0 : Self.ethernetByteCount
        if skipped > 0 { match.set(.packetType, to: FieldValue(low: UInt64(packetType))) }
        var packet = PacketIn(
            bytes: Array(bytes.dropFirst(skipped)),
            totalByteCount: max(totalByteCount - skipped, 0),
            reason: reason, table: table, cookie: ruleCookie, match: match, inPort: inPort)
        packet.userdata = userdata
        packet.continuation = continuation.map { ContinuationToken(number: $0).bytes }
        return packet
    }
}

/// What stands in a packet-in for the rest of a packet's translation, and comes back with
/// NXT_RESUME: one property that nobody but us knows, so that tools pass over it.
struct ContinuationToken {
    var number: UInt32

    private static let head: [UInt8] = [0x81, 0x00, 0, 8]

    init(number: UInt32) { self.number = number }

    /// nil: not ours.
    init?(_ bytes: [UInt8]) {
        guard bytes.count == 8, Array(bytes.prefix(4)) == Self.head else { return nil }
        number = bytes.dropFirst(4).reduce(0) { $0 << 8 | UInt32($1) }
    }

    var bytes: [UInt8] {
        var bytes = Self.head
        bytes.append(bigEndian: number)
        return bytes
    }
}

extension [UInt8] {
    fileprivate mutating func append(bigEndian value: some FixedWidthInteger) {
        var shift = value.bitWidth - 8
        while shift >= 0 {
            append(UInt8(truncatingIfNeeded: value >> shift))
            shift -= 8
        }
    }
}
