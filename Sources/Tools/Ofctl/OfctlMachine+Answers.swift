import Flows
import OpenFlow
import Timekeeping

// What the switch answers, told to the user.

extension OfctlMachine {
    mutating func work(_ message: OpenFlowMessage, now: Instant) {
        switch message.body {
        case .error(let report): takeError(report, message.xid)
        case .featuresReply(let features) where message.xid == awaited:
            show(features, message.xid)
        case .getConfigReply(let config) where message.xid == awaited:
            let fragments = ["normal", "drop", "reassemble", "nx-match"][Int(config.fragments & 3)]
            put(
                headline("OFPT_GET_CONFIG_REPLY", message.xid)
                    + ": frags=\(fragments) miss_send_len=\(config.missSendLength)\n")
            finish()
        case .statisticsReply(let reply, let more) where message.xid == awaited:
            take(reply, more: more, message.xid)
        case .barrierReply where message.xid == awaited: finish()
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
            let reason = ["idle", "hard", "delete"][Int(removed.reason.rawValue)]
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
            awaited = send(.statisticsRequest(.portDescription))
        }
    }

    private mutating func askConfig() { awaited = send(.getConfigRequest) }

    private mutating func take(_ reply: StatisticsReply, more: Bool, _ xid: UInt32) {
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
                let line =
                    options.printsStatistics
                    ? FlowText.line(flow, dialect.version, ports)
                    : FlowText.lineWithoutStatistics(flow, dialect.version, ports)
                put(line + "\n")
            }
        case .aggregate(let value, let form):
            let kind = form == .nicira ? "NXST_AGGREGATE reply" : "OFPST_AGGREGATE reply"
            put(
                headline(kind, xid) + ": packet_count=\(value.packets) byte_count=\(value.bytes) "
                    + "flow_count=\(value.flows)\n")
        case .table(let some): tables += some
        case .port(let some): portStatistics += some
        case .portDescription(let some): portDescriptions += some
        case .queue, .tableFeatures, .group, .groupDescription, .groupFeatures, .meter,
            .meterConfig, .meterFeatures:
            break
        }
        guard !more else { return }
        tellCollected(reply, xid)
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
        case .port:
            put(
                headline("OFPST_PORT reply", xid) + ": \(portStatistics.count) ports\n"
                    + portStatistics.map { OfctlText.statistics($0, ports) }.joined())
        case .portDescription:
            let sorted = portDescriptions.sorted { $0.number < $1.number }
            put(
                headline("OFPST_PORT_DESC reply", xid) + ":\n"
                    + sorted.map { OfctlText.port($0, dialect.version) }.joined())
            if call.command == .show { return askConfig() }
        default: break
        }
        finish()
    }

    private mutating func takeEcho(_ data: [UInt8], _ xid: UInt32, now: Instant) {
        guard call.command == .ping else { return finish() }
        let microseconds = now.since(pingSentAt).nanosecondsClamped / 1000
        put(
            "\(data.count) bytes from \(call.target): xid=\(OfctlText.padded(xid)) "
                + "time=\(microseconds / 1000).\(microseconds % 1000 / 100) ms\n")
        if pingsSent < OfctlLimits.pings { ping(now: now) } else { finish() }
    }
}
