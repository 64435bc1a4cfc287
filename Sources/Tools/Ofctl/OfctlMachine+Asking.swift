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
        case .dumpPortDescriptions: awaited = send(.statisticsRequest(.portDescription))
        case .dumpPorts(let name):
            awaited = send(.statisticsRequest(.port(try name.map(portNumber))))
        case .dumpFlows(let text):
            let filter = try filter(text)
            awaited = send(.statisticsRequest(.flow(filter, wantedForm())))
        case .dumpAggregate(let text):
            let filter = try filter(text)
            awaited = send(.statisticsRequest(.aggregate(filter, wantedForm())))
        case .change(let command, let lines): try change(command, lines)
        case .packetOut(let port, let actions, let packets):
            try packetOut(port, actions, packets)
        case .probe: awaited = send(.echoRequest([]))
        case .ping: break
        case .monitor(let length):
            send(.setConfig(SwitchConfig(missSendLength: length ?? .max)))
            send(.setPacketInFormat(.nicira2))
            dialect.packetInFormat = .nicira2
        }
    }

    private func portNumber(_ name: String) throws(OfctlFailure) -> PortNumber {
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
    private mutating func wantedForm() -> FlowForm {
        guard dialect.version == .v10 else { return .standard }
        requests.append((send(.setFlowFormat(2)), ""))
        return .nicira
    }

    private mutating func change(
        _ command: FlowMod.Command, _ lines: [String]
    ) throws(OfctlFailure) {
        var mods: [FlowMod] = []
        for line in lines { mods.append(try flowMod(line, command, at: nil)) }
        for (index, line) in input.split(
            separator: "\n", omittingEmptySubsequences: false
        ).enumerated() {
            let text = String(line.prefix { $0 != "#" })
            guard text.contains(where: { !$0.isWhitespace }) else { continue }
            let (command, rest) = Self.commandWord(text, usual: command)
            mods.append(try flowMod(rest, command, at: index + 1))
        }
        for mod in mods {
            let lost = dialect.unsayable(mod)
            guard lost.isEmpty else {
                throw OfctlFailure(
                    "\(lost.joined(separator: ", ")) cannot be said in \(dialect.version.name); "
                        + "use -O OpenFlow13")
            }
        }
        if mods.contains(where: dialect.needsTableID) {
            requests.append((send(.flowModTableID(true)), "NXT_FLOW_MOD_TABLE_ID"))
            dialect.namesTables = true
        }
        if mods.contains(where: dialect.needsExtendedMatch) {
            requests.append((send(.setFlowFormat(2)), "NXT_SET_FLOW_FORMAT"))
        }
        for mod in mods {
            let kind = dialect.needsExtendedMatch(mod) ? "NXT_FLOW_MOD" : "OFPT_FLOW_MOD"
            let xid = send(.flowMod(mod))
            requests.append(
                (xid, headline(kind, xid) + ": " + FlowText.text(mod, dialect.version, ports)))
        }
        awaited = send(.barrierRequest)
    }

    private func flowMod(
        _ line: String, _ command: FlowMod.Command, at number: Int?
    ) throws(OfctlFailure) -> FlowMod {
        do throws(FlowTextError) {
            return try FlowText.parse(line, command, ports)
        } catch {
            let place = number.map { "\(call.inputPath ?? "-"):\($0): " } ?? ""
            throw OfctlFailure("\(place)\(error)")
        }
    }

    /// A line of a file may begin with what to do, as in Open vSwitch's bundles.
    private static func commandWord(
        _ line: String, usual: FlowMod.Command
    ) -> (FlowMod.Command, String) {
        let words: [(String, FlowMod.Command)] = [
            ("add", .add), ("modify", .modify), ("modify_strict", .modifyStrict),
            ("delete", .delete), ("delete_strict", .deleteStrict),
        ]
        let text = line.drop { $0.isWhitespace }
        let first = text.prefix { !$0.isWhitespace }
        guard let found = words.first(where: { $0.0 == first }) else { return (usual, line) }
        return (found.1, String(text.dropFirst(first.count)))
    }

    private mutating func packetOut(
        _ portName: String, _ actionText: String, _ packets: [String]
    ) throws(OfctlFailure) {
        guard let port = ports.number(portName) else {
            throw OfctlFailure("\(portName) is not a valid OpenFlow port")
        }
        let actions: [Action]
        do throws(FlowTextError) {
            actions = try FlowText.parseActions(actionText, ports)
        } catch {
            throw OfctlFailure("\(error)")
        }
        for packet in packets {
            guard let bytes = Self.bytes(packet), bytes.count >= 14 else {
                throw OfctlFailure("\(packet): not an Ethernet frame in hexadecimal")
            }
            let xid = send(.packetOut(PacketOut(inPort: port, actions: actions, bytes: bytes)))
            requests.append((xid, headline("OFPT_PACKET_OUT", xid)))
        }
        awaited = send(.barrierRequest)
    }

    private static func bytes(_ text: String) -> [UInt8]? {
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
        let data = (0..<OfctlLimits.pingByteCount).map { UInt8($0) ^ seed }
        awaited = send(.echoRequest(data))
    }

    /// `OFPST_FLOW reply (OF1.3) (xid=0x2)`.
    func headline(_ kind: String, _ xid: UInt32) -> String {
        let version = dialect.version == .v13 ? " (OF1.3)" : ""
        return "\(kind)\(version) (xid=0x\(String(xid, radix: 16)))"
    }
}
