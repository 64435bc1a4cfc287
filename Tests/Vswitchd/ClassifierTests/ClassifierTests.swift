import Classifier
import Flows
import Packets
import Testing

// The classifier against its slow twin: a list of rules that is searched from the top.

/// A rule of the twin.
private struct TwinRule: Equatable {
    var key: PipelineKey
    var mask: PipelineMask
    var priority: UInt16
    var payload: Int

    func matches(_ packet: PipelineKey) -> Bool { packet.masked(by: mask) == key }
}

/// Rules and packets over a small alphabet, so that they often meet.
private struct World {
    var generator: SeededGenerator

    mutating func packet() -> PipelineKey {
        var key = PipelineKey()
        key.packet.inPort = UInt32(generator.below(4))
        key.packet.ethSrc = MACAddress(bits: UInt64(generator.below(4)))
        key.packet.ethDst = MACAddress(bits: UInt64(generator.below(4)))
        key.packet.ethType = generator.pick([0x0800, 0x0806, 0x86dd])
        key.packet.vlan0TCI = generator.pick([0, 0x1001, 0x1002])
        key.packet.nwProto = generator.pick([1, 6, 17])
        key.packet.nwSrc = IPv4Address(bits: UInt32(generator.below(4)) << 24 | 1)
        key.packet.nwDst = IPv4Address(bits: UInt32(generator.below(4)) << 8 | 1)
        key.packet.ipv6Src = IPv6Address(high: 1, low: UInt64(generator.below(4)) << 60)
        key.packet.ipv6Dst = IPv6Address(high: UInt64(generator.below(4)) << 50, low: 0)
        key.packet.tpSrc = UInt16(generator.below(4))
        key.packet.tpDst = UInt16(generator.below(4))
        key.metadata = UInt64(generator.below(2))
        key[register: 3] = UInt32(generator.below(2))
        return key
    }

    mutating func mask() -> PipelineMask {
        var mask = PipelineMask()
        if generator.once(in: 3) { mask.packet.inPort = .max }
        if generator.once(in: 4) { mask.packet.ethSrc = .broadcast }
        if generator.once(in: 4) { mask.packet.ethDst = MACAddress(bits: 1) }
        if generator.once(in: 2) { mask.packet.ethType = .max }
        if generator.once(in: 4) { mask.packet.vlan0TCI = generator.pick([0x1fff, 0x1000]) }
        if generator.once(in: 3) { mask.packet.nwProto = .max }
        if generator.once(in: 3) {
            mask.packet.nwSrc = IPv4Address(bits: generator.pick([0xff00_0000, 0x0100_0000, ~0]))
        }
        if generator.once(in: 3) {
            mask.packet.nwDst = IPv4Address(bits: generator.pick([~0, 0xffff_fe00, 0x8000_0000]))
        }
        if generator.once(in: 6) {
            mask.packet.ipv6Src = IPv6Address(high: .max, low: generator.pick([0, ~0, ~0 << 60]))
        }
        if generator.once(in: 6) {
            mask.packet.ipv6Dst = IPv6Address(high: ~0 << UInt64(generator.below(64)), low: 0)
        }
        if generator.once(in: 4) { mask.packet.tpDst = generator.pick([.max, 0xfffe]) }
        if generator.once(in: 6) { mask.packet.tpSrc = generator.pick([.max, 0xfffe, 1]) }
        if generator.once(in: 6) { mask.metadata = .max }
        return mask
    }

    /// A packet that agrees with `packet` where `mask` looked.
    mutating func relative(of packet: PipelineKey, under mask: PipelineMask) -> PipelineKey {
        var other = self.packet()
        for index in 0..<PipelineKey.wordCount {
            if generator.once(in: 4) { other[word: index] ^= generator.next() }
            let looked = mask[word: index]
            other[word: index] = other[word: index] & ~looked | packet[word: index] & looked
        }
        return other
    }
}

