import DatabaseProtocol
import Flows
import OpenFlow
import Timekeeping

// What the switch answers, told to the user.

extension OfctlMachine {
    mutating func work(_ message: OpenFlowMessage, now: Instant) {
        if call.command == .snoop { return put(OfctlSnoop.text(message, dialect.version, ports)) }
        switch message.body {
        case .error(let report): takeError(report, message.xid)
        case .featuresReply(let features) where message.xid == awaited:
            if case .changePort = call.command { return changePort(among: features.ports) }
            show(features, message.xid)
        case .getConfigReply(let config) where message.xid == awaited:
            takeConfig(config, message.xid)
        case .statisticsReply(let reply, let more) where message.xid == awaited:
            take(reply, more: more, message.xid)
        case .statisticsReply(.flowMonitor(let updates), _):
            guard case .monitor = call.command else { return }
            let prefix = dialect.version < .v13 ? "NXST" : "OFPST"
            let kind = "\(prefix)_FLOW_MONITOR reply"
            put(
                headline(kind, message.xid) + ":"
                    + updates.map { "\n " + OfctlText.update($0, dialect.version, ports) }.joined()
                    + "\n")
        case .queueConfigReply(_, let queues) where message.xid == awaited:
            put(
                call.options.printsJSON
                    ? JSON.array(OfctlJSON.queues(queues, ports)).text + "\n"
                    : headline("OFPT_QUEUE_GET_CONFIG_REPLY", message.xid) + ":"
                        + OfctlText.queueConfig(queues, ports))
            finish()
        case .tlvTableReply(let table) where message.xid == awaited:
            put(headline("NXT_TLV_TABLE_REPLY", message.xid) + ":\n" + OfctlText.table(table))
            finish()
        case .barrierReply where message.xid == awaited: finish()
        case .bundleControl where message.xid == awaited: finish()
        case .echoReply(let data) where message.xid == awaited:
            takeEcho(data, message.xid, now: now)
        case .packetIn(let packet):
            guard case .monitor = call.command else { return }
            let isNicira = dialect.packetInFormat == .nicira2
            let kind = isNicira ? "NXT_PACKET_IN2" : "OFPT_PACKET_IN"
            put(headline(kind, message.xid) + ":" + PacketInText.text(packet, ports))
        case .flowRemoved, .portStatus: tellNews(message)
        default: break
        }
    }

    private mutating func takeConfig(_ config: SwitchConfig, _ xid: UInt32) {
        let mode = OfctlUsage.fragmentModes[Int(config.fragments & 3)]
        switch call.command {
        case .getFragments:
            put(mode + "\n")
            finish()
        case .setFragments(let wanted):
            guard config.fragments != wanted else { return finish() }
            guard !hasHeadline else {
                return fail(
                    "\(call.target): setting fragment handling mode failed (this switch probably "
                        + "doesn't support mode \"\(OfctlUsage.fragmentModes[Int(wanted)])\")")
            }
            // Set, then asked again: a switch that does not have the mode says nothing.
            hasHeadline = true
            send(
                .setConfig(
                    SwitchConfig(fragments: wanted, missSendLength: config.missSendLength)))
            awaited = send(.getConfigRequest)
        default:
            put(
                headline("OFPT_GET_CONFIG_REPLY", xid)
                    + ": frags=\(mode) miss_send_len=\(config.missSendLength)\n")
            finish()
        }
    }

    private mutating func put(_ text: String) { effects.append(.tell(text)) }

    private mutating func tellNews(_ message: OpenFlowMessage) {
        guard case .monitor = call.command else { return }
        switch message.body {
        case .portStatus(let status):
            let reason = ["ADD", "DEL", "MOD"][Int(status.reason.rawValue)]
            put(
                headline("OFPT_PORT_STATUS", message.xid) + ": \(reason):"
                    + OfctlText.port(status.port, dialect.version))
        case .flowRemoved(let removed):
            let reason = OfctlText.reason(removed.reason)
            let match = FlowText.text(removed.flow.match, ports)
            put(
                headline("OFPT_FLOW_REMOVED", message.xid) + ": \(match) reason=\(reason) "
                    + "table_id=\(removed.flow.table) pkts\(removed.flow.packets) "
                    + "bytes\(removed.flow.bytes)\n")
        default: break
        }
    }

