import Flows
import KernelPrograms
import Packets
import Testing

@Suite struct KernelProgramsTests {
    static let decide = ExpressPrograms.decide(
        flows: KernelMachine.flowTable, masks: KernelMachine.maskTable,
        verdict: KernelMachine.verdictTable)
    /// Looks at everything.
    static let exact = ExpressMask(octets: SIMD64(repeating: 0xff))
    static let carryOut = ExpressPrograms.carryOut(verdict: KernelMachine.verdictTable)
    static let toRing = UInt32.max

    struct Sample: Sendable, CustomTestStringConvertible {
        var name: String
        var bytes: [UInt8]
        var tci: UInt16?
        var tpid: UInt16 = 0x8100
        var isKnown = true
        var testDescription: String { name }
    }

    static func ip(_ next: UInt8, _ payload: [UInt8]) -> [UInt8] {
        Build.ethernet(0x0800, Build.ipv4(next, payload))
    }
    static func ip6(_ next: UInt8, _ payload: [UInt8]) -> [UInt8] {
        Build.ethernet(0x86dd, Build.ipv6(next, payload))
    }

    static let samples: [Sample] = [
        Sample(name: "TCP", bytes: ip(6, Build.tcp([1, 2, 3]))),
        Sample(name: "UDP", bytes: ip(17, Build.udp())),
        Sample(name: "ICMP", bytes: ip(1, Build.icmp(8))),
        Sample(name: "TCP, tagged", bytes: ip(6, Build.tcp()), tci: 0x2065),
        Sample(name: "TCP, tag with DEI", bytes: ip(6, Build.tcp()), tci: 0x3065),
        Sample(name: "TCP over IPv6", bytes: ip6(6, Build.tcp())),
        Sample(name: "UDP over IPv6", bytes: ip6(17, Build.udp([9]))),
        Sample(name: "ICMPv6 echo", bytes: ip6(58, Build.icmp(129))),
        Sample(name: "padding behind", bytes: ip(17, Build.udp()) + [0, 0, 0, 0]),
        Sample(
            name: "service tag", bytes: ip(6, Build.tcp()), tci: 5, tpid: 0x88a8, isKnown: false),
        Sample(
            name: "two tags", bytes: Build.ethernet(
                0x0800, tags: [(0x8100, 7)], Build.ipv4(6, Build.tcp())), tci: 5, isKnown: false),
        Sample(name: "ARP", bytes: Build.ethernet(0x0806, Build.arp(1)), isKnown: false),
        Sample(name: "SCTP", bytes: ip(132, Build.sctp()), isKnown: false),
        Sample(
            name: "fragment", bytes: Build.ethernet(
                0x0800, Build.ipv4(17, place: 0x2000, Build.udp())), isKnown: false),
        Sample(
            name: "options", bytes: Build.ethernet(
                0x0800, Build.ipv4(17, options: [1, 1, 1, 0], Build.udp())), isKnown: false),
        Sample(
            name: "length beyond the frame", bytes: Build.ethernet(
                0x0800, Build.ipv4(17, total: 60, Build.udp())), isKnown: false),
        Sample(name: "short TCP", bytes: ip(6, Array(Build.tcp().prefix(12))), isKnown: false),
        Sample(name: "neighbour", bytes: ip6(58, Build.solicitation(options: [])), isKnown: false),
        Sample(name: "extension", bytes: ip6(0, [17, 0, 0, 0, 0, 0, 0, 0] + Build.udp()),
            isKnown: false),
        Sample(name: "14 bytes", bytes: Array(ip(6, []).prefix(14)), isKnown: false),
    ]

    /// What extraction makes of the same frame.
    static func extract(_ sample: Sample) -> Extraction {
        sample.bytes.withUnsafeBytes {
            FlowKey.extract(
                frame: $0.bytes, vlanTPID: sample.tci == nil ? 0 : sample.tpid,
                vlanTCI: (sample.tci ?? 0) | 0x1000, inPort: 9)
        }
    }

    static func machine(_ sample: Sample) -> KernelMachine {
        var machine = KernelMachine()
        machine.frame = sample.bytes
        machine.tag = sample.tci.map { (sample.tpid, $0) }
        machine.place(exact, number: 1)
        return machine
    }

    /// The key that a frame has in the table under the mask that looks at everything.
    static func key(_ extraction: Extraction, _ machine: KernelMachine) -> ExpressKey? {
        ExpressKey(extraction.key, interfaceIndex: machine.interface)?
            .masked(by: exact, number: 1)
    }

    @Test(arguments: samples)
    func theProgramFindsTheKeyThatExtractionGives(sample: Sample) throws {
        var machine = Self.machine(sample)
        let result = try machine.run(Self.decide)
        #expect(result == Self.toRing)
        #expect(machine.asked.isEmpty == !sample.isKnown)
        guard sample.isKnown else { return }
        let extraction = Self.extract(sample)
        #expect(machine.asked.first == Self.key(extraction, machine))
    }

