import Flows
import KernelPrograms
import Packets
import Testing

@Suite struct ExpressMaskTests {
    /// Whatever a mask may look at and the key leaves out differs between frames of one key.
    @Test func masksThatLookAtWhatTheKeyLeavesOutAreNoExpressMasks() throws {
        let key = KernelProgramsTests.extract(KernelProgramsTests.samples[0]).key
        var mask = FlowMask()
        mask.inPort = .max
        mask.ethDst = .broadcast
        mask.ethType = .max
        mask.nwFrag = .max
        mask.tpDst = .max
        #expect(ExpressMask(mask, like: key) != nil)
        let changes: [(inout FlowMask) -> Void] = [
            { $0.nwTTL = 1 }, { $0.nwTOS = 3 }, { $0.tcpFlags = 2 }, { $0.ipv6Label = 1 },
        ]
        for change in changes {
            var wider = mask
            change(&wider)
            #expect(ExpressMask(wider, like: key) == nil)
        }
    }

    /// A mask of a megaflow as the pipeline might make it: whole fields, prefixes, single bits.
    private static func randomMask(_ chance: inout Chance) -> FlowMask {
        var mask = FlowMask()
        mask.inPort = .max
        mask.recirculationID = .max
        func sometimes(_ change: (inout FlowMask) -> Void) {
            if chance.below(3) == 0 { change(&mask) }
        }
        let prefix = UInt32.max << UInt32(chance.below(32))
        let bits = UInt16(truncatingIfNeeded: chance.below(65_536))
        sometimes { $0.ethDst = .broadcast }
        sometimes { $0.ethSrc = MACAddress(bits: 0xff) }
        sometimes { $0.ethType = .max }
        sometimes { $0.vlan0TCI = bits }
        sometimes { $0.vlan0TPID = .max }
        sometimes { $0.vlan1TCI = .max }
        sometimes { $0.nwProto = .max }
        sometimes { $0.nwFrag = .max }
        sometimes { $0.nwSrc = IPv4Address(bits: prefix) }
        sometimes { $0.nwDst = IPv4Address(bits: .max) }
        sometimes { $0.ipv6Src = IPv6Address(high: .max, low: UInt64(prefix)) }
        sometimes { $0.ipv6Dst = IPv6Address(high: UInt64(prefix), low: 0) }
        sometimes { $0.tpSrc = bits }
        sometimes { $0.tpDst = .max }
        sometimes { $0.arpSHA = .broadcast }
        sometimes { $0.mpls0 = .max }
        return mask
    }

    /// A sample with some of its addresses and ports changed, so that flows are near each other.
    private static func variant(_ chance: inout Chance) -> KernelProgramsTests.Sample {
        let known = KernelProgramsTests.samples.filter(\.isKnown)
        var sample = known[chance.below(known.count)]
        for _ in 0..<chance.below(3) {
            // Not the type, nor lengths.
            let places = [0, 5, 6, 11] + Array(26..<38)
            let place = places[chance.below(places.count)]
            sample.bytes[place] ^= UInt8(1 << chance.below(8))
        }
        if sample.tci != nil, chance.below(2) == 0 { sample.tci = UInt16(chance.below(4096)) }
        return sample
    }

    private static func agree(_ a: FlowKey, _ b: FlowKey, _ mask: FlowMask) -> Bool {
        a.masked(by: mask) == b.masked(by: mask)
    }

    /// The program against the megaflow: what a flow made of one frame and a mask does to another
    /// frame. It must never answer where the megaflow would not; and where the megaflow answers, it
    /// does too, but for frames that differ in what decides where fields lie.
    @Test func aFlowOfTheKernelAnswersForNoMoreThanItsMegaflow() throws {
        var chance = Chance(seed: 41)
        var (answered, refused, narrower) = (0, 0, 0)
        for _ in 0..<20_000 {
            let (one, other) = (Self.variant(&chance), Self.variant(&chance))
            let (first, second) = (
                KernelProgramsTests.extract(one).key, KernelProgramsTests.extract(other).key
            )
            let mask = Self.randomMask(&chance)
            var machine = KernelMachine()
            machine.frame = other.bytes
            machine.tag = other.tci.map { (other.tpid, $0) }
            guard let key = ExpressKey(first, interfaceIndex: machine.interface) else { continue }
            let expressMask = try #require(ExpressMask(mask, like: first))
            machine.place(expressMask, number: 0x0102_0304, at: chance.below(8))
            let deed = try #require(ExpressDeed([.output(port: 2)]))
            machine.flows[key.masked(by: expressMask, number: 0x0102_0304)] = ExpressLayout.flow(
                deed, interfaceIndex: 44, largestByteCount: 1514)
            let isExpress = try machine.run(KernelProgramsTests.decide) == 0
            let isMegaflow = Self.agree(first, second, mask)
            if isExpress {
                #expect(isMegaflow, "\(one.name), \(other.name)")
                answered += 1
            } else if isMegaflow, ExpressKey(second, interfaceIndex: machine.interface) != nil {
                var wider = mask
                wider.ethType = .max
                wider.vlan0TCI |= 0x1000
                if mask.tpSrc | mask.tpDst != 0 { wider.nwProto = .max }
                #expect(!Self.agree(first, second, wider), "\(one.name), \(other.name)")
                narrower += 1
            } else {
                refused += 1
            }
        }
        #expect(answered > 1000 && refused > 1000 && narrower > 100)
    }

    /// Masks are asked in the order of their places, each for its own flows; empty places are
    /// passed over.
    @Test func eachMaskHasItsOwnFlows() throws {
        let sample = KernelProgramsTests.samples[0]
        let key = KernelProgramsTests.extract(sample).key
        var machine = KernelProgramsTests.machine(sample)
        var wide = FlowMask()
        wide.inPort = .max
        let mask = try #require(ExpressMask(wide, like: key))
        machine.place(mask, number: 7, at: 5)
        let express = try #require(ExpressKey(key, interfaceIndex: machine.interface))
        let expected = [
            express.masked(by: KernelProgramsTests.exact, number: 1),
            express.masked(by: mask, number: 7),
        ]
        #expect(try machine.run(KernelProgramsTests.decide) == KernelProgramsTests.toRing)
        #expect(machine.asked == expected)
        #expect(expected.map(\.maskNumber) == [1, 7])
        let deed = try #require(ExpressDeed([.output(port: 2)]))
        machine.flows[expected[1]] = ExpressLayout.flow(
            deed, interfaceIndex: 44, largestByteCount: 1514, toPeer: true)
        #expect(try machine.run(KernelProgramsTests.decide) == 0)
        #expect(try machine.run(KernelProgramsTests.carryOut) == 7)
        #expect(machine.redirectedTo == 44)
        #expect(machine.wentToPeer)
    }
}
