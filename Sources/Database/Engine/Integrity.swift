// The end of a transaction: everything that must hold for the database as a whole.
//
//     touched rows -> references lost and gained; nothing refers strongly to what is not there
//        -> rows of non-root tables that nobody refers to any more go, and theirs after them
//        -> weak references to rows that are gone go
//        -> no table is too full, no index is double
//        -> the journal takes the record
//        -> counts and indexes are brought up to date, changed rows get a new version
//
// Nothing beside the rows themselves is written before the last step, so failing needs no more
// than putting the rows back.

import DatabaseProtocol

/// How often each row is referred to more (or less) than before.
private struct CountDelta {
    private(set) var delta: [RowName: Int] = [:]

    mutating func add(_ amount: Int, references of: Row, columns: [ReferenceColumn]) {
        for column in columns {
            for uuid in column.targets(in: of) {
                delta[RowName(table: column.target, uuid: uuid), default: 0] += amount
            }
        }
    }

    var names: [RowName] { delta.count < 2 ? Array(delta.keys) : delta.keys.sorted() }
}

extension Database {
    /// Checks the whole and brings it up to date.
    ///
    /// - Returns: Rows that really changed, in order.
    /// - Throws: "constraint violation", "referential integrity violation", or what `persist`
    ///   throws; then only rows have been changed, and the caller puts them back.
    mutating func commit(
        _ transaction: inout Transaction, random: inout UUIDSource,
        persisting persist: (LogRecord, Bool) throws(DatabaseError) -> Void
    ) throws(DatabaseError) -> [RowChange] {
        guard !transaction.touched.isEmpty else { return [] }
        var delta = CountDelta()
        for (name, old) in transaction.touched {  // a sum: the order does not matter
            let columns = tables[name.table].strongReferences
            guard !columns.isEmpty else { continue }
            if let old { delta.add(-1, references: old, columns: columns) }
            if let new = row(name) { delta.add(1, references: new, columns: columns) }
        }
        // Before garbage is collected: also a row that will go may not refer to what is not there.
        try checkReferences(delta, transaction)
        repeat {
            collectGarbage(&delta, in: &transaction)
        } while try pruneWeakReferences(&delta, in: &transaction)
        let names = transaction.touchedNames()
        try checkRowCounts(names)
        try checkIndexes(names)
        let changes = changes(of: transaction, names, random: &random)
        if let record = logRecord(of: changes, comments: transaction.comments) {
            try persist(record, transaction.isDurable)
        }
        settle(delta, changes)
        return changes
    }

    private func strongCount(_ name: RowName, _ delta: CountDelta) -> Int {
        tables[name.table].strongCounts[name.uuid, default: 0] + delta.delta[name, default: 0]
    }

    private mutating func collectGarbage(
        _ delta: inout CountDelta, in transaction: inout Transaction
    ) {
        var suspects: [RowName] = []
        for (name, _) in transaction.touched where !tables[name.table].schema.isRoot {
            suspects.append(name)
        }
        for (name, _) in delta.delta where !tables[name.table].schema.isRoot {
            suspects.append(name)
        }
        suspects.sort()
        while let name = suspects.popLast() {
            guard !tables[name.table].schema.isRoot, let row = row(name),
                strongCount(name, delta) == 0
            else { continue }
            change(name, to: nil, in: &transaction)
            let columns = tables[name.table].strongReferences
            delta.add(-1, references: row, columns: columns)
            for column in columns {
                suspects += column.targets(in: row).map { RowName(table: column.target, uuid: $0) }
            }
        }
    }

    /// Removes weak references to rows that are not there.
    ///
    /// - Returns: Whether a row changed, so that there may be new garbage.
    private mutating func pruneWeakReferences(
        _ delta: inout CountDelta, in transaction: inout Transaction
    ) throws(DatabaseError) -> Bool {
        let touched = transaction.touchedNames()
        var losing: Set<Int> = []
        for name in touched where !isThere(name) { losing.insert(name.table) }
        var isChanged = false
        for table in tablesWithWeakReferences {
            let weak = tables[table].weakReferences
            let mayDangle =
                weak.contains { losing.contains($0.target) }
                ? tables[table].sortedUUIDs : touched.filter { $0.table == table }.map(\.uuid)
            for uuid in mayDangle {
                let name = RowName(table: table, uuid: uuid)
                guard let row = row(name), let pruned = try prune(row, weak, table) else {
                    continue
                }
                delta.add(-1, references: row, columns: tables[table].strongReferences)
                delta.add(1, references: pruned, columns: tables[table].strongReferences)
                change(name, to: pruned, in: &transaction)
                isChanged = true
            }
        }
        return isChanged
    }

