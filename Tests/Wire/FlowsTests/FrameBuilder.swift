// Frames for tests, built layer by layer as rows of bytes, and the slow sums to check them with.

enum Build {
    static func octets(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { Array($0) }
    }

    static func ethernet(
        _ type: UInt16, tags: [(tpid: UInt16, tci: UInt16)] = [], _ payload: [UInt8]
    ) -> [UInt8] {
        [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1] + tags.flatMap { octets($0.tpid) + octets($0.tci) }
            + octets(type) + payload
    }

    static func ipv4(
        _ ipProtocol: UInt8, tos: UInt8 = 0, ttl: UInt8 = 64, place: UInt16 = 0,
        options: [UInt8] = [], total: Int? = nil, version: UInt8 = 4, _ payload: [UInt8]
    ) -> [UInt8] {
        let total = total ?? 20 + options.count + payload.count
        var header: [UInt8] = [version << 4 | UInt8(5 + options.count / 4), tos]
        header += octets(UInt16(total)) + [0, 1] + octets(place) + [ttl, ipProtocol, 0, 0]
        header += [10, 0, 0, 1, 10, 0, 0, 2] + options
        let sum = ~Sum.of(header)
        header[10] = UInt8(sum >> 8)
        header[11] = UInt8(sum & 0xff)
        return header + payload
    }

    static func ipv6(
        _ next: UInt8, trafficClass: UInt8 = 0, label: UInt32 = 0, hopLimit: UInt8 = 64,
        length: Int? = nil, _ payload: [UInt8]
    ) -> [UInt8] {
        octets(6 << 28 | UInt32(trafficClass) << 20 | label)
            + octets(UInt16(length ?? payload.count)) + [next, hopLimit]
            + [0xfd, 0] + [UInt8](repeating: 0, count: 13) + [1]
            + [0xfd, 0] + [UInt8](repeating: 0, count: 13) + [2] + payload
    }

    static func tcp(flags: UInt16 = 0x018, _ data: [UInt8] = []) -> [UInt8] {
        octets(1000 as UInt16) + octets(80 as UInt16) + [0, 0, 0, 1, 0, 0, 0, 2]
            + octets(5 << 12 | flags) + [1, 0, 0, 0, 0, 0] + data
    }

    static func udp(_ data: [UInt8] = []) -> [UInt8] {
        octets(1000 as UInt16) + octets(53 as UInt16) + octets(UInt16(8 + data.count)) + [0, 0]
            + data
    }

    static func sctp(_ data: [UInt8] = []) -> [UInt8] {
        octets(1000 as UInt16) + octets(9 as UInt16) + [0, 0, 0, 7, 0, 0, 0, 0] + data
    }

    static func icmp(_ type: UInt8, _ code: UInt8 = 0) -> [UInt8] {
        [type, code, 0, 0, 0, 1, 0, 2]
    }

    static func arp(_ operation: UInt16) -> [UInt8] {
        [0, 1, 8, 0, 6, 4] + octets(operation) + [2, 0, 0, 0, 0, 1, 10, 0, 0, 1]
            + [0, 0, 0, 0, 0, 9, 10, 0, 0, 2]
    }

    /// A neighbour solicitation for fd00::2 with raw options.
    static func solicitation(options: [UInt8]) -> [UInt8] {
        [135, 0, 0, 0, 0, 0, 0, 0, 0xfd, 0] + [UInt8](repeating: 0, count: 13) + [2] + options
    }
}

/// Sums over whole messages, the plain way.
enum Sum {
    /// One's-complement sum of big-endian 16-bit words (RFC 1071), folded, not complemented.
    static func of(_ bytes: some Sequence<UInt8>) -> UInt16 {
        var sum: UInt64 = 0
        var isHigh = true
        for byte in bytes {
            sum += isHigh ? UInt64(byte) << 8 : UInt64(byte)
            isHigh.toggle()
        }
        while sum > 0xffff { sum = (sum & 0xffff) + sum >> 16 }
        return UInt16(sum)
    }

    /// CRC32c bit by bit (RFC 9260 appendix A).
    static func crc32c(_ bytes: some Sequence<UInt8>) -> UInt32 {
        var register: UInt32 = ~0
        for byte in bytes {
            register ^= UInt32(byte)
            for _ in 0..<8 { register = register >> 1 ^ (register & 1 == 1 ? 0x82f6_3b78 : 0) }
        }
        return ~register
    }
}

/// A seeded source of chance (SplitMix64), so that a failing run can be repeated.
struct Chance: RandomNumberGenerator {
    var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
        return word ^ word >> 31
    }
    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }
    mutating func oneIn(_ bound: Int) -> Bool { below(bound) == 0 }
}
