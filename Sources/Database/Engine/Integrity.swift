// The end of a transaction: everything that must hold for the database as a whole.
//
//     touched rows -> references lost and gained
//        -> rows of non-root tables that nobody refers to any more go, and theirs after them
//        -> weak references to rows that are gone go
//        -> nothing refers strongly to what is not there, no table is too full, no index is double
//        -> counts and indexes are brought up to date, changed rows get a new version
//
// Nothing beside the rows themselves is written before the last step, so failing needs no more
// than putting the rows back.

import DatabaseProtocol

/// How often each row is referred to more (or less) than before.
private struct CountDelta {
    private(set) var delta: [RowName: Int] = [:]

    mutating func add(_ amount: Int, references of: Row, columns: [ReferenceColumn]) {
        for column in columns where column.strength == .strong {
            for uuid in column.targets(in: of) {
                delta[RowName(table: column.target, uuid: uuid), default: 0] += amount
            }
        }
    }

    var names: [RowName] { delta.keys.sorted() }
}

extension Database {
    /// Checks the whole and brings it up to date.
    ///
    /// - Returns: Rows that really changed, in order.
    /// - Throws: "constraint violation" or "referential integrity violation"; then only rows have
    ///   been changed, and the caller puts them back.
    mutating func commit(
        _ transaction: inout Transaction, random: inout some RandomNumberGenerator
    ) throws(DatabaseError) -> [RowChange] {
        var delta = CountDelta()
        for name in transaction.touchedNames {
            let columns = tables[name.table].references
            if let old = transaction.original(name) {
                delta.add(-1, references: old, columns: columns)
            }
            if let new = row(name) { delta.add(1, references: new, columns: columns) }
        }
        repeat {
            collectGarbage(&delta, in: &transaction)
        } while try pruneWeakReferences(&delta, in: &transaction)
        try checkReferences(delta, transaction)
        try checkRowCounts(transaction)
        try checkIndexes(transaction)
        return settle(delta, transaction, random: &random)
    }

    private func strongCount(_ name: RowName, _ delta: CountDelta) -> Int {
        tables[name.table].strongCounts[name.uuid, default: 0] + delta.delta[name, default: 0]
    }

    private mutating func collectGarbage(
        _ delta: inout CountDelta, in transaction: inout Transaction
    ) {
        var suspects = Set(transaction.touchedNames).union(delta.names).sorted()
        while let name = suspects.popLast() {
            guard !tables[name.table].schema.isRoot, let row = row(name),
                strongCount(name, delta) == 0
            else { continue }
            change(name, to: nil, in: &transaction)
            let columns = tables[name.table].references
            delta.add(-1, references: row, columns: columns)
            for column in columns where column.strength == .strong {
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
        let touched = transaction.touchedNames
        let losing = Set(touched.filter { row($0) == nil }.map(\.table))
        var isChanged = false
        for table in tables.indices {
            let weak = tables[table].references.filter { $0.strength == .weak }
            guard !weak.isEmpty else { continue }
            let mayDangle =
                weak.contains { losing.contains($0.target) }
                ? tables[table].sortedUUIDs : touched.filter { $0.table == table }.map(\.uuid)
            for uuid in mayDangle {
                let name = RowName(table: table, uuid: uuid)
                guard let row = row(name), let pruned = try prune(row, weak, table) else {
                    continue
                }
                delta.add(-1, references: row, columns: tables[table].references)
                delta.add(1, references: pruned, columns: tables[table].references)
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
        var pruned = row
        for column in columns {
            for (place, key) in row.values[column.place].keys.enumerated() {  // sorted
                let datum = row.values[column.place]
                let atom = column.isValue ? datum.values[place] : key
                guard let uuid = atom.uuid, tables[column.target].rows[uuid] == nil else {
                    continue
                }
                pruned.values[column.place].remove(key)
            }
            let schema = tables[table].schema.columns[column.place]
            guard pruned.values[column.place].count >= schema.type.min else {
                throw DatabaseError(
                    .constraintViolation,
                    "deletion of the rows that column \(schema.name) of row \(row.uuid) in table "
                        + "\(tables[table].schema.name) weakly refers to would leave it empty")
            }
        }
        return pruned == row ? nil : pruned
    }

    private func checkReferences(
        _ delta: CountDelta, _ transaction: Transaction
    ) throws(DatabaseError) {
        for name in Set(transaction.touchedNames).union(delta.names).sorted() where row(name) == nil
        {
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

    private func checkRowCounts(_ transaction: Transaction) throws(DatabaseError) {
        for table in Set(transaction.touchedNames.map(\.table)).sorted() {
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

    private func checkIndexes(_ transaction: Transaction) throws(DatabaseError) {
        var taken: [[[Datum]: UUIDValue]] = []
        var previous: Int?
        for name in transaction.touchedNames {
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

    /// Writes counts and indexes, and gives changed rows their new version.
    private mutating func settle(
        _ delta: CountDelta, _ transaction: Transaction, random: inout some RandomNumberGenerator
    ) -> [RowChange] {
        for name in delta.names {
            let count = strongCount(name, delta)
            tables[name.table].strongCounts[name.uuid] = count == 0 ? nil : count
        }
        var changes: [RowChange] = []
        for name in transaction.touchedNames {
            let old = transaction.original(name)
            guard var new = row(name) else {
                if old != nil {
                    changes.append(
                        RowChange(table: name.table, uuid: name.uuid, old: old, new: nil))
                }
                continue
            }
            guard new.values != old?.values else { continue }
            if old != nil { new.version = UUIDValue(random: random.next(), random.next()) }
            setRow(name, new)
            changes.append(RowChange(table: name.table, uuid: name.uuid, old: old, new: new))
        }
        for change in changes { unfile(change) }
        for change in changes { file(change) }
        return changes
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
