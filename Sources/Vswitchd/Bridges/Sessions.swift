internal import DatabaseProtocol
internal import OpenFlow
internal import Pipeline
internal import Timekeeping

// Streams come and go; controllers are called again; silence is noticed.

extension Vswitch {
    // MARK: Listening

    /// Each bridge listens on its management and snoop sockets, and where its controllers say.
    mutating func updateListeners() {
        var wantedListeners: [ListenerPurpose] = []
        for bridge in wanted.bridges {
            wantedListeners += [.management(bridge: bridge.name), .snoop(bridge: bridge.name)]
            wantedListeners += bridge.controllers.filter(\.isPassive).map {
                .controller(bridge: bridge.name, target: $0.target)
            }
        }
        for listener in listeners where !wantedListeners.contains(listener) {
            effects.append(.stopListening(listener))
        }
        for listener in wantedListeners where !listeners.contains(listener) {
            effects.append(.listen(listener))
        }
        listeners = wantedListeners
    }

    /// Keeps one connection (or the attempt at one) for each active controller.
    mutating func updateControllers(now: Instant) {
        var wantedAttempts: [UUIDValue: (WantedController, String)] = [:]
        for bridge in wanted.bridges {
            for controller in bridge.controllers where !controller.isPassive {
                wantedAttempts[controller.uuid] = (controller, bridge.name)
            }
        }
        for uuid in sessions.attemptsInOrder {
            guard let attempt = sessions.attempts[uuid] else { continue }
            if wantedAttempts[uuid]?.0 == attempt.controller { continue }
            if let session = attempt.session { close(session, "no longer configured", now: now) }
            sessions.attempts[uuid] = nil
        }
        for (uuid, (controller, bridge)) in wantedAttempts.sorted(by: { $0.key < $1.key })
        where sessions.attempts[uuid] == nil {
            sessions.attempts[uuid] = ControllerAttempt(
                controller: controller, bridge: bridge, nextAttempt: now, downSince: now)
        }
        for name in bridges.keys.sorted() {
            guard let index = bridges[name]?.index else { continue }
            model[bridge: index].sendsMissesToController = false
        }
    }

    // MARK: Streams

    mutating func sessionAccepted(
        _ id: SessionID, _ purpose: ListenerPurpose, peer: String, now: Instant
    ) {
        guard bridges[purpose.bridge] != nil, sessions.byID.count < BridgeLimits.sessions else {
            effects.append(.closeSession(id))
            return
        }
        let isSnoop = if case .snoop = purpose { true } else { false }
        let isController = if case .controller = purpose { true } else { false }
        let session = OpenFlowSession(
            id: id, bridge: purpose.bridge, kind: isSnoop ? .snoop : .service, peer: peer,
            phase: .greeting, now: now, probeMilliseconds: isController ? 5_000 : 0)
        sessions.byID[id] = session
        if !isSnoop { greet(id) }
    }

    mutating func sessionConnected(_ id: SessionID, now: Instant) {
        guard let session = sessions.byID[id] else {
            effects.append(.closeSession(id))
            return
        }
        session.phase = .greeting
        session.heardAt = now
        greet(id)
    }

    mutating func sessionClosed(_ id: SessionID, _ reason: String, now: Instant) {
        guard let session = sessions.byID.removeValue(forKey: id) else { return }
        guard case .controller(let uuid) = session.kind,
            var attempt = sessions.attempts[uuid], attempt.session == id
        else { return }
        if attempt.isConnected {
            log(.warning, "rconn", "\(session.bridge)<->\(session.peer): closed: \(reason)")
            attempt.downSince = now
            attempt.backoffMilliseconds = 1_000
        } else {
            log(.info, "rconn", "\(session.bridge)<->\(session.peer): \(reason); "
                + "waiting \(attempt.backoffMilliseconds / 1000) s")
        }
        attempt.session = nil
        attempt.isConnected = false
        attempt.nextAttempt = now + .milliseconds(attempt.backoffMilliseconds)
        attempt.backoffMilliseconds = min(
            attempt.backoffMilliseconds * 2, attempt.controller.maxBackoffMilliseconds)
        sessions.attempts[uuid] = attempt
        reports.isDue = true
    }