    /// Cut at every byte, and with bytes changed at random: whenever the program looks up a key,
    /// extraction takes the frame for well-formed and gives the same.
    @Test func noDamageMakesTheTwoDisagree() throws {
        var chance = Chance(seed: 20)
        var lookups = 0
        for sample in Self.samples {
            for round in 0..<400 {
                var damaged = sample
                if round < sample.bytes.count {
                    damaged.bytes = Array(sample.bytes.prefix(round))
                } else {
                    for _ in 0...chance.below(3) {
                        damaged.bytes[chance.below(damaged.bytes.count)] = UInt8(chance.below(256))
                    }
                }
                var machine = Self.machine(damaged)
                #expect(try machine.run(Self.decide) == Self.toRing)
                guard let asked = machine.asked.first else { continue }
                lookups += 1
                let extraction = Self.extract(damaged)
                #expect(extraction.malformation == nil)
                #expect(asked == Self.key(extraction, machine))
            }
        }
        #expect(lookups > 1000)
    }

    struct Retagging: Sendable {
        var before: UInt16?
        var actions: [DatapathAction]
        var after: UInt16?
    }

    @Test(arguments: [
        Retagging(before: nil, actions: [.output(port: 2)], after: nil),
        Retagging(before: 0x0065, actions: [.output(port: 2)], after: 0x0065),
        Retagging(before: 0x0065, actions: [.popVLAN, .output(port: 2)], after: nil),
        Retagging(
            before: nil, actions: [.pushVLAN(tpid: 0x8100, tci: 0x1066), .output(port: 2)],
            after: 0x0066),
        Retagging(
            before: 0x0065,
            actions: [.popVLAN, .pushVLAN(tpid: 0x8100, tci: 0x3066), .output(port: 2)],
            after: 0x2066),
    ])
    func aKnownFrameIsRetaggedAndSentOnAndNoRingGetsIt(retagging: Retagging) throws {
        let sample = Sample(name: "", bytes: Self.ip(6, Build.tcp()), tci: retagging.before)
        var machine = Self.machine(sample)
        let key = try #require(Self.key(Self.extract(sample), machine))
        let deed = try #require(ExpressDeed(retagging.actions))
        machine.flows[key] = ExpressLayout.flow(deed, interfaceIndex: 44, largestByteCount: 1514)
        #expect(try machine.run(Self.decide) == 0)
        #expect(machine.countsOfFoundFlow == ExpressCounts(packets: 1, bytes: 54))
        #expect(try machine.run(Self.carryOut) == 7)
        #expect(machine.redirectedTo == 44)
        #expect(machine.tag?.tci == retagging.after)
        // The verdict holds once.
        #expect(try machine.run(Self.carryOut) == 2)
        #expect(machine.redirectedTo == nil)
    }

    @Test func aFrameThatIsTooLongComesToTheRingUnlessItWillBeSegmented() throws {
        let data = [UInt8](repeating: 0, count: 2000)
        let sample = Sample(name: "", bytes: Self.ip(6, Build.tcp(data)))
        var machine = Self.machine(sample)
        let key = try #require(Self.key(Self.extract(sample), machine))
        let deed = try #require(ExpressDeed([.output(port: 2)]))
        machine.flows[key] = ExpressLayout.flow(deed, interfaceIndex: 44, largestByteCount: 1514)
        #expect(try machine.run(Self.decide) == Self.toRing)
        #expect(try machine.run(Self.carryOut) == 2)
        machine.segmentByteCount = 1448
        #expect(try machine.run(Self.decide) == 0)
        #expect(try machine.run(Self.carryOut) == 7)
    }

    /// A verdict is of one frame: neither a frame of another port nor the next one may use it.
    @Test func aVerdictThatWasNotUsedHarmsNoOtherFrame() throws {
        let sample = Sample(name: "", bytes: Self.ip(6, Build.tcp()))
        var machine = Self.machine(sample)
        let key = try #require(Self.key(Self.extract(sample), machine))
        let deed = try #require(ExpressDeed([.output(port: 2)]))
        machine.flows[key] = ExpressLayout.flow(deed, interfaceIndex: 44, largestByteCount: 1514)
        #expect(try machine.run(Self.decide) == 0)
        machine.interface = 5
        #expect(try machine.run(Self.carryOut) == 2)
        machine.interface = 3
        #expect(try machine.run(Self.decide) == 0)
        machine.frame[13] = 6
        #expect(try machine.run(Self.decide) == Self.toRing)
        #expect(try machine.run(Self.carryOut) == 2)
    }

    struct Listed: Sendable {
        var actions: [DatapathAction]
        var isDeed: Bool
    }
    @Test(arguments: [
        Listed(actions: [], isDeed: false),
        Listed(actions: [.popVLAN], isDeed: false),
        Listed(actions: [.output(port: 1), .output(port: 2)], isDeed: false),
        Listed(
            actions: [.pushVLAN(tpid: 0x8100, tci: 0x1001), .popVLAN, .output(port: 2)],
            isDeed: false),
        Listed(actions: [.pushVLAN(tpid: 0x88a8, tci: 0x1001), .output(port: 2)], isDeed: false),
        Listed(actions: [.set(.packetMark(Masked(1, mask: 1))), .output(port: 2)], isDeed: false),
        Listed(actions: [.popVLAN, .output(port: 2)], isDeed: true),
    ])
    func onlySimpleActionsAreDeeds(listed: Listed) {
        #expect((ExpressDeed(listed.actions) != nil) == listed.isDeed)
    }
}
