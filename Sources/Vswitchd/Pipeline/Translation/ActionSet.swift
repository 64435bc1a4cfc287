import OpenFlow

// The order in which an action set is carried out. OpenFlow 1.3.5 §5.10.

extension [Action] {
    /// These written actions in the order in which they take effect; empty if they send nowhere.
    var inActionSetOrder: [Action] {
        guard
            let sending = last(where: { $0.rank == .output }) ?? last(where: { $0.rank == .search })
        else { return [] }
        var ordered: [Action] = []
        for rank in [Action.Rank.pop, .push, .timeToLive] {
            if let latest = last(where: { $0.rank == rank }) { ordered.append(latest) }
        }
        ordered += filter { $0.rank == .set }
        if let queue = last(where: { $0.rank == .queue }) { ordered.append(queue) }
        return ordered + [sending]
    }
}

extension Action {
    fileprivate enum Rank { case pop, push, timeToLive, set, queue, output, search, none }

    fileprivate var rank: Rank {
        switch self {
        case .stripVLAN: .pop
        case .pushVLAN: .push
        case .decrementTTL: .timeToLive
        case .setField, .load, .move, .setVLANID, .setVLANPriority: .set
        case .setQueue: .queue
        case .output, .outputField, .controller, .enqueue: .output
        case .resubmit: .search
        default: .none
        }
    }
}