    /// Ends a stream from our side.
    mutating func close(_ id: SessionID, _ reason: String, now: Instant) {
        guard sessions.byID[id] != nil else { return }
        effects.append(.closeSession(id))
        sessionClosed(id, reason, now: now)
    }

    mutating func closeSessions(ofBridge name: String) {
        for id in sessions.ids where sessions.byID[id]?.bridge == name {
            effects.append(.closeSession(id))
            sessions.byID[id] = nil
        }
    }

    // MARK: Time

    mutating func advanceSessions(now: Instant) {
        for uuid in sessions.attemptsInOrder {
            guard let attempt = sessions.attempts[uuid], attempt.session == nil,
                attempt.nextAttempt <= now
            else { continue }
            connect(attempt, now: now)
        }
        let ids = sessions.ids
        for id in ids { probe(id, now: now) }
        for id in ids where sessions.byID[id]?.bundles.isEmpty == false {
            expireBundles(of: id, now: now)
        }
        for id in ids where sessions.byID[id]?.hold != nil { releaseHold(id, now: now) }
        updateDefaultRules(now: now)
    }

    private mutating func connect(_ attempt: ControllerAttempt, now: Instant) {
        let id = sessions.nextID()
        sessions.attempts[attempt.controller.uuid]?.session = id
        sessions.byID[id] = OpenFlowSession(
            id: id, bridge: attempt.bridge, kind: .controller(attempt.controller.uuid),
            peer: attempt.controller.target, phase: .connecting, now: now,
            probeMilliseconds: attempt.controller.inactivityProbeMilliseconds)
        effects.append(.connect(id, target: attempt.controller.target))
    }

    private mutating func probe(_ id: SessionID, now: Instant) {
        guard let deadline = sessions.byID[id]?.probeDeadline, deadline <= now,
            let session = sessions.byID[id]
        else { return }
        if session.wasProbed {
            log(.warning, "rconn", "\(session.bridge)<->\(session.peer): no answer for "
                + "\(2 * session.probeMilliseconds / 1000) s, disconnecting")
            close(id, "no answer to an inactivity probe", now: now)
        } else {
            sessions.byID[id]?.wasProbed = true
            send(OpenFlowMessage(xid: 0, .echoRequest([])), to: id)
        }
    }

    // MARK: Without a controller

    /// While nobody else decides, a bridge is an ordinary learning switch: one rule of the lowest
    /// priority says NORMAL. `fail_mode=secure` is to have no such rule. With controllers, it
    /// comes when all of them have been away for three inactivity probes, and goes when one is
    /// back.
    mutating func updateDefaultRules(now: Instant) {
        // Asked in every turn, and different in hardly any.
        let different = bridges.values.filter {
            wantsDefaultRule($0, now: now) != $0.hasDefaultRule
        }
        for bridge in different.sorted(by: { $0.wanted.name < $1.wanted.name }) {
            let (name, wantsRule) = (bridge.wanted.name, !bridge.hasDefaultRule)
            let mod = FlowMod(
                command: wantsRule ? .add : .deleteStrict, table: 0, priority: 0,
                instructions: Instructions(
                    apply: wantsRule ? [.output(port: .normal, maxLength: 0)] : []))
            do throws(FlowModError) {
                _ = try model[bridge: bridge.index].tables.apply(
                    mod, asOpenFlow10: false, now: now)
                bridge.hasDefaultRule = wantsRule
            } catch {
                log(.error, "ofproto", "\(name): the default rule was refused: \(error)")
            }
        }
    }

    private func wantsDefaultRule(_ bridge: PresentBridge, now: Instant) -> Bool {
        guard bridge.wanted.failMode == .standalone else { return false }
        guard !sessions.attempts.isEmpty else { return true }
        let attempts = bridge.wanted.controllers.filter { !$0.isPassive }
            .compactMap { sessions.attempts[$0.uuid] }
        guard !attempts.isEmpty else { return true }
        return attempts.allSatisfy { attempt in
            let patience = max(3 * attempt.controller.inactivityProbeMilliseconds, 3_000)
            return !attempt.isConnected && attempt.downSince + .milliseconds(patience) <= now
        }
    }
}

extension WantedController {
    /// Whether controllers come to us (`ptcp:`, `punix:`) rather than we to them.
    var isPassive: Bool { target.hasPrefix("p") }
}