    private mutating func takeError(_ report: OpenFlowErrorReport, _ xid: UInt32) {
        // A 1.0 switch without Nicira's extension: its own statistics will do, and its own
        // packet-ins.
        if case .monitor = call.command {
            dialect.packetInFormat = .standard
            return
        }
        if let request = requests.first(where: { $0.xid == xid }), request.text.isEmpty {
            return askPlainly()
        }
        let request = requests.first { $0.xid == xid }?.text
        guard request != nil || xid == awaited else { return }
        effects.append(.complain(headline("OFPT_ERROR", xid) + ": \(report.name)\n"))
        if let request { effects.append(.complain(request + "\n")) }
        hasFailed = true
        if xid == awaited { finish() }
    }

    private mutating func askPlainly() {
        do throws(FlowTextError) {
            switch call.command {
            case .dumpFlows(let text):
                awaited = send(
                    .statisticsRequest(.flow(try FlowText.parseFilter(text, ports), .standard)))
            case .dumpAggregate(let text):
                awaited = send(
                    .statisticsRequest(
                        .aggregate(try FlowText.parseFilter(text, ports), .standard)))
            default: break
            }
        } catch {
            fail("\(error)")
        }
    }

    private mutating func show(_ features: SwitchFeatures, _ xid: UInt32) {
        put(
            headline("OFPT_FEATURES_REPLY", xid) + ": "
                + OfctlText.features(features, dialect.version))
        if dialect.version == .v10 {
            askConfig()
        } else {
            awaited = send(.statisticsRequest(.portDescription(nil)))
        }
    }

    private mutating func askConfig() { awaited = send(.getConfigRequest) }

    private mutating func take(_ reply: StatisticsReply, more: Bool, _ xid: UInt32) {
        switch (call.command, reply) {
        case (.replaceFlows, .flow(let some, _)), (.collectFlows, .flow(let some, _)):
            flows += some
            guard !more else { return }
            if call.command == .replaceFlows { replaceFlows() } else { finish() }
            return
        case (.changePort, .portDescription(let some)):
            portDescriptions += some
            if !more { changePort(among: portDescriptions) }
            return
        case (_, .flow(let some, _)) where !call.options.order.isEmpty:
            flows += some
            guard !more else { return }
            let sorted = OfctlOrder.sorted(flows, by: call.options.order)
            flows = []
            return tell(flows: sorted, reply, xid, isLast: true)
        default: break
        }
        if call.options.printsJSON {
            entries += OfctlJSON.entries(of: reply, dialect.version, ports)
            guard !more else { return }
            put(JSON.array(entries).text + "\n")
            return finish()
        }
        takeText(reply, more: more, xid)
    }

    /// Rules in their final order.
    private mutating func tell(
        flows sorted: [FlowDescription], _ reply: StatisticsReply, _ xid: UInt32, isLast: Bool
    ) {
        guard case .flow(_, let form) = reply else { return }
        let whole = StatisticsReply.flow(sorted, form)
        if call.options.printsJSON {
            put(JSON.array(OfctlJSON.entries(of: whole, dialect.version, ports)).text + "\n")
            return finish()
        }
        // As ovs-ofctl: sorted rules stand alone, without ages.
        hasHeadline = true
        for var flow in sorted {
            (flow.idleAgeSeconds, flow.hardAgeSeconds) = (nil, nil)
            put(line(flow) + "\n")
        }
        finish()
    }

    private func line(_ flow: FlowDescription) -> String {
        call.options.printsStatistics
            ? FlowText.line(flow, dialect.version, ports)
            : FlowText.lineWithoutStatistics(flow, dialect.version, ports)
    }

    private mutating func takeText(_ reply: StatisticsReply, more: Bool, _ xid: UInt32) {
        switch reply {
        case .description(let value):
            put(headline("OFPST_DESC reply", xid) + ":\n" + OfctlText.description(value))
        case .flow(let flows, let form):
            let options = call.options
            // As ovs-ofctl: with these options only the rules, and no ages.
            if options.printsNames || !options.printsStatistics {
                hasHeadline = true
            } else {
                putHeadline(form == .nicira ? "NXST_FLOW reply" : "OFPST_FLOW reply", xid)
            }
            for var flow in flows {
                if options.printsNames { (flow.idleAgeSeconds, flow.hardAgeSeconds) = (nil, nil) }
                put(line(flow) + "\n")
            }
        case .aggregate(let value, let form):
            let kind = form == .nicira ? "NXST_AGGREGATE reply" : "OFPST_AGGREGATE reply"
            put(
                headline(kind, xid) + ": packet_count=\(value.packets) byte_count=\(value.bytes) "
                    + "flow_count=\(value.flows)\n")
        case .table(let some): tables += some
        case .port(let some): portStatistics += some
        case .portDescription(let some): portDescriptions += some
        case .queue(let some): queues += some
        case .queueDescription(let some): queueDescriptions += some
        default: takeLater(reply, xid)
        }
        guard !more else { return }
        tellCollected(reply, xid)
    }

