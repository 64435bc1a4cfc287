import Execution
import Flows
import Packets
import Testing

/// Transport checksums of whole frames, the slow way: everything is summed.
enum Transport {
    private static func place(_ frame: [UInt8]) -> Extraction {
        frame.withUnsafeBytes { FlowKey.extract(frame: $0.bytes, inPort: 1) }
    }

    private static func parts(_ frame: [UInt8]) -> (field: Int, message: [UInt8], pseudo: [UInt8]) {
        let found = place(frame)
        let (network, transport) = (Int(found.layout.network), Int(found.layout.transport))
        let isIPv4 = found.layout.networkKind == .ipv4
        let length =
            Int(frame[network + (isIPv4 ? 2 : 4)]) << 8 + Int(frame[network + (isIPv4 ? 3 : 5)])
        let message = Array(frame[transport..<network + length + (isIPv4 ? 0 : 40)])
        let addresses =
            isIPv4 ? frame[network + 12..<network + 20] : frame[network + 8..<network + 40]
        let ipProtocol = found.layout.transportProtocol
        let pseudo = addresses + Build.octets(UInt32(message.count)) + [0, 0, 0, ipProtocol]
        let fields: [UInt8: Int] = [6: 16, 17: 6, 58: 2, 132: 8]
        return (transport + (fields[ipProtocol] ?? 0), message, Array(pseudo))
    }

    /// The frame with its transport checksum filled in, or with the pseudo-header's sum only.
    static func filled(_ frame: [UInt8], unfinished: Bool = false) -> [UInt8] {
        var frame = frame
        let (field, message, pseudo) = parts(frame)
        if place(frame).layout.transportProtocol == 132 {
            let crc = Sum.crc32c(message)
            for index in 0..<4 { frame[field + index] = UInt8(crc >> UInt32(8 * index) & 0xff) }
            return frame
        }
        let sum = unfinished ? Sum.of(pseudo) : ~Sum.of(pseudo + message)
        frame[field] = UInt8(sum >> 8)
        frame[field + 1] = UInt8(sum & 0xff)
        return frame
    }

    /// Whether IPv4's and the transport's checksums are what a receiver wants them to be.
    static func isRight(_ frame: [UInt8], unfinished: Bool = false) -> Bool {
        let found = place(frame)
        let network = Int(found.layout.network)
        if found.layout.networkKind == .ipv4 {
            let header = frame[network..<network + 4 * Int(frame[network] & 0xf)]
            guard Sum.of(header) == 0xffff else { return false }
        }
        let (field, message, pseudo) = parts(frame)
        if found.layout.transportProtocol == 132 {
            var zeroed = message
            for index in 8..<12 { zeroed[index] = 0 }
            let crc = Sum.crc32c(zeroed)
            return (0..<4).allSatisfy { frame[field + $0] == UInt8(crc >> UInt32(8 * $0) & 0xff) }
        }
        guard !unfinished else {
            // 0 and 0xffff are the same sum.
            let stored = UInt16(frame[field]) << 8 | UInt16(frame[field + 1])
            return stored % 0xffff == Sum.of(pseudo) % 0xffff
        }
        return Sum.of(pseudo + message) == 0xffff
    }
}

struct ChecksumTests {
    static let unfinished = Offload(
        flags: 1, segmentation: 0, headerByteCount: 0, segmentByteCount: 0, checksumStart: 0,
        checksumOffset: 0)

