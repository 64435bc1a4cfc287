internal import Packets

// The small machines, and the order in which all are asked. IEEE 802.1D-2004 §17.21 to §17.31.
//
// Each function carries out at most one transition of its machine and says whether it did. The
// transitions that the standard marks UCT are carried out with the one before.

extension RSTP {
    mutating func runMachines() {
        for _ in 0..<SpanningLimits.machineRounds {
            var moved = false
            for index in ports.indices {
                moved = runMigration(index) || moved
                moved = runBridgeDetection(index) || moved
                moved = runInformation(index) || moved
            }
            moved = runRoleSelection() || moved
            for index in ports.indices {
                moved = runRoleTransitions(index) || moved
                moved = runStateTransition(index) || moved
                moved = runTopologyChange(index) || moved
            }
            // Nothing is said before it is thought to its end: the hold count is for news.
            if moved { continue }
            for index in ports.indices { moved = runTransmit(index) || moved }
            guard moved else { return }
        }
        assertionFailure("the machines of a spanning tree do not come to rest")
    }

    /// Port Receive, §17.23: RECEIVE. DISCARD is what `runInformation` does to a disabled port.
    mutating func receive(_ unit: BPDU, by index: Int) {
        guard ports[index].portEnabled else { return }
        switch unit {
        case .configuration(let message):
            // §9.3.4: what we sent ourselves, and a mirror gave back.
            guard message.bridge != settings.identifier || message.port != portID(index) else {
                return
            }
            ports[index].rcvdSTP = true
        case .topologyChangeNotification: ports[index].rcvdSTP = true
        case .rapid:
            // §9.3.4: a bridge that speaks as the old protocol takes a rapid BPDU as it is too.
            ports[index].rcvdRSTP = true
        }
        ports[index].operEdge = false
        ports[index].edgeDelayWhile = Self.migrateTime
        ports[index].rcvdMsg = unit
    }

    func portID(_ index: Int) -> UInt16 { ports[index].settings.portID }

    /// Port Protocol Migration, §17.24.
    private mutating func runMigration(_ index: Int) -> Bool {
        var port = ports[index]
        defer { ports[index] = port }
        func check(_ port: inout RSTPPort) {
            port.migration = .checkingRSTP
            port.mcheck = false
            port.sendRSTP = settings.isRapid
            port.mdelayWhile = Self.migrateTime
        }
        func sense(_ port: inout RSTPPort) {
            port.migration = .sensing
            port.rcvdRSTP = false
            port.rcvdSTP = false
        }
        switch port.migration {
        case .checkingRSTP:
            if port.mdelayWhile == 0 {
                sense(&port)
            } else if port.mdelayWhile != Self.migrateTime, !port.portEnabled {
                check(&port)
            } else {
                return false
            }
        case .selectingSTP:
            guard port.mdelayWhile == 0 || !port.portEnabled || port.mcheck else { return false }
            sense(&port)
        case .sensing:
            if port.sendRSTP, port.rcvdSTP {
                port.migration = .selectingSTP
                port.sendRSTP = false
                port.mdelayWhile = Self.migrateTime
            } else if !port.portEnabled || port.mcheck
                || settings.isRapid && !port.sendRSTP && port.rcvdRSTP
            {
                check(&port)
            } else {
                return false
            }
        }
        return true
    }

    /// Bridge Detection, §17.25; `operEdge` is its state.
    private mutating func runBridgeDetection(_ index: Int) -> Bool {
        let port = ports[index]
        let isAlone =
            port.edgeDelayWhile == 0 && port.settings.autoEdge && port.sendRSTP && port.proposing
        let wanted: Bool
        if !port.portEnabled {
            wanted = port.settings.adminEdge
        } else {
            wanted = port.operEdge || isAlone
        }
        ports[index].operEdge = wanted
        return wanted != port.operEdge
    }

    /// Port State Transition, §17.30.
    private mutating func runStateTransition(_ index: Int) -> Bool {
        let port = ports[index]
        let learning = port.learn
        let forwarding = port.learn && port.forward
        guard learning != port.learning || forwarding != port.forwarding else { return false }
        ports[index].learning = learning
        ports[index].forwarding = forwarding
        return true
    }
}

// Transmitting, §17.26.

extension RSTP {
    private mutating func runTransmit(_ index: Int) -> Bool {
        let port = ports[index]
        guard port.portEnabled, port.selected, !port.updtInfo else { return false }
        if port.helloWhen == 0 {
            // TRANSMIT_PERIODIC
            let speaks = port.role == .designated || port.role == .root && port.tcWhile != 0
            ports[index].newInfo = port.newInfo || speaks
            ports[index].helloWhen = port.helloTime
            return true
        }
        guard port.newInfo, port.txCount < settings.transmitHoldCount else { return false }
        let unit: BPDU
        if port.sendRSTP {
            guard port.role != .disabled else { return false }
            unit = .rapid(message(index, flags: rapidFlags(port)))
        } else if port.role == .designated {
            var flags: BPDU.Flags = []
            if port.tcWhile != 0 { flags.insert(.topologyChange) }
            if port.tcAck { flags.insert(.topologyChangeAcknowledgment) }
            unit = .configuration(message(index, flags: flags))
        } else if port.role == .root {
            unit = .topologyChangeNotification
        } else {
            return false
        }
        if port.sendRSTP || port.role == .designated { ports[index].tcAck = false }
        ports[index].newInfo = false
        ports[index].txCount += 1
        ports[index].helloWhen = port.helloTime
        ports[index].counters.sent += 1
        effects.append(.transmit(port: port.settings.number, unit))
        return true
    }

    /// §17.21.20.
    private func rapidFlags(_ port: RSTPPort) -> BPDU.Flags {
        var flags: BPDU.Flags = []
        if port.proposing { flags.insert(.proposal) }
        if port.agree { flags.insert(.agreement) }
        if port.tcWhile != 0 { flags.insert(.topologyChange) }
        if port.learning { flags.insert(.learning) }
        if port.forwarding { flags.insert(.forwarding) }
        let role: BPDU.Flags.Role =
            switch port.role {
            case .root: .root
            case .designated: .designated
            case .alternate, .backup: .alternateOrBackup
            case .disabled: .unknown
            }
        return BPDU.Flags(flags, role: role)
    }

    private func message(_ index: Int, flags: BPDU.Flags) -> BPDU.Message {
        let vector = ports[index].designatedPriority
        let times = ports[index].designatedTimes
        return BPDU.Message(
            flags: flags, root: vector.root, rootPathCost: vector.rootPathCost,
            bridge: vector.designatedBridge, port: vector.designatedPort,
            messageAge: times.messageAge, maxAge: times.maxAge, helloTime: times.helloTime,
            forwardDelay: times.forwardDelay)
    }
}
