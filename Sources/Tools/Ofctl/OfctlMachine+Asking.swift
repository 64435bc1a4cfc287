import Flows
import OpenFlow
import Timekeeping

// What each command asks of the switch.

extension OfctlMachine {
    mutating func ask() throws(OfctlFailure) {
        switch call.command {
        case .show: awaited = send(.featuresRequest)
        case .dumpDescription: awaited = send(.statisticsRequest(.description))
        case .dumpTables: awaited = send(.statisticsRequest(.table))
        case .dumpPortDescriptions(let port):
            chosenPort = try port.map(portNumber)
            awaited = send(.statisticsRequest(.portDescription(nil)))
        case .dumpPorts(let name):
            awaited = send(.statisticsRequest(.port(try name.map(portNumber))))
        case .dumpFlows(let text):
            let filter = try filter(text)
            awaited = send(.statisticsRequest(.flow(filter, wantedForm())))
        case .dumpAggregate(let text):
            let filter = try filter(text)
            awaited = send(.statisticsRequest(.aggregate(filter, wantedForm())))
        case .dumpTableDescriptions:
            guard dialect.version >= .v14 else { throw needs(.v14, "dump-table-desc") }
            awaited = send(.statisticsRequest(.tableDescription))
        case .dumpTableFeatures: awaited = send(.statisticsRequest(.tableFeatures))
        case .queueStatistics(let name, let queue):
            awaited = send(.statisticsRequest(.queue(try name.map(portNumber), queue: queue)))
        case .queueConfig(let name):
            let port = try name.map(portNumber)
            awaited = send(
                dialect.version >= .v14
                    ? .statisticsRequest(.queueDescription(port, queue: nil))
                    : .queueConfigRequest(port))
        case .dumpGroups(let group): awaited = send(.statisticsRequest(.groupDescription(group)))
        case .dumpGroupStatistics(let group): awaited = send(.statisticsRequest(.group(group)))
        case .dumpGroupFeatures: awaited = send(.statisticsRequest(.groupFeatures))
        case .dumpMeters(let meter): try askMeters(.meterConfig(meter))
        case .meterStatistics(let meter): try askMeters(.meter(meter))
        case .meterFeatures: try askMeters(.meterFeatures)
        case .dumpExporter(let byFlow):
            awaited = send(.statisticsRequest(.exporter(byFlow: byFlow)))
        case .dumpTLVMap: awaited = send(.tlvTableRequest)
        case .getFragments: awaited = send(.getConfigRequest)
        case .setFragments: awaited = send(.getConfigRequest)
        case .replaceFlows, .collectFlows:
            awaited = send(.statisticsRequest(.flow(FlowFilter(), wantedForm())))
        case .packetOut(let port, let actions, let packets):
            try packetOut(port, actions, packets)
        case .probe: awaited = send(.echoRequest([]))
        case .ping, .benchmark, .snoop: break
        case .monitor(let length, let watch):
            send(.setConfig(SwitchConfig(missSendLength: length ?? .max)))
            send(.setPacketInFormat(.nicira2))
            dialect.packetInFormat = .nicira2
            try monitorFlows(watch)
        default: try askChange()
        }
    }

    func needs(_ version: OpenFlowVersion, _ what: String) -> OfctlFailure {
        OfctlFailure(
            "\(what) needs \(version.name) or later, and the switch and the options allow "
                + "\(dialect.version.name)")
    }

    private mutating func askMeters(_ request: StatisticsRequest) throws(OfctlFailure) {
        guard dialect.version >= .v13 else { throw needs(.v13, "meters") }
        awaited = send(.statisticsRequest(request))
    }

