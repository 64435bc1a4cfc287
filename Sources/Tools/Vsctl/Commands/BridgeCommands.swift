// Bridges: adding, deleting, listing. ovs-vsctl(8), "Bridge Commands".

import DatabaseProtocol

extension VsctlCommand {
    static let bridges = [
        VsctlCommand(
            "add-br", 1...3, "BRIDGE [PARENT VLAN]", options: ["--may-exist"], run: addBridge),
        VsctlCommand("del-br", 1...1, "BRIDGE", options: ["--if-exists"], run: deleteBridge),
        VsctlCommand(
            "list-br", 0...0, options: ["--real", "--fake"], prints: ["bridge"],
            run: listBridges),
        VsctlCommand("br-exists", 1...1, "BRIDGE", run: bridgeExists),
        VsctlCommand(
            "br-to-vlan", 1...1, "BRIDGE", prints: ["vlan"]
        ) { context throws(VsctlStop) in
            let vlan = try context.bridge(context.arguments[0]).vlan
            context.say(String(vlan), .integer(vlan))
        },
        VsctlCommand(
            "br-to-parent", 1...1, "BRIDGE", prints: ["bridge"]
        ) { context throws(VsctlStop) in
            let bridge = try context.bridge(context.arguments[0])
            context.say(bridge.parent ?? bridge.name, .string(bridge.parent ?? bridge.name))
        },
        VsctlCommand("br-set-external-id", 2...3, "BRIDGE KEY [VALUE]", run: setExternalID),
        VsctlCommand(
            "br-get-external-id", 1...2, "BRIDGE [KEY]", prints: ["key", "value"],
            run: getExternalIDs),
    ]

    @Sendable private static func addBridge(_ context: inout VsctlContext) throws(VsctlStop) {
        let arguments = context.arguments
        let name = arguments[0]
        guard !name.isEmpty else { throw .failure("bridge name must not be empty string") }
        guard arguments.count != 2 else {
            throw .failure("'add-br' command takes exactly 1 or 3 arguments")
        }
        guard arguments.count == 3 else {
            if try context.bridgeExists(name) { return }
            try context.refuseTakenName(name, for: "a bridge")
            context.insertBridge(name)
            return
        }
        let vlan = leadingNumber(arguments[2])
        guard (0...4095).contains(vlan) else {
            throw .failure("add-br: vlan must be between 0 and 4095")
        }
        if try context.fakeBridgeExists(name, parent: arguments[1], vlan) { return }
        try context.refuseTakenName(name, for: "a bridge")
        try context.insertFakeBridge(name, parent: arguments[1], vlan)
    }

    @Sendable private static func deleteBridge(_ context: inout VsctlContext) throws(VsctlStop) {
        let name = context.arguments[0]
        guard context.has("--if-exists") else {
            context.delete(try context.bridge(name))
            return
        }
        if let bridge = context.findBridge(name) { context.delete(bridge) }
    }

    @Sendable private static func listBridges(_ context: inout VsctlContext) throws(VsctlStop) {
        let (real, fake) = (context.has("--real"), context.has("--fake"))
        let topology = context.topology()
        for name in topology.bridges.keys.sortedByBytes() {
            let isFake = topology.bridges[name]?.parent != nil
            if real == fake || isFake == fake { context.say(name, .string(name)) }
        }
    }

    @Sendable private static func bridgeExists(_ context: inout VsctlContext) throws(VsctlStop) {
        guard context.findBridge(context.arguments[0]) != nil else {
            throw .exit(VsctlExit.noSuchBridge)
        }
    }

    /// The map of external IDs of a bridge. A fake bridge's are kept with its port, under keys that
    /// begin with `fake-bridge-`.
    private static func externalIDs(
        _ context: inout VsctlContext
    ) throws(VsctlStop) -> (row: RowKey, prefix: String) {
        let bridge = try context.bridge(context.arguments[0])
        var place = (row: bridge.row, prefix: "")
        if bridge.parent != nil, let port = context.topology().ports[bridge.name] {
            place = (port.row, "fake-bridge-")
        }
        context.draft.verify(place.row, "external_ids")
        return place
    }

    @Sendable private static func setExternalID(_ context: inout VsctlContext) throws(VsctlStop) {
        let (row, prefix) = try externalIDs(&context)
        var map = context.draft.read(row, "external_ids")
        let key = Atom.string(prefix + context.arguments[1])
        map[key] = context.arguments.count == 3 ? .string(context.arguments[2]) : nil
        context.draft.write(row, "external_ids", map)
    }

