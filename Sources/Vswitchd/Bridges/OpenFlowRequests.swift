internal import OpenFlow
internal import Pipeline
internal import Timekeeping

// What peers ask over OpenFlow, and what they are answered.

extension Vswitch {
    /// Sends one message in the version of the session.
    mutating func send(_ message: OpenFlowMessage, to id: SessionID) {
        if let session = sessions.byID[id] { send(message, to: session) }
    }

    mutating func send(_ message: OpenFlowMessage, to session: OpenFlowSession) {
        let bytes = session.dialect.encode(message)
        effects.append(.sendSession(session.id, bytes))
        if session.kind != .service { copyToSnoopers(bytes, bridge: session.bridge) }
    }

    /// Says which versions the bridge allows: a peer that knows more of them takes the highest that
    /// both say, and we take the same.
    mutating func greet(_ id: SessionID) {
        send(OpenFlowMessage(xid: 1, .hello(allowedVersions(id))), to: id)
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
        guard let session = sessions.byID[id], session.kind != .snoop else { return }
        session.framing.feed(bytes)
        session.heardAt = now
        session.wasProbed = false
        readMessages(id, now: now)
    }

    /// Carries out what is there, up to a request that has to wait. Whoever sends a hundred
    /// thousand messages at once is heard in pieces, and upcalls have their turn between them.
    mutating func readMessages(_ id: SessionID, now: Instant) {
        var left = BridgeLimits.messagesInOneTurn
        while let session = sessions.byID[id], session.hold == nil {
            guard left > 0 else {
                sessions.backlog.insert(id)
                return
            }
            left -= 1
            let bytes: [UInt8]?
            do throws(OpenFlowFraming.Broken) {
                bytes = try session.framing.next()
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
                    carryOut(message, bytes, session, now: now)
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
            greeting = try OpenFlowDialect(.v15).decode(bytes)
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
        OpenFlowVersions(named: bridges[sessions.byID[id]?.bridge ?? ""]?.wanted.protocols ?? [])
    }

    // MARK: Requests

    private mutating func carryOut(
        _ message: OpenFlowMessage, _ bytes: [UInt8], _ session: OpenFlowSession, now: Instant
    ) {
        let (xid, version) = (message.xid, session.version)
        func refuse(_ code: OpenFlowErrorCode) -> OpenFlowMessage {
            OpenFlowMessage(
                xid: xid,
                .error(
                    OpenFlowErrorReport(
                        code, offending: bytes, version: version)))
        }
        if session.role == .secondary, message.body.isChange {
            // A secondary connection only reads (1.3.5 §6.3.6).
            send(refuse(.isSecondary), to: session)
            return
        }
        switch message.body {
        case .flowMod, .groupMod, .meterMod, .portMod, .tableMod, .packetOut:
            change(message, session, refuse, now: now)
        default: answer(message, bytes, session.id, version, refuse, now: now)
        }
    }

    private mutating func answer(
        _ message: OpenFlowMessage, _ bytes: [UInt8], _ id: SessionID, _ version: OpenFlowVersion,
        _ refuse: (OpenFlowErrorCode) -> OpenFlowMessage, now: Instant
    ) {
        guard let session = sessions.byID[id], let bridge = bridges[session.bridge] else { return }
        let xid = message.xid
        switch message.body {
        case .hello, .error, .echoReply: break
        case .echoRequest(let data):
            send(OpenFlowMessage(xid: xid, .echoReply(data)), to: id)
        case .featuresRequest:
            send(OpenFlowMessage(xid: xid, .featuresReply(features(bridge, version))), to: id)
        case .getConfigRequest:
            var config = session.config
            config.fragments = model[bridge: bridge.index].fragments.rawValue
            send(OpenFlowMessage(xid: xid, .getConfigReply(config)), to: id)
        case .setConfig(let config):
            sessions.byID[id]?.config = config
            // A mode that is not offered changes nothing, and get_config says so.
            guard let mode = FragmentHandling(rawValue: config.fragments),
                mode != model[bridge: bridge.index].fragments
            else { break }
            model[bridge: bridge.index].fragments = mode
        case .barrierRequest:
            noticeModelChanges()
            sessions.byID[id]?.hold = .recheck(xid: xid, generation: recheck.generation)
            releaseHold(id, now: now)
        case .statisticsRequest(.flowMonitor(let requests)):
            if let code = watchFlows(requests, xid, id, now: now) { send(refuse(code), to: id) }
        case .statisticsRequest(let request):
            if let code = refusal(of: request, bridge) { return send(refuse(code), to: id) }
            answer(request, xid, id, now: now)
        case .roleRequest(let request): setRole(request, xid, id, refuse)
        case .bundleControl(let control):
            carryOut(control, xid, id, refuse, now: now)
        case .bundleAdd(let addition):
            if let code = add(addition, to: id, now: now) { send(refuse(code), to: id) }
        case .resume(let packet):
            if let code = resume(packet, bridge, now: now) { send(refuse(code), to: id) }
        default:
            if let code = set(message, id) { send(refuse(code), to: id) }
        }
    }

    /// A change outside of a bundle: carried out and told, or refused.
    private mutating func change(
        _ message: OpenFlowMessage, _ session: OpenFlowSession,
        _ refuse: (OpenFlowErrorCode) -> OpenFlowMessage, now: Instant
    ) {
        let bridge = session.bridge
        var news = ChangeNews()
        let picture = pictureForMonitors(ofBridge: bridge)
        if let code = carryOut(message.body, bridge, session.version, news: &news, now: now) {
            send(refuse(code), to: session)
            return
        }
        tell(news, bridge: bridge, now: now)
        tellMonitors(
            since: picture, news.removed, bridge: bridge, by: (session.id, message.xid),
            now: now)
        forward(message, from: session.id)
    }

    /// Settings of the connection, and what a switch is never sent.
    private mutating func set(_ message: OpenFlowMessage, _ id: SessionID) -> OpenFlowErrorCode? {
        switch message.body {
        case .getAsyncRequest:
            let async = sessions.byID[id]?.async
            send(OpenFlowMessage(xid: message.xid, .getAsyncReply(async ?? .silent)), to: id)
        case .setAsync(let async): sessions.byID[id]?.async = async
        case .setFlowFormat, .flowModTableID, .setPacketInFormat:
            sessions.byID[id]?.dialect.adopt(message.body)
        case .setControllerID(let number): sessions.byID[id]?.controllerID = number
        // Ages are always told.
        case .flowAge: break
        case .flowMonitorCancel(let monitor):
            guard sessions.byID[id]?.monitors.removeValue(forKey: monitor) != nil else {
                return .monitorUnknownMonitor
            }
        case .queueConfigRequest(let port):
            let bridge = bridges[sessions.byID[id]?.bridge ?? ""]
            guard let bridge else { break }
            if let port, bridge.interface(numbered: port) == nil { return .badQueuePort }
            tellQueues(port, bridge, xid: message.xid, to: id)
        case .tlvTableRequest:
            // No Geneve option can be matched: the table has no room.
            let table = TLVTable(maxByteCount: 0, maxFields: 0)
            send(OpenFlowMessage(xid: message.xid, .tlvTableReply(table)), to: id)
        case .tlvTableMod(let mod): return mod.mappings.isEmpty ? nil : .tlvTableTableFull
        // No connection is tracked: there is none to forget.
        case .flushConntrack: break
        default: return .badType
        }
        return nil
    }

    /// Why a statistics request is not answered; nil: it is.
    private func refusal(
        of request: StatisticsRequest, _ bridge: PresentBridge
    ) -> OpenFlowErrorCode? {
        let meters = model[bridge: bridge.index].tables.meters
        switch request {
        case .exporter: return .statisticsNotConfigured
        case .meter(let meter) where meter != MeterNumber.all && meters[meter] == nil,
            .meterConfig(let meter) where meter != MeterNumber.all && meters[meter] == nil:
            return .unknownMeter
        case .queue(let port, let queue):
            return queueRefusal(bridge, port, queue, unknown: .badQueue)
        case .queueDescription(let port, let queue):
            return queueRefusal(bridge, port, queue, unknown: .queueError)
        default: return nil
        }
    }

    // MARK: Waiting

    /// Answers the request that a session waits with, if its time has come, and reads on.
    mutating func releaseHold(_ id: SessionID, now: Instant) {
        guard let hold = sessions.byID[id]?.hold else { return }
        switch hold {
        case .recheck(let xid, let generation):
            guard recheck.reached >= generation || !datapath.isOpen else { return }
            sessions.byID[id]?.hold = .datapath(xid: xid, sequence: sequenceOfAllSoFar())
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
        case .meterCounters(let xid, let request, let sequence):
            guard datapath.hasAnswered(sequence) || !datapath.isOpen else { return }
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
