internal import Packets

// What a port knows of its link: from a neighbour, or its own claim. IEEE 802.1D-2004 §17.27.

extension RSTP {
    /// What a BPDU is to the port that received it, §17.21.8.
    private enum Received {
        case superiorDesignated, repeatedDesignated, inferiorDesignated, inferiorRootAlternate
        case other
    }

    mutating func runInformation(_ index: Int) -> Bool {
        let port = ports[index]
        guard port.portEnabled else {
            guard port.infoIs != .disabled || port.rcvdMsg != nil else { return false }
            enterDisabled(index)
            return true
        }
        switch port.infoIs {
        case .disabled:
            ports[index].edgeDelayWhile = Self.migrateTime
            enterAged(index)
            return true
        case .aged:
            guard port.selected, port.updtInfo else { return false }
            enterUpdate(index)
            return true
        case .mine, .received:
            if port.selected, port.updtInfo {
                enterUpdate(index)
            } else if port.infoIs == .received, port.rcvdInfoWhile == 0, !port.updtInfo,
                port.rcvdMsg == nil
            {
                enterAged(index)
            } else if let unit = port.rcvdMsg, !port.updtInfo {
                ports[index].rcvdMsg = nil
                look(at: unit, index)
            } else {
                return false
            }
            return true
        }
    }

    /// DISABLED, with what Port Receive forgets in DISCARD.
    private mutating func enterDisabled(_ index: Int) {
        ports[index].rcvdMsg = nil
        ports[index].rcvdRSTP = false
        ports[index].rcvdSTP = false
        ports[index].edgeDelayWhile = Self.migrateTime
        ports[index].proposing = false
        ports[index].proposed = false
        ports[index].agree = false
        ports[index].agreed = false
        ports[index].disputed = false
        ports[index].rcvdInfoWhile = 0
        ports[index].infoIs = .disabled
        ports[index].reselect = true
        ports[index].selected = false
    }

    private mutating func enterAged(_ index: Int) {
        ports[index].infoIs = .aged
        ports[index].reselect = true
        ports[index].selected = false
    }

    private mutating func enterUpdate(_ index: Int) {
        let port = ports[index]
        let isBetterOrSame =
            port.infoIs == .mine && port.designatedPriority <= port.portPriority
        ports[index].proposing = false
        ports[index].proposed = false
        ports[index].agreed = port.agreed && isBetterOrSame
        ports[index].synced = port.synced && ports[index].agreed
        ports[index].portPriority = port.designatedPriority
        ports[index].portTimes = port.designatedTimes
        ports[index].updtInfo = false
        ports[index].infoIs = .mine
        ports[index].newInfo = true
    }

    /// RECEIVE and what follows it.
    private mutating func look(at unit: BPDU, _ index: Int) {
        guard let (message, role, flags) = claim(of: unit) else {
            // A notification, §17.21.17.
            ports[index].rcvdTcn = true
            return
        }
        let claim = PriorityVector(message)
        let times = SpanningTimes(message)
        switch kind(of: claim, times, role, for: ports[index]) {
        case .superiorDesignated:
            ports[index].agreed = false
            ports[index].proposing = false
            recordProposal(flags, index)
            setTcFlags(flags, isRapid: unit.isRapid, index)
            let isBetterOrSame =
                ports[index].infoIs == .received && claim <= ports[index].portPriority
            ports[index].agree = ports[index].agree && isBetterOrSame
            ports[index].portPriority = claim
            ports[index].portTimes = times
            updtRcvdInfoWhile(index)
            ports[index].infoIs = .received
            ports[index].reselect = true
            ports[index].selected = false
        case .repeatedDesignated:
            recordProposal(flags, index)
            setTcFlags(flags, isRapid: unit.isRapid, index)
            updtRcvdInfoWhile(index)
        case .inferiorDesignated:
            // §17.21.10, as 802.1Q-2005 §13.26 corrected it: a neighbour that does not know of our
            // claim and forwards all the same has not heard us. It is told again, and we wait.
            guard unit.isRapid, flags.contains(.learning) else { break }
            ports[index].disputed = true
            ports[index].agreed = false
        case .inferiorRootAlternate:
            // §17.21.9.
            let agrees =
                settings.isRapid && ports[index].settings.isPointToPoint
                && flags.contains(.agreement)
            ports[index].agreed = agrees
            if agrees { ports[index].proposing = false }
            setTcFlags(flags, isRapid: unit.isRapid, index)
        case .other: break
        }
    }

    private func claim(of unit: BPDU) -> (BPDU.Message, BPDU.Flags.Role, BPDU.Flags)? {
        switch unit {
        case .configuration(let message): (message, .designated, message.flags)
        case .rapid(let message): (message, message.flags.role, message.flags)
        case .topologyChangeNotification: nil
        }
    }

    private func kind(
        of claim: PriorityVector, _ times: SpanningTimes, _ role: BPDU.Flags.Role,
        for port: RSTPPort
    ) -> Received {
        switch role {
        case .designated:
            if claim == port.portPriority {
                return times == port.portTimes ? .repeatedDesignated : .superiorDesignated
            }
            return claim.supersedes(port.portPriority) ? .superiorDesignated : .inferiorDesignated
        case .root, .alternateOrBackup:
            return claim >= port.portPriority ? .inferiorRootAlternate : .other
        case .unknown:
            return .other
        }
    }

    /// §17.21.11.
    private mutating func recordProposal(_ flags: BPDU.Flags, _ index: Int) {
        if flags.contains(.proposal) { ports[index].proposed = true }
    }

    /// §17.21.17. The rapid protocol acknowledges nothing.
    private mutating func setTcFlags(_ flags: BPDU.Flags, isRapid: Bool, _ index: Int) {
        if flags.contains(.topologyChange) { ports[index].rcvdTc = true }
        if !isRapid, flags.contains(.topologyChangeAcknowledgment) {
            ports[index].rcvdTcAck = true
        }
    }

    /// §17.21.23: three hellos, unless the information has travelled too far.
    private mutating func updtRcvdInfoWhile(_ index: Int) {
        let times = ports[index].portTimes
        let age = (Int(times.messageAge) + 256 + 128) / 256
        ports[index].rcvdInfoWhile =
            age <= Int(times.maxAge) / 256 ? 3 * SpanningTimes.seconds(times.helloTime) : 0
    }
}

extension BPDU {
    var isRapid: Bool { if case .rapid = self { true } else { false } }
}
