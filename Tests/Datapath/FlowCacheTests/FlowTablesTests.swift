import FlowCache
import Flows
import Packets
import Testing

/// What the tables should hold, as an array: the slow twin.
private struct Twin {
    struct Flow {
        var key: FlowKey
        var mask: FlowMask
        var program: UInt32
        var packets: UInt64 = 0
    }
    var flows: [Flow] = []

    func index(_ key: FlowKey, _ mask: FlowMask) -> Int? {
        flows.firstIndex { $0.mask == mask && $0.key == key.masked(by: mask) }
    }

    mutating func put(_ key: FlowKey, _ mask: FlowMask, _ program: UInt32) -> UInt32? {
        guard let index = index(key, mask) else {
            flows.append(Flow(key: key.masked(by: mask), mask: mask, program: program))
            return nil
        }
        defer { flows[index].program = program }
        return flows[index].program
    }

    func matches(_ key: FlowKey) -> [Flow] {
        flows.filter { key.masked(by: $0.mask) == $0.key }
    }
}

/// Keys and masks of a small world, so that hits, replacements and emptied masks are common.
private struct World {
    var chance: Chance
    /// With this, flows do not overlap: the port decides which mask applies.
    let isDisjoint: Bool

    init(seed: UInt64, isDisjoint: Bool) {
        chance = Chance(seed: seed)
        self.isDisjoint = isDisjoint
    }

    mutating func key() -> FlowKey {
        var key = FlowKey()
        key.inPort = UInt32(chance.below(6))
        key.ethSrc = MACAddress(bits: UInt64(chance.below(4)))
        key.ethDst = MACAddress(bits: UInt64(chance.below(4)))
        key.ethType = chance.oneIn(2) ? 0x0800 : 0x86dd
        key.tpDst = UInt16(chance.below(3))
        key.ndTarget = IPv6Address(high: 0, low: UInt64(chance.below(2)))
        key.mpls2 = UInt32(chance.below(2))
        return key
    }

    mutating func mask(for key: FlowKey) -> FlowMask {
        let kind = isDisjoint ? Int(key.inPort) : chance.below(8)
        var mask = FlowMask()
        mask.inPort = .max
        if kind & 1 != 0 { mask.ethSrc = .broadcast }
        if kind & 2 != 0 { mask.ethType = .max }
        if kind & 4 != 0 { mask.ndTarget = IPv6Address(high: .max, low: .max) }
        if kind & 3 == 3 { mask.mpls2 = .max }
        if kind == 7 { mask.inPort = 0 }
        return mask
    }
}

