import Flows
import Packets

// Nicira's actions: those of later years, and the two that hold others.

extension ActionCodec {
    static func readLater(
        _ subtype: UInt16, _ body: inout OctetReader
    ) throws(OpenFlowErrorCode) -> Action {
        switch subtype {
        case Subtype.multipath: return .multipath(try readMultipath(&body))
        case Subtype.bundle: return .bundle(try readBundle(&body, isLoad: false))
        case Subtype.bundleLoad: return .bundle(try readBundle(&body, isLoad: true))
        case Subtype.outputField:
            let (offset, width) = offsetAndWidth(try body.u16())
            let source = try range(try body.u32(), offset: offset, width: width)
            return .outputField(source, maxLength: try body.u16())
        case Subtype.outputField2:
            let (offset, width) = offsetAndWidth(try body.u16())
            let maxLength = try body.u16()
            return .outputField(
                try readRange(offset: offset, width: width, &body), maxLength: maxLength)
        case Subtype.finTimeout: return .finTimeout(idle: try body.u16(), hard: try body.u16())
        case Subtype.push: return .push(try readStack(&body))
        case Subtype.pop:
            let range = try readStack(&body)
            guard range.field.isWritable else { throw .badSetFieldArgument }
            return .pop(range)
        case Subtype.sample, Subtype.sample2, Subtype.sample3:
            return .sample(try readSample(subtype, &body))
        case Subtype.conjunction:
            let clause = try body.u8()
            let count = try body.u8()
            guard count >= 2, clause < count, count <= 64 else { throw .actionBadConjunction }
            return .conjunction(id: try body.u32(), clause: clause, count: count)
        case Subtype.nat: return .nat(try readNAT(&body))
        case Subtype.outputTruncated:
            let port = PortNumber(try body.u16())
            let byteCount = try body.u32()
            // Not shorter than an Ethernet header, as in Open vSwitch.
            guard byteCount >= 14 else { throw .badActionArgument }
            return .outputTruncated(port: port, byteCount: byteCount)
        case Subtype.conntrackClear: return .conntrackClear
        case Subtype.encap: return .encap(try readEncap(&body))
        case Subtype.decap:
            try body.skip(2)
            let type = PacketType(rawValue: try body.u32())
            return .decap(type == .following ? nil : type)
        case Subtype.decrementNSHTTL: return .decrementNSHTTL
        case Subtype.checkPacketLarger:
            let byteCount = try body.u16()
            let offset = Int(try body.u16())
            let bit = try readRange(offset: offset, width: 1, &body)
            guard bit.field.isWritable else { throw .badSetFieldArgument }
            return .checkPacketLarger(byteCount: byteCount, bit)
        case Subtype.deleteField:
            let number = try body.u32() >> 9
            return .deleteField(
                try ExtensibleCodec.field(number: number, body: &body, unknown: .badSetFieldType))
        default: throw .badActionVendorType
        }
    }

    private static func readStack(
        _ body: inout OctetReader
    ) throws(OpenFlowErrorCode) -> FieldRange {
        let offset = Int(try body.u16())
        let whole = try readRange(offset: 0, width: 1, &body)
        let width = Int(try body.u16())
        return try range(header(whole.field), offset: offset, width: width)
    }

    private static func readMultipath(
        _ body: inout OctetReader
    ) throws(OpenFlowErrorCode) -> MultipathAction {
        let fields = HashFields(rawValue: try body.u16())
        let basis = try body.u16()
        try body.skip(2)
        let algorithm = MultipathAction.Algorithm(rawValue: try body.u16())
        let maxLink = try body.u16()
        let argument = try body.u32()
        try body.skip(2)
        let (offset, width) = offsetAndWidth(try body.u16())
        guard let fields, let algorithm else { throw .badActionArgument }
        let destination = try readRange(offset: offset, width: width, &body)
        guard destination.field.isWritable else { throw .badSetFieldArgument }
        guard width >= 16 || Int(maxLink) < 1 << width else { throw .badActionArgument }
        return MultipathAction(
            fields: fields, basis: basis, algorithm: algorithm, maxLink: maxLink,
            argument: argument, destination: destination)
    }

    /// Members are numbers of ports, which the header of `in_port` says.
    static let memberType: UInt32 = 0x0000_0002

    private static func readBundle(
        _ body: inout OctetReader, isLoad: Bool
    ) throws(OpenFlowErrorCode) -> BundleAction {
        let algorithm = BundleAction.Algorithm(rawValue: try body.u16())
        let fields = HashFields(rawValue: try body.u16())
        let basis = try body.u16()
        guard try body.u32() == memberType else { throw .badActionArgument }
        let count = Int(try body.u16())
        let (offset, width) = offsetAndWidth(try body.u16())
        let header = try body.u32()
        try body.skip(4)
        guard let algorithm, let fields, count <= Limits.bundleMembers else {
            throw .badActionArgument
        }
        var bundle = BundleAction(
            fields: fields, basis: basis, algorithm: algorithm, members: [])
        if isLoad {
            let range = try range(header, offset: offset, width: width)
            guard range.field.isWritable, width >= 16 else { throw .badActionArgument }
            bundle.destination = range
        } else if header != 0 || offset != 0 || width != 1 {
            throw .badActionArgument
        }
        guard body.remaining >= 2 * count else { throw .badActionLength }
        for _ in 0..<count { bundle.members.append(PortNumber(try body.u16())) }
        return bundle
    }

