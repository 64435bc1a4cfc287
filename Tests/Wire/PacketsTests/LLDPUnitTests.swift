import Packets
import Testing

@Suite struct LLDPUnitTests {
    static let unit = LLDPUnit(
        chassis: LLDPIdentifier(subtype: 4, octets: [2, 0, 0, 0, 0, 1]),
        port: LLDPIdentifier(subtype: 5, octets: Array("p1".utf8)), timeToLive: 120,
        portDescription: "first", systemName: "br0", systemDescription: "a switch")

    private func read(_ payload: some Collection<UInt8>) throws(LLDPUnitError) -> LLDPUnit {
        let bytes = Array(payload)
        // Safe: the array is not changed while its bytes are lent.
        return try LLDPUnit(checking: bytes.span.bytes)
    }

    @Test func whatIsWrittenIsReadBack() throws {
        let frame = Self.unit.frame(from: MACAddress(bits: 0x0200_0000_0001))
        #expect(frame.count == 60 && frame[12..<14] == [0x88, 0xcc])
        #expect(frame.prefix(6) == [0x01, 0x80, 0xc2, 0, 0, 0x0e])
        #expect(try read(frame.dropFirst(14)) == Self.unit)
        var small = Self.unit
        (small.portDescription, small.systemName, small.systemDescription) = (nil, nil, nil)
        let padded = small.frame(from: .zero)
        #expect(padded.count == 60 && padded.suffix(26).allSatisfy { $0 == 0 })
        #expect(try read(padded.dropFirst(14)) == small)
        var large = Self.unit
        large.systemName = String(repeating: "x", count: 300)
        let cut = try read(large.frame(from: .zero).dropFirst(14))
        #expect(cut.systemName?.count == LLDPUnit.valueByteCountMax)
    }

    static let chassis: [UInt8] = [0x02, 0x02, 0x07, 0x61]
    static let port: [UInt8] = [0x04, 0x02, 0x07, 0x62]
    static let lifetime: [UInt8] = [0x06, 0x02, 0x00, 0x78]

    /// IEEE 802.1AB-2016 §9.2.7.7.1.
    @Test(arguments: [
        (port + chassis + lifetime, .malformed(offset: 0)),
        (chassis + lifetime + port, .malformed(offset: 4)),
        (chassis + port, .truncated(offset: 8)),
        ([0x02, 0x01, 0x07] + port + lifetime, .malformed(offset: 0)),
        (chassis + port + [0x06, 0x01, 0x00], .malformed(offset: 8)),
        (chassis + port + lifetime + [0x0b, 0xff, 0x61], .truncated(offset: 12)),
        (chassis + port + lifetime + [0x0a], .truncated(offset: 12)),
        ([], .truncated(offset: 0)),
    ] as [([UInt8], LLDPUnitError)])
    func refuses(bytes: [UInt8], error: LLDPUnitError) {
        #expect(throws: error) { try read(bytes) }
    }

    @Test func theRestIsPassedOver() throws {
        let all = Self.chassis + Self.port + Self.lifetime
        let other: [UInt8] = [0xfe, 0x04, 0x00, 0x80, 0xc2, 0x01, 0x0a, 0x01, 0x6e]
        #expect(try read(all + other + [0, 0] + [0xff, 0xff]).systemName == "n")
        #expect(try read(all).systemName == nil, "the end may be missing")
    }

    @Test func truncationAtEveryByteAndAnyBytes() {
        let frame = Array(Self.unit.frame(from: .zero).dropFirst(14))
        var refused = 0
        for count in 0..<frame.count {
            do { _ = try read(frame.prefix(count)) } catch { refused += 1 }
        }
        #expect(refused > 20, "the three that must come first end there")
        refused = 0
        var state: UInt64 = 3
        for round in 0..<20_000 {
            var bytes = Self.chassis + Self.port + Self.lifetime
            for _ in 0..<(round % 40) {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes.append(UInt8(truncatingIfNeeded: state >> 40))
            }
            do { _ = try read(bytes) } catch { refused += 1 }
        }
        #expect((100..<20_000).contains(refused), "some of each kind: \(refused)")
    }
}
