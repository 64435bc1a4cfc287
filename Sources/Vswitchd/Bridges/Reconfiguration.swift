internal import DatabaseProtocol
internal import DatabaseReplica
internal import DatapathMessages
internal import Flows
internal import OpenFlow
internal import Packets
internal import Pipeline
internal import Switching
internal import Timekeeping

// Wanted minus present.
//
//     rows change ──> wanted ──> which vports too many? remove them
//                                which are missing?     add them        ──> answers arrive
//                                                                             │
//     cur_cfg, ofport, error <── listeners, rules <── forwarding model <──────┘
//
// Removals come first, so that a name or a number that moves from one bridge to another is free
// when it is asked for. Only when the datapath has answered every order is the model changed and
// the configuration called in force: `ovs-vsctl` returns when packets really go the new way.

extension WantedSwitch {
    /// Whether anything that has to be carried out differs; what we ourselves write to the
    /// database (port numbers, errors) does not count.
    func isDifferentOrder(from other: WantedSwitch) -> Bool {
        plain != other.plain
    }

    private var plain: WantedSwitch {
        var copy = self
        for bridge in copy.bridges.indices {
            for port in copy.bridges[bridge].ports.indices {
                copy.bridges[bridge].ports[port].lastActive = nil
                for interface in copy.bridges[bridge].ports[port].interfaces.indices {
                    copy.bridges[bridge].ports[port].interfaces[interface].presentPort = nil
                    copy.bridges[bridge].ports[port].interfaces[interface].presentError = nil
                }
            }
        }
        return copy
    }

    /// Datapath ports that the bridges need, ordered by name.
    var vports: [(name: String, kind: VportKind)] {
        bridges.flatMap { $0.ports.flatMap(\.interfaces) }
            .compactMap { interface in interface.kind.vportKind.map { (interface.name, $0) } }
            .sorted { $0.name < $1.name }
    }
}

extension WantedInterface.Kind {
    var vportKind: VportKind? {
        switch self {
        case .system, .link: .netdev
        case .internal: .internal
        case .patch, .invalid, .unknown: nil
        }
    }
}

extension Vswitch {
    /// Only a datapath that is not there is given up; one that is there answers every order.
    var reconfigurationDeadline: Instant? {
        guard !datapath.isOpen || !datapath.knowsPorts else { return nil }
        return reconfiguringSince.map { $0 + BridgeLimits.datapathPatience }
    }

    /// Brings the datapath's ports to what is wanted, then finishes.
    mutating func reconfigure(now: Instant) {
        guard replica.isSynchronised, wanted.root != nil else { return }
        reconfiguringSince = reconfiguringSince ?? now
        guard !leftForOtherDatapath(now: now) else { return }
        guard datapath.isOpen, datapath.knowsPorts else { return }
        let wantedPorts = wanted.vports
        let kinds = Dictionary(wantedPorts, uniquingKeysWith: { first, _ in first })
        for name in vports.names where kinds[name] != vports.byName[name]?.kind {
            detach(name)
        }
        vports.errors = [:]
        orderWorkers()
        orderLinks()
        attachMissing()
        orderTraffic(now: now)
        finishReconfigurationIfReady(now: now)
    }

    /// Asks for the wanted ports that are neither there nor on their way.
    mutating func attachMissing() {
        guard datapath.isOpen, datapath.knowsPorts else { return }
        let asked = datapath.outstanding.compactMap { _, order -> String? in
            if case .addPort(let name) = order { name } else { nil }
        }
        let isAsked = Set(asked)
        for (name, kind) in wanted.vports
        where vports.byName[name] == nil && !isAsked.contains(name) && isLinkReady(name) {
            attach(name, kind)
        }
    }

    mutating func detach(_ name: String) {
        guard let number = vports.byName[name]?.number else { return }
        vports.remove(name)
        order(.deletePort(number: number), .deletePort(name: name))
    }

    private mutating func attach(_ name: String, _ kind: VportKind) {
        order(.addPort(Vport(number: nil, kind: kind, name: name)), .addPort(name: name))
    }

    /// A datapath that does not come is no reason to leave the operator waiting.
    mutating func giveUpOnDatapathIfLate(now: Instant) {
        guard let since = reconfiguringSince, !datapath.isOpen || !datapath.knowsPorts,
            now >= since + BridgeLimits.datapathPatience
        else { return }
        for (name, _) in wanted.vports {
            vports.errors[name] = "the datapath is not running (start apus-datapath as root)"
        }
        finishReconfiguration(now: now)
    }

    mutating func finishReconfigurationIfReady(now: Instant) {
        let isWaiting = datapath.outstanding.values.contains {
            switch $0 {
            case .addPort, .deletePort, .setTraffic, .setWorkers, .setReceiving: true
            default: false
            }
        }
        guard !isWaiting, !madeLinks.isUnderWay, reconfiguringSince != nil else { return }
        finishReconfiguration(now: now)
    }