    /// `watch:[!]initial,[!]add,…,table=N,out_port=PORT,FIELDS`.
    private mutating func monitorFlows(_ texts: [String]) throws(OfctlFailure) {
        let known: [(String, FlowMonitorRequest.Flags)] = [
            ("initial", .initial), ("add", .add), ("delete", .delete), ("modify", .modify),
            ("actions", .actions), ("own", .noAbbreviation),
        ]
        var requests: [FlowMonitorRequest] = []
        for (index, text) in texts.enumerated() {
            var flags: FlowMonitorRequest.Flags = [
                .initial, .add, .delete, .modify, .actions, .noAbbreviation,
            ]
            var rest: [Substring] = []
            for word in text.split(separator: ",") {
                let isOff = word.hasPrefix("!")
                let name = isOff ? word.dropFirst() : word
                if let flag = known.first(where: { $0.0 == name })?.1 {
                    if isOff { flags.remove(flag) } else { flags.insert(flag) }
                } else {
                    rest.append(word)
                }
            }
            // 1.4 tells its own changes in full only by another flag.
            if dialect.version >= .v14 { flags.remove(.noAbbreviation) }
            requests.append(
                FlowMonitorRequest(
                    id: UInt32(index), flags: flags,
                    filter: try filter(rest.joined(separator: ","))))
        }
        if !requests.isEmpty { send(.statisticsRequest(.flowMonitor(requests))) }
    }

    func portNumber(_ name: String) throws(OfctlFailure) -> PortNumber {
        guard let port = ports.number(name) else {
            throw OfctlFailure("\(call.target): couldn't find port `\(name)'")
        }
        return port
    }

    private func filter(_ text: String) throws(OfctlFailure) -> FlowFilter {
        do throws(FlowTextError) {
            return try FlowText.parseFilter(text, ports)
        } catch {
            throw OfctlFailure("\(error)")
        }
    }

    /// 1.0's own flow statistics cannot tell all matches: ask for Nicira's first.
    mutating func wantedForm() -> FlowForm {
        guard dialect.version == .v10 else { return .standard }
        requests.append((send(.setFlowFormat(2)), ""))
        return .nicira
    }

    private mutating func packetOut(
        _ portName: String, _ actionText: String, _ packets: [String]
    ) throws(OfctlFailure) {
        for body in try packetOuts(portName, actionText, packets) {
            let xid = send(body)
            requests.append((xid, headline("OFPT_PACKET_OUT", xid)))
        }
        awaited = send(.barrierRequest)
    }

    func packetOuts(
        _ portName: String, _ actionText: String, _ packets: [String]
    ) throws(OfctlFailure) -> [OpenFlowMessage.Body] {
        guard let port = ports.number(portName) else {
            throw OfctlFailure("\(portName) is not a valid OpenFlow port")
        }
        let actions: [Action]
        do throws(FlowTextError) {
            actions = try FlowText.parseActions(actionText, ports)
        } catch {
            throw OfctlFailure("\(error)")
        }
        var bodies: [OpenFlowMessage.Body] = []
        for packet in packets {
            guard let bytes = Self.bytes(packet), bytes.count >= 14 else {
                throw OfctlFailure("\(packet): not an Ethernet frame in hexadecimal")
            }
            bodies.append(.packetOut(PacketOut(inPort: port, actions: actions, bytes: bytes)))
        }
        return bodies
    }

    static func bytes(_ text: String) -> [UInt8]? {
        let digits = Array(text.utf8.filter { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: ":") })
        guard digits.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            let pair = String(decoding: digits[index..<(index + 2)], as: UTF8.self)
            guard pair.first != "+", pair.first != "-", let byte = UInt8(pair, radix: 16) else {
                return nil
            }
            bytes.append(byte)
        }
        return bytes
    }

    mutating func ping(now: Instant) {
        pingsSent += 1
        pingSentAt = now
        let seed = UInt8(truncatingIfNeeded: pingsSent)
        var byteCount = OfctlLimits.pingByteCount
        if case .benchmark(let wanted, _) = call.command { byteCount = wanted }
        let data = (0..<byteCount).map { UInt8(truncatingIfNeeded: $0) ^ seed }
        awaited = send(.echoRequest(data))
    }

    /// `OFPST_FLOW reply (OF1.3) (xid=0x2)`.
    func headline(_ kind: String, _ xid: UInt32) -> String {
        let version =
            dialect.version == .v10 ? "" : " (OF1.\(dialect.version.rawValue - 1))"
        return "\(kind)\(version) (xid=0x\(String(xid, radix: 16)))"
    }
}
