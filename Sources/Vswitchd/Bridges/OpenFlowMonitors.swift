internal import Flows
internal import OpenFlow
internal import Pipeline
internal import Timekeeping

// Flow monitors: peers that want to know every change of the flow tables (1.4 §7.3.5.15).
//
// What a change did is found by comparing the rules before and after it, and only if somebody
// watches: one place serves flow mods, bundles, timeouts and groups that take rules with them. It
// costs a look at every rule of the bridge.

/// What names a rule, and what of it a monitor tells.
private struct WatchedRule: Hashable {
    var table: UInt8
    var priority: UInt16
    var match: Match

    init(_ flow: FlowDescription) {
        table = flow.table
        priority = flow.priority
        match = flow.match
    }
}

extension FlowDescription {
    /// Whether a monitor would tell the same of both.
    fileprivate func saysTheSame(as other: FlowDescription) -> Bool {
        cookie == other.cookie && instructions == other.instructions
            && idleTimeout == other.idleTimeout && hardTimeout == other.hardTimeout
            && flags == other.flags && importance == other.importance
    }
}

extension Vswitch {
    /// Adds, changes or removes monitors, and tells what they begin with.
    mutating func watchFlows(
        _ requests: [FlowMonitorRequest], _ xid: UInt32, _ id: SessionID, now: Instant
    ) -> OpenFlowErrorCode? {
        guard let session = sessions.byID[id], let bridge = bridges[session.bridge] else {
            return .notAllowed
        }
        var monitors = session.monitors
        var updates: [FlowUpdate] = []
        for request in requests {
            if let table = request.filter.table, table >= Pipeline.Limits.tables {
                return .monitorBadTableID
            }
            switch request.command {
            case .add:
                guard monitors[request.id] == nil else { return .monitorExists }
                guard monitors.count < BridgeLimits.monitors else { return .monitorInvalidMonitor }
                monitors[request.id] = request
            case .modify:
                guard monitors[request.id] != nil else { return .monitorUnknownMonitor }
                monitors[request.id] = request
            case .delete:
                guard monitors.removeValue(forKey: request.id) != nil else {
                    return .monitorUnknownMonitor
                }
                continue
            }
            guard request.flags.contains(.initial) else { continue }
            let tables = model[bridge: bridge.index].tables
            updates += tables.descriptions(matching: request.filter, now: now).map {
                .full(.initial, request.told($0), reason: nil)
            }
        }
        sessions.byID[id]?.monitors = monitors
        sessions.mayHaveMonitors = true
        let reply = OpenFlowMessage.Body.statisticsReply(.flowMonitor(updates), more: false)
        send(OpenFlowMessage(xid: xid, reply), to: id)
        return nil
    }

    /// The rules of a bridge before a change; nil: nobody watches.
    func pictureForMonitors(ofBridge name: String) -> [FlowDescription]? {
        guard sessions.mayHaveMonitors, let bridge = bridges[name],
            sessions.byID.values.contains(where: { $0.bridge == name && !$0.monitors.isEmpty })
        else { return nil }
        return model[bridge: bridge.index].tables.descriptions(matching: FlowFilter(), now: .start)
    }

    /// Tells monitors how the rules differ from `picture`.
    ///
    /// - Parameters:
    ///   - removed: Why rules went, of those that somebody asked about; others were deleted.
    ///   - origin: Who made the change, and the number of its request; nil: the switch itself.
    mutating func tellMonitors(
        since picture: [FlowDescription]?, _ removed: [FlowRemoved], bridge name: String,
        by origin: (id: SessionID, xid: UInt32)?, now: Instant
    ) {
        guard let picture, let bridge = bridges[name] else { return }
        let present = model[bridge: bridge.index].tables.descriptions(
            matching: FlowFilter(), now: .start)
        let events = Self.differences(from: picture, to: present, removed)
        guard !events.isEmpty else { return }
        for id in sessions.ids {
            guard let session = sessions.byID[id], session.bridge == name,
                !session.monitors.isEmpty
            else { continue }
            let own = origin.flatMap { $0.id == id ? $0.xid : nil }
            let updates = session.updates(for: events, own: own)
            guard !updates.isEmpty else { continue }
            let reply = OpenFlowMessage.Body.statisticsReply(.flowMonitor(updates), more: false)
            send(OpenFlowMessage(xid: 0, reply), to: id)
        }
    }

