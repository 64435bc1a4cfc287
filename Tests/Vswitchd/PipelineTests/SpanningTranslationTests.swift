import Flows
import OpenFlow
import Packets
import Pipeline
import PipelineTwin
import Switching
import Testing

// What spanning trees let packets do, wherever the tables send them.

private func model(_ states: [UInt16: SpanningState], _ action: Action = .normal) throws
    -> ForwardingModel
{
    var model = makeModel()
    model[bridge: 0].hasSpanningTree = true
    try model.add(action)
    for (number, state) in states.sorted(by: { $0.key < $1.key }) {
        guard var port = model[bridge: 0].port(PortNumber(number)) else { continue }
        port.spanning = state
        model.setPort(port, bridge: 0)
    }
    return model
}

private func bpdu(tci: UInt16 = 0) -> FlowKey {
    var key = FlowKey()
    key.inPort = 11
    key.ethSrc = MACAddress(bits: 0x0200_0000_0001)
    key.ethDst = BPDU.group
    key.ethType = EtherType.notEthernetII
    key.vlan0TCI = tci
    key.vlan0TPID = tci == 0 ? 0 : EtherType.vlan
    return key
}

private func outputs(_ translation: Translation) -> [UInt32] {
    translation.actions.compactMap { if case .output(let port) = $0 { port } else { nil } }
}

@Suite struct SpanningTranslationTests {
    @Test(arguments: [
        (SpanningState.disabled, false, false), (.blocking, false, false),
        (.listening, false, false), (.discarding, false, false), (.learning, true, false),
        (.forwarding, true, true),
    ])
    func whatAPortMayTakeIn(_ state: SpanningState, _ learns: Bool, _ forwards: Bool) throws {
        let translation = try model([1: state]).translate(makePacket())
        #expect(translation.effects.isEmpty == !learns)
        #expect((translation.end == .forwarded) == forwards)
        #expect(forwards || translation.actions == [.drop(.spanningTree)])
        #expect(!translation.isSlowPathOnly)
    }

    @Test func floodsLeaveOutWhatDoesNotForward() throws {
        let translation = try model([2: .learning, 3: .forwarding]).translate(makePacket())
        #expect(outputs(translation) == [13, 14])
    }

    @Test(arguments: [
        (PortNumber(2), [] as [UInt32]), (.flood, [13, 14]), (.all, [12, 13, 14]),
    ])
    func rulesAreHeldBackToo(_ port: PortNumber, _ expected: [UInt32]) throws {
        let action = Action.output(port: port, maxLength: 0)
        let translation = try model([2: .discarding], action).translate(makePacket())
        #expect(outputs(translation) == expected)
    }

    @Test(arguments: [SpanningState.blocking, .discarding, .forwarding, nil])
    func aBPDUIsForTheSwitchWhateverThePortMayDo(_ state: SpanningState?) throws {
        let translation = try model(state.map { [1: $0] } ?? [:]).translate(bpdu())
        #expect(translation.addressee == .spanningTree(bridge: 0, port: PortNumber(1)))
        #expect(translation.isSlowPathOnly && translation.rules.isEmpty)
        #expect(translation.mask.ethDst == .broadcast)
    }

    @Test func withoutATreeItIsAFrameLikeOthers() throws {
        var model = try model([:])
        model[bridge: 0].hasSpanningTree = false
        #expect(model.translate(bpdu()).end == .reservedMulticast)
        model[bridge: 0].normal.forwardsReservedMulticast = true
        #expect(outputs(model.translate(bpdu())) == [12, 13, 14])
    }

    @Test func aTaggedOneIsNotOurs() throws {
        let translation = try model([:]).translate(bpdu(tci: VLANTag.present | 5))
        #expect(translation.addressee == nil && translation.end == .reservedMulticast)
    }

    @Test(arguments: [
        (SpanningState.discarding, [12] as [UInt32]), (.listening, [12]), (.blocking, []),
        (.disabled, []),
    ])
    func aBPDUOfAControllerLeavesWhereItIsListenedTo(
        _ state: SpanningState, _ expected: [UInt32]
    ) throws {
        var witness = SilentWitness()
        let translation = try model([2: state]).translate(
            packetOut: [.output(2)], key: bpdu(), inPort: .none, bridge: 0, witness: &witness)
        #expect(outputs(translation) == expected)
    }

    /// A learning port behind a patch port teaches its bridge, and the packet ends there.
    @Test func patchPortsAreHeldBackLikeOthers() throws {
        var model = try model([:], .output(9))
        let other = model.addBridge(ForwardingBridge(name: "br1"))
        model.setPort(
            BridgePort(
                number: PortNumber(9), name: "to1",
                attachment: .patch(bridge: other, port: PortNumber(1))), bridge: 0)
        for (number, state) in [(1 as UInt16, SpanningState.learning), (2, .forwarding)] {
            model.setPort(
                BridgePort(
                    number: PortNumber(number), name: "q\(number)",
                    attachment: number == 1
                        ? .patch(bridge: 0, port: PortNumber(9)) : .datapath(22),
                    spanning: state), bridge: other)
        }
        model[bridge: other].normal.setPorts(
            ([1, 2] as [UInt16]).map { SwitchPort(id: UInt32($0), name: "q\($0)", members: [$0]) })
        try model.add(bridge: other, .normal)
        let translation = model.translate(makePacket())
        #expect(outputs(translation).isEmpty && translation.end == .spanningTree)
        #expect(translation.effects.count == 1)
    }
}
