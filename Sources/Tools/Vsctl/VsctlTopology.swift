// Bridges, ports and interfaces by name, as commands such as `add-port` think of them.
//
//     Bridge br0 ── ports: eth0, br0, vlan7 (fake bridge, tag 7) ── of vlan7: eth7 (tag 7)
//
// A *fake* bridge is a port with `fake_bridge` and a tag: it behaves as a bridge of its own whose
// ports are those of its parent with the same tag. ovs-vsctl(8), "Bridge Commands".

import DatabaseProtocol
import DatabaseReplica

struct VsctlTopology {
    struct Bridge {
        let name: String
        /// The row of the bridge itself or, for a fake one, of its parent.
        let row: RowKey
        /// `nil` for a real bridge.
        var parent: String?
        var vlan: Int64 = 0
        /// Names of its ports, its own local port included.
        var ports: [String] = []
        /// Names of its fake bridges.
        var children: [String] = []
    }
    struct Port {
        let row: RowKey
        let bridge: String
        var interfaces: [String] = []
    }
    struct Interface {
        let row: RowKey
        let port: String
    }

    private(set) var bridges: [String: Bridge] = [:]
    private(set) var ports: [String: Port] = [:]
    private(set) var interfaces: [String: Interface] = [:]
    /// Oddities of the database that the user should know.
    private(set) var warnings: [String] = []

    init(of draft: VsctlDraft, root: RowKey) {
        let rows = draft.rows("Bridge", in: root, "bridges")
        for row in rows { addBridges(of: row, draft) }
        for row in rows { addPorts(of: row, draft) }
    }

    private mutating func addBridges(of row: RowKey, _ draft: VsctlDraft) {
        guard let name = draft.string(row, "name") else { return }
        guard bridges[name] == nil else {
            warnings.append("\(name): database contains duplicate bridge name")
            return
        }
        bridges[name] = Bridge(name: name, row: row)
        for port in draft.rows("Port", in: row, "ports") {
            guard let vlan = Self.vlanOfFakeBridge(port, draft),
                let child = draft.string(port, "name"), bridges[child] == nil
            else { continue }
            if let other = self.child(of: name, vlan: vlan) {
                warnings.append(
                    "\(name): bridge has multiple VLAN bridges (\(child) and \(other)) for VLAN "
                        + "\(vlan), but only one is allowed")
            } else {
                bridges[name]?.children.append(child)
            }
            bridges[child] = Bridge(name: child, row: row, parent: name, vlan: vlan)
        }
    }

    private mutating func addPorts(of row: RowKey, _ draft: VsctlDraft) {
        guard let name = draft.string(row, "name"), bridges[name]?.row == row else { return }
        for portRow in draft.rows("Port", in: row, "ports") {
            guard let port = draft.string(portRow, "name") else { continue }
            if let other = ports[port] {
                warnings.append(
                    other.row == portRow
                        ? "\(port): port is in multiple bridges (\(name) and \(other.bridge))"
                        : "\(port): database contains duplicate port name")
                continue
            }
            let owner = Self.vlan(portRow, draft).flatMap { child(of: name, vlan: $0) } ?? name
            bridges[owner]?.ports.append(port)
            ports[port] = Port(row: portRow, bridge: owner)
            for interfaceRow in draft.rows("Interface", in: portRow, "interfaces") {
                guard let interface = draft.string(interfaceRow, "name") else { continue }
                if let other = interfaces[interface] {
                    warnings.append(
                        "\(interface): interface is in multiple ports (\(other.port) and \(port))")
                    continue
                }
                interfaces[interface] = Interface(row: interfaceRow, port: port)
                ports[port]?.interfaces.append(interface)
            }
        }
    }

    /// The fake bridge of `parent` for `vlan`.
    func child(of parent: String, vlan: Int64) -> String? {
        bridges[parent]?.children.first { bridges[$0]?.vlan == vlan }
    }

    private static func vlan(_ port: RowKey, _ draft: VsctlDraft) -> Int64? {
        draft.read(port, "tag").only?.integer.flatMap { (0...4095).contains($0) ? $0 : nil }
    }

    private static func vlanOfFakeBridge(_ port: RowKey, _ draft: VsctlDraft) -> Int64? {
        draft.read(port, "fake_bridge").only?.boolean == true ? vlan(port, draft) : nil
    }
}

extension VsctlContext {
    // MARK: Finding by name

    mutating func findBridge(_ name: String) -> VsctlTopology.Bridge? {
        draft.verify(root, "bridges")
        return topology().bridges[name]
    }

    mutating func bridge(_ name: String) throws(VsctlStop) -> VsctlTopology.Bridge {
        guard let bridge = findBridge(name) else {
            throw .failure(
                "no bridge named \(name)"
                    + suggestion(for: name, among: topology().bridges.keys.sortedByBytes()))
        }
        return bridge
    }

    mutating func realBridge(_ name: String) throws(VsctlStop) -> VsctlTopology.Bridge {
        let bridge = try bridge(name)
        guard bridge.parent == nil else { throw .failure("\(name) is a fake bridge") }
        return bridge
    }

    /// The port called `name`, unless it is the local port of a bridge.
    mutating func findPort(_ name: String) -> VsctlTopology.Port? {
        verifyPorts()
        return topology().ports[name].flatMap { $0.bridge == name ? nil : $0 }
    }

    mutating func port(_ name: String) throws(VsctlStop) -> VsctlTopology.Port {
        guard let port = findPort(name) else {
            throw .failure(
                "no port named \(name)"
                    + suggestion(for: name, among: topology().ports.keys.sortedByBytes()))
        }
        return port
    }

    mutating func findInterface(_ name: String) -> VsctlTopology.Interface? {
        verifyPorts()
        let topology = topology()
        return topology.interfaces[name].flatMap { interface in
            topology.ports[interface.port]?.bridge == name ? nil : interface
        }
    }

    mutating func interface(_ name: String) throws(VsctlStop) -> VsctlTopology.Interface {
        guard let interface = findInterface(name) else {
            throw .failure(
                "no interface named \(name)"
                    + suggestion(for: name, among: topology().interfaces.keys.sortedByBytes()))
        }
        return interface
    }

    /// Refuses a name that a bridge, port or interface has already.
    mutating func refuseTakenName(_ name: String, for what: String) throws(VsctlStop) {
        verifyPorts()
        let topology = topology()
        let refusal = "cannot create \(what) named \(name) because"
        guard topology.bridges[name] == nil else {
            throw .failure("\(refusal) a bridge named \(name) already exists")
        }
        if let port = topology.ports[name] {
            throw .failure(
                "\(refusal) a port named \(name) already exists on bridge \(port.bridge)")
        }
        if let interface = topology.interfaces[name], let port = topology.ports[interface.port] {
            throw .failure(
                "\(refusal) an interface named \(name) already exists on bridge \(port.bridge)")
        }
    }
}
