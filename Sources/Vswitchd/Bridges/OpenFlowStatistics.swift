internal import DatabaseProtocol
internal import DatapathMessages
internal import OpenFlow
internal import Packets
internal import Pipeline
internal import Switching
internal import Timekeeping

// Features and statistics: the bridge as controllers and tools see it.
//
// Counters of rules live in two places: what upcalls have credited, and what cached flows have
// counted since the last dump. A request for them therefore waits for one more dump, so that what
// is answered adds up to what the ports have seen.

extension Vswitch {
    /// Answers a request, at once or when its counters are fresh.
    mutating func answer(
        _ request: StatisticsRequest, _ xid: UInt32, _ id: SessionID, now: Instant
    ) {
        switch request {
        case .flow, .aggregate, .table:
            guard datapath.isOpen else { break }
            let dump = startDump(now: now)
            sessions.byID[id]?.hold = .flowCounters(xid: xid, request, dump: dump)
            return
        case .port, .queue:
            guard datapath.isOpen else { break }
            listPorts()
            sessions.byID[id]?.hold = .portCounters(xid: xid, request, dump: datapath.portDump)
            return
        case .group:
            guard datapath.isOpen else { break }
            let dump = startDump(now: now)
            sessions.byID[id]?.hold = .flowCounters(xid: xid, request, dump: dump)
            return
        case .meter:
            guard datapath.isOpen, let name = sessions.byID[id]?.bridge,
                let index = bridges[name]?.index
            else { break }
            let sequence = requestMeterCounters(bridge: index)
            sessions.byID[id]?.hold = .meterCounters(xid: xid, request, sequence: sequence)
            releaseHold(id, now: now)
            return
        default: break
        }
        reply(to: request, xid, id, now: now)
    }

    mutating func reply(
        to request: StatisticsRequest, _ xid: UInt32, _ id: SessionID, now: Instant
    ) {
        guard let session = sessions.byID[id], let bridge = bridges[session.bridge] else { return }
        let answer = answer(request, bridge, session.version, now: now)
        send(OpenFlowMessage(xid: xid, .statisticsReply(answer, more: false)), to: id)
    }

    private func answer(
        _ request: StatisticsRequest, _ bridge: PresentBridge, _ version: OpenFlowVersion,
        now: Instant
    ) -> StatisticsReply {
        let tables = model[bridge: bridge.index].tables
        switch request {
        case .description:
            return .description(
                SwitchDescription(
                    manufacturer: product.manufacturer, hardware: product.hardware,
                    software: product.software, serialNumber: "None",
                    datapath: bridge.wanted.description ?? "None"))
        case .flow(let filter, let form):
            return .flow(tables.descriptions(matching: filter, now: now), form)
        case .aggregate(let filter, let form):
            let sum = tables.aggregate(matching: filter)
            return .aggregate(
                OpenFlow.AggregateStatistics(
                    packets: sum.packets, bytes: sum.bytes, flows: sum.flows), form)
        case .table:
            return .table(
                tables.tableStatistics().map {
                    OpenFlow.TableStatistics(
                        table: $0.table, name: tables.settings(of: $0.table).name,
                        activeEntries: $0.activeCount, lookups: $0.lookups, matches: $0.matches)
                })
        case .port(let number): return .port(portStatistics(bridge, number, now: now))
        case .portDescription(let port):
            let all = describePorts(of: bridge)
            return .portDescription(port.map { port in all.filter { $0.number == port } } ?? all)
        case .tableFeatures: return .tableFeatures(tableFeatures(tables))
        default: return self.answer(later: request, bridge, version, now: now)
        }
    }

    private func tableFeatures(_ tables: FlowTables) -> [TableFeatures] {
        let count = UInt8(Pipeline.Limits.toldTables)
        return (0..<count).map {
            TableFeatures(
                table: $0, name: tables.settings(of: $0).name,
                maxEntries: UInt32(Pipeline.Limits.rulesPerBridge), tableCount: count)
        }
    }

    func features(_ bridge: PresentBridge, _ version: OpenFlowVersion) -> SwitchFeatures {
        var capabilities: SwitchFeatures.Capabilities = [
            .flowStatistics, .tableStatistics, .portStatistics, .queueStatistics,
        ]
        capabilities.insert(version == .v10 ? .matchesARPAddresses : .groupStatistics)
        if version >= .v14 { capabilities.insert(.bundles) }
        return SwitchFeatures(
            datapathID: bridge.datapathID, tables: UInt8(Pipeline.Limits.toldTables),
            capabilities: capabilities,
            actions: version == .v10 ? SwitchFeatures.allActions10 : 0,
            ports: version < .v13 ? describePorts(of: bridge) : [])
    }

    func describePorts(of bridge: PresentBridge) -> [PortDescription] {
        bridge.interfacesByName.map { describe($0.interface, named: $0.name) }
            .sorted { $0.number < $1.number }
    }

    func describe(_ interface: PresentInterface, named name: String) -> PortDescription {
        let link = links[name]
        let isPatch = if case .patch = interface.kind { true } else { false }
        var state: PortDescription.State = []
        let isDown = interface.config.contains(.portDown)
        if isPatch || link?.hasCarrier == true && !isDown { state.insert(.live) } else {
            state.insert(.linkDown)
        }
        switch interface.spanning {
        case .learning: state.insert(.spanningLearn)
        case .forwarding: state.insert(.spanningForward)
        case .blocking: state.insert(.spanningBlock)
        // The rapid protocol's discarding is told as listening, as Open vSwitch does.
        case nil, .disabled, .listening, .discarding: break
        }
        var config = PortDescription.Config(rawValue: interface.config.rawValue)
        if !isPatch, link?.isUp != true { config.insert(.down) }
        let speed = (link?.bitsPerSecond).map { UInt32(clamping: $0 / 1000) } ?? 0
        return PortDescription(
            number: interface.number, address: link?.address ?? patchAddress(interface),
            name: name, config: config, state: state,
            current: speed == 10_000_000 ? [.gigabit10Full, .copper] : [],
            currentSpeedKilobits: speed)
    }

    /// An address for an interface that has none: locally administered, and always the same.
    private func patchAddress(_ interface: PresentInterface) -> MACAddress {
        MACAddress(bits: 0x0200_0000_0000 | interface.uuid.low & 0xff_ffff_ffff)
    }

    private func portStatistics(
        _ bridge: PresentBridge, _ number: PortNumber?, now: Instant
    ) -> [PortStatistics] {
        bridge.interfacesByName
            .filter { number == nil || number == PortNumber.none || $0.interface.number == number }
            .sorted { $0.interface.number < $1.interface.number }
            .map { name, interface in
                var statistics = PortStatistics(port: interface.number)
                statistics.durationNanoseconds =
                    max(now, interface.createdAt).nanosecondsSinceStart
                    - interface.createdAt.nanosecondsSinceStart
                guard let counters = vports.byName[name]?.statistics else { return statistics }
                statistics.rxPackets = counters.rxPackets
                statistics.txPackets = counters.txPackets
                statistics.rxBytes = counters.rxBytes
                statistics.txBytes = counters.txBytes
                statistics.rxDropped = counters.rxDropped
                statistics.txDropped = counters.txDropped
                statistics.rxErrors = counters.rxErrors
                statistics.txErrors = counters.txErrors
                statistics.rxFrameErrors = 0
                statistics.rxOverruns = 0
                statistics.rxChecksumErrors = 0
                statistics.collisions = 0
                return statistics
            }
    }
}
