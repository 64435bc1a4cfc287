import Flows
import Packets
import Switching
import Testing

// Frames with two tags, and tunnels, row by row; `Tests/AsRoot/vlan-matrix.sh` compares all of it
// with Open vSwitch.

private func tags(_ list: [(UInt16, UInt16)]) -> [FrameTag] {
    list.map { FrameTag(tpid: $0.0, tci: VLANTag.present | $0.1) }
}

@Suite struct VLANStackTests {
    private static let c: UInt16 = 0x8100
    private static let s: UInt16 = 0x88a8
    private static let tunnel = VLANMode.dot1qTunnel(
        service: 100, customers: .all, etherType: 0x88a8)
    private static let narrow = VLANMode.dot1qTunnel(
        service: 100, customers: VLANSet([5]), etherType: 0x8100)

    struct Row: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var from: VLANMode
        var into: VLANMode
        var sent: [(UInt16, UInt16)]
        /// nil: it does not get there.
        var seen: [(UInt16, UInt16)]?
        init(
            _ text: String, _ from: VLANMode, _ into: VLANMode, _ sent: [(UInt16, UInt16)],
            _ seen: [(UInt16, UInt16)]?
        ) {
            (testDescription, self.from, self.into) = (text, from, into)
            (self.sent, self.seen) = (sent, seen)
        }
    }

    @Test(arguments: [
        Row("a tunnel puts its tag outside", tunnel, .trunk(.all), [(c, 5)], [(s, 100), (c, 5)]),
        Row("also on a frame without one", tunnel, .trunk(.all), [], [(s, 100)]),
        Row("and takes it away", .trunk(.all), tunnel, [(s, 100), (c, 5)], [(c, 5)]),
        Row("whatever its type", .trunk(.all), tunnel, [(c, 100), (c, 5)], [(c, 5)]),
        Row("a customer keeps his priority", tunnel, tunnel, [(c, 0x6005)], [(c, 0x6005)]),
        Row("the carrier does not see it", tunnel, .access(100), [(c, 5)], nil),
        Row("but one without a tag", tunnel, .access(100), [], []),
        Row("a narrow tunnel takes its own", narrow, .trunk(.all), [(c, 5)], [(c, 100), (c, 5)]),
        Row("and no other", narrow, .trunk(.all), [(c, 6)], nil),
        Row("nor one without a tag", narrow, .trunk(.all), [], nil),
        Row("nor lets one out", .trunk(.all), narrow, [(s, 100), (c, 6)], nil),
        Row("a trunk leaves the inner tag alone", .trunk(.all), .trunk(.all), [(c, 7), (c, 8)],
            [(c, 7), (c, 8)]),
        Row("native comes off the outside", .trunk(.all), .nativeUntagged(native: 7, trunks: .all),
            [(c, 7), (c, 8)], [(c, 8)]),
        Row("an access port takes no inner tag", .trunk(.all), .access(7), [(c, 7), (c, 8)], nil),
        Row("the outer of two is no priority tag to be dropped", .trunk(.all), .trunk(.all),
            [(c, 0), (c, 8)], [(c, 0), (c, 8)]),
    ])
    func framesWithTwoTags(_ row: Row) {
        var normal = NormalSwitch()
        normal.setPorts([
            SwitchPort(id: 1, name: "in", members: [1], vlan: row.from),
            SwitchPort(id: 2, name: "out", members: [2], vlan: row.into),
        ])
        let decision = normal.decide(
            NormalFrame(
                inPort: 1, source: MACAddress(bits: 2), destination: .broadcast,
                tags: tags(row.sent), etherType: EtherType.ipv4), table: MACTable())
        #expect(decision.outputs.map(\.tags) == (row.seen.map { [tags($0)] } ?? []))
    }

    @Test func whatIsLearnedInAVLANIsSentThereEvenIfTheFrameHasAnInnerTag() {
        var normal = NormalSwitch()
        normal.setPorts([
            SwitchPort(id: 1, name: "in", members: [1]),
            SwitchPort(id: 2, name: "out", members: [2], vlan: .access(7)),
        ])
        var table = MACTable()
        table.learn(.init(vlan: 7, mac: MACAddress(bits: 4)), on: 2, now: .start)
        let decision = normal.decide(
            NormalFrame(
                inPort: 1, source: MACAddress(bits: 2), destination: MACAddress(bits: 4),
                tags: tags([(0x8100, 7), (0x8100, 8)]), etherType: EtherType.ipv4), table: table)
        #expect(decision.outputs == [.init(port: 2, tags: [])])
    }

    @Test func aFrameForItsOwnSenderStaysWhereItCameFrom() {
        var normal = NormalSwitch()
        normal.setPorts((1...3).map { SwitchPort(id: $0, name: "p", members: [UInt16($0)]) })
        let own = NormalFrame(
            inPort: 1, source: MACAddress(bits: 2), destination: MACAddress(bits: 2), tci: 0,
            etherType: EtherType.ipv4)
        #expect(normal.decide(own, table: MACTable()).end == .destinationOnIngressPort)
    }
}

@Suite struct MirrorRuleTests {
    private static func makeSwitch() -> NormalSwitch {
        var normal = NormalSwitch()
        normal.setPorts((1...4).map { SwitchPort(id: $0, name: "p\($0)", members: [UInt16($0)]) })
        normal.setMirrors([
            Mirror(id: 1, sources: [1, 2], destinations: [], output: .port(4)),
            Mirror(id: 2, sources: [1], destinations: [2], output: .vlan(9)),
            Mirror(id: 3, sources: [], destinations: [1, 2], output: .port(4)),
        ])
        return normal
    }

    @Test func aMirrorsPortIsForItAlone() {
        let normal = Self.makeSwitch()
        func frame(from port: UInt16) -> NormalFrame {
            NormalFrame(
                inPort: port, source: MACAddress(bits: 2), destination: MACAddress(bits: 4),
                tci: 0, etherType: EtherType.ipv4)
        }
        #expect(normal.decide(frame(from: 4), table: MACTable()).end == .mirrorOutputPort)
        #expect(normal.decide(frame(from: 1), table: MACTable()).outputs.map(\.port) == [2, 3])
        var table = MACTable()
        table.learn(.init(vlan: 0, mac: MACAddress(bits: 4)), on: 4, now: .start)
        #expect(normal.decide(frame(from: 1), table: table).end == .mirrorOutputPort)
    }

    @Test func mirrorsOfOneDestinationAreServedTogether() {
        let normal = Self.makeSwitch()
        #expect(normal.mirrors(at: 1, arriving: true) == [0, 1])
        #expect(normal.mirrors(at: 2, arriving: false) == [1, 2])
        #expect(normal.mirrors(at: 3, arriving: true).isEmpty)
        var served = MirrorSet()
        normal.serve(0, in: &served)
        #expect(served.contains(0) && served.contains(2) && !served.contains(1))
    }

    /// One below, at, and one above the bound.
    @Test(arguments: [(31, 31), (32, 32), (33, 32)])
    func thereAreAtMost32(count: Int, kept: Int) {
        var normal = NormalSwitch()
        normal.setMirrors(
            (0..<count).map {
                Mirror(
                    id: UInt32($0), sources: [1], destinations: [], output: .port(UInt32($0) + 9))
            })
        #expect(normal.mirrors.count == kept)
        #expect(normal.isMirrorOutput(UInt32(kept) + 8) && !normal.isMirrorOutput(UInt32(kept) + 9))
    }
}
