internal import Packets
internal import Timekeeping

// The procedures of IEEE 802.1D-1998 §8.6, and what calls them (§8.7 and §8.8).

// What happens.

extension STP {
    /// §8.7.1.
    mutating func received(_ message: BPDU.Message, by index: Int, now: Instant) {
        // §9.3.4 of the 2004 edition: what we sent ourselves, and a mirror gave back.
        guard message.bridge != settings.identifier || message.port != ports[index].settings.portID
        else { return }
        let wasRoot = isRoot
        guard supersedes(message, index) else {
            if isDesignated(index) { transmitConfig(index, now: now) }
            return
        }
        recordConfigInformation(message, index, now: now)
        update(wasRoot: wasRoot, now: now)
        guard index == rootPort else { return }
        times = SpanningTimes(message)
        let isChanging = message.flags.contains(.topologyChange)
        if isChanging, !topologyChange { topologyChanges += 1 }
        topologyChange = isChanging
        // §8.3.5 shortens what is remembered to a forward delay; to forget it is never wrong.
        if isChanging { effects.append(.flushAll) }
        generateConfig(now: now)
        if message.flags.contains(.topologyChangeAcknowledgment) {
            // §8.6.15.
            topologyChangeDetected = false
            notificationTimer = nil
        }
    }

    /// §8.7.2.
    mutating func receivedNotification(by index: Int, now: Instant) {
        guard isDesignated(index) else { return }
        topologyChangeDetection(now: now)
        // §8.6.16.
        ports[index].topologyChangeAcknowledge = true
        transmitConfig(index, now: now)
    }

    /// §8.8.2.
    mutating func enable(_ index: Int, now: Instant) {
        ports[index].state = .blocking
        ports[index].topologyChangeAcknowledge = false
        ports[index].configPending = false
        ports[index].forwardDelayTimer = nil
        ports[index].holdTimer = nil
        becomeDesignated(index)
        portStateSelection(now: now)
        if isRoot, helloTimer == nil { helloTimer = now }
    }

    /// §8.8.3.
    mutating func disable(_ index: Int, now: Instant) {
        let wasRoot = isRoot
        becomeDesignated(index)
        ports[index].state = .disabled
        ports[index].topologyChangeAcknowledge = false
        ports[index].configPending = false
        ports[index].forwardDelayTimer = nil
        update(wasRoot: wasRoot, now: now)
    }

    /// Configuration update and port state selection, and what follows if the root is another one
    /// now (§8.7.1, §8.7.4, §8.8.3).
    mutating func update(wasRoot: Bool, now: Instant) {
        selectRoot()
        for index in ports.indices where mustSpeakFor(index) { becomeDesignated(index) }
        portStateSelection(now: now)
        if wasRoot, !isRoot {
            helloTimer = nil
            if topologyChangeDetected {
                topologyChangeTimer = nil
                transmitNotification(now: now)
            }
        } else if isRoot, !wasRoot {
            times = settings.times
            topologyChangeDetection(now: now)
            notificationTimer = nil
            generateConfig(now: now)
            helloTimer = now + Duration(spanningUnits: times.helloTime)
        }
    }

    /// What is due, §8.7.3 to §8.7.8.
    mutating func passTime(now: Instant) {
        if let timer = helloTimer, timer <= now {
            if topologyChange { effects.append(.flushAll) }
            generateConfig(now: now)
            helloTimer = now + Duration(spanningUnits: times.helloTime)
        }
        for index in ports.indices where ports[index].state != .disabled {
            ageInformation(index, now: now)
        }
        for index in ports.indices { passForwardDelay(index, now: now) }
        if let timer = notificationTimer, timer <= now { transmitNotification(now: now) }
        if let timer = topologyChangeTimer, timer <= now {
            topologyChangeTimer = nil
            topologyChangeDetected = false
            topologyChange = false
        }
        for index in ports.indices {
            guard let timer = ports[index].holdTimer, timer <= now else { continue }
            ports[index].holdTimer = nil
            if ports[index].configPending { transmitConfig(index, now: now) }
        }
    }

    /// §8.7.4.
    private mutating func ageInformation(_ index: Int, now: Instant) {
        guard let age = ports[index].age(now: now), age >= Duration(spanningUnits: times.maxAge)
        else { return }
        let wasRoot = isRoot
        becomeDesignated(index)
        update(wasRoot: wasRoot, now: now)
    }

    /// §8.7.5.
    private mutating func passForwardDelay(_ index: Int, now: Instant) {
        guard let timer = ports[index].forwardDelayTimer, timer <= now else { return }
        if ports[index].state == .listening {
            ports[index].state = .learning
            ports[index].forwardDelayTimer = now + Duration(spanningUnits: times.forwardDelay)
        } else {
            ports[index].state = .forwarding
            ports[index].forwardDelayTimer = nil
            if ports.indices.contains(where: { isDesignated($0) }) {
                topologyChangeDetection(now: now)
            }
        }
    }
}

// Who speaks for which link.

extension STP {
    /// §8.6.2.2: whether what was heard takes the place of what was known.
    private func supersedes(_ message: BPDU.Message, _ index: Int) -> Bool {
        let port = ports[index]
        let heard = (message.root, message.rootPathCost, message.bridge)
        let known = (port.designatedRoot, port.designatedCost, port.designatedBridge)
        guard heard == known else { return heard < known }
        return message.bridge != settings.identifier || message.port <= port.designatedPort
    }

