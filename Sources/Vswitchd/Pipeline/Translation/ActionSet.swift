import OpenFlow

// The order in which an action set is carried out. OpenFlow 1.3.5 §5.10, and for what the standard
// does not know, ovs-actions(7).

extension [Action] {
    /// These written actions in the order in which they take effect; empty if they send nowhere. Of
    /// each kind but writes of fields the last one counts.
    var inActionSetOrder: [Action] {
        guard let sending = sendingInActionSet else { return [] }
        var ordered: [Action] = []
        for rank in [Action.Rank.meter, .popVLAN, .popLabel, .pushLabel, .pushVLAN, .timeToLive] {
            if let latest = last(where: { $0.rank == rank }) { ordered.append(latest) }
        }
        if let latest = last(where: { $0.rank == .labelTimeToLive }) { ordered.append(latest) }
        ordered += filter { $0.rank == .set }
        if let queue = last(where: { $0.rank == .queue }) { ordered.append(queue) }
        return ordered + [sending]
    }

    /// A group comes before a port, and that before another search.
    private var sendingInActionSet: Action? {
        last { $0.rank == .group } ?? last { $0.rank == .output } ?? last { $0.rank == .search }
    }

    /// The port that the set sends to, as `actset_output` has it.
    var outputInActionSet: UInt16 {
        guard case .output(let port, _)? = sendingInActionSet else { return 0xfff7 }
        return port.rawValue
    }
}

extension Action {
    fileprivate enum Rank {
        case meter, popVLAN, popLabel, pushLabel, pushVLAN, timeToLive, labelTimeToLive, set
        case queue, group, output, search, none
    }

    fileprivate var rank: Rank {
        switch self {
        case .meter: .meter
        case .stripVLAN: .popVLAN
        case .popMPLS: .popLabel
        case .pushMPLS: .pushLabel
        case .pushVLAN: .pushVLAN
        case .decrementTTL, .decrementTTLTelling: .timeToLive
        case .decrementMPLSTTL: .labelTimeToLive
        case .setField, .setOwn, .load, .move, .setVLANID, .setVLANPriority: .set
        case .setQueue: .queue
        case .group: .group
        case .output, .outputField, .outputTruncated, .controller, .enqueue, .bundle: .output
        case .resubmit: .search
        case .learn, .exit, .note, .popQueue, .multipath, .conjunction, .push, .pop, .finTimeout,
            .resubmitTracked, .sample, .checkPacketLarger, .clone, .conntrack, .conntrackClear,
            .nat, .encap, .decap, .decrementNSHTTL, .deleteField:
            .none
        }
    }

    /// Whether the action may stand in an action set or a bucket.
    var mayBeWritten: Bool { rank != .none }
}