@Suite struct ClassifierTests {
    /// 40 tables × 100 packets × 3 relatives. A bit too few in a reported mask fails here.
    @Test(arguments: UInt64(1)...40)
    func answersLikeItsTwinAndReportsWhatItLookedAt(seed: UInt64) {
        var world = World(generator: SeededGenerator(seed: seed))
        var classifier = Classifier<Int>()
        var twin: [TwinRule] = []
        for payload in 0..<world.generator.below(120) {
            let mask = world.mask()
            let rule = TwinRule(
                key: world.packet().masked(by: mask), mask: mask,
                priority: UInt16(world.generator.below(20)), payload: payload)
            twin.removeAll {
                ($0.key, $0.mask, $0.priority) == (rule.key, rule.mask, rule.priority)
            }
            twin.append(rule)
            classifier.insert(
                key: rule.key, mask: rule.mask, priority: rule.priority, payload: payload)
            if world.generator.once(in: 4), let gone = twin.randomElement(using: &world.generator) {
                twin.removeAll { $0 == gone }
                let removed = classifier.remove(
                    key: gone.key, mask: gone.mask, priority: gone.priority)
                #expect(removed == gone.payload)
            }
        }
        #expect(classifier.count == twin.count)
        #expect(classifier.checkInvariants())
        for _ in 0..<100 {
            let packet = world.packet()
            var mask = PipelineMask()
            let found = classifier.lookup(packet, looking: &mask)
            let best = twin.filter { $0.matches(packet) }.map(\.priority).max()
            let foundRule = twin.first { $0.payload == found }
            #expect(foundRule?.priority == best)
            #expect(foundRule?.matches(packet) ?? true)
            #expect(classifier.lookup(packet) == found, "seed \(seed)")
            for _ in 0..<3 {
                let relative = world.relative(of: packet, under: mask)
                var ignored = PipelineMask()
                #expect(classifier.lookup(relative, looking: &ignored) == found, "seed \(seed)")
            }
        }
    }

    @Test func overlapFindsExactlyTheRulesThatShareAPacket() {
        var world = World(generator: SeededGenerator(seed: 7))
        for _ in 0..<200 {
            var classifier = Classifier<Int>()
            var twin: [TwinRule] = []
            for payload in 0..<6 {
                let mask = world.mask()
                let rule = TwinRule(
                    key: world.packet().masked(by: mask), mask: mask,
                    priority: UInt16(world.generator.below(3)), payload: payload)
                twin.append(rule)
                classifier.insert(
                    key: rule.key, mask: mask, priority: rule.priority, payload: payload)
            }
            let mask = world.mask()
            let key = world.packet().masked(by: mask)
            let overlapping = twin.contains { rule in
                let common = rule.mask.masked(by: mask)
                return rule.priority == 1 && rule.key.masked(by: common) == key.masked(by: common)
            }
            let found = classifier.overlap(key: key, mask: mask, priority: 1)
            #expect((found != nil) == overlapping)
        }
    }

    @Test func aRuleIsFoundExactlyAndReplacedInPlace() {
        var classifier = Classifier<String>()
        var key = PipelineKey()
        key.packet.ethType = 0x0800
        var mask = PipelineMask()
        mask.packet.ethType = .max
        #expect(classifier.insert(key: key, mask: mask, priority: 5, payload: "a") == nil)
        #expect(classifier.insert(key: key, mask: mask, priority: 6, payload: "b") == nil)
        #expect(classifier.insert(key: key, mask: mask, priority: 5, payload: "c") == "a")
        #expect(classifier.count == 2)
        #expect(classifier.subtableCount == 1)
        #expect(classifier.find(key: key, mask: mask, priority: 5) == "c")
        #expect(classifier.find(key: key, mask: mask, priority: 7) == nil)
        #expect(classifier.remove(key: key, mask: mask, priority: 6) == "b")
        #expect(classifier.remove(key: key, mask: mask, priority: 6) == nil)
        var looked = PipelineMask()
        #expect(classifier.lookup(key, looking: &looked) == "c")
        #expect(looked == mask)
        #expect(classifier.remove(key: key, mask: mask, priority: 5) == "c")
        #expect(classifier.subtableCount == 0)
    }

    @Test func whatCouldNotWinIsNotLookedAt() {
        var classifier = Classifier<Int>()
        var key = PipelineKey()
        key.packet.inPort = 1
        var port = PipelineMask()
        port.packet.inPort = .max
        var address = PipelineMask()
        address.packet.nwDst = IPv4Address(bits: .max)
        classifier.insert(key: key, mask: port, priority: 10, payload: 1)
        classifier.insert(key: key, mask: address, priority: 9, payload: 2)
        var looked = PipelineMask()
        #expect(classifier.lookup(key, looking: &looked) == 1)
        #expect(looked == port)
    }

