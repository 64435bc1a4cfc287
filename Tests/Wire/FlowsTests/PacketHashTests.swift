import Flows
import Packets
import Testing

struct PacketHashTests {
    private func key(_ change: (inout FlowKey) -> Void = { _ in }) -> FlowKey {
        var key = FlowKey()
        key.ethType = EtherType.ipv4
        (key.nwSrc, key.nwDst) = (IPv4Address(bits: 0x0a00_0001), IPv4Address(bits: 0x0a00_0002))
        (key.nwProto, key.tpSrc, key.tpDst) = (IPProtocol.tcp, 1000, 80)
        change(&key)
        return key
    }

    private func reversed(_ key: FlowKey) -> FlowKey {
        var reversed = key
        (reversed.ethSrc, reversed.ethDst) = (key.ethDst, key.ethSrc)
        (reversed.nwSrc, reversed.nwDst) = (key.nwDst, key.nwSrc)
        (reversed.ipv6Src, reversed.ipv6Dst) = (key.ipv6Dst, key.ipv6Src)
        (reversed.tpSrc, reversed.tpDst) = (key.tpDst, key.tpSrc)
        return reversed
    }

    @Test func onlyTheSymmetricOneForgetsTheDirection() {
        let keys = [
            key(), key { $0.nwProto = IPProtocol.udp },
            key {
                $0.ethType = EtherType.ipv6
                $0.ipv6Src = IPv6Address(high: 1, low: 2)
                $0.ipv6Dst = IPv6Address(high: 3, low: 4)
            },
            key {
                $0.ethType = 0x1234
                ($0.ethSrc, $0.ethDst) = (MACAddress(bits: 5), MACAddress(bits: 6))
            },
        ]
        for key in keys {
            let back = reversed(key)
            #expect(key.hash(.symmetricLayer4, basis: 1) == back.hash(.symmetricLayer4, basis: 1))
            #expect(key.hash(.layer4, basis: 1) != back.hash(.layer4, basis: 1))
            #expect(key.hash(.layer4, basis: 1) != key.hash(.layer4, basis: 2))
        }
        #expect(Set(keys.map { $0.hash(.layer4, basis: 0) }).count == keys.count)
    }

    /// All fragments of a packet go one way, though only the first has ports.
    @Test func fragmentsStayTogether() {
        let first = key { $0.nwFrag = Fragment.any }
        let later = key {
            $0.nwFrag = Fragment.any | Fragment.later
            ($0.tpSrc, $0.tpDst) = (0, 0)
        }
        for algorithm in PacketHash.allCases {
            #expect(first.hash(algorithm, basis: 0) == later.hash(algorithm, basis: 0))
            #expect(first.hash(algorithm, basis: 0) != 0)
        }
    }

    /// Neighbouring addresses and ports fall evenly into 16 buckets.
    @Test(arguments: PacketHash.allCases)
    func spreads(algorithm: PacketHash) {
        var buckets = [Int](repeating: 0, count: 16)
        for host in 0..<64 as Range<UInt32> {
            for port in 0..<64 as Range<UInt16> {
                let one = key {
                    $0.nwSrc = IPv4Address(bits: 0x0a00_0000 + host)
                    $0.tpSrc = 40_000 + port
                }
                buckets[Int(one.hash(algorithm, basis: 0) & 15)] += 1
            }
        }
        #expect(buckets.allSatisfy { (180...340).contains($0) })
    }
}
