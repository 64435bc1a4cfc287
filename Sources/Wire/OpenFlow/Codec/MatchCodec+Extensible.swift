import Flows
import Packets

// Matches as a list of (header, value, mask): NXM in Nicira's messages, OXM from 1.2 on.
//
// Header: class (16 bits), field (7), has-mask (1), length of value and mask in bytes (8).
// OpenFlow 1.3.5 §7.2.3.2. Both kinds of header are understood everywhere, as in Open vSwitch,
// whose OXM uses NXM headers for what the standard has no field for.

enum ExtensibleKind {
    case nxm, oxm
    /// OXM with those fields as the standard's own that were the ONF's before 1.5.
    case oxm15

    static func of(_ version: OpenFlowVersion) -> Self {
        version < .v12 ? .nxm : version < .v15 ? .oxm : .oxm15
    }
}

/// A match, and the cookie that NXM lets stand among the fields.
struct ExtensibleMatch {
    var match = Match()
    var cookie: Masked<UInt64>?
}

enum ExtensibleCodec {
    /// NXM_NX_COOKIE: class 1, field 30, which with one byte in place of eight is the MPLS TTL.
    private static let cookieNumber: UInt32 = 1 << 7 | 30

    /// NXM_NX_TUN_METADATA0 to 63: Geneve options, of which the table maps none.
    private static let tunnelOptionNumbers: ClosedRange<UInt32> = (1 << 7 | 40)...(1 << 7 | 103)

    // Reading.

    /// Reads fields up to the reader's end, which must be exactly after the last.
    static func read(_ reader: inout OctetReader) throws(OpenFlowErrorCode) -> ExtensibleMatch {
        var result = ExtensibleMatch()
        while !reader.isAtEnd { try readEntry(&reader, into: &result) }
        return result
    }

    private static func readEntry(
        _ reader: inout OctetReader, into result: inout ExtensibleMatch
    ) throws(OpenFlowErrorCode) {
        let header = try reader.u32()
        var body = try reader.window(Int(header & 0xff), fault: .badMatchLength)
        let hasMask = header & 0x100 != 0
        let number = header >> 9
        if number == cookieNumber, body.remaining == (hasMask ? 16 : 8) {
            guard result.cookie == nil else { throw .duplicateMatchField }
            let value = try body.u64()
            let mask = hasMask ? try body.u64() : ~0
            guard value & ~mask == 0 else { throw .badMatchWildcards }
            result.cookie = Masked(value, mask: mask)
            return
        }
        try checkServiceHeader(number, body, result.match)
        let field = try field(number: number, body: &body, unknown: .badMatchField)
        let width = wireByteCount(field, header: number)
        guard body.remaining == (hasMask ? 2 * width : width) else { throw .badMatchLength }
        let value = try value(of: field, width, &body, wrong: .badMatchValue)
        // Ethernet is what packets are if nothing is said: to ask for that is to ask nothing.
        if field == .packetType, value.isZero { return }
        if field == .connectionState, value.low & ~ConnectionState.known != 0 {
            throw .badMatchValue
        }
        try add(
            field, value, mask: hasMask ? try body.value(width) : nil, to: &result.match)
    }

    /// Fields of network service headers are not known; but without that header in the match they
    /// would mean nothing to anybody.
    private static func checkServiceHeader(
        _ number: UInt32, _ body: OctetReader, _ match: Match
    ) throws(OpenFlowErrorCode) {
        guard number >> 7 == FlowField.experimenterClass, body.remaining >= 4 else { return }
        var body = body
        guard try body.u32() == serviceHeaderID,
            match.exactly(.ethType) != UInt64(PacketType.networkServiceHeader.rawValue & 0xffff)
        else { return }
        throw .badMatchPrerequisite
    }

    /// The experimenter of fields of network service headers.
    private static let serviceHeaderID: UInt32 = 0x005a_d650

    /// Checks one condition and adds it.
    static func add(
        _ field: FlowField, _ value: FieldValue, mask: FieldValue?, to match: inout Match
    ) throws(OpenFlowErrorCode) {
        let ones = FieldValue.ones(field.width)
        if let mask {
            guard field.maskRule == .bitwise || mask.bits & ones.bits == ones.bits else {
                throw .badMatchMask
            }
            guard value.bits & ~mask.bits == 0 else { throw .badMatchWildcards }
        }
        let used = FieldValue(bits: (mask ?? field.exactMask).bits & ones.bits)
        guard FieldValue(bits: field.read(match.mask).bits & used.bits).isZero else {
            throw .duplicateMatchField
        }
        guard field.hasPrerequisites(key: match.key, mask: match.mask) else {
            throw .badMatchPrerequisite
        }
        match.set(field, to: value, mask: used)
    }

    /// The field that a header names. An experimenter's field names its experimenter in the body.
    static func field(
        number: UInt32, body: inout OctetReader, unknown: OpenFlowErrorCode
    ) throws(OpenFlowErrorCode) -> FlowField {
        if number >> 7 == FlowField.experimenterClass {
            guard try body.u32() == openNetworkingFoundationID else { throw unknown }
        }
        guard let field = field(number: number) else {
            throw tunnelOptionNumbers.contains(number) ? .flowModInvalidTLVField : unknown
        }
        return field
    }

