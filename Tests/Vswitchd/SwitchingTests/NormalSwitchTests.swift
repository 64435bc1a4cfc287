import Flows
import Packets
import Switching
import Testing
import Timekeeping

// NORMAL, row by row: conf.db(5) "VLAN Configuration".

private let host = MACAddress(bits: 0x0200_0000_0001)
private let peer = MACAddress(bits: 0x0200_0000_0002)

/// A tag as a flow key holds it.
private func tag(_ id: UInt16, priority: UInt16 = 0) -> UInt16 {
    VLANTag.present | priority << VLANTag.priorityShift | id
}

private func frame(
    from port: UInt16?, tci: UInt16 = 0, to destination: MACAddress = peer,
    source: MACAddress = host, etherType: UInt16 = EtherType.ipv4
) -> NormalFrame {
    NormalFrame(
        inPort: port, source: source, destination: destination, tci: tci, etherType: etherType)
}

private func makeSwitch(_ ports: [(UInt16, VLANMode)]) -> NormalSwitch {
    var normal = NormalSwitch()
    normal.setPorts(
        ports.map { SwitchPort(id: UInt32($0.0), name: "p\($0.0)", members: [$0.0], vlan: $0.1) })
    return normal
}

@Suite struct NormalSwitchTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var mode: VLANMode
        var tci: UInt16
        /// The VLAN that it belongs to inside, or why it may not enter.
        var inside: Result<UInt16, Refusal>
        struct Refusal: Error, Equatable { var end: PacketEnd }
        init(_ text: String, _ mode: VLANMode, _ tci: UInt16, vlan: UInt16) {
            (testDescription, self.mode, self.tci, inside) = (text, mode, tci, .success(vlan))
        }
        init(_ text: String, _ mode: VLANMode, _ tci: UInt16, _ end: PacketEnd) {
            (testDescription, self.mode, self.tci) = (text, mode, tci)
            inside = .failure(Refusal(end: end))
        }
    }

    @Test(arguments: [
        Row("access takes untagged", .access(10), 0, vlan: 10),
        Row("access takes priority-tagged", .access(10), tag(0, priority: 3), vlan: 10),
        Row("access refuses its own tag", .access(10), tag(10), .taggedOnAccessPort),
        Row("access refuses another tag", .access(10), tag(11), .taggedOnAccessPort),
        Row("trunk takes untagged as VLAN 0", .trunk(.all), 0, vlan: 0),
        Row("trunk takes any tag", .trunk(.all), tag(4095), vlan: 4095),
        Row("narrow trunk takes its tag", .trunk(.init([5, 6])), tag(6), vlan: 6),
        Row("narrow trunk refuses others", .trunk(.init([5, 6])), tag(7), .vlanNotAllowed),
        Row("narrow trunk refuses untagged", .trunk(.init([5])), 0, .vlanNotAllowed),
        Row("trunk with 0 takes untagged", .trunk(.init([0, 5])), 0, vlan: 0),
        Row("native-tagged takes untagged", .nativeTagged(native: 8, trunks: .all), 0, vlan: 8),
        Row("native is always carried", .nativeTagged(native: 8, trunks: .init([9])), 0, vlan: 8),
        Row("native with its tag", .nativeTagged(native: 8, trunks: .init([9])), tag(8), vlan: 8),
        Row(
            "native with a trunk's tag", .nativeTagged(native: 8, trunks: .init([9])), tag(9),
            vlan: 9),
        Row(
            "native refuses others", .nativeTagged(native: 8, trunks: .init([9])), tag(7),
            .vlanNotAllowed),
        Row(
            "native-untagged takes priority-tagged", .nativeUntagged(native: 8, trunks: .init([9])),
            tag(0, priority: 1), vlan: 8),
        Row(
            "native-untagged takes its tag", .nativeUntagged(native: 8, trunks: .init([9])), tag(8),
            vlan: 8),
    ])
    func framesEnter(_ row: Row) {
        let normal = makeSwitch([(1, row.mode), (2, .trunk(.all))])
        let decision = normal.decide(frame(from: 1, tci: row.tci), table: MACTable())
        switch row.inside {
        case .success(let vlan):
            #expect(decision.end == .forwarded)
            #expect(decision.vlan == vlan)
            #expect(decision.learning?.key == .init(vlan: vlan, mac: host))
        case .failure(let refusal):
            #expect(decision.end == refusal.end)
            #expect(decision.outputs.isEmpty)
            #expect(decision.learning == nil)
        }
    }

    typealias Exit = (
        name: String, mode: VLANMode, tags: SwitchPort.PriorityTags, vlan: UInt16,
        priority: UInt16, tci: UInt16?
    )
    @Test(
        arguments: [
            ("access", .access(10), .never, 10, 3, 0),
            ("access of another VLAN", .access(11), .never, 10, 0, nil),
            ("access with priority tags", .access(10), .ifNonzero, 10, 3, tag(0, priority: 3)),
            ("access, if-nonzero, zero", .access(10), .ifNonzero, 10, 0, 0),
            // Open vSwitch keeps tags, it makes none: an access port has nothing to keep.
            ("access, always", .access(10), .always, 10, 0, 0),
            ("trunk", .trunk(.all), .never, 10, 3, tag(10, priority: 3)),
            ("trunk, VLAN 0", .trunk(.all), .never, 0, 0, 0),
            ("trunk, VLAN 0 with a priority", .trunk(.all), .never, 0, 3, tag(0, priority: 3)),
            ("trunk, VLAN 0, always", .trunk(.all), .always, 0, 0, tag(0)),
            ("trunk, VLAN 0, if-nonzero", .trunk(.all), .ifNonzero, 0, 3, tag(0, priority: 3)),
            ("narrow trunk", .trunk(.init([9])), .never, 10, 0, nil),
            (
                "native-tagged", .nativeTagged(native: 10, trunks: .init([9])), .never, 10, 0,
                tag(10)
            ),
            ("native-untagged", .nativeUntagged(native: 10, trunks: .init([9])), .never, 10, 5, 0),
            (
                "native-untagged, if-nonzero", .nativeUntagged(native: 10, trunks: .all),
                .ifNonzero, 10, 5, tag(0, priority: 5)
            ),
            ("native has no VLAN 0", .nativeTagged(native: 10, trunks: .all), .never, 0, 0, nil),
            (
                "a tunnel", .dot1qTunnel(service: 10, customers: .all, etherType: 0x88a8), .never,
                10, 2, 0
            ),
            (
                "native-untagged, trunk", .nativeUntagged(native: 9, trunks: .all), .never, 10, 0,
                tag(10)
            ),
        ] as [Exit])
    func framesLeave(_ row: Exit) {
        var normal = NormalSwitch()
        normal.setPorts([
            SwitchPort(id: 1, name: "in", members: [1]),
            SwitchPort(id: 2, name: "out", members: [2], vlan: row.mode, priorityTags: row.tags),
        ])
        let decision = normal.decide(
            frame(from: 1, tci: tag(row.vlan, priority: row.priority)), table: MACTable())
        let expected = row.tci.map { [NormalDecision.Output(port: 2, tci: $0)] } ?? []
        #expect(decision.outputs == expected)
        #expect(decision.end == (row.tci == nil ? .noOutputPort : .forwarded))
    }

    /// The lecture's experiment: 1…3 = vnet0…vnet2, 4 = first_br, 5 = second_br, 6 = third_br.
    @Test(
        arguments: [
            (1, [5: tag(101), 6: tag(101)]),
            (2, [5: tag(102), 6: tag(102)]),
            (3, [4: 0, 5: tag(103)]),
            (4, [3: 0, 5: tag(103)]),
        ] as [(UInt16, [UInt16: UInt16])])
    func theLecturesVLANs(port: UInt16, expected: [UInt16: UInt16]) {
        var normal = makeSwitch([
            (1, .access(101)), (2, .access(102)), (3, .access(103)), (4, .access(103)),
            (5, .trunk(.all)), (6, .trunk(.init([101, 102]))),
        ])
        normal.floodVLANs = VLANSet([101, 102, 103])
        let decision = normal.decide(frame(from: port), table: MACTable())
        #expect(decision.outputs.map(\.port) == expected.keys.sorted())
        #expect(decision.outputs.allSatisfy { expected[$0.port] == $0.tags.first?.tci ?? 0 })
        #expect(decision.learning == nil)
    }

    @Test func knownDestinationsAreSentToOnePortOnly() {
        let normal = makeSwitch([(1, .access(7)), (2, .access(7)), (3, .access(7))])
        var table = MACTable()
        table.learn(.init(vlan: 7, mac: peer), on: 2, now: .start)
        let known = normal.decide(frame(from: 1), table: table)
        #expect(known.outputs == [.init(port: 2, tci: 0)])
        #expect(known.reason == .known(port: 2))
        let back = normal.decide(frame(from: 2), table: table)
        #expect(back.end == .destinationOnIngressPort)
        #expect(back.learning?.port == 2)
        let flooded = normal.decide(frame(from: 1, to: .broadcast), table: table)
        #expect(flooded.outputs.map(\.port) == [2, 3])
    }

    @Test func reservedAddressesStayUnlessBPDUsAreForwarded() {
        var normal = makeSwitch([(1, .trunk(.all)), (2, .trunk(.all))])
        let reserved = [
            0x0180_c200_0000, 0x0180_c200_000f, 0x0100_0ccc_cccc, 0x0100_0ccd_cdcd,
            0x00e0_2b00_0004,
        ].map { MACAddress(bits: $0) }
        for address in reserved {
            let decision = normal.decide(frame(from: 1, to: address), table: MACTable())
            #expect(decision.end == .reservedMulticast)
            #expect(decision.learning == nil)
        }
        let other = MACAddress(bits: 0x0180_c200_0010)
        #expect(normal.decide(frame(from: 1, to: other), table: MACTable()).end == .forwarded)
        normal.forwardsReservedMulticast = true
        for address in reserved {
            let decision = normal.decide(frame(from: 1, to: address), table: MACTable())
            #expect(decision.end == .forwarded)
        }
    }

    @Test func partsOfTagsUnknownPortsAndGroupSourcesTeachNothing() {
        let normal = makeSwitch([(1, .trunk(.all)), (2, .trunk(.all))])
        let half = normal.decide(frame(from: 1, etherType: EtherType.vlan), table: MACTable())
        #expect(half.end == .malformedVLAN)
        #expect(normal.decide(frame(from: 9), table: MACTable()).end == .portWithoutBridge)
        let group = normal.decide(frame(from: 1, source: .broadcast), table: MACTable())
        #expect(group.learning == nil)
        let controller = normal.decide(frame(from: nil), table: MACTable())
        #expect(controller.outputs.map(\.port) == [1, 2])
        #expect(controller.learning == nil)
    }

    @Test func bondsProtectedAndUnfloodablePorts() {
        var normal = NormalSwitch()
        normal.setPorts([
            SwitchPort(id: 1, name: "a", members: [1], isProtected: true),
            SwitchPort(id: 2, name: "b", members: [2], isProtected: true),
            SwitchPort(id: 3, name: "bond", members: [3, 4], activeMember: 4),
            SwitchPort(id: 4, name: "quiet", members: [5], isFloodable: false),
        ])
        #expect(normal.decide(frame(from: 1), table: MACTable()).outputs.map(\.port) == [4])
        #expect(normal.decide(frame(from: 3), table: MACTable()).outputs.map(\.port) == [1, 2])
        var table = MACTable()
        table.learn(.init(vlan: 0, mac: peer), on: 2, now: .start)
        #expect(normal.decide(frame(from: 1), table: table).end == .noOutputPort)
        table.learn(.init(vlan: 0, mac: peer), on: 4, now: .start)
        #expect(normal.decide(frame(from: 1), table: table).outputs.map(\.port) == [5])
    }

    @Test(
        arguments: [
            (nil, 5, [], VLANMode.access(5)), (nil, nil, [], .trunk(.all)),
            (nil, nil, [1, 2], .trunk(.init([1, 2]))), ("access", 5, [1], .access(5)),
            ("trunk", nil, [3], .trunk(.init([3]))), ("access", nil, [], .access(0)),
            ("native", 1, [], .trunk(.all)), (nil, 5000, [], .trunk(.all)),
            ("native-untagged", 4, [], .nativeUntagged(native: 4, trunks: .all)),
            ("native-tagged", 4, [9], .nativeTagged(native: 4, trunks: .init([9]))),
            (
                "dot1q-tunnel", 4, [9],
                .dot1qTunnel(service: 4, customers: .init([7]), etherType: 0x88a8)
            ),
        ] as [(String?, UInt16?, [UInt16], VLANMode)])
    func modesOfTheDatabase(mode: String?, tag: UInt16?, trunks: [UInt16], expected: VLANMode) {
        #expect(VLANMode(vlanMode: mode, tag: tag, trunks: trunks, customers: [7]) == expected)
    }

    @Test(arguments: [(nil, 0x88a8), ("802.1q", 0x8100), ("802.1Q", 0x88a8)] as [(String?, UInt16)])
    func typesOfTheServiceTag(text: String?, type: UInt16) {
        let mode = VLANMode(
            vlanMode: "dot1q-tunnel", tag: 4, trunks: [], customers: [], qinqEtherType: text)
        #expect(mode == .dot1qTunnel(service: 4, customers: .all, etherType: type))
    }
}
