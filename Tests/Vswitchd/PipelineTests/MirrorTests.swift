import Flows
import OpenFlow
import Packets
import Pipeline
import PipelineTwin
import Switching
import Testing

// Mirrors and multicast snooping in a translation; random ones are in TranslationPropertyTests.

@Suite struct MirrorTests {
    private static func model(_ mirrors: [Mirror], rule: [Action] = [.normal]) throws
        -> ForwardingModel
    {
        var model = makeModel()
        model[bridge: 0].normal.setMirrors(mirrors)
        try model.add(priority: 0, Instructions(apply: rule))
        return model
    }

    @Test func theCopyIsFirstWhereItArrivesAndLastWhereItLeaves() throws {
        let arriving = try Self.model([
            Mirror(id: 5, sources: [1], destinations: [2], output: .port(4))
        ])
        let translation = arriving.translate(makePacket())
        #expect(translation.actions == [.output(port: 14), .output(port: 12), .output(port: 13)])
        #expect(translation.effects.contains(.mirror(bridge: 0, mirror: 5)))
        let leaving = try Self.model([
            Mirror(
                id: 5, sources: [], destinations: [2, 3], output: .port(4), snapLength: 64)
        ])
        #expect(
            leaving.translate(makePacket()).actions == [
                .output(port: 12), .truncate(byteCount: 64), .output(port: 14), .output(port: 13),
            ], "once for all ports that the same frame leaves by")
    }

    @Test func whatIsChangedIsCopiedAnew() throws {
        let model = try Self.model(
            [Mirror(id: 1, sources: [1], destinations: [1, 2, 3], output: .port(4))],
            rule: [
                .output(2), .setField(.ethSrc, FieldValue(low: 0x0200_0000_0009)), .output(3),
                .setField(.packetMark, FieldValue(low: 1)), .output(2),
            ])
        let outputs = model.translate(makePacket()).actions.compactMap { action in
            if case .output(let port) = action { port } else { nil }
        }
        #expect(outputs == [14, 12, 13, 14, 12])
    }

    @Test func countersCountWhatCachedFlowsCopied() throws {
        var model = try Self.model([
            Mirror(id: 5, sources: [1], destinations: [], output: .port(4))
        ])
        let effects = model.translate(makePacket()).effects
        model.apply(effects, now: at(0), packetCount: 1, byteCount: 60)
        model.apply(effects, now: at(1), packetCount: 10, byteCount: 600)
        #expect(model[bridge: 0].mirrorCounters[5]?.packets == 11)
        #expect(model[bridge: 0].mirrorCounters[5]?.bytes == 660)
        model[bridge: 0].forgetCounters(ofMirrorsExcept: [])
        #expect(model[bridge: 0].mirrorCounters.isEmpty)
    }

    @Test func aTunnelTagIsPushedOnTwoOthersOfWhichOneCounts() throws {
        var model = makeModel()
        model[bridge: 0].normal.setPorts([
            SwitchPort(
                id: 1, name: "in", members: [1],
                vlan: .dot1qTunnel(service: 100, customers: .all, etherType: 0x88a8)),
            SwitchPort(id: 2, name: "out", members: [2]),
            SwitchPort(id: 3, name: "other", members: [3], vlan: .access(100)),
        ])
        try model.add(priority: 0, .normal)
        var packet = makePacket()
        (packet.vlan0TPID, packet.vlan0TCI) = (0x8100, 0x1005)
        (packet.vlan1TPID, packet.vlan1TCI) = (0x8100, 0x1006)
        #expect(
            model.translate(packet).actions == [
                .pushVLAN(tpid: 0x88a8, tci: 0x1064), .output(port: 12),
            ])
    }

    @Test func protectedPortsAreKeptApartFromRulesToo() throws {
        var model = try Self.model([], rule: [.output(2), .output(3)])
        model[bridge: 0].normal.setPorts(
            (1...4).map {
                SwitchPort(id: UInt32($0), name: "p", members: [$0], isProtected: $0 < 3)
            })
        #expect(model.translate(makePacket()).actions == [.output(port: 13)])
    }
}

@Suite struct SnoopingTests {
    /// A report of 239.1.1.1 by IGMPv2, from datapath port 12.
    private static func report() -> (frame: [UInt8], key: FlowKey) {
        var frame: [UInt8] = [0x01, 0x00, 0x5e, 0x01, 0x01, 0x01, 2, 0, 0, 0, 0, 2, 8, 0]
        frame += [0x45, 0, 0, 28, 0, 1, 0, 0, 1, 2, 0, 0, 10, 0, 0, 2, 239, 1, 1, 1]
        frame += [0x16, 0, 0xf9, 0xfc, 239, 1, 1, 1] + [UInt8](repeating: 0, count: 18)
        // Safe: the array is not changed while its bytes are lent.
        return (frame, FlowKey.extract(frame: frame.span.bytes, inPort: 12).key)
    }

    @Test func aReportIsReadAndMovesTheFlowsOfItsGroup() throws {
        var model = makeModel()
        model[bridge: 0].setGroups(MulticastTable())
        try model.add(priority: 0, .normal)
        let (frame, key) = Self.report()
        var data = key
        data.inPort = 11
        data.nwProto = IPProtocol.udp
        let before = model.translate(data)
        #expect(before.actions.count == 3 && !before.isSlowPathOnly)
        let report = model.translate(key)
        #expect(report.isSlowPathOnly && report.end == .noOutputPort, "there is no router")
        let generation = model.generation
        model.snoop(report.effects, frame: frame, now: at(0))
        #expect(model.generation != generation)
        #expect(model.translate(data).actions == [.output(port: 12)])
        model.snoop(report.effects, frame: Array(frame.prefix(30)), now: at(0))
        model.snoop(report.effects, frame: [], now: at(0))
        #expect(model[bridge: 0].groups?.count == 1)
        model[bridge: 0].setGroups(nil)
        #expect(model.translate(data).actions.count == 3)
        #expect(!model.translate(key).isSlowPathOnly)
    }
}
