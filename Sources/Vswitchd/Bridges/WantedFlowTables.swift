internal import DatabaseProtocol
internal import DatabaseReplica
internal import OpenFlow
internal import Pipeline
internal import Timekeeping

// What rows of Flow_Table want of a bridge's tables. ovs-vswitchd.conf.db(5), "Flow_Table".
//
// `groups` (who is fair to whom when rules make way) and `prefixes` (which addresses are tracked)
// are read by nobody: all addresses are tracked always, and rules make way by their own time.

/// One table's row.
public struct WantedFlowTable: Hashable, Sendable {
    public var name = ""
    /// Most rules; nil: as many as the bridge may have.
    public var limit: Int?
    public var evicts = false
}

extension WantedFlowTable {
    /// The rows of a bridge, by number of the table.
    static func read(
        _ row: TypedRow<BridgeColumns>, _ replica: DatabaseReplica
    ) -> [UInt8: WantedFlowTable] {
        var tables: [UInt8: WantedFlowTable] = [:]
        for (number, reference) in row.flowTables.pairs {
            guard let table = UInt8(exactly: number), table < Pipeline.Limits.tables,
                let row = replica.row(reference)
            else { continue }
            tables[table] = WantedFlowTable(
                name: row.name ?? "", limit: row.flowLimit.map { Int($0) },
                evicts: row.overflowPolicy == "evict")
        }
        return tables
    }
}

extension Vswitch {
    /// Sets the bridge's tables as its rows want them. A table without a row is as by default.
    mutating func configureTables(of bridge: PresentBridge, now: Instant) {
        for table in 0..<UInt8(Pipeline.Limits.tables) {
            let wanted = bridge.wanted.flowTables[table] ?? WantedFlowTable()
            let present = model[bridge: bridge.index].tables.settings(of: table)
            guard
                present.name != wanted.name || present.limit != wanted.limit
                    || present.evictsByConfiguration != wanted.evicts
            else { continue }
            let removed = model[bridge: bridge.index].tables.configure(
                table: table, name: wanted.name, limit: wanted.limit, evicts: wanted.evicts,
                now: now)
            for rule in removed { tell(rule, bridge: bridge.wanted.name, now: now) }
        }
    }
}
