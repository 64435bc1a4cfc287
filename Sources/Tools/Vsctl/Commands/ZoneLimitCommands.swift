// How many connections may be tracked in a zone. ovs-vsctl(8) of Open vSwitch 3.3, "Conntrack Zone
// Commands". Databases with an older schema than 8.5.0 have no place for it.

import DatabaseProtocol

extension VsctlCommand {
    static let zoneLimits = [
        VsctlCommand("set-zone-limit", 3...3, "DATAPATH ZONE|default LIMIT", run: setZoneLimit),
        VsctlCommand(
            "del-zone-limit", 2...2, "DATAPATH ZONE|default", options: ["--if-exists"],
            run: deleteZoneLimit),
        VsctlCommand(
            "list-zone-limits", 1...1, "DATAPATH", prints: ["zone", "limit"], run: listZoneLimits),
    ]

    @Sendable private static func setZoneLimit(_ context: inout VsctlContext) throws(VsctlStop) {
        let zone = try context.limitedZone()
        guard let limit = Int64(context.arguments[2]) else {
            throw .failure("invalid limit, \(context.arguments[2])")
        }
        guard (0...Int64(UInt32.max)).contains(limit) else {
            throw .failure("limit (\(limit)) out of range")
        }
        let datapath = try context.limitedDatapath()
        guard let zone else {
            let value = Datum(.integer(limit))
            return context.draft.write(datapath, "ct_zone_default_limit", value)
        }
        var zones = context.draft.read(datapath, "ct_zones")
        let row: RowKey
        if let present = zones[.integer(zone)].flatMap({ context.draft.row("CT_Zone", $0) }) {
            row = present
        } else {
            row = context.draft.insert(into: "CT_Zone")
            zones[.integer(zone)] = row.name
            context.draft.write(datapath, "ct_zones", zones)
        }
        context.draft.write(row, "limit", Datum(.integer(limit)))
    }

    @Sendable private static func deleteZoneLimit(
        _ context: inout VsctlContext
    ) throws(VsctlStop) {
        let zone = try context.limitedZone()
        let datapath = try context.limitedDatapath()
        let mustExist = !context.has("--if-exists")
        guard let zone else {
            guard !mustExist || !context.draft.read(datapath, "ct_zone_default_limit").isEmpty
            else {
                throw .failure("datapath \(context.arguments[0]) does not have a limit")
            }
            return context.draft.write(datapath, "ct_zone_default_limit", .empty)
        }
        var zones = context.draft.read(datapath, "ct_zones")
        let row = zones[.integer(zone)].flatMap { context.draft.row("CT_Zone", $0) }
        guard let row, !context.draft.read(row, "limit").isEmpty else {
            guard !mustExist else { throw .failure("zone_id \(zone) does not have a limit") }
            return
        }
        // A zone that has time-outs too stays for them.
        guard context.draft.read(row, "timeout_policy").isEmpty else {
            return context.draft.write(row, "limit", .empty)
        }
        zones.remove(.integer(zone))
        context.draft.write(datapath, "ct_zones", zones)
    }

    @Sendable private static func listZoneLimits(_ context: inout VsctlContext) throws(VsctlStop) {
        guard let datapath = try context.datapath() else {
            throw .failure("datapath: \(context.arguments[0]) record not found")
        }
        if let limit = context.draft.read(datapath, "ct_zone_default_limit").only {
            context.say("Default, Limit: \(limit.bareText)", "default", limit.json)
        }
        for (zone, name) in context.draft.read(datapath, "ct_zones").pairs {
            guard let row = context.draft.row("CT_Zone", name),
                let limit = context.draft.read(row, "limit").only
            else { continue }
            context.say(
                "Zone: \(zone.bareText), Limit: \(limit.bareText)", zone.json, limit.json)
        }
    }
}

extension VsctlContext {
    /// The datapath that the first argument names, of a database that knows of limits.
    fileprivate mutating func limitedDatapath() throws(VsctlStop) -> RowKey {
        guard draft.schema.table("CT_Zone")?.column("limit") != nil,
            draft.schema.table("Datapath")?.column("ct_zone_default_limit") != nil
        else {
            throw .failure(
                "the database's schema \(draft.schema.version) has no limits of zones; convert it, "
                    + "for instance by starting apus-ovsdb with --convert")
        }
        guard let datapath = try self.datapath() else {
            throw .failure("datapath \(arguments[0]) does not exist")
        }
        return datapath
    }

    /// The zone that the second argument names; `nil` for all that have no limit of their own.
    fileprivate func limitedZone() throws(VsctlStop) -> Int64? {
        guard arguments[1] != "default" else { return nil }
        guard let zone = Int64(arguments[1]) else {
            throw .failure("invalid zone id, \(arguments[1])")
        }
        guard (0...65535).contains(zone) else {
            throw .failure("zone_id (\(zone)) out of range")
        }
        return zone
    }
}
