import Packets
import Testing

/// Messages of RFC 1112, 2236, 3376, 2710 and 3810, whole and broken.
@Suite struct GroupMessageTests {
    static func checksummed(_ bytes: [UInt8], pseudo: [UInt8] = []) -> [UInt8] {
        var sum: UInt32 = 0
        var bytes = bytes
        bytes.replaceSubrange(2..<4, with: [0, 0])
        let all = pseudo + bytes + (bytes.count % 2 == 0 ? [] : [0])
        for index in stride(from: 0, to: all.count - 1, by: 2) {
            sum += UInt32(all[index]) << 8 | UInt32(all[index + 1])
        }
        while sum > 0xffff { sum = sum & 0xffff + sum >> 16 }
        bytes[2] = UInt8(truncatingIfNeeded: ~sum >> 8)
        bytes[3] = UInt8(truncatingIfNeeded: ~sum)
        return bytes
    }

    static let source = IPv6Address(high: 0xfe80 << 48, low: 9)
    static let all = IPv6Address(high: 0xff02 << 48, low: 0x16)

    static func octets(_ address: IPv6Address) -> [UInt8] {
        [address.high, address.low].flatMap { half in
            (0..<8).map { UInt8(truncatingIfNeeded: half >> UInt64(56 - 8 * $0)) }
        }
    }

    static func pseudo(_ count: Int) -> [UInt8] {
        octets(source) + octets(all) + [0, 0, UInt8(count >> 8), UInt8(count & 0xff), 0, 0, 0, 58]
    }

    private func igmp(_ bytes: [UInt8]) throws(GroupMessageError) -> GroupMessage {
        // Safe: the array is not changed while its bytes are lent.
        try GroupMessage(igmp: bytes.span.bytes, from: IPv4Address(bits: 0x0a00_0001))
    }

    private func mld(_ bytes: [UInt8]) throws(GroupMessageError) -> GroupMessage {
        // Safe: as above.
        try GroupMessage(mld: bytes.span.bytes, from: Self.source, to: Self.all)
    }

    private func v4(_ last: UInt32) -> IPv6Address {
        IPv6Address(mapping: IPv4Address(bits: 0xef01_0100 | last))
    }

    static let version3: [UInt8] =
        [0x22, 0, 0, 0, 0, 0, 0, 5]
        + [4, 0, 0, 0, 239, 1, 1, 1]  // excludes nothing: joins
        + [3, 0, 0, 0, 239, 1, 1, 2]  // includes nothing: leaves
        + [1, 0, 0, 1, 239, 1, 1, 3, 10, 0, 0, 9]  // listens to one source
        + [9, 1, 0, 1, 239, 1, 1, 4, 10, 0, 0, 9, 1, 2, 3, 4]  // of no known type
        + [6, 1, 0, 0, 239, 1, 1, 5, 1, 2, 3, 4]  // blocks nothing, with a word of its own

    @Test func readsIGMP() throws {
        let query = Self.checksummed([0x11, 100, 0, 0, 0, 0, 0, 0])
        #expect(try igmp(query) == .query(hasSource: true))
        for (type, isLeave) in [(0x12, false), (0x16, false), (0x17, true)] as [(UInt8, Bool)] {
            let report = Self.checksummed([type, 0, 0, 0, 239, 1, 1, 7])
            #expect(
                try igmp(report) == .reports([GroupReport(group: v4(7), isLeave: isLeave)]))
        }
        #expect(
            try igmp(Self.checksummed(Self.version3))
                == .reports([
                    GroupReport(group: v4(1), isLeave: false),
                    GroupReport(group: v4(2), isLeave: true),
                    GroupReport(group: v4(3), isLeave: false),
                    GroupReport(group: v4(5), isLeave: false),
                ]))
        #expect(try igmp(Self.checksummed([0x13, 0, 0, 0, 0, 0, 0, 0])) == .other)
        let noGroup = Self.checksummed([0x16, 0, 0, 0, 10, 1, 1, 1])
        #expect(try igmp(noGroup) == .reports([]), "a host's address is no group")
    }

    static let group = IPv6Address(high: 0xff05 << 48, low: 3)
    static let version2: [UInt8] =
        [143, 0, 0, 0, 0, 0, 0, 2] + [4, 0, 0, 0] + octets(group)
        + [3, 0, 0, 0] + octets(IPv6Address(high: 0xff05 << 48, low: 4))

    @Test func readsMLD() throws {
        for (type, isLeave) in [(131, false), (132, true)] as [(UInt8, Bool)] {
            let bytes = [type, 0, 0, 0, 0, 0, 0, 0] + Self.octets(Self.group)
            let report = Self.checksummed(bytes, pseudo: Self.pseudo(bytes.count))
            #expect(
                try mld(report) == .reports([GroupReport(group: Self.group, isLeave: isLeave)]))
        }
        let query = [130, 0, 0, 0, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 16)
        #expect(
            try mld(Self.checksummed(query, pseudo: Self.pseudo(query.count)))
                == .query(hasSource: true))
        let both = Self.checksummed(Self.version2, pseudo: Self.pseudo(Self.version2.count))
        #expect(
            try mld(both)
                == .reports([
                    GroupReport(group: Self.group, isLeave: false),
                    GroupReport(group: IPv6Address(high: 0xff05 << 48, low: 4), isLeave: true),
                ]))
    }

    @Test func aWrongChecksumIsNoticed() {
        for index in [0, 1, 5, 7] {
            var bytes = Self.checksummed([0x16, 0, 0, 0, 239, 1, 1, 7])
            bytes[index] ^= 0x10
            #expect(throws: GroupMessageError.badChecksum) { try igmp(bytes) }
        }
    }

    /// Cut at every byte, with counts that lie: whatever is not wholly there is not read.
    @Test func truncationAtEveryByte() {
        for (whole, isIPv6) in [(Self.version3, false), (Self.version2, true)] {
            var largest = 0
            for count in 0..<whole.count {
                var bytes = Array(whole.prefix(count))
                if count > 7 { bytes[6] = 0xff }
                if count > 3 {
                    bytes = Self.checksummed(bytes, pseudo: isIPv6 ? Self.pseudo(count) : [])
                }
                do {
                    let message = try isIPv6 ? mld(bytes) : igmp(bytes)
                    guard case .reports(let reports) = message else { continue }
                    #expect(reports.count >= largest && reports.count < 5)
                    largest = reports.count
                } catch {
                    #expect(count < 8)
                }
            }
        }
    }

    /// Any bytes at all; only that nothing traps, which release builds must show.
    @Test func anyBytes() {
        var state: UInt64 = 7
        var refused = 0
        for round in 0..<20_000 {
            var bytes: [UInt8] = []
            for _ in 0..<(round % 90) {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes.append(UInt8(truncatingIfNeeded: state >> 40))
            }
            if bytes.count > 3 {
                bytes[0] = [0x22, 143, 131, 0x16][round % 4]
                bytes = Self.checksummed(
                    bytes, pseudo: round % 2 == 0 ? [] : Self.pseudo(bytes.count))
            }
            do { _ = try igmp(bytes) } catch { refused += 1 }
            do { _ = try mld(bytes) } catch { refused += 1 }
        }
        #expect((1_000..<39_000).contains(refused), "some of each kind: \(refused)")
    }
}
