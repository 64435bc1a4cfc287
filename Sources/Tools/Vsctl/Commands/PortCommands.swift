// Ports, bonds and interfaces. ovs-vsctl(8), "Port Commands" and the two that follow it.

import DatabaseProtocol

extension VsctlCommand {
    static let ports = [
        VsctlCommand("list-ports", 1...1, "BRIDGE", prints: ["port"], run: listPorts),
        VsctlCommand(
            "add-port", 2..., "BRIDGE PORT [COLUMN[:KEY]=VALUE]...", options: ["--may-exist"]
        ) { context throws(VsctlStop) in
            let arguments = context.arguments
            try context.addPort(
                arguments[1], to: arguments[0], interfaces: [arguments[1]],
                settings: arguments.dropFirst(2))
        },
        VsctlCommand(
            "add-bond", 4..., "BRIDGE PORT IFACE... [COLUMN[:KEY]=VALUE]...",
            options: ["--may-exist", "--fake-iface"], run: addBond),
        VsctlCommand(
            "add-bond-iface", 2...2, "BOND IFACE", options: ["--may-exist"], run: addBondInterface),
        VsctlCommand(
            "del-bond-iface", 1...2, "[BOND] IFACE", options: ["--if-exists"],
            run: deleteBondInterface),
        VsctlCommand(
            "del-port", 1...2, "[BRIDGE] PORT", options: ["--if-exists", "--with-iface"],
            run: deletePort),
        VsctlCommand(
            "port-to-br", 1...1, "PORT", prints: ["bridge"]
        ) { context throws(VsctlStop) in
            let bridge = try context.port(context.arguments[0]).bridge
            context.say(bridge, .string(bridge))
        },
    ]

    static let interfaces = [
        VsctlCommand(
            "list-ifaces", 1...1, "BRIDGE", prints: ["interface"], run: listInterfaces),
        VsctlCommand(
            "iface-to-br", 1...1, "IFACE", prints: ["bridge"]
        ) { context throws(VsctlStop) in
            let interface = try context.interface(context.arguments[0])
            let bridge = context.topology().ports[interface.port]?.bridge ?? ""
            context.say(bridge, .string(bridge))
        },
    ]

    @Sendable private static func listPorts(_ context: inout VsctlContext) throws(VsctlStop) {
        let bridge = try context.bridge(context.arguments[0])
        context.draft.verify(bridge.row, "ports")
        for port in bridge.ports.sortedByBytes() where port != bridge.name {
            context.say(port, .string(port))
        }
    }

    @Sendable private static func listInterfaces(_ context: inout VsctlContext) throws(VsctlStop) {
        let bridge = try context.bridge(context.arguments[0])
        context.verifyPorts()
        let topology = context.topology()
        let names = bridge.ports.flatMap { topology.ports[$0]?.interfaces ?? [] }
        for name in names.sortedByBytes() where name != bridge.name {
            context.say(name, .string(name))
        }
    }

    @Sendable private static func addBond(_ context: inout VsctlContext) throws(VsctlStop) {
        let arguments = context.arguments
        let rest = arguments.dropFirst(2)
        let interfaces = rest.prefix { !$0.contains("=") }
        guard interfaces.count >= 2 else {
            throw .failure(
                "add-bond requires at least 2 interfaces, but only \(interfaces.count) were "
                    + "specified")
        }
        try context.addPort(
            arguments[1], to: arguments[0], interfaces: Array(interfaces),
            settings: rest.dropFirst(interfaces.count))
    }

    @Sendable private static func addBondInterface(
        _ context: inout VsctlContext
    ) throws(VsctlStop) {
        let (portName, name) = (context.arguments[0], context.arguments[1])
        let port = try context.port(portName)
        if context.has("--may-exist"), let interface = context.findInterface(name) {
            guard interface.port != portName else { return }
            throw .failure(
                "\"\(context.invocation.text)\" but \(name) is actually attached to port "
                    + interface.port)
        }
        try context.refuseTakenName(name, for: "an interface")
        let interface = context.insertInterface(name)
        var interfaces = context.draft.read(port.row, "interfaces")
        interfaces.insert(interface)
        context.draft.write(port.row, "interfaces", interfaces)
    }