    /// The field with this class and number in NXM or in any version's OXM.
    static func field(number: UInt32) -> FlowField? {
        if let field = FlowField.numbered(number) { return field }
        guard adoptedNumbers.contains(number & 0x7f) else { return nil }
        switch number >> 7 {
        case FlowField.basicClass:
            return FlowField.numbered(FlowField.experimenterClass << 7 | number & 0x7f)
        case FlowField.experimenterClass:
            return FlowField.numbered(FlowField.basicClass << 7 | number & 0x7f)
        default: return nil
        }
    }

    /// Numbers that fields kept when 1.5 took them over from the ONF: `tcp_flags` and
    /// `actset_output`.
    private static let adoptedNumbers: ClosedRange<UInt32> = 42...43

    /// A value of `width` bytes that the field must be able to hold.
    static func value(
        of field: FlowField, _ width: Int, _ body: inout OctetReader, wrong: OpenFlowErrorCode
    ) throws(OpenFlowErrorCode) -> FieldValue {
        let value = try body.value(width)
        if field.format == .port, width == 4 {
            guard let port = PortNumber(wide: UInt32(truncatingIfNeeded: value.low)) else {
                throw wrong
            }
            return FieldValue(low: UInt64(port.rawValue))
        }
        guard field.canHold(value) else { throw wrong }
        return value
    }

    /// Bytes of the value of `field` under the header `number`.
    static func wireByteCount(_ field: FlowField, header number: UInt32) -> Int {
        if field == .actionSetOutput { return 4 }
        if field == .inPort { return number >> 7 == FlowField.basicClass ? 4 : 2 }
        switch field {
        case .mplsLabel, .ipv6Label: return 4
        case .tcpFlags: return 2
        default: return (field.width + 7) / 8
        }
    }

    // Writing.

    /// The header number that `kind` prefers for the field; nil: it has neither. 1.0's VLAN id is
    /// the low bits of the tag.
    static func number(_ field: FlowField, _ kind: ExtensibleKind) -> UInt32? {
        if field == .dlVLAN { return FlowField.vlanTCI.nxm }
        switch kind {
        case .nxm: return field.nxm ?? field.oxm
        case .oxm, .oxm15:
            guard let number = field.oxm else { return field.nxm }
            let isAdopted =
                adoptedNumbers.contains(number & 0x7f)
                && [FlowField.experimenterClass, FlowField.basicClass].contains(number >> 7)
            guard isAdopted else { return number }
            let itsClass = kind == .oxm ? FlowField.experimenterClass : FlowField.basicClass
            return itsClass << 7 | number & 0x7f
        }
    }

    /// One entry. `mask` nil: exact.
    static func write(
        _ field: FlowField, _ value: FieldValue, mask: FieldValue?, _ kind: ExtensibleKind,
        to writer: inout OctetWriter
    ) {
        guard let number = number(field, kind) else { return }
        let width = wireByteCount(field, header: number)
        let isExperimenters = number >> 7 == FlowField.experimenterClass
        let length = (mask == nil ? width : 2 * width) + (isExperimenters ? 4 : 0)
        writer.u32(number << 9 | (mask == nil ? 0 : 0x100) | UInt32(length))
        if isExperimenters { writer.u32(openNetworkingFoundationID) }
        if field.format == .port, width == 4 {
            writer.u32(PortNumber(UInt16(truncatingIfNeeded: value.low)).wide)
        } else {
            writer.value(value, width)
        }
        if let mask { writer.value(mask, width) }
    }

    /// The header alone, by which actions name a field.
    static func writeHeader(
        _ field: FlowField, _ kind: ExtensibleKind, to writer: inout OctetWriter
    ) {
        // A port is Nicira's of 16 bits, as in Open vSwitch: 32 would be copied.
        guard let number = number(field, field == .inPort ? .nxm : kind) else {
            return writer.u32(0)
        }
        let width = wireByteCount(field, header: number)
        let isExperimenters = number >> 7 == FlowField.experimenterClass
        writer.u32(number << 9 | UInt32(width + (isExperimenters ? 4 : 0)))
        if isExperimenters { writer.u32(openNetworkingFoundationID) }
    }

    static func write(cookie: Masked<UInt64>, to writer: inout OctetWriter) {
        let isExact = cookie.mask == ~0
        writer.u32(cookieNumber << 9 | (isExact ? 8 : 0x110))
        writer.u64(cookie.value)
        if !isExact { writer.u64(cookie.mask) }
    }

    /// All conditions of `match`, each field after those that it needs.
    static func write(_ match: Match, _ kind: ExtensibleKind, to writer: inout OctetWriter) {
        for field in fieldsInOrder(of: match, kind) {
            let exact = field.heldMask.bits
            let mask = field.read(match.mask).bits & exact
            write(
                field, FieldValue(bits: field.read(match.key).bits & exact),
                mask: mask == exact || field.maskRule == .exact ? nil : FieldValue(bits: mask),
                kind, to: &writer)
        }
    }
}
