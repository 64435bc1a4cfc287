import Flows

// NXAST_LEARN: a header and a list of flow specifications, each of which says where bits of the
// learned rule come from and where in it they go. A specification is a 16-bit header (11 bits
// width, 2 bits destination, 1 bit source), then source, then destination; a zero header ends.

enum LearnCodec {
    /// No action is longer: its length has 16 bits and is a multiple of 8.
    static let longestActionByteCount = 0xfff8

    private static let sourceIsImmediate: UInt16 = 1 << 13
    private static let destinationShift: UInt16 = 11

    /// `flags` bit that says that `NXAST_LEARN2` writes a result.
    private static let writesResult: UInt16 = 4

    static func read(
        _ body: inout OctetReader, isSecond: Bool
    ) throws(OpenFlowErrorCode) -> LearnAction {
        var learn = LearnAction(table: 0)
        learn.idleTimeout = try body.u16()
        learn.hardTimeout = try body.u16()
        learn.priority = try body.u16()
        learn.cookie = try body.u64()
        learn.flags = try body.u16()
        learn.table = try body.u8()
        try body.skip(1)
        learn.finIdleTimeout = try body.u16()
        learn.finHardTimeout = try body.u16()
        guard learn.flags & ~(isSecond ? 7 : 3) == 0, learn.table != 255 else {
            throw .badActionArgument
        }
        if isSecond {
            learn.limit = try body.u32()
            let offset = Int(try body.u16())
            try body.skip(2)
            if learn.flags & writesResult != 0 {
                learn.flags &= ~writesResult
                let bit = try ActionCodec.readRange(offset: offset, width: 1, &body)
                guard bit.field.isWritable else { throw .badSetFieldArgument }
                learn.resultBit = bit
            }
        }
        while body.remaining >= 2 {
            let header = try body.u16()
            guard header != 0 else { break }
            guard learn.specs.count < Limits.learnSpecs else { throw .tooManyActions }
            learn.specs.append(try readSpec(header, &body))
        }
        guard body.rest().allSatisfy({ $0 == 0 }) else { throw .badActionArgument }
        return learn
    }

    private static func readSpec(
        _ header: UInt16, _ body: inout OctetReader
    ) throws(OpenFlowErrorCode) -> LearnAction.Spec {
        let width = Int(header & 0x7ff)
        guard header >> 14 == 0, width > 0 else { throw .badActionArgument }
        let source: LearnAction.Spec.Source
        if header & sourceIsImmediate != 0 {
            guard width <= 128 else { throw .badActionArgument }
            let value = try body.value((width + 15) / 16 * 2)
            guard value.bits & ~FieldValue.ones(width).bits == 0 else { throw .badActionArgument }
            source = .immediate(value, width: width)
        } else {
            source = .field(try readRange(width, &body))
        }
        switch header >> destinationShift & 3 {
        case 0: return .init(source: source, destination: .match(try readRange(width, &body)))
        case 1:
            let range = try readRange(width, &body)
            guard range.field.isWritable else { throw .badActionArgument }
            return .init(source: source, destination: .load(range))
        case 2:
            guard case .field = source else { throw .badActionArgument }
            return .init(source: source, destination: .output)
        default: throw .badActionArgument
        }
    }

    private static func readRange(
        _ width: Int, _ body: inout OctetReader
    ) throws(OpenFlowErrorCode) -> FieldRange {
        let header = try body.u32()
        return try ActionCodec.range(header, offset: Int(try body.u16()), width: width)
    }

    /// What does not fit an action's 65,528 bytes is left out.
    static func writeAction(_ learn: LearnAction, to writer: inout OctetWriter) {
        let isSecond = learn.limit != 0 || learn.resultBit != nil
        let subtype = isSecond ? ActionCodec.Subtype.learn2 : ActionCodec.Subtype.learn
        ActionCodec.writeNicira(subtype, to: &writer) { write(learn, isSecond, to: &$0) }
    }

    private static func write(
        _ learn: LearnAction, _ isSecond: Bool, to writer: inout OctetWriter
    ) {
        let start = writer.count
        writer.u16(learn.idleTimeout)
        writer.u16(learn.hardTimeout)
        writer.u16(learn.priority)
        writer.u64(learn.cookie)
        let result = learn.resultBit
        writer.u16(learn.flags & 3 | (result == nil ? 0 : writesResult))
        writer.u8(learn.table)
        writer.u8(0)
        writer.u16(learn.finIdleTimeout)
        writer.u16(learn.finHardTimeout)
        if isSecond {
            writer.u32(learn.limit)
            writer.u16(UInt16(clamping: result?.offset ?? 0))
            writer.zeros(2)
            if let result { ExtensibleCodec.writeHeader(result.field, .nxm, to: &writer) }
        }
        for spec in learn.specs.prefix(Limits.learnSpecs) {
            guard writer.count - start < longestActionByteCount - 64 else { break }
            write(spec, to: &writer)
        }
    }

    private static func write(_ spec: LearnAction.Spec, to writer: inout OctetWriter) {
        let width: Int
        switch spec.source {
        case .field(let range): width = range.width
        case .immediate(_, let bits): width = bits
        }
        var header = UInt16(clamping: width) & 0x7ff
        if case .immediate = spec.source { header |= sourceIsImmediate }
        switch spec.destination {
        case .match: break
        case .load: header |= 1 << destinationShift
        case .output: header |= 2 << destinationShift
        }
        writer.u16(header)
        switch spec.source {
        case .field(let range): write(range, to: &writer)
        case .immediate(let value, let bits): writer.value(value, (bits + 15) / 16 * 2)
        }
        switch spec.destination {
        case .match(let range), .load(let range): write(range, to: &writer)
        case .output: break
        }
    }

    private static func write(_ range: FieldRange, to writer: inout OctetWriter) {
        writer.u32(ActionCodec.header(range.field))
        writer.u16(UInt16(clamping: range.offset))
    }
}