    @Sendable private static func deleteBondInterface(
        _ context: inout VsctlContext
    ) throws(VsctlStop) {
        let name = context.arguments[context.arguments.count - 1]
        if context.has("--if-exists"), context.findInterface(name) == nil { return }
        let interface = try context.interface(name)
        if context.arguments.count == 2 {
            let port = context.arguments[0]
            _ = try context.port(port)
            guard interface.port == port else {
                throw .failure("port \(port) does not have an interface \(name)")
            }
        }
        guard let port = context.topology().ports[interface.port], port.interfaces.count > 1 else {
            throw .failure("cannot delete last interface from port \(interface.port)")
        }
        var interfaces = context.draft.read(port.row, "interfaces")
        interfaces.remove(interface.row.name)
        context.draft.write(port.row, "interfaces", interfaces)
        context.draft.delete(interface.row)
    }

    @Sendable private static func deletePort(_ context: inout VsctlContext) throws(VsctlStop) {
        let target = context.arguments[context.arguments.count - 1]
        guard let port = try context.portToDelete(target) else { return }
        if context.arguments.count == 2 {
            let name = context.arguments[0]
            _ = try context.bridge(name)
            guard port.bridge == name else {
                let child =
                    context.topology().bridges[port.bridge]?.parent == name
                    ? " (although its child bridge \(port.bridge) does)" : ""
                throw .failure("bridge \(name) does not have a port \(target)\(child)")
            }
        }
        context.delete(port, of: context.topology())
    }
}

extension VsctlContext {
    fileprivate mutating func portToDelete(
        _ target: String
    ) throws(VsctlStop) -> VsctlTopology.Port? {
        let mustExist = !has("--if-exists")
        if findBridge(target) != nil {
            guard mustExist else { return nil }
            throw .failure(
                "cannot delete port \(target) because it is the local port for bridge \(target) "
                    + "(deleting this port requires deleting the entire bridge)")
        }
        guard has("--with-iface") else {
            return mustExist ? try port(target) : findPort(target)
        }
        let port =
            findPort(target)
            ?? findInterface(target).flatMap { interface in topology().ports[interface.port] }
        guard port != nil || !mustExist else {
            throw .failure("no port or interface named \(target)")
        }
        return port
    }

    fileprivate mutating func insertInterface(_ name: String) -> Atom {
        let interface = draft.insert(into: "Interface")
        draft.write(interface, "name", Datum(.string(name)))
        newInterfaces.append(interface.name)
        return interface.name
    }

    fileprivate mutating func addPort(
        _ name: String, to bridgeName: String, interfaces: [String], settings: ArraySlice<String>
    ) throws(VsctlStop) {
        guard !name.isEmpty else { throw .failure("port name must not be empty string") }
        guard !interfaces.contains("") else {
            throw .failure("interface name must not be empty string")
        }
        if try portExists(name, on: bridgeName, interfaces) { return }
        try refuseTakenName(name, for: "a port")
        for interface in interfaces { try refuseTakenName(interface, for: "an interface") }
        let bridge = try bridge(bridgeName)

        let atoms = interfaces.map { insertInterface($0) }
        let port = draft.insert(into: "Port")
        draft.write(port, "name", Datum(.string(name)))
        draft.write(port, "interfaces", Datum(set: atoms))
        draft.write(port, "bond_fake_iface", Datum(.boolean(has("--fake-iface"))))
        if bridge.parent != nil { draft.write(port, "tag", Datum(.integer(bridge.vlan))) }
        for setting in settings { try set(setting, of: port) }
        attach(port, to: bridge.row)
    }

    /// `--may-exist`: whether the port is there already, with these interfaces and on this bridge.
    private mutating func portExists(
        _ name: String, on bridge: String, _ interfaces: [String]
    ) throws(VsctlStop) -> Bool {
        guard has("--may-exist"), let port = findPort(name) else { return false }
        guard port.bridge == bridge else {
            throw .failure(
                "\"\(invocation.text)\" but \(name) is actually attached to bridge \(port.bridge)")
        }
        let present = port.interfaces.sortedByBytes()
        guard present == interfaces.sortedByBytes() else {
            throw .failure(
                "\"\(invocation.text)\" but \(name) actually has interface(s) "
                    + present.joined(separator: ", "))
        }
        return true
    }
}
