// How a port gets from one role to another without closing a circle on the way. IEEE 802.1D-2004
// §17.29.

extension RSTP {
    mutating func runRoleTransitions(_ index: Int) -> Bool {
        let port = ports[index]
        guard port.selected, !port.updtInfo else { return false }
        guard port.role == port.selectedRole else {
            changeRole(index)
            return true
        }
        switch port.role {
        case .disabled: return runDisabled(index)
        case .root: return runRoot(index)
        case .designated: return runDesignated(index)
        case .alternate, .backup: return runAlternate(index)
        }
    }

    /// DISABLE_PORT, ROOT_PORT, DESIGNATED_PORT and BLOCK_PORT.
    private mutating func changeRole(_ index: Int) {
        ports[index].role = ports[index].selectedRole
        switch ports[index].role {
        case .disabled, .alternate, .backup:
            ports[index].learn = false
            ports[index].forward = false
        case .root: ports[index].rrWhile = ports[index].fwdDelay
        case .designated: break
        }
    }

    /// §17.20.3.
    private var allSynced: Bool {
        ports.allSatisfy {
            $0.selected && $0.role == $0.selectedRole && ($0.role == .root || $0.synced)
        }
    }

    /// §17.20.10: no other port was the root port a moment ago.
    private func reRooted(_ index: Int) -> Bool {
        ports.indices.allSatisfy { $0 == index || ports[$0].rrWhile == 0 }
    }

    private mutating func setSyncTree() {
        for index in ports.indices { ports[index].sync = true }
    }

    private mutating func runDisabled(_ index: Int) -> Bool {
        let port = ports[index]
        guard !port.learning, !port.forwarding else { return false }
        guard
            port.fdWhile != port.maxAge || port.sync || port.reRoot || !port.synced
                || port.rrWhile != 0
        else { return false }
        ports[index].fdWhile = port.maxAge
        ports[index].synced = true
        ports[index].rrWhile = 0
        ports[index].sync = false
        ports[index].reRoot = false
        return true
    }

    private mutating func runRoot(_ index: Int) -> Bool {
        let port = ports[index]
        let mayMove =
            port.fdWhile == 0 || settings.isRapid && reRooted(index) && port.rbWhile == 0
        if port.proposed, !port.agree {
            // ROOT_PROPOSED
            setSyncTree()
            ports[index].proposed = false
        } else if !port.agree && allSynced || port.proposed && port.agree {
            // ROOT_AGREED
            ports[index].proposed = false
            ports[index].sync = false
            ports[index].agree = true
            ports[index].newInfo = true
        } else if !port.forward, !port.reRoot {
            // REROOT
            for other in ports.indices { ports[other].reRoot = true }
        } else if port.reRoot, port.forward {
            // REROOTED
            ports[index].reRoot = false
        } else if mayMove, !port.learn {
            // ROOT_LEARN
            ports[index].fdWhile = port.forwardDelay
            ports[index].learn = true
        } else if mayMove, port.learn, !port.forward {
            // ROOT_FORWARD
            ports[index].fdWhile = 0
            ports[index].forward = true
        } else if port.rrWhile != port.fwdDelay {
            // ROOT_PORT
            ports[index].rrWhile = port.fwdDelay
        } else {
            return false
        }
        return true
    }

    private mutating func runDesignated(_ index: Int) -> Bool {
        let port = ports[index]
        let mayMove =
            (port.fdWhile == 0 || port.agreed || port.operEdge)
            && (port.rrWhile == 0 || !port.reRoot) && !port.sync
        let mustStop =
            port.sync && !port.synced || port.reRoot && port.rrWhile != 0 || port.disputed
        let isSynced = !port.learning && !port.forwarding || port.agreed || port.operEdge
        if !port.forward, !port.agreed, !port.proposing, !port.operEdge {
            // DESIGNATED_PROPOSE
            ports[index].proposing = true
            ports[index].edgeDelayWhile = port.edgeDelay
            ports[index].newInfo = true
        } else if isSynced && !port.synced || port.sync && port.synced {
            // DESIGNATED_SYNCED
            ports[index].rrWhile = 0
            ports[index].synced = true
            ports[index].sync = false
        } else if port.rrWhile == 0, port.reRoot {
            // DESIGNATED_RETIRED
            ports[index].reRoot = false
        } else if mustStop, !port.operEdge, port.learn || port.forward {
            // DESIGNATED_DISCARD
            ports[index].learn = false
            ports[index].forward = false
            ports[index].disputed = false
            ports[index].fdWhile = port.forwardDelay
        } else if mayMove, !port.learn {
            // DESIGNATED_LEARN
            ports[index].learn = true
            ports[index].fdWhile = port.forwardDelay
        } else if mayMove, port.learn, !port.forward {
            // DESIGNATED_FORWARD
            ports[index].forward = true
            ports[index].fdWhile = 0
            ports[index].agreed = port.sendRSTP
        } else {
            return false
        }
        return true
    }

    private mutating func runAlternate(_ index: Int) -> Bool {
        let port = ports[index]
        guard !port.learning, !port.forwarding else { return false }
        if port.proposed, !port.agree {
            // ALTERNATE_PROPOSED
            setSyncTree()
            ports[index].proposed = false
        } else if allSynced && !port.agree || port.proposed && port.agree {
            // ALTERNATE_AGREED
            ports[index].proposed = false
            ports[index].agree = true
            ports[index].newInfo = true
        } else if port.rbWhile != 2 * port.helloTime, port.role == .backup {
            // BACKUP_PORT
            ports[index].rbWhile = 2 * port.helloTime
        } else if port.fdWhile != port.forwardDelay || port.sync || port.reRoot || !port.synced
            || port.rrWhile != 0
        {
            // ALTERNATE_PORT
            ports[index].fdWhile = port.forwardDelay
            ports[index].synced = true
            ports[index].rrWhile = 0
            ports[index].sync = false
            ports[index].reRoot = false
        } else {
            return false
        }
        return true
    }
}