    private static func differences(
        from before: [FlowDescription], to after: [FlowDescription], _ removed: [FlowRemoved]
    ) -> [MonitoredChange] {
        var old: [WatchedRule: FlowDescription] = [:]
        for flow in before { old[WatchedRule(flow)] = flow }
        var reasons: [WatchedRule: FlowRemoved.Reason] = [:]
        for removal in removed { reasons[WatchedRule(removal.flow)] = removal.reason }
        var events: [MonitoredChange] = []
        var kept: Set<WatchedRule> = []
        for flow in after {
            let rule = WatchedRule(flow)
            kept.insert(rule)
            guard let earlier = old[rule] else {
                events.append(MonitoredChange(event: .added, flow: flow))
                continue
            }
            if !flow.saysTheSame(as: earlier) {
                events.append(MonitoredChange(event: .modified, flow: flow))
            }
        }
        for flow in before where !kept.contains(WatchedRule(flow)) {
            let reason = reasons[WatchedRule(flow)] ?? .delete
            events.append(MonitoredChange(event: .removed, flow: flow, reason: reason))
        }
        return events
    }
}

/// One difference.
struct MonitoredChange {
    var event: FlowUpdate.Event
    var flow: FlowDescription
    var reason: FlowRemoved.Reason?
}

extension OpenFlowSession {
    /// What this peer is told of changes. `own`: the number of its own request that made them.
    func updates(for events: [MonitoredChange], own: UInt32?) -> [FlowUpdate] {
        var updates: [FlowUpdate] = []
        for event in events {
            let watching = monitors.keys.sorted().compactMap { monitors[$0] }
                .filter { $0.wants(event) }
            guard !watching.isEmpty else { continue }
            let wantsAll = watching.contains { $0.flags.contains(.noAbbreviation) }
            if let own, !wantsAll, !watching.contains(where: { $0.flags.contains(.onlyOwn) }) {
                // Its own changes it knows: one short word for each request.
                if updates.last != .abbreviated(xid: own) { updates.append(.abbreviated(xid: own)) }
                continue
            }
            let wantsActions = watching.contains { $0.flags.contains(.actions) }
            var flow = event.flow
            if !wantsActions { flow.instructions = Instructions() }
            updates.append(.full(event.event, flow, reason: event.reason))
        }
        return updates
    }
}

extension FlowMonitorRequest {
    fileprivate func wants(_ change: MonitoredChange) -> Bool {
        // What 1.4 calls "only own" Open vSwitch and its tools take for "own ones, too".
        let wanted: Flags
        switch change.event {
        case .initial, .added: wanted = .add
        case .removed: wanted = .delete
        case .modified: wanted = .modify
        }
        return flags.contains(wanted) && filter.selects(change.flow)
    }

    /// The rule as this monitor tells it.
    fileprivate func told(_ flow: FlowDescription) -> FlowDescription {
        var flow = flow
        if !flags.contains(.actions) { flow.instructions = Instructions() }
        return flow
    }
}

extension FlowFilter {
    /// Whether a rule is one of those asked for.
    fileprivate func selects(_ flow: FlowDescription) -> Bool {
        let actions = flow.instructions.apply + flow.instructions.write
        return (table == nil || table == flow.table)
            && flow.match.mask.covers(match.mask)
            && flow.match.key.masked(by: match.mask) == match.key
            && (outPort.map { port in actions.contains { $0.sends(to: port) } } ?? true)
            && (outGroup.map { group in actions.contains(.group(group)) } ?? true)
    }
}

extension Action {
    fileprivate func sends(to port: PortNumber) -> Bool {
        switch self {
        case .output(let own, _), .enqueue(let own, _), .outputTruncated(let own, _): own == port
        case .controller: port == .controller
        default: false
        }
    }
}
