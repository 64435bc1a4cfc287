import Flows
import Glibc
import KernelPrograms
import PacketPorts
import Packets
import Testing

/// Two ports of a switch, p0 and p1, whose other ends are h0 and h1. What h0 sends to h1 comes to
/// the ring of p0, or passes below it.
@Suite(.serialized, .enabled(if: NetworkNamespace.isAllowed, "needs root: makes interfaces"))
struct ExpressTableTests {
    let space: NetworkNamespace

    init() throws {
        space = try NetworkNamespace()
        try space.addPair("p0", "h0")
        try space.addPair("p1", "h1")
    }

    /// Looks at everything.
    private static let exact = ExpressMask(octets: SIMD64(repeating: 0xff))

    /// UDP over IPv4 from port 1000 to port `port`.
    private func frame(to port: UInt16, byteCount: Int = 60) -> [UInt8] {
        var octets: [UInt8] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]
        let total = byteCount - 14
        octets += [0x45, 0, UInt8(total >> 8), UInt8(total & 0xff), 0, 1, 0, 0, 64, 17, 0, 0]
        octets += [10, 0, 0, 1, 10, 0, 0, 2, 3, 232, UInt8(port >> 8), UInt8(port & 0xff)]
        octets += [UInt8((total - 20) >> 8), UInt8((total - 20) & 0xff), 0, 0]
        return octets + [UInt8](repeating: 7, count: byteCount - octets.count)
    }

    private func key(_ frame: [UInt8], _ interface: InterfaceFacts) throws -> ExpressKey {
        let extraction = frame.withUnsafeBytes { FlowKey.extract(frame: $0.bytes, inPort: 1) }
        return try #require(
            ExpressKey(extraction.key, interfaceIndex: UInt32(interface.index)))
    }

    /// The next frame that a port's rings hand over.
    private func next(_ rings: inout SteeredRings) throws -> [[UInt8]] {
        var seen: [[UInt8]] = []
        let hasCome = eventually {
            guard var block = rings.nextBlock() else { return false }
            while let frame = block.nextFrame() { seen.append(Seen(frame).octets) }
            block.giveBack()
            return true
        }
        #expect(hasCome)
        return seen
    }

    @Test func aFlowInTheTablePassesBelowTheRingAndOthersComeUp() throws {
        try space.run {
            var table = try ExpressTable()
            let (p0, p1) = (try InterfaceFacts(name: "p0"), try InterfaceFacts(name: "p1"))
            let drop = try HostIngressDrop(interface: p0, express: table.hooks)
            var rings = try SteeredRings(interface: p0, express: table.hooks)
            let (h0, h1) = (try PlainSocket("h0"), try PlainSocket("h1"))
            let deed = try #require(
                ExpressDeed([.pushVLAN(tpid: 0x8100, tci: 0x1065), .output(port: 2)]))
            let express = frame(to: 80)
            let flow = ExpressLayout.flow(
                deed, interfaceIndex: UInt32(p1.index), largestByteCount: 1514)
            let entry = try #require(table.put(try key(express, p0), mask: Self.exact, flow))

            for _ in 0..<5 { try h0.send(express) }
            try h0.send(frame(to: 81))
            for _ in 0..<5 {
                let seen = try h1.receive()
                #expect(seen.octets == express)
                #expect(seen.vlanTCI == 0x65)
            }
            let up = try next(&rings)
            #expect(up == [frame(to: 81)])
            let again = table.put(try key(express, p0), mask: Self.exact, flow)
            #expect(again == nil)
            var told: [ExpressKey: ExpressCounts] = [:]
            table.readAll { told[$0] = $1 }
            #expect(told == [entry: ExpressCounts(packets: 5, bytes: 300)])

            let last = table.take(entry)
            #expect(last == ExpressCounts(packets: 5, bytes: 300))
            let none = table.take(entry)
            #expect(none == nil)
            try h0.send(express)
            let after = try next(&rings)
            #expect(after == [express])
            withExtendedLifetime(h1) {}
            #expect(drop.interface.name == "p0")
        }
    }

    @Test func theTableHoldsSoManyFlowsAndTellsOfEach() throws {
        try space.run {
            var table = try ExpressTable()
            let p0 = try InterfaceFacts(name: "p0")
            let deed = try #require(ExpressDeed([.output(port: 2)]))
            let flow = ExpressLayout.flow(deed, interfaceIndex: 1, largestByteCount: 1514)
            var keys: Set<ExpressKey> = []
            for port in 0..<PortLimits.expressFlowCount {
                let entry = table.put(
                    try key(frame(to: UInt16(port)), p0), mask: Self.exact, flow)
                keys.insert(try #require(entry))
            }
            let oneMore = table.put(try key(frame(to: 60_000), p0), mask: Self.exact, flow)
            #expect(oneMore == nil)
            var told: Set<ExpressKey> = []
            table.readAll { expressKey, _ in told.insert(expressKey) }
            #expect(told == keys)
        }
    }

    /// One flow with a mask for all destination ports; and masks beyond their number are refused
    /// until a flow takes the last of its mask away.
    @Test func aMaskedFlowServesAllThatAgreeAndMasksAreBounded() throws {
        try space.run {
            var table = try ExpressTable()
            let (p0, p1) = (try InterfaceFacts(name: "p0"), try InterfaceFacts(name: "p1"))
            let drop = try HostIngressDrop(interface: p0, express: table.hooks)
            let rings = try SteeredRings(interface: p0, express: table.hooks)
            let (h0, h1) = (try PlainSocket("h0"), try PlainSocket("h1"))
            let deed = try #require(ExpressDeed([.output(port: 2)]))
            let flow = ExpressLayout.flow(
                deed, interfaceIndex: UInt32(p1.index), largestByteCount: 1514)
            var mask = Self.exact
            (mask.octets[38], mask.octets[39]) = (0, 0)
            let entry = try #require(table.put(try key(frame(to: 1), p0), mask: mask, flow))
            for port in 80..<90 as Range<UInt16> { try h0.send(frame(to: port)) }
            for port in 80..<90 as Range<UInt16> {
                let seen = try h1.receive()
                #expect(seen.octets == frame(to: port))
            }
            for number in 1..<ExpressLayout.maskCount {
                var other = Self.exact
                other.octets[0] = UInt8(number)
                let isTaken = table.put(try key(frame(to: 1), p0), mask: other, flow) != nil
                #expect(isTaken)
            }
            let tooMany = table.put(try key(frame(to: 2), p0), mask: Self.exact, flow)
            #expect(tooMany == nil)
            let last = table.take(entry)
            #expect(last == ExpressCounts(packets: 10, bytes: 600))
            let fits = table.put(try key(frame(to: 2), p0), mask: Self.exact, flow)
            #expect(fits != nil)
            #expect(drop.interface.name == rings.interface.name)
        }
    }

    /// To the other end in another namespace, without a wait in between; and which interfaces lead
    /// there.
    @Test func aFrameGoesToTheOtherEndAtOnce() throws {
        let far = try NetworkNamespace()
        try space.addPair("p2", "h2", peerIn: far)
        try space.run {
            var table = try ExpressTable()
            let (p0, p2) = (try InterfaceFacts(name: "p0"), try InterfaceFacts(name: "p2"))
            let address = try far.run { try InterfaceFacts(name: "h2").address }
            #expect(p2.otherEnd == OtherEnd(address: address))
            #expect(p0.otherEnd == OtherEnd(address: nil))
            let drop = try HostIngressDrop(interface: p0, express: table.hooks)
            let rings = try SteeredRings(interface: p0, express: table.hooks)
            let h0 = try PlainSocket("h0")
            let deed = try #require(
                ExpressDeed([.pushVLAN(tpid: 0x8100, tci: 0x1065), .output(port: 2)]))
            let flow = ExpressLayout.flow(
                deed, interfaceIndex: UInt32(p2.index), largestByteCount: 1514, toPeer: true)
            let isTaken = table.put(try key(frame(to: 80), p0), mask: Self.exact, flow) != nil
            #expect(isTaken)
            let h2 = try far.run { try PlainSocket("h2") }
            try h0.send(frame(to: 80))
            let seen = try h2.receive()
            #expect(seen.octets == frame(to: 80))
            #expect(seen.vlanTCI == 0x65)
            #expect(drop.interface.name == rings.interface.name)
            try command("tc", "qdisc", "add", "dev", "p2", "root", "pfifo")
            #expect(p2.otherEnd == OtherEnd(address: nil))
        }
    }

    /// Whoever is handed a frame takes it for its own: only its own frames may be.
    @Test func onlyFramesToTheOtherEndItselfAreHandedOver() {
        let (own, other) = (MACAddress(bits: 0x0200_0000_0002), MACAddress(bits: 0x0200_0000_0003))
        let end = OtherEnd(address: own)
        #expect(end.receivesAll(to: own, mask: .broadcast))
        #expect(!end.receivesAll(to: other, mask: .broadcast))
        #expect(!end.receivesAll(to: own, mask: MACAddress(bits: 0xffff_ffff_fffe)))
        #expect(!OtherEnd(address: nil).receivesAll(to: .zero, mask: .broadcast))
    }
}