    private func randomRewrites(_ chance: inout Chance) -> [DatapathAction] {
        func masked<T: FixedWidthInteger & UnsignedInteger & Sendable>(_: T.Type) -> Masked<T> {
            Masked(
                T(truncatingIfNeeded: chance.next()),
                mask: chance.oneIn(3)
                    ? 0 : chance.oneIn(2) ? .max : T(truncatingIfNeeded: chance.next()))
        }
        func addressV4() -> Masked<IPv4Address> {
            let both = masked(UInt32.self)
            return Masked(IPv4Address(bits: both.value), mask: IPv4Address(bits: both.mask))
        }
        func addressV6() -> Masked<IPv6Address> {
            let (high, low) = (masked(UInt64.self), masked(UInt64.self))
            return Masked(
                IPv6Address(high: high.value, low: low.value),
                mask: IPv6Address(high: high.mask, low: low.mask))
        }
        var label = masked(UInt32.self)
        label.mask &= 0xf_ffff
        return [
            .set(
                .ipv4(
                    source: addressV4(), destination: addressV4(), tos: masked(UInt8.self),
                    ttl: masked(UInt8.self))),
            .set(
                .ipv6(
                    source: addressV6(), destination: addressV6(), label: label,
                    trafficClass: masked(UInt8.self), hopLimit: masked(UInt8.self))),
        ]
            + [6, 17, 132].map {
                .set(
                    .ports(
                        ipProtocol: $0, source: masked(UInt16.self),
                        destination: masked(UInt16.self)))
            } + [.output(port: 1)]
    }

