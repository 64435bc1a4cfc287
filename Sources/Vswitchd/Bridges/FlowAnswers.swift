internal import DatapathMessages
internal import Flows
internal import OpenFlow
internal import Packets
internal import Pipeline
internal import Timekeeping

// Rules, cached flows and traces as text.

extension Vswitch {
    func rules(of bridge: PresentBridge, now: Instant) -> String {
        model[bridge: bridge.index].tables.descriptions(matching: FlowFilter(), now: now)
            .map { FlowText.line($0, .v10) + "\n" }.joined()
    }

    /// Cached flows as they were last told; nil means of all bridges.
    func cachedFlows(of bridge: PresentBridge?, now: Instant) -> String {
        var text = ""
        for slot in 0..<ledger.slotCount {
            guard let entry = ledger[slot] else { continue }
            if let bridge {
                let owner = model.owner(ofDatapathPort: entry.identity.key.inPort)
                guard owner?.bridge == bridge.index else { continue }
            }
            let flow = CachedFlow(
                key: entry.identity.key, mask: entry.identity.mask, actions: entry.actions,
                statistics: entry.seen)
            let now = now.millisecondsSinceStart
            text += DatapathReport.flow(flow, nowMilliseconds: now) + "\n"
        }
        return text
    }

    /// What would happen to a packet, told by the code that would do it.
    func trace(_ name: String, _ flow: String) throws(ControlError) -> String {
        let bridge = try bridge(name)
        let filter: FlowFilter
        do throws(FlowTextError) {
            filter = try FlowText.parseFilter(flow, portNames(bridge))
        } catch {
            throw ControlError("\(error)")
        }
        var key = filter.match.key.packet
        let port = PortNumber(UInt16(truncatingIfNeeded: key.inPort))
        guard let vport = bridge.interface(numbered: port)?.interface.vport else {
            throw ControlError(
                "\(name) has no port \(port.rawValue) to trace from; say in_port=N in the flow")
        }
        key.inPort = vport
        let ports = portNames(bridge)
        var witness = TextWitness(
            describeRule: { rule in
                let match = FlowText.text(rule.match, ports)
                return (match.isEmpty ? "" : match + ", ") + "priority \(rule.priority)"
            },
            describeAction: { FlowText.text(Instructions(apply: [$0]), .v13, ports) })
        let translation = model.translate(key, collectsEffects: false, witness: &witness)
        return "Flow: \(flow)\n\n" + witness.text
            + "Megaflow: \(DatapathText.flow(key: key, mask: translation.mask))\n"
            + "Datapath actions: \(DatapathText.actions(translation.actions))\n"
    }

    private func portNames(_ bridge: PresentBridge) -> PortNames {
        PortNames(bridge.interfacesByName.map { ($0.name, $0.interface.number) })
    }
}
