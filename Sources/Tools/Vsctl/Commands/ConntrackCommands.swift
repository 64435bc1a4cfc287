// Time-outs of tracked connections by zone, what a datapath can do, and Auto Attach.
// ovs-vsctl(8), "Conntrack Zone Commands", "Datapath Capabilities Command", "Auto Attach Commands".

import DatabaseProtocol

extension VsctlCommand {
    static let datapaths = [
        VsctlCommand(
            "add-zone-tp", 3..., "DATAPATH zone=ZONE TIMEOUT=SECONDS...", options: ["--may-exist"],
            run: addZonePolicy),
        VsctlCommand(
            "del-zone-tp", 2...2, "DATAPATH zone=ZONE", options: ["--if-exists"],
            run: deleteZonePolicy),
        VsctlCommand(
            "list-zone-tp", 1...1, "DATAPATH", prints: ["zone", "timeouts"], run: listZonePolicies),
        VsctlCommand(
            "list-dp-cap", 1...1, "DATAPATH", prints: ["capabilities"], run: listCapabilities),
    ]

    static let autoAttach = [
        VsctlCommand("add-aa-mapping", 3...3, "BRIDGE I-SID VLAN", run: addMapping),
        VsctlCommand("del-aa-mapping", 3...3, "BRIDGE I-SID VLAN", run: deleteMapping),
        VsctlCommand(
            "get-aa-mapping", 1...1, "BRIDGE", prints: ["i-sid", "vlan"], run: listMappings),
    ]

    // MARK: Zones

    @Sendable private static func addZonePolicy(_ context: inout VsctlContext) throws(VsctlStop) {
        let name = context.arguments[0]
        let zone = try context.zone()
        guard let datapath = try context.datapath() else {
            throw .failure("datapath \(name) does not exist")
        }
        let old = context.draft.read(datapath, "ct_zones")[.integer(zone)]
        let present = old.flatMap { context.draft.row("CT_Zone", $0) }
        // One that is there for its limit alone has room for a policy.
        let isFree = present.map { !context.draft.read($0, "limit").isEmpty } ?? true
        let hasPolicy = present.map { !context.draft.read($0, "timeout_policy").isEmpty } ?? false
        guard isFree && !hasPolicy || context.has("--may-exist") else {
            throw .failure("zone id \(zone) already exists")
        }
        let timeouts = try context.timeouts()
        // Zones with the same time-outs share a policy.
        let known = context.draft.rows(of: "CT_Timeout_Policy").first {
            context.draft.read($0, "timeouts") == timeouts
        }
        let policy: RowKey
        if let known {
            policy = known
        } else {
            policy = context.draft.insert(into: "CT_Timeout_Policy")
            context.draft.write(policy, "timeouts", timeouts)
        }
        if let row = present {
            context.draft.write(row, "timeout_policy", Datum(policy.name))
            return
        }
        let row = context.draft.insert(into: "CT_Zone")
        context.draft.write(row, "timeout_policy", Datum(policy.name))
        var zones = context.draft.read(datapath, "ct_zones")
        zones[.integer(zone)] = row.name
        context.draft.write(datapath, "ct_zones", zones)
    }

    @Sendable private static func deleteZonePolicy(
        _ context: inout VsctlContext
    ) throws(VsctlStop) {
        let zone = try context.zone()
        guard let datapath = try context.datapath() else {
            throw .failure("datapath \(context.arguments[0]) does not exist")
        }
        var zones = context.draft.read(datapath, "ct_zones")
        guard zones.contains(.integer(zone)) else {
            guard context.has("--if-exists") else {
                throw .failure("zone id \(zone) does not exist")
            }
            return
        }
        // A zone that has a limit too stays for it.
        if let row = zones[.integer(zone)].flatMap({ context.draft.row("CT_Zone", $0) }),
            !context.draft.read(row, "limit").isEmpty
        {
            return context.draft.write(row, "timeout_policy", .empty)
        }
        zones.remove(.integer(zone))
        context.draft.write(datapath, "ct_zones", zones)
    }

