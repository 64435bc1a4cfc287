// Telling everybody that addresses may be elsewhere now. IEEE 802.1D-2004 §17.31.

extension RSTP {
    mutating func runTopologyChange(_ index: Int) -> Bool {
        let port = ports[index]
        let isActive = port.role == .root || port.role == .designated
        let isTold = port.rcvdTc || port.rcvdTcn || port.rcvdTcAck || port.tcProp
        switch port.topologyChange {
        case .inactive:
            guard port.learn else { return false }
            forgetNews(index)
            ports[index].topologyChange = .learning
        case .learning:
            if isActive, port.forward, !port.operEdge {
                // DETECTED
                topologyChanges += 1
                newTcWhile(index)
                setTcPropTree(except: index)
                ports[index].newInfo = true
                ports[index].topologyChange = .active
            } else if isTold {
                forgetNews(index)
            } else if !isActive, !port.learn, !port.learning {
                enterInactive(index)
            } else {
                return false
            }
        case .active:
            return runActive(index, isActive: isActive)
        }
        return true
    }

    private mutating func runActive(_ index: Int, isActive: Bool) -> Bool {
        let port = ports[index]
        if !isActive || port.operEdge {
            forgetNews(index)
            ports[index].topologyChange = .learning
        } else if port.rcvdTcn || port.rcvdTc {
            // NOTIFIED_TCN, then NOTIFIED_TC
            topologyChanges += 1
            if port.rcvdTcn { newTcWhile(index) }
            ports[index].rcvdTcn = false
            ports[index].rcvdTc = false
            if port.role == .designated { ports[index].tcAck = true }
            setTcPropTree(except: index)
        } else if port.tcProp {
            // PROPAGATING
            newTcWhile(index)
            ports[index].fdbFlush = true
            ports[index].tcProp = false
        } else if port.rcvdTcAck {
            // ACKNOWLEDGED
            ports[index].tcWhile = 0
            ports[index].rcvdTcAck = false
        } else {
            return false
        }
        return true
    }

    private mutating func enterInactive(_ index: Int) {
        ports[index].fdbFlush = true
        ports[index].tcWhile = 0
        ports[index].tcAck = false
        ports[index].topologyChange = .inactive
    }

    private mutating func forgetNews(_ index: Int) {
        ports[index].rcvdTc = false
        ports[index].rcvdTcn = false
        ports[index].rcvdTcAck = false
        ports[index].tcProp = false
    }

    /// §17.21.7.
    mutating func newTcWhile(_ index: Int) {
        guard ports[index].tcWhile == 0 else { return }
        if ports[index].sendRSTP {
            ports[index].tcWhile = ports[index].helloTime + 1
            ports[index].newInfo = true
        } else {
            ports[index].tcWhile =
                SpanningTimes.seconds(rootTimes.maxAge)
                + SpanningTimes.seconds(rootTimes.forwardDelay)
        }
    }

    /// §17.21.18.
    mutating func setTcPropTree(except index: Int) {
        for other in ports.indices where other != index { ports[other].tcProp = true }
    }
}
