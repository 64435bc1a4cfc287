import Packets
import Testing

// IEEE 802.1AX-2014 §6.4.2: every field at its place, and nothing read that is not there.

private let actor = LACPEnd(
    systemPriority: 0x0102, system: MACAddress(bits: 0x0304_0506_0708), key: 0x090a,
    portPriority: 0x0b0c, port: 0x0d0e, state: .init(rawValue: 0x0f))
private let partner = LACPEnd(
    systemPriority: 0x1112, system: MACAddress(bits: 0x1314_1516_1718), key: 0x191a,
    portPriority: 0x1b1c, port: 0x1d1e, state: .init(rawValue: 0xc7))
private let source = MACAddress(bits: 0x0200_0000_0009)

private func read(_ bytes: [UInt8]) -> Result<LACPUnit, LACPUnitError> {
    do throws(LACPUnitError) { return .success(try LACPUnit(checking: bytes.span.bytes)) } catch {
        return .failure(error)
    }
}

@Suite struct LACPUnitTests {
    static let frame = LACPUnit(actor: actor, partner: partner, collectorMaxDelay: 0x2122)
        .frame(from: source)

    @Test func aFrameIsWrittenAsTheStandardDrawsIt() {
        let zeros = [UInt8](repeating: 0, count: 64)
        let expected: [UInt8] =
            [0x01, 0x80, 0xc2, 0, 0, 2, 2, 0, 0, 0, 0, 9, 0x88, 0x09, 1, 1]
            + [1, 20] + Array(1...15) + [0, 0, 0] + [2, 20] + Array(0x11...0x1e) + [0xc7, 0, 0, 0]
            + [3, 16, 0x21, 0x22] + zeros
        #expect(Self.frame == expected)
        #expect(Self.frame.count == 124)
    }

    @Test func whatIsWrittenIsReadBack() {
        let unit = LACPUnit(actor: actor, partner: partner, collectorMaxDelay: 0x2122)
        #expect(read(Array(Self.frame.dropFirst(14))) == .success(unit))
        let padded = Array(Self.frame.dropFirst(14)) + [9, 9, 9]
        #expect(read(padded) == .success(unit))
    }

    @Test func everyCutIsRefused() {
        let payload = Array(Self.frame.dropFirst(14))
        for count in 0..<LACPUnit.byteCount {
            #expect(read(Array(payload.prefix(count))) == .failure(.truncated(available: count)))
        }
    }

    @Test(arguments: [
        (0, 2 as UInt8, LACPUnitError.marker), (0, 3, .unknownSubtype(3)),
        (0, 0, .unknownSubtype(0)), (2, 2, .malformed(offset: 2)), (3, 19, .malformed(offset: 2)),
        (22, 1, .malformed(offset: 22)), (23, 0, .malformed(offset: 22)),
    ])
    func aWrongOctetIsNamed(offset: Int, value: UInt8, error: LACPUnitError) {
        var payload = Array(Self.frame.dropFirst(14))
        payload[offset] = value
        #expect(read(payload) == .failure(error))
    }

    @Test func laterVersionsAreReadAsTheFirst() {
        var payload = Array(Self.frame.dropFirst(14))
        payload[1] = 2
        #expect((try? read(payload).get().actor) == actor)
    }

    @Test(arguments: [0 as UInt16, 0x1005])
    func learningFramesNameTheHost(tci: UInt16) {
        let bytes = LearningFrame.bytes(of: source, tci: tci)
        let tag: [UInt8] = tci == 0 ? [] : [0x81, 0, 0, 5]
        let host: [UInt8] = [2, 0, 0, 0, 0, 9]
        let head: [UInt8] = [UInt8](repeating: 255, count: 6) + host + tag + [0x80, 0x35]
        let body: [UInt8] = [0, 1, 8, 0, 6, 4, 0, 3] + host + [0, 0, 0, 0] + host
        #expect(Array(bytes.prefix(head.count + body.count)) == head + body)
        #expect(bytes.count == 60 + tag.count)
    }
}
