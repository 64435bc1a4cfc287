internal import OpenFlow

// Who of a bridge's controllers decides. OpenFlow 1.3.5 §6.3.6.

extension Vswitch {
    mutating func setRole(
        _ request: RoleRequest, _ xid: UInt32, _ id: SessionID,
        _ refuse: (OpenFlowErrorCode) -> OpenFlowMessage
    ) {
        guard let session = sessions.byID[id] else { return }
        if request.role == .primary || request.role == .secondary,
            let generation = request.generation
        {
            if let last = sessions.generations[session.bridge],
                Int64(bitPattern: generation &- last) < 0
            {
                send(refuse(.staleRole), to: id)
                return
            }
            sessions.generations[session.bridge] = generation
        }
        if request.role == .primary { demote(othersThan: id, bridge: session.bridge) }
        if request.role != .noChange { sessions.byID[id]?.role = request.role }
        let role = sessions.byID[id]?.role ?? .equal
        send(
            OpenFlowMessage(
                xid: xid,
                .roleReply(
                    RoleRequest(
                        role: role, generation: sessions.generations[session.bridge] ?? .max))),
            to: id)
    }

    /// There is one primary at most: who was it becomes secondary, and is told if it can be.
    private mutating func demote(othersThan id: SessionID, bridge: String) {
        for other in sessions.ids where other != id {
            guard let session = sessions.byID[other], session.bridge == bridge,
                session.role == .primary
            else { continue }
            sessions.byID[other]?.role = .secondary
            let reason = RoleStatus.Reason.primaryRequest
            guard session.version >= .v13, session.phase == .talking,
                session.mask(session.async.roleStatus) & 1 << UInt32(reason.rawValue) != 0
            else { continue }
            let status = RoleStatus(
                role: .secondary, reason: reason,
                generation: sessions.generations[bridge] ?? .max)
            send(OpenFlowMessage(xid: 0, .roleStatus(status)), to: other)
        }
    }

    /// Tells other controllers of a group or meter mod, if they asked for it (1.4 §7.4.6).
    mutating func forward(_ message: OpenFlowMessage, from id: SessionID) {
        let bit: UInt32
        switch message.body {
        case .groupMod: bit = 1
        case .meterMod: bit = 2
        default: return
        }
        guard let bridge = sessions.byID[id]?.bridge else { return }
        for other in sessions.ids where other != id {
            guard let session = sessions.byID[other], session.bridge == bridge,
                session.wantsAsynchronous, session.mask(session.async.requestForward) & bit != 0,
                session.version >= .v13 || bit == 1
            else { continue }
            send(OpenFlowMessage(xid: 0, .requestForward(message)), to: other)
        }
    }
}

extension OpenFlowMessage.Body {
    /// Whether it changes the switch, which a secondary connection may not.
    var isChange: Bool {
        switch self {
        case .flowMod, .groupMod, .meterMod, .portMod, .tableMod, .packetOut, .setConfig,
            .bundleControl, .bundleAdd, .tlvTableMod, .resume, .flushConntrack:
            true
        default: false
        }
    }
}

extension AsyncConfig {
    /// Nothing is told.
    static let silent = AsyncConfig(packetIn: [0, 0], portStatus: [0, 0], flowRemoved: [0, 0])
}
