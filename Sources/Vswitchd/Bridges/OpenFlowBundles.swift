internal import OpenFlow
internal import Pipeline
internal import Timekeeping

// Bundles: changes that wait and then take effect together or not at all. OpenFlow 1.4 §6.8.
//
// No packet is treated between two changes of one commit, because a machine has one thread; so
// every bundle is atomic and ordered, asked for or not. If one of them is refused, the tables are
// put back as they were: they are values, and a copy from before costs nothing until needed.

/// A bundle that a peer has opened.
struct OpenBundle {
    var flags: BundleFlags
    var isClosed = false
    var messages: [OpenFlowMessage] = []
    /// When it was last heard of.
    var touchedAt: Instant

    /// Why it takes no such message, which is its end; nil: it does.
    func refusal(of addition: BundleAddition) -> OpenFlowErrorCode? {
        guard !isClosed else { return .bundleClosed }
        return flags == addition.flags ? nil : .bundleBadFlags
    }

    mutating func add(_ message: OpenFlowMessage, now: Instant) {
        messages.append(message)
        touchedAt = now
    }
}

extension Vswitch {
    mutating func carryOut(
        _ control: BundleControl, _ xid: UInt32, _ id: SessionID,
        _ refuse: (OpenFlowErrorCode) -> OpenFlowMessage, now: Instant
    ) {
        let code: OpenFlowErrorCode?
        let reply: BundleControl.Kind
        switch control.kind {
        case .openRequest: (code, reply) = (open(control, id, now: now), .openReply)
        case .closeRequest: (code, reply) = (close(control, id, now: now), .closeReply)
        case .commitRequest: (code, reply) = (commit(control, xid, id, now: now), .commitReply)
        case .discardRequest:
            let isKnown = sessions.byID[id]?.bundles.removeValue(forKey: control.bundle) != nil
            (code, reply) = (isKnown ? nil : .bundleBadID, .discardReply)
        case .openReply, .closeReply, .commitReply, .discardReply:
            (code, reply) = (.bundleBadType, control.kind)
        }
        if let code {
            send(refuse(code), to: id)
        } else {
            let answer = BundleControl(
                bundle: control.bundle, kind: reply, flags: control.flags)
            send(OpenFlowMessage(xid: xid, .bundleControl(answer)), to: id)
        }
    }

    private mutating func open(
        _ control: BundleControl, _ id: SessionID, now: Instant
    ) -> OpenFlowErrorCode? {
        guard let session = sessions.byID[id] else { return .bundleUnknown }
        guard control.flags.isSubset(of: [.atomic, .ordered]) else { return .bundleBadFlags }
        // Opening it twice ends it (Open vSwitch, too, takes it for a confused peer).
        if session.bundles[control.bundle] != nil {
            sessions.byID[id]?.bundles[control.bundle] = nil
            return .bundleExist
        }
        guard session.bundles.count < BridgeLimits.bundles else { return .bundleOutOfBundles }
        sessions.byID[id]?.bundles[control.bundle] = OpenBundle(
            flags: control.flags, touchedAt: now)
        return nil
    }

    private mutating func close(
        _ control: BundleControl, _ id: SessionID, now: Instant
    ) -> OpenFlowErrorCode? {
        guard let bundle = sessions.byID[id]?.bundles[control.bundle] else { return .bundleBadID }
        guard !bundle.isClosed, bundle.flags == control.flags else {
            sessions.byID[id]?.bundles[control.bundle] = nil
            return bundle.isClosed ? .bundleClosed : .bundleBadFlags
        }
        sessions.byID[id]?.bundles[control.bundle]?.isClosed = true
        sessions.byID[id]?.bundles[control.bundle]?.touchedAt = now
        return nil
    }

    /// Adds a message; the bundle is opened if it is not there.
    mutating func add(
        _ addition: BundleAddition, to id: SessionID, now: Instant
    ) -> OpenFlowErrorCode? {
        guard let session = sessions.byID[id] else { return .bundleBadID }
        if session.bundles.index(forKey: addition.bundle) == nil {
            let control = BundleControl(
                bundle: addition.bundle, kind: .openRequest, flags: addition.flags)
            if let code = open(control, id, now: now) { return code }
        }
        let held = session.bundles.values.reduce(0) { $0 + $1.messages.count }
        guard let place = session.bundles.index(forKey: addition.bundle) else {
            return .bundleBadID
        }
        if let code = session.bundles.values[place].refusal(of: addition) {
            session.bundles.remove(at: place)
            return code
        }
        guard held < BridgeLimits.bundledMessages else { return .bundleMessageTooMany }
        session.bundles.values[place].add(addition.message, now: now)
        return nil
    }

    /// Carries out all of a bundle, or nothing: then the peer is told which message failed and why.
    private mutating func commit(
        _ control: BundleControl, _ xid: UInt32, _ id: SessionID, now: Instant
    ) -> OpenFlowErrorCode? {
        guard let session = sessions.byID[id],
            let bundle = sessions.byID[id]?.bundles.removeValue(forKey: control.bundle)
        else { return .bundleBadID }
        guard bundle.flags == control.flags else { return .bundleBadFlags }
        guard let index = bridges[session.bridge]?.index else { return .bundleUnknown }
        let before = model[bridge: index].tables
        let picture = pictureForMonitors(ofBridge: session.bridge)
        var news = ChangeNews()
        var packets: [PacketOut] = []
        var forwarded: [OpenFlowMessage] = []
        for message in bundle.messages {
            switch message.body {
            // Packets leave when it is sure that the rules stand that they are to meet.
            case .packetOut(let packet):
                packets.append(packet)
                continue
            case .groupMod, .meterMod: forwarded.append(message)
            default: break
            }
            guard
                let code = carryOut(
                    message.body, session.bridge, session.version, news: &news, now: now)
            else { continue }
            model[bridge: index].tables.restore(before)
            undo(news, bridge: session.bridge, now: now)
            let report = OpenFlowErrorReport(
                code, offending: session.dialect.encode(message),
                version: session.version)
            send(OpenFlowMessage(xid: message.xid, .error(report)), to: id)
            return .bundleMessageFailed
        }
        for packet in packets { _ = execute(packet, bridge: session.bridge, now: now) }
        tell(news, bridge: session.bridge, now: now)
        tellMonitors(
            since: picture, news.removed, bridge: session.bridge, by: (id, xid), now: now)
        for message in forwarded { forward(message, from: id) }
        return nil
    }

    /// Ends bundles that were not heard of for long: they hold memory.
    mutating func expireBundles(of id: SessionID, now: Instant) {
        guard let session = sessions.byID[id], !session.bundles.isEmpty else { return }
        for number in session.bundles.keys.sorted() {
            guard let bundle = session.bundles[number],
                bundle.touchedAt + BridgeLimits.bundlePatience <= now
            else { continue }
            sessions.byID[id]?.bundles[number] = nil
            let report = OpenFlowErrorReport(
                .bundleTimeout, offending: [], version: session.version)
            send(OpenFlowMessage(xid: 0, .error(report)), to: id)
        }
    }
}
