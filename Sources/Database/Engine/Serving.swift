// Databases come, go, and change their schema while clients look on.
//
// A client that said "set_db_change_aware" hears that its monitors of the database are over, and
// sees the rest in "_Server"; any other is closed, so that it begins again with what is there now.
// ovsdb-server(7), 4.1.15 to 4.1.18.

public import DatabaseProtocol

extension DatabaseServer {
    /// Begins to serve a database.
    ///
    /// - Parameter read: Calls its argument with each record of the database's file, in order,
    ///   without the schema.
    /// - Throws: "syntax error" if a database of that name is served already; what does not fit the
    ///   schema; what `read` throws. The server is then as before.
    public mutating func add(
        _ schema: DatabaseSchema, random: inout UUIDSource,
        reading read: ((JSON) throws(DatabaseError) -> Void) throws(DatabaseError) -> Void = { _ in
        }
    ) throws(DatabaseError) -> [DatabaseEffect] {
        guard databases[schema.name] == nil else {
            throw DatabaseError(.syntaxError, "\(schema.name): a database of that name is served")
        }
        var database = Database(schema: schema)
        try read { (record) throws(DatabaseError) in
            try database.replay(record, random: &random)
        }
        database.finishReplay()
        databases[schema.name] = ServedDatabase(database, random: &random)
        let news = tellOfDatabase(schema, random: &random)
        return news + closeUnaware("adding \(schema.name) database")
    }

    /// Ends the service of the database called `name`.
    ///
    /// - Returns: `nil` if there is no such database, or if it is the server's own.
    public mutating func remove(
        _ name: String, random: inout UUIDSource
    ) -> [DatabaseEffect]? {
        guard name != Self.serverName, databases.removeValue(forKey: name) != nil else {
            return nil
        }
        let over = endUse(of: name)
        let row: Condition = .compare(column: "name", .equal, Datum(.string(name)))
        let news = changeServerDatabase(
            .delete(table: "Database", where: [row]), random: &random)
        return over + news + closeUnaware("removing \(name) database")
    }

    /// Closes all clients.
    public mutating func closeAll(reason: String) -> [DatabaseEffect] {
        closeSessions(reason: reason) { _ in true }
    }

    /// Everything that lasts of the database called `name`, to be written in its file's place.
    public func snapshot(_ name: String) -> DatabaseSnapshot? {
        guard name != Self.serverName else { return nil }
        return databases[name].map { DatabaseSnapshot(database: $0.database) }
    }

    /// The schema of the database called `name`.
    public func schema(of name: String) -> DatabaseSchema? { databases[name]?.database.schema }

    /// What the server holds, for `memory/show`.
    public struct MemoryUse: Sendable {
        public let rowCount: Int
        /// Columns of all rows.
        public let cellCount: Int
        public let sessionCount: Int
        public let monitorCount: Int
        /// Transactions that wait.
        public let waitingCount: Int
    }

    public var memoryUse: MemoryUse {
        let tables = databases.values.flatMap(\.database.tables)
        return MemoryUse(
            rowCount: tables.map(\.rows.count).reduce(0, +),
            cellCount: tables.map { $0.rows.count * $0.schema.columns.count }.reduce(0, +),
            sessionCount: sessions.count,
            monitorCount: sessions.values.map(\.monitors.count).reduce(0, +),
            waitingCount: waitingCount)
    }

    /// "convert": [database, schema]. The file is replaced, then the tables, then all are told.
    mutating func convert(
        _ call: Call, random: inout UUIDSource,
        journal: any DatabaseJournal
    ) throws(DatabaseError) -> [DatabaseEffect] {
        let name = try database(call).schema.name
        guard call.parameters.count == 2 else {
            throw DatabaseError(.syntaxError, "array expected", syntax: call.all)
        }
        guard name != Self.serverName else {
            throw DatabaseError(.notAllowed, "\(name) cannot be converted")
        }
        let schema = try DatabaseSchema(parsing: call.parameter(1))
        guard schema.name == name else {
            throw DatabaseError(
                .invalidParameters,
                "new schema name (\(schema.name)) does not match database name (\(name))")
        }
        let told = try convert(schema, random: &random, journal: journal)
        return told + [call.reply([:])]
            + closeUnaware("committed \(name) database schema conversion")
    }

    /// Brings the database that `schema` names under it. The file is replaced, then the tables.
    ///
    /// - Throws: What does not fit, or "I/O error"; nothing has then changed.
    @discardableResult
    public mutating func convert(
        _ schema: DatabaseSchema, random: inout UUIDSource,
        journal: any DatabaseJournal
    ) throws(DatabaseError) -> [DatabaseEffect] {
        let name = schema.name
        guard let old = databases[name]?.database else {
            throw DatabaseError(.unknownDatabase, name)
        }
        let new = try old.converted(to: schema, random: &random)
        try journal.replace(name, with: DatabaseSnapshot(database: new))
        databases[name] = ServedDatabase(new, random: &random)
        let over = endUse(of: name)
        let row: Condition = .compare(column: "name", .equal, Datum(.string(name)))
        let news = changeServerDatabase(
            .update(
                table: "Database", where: [row],
                row: ["schema": Datum(.string(schema.json.text))]), random: &random)
        return over + news
    }

    @discardableResult
    mutating func tellOfDatabase(
        _ schema: DatabaseSchema, random: inout UUIDSource
    ) -> [DatabaseEffect] {
        let row: RowValues = [
            "name": Datum(.string(schema.name)), "model": Datum(.string("standalone")),
            "connected": Datum(.boolean(true)), "leader": Datum(.boolean(true)),
            "schema": Datum(.string(schema.json.text)),
        ]
        return changeServerDatabase(.insert(table: "Database", row: row), random: &random)
    }

    private mutating func changeServerDatabase(
        _ operation: Operation, random: inout UUIDSource
    ) -> [DatabaseEffect] {
        let outcome = databases[Self.serverName]?.database.execute(
            [operation.json], context: TransactionContext(), random: &random
        ) { (_, _) throws(DatabaseError) in }
        guard case .committed(_, let changes)? = outcome else { return [] }
        return told(changes, in: Self.serverName, random: &random)
    }

    /// Monitors of the database end, and transactions that wait for it are canceled.
    private mutating func endUse(of name: String) -> [DatabaseEffect] {
        var effects: [DatabaseEffect] = []
        for id in sessionOrder {
            guard let session = sessions[id] else { continue }
            for waiting in session.waiting where waiting.database == name {
                effects.append(Self.canceled(waiting.id, id))
            }
            for (monitor, definition) in session.monitors where definition.database == name {
                guard session.isChangeAware else { continue }
                let news = RPCMessage.notification(
                    method: "monitor_canceled", parameters: [monitor])
                effects.append(.send(news.bytes, id))
            }
            sessions[id]?.waiting.removeAll { $0.database == name }
            sessions[id]?.monitors.removeAll { $0.monitor.database == name }
            waitingCount -= session.waiting.count - (sessions[id]?.waiting.count ?? 0)
        }
        noteWatchers()
        return effects
    }

    private mutating func closeUnaware(_ reason: String) -> [DatabaseEffect] {
        closeSessions(reason: reason) { !$0.isChangeAware }
    }

    private mutating func closeSessions(
        reason: String, where isMeant: (Session) -> Bool
    ) -> [DatabaseEffect] {
        let meant = sessionOrder.filter { sessions[$0].map(isMeant) ?? false }
        return meant.flatMap { close($0) } + meant.map { .close($0, reason: reason) }
    }
}