    private mutating func finishReconfiguration(now: Instant) {
        reconfiguringSince = nil
        let names = wanted.bridges.map(\.name)
        for name in bridges.keys.sorted() where !names.contains(name) { removeBridge(name) }
        model.vlanLimit = wanted.vlanLimit
        for bridge in wanted.bridges { configure(bridge, now: now) }
        connectPatchPorts()
        updateListeners()
        updateControllers(now: now)
        updateDefaultRules(now: now)
        watchLinks()
        configuration = wanted.configuration
        discoveryDeadline = .start
        reports.isDue = true
        if datapath.isOpen, datapath.nextDump == nil { datapath.nextDump = now }
    }

    private mutating func removeBridge(_ name: String) {
        guard let bridge = bridges.removeValue(forKey: name) else { return }
        for (_, aggregation) in bridge.aggregations.sorted(by: { $0.key < $1.key }) {
            forgetRecirculation(of: aggregation)
        }
        model.removeBridge(bridge.index)
        closeSessions(ofBridge: name)
        log(.info, "bridge", "bridge \(name): removed")
    }

    private mutating func configure(_ wantedBridge: WantedBridge, now: Instant) {
        let name = wantedBridge.name
        let bridge =
            bridges[name]
            ?? PresentBridge(
                index: model.addBridge(ForwardingBridge(name: name)), wanted: wantedBridge)
        if bridges[name] == nil { log(.info, "bridge", "bridge \(name): added") }
        bridge.wanted = wantedBridge
        let changes = assignInterfaces(bridge, now: now)
        configureNormal(bridge, now: now)
        configureAggregations(bridge, now: now)
        configureSpanningTree(bridge, now: now)
        bridges[name] = bridge
        updateDatapathID(ofBridge: name)
        for change in changes { tellPortStatus(change, bridge: name, now: now) }
    }

    /// Gives each wanted interface its OpenFlow port and puts it into the model; takes away those
    /// that are no longer wanted. Returns what controllers should hear.
    private mutating func assignInterfaces(
        _ bridge: PresentBridge, now: Instant
    ) -> [PortChange] {
        let wantedInterfaces = bridge.wanted.ports.flatMap(\.interfaces)
        let uuids = Dictionary(
            wantedInterfaces.map { ($0.name, $0.uuid) }, uniquingKeysWith: { first, _ in first })
        var changes: [PortChange] = []
        for (name, interface) in bridge.interfacesByName where uuids[name] != interface.uuid {
            changes.append(
                PortChange(.deleted, describe(interface, named: name)))
            model.removePort(interface.number, bridge: bridge.index)
            bridge.interfaces[name] = nil
        }
        for wantedInterface in wantedInterfaces {
            let before = bridge.interfaces[wantedInterface.name]
            guard
                let number = before?.number
                    ?? freeNumber(for: wantedInterface, in: bridge)
            else {
                vports.errors[wantedInterface.name] = "bridge has no OpenFlow port number left"
                continue
            }
            var interface =
                before
                ?? PresentInterface(
                    uuid: wantedInterface.uuid, number: number, createdAt: now,
                    kind: wantedInterface.kind)
            interface.kind = wantedInterface.kind
            interface.readsLLDP = wantedInterface.speaksLLDP
            interface.vport = vports.byName[wantedInterface.name]?.number
            if case .unknown(let type) = wantedInterface.kind {
                vports.errors[wantedInterface.name] =
                    "interface type \(type) is not supported (system, internal, patch, veth, "
                    + "vlan and bond are)"
            }
            if case .invalid(let text) = wantedInterface.kind {
                vports.errors[wantedInterface.name] = text
            }
            bridge.interfaces[wantedInterface.name] = interface
            if interface != before { setPort(interface, wantedInterface.name, bridge.index) }
            if before == nil {
                changes.append(
                    PortChange(.added, describe(interface, named: wantedInterface.name)))
            }
        }
        return changes
    }

    mutating func setPort(_ interface: PresentInterface, _ name: String, _ bridge: Int) {
        let attachment: BridgePort.Attachment = interface.vport.map { .datapath($0) } ?? .nowhere
        var port = BridgePort(
            number: interface.number, name: name, attachment: attachment,
            config: interface.config, spanning: interface.spanning, isLive: isLive(name))
        port.readsLLDP = interface.readsLLDP
        model.setPort(port, bridge: bridge)
    }

    /// The bridge's own port is LOCAL; others get the number asked for, the one they had, or the
    /// lowest that is free.
    private func freeNumber(
        for interface: WantedInterface, in bridge: PresentBridge
    ) -> PortNumber? {
        if interface.name == bridge.wanted.name { return .local }
        let taken = Set(bridge.interfaces.values.map(\.number.rawValue))
        // What others have had or asked for is left to them.
        let others = bridge.wanted.ports.flatMap(\.interfaces).filter { $0.name != interface.name }
        let reserved = Set(
            others.compactMap { $0.portRequest ?? UInt16(exactly: $0.presentPort ?? -1) })
        let largest = PortNumber.largest.rawValue
        if let request = interface.portRequest, request >= 1, request <= largest,
            !taken.contains(request)
        {
            return PortNumber(request)
        }
        if let present = interface.presentPort.flatMap({ UInt16(exactly: $0) }), present >= 1,
            present <= largest, !taken.contains(present),
            !others.contains(where: { $0.portRequest == present })
        {
            return PortNumber(present)
        }
        return (1...largest).first { !taken.contains($0) && !reserved.contains($0) }
            .map { PortNumber($0) }
    }

