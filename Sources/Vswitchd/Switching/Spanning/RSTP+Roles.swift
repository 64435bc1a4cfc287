internal import Packets

// Role selection: which port leads to the root, and what each of the others is. IEEE 802.1D-2004
// §17.28 and §17.21.25.

extension RSTP {
    mutating func runRoleSelection() -> Bool {
        guard reselectBridge || ports.contains(where: \.reselect) else { return false }
        reselectBridge = false
        for index in ports.indices { ports[index].reselect = false }
        selectRoot()
        for index in ports.indices { selectRole(index) }
        for index in ports.indices { ports[index].selected = true }
        return true
    }

    /// Items a to e: the best of all claims, our own among them.
    private mutating func selectRoot() {
        let own = settings.identifier
        rootPriority = PriorityVector(ofBridge: own)
        rootTimes = settings.times
        rootPort = nil
        for index in ports.indices where ports[index].infoIs == .received {
            let claim = ports[index].portPriority
            // What we said ourselves comes back from a port of ours.
            guard claim.designatedBridge.address != own.address else { continue }
            let path = claim.adding(cost: ports[index].settings.pathCost)
            let isBetter =
                path < rootPriority
                || path == rootPriority && rootPort.map { portID(index) < portID($0) } ?? false
            guard isBetter else { continue }
            rootPriority = path
            rootPort = index
            rootTimes = ports[index].portTimes
            let (age, overflow) = rootTimes.messageAge.addingReportingOverflow(256)
            rootTimes.messageAge = overflow ? .max : age
        }
        for index in ports.indices {
            ports[index].designatedPriority = PriorityVector(
                root: rootPriority.root, rootPathCost: rootPriority.rootPathCost,
                designatedBridge: own, designatedPort: portID(index))
            ports[index].designatedTimes = rootTimes
            ports[index].designatedTimes.helloTime = settings.times.helloTime
        }
    }

    /// Items f to l.
    private mutating func selectRole(_ index: Int) {
        let port = ports[index]
        let (role, updates): (SpanningRole, Bool)
        switch port.infoIs {
        case .disabled: (role, updates) = (.disabled, false)
        case .aged: (role, updates) = (.designated, true)
        case .mine:
            role = .designated
            updates =
                port.portPriority != port.designatedPriority
                || port.portTimes != port.designatedTimes
        case .received where rootPort == index: (role, updates) = (.root, false)
        case .received where port.designatedPriority < port.portPriority:
            (role, updates) = (.designated, true)
        case .received:
            let isOurs =
                port.portPriority.designatedBridge.address == settings.identifier.address
            (role, updates) = (isOurs ? .backup : .alternate, false)
        }
        ports[index].selectedRole = role
        ports[index].updtInfo = updates
    }
}