    @Test func portsAreNotLookedAtWhenTheAddressAlreadyRulesItOut() {
        var classifier = Classifier<Int>()
        var key = PipelineKey()
        key.packet.ethType = 0x0800
        key.packet.nwDst = IPv4Address(bits: 0x0a00_0001)
        key.packet.nwProto = 6
        key.packet.tpDst = 22
        var mask = PipelineMask()
        mask.packet.ethType = .max
        mask.packet.nwDst = IPv4Address(bits: .max)
        mask.packet.nwProto = .max
        mask.packet.tpDst = .max
        classifier.insert(key: key, mask: mask, priority: 1, payload: 1)
        var other = key
        other.packet.nwDst = IPv4Address(bits: 0x0a00_0002)
        var looked = PipelineMask()
        #expect(classifier.lookup(other, looking: &looked) == nil)
        // The first 31 bits, but for the last one of which both are equal.
        #expect(looked.packet.nwDst.bits == 0xffff_fffe)
        #expect(looked.packet.tpDst == 0)
    }

    /// A rule that could not win costs no bit, whatever addresses it names.
    @Test func rulesOfLowerPriorityNarrowNothing() {
        var classifier = Classifier<Int>()
        var key = PipelineKey()
        key.packet.ethType = 0x0800
        var type = PipelineMask()
        type.packet.ethType = .max
        var address = type
        address.packet.nwDst = IPv4Address(bits: .max)
        for number in 0..<40 {
            key.packet.nwDst = IPv4Address(bits: 0x0a00_0000 | UInt32(number) << 8)
            classifier.insert(
                key: key, mask: address, priority: UInt16(number + 1), payload: number)
        }
        classifier.insert(key: key.masked(by: type), mask: type, priority: 39, payload: 99)
        var looked = PipelineMask()
        key.packet.nwDst = IPv4Address(bits: 0xc0a8_0001)
        #expect(classifier.lookup(key, looking: &looked) == 99)
        // Only 10.0.38.0 and 10.0.39.0 could win, and their first bit is another.
        #expect(looked.packet.nwDst.bits == 0x8000_0000)
        looked = PipelineMask()
        key.packet.nwDst = IPv4Address(bits: 0x0a00_0000)
        #expect(classifier.lookup(key, looking: &looked) == 99)
        #expect(looked.packet.nwDst.bits == 0xffff_e000)
    }

    /// Priorities from 0 to the largest, and equals in several subtables: the answer is that of the
    /// list, and stays so while rules go.
    @Test(arguments: UInt64(1)...20)
    func theBestAnswersWhateverThePriorities(seed: UInt64) {
        var world = World(generator: SeededGenerator(seed: seed))
        var classifier = Classifier<Int>()
        var twin: [TwinRule] = []
        for payload in 0..<150 {
            let mask = world.mask()
            let rule = TwinRule(
                key: world.packet().masked(by: mask), mask: mask,
                priority: world.generator.pick([0, 0, 1, 65534, 65535, 300, 301]),
                payload: payload)
            guard classifier.find(key: rule.key, mask: mask, priority: rule.priority) == nil
            else { continue }
            twin.append(rule)
            classifier.insert(
                key: rule.key, mask: rule.mask, priority: rule.priority, payload: payload)
        }
        while let gone = twin.randomElement(using: &world.generator) {
            for _ in 0..<4 {
                let packet = world.packet()
                var (mask, ignored) = (PipelineMask(), PipelineMask())
                let found = classifier.lookup(packet, looking: &mask)
                let best = twin.filter { $0.matches(packet) }.map(\.priority).max()
                #expect(twin.first { $0.payload == found }?.priority == best)
                let relative = world.relative(of: packet, under: mask)
                #expect(classifier.lookup(relative, looking: &ignored) == found, "seed \(seed)")
            }
            twin.removeAll { $0 == gone }
            classifier.remove(key: gone.key, mask: gone.mask, priority: gone.priority)
        }
        #expect(classifier.count == 0 && classifier.checkInvariants())
    }
}