    /// The row without its dangling weak references, or `nil` if it has none.
    private func prune(
        _ row: Row, _ columns: [ReferenceColumn], _ table: Int
    ) throws(DatabaseError) -> Row? {
        var pruned: Row?
        for column in columns {
            let datum = row.values[column.place]
            for (place, key) in datum.keys.enumerated() {  // sorted
                let atom = column.isValue ? datum.values[place] : key
                guard let uuid = atom.uuid, tables[column.target].rows[uuid] == nil else {
                    continue
                }
                if pruned == nil { pruned = row }
                pruned?.values[column.place].remove(key)
            }
            let schema = tables[table].schema.columns[column.place]
            guard let left = pruned?.values[column.place], left.count < schema.type.min else {
                continue
            }
            throw DatabaseError(
                .constraintViolation,
                "deletion of the rows that column \(schema.name) of row \(row.uuid) in table "
                    + "\(tables[table].schema.name) weakly refers to would leave it empty")
        }
        return pruned
    }

    private func checkReferences(
        _ delta: CountDelta, _ transaction: Transaction
    ) throws(DatabaseError) {
        var missing: Set<RowName> = []
        for (name, _) in transaction.touched where !isThere(name) { missing.insert(name) }
        for (name, _) in delta.delta where !isThere(name) { missing.insert(name) }
        for name in missing.sorted() {
            let count = strongCount(name, delta)
            guard count > 0 else { continue }
            let table = tables[name.table].schema.name
            throw DatabaseError(
                .referentialIntegrityViolation,
                tables[name.table].strongCounts[name.uuid] != nil
                    ? "cannot delete \(table) row \(name.uuid) because of \(count) "
                        + "remaining reference(s)"
                    : "\(count) reference(s) to nonexistent row \(name.uuid) in table \(table)")
        }
    }

    private func checkRowCounts(_ names: [RowName]) throws(DatabaseError) {
        var previous: Int?
        for table in names.lazy.map(\.table) where table != previous {
            previous = table
            guard let max = tables[table].schema.rowCountMax, tables[table].rows.count > max else {
                continue
            }
            throw DatabaseError(
                .constraintViolation,
                "transaction causes \"\(tables[table].schema.name)\" table to contain "
                    + "\(tables[table].rows.count) rows, greater than the schema-defined limit of "
                    + "\(max) row(s)")
        }
    }

    private func checkIndexes(_ names: [RowName]) throws(DatabaseError) {
        var taken: [[[Datum]: UUIDValue]] = []
        var previous: Int?
        for name in names where !tables[name.table].indexColumns.isEmpty {
            let table = tables[name.table]
            if previous != name.table {
                taken = Array(repeating: [:], count: table.indexColumns.count)
                previous = name.table
            }
            guard let row = row(name) else { continue }
            for index in table.indexColumns.indices {
                let key = table.indexKey(index, row)
                let holder = table.indexes[index][key].flatMap { table.rows[$0] }
                // Who held the values before may have been given others in this transaction.
                let holds = holder.map { table.indexKey(index, $0) == key } ?? false
                let rival = holds ? holder?.uuid : taken[index][key]
                guard let rival, rival != name.uuid else {
                    taken[index][key] = name.uuid
                    continue
                }
                let values = key.map(\.json.text).joined(separator: ", ")
                throw DatabaseError(
                    .constraintViolation,
                    "transaction causes rows \(rival) and \(name.uuid) in \"\(table.schema.name)\" "
                        + "table to have identical values (\(values)) "
                        + "for index on \(table.schema.indexes[index].joined(separator: ", "))")
            }
        }
    }

    /// What really changed, in order; changed rows get their new version.
    private func changes(
        of transaction: Transaction, _ names: [RowName],
        random: inout UUIDSource
    ) -> [RowChange] {
        var changes: [RowChange] = []
        for name in names {
            let old = transaction.original(name)
            guard var new = row(name) else {
                if old != nil {
                    changes.append(
                        RowChange(table: name.table, uuid: name.uuid, old: old, new: nil))
                }
                continue
            }
            if let old {
                guard Datum.difference(new.values, old.values, from: 0) != nil else { continue }
                new.version = UUIDValue(random: random.next(), random.next())
            }
            changes.append(RowChange(table: name.table, uuid: name.uuid, old: old, new: new))
        }
        return changes
    }

    /// Writes rows with their versions, counts and indexes. Nothing can fail any more.
    private mutating func settle(_ delta: CountDelta, _ changes: [RowChange]) {
        for name in delta.names {
            let count = strongCount(name, delta)
            tables[name.table].strongCounts[name.uuid] = count == 0 ? nil : count
        }
        for change in changes {
            guard change.old != nil else { continue }
            unfile(change)
            if let new = change.new {  // with its new version
                setRow(RowName(table: change.table, uuid: change.uuid), new)
            }
        }
        for change in changes { file(change) }
    }

    private mutating func unfile(_ change: RowChange) {
        guard let old = change.old else { return }
        for index in tables[change.table].indexes.indices {
            let key = tables[change.table].indexKey(index, old)
            if tables[change.table].indexes[index][key] == change.uuid {
                tables[change.table].indexes[index][key] = nil
            }
        }
    }

    private mutating func file(_ change: RowChange) {
        guard let new = change.new else { return }
        for index in tables[change.table].indexes.indices {
            let key = tables[change.table].indexKey(index, new)
            tables[change.table].indexes[index][key] = change.uuid
        }
    }
}