    private static func readSample(
        _ subtype: UInt16, _ body: inout OctetReader
    ) throws(OpenFlowErrorCode) -> SampleAction {
        var sample = SampleAction(
            probability: try body.u16(), collectorSet: try body.u32(),
            observationDomain: try body.u32(), observationPoint: try body.u32())
        guard sample.probability > 0 else { throw .badActionArgument }
        guard subtype != Subtype.sample else { return sample }
        sample.samplingPort = PortNumber(try body.u16())
        guard subtype == Subtype.sample3 else { return sample }
        guard let direction = SampleAction.Direction(rawValue: try body.u8()) else {
            throw .badActionArgument
        }
        sample.direction = direction
        return sample
    }

    // Connection tracking.

    private static let commitFlag: UInt16 = 1
    private static let forceFlag: UInt16 = 2

    static func readConntrack(
        _ body: inout OctetReader, _ version: OpenFlowVersion, match: Match?, depth: Int
    ) throws(OpenFlowErrorCode) -> ConntrackAction {
        let flags = try body.u16()
        let zoneField = try body.u32()
        let zone = try body.u16()
        let table = try body.u8()
        try body.skip(3)
        let helper = try body.u16()
        guard flags & ~3 == 0, flags & forceFlag == 0 || flags & commitFlag != 0 else {
            throw .badActionArgument
        }
        var action = ConntrackAction(
            commits: flags & commitFlag != 0, forces: flags & forceFlag != 0,
            zone: .number(zone), table: table == 255 ? nil : table, helper: helper)
        if zoneField != 0 {
            let (offset, width) = offsetAndWidth(zone)
            guard width == 16 else { throw .badSetFieldLength }
            action.zone = .field(try range(zoneField, offset: offset, width: width))
        }
        action.actions = try readNested(&body, version, match, depth)
        for inner in action.actions {
            if case .nat = inner { continue }
            guard inner.mayBeTracked else { throw .badActionArgument }
        }
        return action
    }

    private static func readNAT(_ body: inout OctetReader) throws(OpenFlowErrorCode) -> NATAction {
        try body.skip(2)
        let flags = try body.u16()
        let present = try body.u16()
        guard flags & ~31 == 0, flags & 3 != 3, flags & 24 != 24, present & ~63 == 0 else {
            throw .badActionArgument
        }
        var nat = NATAction(
            direction: flags & 1 != 0 ? .source : flags & 2 != 0 ? .destination : .none,
            isPersistent: flags & 4 != 0,
            choice: flags & 8 != 0 ? .hash : flags & 16 != 0 ? .random : .unsaid)
        // A range needs a direction, an upper end a lower one, and one family is enough.
        guard flags & 3 != 0 || flags & 28 == 0 && present == 0,
            present & 3 == 0 || present & 12 == 0,
            present & 2 == 0 || present & 1 != 0, present & 8 == 0 || present & 4 != 0,
            present & 32 == 0 || present & 16 != 0
        else { throw .badActionArgument }
        if present & 1 != 0 {
            let first = IPv4Address(bits: try body.u32())
            nat.addresses = .ipv4(
                first, present & 2 != 0 ? IPv4Address(bits: try body.u32()) : nil)
        }
        if present & 4 != 0 {
            let first = IPv6Address(high: try body.u64(), low: try body.u64())
            nat.addresses = .ipv6(
                first,
                present & 8 != 0 ? IPv6Address(high: try body.u64(), low: try body.u64()) : nil)
        }
        if present & 16 != 0 { nat.firstPort = try body.u16() }
        if present & 32 != 0 { nat.lastPort = try body.u16() }
        return nat
    }

    // Headers of other protocols.

    private static func readEncap(
        _ body: inout OctetReader
    ) throws(OpenFlowErrorCode) -> EncapAction {
        try body.skip(2)
        let type = PacketType(rawValue: try body.u32())
        let known: [PacketType] = [.ethernet, .networkServiceHeader, .mpls, .mplsMulticast]
        guard known.contains(type) else { throw .actionBadHeaderType }
        var encap = EncapAction(type)
        while !body.isAtEnd {
            let start = body.position
            let propertyClass = try body.u16()
            let kind = try body.u8()
            let length = Int(try body.u8())
            guard length >= 4 else { throw .actionBadEncapProp }
            var value = try body.window(length - 4, fault: .actionBadEncapProp)
            body.skipPadding(from: start)
            encap.properties.append(
                .init(propertyClass: propertyClass, type: kind, bytes: value.rest()))
        }
        return encap
    }
}