    /// NORMAL's view of the bridge: rows of Port with their VLANs.
    private mutating func configureNormal(_ bridge: PresentBridge, now: Instant) {
        var ports: [SwitchPort] = []
        var ids: [String: SwitchPort.ID] = [:]
        for port in bridge.wanted.ports {
            let members = port.interfaces.compactMap { bridge.interfaces[$0.name]?.number.rawValue }
            guard !members.isEmpty else { continue }
            let id = bridge.switchPorts[port.name] ?? bridge.nextSwitchPort
            if bridge.switchPorts[port.name] == nil { bridge.nextSwitchPort += 1 }
            ids[port.name] = id
            let vlan = VLANMode(
                vlanMode: port.vlanMode, tag: port.tag, trunks: port.trunks,
                customers: port.customerVLANs, qinqEtherType: port.qinqEtherType)
            var switchPort = SwitchPort(
                id: id, name: port.name, members: members, vlan: vlan,
                priorityTags: SwitchPort.PriorityTags(text: port.priorityTags),
                isFloodable: !members.contains {
                    bridge.interface(numbered: PortNumber($0))?.interface.config
                        .contains(.noFlood) ?? false
                }, isProtected: port.isProtected)
            switchPort.usesLACP = port.lacp != nil
            switchPort.floodsMulticast = port.floodsMulticast
            switchPort.floodsReports = port.floodsReports
            ports.append(switchPort)
        }
        for (name, id) in bridge.switchPorts.sorted(by: { $0.key < $1.key }) where ids[name] == nil
        {
            model[bridge: bridge.index].macTable.flush(port: id, includingStatic: true)
            model[bridge: bridge.index].changeGroups { $0.flush(port: id) }
        }
        bridge.switchPorts = ids
        var normal = model[bridge: bridge.index].normal
        // What was learned on a port says nothing about the VLANs it is in now.
        for port in ports {
            if let before = normal.port(id: port.id), !before.learnsLike(port) {
                model[bridge: bridge.index].macTable.flush(port: port.id)
                model[bridge: bridge.index].changeGroups { $0.flush(port: port.id) }
            }
        }
        normal.setPorts(ports.sorted { $0.id < $1.id })
        let floodVLANs = VLANSet(bridge.wanted.floodVLANs)
        if normal.floodVLANs != floodVLANs { model[bridge: bridge.index].macTable.flush() }
        normal.floodVLANs = floodVLANs
        normal.forwardsReservedMulticast = bridge.wanted.forwardsReservedMulticast
        normal.setMirrors(mirrors(of: bridge))
        model[bridge: bridge.index].normal = normal
        configureGroups(bridge)
        model[bridge: bridge.index].macTable.configure(
            limit: bridge.wanted.macTableSize, ageing: .seconds(bridge.wanted.macAgeingSeconds))
        configureTables(of: bridge, now: now)
    }

    /// A patch port leads to the port that its peer option names, if that one names it back.
    private mutating func connectPatchPorts() {
        var patches: [String: (bridge: Int, number: PortNumber, peer: String?)] = [:]
        for (_, bridge) in bridges {
            for (name, interface) in bridge.interfaces {
                guard case .patch(let peer) = interface.kind else { continue }
                patches[name] = (bridge.index, interface.number, peer)
            }
        }
        for (name, patch) in patches.sorted(by: { $0.key < $1.key }) {
            let other = patch.peer.flatMap { patches[$0] }
            var attachment = BridgePort.Attachment.nowhere
            if let other, other.peer == name {
                attachment = .patch(bridge: other.bridge, port: other.number)
            } else {
                vports.errors[name] =
                    patch.peer.map { "No usable peer '\($0)' exists" }
                    ?? "a patch port needs options:peer"
            }
            model.setPort(
                BridgePort(
                    number: patch.number, name: name, attachment: attachment,
                    config: model[bridge: patch.bridge].port(patch.number)?.config ?? [],
                    spanning: model[bridge: patch.bridge].port(patch.number)?.spanning),
                bridge: patch.bridge)
        }
    }

    mutating func updateDatapathID(ofBridge name: String) {
        guard let bridge = bridges[name] else { return }
        let address = localAddress(of: bridge)
        bridges[name]?.datapathID = bridge.wanted.datapathID ?? address.bits
    }

    /// The bridge's own address: its local interface's, or one made from its name's place.
    func localAddress(of bridge: PresentBridge) -> MACAddress {
        if let text = bridge.wanted.hardwareAddress, let address = MACAddress(text) {
            return address
        }
        if let link = links[bridge.wanted.name] { return link.address }
        // Locally administered, until the interface is there.
        return MACAddress(bits: 0x0200_0000_0000 | bridge.wanted.uuid.low & 0xff_ffff_ffff)
    }
}
