// Monitors begin, change, and tell.

import DatabaseProtocol

extension DatabaseServer {
    /// "monitor", "monitor_cond" and "monitor_cond_since": [database, id, requests, last state].
    mutating func beginMonitor(
        _ call: Call, _ dialect: MonitorDialect
    ) throws(DatabaseError) -> [DatabaseEffect] {
        let database = try database(call)
        guard call.parameters.count == (dialect == .update3 ? 4 : 3) else {
            throw DatabaseError(.syntaxError, "invalid parameters", syntax: call.all)
        }
        let known = call.parameter(3).string.flatMap { UUIDValue($0) }
        guard dialect != .update3 || known != nil else {
            throw DatabaseError(.syntaxError, "the last transaction's id must be a UUID")
        }
        let id = call.parameter(1)
        guard let requests = call.parameter(2).object else {
            throw DatabaseError(
                .syntaxError, "monitor requests must be an object", syntax: call.all)
        }
        guard let session = sessions[call.session] else { return [] }
        guard session.place(ofMonitor: id) == nil else {
            throw DatabaseError(.syntaxError, "duplicate monitor ID", syntax: id)
        }
        guard session.monitors.count < EngineLimits.monitorsPerSessionMax else {
            throw DatabaseError(.resourcesExhausted, "too many monitors")
        }
        let monitor = Monitor(
            database: database.schema.name, dialect: dialect,
            tables: try Self.tables(requests, database.schema, dialect))
        sessions[call.session]?.monitors.append((id, monitor))
        noteWatchers()
        guard dialect == .update3 else {
            return [call.reply { monitor.writeInitialNews(database, to: &$0) }]
        }
        guard let served = databases[database.schema.name] else { return [] }
        let state = JSON.string(served.stateName.description)
        let missed = known == served.stateName ? [] : known.flatMap(served.history.changes)
        guard let missed else {
            return [
                call.reply { out in
                    out.append(contentsOf: "[false,".utf8)
                    state.write(to: &out)
                    out.append(UInt8(ascii: ","))
                    monitor.writeInitialNews(database, to: &out)
                    out.append(UInt8(ascii: "]"))
                }
            ]
        }
        return [call.reply([true, state, .object(monitor.news(of: missed, database))])]
    }

    private static func tables(
        _ requests: JSONObject, _ schema: DatabaseSchema, _ dialect: MonitorDialect
    ) throws(DatabaseError) -> [MonitoredTable] {
        var tables: [MonitoredTable] = []
        for (name, json) in requests.members {
            guard let place = schema.place(of: name) else {
                throw DatabaseError(.syntaxError, "no table named \(name)", syntax: json)
            }
            var parsed: [MonitorRequest] = []
            for element in json.array ?? [json] {
                var request = try MonitorRequest(parsing: element, table: schema.tables[place])
                if dialect == .update { request.conditions = nil }
                parsed.append(request)
            }
            tables.append(
                try MonitoredTable(parsed, place: place, table: schema.tables[place]))
        }
        return tables.sorted { $0.place < $1.place }
    }

    /// "monitor_cond_change": [id, new id, {table: [{"where": conditions}]}]. The client hears of
    /// rows that come into sight or leave it before it hears that the change was done.
    mutating func changeMonitor(_ call: Call) throws(DatabaseError) -> [DatabaseEffect] {
        guard let place = sessions[call.session]?.place(ofMonitor: call.parameter(0)),
            let old = sessions[call.session]?.monitors[place].monitor,
            let database = databases[old.database]?.database
        else { throw DatabaseError(.syntaxError, "unknown monitor session", syntax: call.all) }
        guard old.dialect != .update, call.parameters.count == 3,
            let wishes = call.parameter(2).object
        else {
            throw DatabaseError(
                .syntaxError, "[id, new id, {table: [request]}] expected", syntax: call.all)
        }
        var new = old
        for (name, json) in wishes.members {
            guard
                let index = new.tables.firstIndex(where: {
                    database.schema.tables[$0.place].name == name
                })
            else {
                throw DatabaseError(.syntaxError, "no table named \(name) in monitor session")
            }
            let schema = database.schema.tables[new.tables[index].place]
            var conditions: [Condition]?
            guard let elements = json.array else {
                throw DatabaseError(
                    .syntaxError, "table \(name) no monitor-cond-change JSON array", syntax: json)
            }
            for element in elements {
                guard let object = element.object, object.names.allSatisfy({ $0 == "where" }) else {
                    throw DatabaseError(
                        .syntaxError, "only \"where\" can be changed", syntax: element)
                }
                guard let more = try MonitorRequest.conditions(object["where"], schema) else {
                    continue
                }
                conditions = (conditions ?? []) + more
            }
            new.tables[index].test = conditions.map { RowTest($0, table: schema) }
        }
        let id = call.parameter(1)
        sessions[call.session]?.monitors[place] = (id, new)
        let news = old.news(changingTo: new, database)
        let telling = news.isEmpty ? [] : [update(id, new, news, call.session)]
        return telling + [call.reply([:])]
    }

    /// What all clients are to hear of `changes`.
    func news(of changes: [RowChange], in name: String) -> [DatabaseEffect] {
        guard !watchers.isEmpty, let database = databases[name]?.database else { return [] }
        var effects: [DatabaseEffect] = []
        for session in watchers {
            for (id, monitor) in sessions[session]?.monitors ?? [] where monitor.database == name {
                let news = monitor.news(of: changes, database)
                if !news.isEmpty { effects.append(update(id, monitor, news, session)) }
            }
        }
        return effects
    }

    private func update(
        _ id: JSON, _ monitor: Monitor, _ news: JSONObject, _ session: SessionID
    ) -> DatabaseEffect {
        let state = databases[monitor.database]?.stateName ?? .zero
        let parameters: [JSON] =
            monitor.dialect == .update3
            ? [id, .string(state.description), .object(news)] : [id, .object(news)]
        return .send(
            RPCMessage.notification(method: monitor.dialect.method, parameters: parameters).bytes,
            session)
    }
}
