internal import DatabaseProtocol
internal import DatabaseReplica
internal import DatapathMessages
internal import OpenFlow
internal import Packets
internal import Pipeline
internal import Switching
internal import Timekeeping

// What the database is told: numbers, addresses, errors, counters, and which configuration is in
// force.
//
// Every value is derived from the present state each time and compared with what the replica shows;
// only differences are written. So nothing has to remember what it reported, and a database that
// was restarted (and forgot the ephemeral columns) is told again by itself.

struct Reports {
    /// Something may differ.
    var isDue = false
    /// The transaction that is under way; the next waits for its outcome.
    var pending: TransactionID?
    /// When counters are written next.
    var nextStatistics: Instant?
    /// A report that was refused is not repeated until something changes.
    var refusal: String?

    /// The counters that were last read for the database.
    var statisticsDump: UInt64 = 0

    var deadline: Instant? { nextStatistics }
}

extension Vswitch {
    mutating func finished(_ id: TransactionID, _ outcome: TransactionOutcome, now: Instant) {
        guard id == reports.pending else { return }
        reports.pending = nil
        switch outcome {
        case .committed: reports.refusal = nil
        case .tryAgain, .unknown: reports.isDue = true
        case .notOwner: log(.warning, "ovsdb", "the lock ovs_vswitchd was lost")
        case .refused(let name, let details, _):
            log(.error, "ovsdb", "the database refuses our report: \(name) \(details)")
        }
    }

    /// Writes what differs, one transaction at a time.
    mutating func report(now: Instant) {
        readStatistics(now: now)
        guard reports.isDue, reports.pending == nil, replica.isSynchronised, replica.holdsLock,
            configuration != nil, let root = replica.root(of: OpenVSwitchColumns.self)
        else { return }
        reports.isDue = false
        spanningClock.lastReport = now
        var transaction = TransactionBuilder(database: "Open_vSwitch")
        transaction.assert(lock: "ovs_vswitchd")
        for (row, values) in reportedRows(root.row) {
            guard let row else { continue }
            let different = RowValues(values.filter { row[$0.0] != $0.1 })
            if !different.isEmpty { transaction.update(row, different) }
        }
        guard !transaction.changesNothing, let sent = replica.transact(transaction) else { return }
        reports.pending = sent.id
        follow(sent.effects, now: now)
    }

    private mutating func readStatistics(now: Instant) {
        guard datapath.isOpen, datapath.knowsPorts else { return }
        if let due = reports.nextStatistics, now < due { return }
        reports.nextStatistics = now + BridgeLimits.statisticsPause
        listPorts()
        effects.append(.watchLinks(watchedLinks))
    }

    private func reportedRows(
        _ root: ReplicaRow
    ) -> [(ReplicaRow?, [(String, Datum)])] {
        var rows: [(ReplicaRow?, [(String, Datum)])] = []
        for (_, bridge) in bridges.sorted(by: { $0.key < $1.key }) {
            rows.append((replica.row("Bridge", bridge.wanted.uuid), reported(bridge)))
            for (name, interface) in bridge.interfacesByName {
                rows.append(
                    (replica.row("Interface", interface.uuid), reported(interface, name, bridge)))
            }
            for (_, aggregation) in bridge.aggregations.sorted(by: { $0.key < $1.key }) {
                let port = replica.row("Port", aggregation.wanted.uuid)
                rows.append((port, reported(aggregation, bridge)))
            }
            for mirror in bridge.wanted.mirrors {
                rows.append((replica.row("Mirror", mirror.uuid), reported(mirror, bridge)))
            }
            for port in bridge.wanted.ports {
                let row = replica.row("Port", port.uuid)
                rows.append((row, reportedSpanning(port, bridge)))
            }
            for controller in bridge.wanted.controllers {
                rows.append((replica.row("Controller", controller.uuid), reported(controller)))
            }
        }
        rows.append(
            (
                root,
                [
                    OpenVSwitchColumns.setting(\.currentConfiguration, configuration ?? 0),
                    OpenVSwitchColumns.setting(\.datapathTypes, ["netdev", "system"]),
                    OpenVSwitchColumns.setting(
                        \.ifaceTypes, ["bond", "internal", "patch", "system", "veth", "vlan"]),
                ]
            ))
        return rows
    }

    private func reported(_ bridge: PresentBridge) -> [(String, Datum)] {
        [
            BridgeColumns.setting(\.datapathID, hexadecimal(bridge.datapathID, digits: 16)),
            BridgeColumns.setting(\.datapathVersion, product.software),
        ] + reportedSpanning(bridge)
    }

    /// A mirror that lacks a destination copies nothing and has no counters.
    private func reported(
        _ mirror: WantedMirror, _ bridge: PresentBridge
    ) -> [(String, Datum)] {
        guard let id = bridge.mirrors[mirror.uuid] else {
            return [MirrorColumns.setting(\.statistics, ColumnMap([]))]
        }
        let counters = model[bridge: bridge.index].mirrorCounters[id] ?? .init()
        let counts = [("tx_bytes", counters.bytes), ("tx_packets", counters.packets)]
        let map = ColumnMap(counts.map { ($0.0, Int64(clamping: $0.1)) })
        return [MirrorColumns.setting(\.statistics, map)]
    }

