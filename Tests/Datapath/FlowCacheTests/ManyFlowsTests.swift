import FlowCache
import Flows
import Packets
import Testing

#if DEBUG
    private let flowCount = 20_000
#else
    private let flowCount = FlowCacheLimits.flows
#endif

struct ManyFlowsTests {
    private static let mask: FlowMask = {
        var mask = FlowMask()
        (mask.inPort, mask.ethType, mask.nwProto) = (.max, .max, .max)
        (mask.nwSrc, mask.nwDst) = (IPv4Address(bits: .max), IPv4Address(bits: .max))
        mask.tpDst = .max
        return mask
    }()

    private func key(_ index: Int) -> FlowKey {
        var key = FlowKey()
        (key.inPort, key.ethType, key.nwProto) = (1, EtherType.ipv4, IPProtocol.tcp)
        key.nwSrc = IPv4Address(bits: 0x1400_0000 + UInt32(index))
        (key.nwDst, key.tpDst) = (IPv4Address(bits: 0x0a00_0001), 80)
        return key
    }

    /// A million flows (fewer in debug builds): all are found, one more is refused, and what is
    /// taken away is gone.
    @Test func aMillionFlows() throws {
        var tables = FlowTables(flowLimit: flowCount, microflowCount: 8192, seed: 3)
        for index in 0..<flowCount {
            _ = try tables.megaflows.put(key: key(index), mask: Self.mask, program: UInt32(index))
        }
        #expect(throws: MegaflowRefusal.tooManyFlows(limit: flowCount)) {
            try tables.megaflows.put(key: key(flowCount), mask: Self.mask, program: 0)
        }
        var lost = 0
        for round in 0..<2 {
            for index in stride(from: round, to: flowCount, by: 3) {
                let slot = tables.lookup(key(index))
                if slot.map({ Int(tables.megaflows.program(of: $0)) }) != index { lost += 1 }
            }
        }
        #expect(lost == 0)
        for index in stride(from: 0, to: flowCount, by: 2) {
            guard let slot = tables.megaflows.find(key: key(index), mask: Self.mask) else {
                lost += 1
                continue
            }
            tables.megaflows.remove(slot)
        }
        for index in 0..<flowCount where (tables.lookup(key(index)) != nil) != (index % 2 == 1) {
            lost += 1
        }
        let (count, broken) = (tables.megaflows.count, tables.brokenInvariant())
        #expect(lost == 0 && count == flowCount / 2 && broken == nil)
    }

    /// Random keys, of which none is known: the cache of exact keys takes in nothing, so that what
    /// is known stays known.
    @Test func strangersDisplaceNobody() throws {
        var tables = FlowTables(flowLimit: 100, microflowCount: 64, seed: 3)
        _ = try tables.megaflows.put(key: key(0), mask: Self.mask, program: 7)
        let (first, hits) = (tables.lookup(key(0)), tables.megaflowHits)
        #expect(first != nil && hits == 1)
        for index in 1..<10_000 where tables.lookup(key(index)) != nil {
            Issue.record("stranger \(index) is known")
        }
        let again = tables.lookup(key(0))
        #expect(again == first && tables.microflowHits == 1 && tables.misses == 9999)
    }

    /// Two packets that differ only in their tunnel are two flows, in both caches.
    @Test func tunnelsTellFlowsApart() throws {
        var tables = FlowTables(flowLimit: 100, microflowCount: 64, seed: 3)
        var mask = Self.mask
        (mask.tunnelFlags, mask.tunnelIPv6Dst) = (.max, IPv6Address(high: .max, low: .max))
        var tunnelled = key(0)
        tunnelled.tunnelFlags = TunnelFlag.present
        var other = tunnelled
        other.tunnelIPv6Dst = IPv6Address(high: 0, low: 1)
        for (program, key) in [key(0), tunnelled, other].enumerated() {
            _ = try tables.megaflows.put(key: key, mask: mask, program: UInt32(program))
        }
        for _ in 0..<3 {
            for (program, key) in [key(0), tunnelled, other].enumerated() {
                let found = tables.lookup(key)
                let slot = try #require(found)
                let answer = tables.megaflows.program(of: slot)
                #expect(answer == UInt32(program))
            }
        }
        #expect(tables.microflowHits == 6 && tables.megaflowHits == 3)
    }
}
