internal import OpenFlow
internal import Pipeline
internal import Timekeeping

// What peers ask over OpenFlow, and what they are answered.

extension Vswitch {
    /// Sends one message in the version of the session.
    mutating func send(_ message: OpenFlowMessage, to id: SessionID) {
        guard let session = sessions.byID[id] else { return }
        let bytes = session.dialect.encode(message)
        effects.append(.sendSession(id, bytes))
        if session.kind != .service { copyToSnoopers(bytes, bridge: session.bridge) }
    }

    mutating func greet(_ id: SessionID) {
        send(OpenFlowMessage(xid: 1, .hello(.spoken)), to: id)
    }

    private mutating func copyToSnoopers(_ bytes: [UInt8], bridge: String) {
        for id in sessions.ids {
            guard let other = sessions.byID[id], other.kind == .snoop, other.bridge == bridge else {
                continue
            }
            effects.append(.sendSession(id, bytes))
        }
    }

    // MARK: Reading

    mutating func sessionReceived(_ id: SessionID, _ bytes: [UInt8], now: Instant) {
        guard let kind = sessions.byID[id]?.kind, kind != .snoop else { return }
        sessions.byID[id]?.framing.feed(bytes)
        sessions.byID[id]?.heardAt = now
        sessions.byID[id]?.wasProbed = false
        readMessages(id, now: now)
    }

    /// Carries out what is there, up to a request that has to wait.
    mutating func readMessages(_ id: SessionID, now: Instant) {
        while let session = sessions.byID[id], session.hold == nil {
            let bytes: [UInt8]?
            do throws(OpenFlowFraming.Broken) {
                bytes = try sessions.byID[id]?.framing.next()
            } catch {
                close(id, "a message claims a length of \(error.length) bytes", now: now)
                return
            }
            guard let bytes else { return }
            if session.kind != .service { copyToSnoopers(bytes, bridge: session.bridge) }
            switch session.phase {
            case .connecting: return
            case .greeting: negotiate(id, bytes, now: now)
            case .talking:
                do throws(OpenFlowFault) {
                    let message = try session.dialect.decode(bytes)
                    carryOut(message, bytes, id, session.version, now: now)
                } catch {
                    send(error.reply, to: id)
                }
            }
        }
    }

    /// The first message must be HELLO; both ends then speak the highest version in common.
    private mutating func negotiate(_ id: SessionID, _ bytes: [UInt8], now: Instant) {
        let greeting: OpenFlowMessage
        do throws(OpenFlowFault) {
            greeting = try OpenFlowDialect(.v13).decode(bytes)
        } catch {
            close(id, "the first message is not HELLO (\(error.code.name))", now: now)
            return
        }
        guard case .hello(let theirs) = greeting.body else {
            close(id, "the first message is not HELLO", now: now)
            return
        }
        guard let version = OpenFlowVersions.agreed(theirs, allowedVersions(id)) else {
            let report = OpenFlowErrorReport(
                .helloIncompatible, offending: Array("no version in common".utf8), version: .v10)
            let refusal = OpenFlowMessage(xid: greeting.xid, .error(report))
            effects.append(.sendSession(id, OpenFlowDialect(.v10).encode(refusal)))
            close(id, "no OpenFlow version in common", now: now)
            return
        }
        sessions.byID[id]?.phase = .talking
        sessions.byID[id]?.dialect = OpenFlowDialect(version)
        guard case .controller(let uuid)? = sessions.byID[id]?.kind else { return }
        sessions.attempts[uuid]?.isConnected = true
        sessions.attempts[uuid]?.backoffMilliseconds = 1_000
        log(.info, "rconn", "\(sessions.byID[id]?.bridge ?? "")<->"
            + "\(sessions.byID[id]?.peer ?? ""): connected, \(version.name)")
        if version < .v13, let bridge = bridges[sessions.byID[id]?.bridge ?? ""] {
            model[bridge: bridge.index].sendsMissesToController = true
        }
        reports.isDue = true
    }

    private func allowedVersions(_ id: SessionID) -> OpenFlowVersions {
        guard let name = sessions.byID[id]?.bridge, let bridge = bridges[name],
            !bridge.wanted.protocols.isEmpty
        else { return .spoken }
        let allowed = OpenFlowVersion.allCases.filter {
            bridge.wanted.protocols.contains($0.name)
        }
        return OpenFlowVersions(allowed)
    }

    // MARK: Requests

