// Whom a bridge obeys, whom the database listens to, and with which keys.
// ovs-vsctl(8), "OpenFlow Controller Connectivity", "Manager Connectivity", "SSL Configuration".

import DatabaseProtocol

extension VsctlCommand {
    static let controllers = [
        VsctlCommand(
            "get-controller", 1...1, "BRIDGE", prints: ["target"]
        ) { context throws(VsctlStop) in
            let bridge = try context.bridge(context.arguments[0])
            context.printTargets(of: "Controller", bridge.row, "controller")
        },
        VsctlCommand("del-controller", 1...1, "BRIDGE") { context throws(VsctlStop) in
            let bridge = try context.realBridge(context.arguments[0])
            context.replaceTargets(in: "Controller", bridge.row, "controller", by: [])
        },
        VsctlCommand(
            "set-controller", 1..., "BRIDGE TARGET...", options: ["--inactivity-probe="]
        ) { context throws(VsctlStop) in
            let bridge = try context.realBridge(context.arguments[0])
            let targets = context.arguments.dropFirst()
            context.replaceTargets(in: "Controller", bridge.row, "controller", by: targets)
        },
        VsctlCommand(
            "get-fail-mode", 1...1, "BRIDGE", prints: ["fail_mode"]
        ) { context throws(VsctlStop) in
            let bridge = try context.bridge(context.arguments[0])
            context.draft.verify(bridge.row, "fail_mode")
            if let mode = context.draft.string(bridge.row, "fail_mode"), !mode.isEmpty {
                context.say(mode, .string(mode))
            }
        },
        VsctlCommand("del-fail-mode", 1...1, "BRIDGE") { context throws(VsctlStop) in
            let bridge = try context.realBridge(context.arguments[0])
            context.draft.write(bridge.row, "fail_mode", .empty)
        },
        VsctlCommand("set-fail-mode", 2...2, "BRIDGE MODE") { context throws(VsctlStop) in
            let bridge = try context.realBridge(context.arguments[0])
            let mode = context.arguments[1]
            guard mode == "standalone" || mode == "secure" else {
                throw .failure(
                    "fail-mode must be \"standalone\" or \"secure\""
                        + suggestion(for: mode, among: ["standalone", "secure"]))
            }
            context.draft.write(bridge.row, "fail_mode", Datum(.string(mode)))
        },
        VsctlCommand("get-manager", 0...0, prints: ["target"]) { context throws(VsctlStop) in
            context.printTargets(of: "Manager", context.root, "manager_options")
        },
        VsctlCommand("del-manager", 0...0) { context throws(VsctlStop) in
            context.replaceTargets(in: "Manager", context.root, "manager_options", by: [])
        },
        VsctlCommand(
            "set-manager", 1..., "TARGET...", options: ["--inactivity-probe="]
        ) { context throws(VsctlStop) in
            let targets = context.arguments[...]
            context.replaceTargets(in: "Manager", context.root, "manager_options", by: targets)
        },
    ]

    static let tls = [
        VsctlCommand("get-ssl", 0...0, run: getTLS),
        VsctlCommand("del-ssl", 0...0) { context throws(VsctlStop) in
            context.deleteTLS()
        },
        VsctlCommand(
            "set-ssl", 3...3, "PRIVATE-KEY CERTIFICATE CA-CERT", options: ["--bootstrap"],
            run: setTLS),
    ]

    @Sendable private static func getTLS(_ context: inout VsctlContext) throws(VsctlStop) {
        context.draft.verify(context.root, "ssl")
        for row in context.draft.rows("SSL", in: context.root, "ssl") {
            let lines = [
                ("Private key", "private_key"), ("Certificate", "certificate"),
                ("CA Certificate", "ca_cert"), ("Bootstrap", "bootstrap_ca_cert"),
            ]
            for (heading, column) in lines {
                let value = context.draft.read(row, column)
                context.say("\(heading): \(value.bareText)", as: column, value.json)
            }
        }
    }

    @Sendable private static func setTLS(_ context: inout VsctlContext) throws(VsctlStop) {
        context.deleteTLS()
        let row = context.draft.insert(into: "SSL")
        let columns = ["private_key", "certificate", "ca_cert"]
        for (column, value) in zip(columns, context.arguments) {
            context.draft.write(row, column, Datum(.string(value)))
        }
        let bootstraps = Datum(.boolean(context.has("--bootstrap")))
        context.draft.write(row, "bootstrap_ca_cert", bootstraps)
        context.draft.write(context.root, "ssl", Datum(row.name))
    }
}

extension VsctlContext {
    fileprivate mutating func printTargets(of table: String, _ owner: RowKey, _ column: String) {
        var targets: [String] = []
        for row in verifyTargets(of: table, owner, column) {
            if let target = draft.string(row, "target") { targets.append(target) }
        }
        for target in targets.sortedByBytes() { say(target, .string(target)) }
    }

    private mutating func verifyTargets(
        of table: String, _ owner: RowKey, _ column: String
    ) -> [RowKey] {
        draft.verify(owner, column)
        let rows = draft.rows(table, in: owner, column)
        for row in rows { draft.verify(row, "target") }
        return rows
    }

    fileprivate mutating func replaceTargets(
        in table: String, _ owner: RowKey, _ column: String, by targets: ArraySlice<String>
    ) {
        for row in verifyTargets(of: table, owner, column) { draft.delete(row) }
        var rows: [Atom] = []
        for target in targets {
            if !Self.isTarget(target) {
                warnings.append("target type \"\(target)\" is possibly erroneous")
            }
            let row = draft.insert(into: table)
            draft.write(row, "target", Datum(.string(target)))
            if let probe = value(of: "--inactivity-probe") {
                draft.write(row, "inactivity_probe", Datum(.integer(leadingNumber(probe))))
            }
            rows.append(row.name)
        }
        draft.write(owner, column, Datum(set: rows))
    }

    private static func isTarget(_ text: String) -> Bool {
        ["tcp:", "ssl:", "unix:", "ptcp:", "pssl:", "punix:"].contains { text.hasPrefix($0) }
    }

    fileprivate mutating func deleteTLS() {
        draft.verify(root, "ssl")
        let rows = draft.rows("SSL", in: root, "ssl")
        guard !rows.isEmpty else { return }
        for row in rows { draft.delete(row) }
        draft.write(root, "ssl", .empty)
    }
}
