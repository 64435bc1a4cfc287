// What must always hold of a database, looked up the slow way. For tests and for the fuzzer.

import DatabaseProtocol

extension Database {
    /// What is not as counting all rows would have it, or what breaks the schema; `nil` if all is
    /// well. O(rows).
    var inconsistency: String? {
        var counted = self
        counted.finishReplay()
        for (kept, wanted) in zip(tables, counted.tables) {
            let name = kept.schema.name
            if kept.strongCounts != wanted.strongCounts { return "\(name): references miscounted" }
            if kept.indexes != wanted.indexes { return "\(name): wrong index" }
            if kept.rows.count > kept.schema.rowCountMax ?? .max { return "\(name): too many rows" }
            for index in kept.indexes where index.count != kept.rows.count {
                return "\(name): two rows with the same values of an index"
            }
            for (uuid, row) in kept.rows {
                if let wrong = complaint(about: row, in: kept) {
                    return "\(name) \(uuid): \(wrong)"
                }
            }
        }
        for table in tables {
            for (target, _) in table.strongCounts where table.rows[target] == nil {
                return "\(table.schema.name): a reference to \(target), which is not there"
            }
        }
        let sum = tables.map(\.rows.count).reduce(0, +)
        return sum == rowCount ? nil : "\(rowCount) rows counted, \(sum) there"
    }

    private func complaint(about row: Row, in table: Table) -> String? {
        if !table.schema.isRoot && table.strongCounts[row.uuid] == nil { return "nobody needs it" }
        for (column, value) in zip(table.schema.columns, row.values) {  // sorted by name
            let isFit = value.count >= column.type.min && value.count <= column.type.max ?? .max
            if !isFit || value.hasNamedRows || value.isMap != column.type.isMap {
                return "column \(column.name) holds \(value.json.text)"
            }
            if let complaint = column.type.complaint(about: value) { return complaint }
        }
        for column in table.weakReferences {
            for target in column.targets(in: row) where tables[column.target].rows[target] == nil {
                return "a weak reference to \(target), which is not there"
            }
        }
        return nil
    }
}

extension DatabaseServer {
    /// What is wrong with the database called `name`; `nil` if nothing is.
    public func inconsistency(of name: String) -> String? {
        databases[name]?.database.inconsistency
    }
}