    @Sendable private static func listZonePolicies(
        _ context: inout VsctlContext
    ) throws(VsctlStop) {
        guard let datapath = try context.datapath() else {
            throw .failure("datapath: \(context.arguments[0]) record not found")
        }
        for (zone, name) in context.draft.read(datapath, "ct_zones").pairs {
            guard let row = context.draft.row("CT_Zone", name) else { continue }
            let policy = context.draft.rows("CT_Timeout_Policy", in: row, "timeout_policy").first
            let timeouts = policy.map { context.draft.read($0, "timeouts") } ?? .emptyMap
            let words =
                timeouts.isEmpty
                ? ["system default"] : timeouts.pairs.map { "\($0.bareText)=\($1.bareText)" }
            context.say(
                "Zone:\(zone.bareText), Timeout Policies: \(words.joined(separator: " "))",
                zone.json, timeouts.json)
        }
    }

    @Sendable private static func listCapabilities(
        _ context: inout VsctlContext
    ) throws(VsctlStop) {
        guard let datapath = try context.datapath() else {
            throw .failure("datapath \"\(context.arguments[0])\" record not found")
        }
        let capabilities = context.draft.read(datapath, "capabilities")
        let words = capabilities.pairs.map { "\($0.bareText)=\($1.bareText)" }
        context.say(words.joined(separator: " "), capabilities.json)
    }

    // MARK: Auto Attach

    private static func mappings(
        _ context: inout VsctlContext
    ) throws(VsctlStop) -> (bridge: RowKey, row: RowKey?) {
        let bridge = try context.realBridge(context.arguments[0]).row
        context.draft.verify(bridge, "auto_attach")
        return (bridge, context.draft.rows("AutoAttach", in: bridge, "auto_attach").first)
    }

    @Sendable private static func addMapping(_ context: inout VsctlContext) throws(VsctlStop) {
        let (bridge, present) = try mappings(&context)
        let (service, vlan) = (try context.number(1), try context.number(2))
        let row = present ?? context.draft.insert(into: "AutoAttach")
        if present == nil { context.draft.write(bridge, "auto_attach", Datum(row.name)) }
        var map = context.draft.read(row, "mappings")
        // What is there already stays as it is.
        guard !map.contains(.integer(service)) else { return }
        map[.integer(service)] = .integer(vlan)
        context.draft.write(row, "mappings", map)
    }

    @Sendable private static func deleteMapping(_ context: inout VsctlContext) throws(VsctlStop) {
        let row = try mappings(&context).row
        let (service, vlan) = (try context.number(1), try context.number(2))
        guard let row else { return }
        var map = context.draft.read(row, "mappings")
        guard map[.integer(service)] == .integer(vlan) else { return }
        map.remove(.integer(service))
        context.draft.verify(row, "mappings")
        context.draft.write(row, "mappings", map)
    }

    @Sendable private static func listMappings(_ context: inout VsctlContext) throws(VsctlStop) {
        guard let row = try mappings(&context).row else { return }
        for (service, vlan) in context.draft.read(row, "mappings").pairs {
            context.say("\(service.bareText) \(vlan.bareText)", service.json, vlan.json)
        }
    }
}

extension VsctlContext {
    /// The datapath that the first argument names.
    mutating func datapath() throws(VsctlStop) -> RowKey? {
        draft.verify(root, "datapaths")
        return draft.read(root, "datapaths")[.string(arguments[0])].flatMap {
            draft.row("Datapath", $0)
        }
    }

    /// The second argument, as `zone=5` or `5`.
    fileprivate func zone() throws(VsctlStop) -> Int64 {
        let word = arguments[1]
        let digits = word.hasPrefix("zone=") ? word.dropFirst(5) : word[...]
        guard let zone = Int64(digits) else {
            throw .failure("\(word): write the zone as zone=ID, with ID from 0 to 65535")
        }
        guard (0...65535).contains(zone) else {
            throw .failure(
                "constraint violation: \(zone) is not in the valid range 0 to 65535 (inclusive)")
        }
        return zone
    }

    /// The arguments from the third on, as `tcp_established=60`.
    fileprivate mutating func timeouts() throws(VsctlStop) -> Datum {
        guard let type = draft.schema.table("CT_Timeout_Policy")?.column("timeouts")?.type else {
            throw .failure("the database's schema has no timeout policies")
        }
        return try ValueReader(type: type).read(
            arguments.dropFirst(2).joined(separator: ","), &draft.symbols)
    }

    fileprivate func number(_ place: Int) throws(VsctlStop) -> Int64 {
        guard let number = Int64(arguments[place]) else {
            throw .failure("Invalid argument \(arguments[place])")
        }
        return number
    }
}
