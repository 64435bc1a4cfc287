import DatabaseProtocol
import OpenFlow

// Answers as JSON: one object for each entry, numbers as numbers, matches and actions in the syntax
// of ovs-ofctl.

enum OfctlJSON {
    /// Counters may be more than a JSON integer of 64 bits with sign holds; then they are text.
    private static func number(_ value: some BinaryInteger) -> JSON {
        Int64(exactly: value).map { .integer($0) } ?? .string("\(value)")
    }

    private static func object(_ members: [(String, JSON)]) -> JSON {
        .object(JSONObject(members))
    }

    static func entries(
        of reply: StatisticsReply, _ version: OpenFlowVersion, _ ports: PortNames
    ) -> [JSON] {
        switch reply {
        case .flow(let flows, _): flows.map { flow($0, version, ports) }
        case .aggregate(let sum, _):
            [
                object([
                    ("packets", number(sum.packets)), ("bytes", number(sum.bytes)),
                    ("flows", number(sum.flows)),
                ])
            ]
        case .description(let value):
            [
                object([
                    ("manufacturer", .string(value.manufacturer)),
                    ("hardware", .string(value.hardware)), ("software", .string(value.software)),
                    ("serial_number", .string(value.serialNumber)),
                    ("datapath", .string(value.datapath)),
                ])
            ]
        case .table(let tables):
            tables.map {
                object([
                    ("table", number($0.table)), ("active", number($0.activeEntries)),
                    ("lookups", number($0.lookups)), ("matches", number($0.matches)),
                ])
            }
        case .port(let all): all.map { port($0, ports) }
        case .portDescription(let all):
            all.map {
                object([
                    ("port", number($0.number.rawValue)), ("name", .string($0.name)),
                    ("address", .string("\($0.address)")), ("config", number($0.config.rawValue)),
                    ("state", number($0.state.rawValue)),
                ])
            }
        default: later(reply, version, ports)
        }
    }

    private static func flow(
        _ flow: FlowDescription, _ version: OpenFlowVersion, _ ports: PortNames
    ) -> JSON {
        object([
            ("table", number(flow.table)), ("priority", number(flow.priority)),
            ("match", .string(FlowText.text(flow.match, ports))),
            ("actions", .string(FlowText.text(flow.instructions, version, ports))),
            ("cookie", .string("0x" + String(flow.cookie, radix: 16))),
            ("duration_ms", number(flow.durationNanoseconds / 1_000_000)),
            ("packets", number(flow.packets)), ("bytes", number(flow.bytes)),
            ("idle_timeout", number(flow.idleTimeout)), ("hard_timeout", number(flow.hardTimeout)),
            ("importance", number(flow.importance)),
        ])
    }

    private static func port(_ port: PortStatistics, _ ports: PortNames) -> JSON {
        object([
            ("port", .string(ports.text(port.port))), ("rx_packets", counter(port.rxPackets)),
            ("rx_bytes", counter(port.rxBytes)), ("rx_dropped", counter(port.rxDropped)),
            ("rx_errors", counter(port.rxErrors)), ("tx_packets", counter(port.txPackets)),
            ("tx_bytes", counter(port.txBytes)), ("tx_dropped", counter(port.txDropped)),
            ("tx_errors", counter(port.txErrors)),
        ])
    }

    private static func later(
        _ reply: StatisticsReply, _ version: OpenFlowVersion, _ ports: PortNames
    ) -> [JSON] {
        switch reply {
        case .group(let groups):
            groups.map {
                object([
                    ("group", number($0.group)), ("references", number($0.referenceCount)),
                    ("packets", number($0.total.packets)), ("bytes", number($0.total.bytes)),
                    (
                        "buckets",
                        .array($0.buckets.map { counts($0.packets, $0.bytes) })
                    ),
                ])
            }
        case .groupDescription(let groups):
            groups.map {
                object([
                    ("group", number($0.group)), ("type", .string($0.type.text)),
                    ("text", .string(GroupText.line($0, version, ports))),
                ])
            }
        case .meter(let meters):
            meters.map {
                object([
                    ("meter", number($0.meter)), ("flows", number($0.flowCount)),
                    ("packets", number($0.input.packets)), ("bytes", number($0.input.bytes)),
                    ("bands", .array($0.bands.map { counts($0.packets, $0.bytes) })),
                ])
            }
        case .meterConfig(let meters):
            meters.map { meter in
                object([
                    ("meter", number(meter.meter)),
                    (
                        "flags",
                        .array(
                            MeterText.flags.filter { meter.flags.contains($0.flag) }
                                .map { .string($0.name) })
                    ),
                    (
                        "bands",
                        .array(
                            meter.bands.map {
                                object([("rate", number($0.rate)), ("burst", number($0.burst))])
                            })
                    ),
                ])
            }
        default: last(reply, ports)
        }
    }

    private static func last(_ reply: StatisticsReply, _ ports: PortNames) -> [JSON] {
        switch reply {
        case .queue(let queues):
            queues.map {
                object([
                    ("port", .string(ports.text($0.port))), ("queue", number($0.queue)),
                    ("tx_packets", counter($0.txPackets)), ("tx_bytes", counter($0.txBytes)),
                    ("tx_errors", counter($0.txErrors)),
                ])
            }
        case .queueDescription(let queues): OfctlJSON.queues(queues, ports)
        case .groupFeatures(let features):
            [
                object([
                    ("types", number(features.types)),
                    ("capabilities", number(features.capabilities)),
                    ("max_groups", .array(features.maxGroups.map { number($0) })),
                    ("actions", .array(features.actions.map { number($0) })),
                ])
            ]
        case .meterFeatures(let features):
            [
                object([
                    ("max_meters", number(features.maxMeters)),
                    ("band_types", number(features.bandTypes)),
                    ("capabilities", number(features.capabilities.rawValue)),
                    ("max_bands", number(features.maxBands)),
                    ("max_colors", number(features.maxColors)),
                ])
            ]
        case .tableFeatures(let tables):
            tables.map {
                object([
                    ("table", number($0.table)), ("name", .string($0.name)),
                    ("max_entries", number($0.maxEntries)),
                ])
            }
        case .tableDescription(let tables):
            tables.map {
                object([("table", number($0.table)), ("eviction", .bool($0.evicts))])
            }
        default: []
        }
    }

    static func queues(_ queues: [QueueDescription], _ ports: PortNames) -> [JSON] {
        queues.map {
            object([
                ("port", .string(ports.text($0.port))), ("queue", number($0.queue)),
                ("min_rate", $0.minRate.map { number($0) } ?? .null),
                ("max_rate", $0.maxRate.map { number($0) } ?? .null),
            ])
        }
    }

    /// null: not known.
    private static func counter(_ value: UInt64) -> JSON {
        value == PortStatistics.unknown ? .null : number(value)
    }

    private static func counts(_ packets: UInt64, _ bytes: UInt64) -> JSON {
        object([("packets", number(packets)), ("bytes", number(bytes))])
    }
}
