internal import OpenFlow
internal import Pipeline
internal import Switching
internal import Timekeeping

// What controllers are told without having asked: packets, removed rules, ports.

/// What happened to a port.
struct PortChange {
    enum Kind { case added, deleted, modified }
    let kind: Kind
    let port: PortDescription
    init(_ kind: Kind, _ port: PortDescription) { (self.kind, self.port) = (kind, port) }

    var reason: PortStatus.Reason {
        switch kind {
        case .added: .add
        case .deleted: .delete
        case .modified: .modify
        }
    }
}

extension Vswitch {
    mutating func tell(
        _ packet: PacketIn, controllerID: UInt16, bridge: String, now: Instant
    ) {
        for id in sessions.ids {
            guard let session = sessions.byID[id], session.bridge == bridge,
                session.wantsAsynchronous, session.controllerID == controllerID,
                session.mask(session.async.packetIn) & 1 << UInt32(packet.reason.rawValue) != 0
            else { continue }
            var copy = packet
            // A table-miss entry is a rule to 1.0, which knows only the miss without a rule.
            let hasRule = packet.cookie != .max
            if packet.reason == .noMatch, hasRule, session.version < .v13 { copy.reason = .action }
            send(OpenFlowMessage(xid: 0, .packetIn(copy)), to: session)
        }
    }

    mutating func tell(_ removed: FlowRemoved, bridge: String, now: Instant) {
        for id in sessions.ids {
            guard let session = sessions.byID[id], session.bridge == bridge,
                session.wantsAsynchronous,
                session.mask(session.async.flowRemoved) & 1 << UInt32(removed.reason.rawValue) != 0
            else { continue }
            send(OpenFlowMessage(xid: 0, .flowRemoved(removed)), to: id)
        }
    }

    mutating func tellPortStatus(_ change: PortChange, bridge: String, now: Instant) {
        for id in sessions.ids {
            guard let session = sessions.byID[id], session.bridge == bridge,
                session.wantsAsynchronous,
                session.mask(session.async.portStatus) & 1 << UInt32(change.reason.rawValue) != 0
            else { continue }
            let status = PortStatus(reason: change.reason, port: change.port)
            send(OpenFlowMessage(xid: 0, .portStatus(status)), to: id)
        }
    }

    /// Ports whose link went up or down, or whose interface changed its address.
    mutating func tellLinkChanges(before: [String: LinkFact], now: Instant) {
        for (name, bridge) in bridges.sorted(by: { $0.key < $1.key }) {
            for (port, interface) in bridge.interfacesByName where before[port] != links[port] {
                tellPortStatus(
                    PortChange(.modified, describe(interface, named: port)), bridge: name,
                    now: now)
            }
        }
    }

    /// Writes a port's configuration bits into the model; NORMAL floods where it may.
    mutating func setConfig(
        _ config: BridgePort.Config, ofPort number: PortNumber, bridge name: String, now: Instant
    ) {
        guard let bridge = bridges[name], var port = model[bridge: bridge.index].port(number) else {
            return
        }
        port.config = config
        model.setPort(port, bridge: bridge.index)
        // A port that is switched off leaves the spanning tree.
        spanningClock.mustDescribe()
        let forwarding = model[bridge: bridge.index]
        var normal = forwarding.normal
        normal.setPorts(
            normal.ports.map { switchPort in
                var copy = switchPort
                copy.isFloodable = !switchPort.members.contains {
                    forwarding.port(PortNumber($0))?.config.contains(.noFlood) ?? false
                }
                return copy
            })
        model[bridge: bridge.index].normal = normal
    }
}
