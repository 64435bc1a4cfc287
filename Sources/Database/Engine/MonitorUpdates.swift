// News of rows, in the words of each dialect.
//
//     update    {"Port": {"<uuid>": {"old": {changed columns}, "new": {all columns}}}}
//     update2   {"Port": {"<uuid>": {"initial" | "insert": {columns not at their initial value}}
//                                   {"modify": {column: difference}}, {"delete": null}}}

import DatabaseProtocol

extension MonitoredTable {
    fileprivate enum News { case initial, insert, delete, modify }

    /// Appends what is told of the rows of `table` when the monitor begins: members of an object,
    /// without its brackets.
    ///
    /// - Returns: Whether there was one.
    fileprivate func writeInitialNews(
        _ table: Table, _ dialect: MonitorDialect, to out: inout [UInt8]
    ) -> Bool {
        let wanted = columns.filter { $0.selection.wants(.initial) }
        var isEmpty = true
        for uuid in table.sortedUUIDs {
            guard let row = table.rows[uuid], shows(row) else { continue }
            out.append(contentsOf: (isEmpty ? "\"" : ",\"").utf8)
            isEmpty = false
            uuid.write(to: &out)
            out.append(contentsOf: (dialect == .update ? #"":{"new":{"# : #"":{"initial":{"#).utf8)
            var isFirst = true
            for column in wanted {
                let value = column.place.value(in: row)
                // Only the oldest dialect tells what everybody knows.
                guard dialect == .update || value != column.initial else { continue }
                if !isFirst { out.append(UInt8(ascii: ",")) }
                isFirst = false
                JSON.write(column.name, to: &out)
                out.append(UInt8(ascii: ":"))
                value.write(to: &out)
            }
            out.append(contentsOf: "}}".utf8)
        }
        return !isEmpty
    }

    /// Tells of a change; `nil` if the client need not hear.
    func news(of change: RowChange, _ dialect: MonitorDialect) -> JSON? {
        news(
            old: change.old.flatMap { shows($0) ? $0 : nil },
            new: change.new.flatMap { shows($0) ? $0 : nil }, dialect)
    }

    /// Tells that what the client could see of a row, `old`, is now `new`.
    func news(old: Row?, new: Row?, _ dialect: MonitorDialect) -> JSON? {
        switch (old, new) {
        case (nil, nil): nil
        case (nil, let new?): selection.insert ? news(.insert, old: nil, new: new, dialect) : nil
        case (let old?, nil): selection.delete ? news(.delete, old: old, new: nil, dialect) : nil
        case (let old?, let new?):
            selection.modify ? news(.modify, old: old, new: new, dialect) : nil
        }
    }

    private func news(_ kind: News, old: Row?, new: Row?, _ dialect: MonitorDialect) -> JSON? {
        let wanted = columns.filter { $0.selection.wants(kind) }
        switch dialect {
        case .update: return whole(kind, wanted, old: old, new: new)
        case .update2, .update3: return difference(kind, wanted, old: old, new: new)
        }
    }

    private func whole(_ kind: News, _ wanted: [Column], old: Row?, new: Row?) -> JSON? {
        func all(_ row: Row) -> JSON {
            .object(JSONObject(distinct: wanted.map { ($0.name, $0.place.value(in: row).json) }))
        }
        guard let old else { return new.map { ["new": all($0)] } }
        guard let new else { return ["old": all(old)] }
        let changed = wanted.filter { $0.place.value(in: old) != $0.place.value(in: new) }
        guard !changed.isEmpty else { return nil }
        let before = JSONObject(distinct: changed.map { ($0.name, $0.place.value(in: old).json) })
        return ["old": .object(before), "new": all(new)]
    }

    private func difference(_ kind: News, _ wanted: [Column], old: Row?, new: Row?) -> JSON? {
        guard let new else { return ["delete": nil] }
        var columns: [(String, JSON)] = []
        for column in wanted {
            let value = column.place.value(in: new)
            let before = old.map { column.place.value(in: $0) } ?? column.initial
            guard value != before else { continue }
            let told = old == nil ? value : before.difference(to: value, type: column.type)
            columns.append((column.name, told.json))
        }
        let told = JSON.object(JSONObject(distinct: columns))
        switch kind {
        case .initial, .insert: return ["insert": told]
        case .delete, .modify: return columns.isEmpty ? nil : ["modify": told]
        }
    }
}

extension MonitorRequest.Selection {
    fileprivate func wants(_ kind: MonitoredTable.News) -> Bool {
        switch kind {
        case .initial: initial
        case .insert: insert
        case .delete: delete
        case .modify: modify
        }
    }
}

extension Monitor {
    /// Appends all rows, as the answer to the request that began the monitor.
    func writeInitialNews(_ database: Database, to out: inout [UInt8]) {
        out.append(UInt8(ascii: "{"))
        var isFirst = true
        for table in tables where table.selection.initial {
            let stored = database.tables[table.place]
            let before = out.count
            if !isFirst { out.append(UInt8(ascii: ",")) }
            JSON.write(stored.schema.name, to: &out)
            out.append(contentsOf: ":{".utf8)
            if table.writeInitialNews(stored, dialect, to: &out) {
                isFirst = false
                out.append(UInt8(ascii: "}"))
            } else {
                out.removeLast(out.count - before)
            }
        }
        out.append(UInt8(ascii: "}"))
    }

    /// What the client is to hear of `changes`, which are in order; empty if nothing.
    func news(of changes: [RowChange], _ database: Database) -> JSONObject {
        var rows: [(table: Int, uuid: UUIDValue, news: JSON)] = []
        for change in changes {
            if let news = table(change.table)?.news(of: change, dialect) {
                rows.append((change.table, change.uuid, news))
            }
        }
        return Self.grouped(rows, database)
    }

    /// What the client is to hear because it now wants to know of other rows.
    func news(changingTo other: Monitor, _ database: Database) -> JSONObject {
        var rows: [(table: Int, uuid: UUIDValue, news: JSON)] = []
        for (before, after) in zip(tables, other.tables) {
            let stored = database.tables[before.place]
            for uuid in stored.sortedUUIDs {
                guard let row = stored.rows[uuid], before.shows(row) != after.shows(row),
                    let news = after.news(
                        old: before.shows(row) ? row : nil, new: after.shows(row) ? row : nil,
                        dialect)
                else { continue }
                rows.append((before.place, uuid, news))
            }
        }
        return Self.grouped(rows, database)
    }

    private static func grouped(
        _ rows: [(table: Int, uuid: UUIDValue, news: JSON)], _ database: Database
    ) -> JSONObject {
        var news = JSONObject()
        var rest = rows[...]
        while let first = rest.first {
            let group = rest.prefix { $0.table == first.table }
            rest = rest.dropFirst(group.count)
            let name = database.schema.tables[first.table].name
            news[name] = .object(
                JSONObject(distinct: group.map { ($0.uuid.description, $0.news) }))
        }
        return news
    }
}