    private func reported(_ controller: WantedController) -> [(String, Datum)] {
        let isConnected = sessions.isConnected(controller: controller.uuid)
        return [
            ControllerColumns.setting(\.isConnected, isConnected),
            ControllerColumns.setting(\.role, isConnected ? "other" : nil),
        ]
    }

    private func reported(
        _ interface: PresentInterface, _ name: String, _ bridge: PresentBridge
    ) -> [(String, Datum)] {
        let isPatch = if case .patch = interface.kind { true } else { false }
        let error = vports.errors[name]
        let works = isPatch || interface.vport != nil
        let link = links[name]
        let port: Int64 = works ? Int64(interface.number.databaseNumber) : -1
        var values: [(String, Datum)] = [
            InterfaceColumns.setting(\.ofport, port),
            InterfaceColumns.setting(\.error, error),
            InterfaceColumns.setting(\.macInUse, link.map { "\($0.address)" }),
            InterfaceColumns.setting(\.ifindex, Int64(link?.index ?? 0)),
            InterfaceColumns.setting(\.mtu, link.map { Int64($0.mtu) }),
            InterfaceColumns.setting(\.adminState, state(isPatch ? true : link?.isUp)),
            InterfaceColumns.setting(\.linkState, state(isPatch ? true : link?.hasCarrier)),
            InterfaceColumns.setting(
                \.linkSpeed, (link?.bitsPerSecond).map { Int64(clamping: $0) }),
        ]
        if let vport = vports.byName[name], interface.vport != nil {
            values.append(InterfaceColumns.setting(\.statistics, statistics(vport)))
        }
        let member = bridge.aggregations.values.lazy
            .compactMap { $0.lacp?.member(interface.number.rawValue) }.first
        let isCurrent = member.map { $0.status != .defaulted }
        values.append(InterfaceColumns.setting(\.lacpCurrent, isCurrent))
        return values
    }

    /// An address that is not known (the first member is not there yet) does not replace the one
    /// that was.
    private func reported(
        _ aggregation: Aggregation, _ bridge: PresentBridge
    ) -> [(String, Datum)] {
        guard let bond = model[bridge: bridge.index].bonds[aggregation.port],
            bond.activeAddress != .zero
        else { return [] }
        return [PortColumns.setting(\.bondActiveSlave, "\(bond.activeAddress)")]
    }

    private func state(_ isUp: Bool?) -> String? { isUp.map { $0 ? "up" : "down" } }

    private func statistics(_ vport: Vport) -> ColumnMap<String, Int64> {
        let s = vport.statistics
        let counts: [(String, UInt64)] = [
            ("collisions", 0), ("rx_bytes", s.rxBytes), ("rx_crc_err", 0),
            ("rx_dropped", s.rxDropped), ("rx_errors", s.rxErrors), ("rx_frame_err", 0),
            ("rx_over_err", 0), ("rx_packets", s.rxPackets), ("tx_bytes", s.txBytes),
            ("tx_dropped", s.txDropped), ("tx_errors", s.txErrors), ("tx_packets", s.txPackets),
        ]
        return ColumnMap(counts.map { ($0.0, Int64(clamping: $0.1)) })
    }
}

// Interfaces of Linux.

extension Vswitch {
    /// Asks to be told of the interfaces that the bridges use.
    mutating func watchLinks() {
        watchedLinks = wanted.vports.map(\.name)
        effects.append(.watchLinks(watchedLinks))
    }

    /// An interface that comes back is attached again without a command; one that went away, or
    /// that is now another one of the same name, is let go.
    mutating func linksChanged(_ facts: [String: LinkFact], now: Instant) {
        let before = links
        links = facts
        guard facts != before else { return }
        reports.isDue = true
        // Before anything else: packets are being lost.
        if bridges.contains(where: { !$0.value.aggregations.isEmpty }) {
            runAggregations(now: now)
        }
        spanningClock.mustDescribe()
        runSpanningTreesIfDue(now: now)
        updateLiveness()
        for name in bridges.keys.sorted() { updateDatapathID(ofBridge: name) }
        tellLinkChanges(before: before, now: now)
        var mustReconfigure = false
        for (name, kind) in wanted.vports where kind == .netdev {
            if letGoIfStranger(name) {
                mustReconfigure = true
            } else if vports.byName[name] == nil, facts[name] != nil,
                facts[name]?.index != before[name]?.index
            {
                mustReconfigure = true
            }
            if facts[name] == nil, before[name] != nil, madeLinks.present[name] != nil {
                // Somebody removed what a row asks for: it is made again.
                madeLinks.present[name] = nil
                mustReconfigure = true
            }
        }
        if mustReconfigure { reconfigure(now: now) }
    }

    /// Detaches a port whose interface is gone, or is now another one of the same name.
    private mutating func letGoIfStranger(_ name: String) -> Bool {
        guard let port = vports.byName[name], port.interfaceIndex != 0,
            links[name]?.index != port.interfaceIndex
        else { return false }
        log(.info, "bridge", "interface \(name) went away")
        detach(name)
        return true
    }

    /// A port that was just attached may stand on an interface that has been replaced since: then
    /// it is attached again.
    mutating func checkAttached(_ name: String) {
        guard links[name] != nil, letGoIfStranger(name) else { return }
        attachMissing()
    }
}
