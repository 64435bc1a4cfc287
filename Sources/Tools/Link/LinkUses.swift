public import DatabaseProtocol

// What a link is used for: the database says in which bridge, port and bond it stands, the datapath
// what it dropped there. Either may not run; then its part is missing.

/// What one interface is to the switch.
public struct LinkUse: Hashable, Sendable {
    public var bridge: String
    public var port: String
    /// Interfaces of the port; more than one are a bond.
    public var members: [String]
    public var type: String
    public var openFlowPort: Int64?
    public var error: String?

    public var bond: String? { members.count > 1 ? port : nil }
}

public enum LinkUses {
    /// Asks the database for all bridges, ports and interfaces: one OVSDB `transact`.
    public static let request: [UInt8] = {
        func select(_ table: String, _ columns: [String]) -> JSON {
            [
                "op": "select", "table": .string(table), "where": .array([]),
                "columns": .array(columns.map { .string($0) }),
            ]
        }
        let message: JSON = [
            "id": .integer(1), "method": "transact",
            "params": .array([
                "Open_vSwitch", select("Bridge", ["name", "ports"]),
                select("Port", ["_uuid", "name", "interfaces"]),
                select("Interface", ["_uuid", "name", "type", "ofport", "error"]),
            ]),
        ]
        return Array(message.text.utf8)
    }()

    /// Uses by name of the interface, out of the database's answer; empty if it is none.
    public static func read(_ answer: JSON) -> [String: LinkUse] {
        let tables = answer["result"].items
        guard tables.count >= 3 else { return [:] }
        var interfaces: [String: JSON] = [:]
        for row in tables[2]["rows"].items {
            if let id = row["_uuid"].uuids.first { interfaces[id] = row }
        }
        var ports: [String: JSON] = [:]
        for row in tables[1]["rows"].items {
            if let id = row["_uuid"].uuids.first { ports[id] = row }
        }
        var uses: [String: LinkUse] = [:]
        for bridge in tables[0]["rows"].items {
            for port in bridge["ports"].uuids.compactMap({ ports[$0] }) {
                let members = port["interfaces"].uuids.compactMap { interfaces[$0] }
                let names = members.compactMap { $0["name"].string }.sorted()
                for member in members {
                    guard let name = member["name"].string else { continue }
                    uses[name] = LinkUse(
                        bridge: bridge["name"].string ?? "", port: port["name"].string ?? "",
                        members: names, type: member["type"].string ?? "",
                        openFlowPort: member["ofport"].integer, error: member["error"].string)
                }
            }
        }
        return uses
    }
}

extension JSON {
    fileprivate subscript(key: String) -> JSON { object?[key] ?? .null }
    fileprivate var items: [JSON] { array ?? [] }

    /// Of `["uuid", x]`, and of a set of such.
    fileprivate var uuids: [String] {
        let items = items
        guard items.count == 2 else { return [] }
        switch items[0].string {
        case "uuid": return items[1].string.map { [$0] } ?? []
        case "set": return items[1].items.flatMap(\.uuids)
        default: return []
        }
    }
}