struct FlowTablesTests {
    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func agreesWithTheSlowTwin(seed: UInt64) throws {
        var world = World(seed: seed, isDisjoint: seed.isMultiple(of: 2))
        var tables = FlowTables(flowLimit: 100, microflowCount: 16, seed: seed)
        var twin = Twin()
        for step in 0..<1500 {
            let key = world.key()
            switch world.chance.below(20) {
            case 0...4:
                let mask = world.mask(for: key)
                guard twin.flows.count < 100 || twin.index(key, mask) != nil else {
                    #expect(throws: MegaflowRefusal.tooManyFlows(limit: 100)) {
                        try tables.megaflows.put(key: key, mask: mask, program: 0)
                    }
                    break
                }
                let before = try tables.megaflows.put(
                    key: key, mask: mask, program: UInt32(step))
                #expect(before == twin.put(key, mask, UInt32(step)))
            case 5...7:
                let mask = world.mask(for: key)
                let slot = tables.megaflows.find(key: key, mask: mask)
                let index = twin.index(key, mask)
                #expect((slot == nil) == (index == nil))
                guard let slot, let index else { break }
                let record = tables.megaflows.remove(slot)
                let flow = twin.flows.remove(at: index)
                #expect(record.program == flow.program && record.packets == flow.packets)
            case 8 where step.isMultiple(of: 20):
                tables.removeAll()
                twin.flows = []
            default:
                try look(up: key, &tables, &twin, isDisjoint: world.isDisjoint)
            }
            let broken = tables.brokenInvariant()
            try #require(broken == nil, "step \(step) of seed \(seed): \(broken ?? "")")
            try #require(tables.megaflows.count == twin.flows.count)
        }
        #expect(tables.microflowHits > 0 && tables.megaflowHits > 0 && tables.misses > 0)
    }

    private func look(
        up key: FlowKey, _ tables: inout FlowTables, _ twin: inout Twin, isDisjoint: Bool
    ) throws {
        let matches = twin.matches(key)
        // Twice: the second time the microflow cache answers.
        for _ in 0..<2 {
            let slot = tables.lookup(key)
            guard let slot else {
                #expect(matches.isEmpty)
                continue
            }
            let (flowKey, mask, record) = tables.megaflows.flow(at: slot)
            #expect(matches.contains { $0.program == record.program && $0.mask == mask })
            #expect(tables.megaflows.slowLookup(key).contains(slot))
            if isDisjoint {
                #expect(matches.count == 1)
                let megaflow = tables.megaflows.lookup(key)
                #expect(megaflow == slot)
            }
            tables.megaflows.count(slot, byteCount: 60, tcpFlags: 2, nowMilliseconds: 5)
            let index = try #require(twin.index(flowKey, mask))
            twin.flows[index].packets += 1
        }
    }

    /// A deleted flow's slot is taken by another flow: microflows of the first must not find it.
    @Test func reusedSlotDoesNotInheritMicroflows() throws {
        var tables = FlowTables(flowLimit: 1, microflowCount: 16, seed: 1)
        var (first, second, mask) = (FlowKey(), FlowKey(), FlowMask())
        (first.inPort, second.inPort, mask.inPort) = (1, 2, .max)
        _ = try tables.megaflows.put(key: first, mask: mask, program: 1)
        let (found, again) = (tables.lookup(first), tables.lookup(first))
        let slot = try #require(found)
        #expect(again == slot)
        tables.megaflows.remove(slot)
        let gone = tables.lookup(first)
        #expect(gone == nil)
        _ = try tables.megaflows.put(key: second, mask: mask, program: 2)
        let (other, stillGone) = (tables.lookup(second), tables.lookup(first))
        #expect(other == slot)
        #expect(stillGone == nil)
    }

    @Test func replacedActionsServeKnownMicroflows() throws {
        var tables = FlowTables(flowLimit: 4, microflowCount: 16, seed: 1)
        let (key, mask) = (FlowKey(), FlowMask())
        _ = try tables.megaflows.put(key: key, mask: mask, program: 1)
        let found = tables.lookup(key)
        let slot = try #require(found)
        tables.megaflows.count(slot, byteCount: 100, tcpFlags: 0x12, nowMilliseconds: 9)
        let before = try tables.megaflows.put(
            key: key, mask: mask, program: 2, name: FlowName(high: 1, low: 2))
        #expect(before == 1)
        let replaced = tables.lookup(key)
        #expect(replaced == slot)
        #expect(tables.megaflows.program(of: slot) == 2)
        let record = tables.megaflows.flow(at: slot).record
        #expect(record.packets == 1 && record.bytes == 100 && record.tcpFlags == 0x12)
        #expect(record.usedMilliseconds == 9 && record.name == FlowName(high: 1, low: 2))
    }

    @Test(arguments: [1023, 1024, 1025])
    func masksAreBounded(count: Int) throws {
        var table = MegaflowTable(flowLimit: 2000, seed: 3)
        for index in 0..<count {
            var mask = FlowMask()
            mask.packetMark = UInt32(index)
            guard index < FlowCacheLimits.masks else {
                #expect(throws: MegaflowRefusal.tooManyMasks(limit: 1024)) {
                    try table.put(key: FlowKey(), mask: mask, program: 0)
                }
                break
            }
            #expect(try table.put(key: FlowKey(), mask: mask, program: 0) == nil)
        }
        #expect(table.maskCount == min(count, 1024))
        #expect(table.brokenInvariant() == nil)
    }

    @Test func busyMasksComeForward() throws {
        var table = MegaflowTable(flowLimit: 200, seed: 3)
        for index in 0..<100 as Range<UInt32> {
            var (key, mask) = (FlowKey(), FlowMask())
            key.inPort = index
            (mask.inPort, mask.packetMark) = (.max, index)
            _ = try table.put(key: key, mask: mask, program: index)
        }
        var key = FlowKey()
        key.inPort = 99
        func probes() -> UInt64 {
            let before = table.probeCount
            #expect(table.lookup(key) != nil)
            return table.probeCount - before
        }
        #expect(probes() == 100)
        for _ in 0...FlowCacheLimits.lookupsBetweenSorts { _ = table.lookup(key) }
        #expect(probes() == 1)
        #expect(table.brokenInvariant() == nil)
    }

    @Test func dumpInPortionsMeetsEveryFlowThatStays() throws {
        var table = MegaflowTable(flowLimit: 1000, seed: 3)
        var mask = FlowMask()
        mask.inPort = .max
        func key(_ port: UInt32) -> FlowKey {
            var key = FlowKey()
            key.inPort = port
            return key
        }
        for port in 0..<1000 as Range<UInt32> {
            _ = try table.put(key: key(port), mask: mask, program: port)
        }
        var met: [UInt32] = []
        var at: Int? = 0
        while let slot = at {
            let (live, next) = table.nextLive(from: slot, limit: 10)
            if let live { met.append(table.flow(at: live).key.inPort) }
            // Flows go while the dump is underway.
            if let gone = table.find(key: key(999 - UInt32(met.count) / 2), mask: mask),
                met.count % 2 == 0
            {
                table.remove(gone)
            }
            at = next
        }
        #expect(Set(met).count == met.count)
        #expect(met.filter { $0 < 500 } == Array(0..<500))
    }

    /// A million flows; in debug builds, where each takes ten times as long, a tenth of that.
    @Test func aMillionFlows() throws {
        #if DEBUG
            let count: UInt32 = 100_000
        #else
            let count: UInt32 = 1_000_000
        #endif
        var table = MegaflowTable(flowLimit: Int(count), seed: 3)
        var mask = FlowMask()
        mask.packetMark = .max
        var key = FlowKey()
        for index in 0..<count {
            key.packetMark = index
            _ = try table.put(key: key, mask: mask, program: index)
        }
        key.packetMark = .max
        #expect(throws: MegaflowRefusal.tooManyFlows(limit: Int(count))) {
            try table.put(key: key, mask: mask, program: 0)
        }
        for index in stride(from: 0 as UInt32, to: count, by: 97) {
            key.packetMark = index
            let program = table.lookup(key).map { table.program(of: $0) }
            #expect(program == index)
        }
        table.removeAll()
        #expect(table.count == 0 && table.maskCount == 0)
    }

    /// The low bits of the hash choose buckets: keys that differ in one bit must spread.
    @Test func hashSpreadsNeighbours() {
        let hash = KeyHash(seed: 42)
        var buckets = [Int](repeating: 0, count: 1024)
        for word in 0..<FlowKey.wordCount {
            for bit in 0..<64 as Range<UInt64> {
                var key = FlowKey()
                key[word: word] = 1 << bit
                // Behind word 18 there is something only if there is something in it.
                if word >= FlowKey.plainWordCount { key.tunnelFlags = TunnelFlag.present }
                buckets[Int(hash.hash(key) & 1023)] += 1
            }
        }
        // 1664 keys over 1024 buckets: a fair hash leaves some 202 empty, none with eleven.
        #expect(buckets.max()! < 11)
        #expect((120..<290).contains(buckets.count { $0 == 0 }))
    }
}
