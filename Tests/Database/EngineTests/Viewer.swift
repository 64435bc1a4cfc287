import DatabaseProtocol

/// A client that knows nothing but what its monitor told it.
struct Viewer {
    /// What it asks to see; "where" is honoured by `monitor_cond` and its kin.
    let method: String
    let requests: JSON
    /// Rows by table, their columns as elements or pairs sorted by text.
    private(set) var rows: [String: [String: SlowModel.Row]] = [:]
    /// The state it knows, for `monitor_cond_since`.
    private(set) var state = UUIDValue.zero.description

    init(_ method: String, _ requests: JSON) { (self.method, self.requests) = (method, requests) }

    /// The request that begins its monitor.
    var request: String {
        let since: [JSON] = method == "monitor_cond_since" ? [.string(state)] : []
        return RPCMessage.request(
            method: method, parameters: ["Little", "m", requests] + since, id: 1
        ).json.text
    }

    /// Hears the answer. A client that was told only what it missed keeps the rest.
    mutating func begin(_ result: JSON) {
        guard method == "monitor_cond_since", let parts = result.array, parts.count == 3 else {
            rows = [:]
            return hear(result)
        }
        if parts[0] == false { rows = [:] }
        state = parts[1].string ?? ""
        hear(parts[2])
    }

    /// Hears a notification's parameters.
    mutating func update(_ parameters: [JSON]) {
        if parameters.count == 3 { state = parameters[1].string ?? "" }
        hear(parameters.last ?? .null)
    }

    private mutating func hear(_ tables: JSON) {
        for (table, changes) in tables.object?.members ?? JSONObject().members {
            for (uuid, change) in changes.object?.members ?? JSONObject().members {
                hear(table, uuid, change.object ?? [:])
            }
        }
    }

    private mutating func hear(_ table: String, _ uuid: String, _ change: JSONObject) {
        if let new = (change["new"] ?? change["insert"] ?? change["initial"])?.object {
            var row: SlowModel.Row = [:]
            for (column, value) in new.members { row[column] = ModelTests.elements(value) }
            rows[table, default: [:]][uuid] = row
        } else if let differences = change["modify"]?.object {
            for (column, difference) in differences.members {
                let old = rows[table]?[uuid]?[column] ?? []
                rows[table]?[uuid]?[column] = Self.applied(difference, to: old, column)
            }
        } else {
            rows[table]?[uuid] = nil
        }
    }

    /// Columns that hold one value at most; their difference is the new value.
    private static let single: Set = ["name", "number", "kind", "maybe", "friend", "next"]

    private static func applied(
        _ difference: JSON, to old: SlowModel.Value, _ column: String
    ) -> SlowModel.Value {
        let elements = ModelTests.elements(difference)
        guard !single.contains(column) else { return elements }
        var new = old
        for element in elements {
            if let place = new.firstIndex(of: element) {
                new.remove(at: place)
            } else if difference.array?[0] == "map",
                let place = new.firstIndex(where: { $0.array?[0] == element.array?[0] })
            {
                new[place] = element
            } else {
                new.append(element)
            }
        }
        return new.sorted { $0.text < $1.text }
    }
}