    private mutating func carryOut(
        _ message: OpenFlowMessage, _ bytes: [UInt8], _ id: SessionID, _ version: OpenFlowVersion,
        now: Instant
    ) {
        guard let session = sessions.byID[id], let bridge = bridges[session.bridge] else { return }
        let xid = message.xid
        func refuse(_ code: OpenFlowErrorCode) -> OpenFlowMessage {
            OpenFlowMessage(
                xid: xid,
                .error(
                    OpenFlowErrorReport(
                        code, offending: Array(bytes.prefix(64)), version: version)))
        }
        switch message.body {
        case .hello, .error, .echoReply: break
        case .echoRequest(let data):
            send(OpenFlowMessage(xid: xid, .echoReply(data)), to: id)
        case .featuresRequest:
            send(OpenFlowMessage(xid: xid, .featuresReply(features(bridge, version))), to: id)
        case .getConfigRequest:
            send(OpenFlowMessage(xid: xid, .getConfigReply(session.config)), to: id)
        case .setConfig(let config):
            // Fragments are matched as they are (`normal`) or as Nicira's mode says; dropping and
            // reassembling them is not offered, and get_config says so.
            sessions.byID[id]?.config = SwitchConfig(
                fragments: config.fragments == 3 ? 3 : 0, missSendLength: config.missSendLength)
        case .flowMod(let mod):
            if let code = apply(mod, session.bridge, version, now: now) {
                send(refuse(code), to: id)
            }
        case .packetOut(let packet):
            if let code = execute(packet, bridge: session.bridge, now: now) {
                send(refuse(code), to: id)
            }
        case .portMod(let mod):
            if let code = apply(mod, session.bridge, now: now) { send(refuse(code), to: id) }
        case .barrierRequest:
            noticeModelChanges()
            sessions.byID[id]?.hold = .recheck(xid: xid, generation: recheck.generation)
            releaseHold(id, now: now)
        case .statisticsRequest(let request):
            answer(request, xid, id, now: now)
        case .roleRequest(let request): setRole(request, xid, id, refuse)
        case .getAsyncRequest:
            send(OpenFlowMessage(xid: xid, .getAsyncReply(session.async)), to: id)
        case .setAsync(let async): sessions.byID[id]?.async = async
        case .setFlowFormat, .flowModTableID, .setPacketInFormat:
            sessions.byID[id]?.dialect.adopt(message.body)
        case .setControllerID(let number): sessions.byID[id]?.controllerID = number
        case .featuresReply, .getConfigReply, .packetIn, .flowRemoved, .portStatus, .barrierReply,
            .statisticsReply, .roleReply, .getAsyncReply:
            send(refuse(.badType), to: id)
        }
    }

    private mutating func setRole(
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
        if request.role == .primary {
            for other in sessions.ids
            where sessions.byID[other]?.bridge == session.bridge
                && sessions.byID[other]?.role == .primary
            {
                sessions.byID[other]?.role = .secondary
            }
        }
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

    /// Applies a flow mod. Returns what to refuse it with, or nil.
    private mutating func apply(
        _ mod: FlowMod, _ name: String, _ version: OpenFlowVersion, now: Instant
    ) -> OpenFlowErrorCode? {
        guard let bridge = bridges[name] else { return .notAllowed }
        guard mod.bufferID == nil else { return .bufferUnknown }
        do throws(FlowModError) {
            let outcome = try model[bridge: bridge.index].tables.apply(
                mod, asOpenFlow10: version == .v10, now: now)
            for removed in outcome.removed { tell(removed, bridge: name, now: now) }
            return nil
        } catch {
            return error.code
        }
    }

    private mutating func apply(
        _ mod: PortMod, _ name: String, now: Instant
    ) -> OpenFlowErrorCode? {
        guard let bridge = bridges[name],
            let (port, interface) = bridge.interface(numbered: mod.port)
        else { return .badPortModPort }
        guard describe(interface, named: port).address == mod.address else {
            return .badPortModAddress
        }
        var changed = interface
        changed.config = BridgePort.Config(
            rawValue: interface.config.rawValue & ~mod.mask.rawValue
                | mod.config.rawValue & mod.mask.rawValue)
        guard changed != interface else { return nil }
        bridges[name]?.interfaces[port] = changed
        setConfig(changed.config, ofPort: changed.number, bridge: name, now: now)
        tellPortStatus(
            PortChange(.modified, describe(changed, named: port)), bridge: name, now: now)
        return nil
    }

    // MARK: Waiting

    /// Answers the request that a session waits with, if its time has come, and reads on.
    mutating func releaseHold(_ id: SessionID, now: Instant) {
        guard let session = sessions.byID[id], let hold = session.hold else { return }
        switch hold {
        case .recheck(let xid, let generation):
            guard recheck.reached >= generation || !datapath.isOpen else { return }
            sessions.byID[id]?.hold = .datapath(xid: xid, sequence: datapath.lastSequence)
            releaseHold(id, now: now)
            return
        case .datapath(let xid, let sequence):
            guard datapath.hasAnswered(sequence) || !datapath.isOpen else { return }
            send(OpenFlowMessage(xid: xid, .barrierReply), to: id)
        case .flowCounters(let xid, let request, let dump):
            guard datapath.completeDump >= dump || !datapath.isOpen else { return }
            reply(to: request, xid, id, now: now)
        case .portCounters(let xid, let request, let dump):
            guard datapath.completePortDump >= dump || !datapath.isOpen else { return }
            reply(to: request, xid, id, now: now)
        }
        sessions.byID[id]?.hold = nil
        readMessages(id, now: now)
    }

    /// Fresh counters are here: those who wait for them are answered.
    mutating func countersAreFresh(now: Instant) {
        for id in sessions.ids where sessions.byID[id]?.hold != nil { releaseHold(id, now: now) }
        answerWaitingControls(now: now)
    }
}

extension FlowModError {
    var code: OpenFlowErrorCode {
        switch self {
        case .tableFull: .tableFull
        case .overlap: .flowsOverlap
        case .badTable: .badFlowModTable
        case .badGotoTable: .badInstructionTable
        case .fieldNotWritable: .badSetFieldType
        case .badFieldRange: .badSetFieldArgument
        case .badOutputPort: .badActionPort
        case .badArgument: .badActionArgument
        case .unsupportedAction: .badActionType
        }
    }
}