    @Sendable private static func getExternalIDs(_ context: inout VsctlContext) throws(VsctlStop) {
        let (row, prefix) = try externalIDs(&context)
        let map = context.draft.read(row, "external_ids")
        if context.arguments.count == 2 {
            if let value = map[prefix + context.arguments[1]] {
                context.say(value, .string(context.arguments[1]), .string(value))
            }
            return
        }
        for (key, value) in map.pairs {
            guard let key = key.string, let value = value.string, key.hasPrefix(prefix) else {
                continue
            }
            let own = String(key.dropFirst(prefix.count))
            context.say("\(own)=\(value)", .string(own), .string(value))
        }
    }
}

extension VsctlContext {
    /// `--may-exist`: whether the bridge is there already, and as real as was asked for.
    fileprivate mutating func bridgeExists(_ name: String) throws(VsctlStop) -> Bool {
        guard has("--may-exist"), let bridge = findBridge(name) else { return false }
        guard bridge.parent == nil else {
            throw .failure(
                "\"--may-exist add-br \(name)\" but \(name) is a VLAN bridge for VLAN "
                    + "\(bridge.vlan)")
        }
        return true
    }

    fileprivate mutating func fakeBridgeExists(
        _ name: String, parent: String, _ vlan: Int64
    ) throws(VsctlStop) -> Bool {
        guard has("--may-exist"), let bridge = findBridge(name) else { return false }
        let command = "\"--may-exist add-br \(name) \(parent) \(vlan)\" but \(name)"
        guard let present = bridge.parent else {
            throw .failure("\(command) is not a VLAN bridge")
        }
        guard present == parent else {
            throw .failure("\(command) has the wrong parent \(present)")
        }
        guard bridge.vlan == vlan else {
            throw .failure("\(command) is a VLAN bridge for the wrong VLAN \(bridge.vlan)")
        }
        return true
    }

    /// A bridge with its local port, which has its name.
    fileprivate mutating func insertBridge(_ name: String) {
        let port = insertLocalPort(name)
        let bridge = draft.insert(into: "Bridge")
        draft.write(bridge, "name", Datum(.string(name)))
        draft.write(bridge, "ports", Datum(port.name))
        var bridges = draft.read(root, "bridges")
        bridges.insert(bridge.name)
        draft.write(root, "bridges", bridges)
    }

    fileprivate mutating func insertFakeBridge(
        _ name: String, parent: String, _ vlan: Int64
    ) throws(VsctlStop) {
        guard let bridge = findBridge(parent) else {
            throw .failure("parent bridge \(parent) does not exist")
        }
        guard bridge.parent == nil else {
            throw .failure("cannot create bridge with fake bridge as parent")
        }
        if let other = topology().child(of: parent, vlan: vlan) {
            throw .failure(
                "bridge \(parent) already has a child VLAN bridge \(other) on VLAN \(vlan)")
        }
        let port = insertLocalPort(name)
        draft.write(port, "fake_bridge", Datum(.boolean(true)))
        draft.write(port, "tag", Datum(.integer(vlan)))
        attach(port, to: bridge.row)
    }

    private mutating func insertLocalPort(_ name: String) -> RowKey {
        let interface = draft.insert(into: "Interface")
        draft.write(interface, "name", Datum(.string(name)))
        draft.write(interface, "type", Datum(.string("internal")))
        newInterfaces.append(interface.name)
        let port = draft.insert(into: "Port")
        draft.write(port, "name", Datum(.string(name)))
        draft.write(port, "interfaces", Datum(interface.name))
        return port
    }

    mutating func attach(_ port: RowKey, to bridge: RowKey) {
        var ports = draft.read(bridge, "ports")
        ports.insert(port.name)
        draft.write(bridge, "ports", ports)
    }

    /// Deletes a port with its interfaces.
    mutating func delete(_ port: VsctlTopology.Port, of topology: VsctlTopology) {
        if let bridge = topology.bridges[port.bridge] {
            var ports = draft.read(bridge.row, "ports")
            ports.remove(port.row.name)
            draft.write(bridge.row, "ports", ports)
        }
        for interface in port.interfaces.compactMap({ topology.interfaces[$0] }) {
            draft.delete(interface.row)
        }
        draft.delete(port.row)
    }

    /// Deletes a bridge with its fake bridges and all their ports.
    fileprivate mutating func delete(_ bridge: VsctlTopology.Bridge) {
        let topology = topology()
        for child in bridge.children.compactMap({ topology.bridges[$0] }) { delete(child) }
        for port in bridge.ports.compactMap({ topology.ports[$0] }) { delete(port, of: topology) }
        guard bridge.parent == nil else { return }
        for set in draft.rows(of: "Flow_Sample_Collector_Set")
        where draft.read(set, "bridge").contains(bridge.row.name) {
            draft.delete(set)
        }
        draft.delete(bridge.row)
        var bridges = draft.read(root, "bridges")
        bridges.remove(bridge.row.name)
        draft.write(root, "bridges", bridges)
    }
}
