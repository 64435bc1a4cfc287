import Flows
import OpenFlow

// Commands that change the switch: rules, groups, meters, ports, tables; one by one or in a bundle.

extension OfctlMachine {
    /// One change, and how an error that answers it is told.
    private struct Change {
        var body: OpenFlowMessage.Body
        var text: String
    }

    mutating func askChange() throws(OfctlFailure) {
        switch call.command {
        case .change(let command, let lines):
            var mods: [FlowMod] = []
            for line in lines { mods.append(try flowMod(line, command, at: nil)) }
            for (number, line) in Self.lines(of: input) {
                let (command, rest) = Self.commandWord(line, usual: command)
                mods.append(try flowMod(rest, command, at: number))
            }
            try send(flowMods: mods)
        case .changeGroups(let command, let lines):
            var changes: [Change] = []
            for line in lines { changes.append(try groupMod(line, command, at: nil)) }
            for (number, line) in Self.lines(of: input) {
                let (command, rest) = Self.groupWord(line, usual: command)
                changes.append(try groupMod(rest, command, at: number))
            }
            try send(changes)
        case .changeMeters(let command, let lines):
            guard dialect.version >= .v13 else { throw needs(.v13, "meters") }
            var changes: [Change] = []
            for line in lines {
                do throws(FlowTextError) {
                    let mod = try MeterText.parse(line, command)
                    changes.append(
                        Change(body: .meterMod(mod), text: "OFPT_METER_MOD\n\(line)"))
                } catch {
                    throw OfctlFailure("\(error)")
                }
            }
            try send(changes)
        case .bundle: try sendBundleFile()
        case .changePort: awaited = askPorts()
        case .changeTable(let table, let setting): try changeTable(table, setting)
        case .changeTLVMap(let command, let mappings):
            try send([
                Change(
                    body: .tlvTableMod(TLVTableMod(command, mappings)), text: "NXT_TLV_TABLE_MOD")
            ])
        case .flushConntrack(let zone):
            let name = zone == nil ? "NXT_CT_FLUSH" : "NXT_CT_FLUSH_ZONE"
            try send([Change(body: .flushConntrack(zone: zone), text: name)])
        default: break
        }
    }

    // Lines.

    /// Lines that say something, numbered from 1, without what follows `#`.
    private static func lines(of input: String) -> [(number: Int, text: String)] {
        input.split(separator: "\n", omittingEmptySubsequences: false).enumerated().compactMap {
            let text = String($1.prefix { $0 != "#" })
            return text.contains { !$0.isWhitespace } ? ($0 + 1, text) : nil
        }
    }

    private func place(_ number: Int?) -> String {
        number.map { "\(call.inputPath ?? "-"):\($0): " } ?? ""
    }

    private func flowMod(
        _ line: String, _ command: FlowMod.Command, at number: Int?
    ) throws(OfctlFailure) -> FlowMod {
        do throws(FlowTextError) {
            return try FlowText.parse(line, command, ports)
        } catch {
            throw OfctlFailure("\(place(number))\(error)")
        }
    }

    private func groupMod(
        _ line: String, _ command: GroupMod.Command, at number: Int?
    ) throws(OfctlFailure) -> Change {
        if command == .insertBucket || command == .removeBucket,
            dialect.version > .v10, dialect.version < .v15
        {
            throw needs(.v15, "changing buckets")
        }
        do throws(FlowTextError) {
            let mod = try GroupText.parse(line, command, ports)
            return Change(body: .groupMod(mod), text: headlineless("GROUP_MOD") + "\n\(line)")
        } catch {
            throw OfctlFailure("\(place(number))\(error)")
        }
    }