    /// Random edits of random packets, finished and unfinished: every sum stays right.
    @Test(arguments: [6, 17, 132, 58] as [UInt8], [true, false])
    func sumsStayRight(ipProtocol: UInt8, isIPv4: Bool) throws {
        guard !(isIPv4 && ipProtocol == 58) else { return }
        var chance = Chance(seed: UInt64(ipProtocol) << 1 | (isIPv4 ? 1 : 0))
        for round in 0..<500 {
            let data = (0..<chance.below(90)).map { _ in UInt8(truncatingIfNeeded: chance.next()) }
            let message =
                switch ipProtocol {
                case 6: Build.tcp(data)
                case 17: Build.udp(data)
                case 132: Build.sctp(data)
                default: Build.icmp(128) + data
                }
            let packet = isIPv4 ? Build.ipv4(ipProtocol, message) : Build.ipv6(ipProtocol, message)
            let unfinished = round % 3 == 0 && ipProtocol != 132
            let padding = [UInt8].zeros(round % 5)
            let frame = Transport.filled(
                Build.ethernet(isIPv4 ? 0x0800 : 0x86dd, packet + padding), unfinished: unfinished)
            var offload = Offload.none
            if unfinished {
                offload.flags = 1
                offload.checksumStart = isIPv4 ? 34 : 54
                offload.checksumOffset = ipProtocol == 6 ? 16 : ipProtocol == 17 ? 6 : 2
                if ipProtocol == 6, round % 2 == 0 { offload.segmentation = isIPv4 ? 1 : 4 }
            }
            let result = try run(randomRewrites(&chance), on: frame, offload: offload)
            let sent = try #require(result.sent.first)
            #expect(sent.offload == offload)
            #expect(sent.bytes.count == frame.count)
            #expect(
                Transport.isRight(sent.bytes, unfinished: unfinished),
                "round \(round): \(frame) became \(sent.bytes)")
        }
    }

    private let everything: [DatapathAction] = [
        .set(
            .ipv4(
                source: Masked(IPv4Address(bits: 0x0102_0304), mask: IPv4Address(bits: .max)),
                destination: Masked(IPv4Address(bits: 0), mask: IPv4Address(bits: 0)),
                tos: Masked(0xff, mask: 0xfc), ttl: Masked(9, mask: .max))),
        .set(
            .ports(
                ipProtocol: 17, source: Masked(7, mask: .max), destination: Masked(8, mask: .max))),
        .output(port: 1),
    ]

    @Test func absentUDPChecksumStaysAbsent() throws {
        let frame = Build.ethernet(0x0800, Build.ipv4(17, Build.udp([1, 2, 3])))
        let bytes = try #require(run(everything, on: frame).sent.first).bytes
        #expect(Array(bytes[34..<42]) == [0, 7, 0, 8, 0, 11, 0, 0])
        #expect(Array(bytes[26..<30]) == [1, 2, 3, 4])
        #expect(bytes[15] == 0xfc && bytes[22] == 9)
        #expect(Sum.of(bytes[14..<34]) == 0xffff)
    }

    @Test func udpSumOfZeroIsSentAsAllOnes() throws {
        // A datagram whose checksum becomes zero: the source port takes up what is missing.
        let frame = Transport.filled(Build.ethernet(0x0800, Build.ipv4(17, Build.udp([1, 2]))))
        let stored = UInt16(frame[40]) << 8 | UInt16(frame[41])
        let (sum, carry) = (1000 as UInt16).addingReportingOverflow(stored)
        let port = carry ? sum + 1 : sum
        let result = try run(
            [
                .set(
                    .ports(
                        ipProtocol: 17, source: Masked(port, mask: .max),
                        destination: Masked(0, mask: 0))),
                .output(port: 1),
            ], on: frame)
        let bytes = try #require(result.sent.first).bytes
        #expect(Array(bytes[40..<42]) == [0xff, 0xff])
        #expect(Transport.isRight(bytes))
    }

    @Test func laterFragmentKeepsItsPayload() throws {
        let frame = Build.ethernet(0x0800, Build.ipv4(17, place: 0x2001, Build.udp([1, 2, 3])))
        let bytes = try #require(run(everything, on: frame).sent.first).bytes
        #expect(Array(bytes[34...]) == Array(frame[34...]))
        #expect(Sum.of(bytes[14..<34]) == 0xffff)
        #expect(Array(bytes[26..<30]) == [1, 2, 3, 4])
    }

    /// The checksum in a first fragment covers the whole datagram, and so does the adjustment.
    @Test func firstFragmentIsAdjusted() throws {
        let whole = Transport.filled(Build.ethernet(0x0800, Build.ipv4(17, Build.udp(.zeros(64)))))
        var first = Build.ethernet(0x0800, Build.ipv4(17, place: 0x2000, Build.udp(.zeros(24))))
        first.replaceSubrange(38..<42, with: whole[38..<42])
        let edited = try #require(run(everything, on: first).sent.first).bytes
        let expected = try #require(run(everything, on: whole).sent.first).bytes
        #expect(Array(edited[34..<42]) == Array(expected[34..<42]))
        #expect(Transport.isRight(expected))
    }

    /// RFC 8200 §8.1: with segments left, the final destination is in the routing header.
    @Test func routedDestinationIsNotInTheChecksum() throws {
        let frame = Build.ethernet(
            0x86dd, Build.ipv6(43, [17, 0, 0, 1, 0, 0, 0, 0] + Build.udp([1])))
        var summed = frame
        summed[68] = 0x12
        summed[69] = 0x34
        let result = try run(
            [
                .set(
                    .ipv6(
                        source: Masked(
                            IPv6Address(high: 0, low: 0), mask: IPv6Address(high: 0, low: 0)),
                        destination: Masked(
                            IPv6Address(high: 1, low: 2), mask: IPv6Address(high: .max, low: .max)),
                        label: Masked(0, mask: 0), trafficClass: Masked(0, mask: 0),
                        hopLimit: Masked(0, mask: 0))),
                .output(port: 1),
            ], on: summed)
        let bytes = try #require(result.sent.first).bytes
        #expect(Array(bytes[68..<70]) == [0x12, 0x34])
        #expect(Array(bytes[38..<54]) == .zeros(7) + [1] + .zeros(7) + [2])
    }

    /// An edit of a protocol that is not there changes nothing, and copies nothing.
    @Test(arguments: [
        Build.ethernet(0x0806, Build.arp(1)), Build.ethernet(0x86dd, Build.ipv6(6, Build.tcp())),
        Build.ethernet(0x0800, [0x45, 0, 0]), Build.ethernet(0x1234, []),
    ])
    func absentHeaderIsLeftAlone(frame: [UInt8]) throws {
        let result = try run([.output(port: 2)] + everything, on: frame)
        #expect(result.sent.map(\.bytes) == [frame, frame])
        #expect(result.copies == 0)
    }
}