    private mutating func takeLater(_ reply: StatisticsReply, _ xid: UInt32) {
        let prefix = dialect.version == .v10 ? "NXST" : "OFPST"
        switch reply {
        case .group(let groups):
            putHeadline("\(prefix)_GROUP reply", xid)
            for group in groups { put(" " + GroupText.line(group) + "\n") }
        case .groupDescription(let groups):
            putHeadline("\(prefix)_GROUP_DESC reply", xid)
            for group in groups { put(" " + GroupText.line(group, dialect.version, ports) + "\n") }
        case .groupFeatures(let features):
            let prefix = dialect.version < .v12 ? "NXST" : "OFPST"
            putHeadline("\(prefix)_GROUP_FEATURES reply", xid)
            put(OfctlText.features(features))
        case .meter(let meters):
            putHeadline("OFPST_METER reply", xid)
            for meter in meters { put(MeterText.text(meter) + "\n") }
        case .meterConfig(let meters):
            putHeadline("OFPST_METER_CONFIG reply", xid)
            for meter in meters { put(MeterText.text(meter) + "\n") }
        case .meterFeatures(let features):
            putHeadline("OFPST_METER_FEATURES reply", xid)
            put(OfctlText.features(features))
        case .tableDescription(let tables):
            putHeadline("OFPST_TABLE_DESC reply", xid)
            for table in tables { put(OfctlText.settings(table)) }
        case .tableFeatures(let tables):
            putHeadline("OFPST_TABLE_FEATURES reply", xid)
            for table in tables {
                put("  table \(table.table) (\"\(table.name)\"): max_entries=\(table.maxEntries)\n")
            }
        default: break
        }
    }

    private mutating func putHeadline(_ kind: String, _ xid: UInt32) {
        if !hasHeadline { put(headline(kind, xid) + ":\n") }
        hasHeadline = true
    }

    /// The answer is complete.
    private mutating func tellCollected(_ reply: StatisticsReply, _ xid: UInt32) {
        switch reply {
        case .table:
            put(
                headline("OFPST_TABLE reply", xid) + ":\n"
                    + OfctlText.tables(tables, dialect.version))
        case .queue:
            put(
                headline("OFPST_QUEUE reply", xid) + ": \(queues.count) queues\n"
                    + queues.map { OfctlText.statistics($0, ports) }.joined())
        case .queueDescription:
            put(
                headline("OFPST_QUEUE_DESC reply", xid) + ":"
                    + OfctlText.queueConfig(queueDescriptions, ports))
        case .port:
            put(
                headline("OFPST_PORT reply", xid) + ": \(portStatistics.count) ports\n"
                    + portStatistics.map { OfctlText.statistics($0, ports) }.joined())
        case .portDescription:
            let sorted = portDescriptions.sorted { $0.number < $1.number }
                .filter { chosenPort == nil || $0.number == chosenPort }
            put(
                headline("OFPST_PORT_DESC reply", xid) + ":\n"
                    + sorted.map { OfctlText.port($0, dialect.version) }.joined())
            if call.command == .show { return askConfig() }
        default: break
        }
        finish()
    }

    private mutating func takeEcho(_ data: [UInt8], _ xid: UInt32, now: Instant) {
        if case .benchmark(_, let count) = call.command {
            if pingsSent == 1 { benchmarkStartedAt = pingSentAt }
            guard pingsSent >= count else { return ping(now: now) }
            let milliseconds = max(now.since(benchmarkStartedAt).nanosecondsClamped / 1_000_000, 1)
            put(
                "Finished.  Took \(milliseconds) ms, "
                    + "\(count * 1000 / Int(milliseconds)) packets/s, "
                    + "\(count * data.count * 1000 / Int(milliseconds)) bytes/s.\n")
            return finish()
        }
        guard call.command == .ping else { return finish() }
        let microseconds = now.since(pingSentAt).nanosecondsClamped / 1000
        put(
            "\(data.count) bytes from \(call.target): xid=\(OfctlText.padded(xid)) "
                + "time=\(microseconds / 1000).\(microseconds % 1000 / 100) ms\n")
        if pingsSent < OfctlLimits.pings { ping(now: now) } else { finish() }
    }
}
