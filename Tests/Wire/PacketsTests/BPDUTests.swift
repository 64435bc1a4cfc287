import Packets
import Testing

// BPDUs byte by byte, as IEEE 802.1D-2004 clause 9 has them.

private let root = BridgeIdentifier(
    priority: 0x1000, address: MACAddress(bits: 0x0011_2233_4455))
private let bridge = BridgeIdentifier(
    priority: 0x8000, address: MACAddress(bits: 0x6677_8899_aabb))
private let source = MACAddress(bits: 0x0200_0000_0001)

private func message(_ flags: UInt8) -> BPDU.Message {
    BPDU.Message(
        flags: .init(rawValue: flags), root: root, rootPathCost: 0x0001_0203, bridge: bridge,
        port: 0x8042, messageAge: 0x0100, maxAge: 0x1400, helloTime: 0x0200, forwardDelay: 0x0f00)
}

/// What stands between the flags and the end of a configuration BPDU.
private let fields: [UInt8] = [
    0x10, 0x00, 0x00, 0x11, 0x22, 0x33, 0x44, 0x55,  // root
    0x00, 0x01, 0x02, 0x03,  // path cost
    0x80, 0x00, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb,  // bridge
    0x80, 0x42,  // port
    0x01, 0x00, 0x14, 0x00, 0x02, 0x00, 0x0f, 0x00,  // ages and times
]

private func head(_ length: UInt8) -> [UInt8] {
    [0x01, 0x80, 0xc2, 0, 0, 0, 0x02, 0, 0, 0, 0, 1, 0, length, 0x42, 0x42, 0x03]
}

private func padded(_ bytes: [UInt8]) -> [UInt8] {
    bytes + [UInt8](repeating: 0, count: max(0, 60 - bytes.count))
}

private func read(_ bytes: [UInt8]) throws(BPDUError) -> BPDU {
    try BPDU(checking: bytes.span.bytes)
}

@Suite struct BPDUTests {
    static let units: [(String, BPDU, [UInt8])] = [
        (
            "configuration", .configuration(message(0x81)),
            head(38) + [0, 0, 0, 0, 0x81] + fields
        ),
        ("notification", .topologyChangeNotification, head(7) + [0, 0, 0, 0x80]),
        ("rapid", .rapid(message(0x7e)), head(39) + [0, 0, 2, 2, 0x7e] + fields + [0]),
    ]

    @Test(arguments: units)
    func isWrittenAndReadByteByByte(_ name: String, _ unit: BPDU, _ bytes: [UInt8]) throws {
        #expect(unit.frame(from: source) == padded(bytes))
        #expect(try read(padded(bytes)) == unit)
        #expect(try read(bytes) == unit, "without what pads it")
    }

    @Test func flagsOfTheOtherProtocolAreNotSent() {
        #expect(BPDU.configuration(message(0xff)).frame(from: source)[21] == 0x81)
        #expect(BPDU.rapid(message(0xff)).frame(from: source)[21] == 0x7f)
    }

    @Test(arguments: [
        (0b0000, BPDU.Flags.Role.unknown), (0b0100, .alternateOrBackup), (0b1000, .root),
        (0b1100, .designated),
    ])
    func rolesAreTwoBits(_ bits: Int, _ role: BPDU.Flags.Role) {
        #expect(BPDU.Flags(rawValue: UInt8(bits) | 0x40).role == role)
        #expect(BPDU.Flags([.proposal], role: role).rawValue == UInt8(bits) | 2)
    }

    @Test(arguments: units)
    func aUnitCutAnywhereIsRefused(_ name: String, _ unit: BPDU, _ bytes: [UInt8]) {
        for count in 0..<bytes.count {
            #expect(throws: BPDUError.self) { try read(Array(bytes.prefix(count))) }
            // Cut by what the length field says, with the rest as padding.
            guard count >= 14 else { continue }
            var short = padded(bytes)
            short[13] = UInt8(count - 14)
            #expect(throws: BPDUError.self) { try read(short) }
        }
    }

    @Test func whatIsNoBPDUOfOursIsRefusedByName() {
        var bytes = BPDU.configuration(message(0)).frame(from: source)
        bytes[14] = 0xaa
        #expect(throws: BPDUError.otherProtocol) { try read(bytes) }
        bytes = BPDU.configuration(message(0)).frame(from: source)
        bytes[18] = 1
        #expect(throws: BPDUError.otherProtocol) { try read(bytes) }
        bytes = BPDU.rapid(message(0)).frame(from: source)
        bytes[19] = 1
        #expect(throws: BPDUError.unknownType(2, version: 1)) { try read(bytes) }
        bytes[20] = 7
        #expect(throws: BPDUError.unknownType(7, version: 1)) { try read(bytes) }
        var old = message(0)
        old.messageAge = old.maxAge
        let unit = BPDU.configuration(old)
        #expect(throws: BPDUError.tooOld) { try read(unit.frame(from: source)) }
    }

    @Test func aLaterVersionIsReadAsTheOneWeKnow() throws {
        var bytes = BPDU.rapid(message(0x0e)).frame(from: source)
        bytes[19] = 3
        #expect(try read(bytes) == .rapid(message(0x0e)))
    }

    @Test func anyBytesAreReadOrRefused() {
        var state: UInt64 = 7
        for _ in 0..<20_000 {
            var bytes = BPDU.rapid(message(0x0e)).frame(from: source)
            for _ in 0..<4 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes[12 + Int(state >> 33) % 48] = UInt8(truncatingIfNeeded: state >> 40)
            }
            bytes.removeLast(Int(state >> 50) % 60)
            if let unit = try? read(bytes) {
                #expect(unit.frame(from: source).count == 60)
            }
        }
    }
}