    /// §8.6.2.
    private mutating func recordConfigInformation(
        _ message: BPDU.Message, _ index: Int, now: Instant
    ) {
        ports[index].designatedRoot = message.root
        ports[index].designatedCost = message.rootPathCost
        ports[index].designatedBridge = message.bridge
        ports[index].designatedPort = message.port
        ports[index].messageAge = (Duration(spanningUnits: message.messageAge), now)
    }

    func isDesignated(_ index: Int) -> Bool {
        let port = ports[index]
        return port.state != .disabled && port.designatedBridge == settings.identifier
            && port.designatedPort == port.settings.portID
    }

    /// §8.6.8: of the ports that hear of a root better than us, the one that is nearest to it.
    private mutating func selectRoot() {
        let own = settings.identifier
        func path(_ port: STPPort) -> PriorityVector {
            PriorityVector(
                root: port.designatedRoot, rootPathCost: port.designatedCost,
                designatedBridge: port.designatedBridge, designatedPort: port.designatedPort
            ).adding(cost: port.settings.pathCost)
        }
        rootPort = nil
        for index in ports.indices {
            let port = ports[index]
            guard port.state != .disabled, port.designatedBridge != own, port.designatedRoot < own
            else { continue }
            guard let best = rootPort.map({ ports[$0] }) else {
                rootPort = index
                continue
            }
            let (new, old) = (path(port), path(best))
            if new < old || new == old && port.settings.portID < best.settings.portID {
                rootPort = index
            }
        }
        designatedRoot = rootPort.map { ports[$0].designatedRoot } ?? own
        rootCost = rootPort.map { path(ports[$0]).rootPathCost } ?? 0
    }

    /// §8.6.9.
    private func mustSpeakFor(_ index: Int) -> Bool {
        let port = ports[index]
        if port.designatedBridge == settings.identifier,
            port.designatedPort == port.settings.portID
        {
            return true
        }
        guard port.designatedRoot == designatedRoot else { return true }
        return (rootCost, settings.identifier, port.settings.portID)
            <= (port.designatedCost, port.designatedBridge, port.designatedPort)
    }

    /// §8.6.10.
    private mutating func becomeDesignated(_ index: Int) {
        ports[index].designatedRoot = designatedRoot
        ports[index].designatedCost = rootCost
        ports[index].designatedBridge = settings.identifier
        ports[index].designatedPort = ports[index].settings.portID
        ports[index].messageAge = nil
    }

    /// §8.6.11 to §8.6.13.
    private mutating func portStateSelection(now: Instant) {
        for index in ports.indices where ports[index].state != .disabled {
            if index == rootPort {
                ports[index].configPending = false
                ports[index].topologyChangeAcknowledge = false
                makeForwarding(index, now: now)
            } else if isDesignated(index) {
                ports[index].messageAge = nil
                makeForwarding(index, now: now)
            } else {
                ports[index].configPending = false
                ports[index].topologyChangeAcknowledge = false
                makeBlocking(index, now: now)
            }
        }
    }

    private mutating func makeForwarding(_ index: Int, now: Instant) {
        guard ports[index].state == .blocking else { return }
        ports[index].state = .listening
        ports[index].forwardDelayTimer = now + Duration(spanningUnits: times.forwardDelay)
    }

    private mutating func makeBlocking(_ index: Int, now: Instant) {
        guard ports[index].state != .blocking else { return }
        let carried = ports[index].state.learns
        ports[index].state = .blocking
        ports[index].forwardDelayTimer = nil
        if carried { topologyChangeDetection(now: now) }
    }
}

// What is said.

extension STP {
    /// §8.6.4.
    private mutating func generateConfig(now: Instant) {
        for index in ports.indices where isDesignated(index) { transmitConfig(index, now: now) }
    }

    /// §8.6.1.
    private mutating func transmitConfig(_ index: Int, now: Instant) {
        if let timer = ports[index].holdTimer, timer > now {
            ports[index].configPending = true
            return
        }
        var age = Duration.zero
        if let rootPort {
            age = (ports[rootPort].age(now: now) ?? .zero) + Self.messageAgeIncrement
        }
        guard age < Duration(spanningUnits: times.maxAge) else { return }
        var flags: BPDU.Flags = []
        if topologyChange { flags.insert(.topologyChange) }
        if ports[index].topologyChangeAcknowledge { flags.insert(.topologyChangeAcknowledgment) }
        let message = BPDU.Message(
            flags: flags, root: designatedRoot, rootPathCost: rootCost,
            bridge: settings.identifier, port: ports[index].settings.portID,
            messageAge: age.spanningUnits, maxAge: times.maxAge, helloTime: times.helloTime,
            forwardDelay: times.forwardDelay)
        ports[index].topologyChangeAcknowledge = false
        ports[index].configPending = false
        ports[index].holdTimer = now + Self.holdTime
        send(.configuration(message), by: index)
    }

    /// §8.6.6, and its timer.
    private mutating func transmitNotification(now: Instant) {
        notificationTimer = nil
        guard let rootPort else { return }
        notificationTimer = now + Duration(spanningUnits: settings.times.helloTime)
        send(.topologyChangeNotification, by: rootPort)
    }

    private mutating func send(_ unit: BPDU, by index: Int) {
        ports[index].counters.sent += 1
        effects.append(.transmit(port: ports[index].settings.number, unit))
    }

    /// §8.6.14.
    mutating func topologyChangeDetection(now: Instant) {
        topologyChanges += 1
        if isRoot {
            topologyChange = true
            topologyChangeTimer =
                now + Duration(spanningUnits: settings.times.maxAge)
                + Duration(spanningUnits: settings.times.forwardDelay)
            effects.append(.flushAll)
        } else if !topologyChangeDetected {
            transmitNotification(now: now)
        }
        topologyChangeDetected = true
    }
}