    private func headlineless(_ kind: String) -> String {
        dialect.version == .v10 ? "NXT_\(kind)" : "OFPT_\(kind)"
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

    private static func groupWord(
        _ line: String, usual: GroupMod.Command
    ) -> (GroupMod.Command, String) {
        let words: [(String, GroupMod.Command)] = [
            ("add", .add), ("modify", .modify), ("add_or_mod", .addOrModify), ("delete", .delete),
            ("insert_bucket", .insertBucket), ("insert_buckets", .insertBucket),
            ("remove_bucket", .removeBucket), ("remove_buckets", .removeBucket),
        ]
        let text = line.drop { $0.isWhitespace }
        let first = text.prefix { !$0.isWhitespace }
        guard let found = words.first(where: { $0.0 == first }) else { return (usual, line) }
        return (found.1, String(text.dropFirst(first.count)))
    }

    // Sending.

    mutating func send(flowMods mods: [FlowMod]) throws(OfctlFailure) {
        for mod in mods {
            let lost = dialect.unsayable(mod)
            guard lost.isEmpty else {
                throw OfctlFailure(
                    "\(lost.joined(separator: ", ")) cannot be said in \(dialect.version.name); "
                        + "use a later version with -O")
            }
        }
        if mods.contains(where: dialect.needsTableID) {
            requests.append((send(.flowModTableID(true)), "NXT_FLOW_MOD_TABLE_ID"))
            dialect.namesTables = true
        }
        if mods.contains(where: dialect.needsExtendedMatch) {
            requests.append((send(.setFlowFormat(2)), "NXT_SET_FLOW_FORMAT"))
        }
        try send(
            mods.map { mod in
                let kind = dialect.needsExtendedMatch(mod) ? "NXT_FLOW_MOD" : "OFPT_FLOW_MOD"
                return Change(
                    body: .flowMod(mod),
                    text: kind + "\n" + FlowText.text(mod, dialect.version, ports))
            })
    }

    private mutating func send(_ changes: [Change]) throws(OfctlFailure) {
        guard call.options.usesBundle || call.command == .bundle else {
            for change in changes {
                let xid = send(change.body)
                requests.append((xid, told(change.text, xid)))
            }
            awaited = send(.barrierRequest)
            return
        }
        guard dialect.version >= .v13 else { throw needs(.v13, "--bundle") }
        let flags: BundleFlags = [.atomic, .ordered]
        requests.append(
            (
                send(.bundleControl(BundleControl(bundle: 0, kind: .openRequest, flags: flags))),
                "OFPT_BUNDLE_CONTROL"
            ))
        for change in changes {
            let xid = sendBundled(change.body, flags)
            requests.append((xid, told(change.text, xid)))
        }
        awaited = send(.bundleControl(BundleControl(bundle: 0, kind: .commitRequest, flags: flags)))
        requests.append((awaited, "OFPT_BUNDLE_CONTROL"))
    }

    /// The headline of the message that `text` is of, and `text`.
    private func told(_ text: String, _ xid: UInt32) -> String {
        let parts = text.split(separator: "\n", maxSplits: 1)
        guard parts.count == 2 else { return headline(text, xid) }
        return headline(String(parts[0]), xid) + ": " + parts[1]
    }

    /// `flow add …`, `group add …`, `packet-out …`, all in one bundle.
    private mutating func sendBundleFile() throws(OfctlFailure) {
        var changes: [Change] = []
        for (number, line) in Self.lines(of: input) {
            let text = line.drop { $0.isWhitespace }
            let word = text.prefix { !$0.isWhitespace }
            let rest = String(text.dropFirst(word.count))
            switch word {
            case "flow":
                let (command, flow) = Self.commandWord(rest, usual: .add)
                let mod = try flowMod(flow, command, at: number)
                changes.append(
                    Change(
                        body: .flowMod(mod),
                        text: "OFPT_FLOW_MOD\n" + FlowText.text(mod, dialect.version, ports)))
            case "group":
                let (command, group) = Self.groupWord(rest, usual: .add)
                changes.append(try groupMod(group, command, at: number))
            case "packet-out":
                guard
                    case .packetOut(let port, let actions, let packets) =
                        try OfctlCall.packetOut([rest])
                else { continue }
                for body in try packetOuts(port, actions, packets) {
                    changes.append(Change(body: body, text: "OFPT_PACKET_OUT"))
                }
            default:
                throw OfctlFailure(
                    "\(place(number))Unsupported bundle message type: \(word) (flow, group or "
                        + "packet-out)")
            }
        }
        try send(changes)
    }

    // Ports and tables.

    @discardableResult
    private mutating func askPorts() -> UInt32 {
        send(
            dialect.version == .v10
                ? .featuresRequest : .statisticsRequest(.portDescription(nil)))
    }

    /// The switch's ports are known: the change that `mod-port` wants.
    mutating func changePort(among all: [PortDescription]) {
        guard case .changePort(let name, let change) = call.command else { return }
        let number = PortNames.none.number(name)
        guard let port = all.first(where: { $0.name == name || $0.number == number }) else {
            return fail("\(call.target): couldn't find port `\(name)'")
        }
        let mod = PortMod(
            port: port.number, address: port.address, config: change.isSet ? change.bit : [],
            mask: change.bit)
        let xid = send(.portMod(mod))
        requests.append((xid, headline("OFPT_PORT_MOD", xid)))
        awaited = send(.barrierRequest)
    }

    private mutating func changeTable(
        _ table: UInt8?, _ setting: OfctlTableChange
    ) throws(OfctlFailure) {
        guard dialect.version >= .v11 else { throw needs(.v11, "mod-table") }
        var mod = TableMod(table: table)
        switch setting {
        case .miss(let miss):
            guard dialect.version < .v13 else {
                throw OfctlFailure(
                    "what happens to packets without a rule can be set in OpenFlow11 and "
                        + "OpenFlow12 only; use -O")
            }
            mod.miss = miss
        case .evict(let isOn):
            guard dialect.version >= .v14 else { throw needs(.v14, "eviction") }
            mod.evicts = isOn
        case .vacancy(let vacancy):
            guard dialect.version >= .v14 else { throw needs(.v14, "vacancy") }
            mod.vacancy = vacancy ?? .init(isOn: false)
        }
        try send([Change(body: .tableMod(mod), text: "OFPT_TABLE_MOD")])
    }

    // Replacing.

    /// The switch's rules are known: what makes them those of the file.
    mutating func replaceFlows() {
        do throws(OfctlFailure) {
            var wanted: [FlowDescription] = []
            for (number, line) in Self.lines(of: input) {
                wanted.append(FlowDescription(try flowMod(line, .add, at: number)))
            }
            let mods = OfctlDifference.changes(from: flows, to: wanted)
            flows = []
            try send(flowMods: mods)
        } catch {
            fail(error.description)
        }
    }
}
