// Operations that only look: which rows match, what they hold, whether a wait is content.

import DatabaseProtocol

extension Database {
    /// The value with named rows replaced by their UUIDs; a name heard for the first time gets one.
    func resolve(
        _ value: Datum, in transaction: inout Transaction,
        random: inout UUIDSource
    ) -> Datum {
        value.resolvingNames { name in
            if let known = transaction.names[name] { return known }
            let fresh = UUIDValue(random: random.next(), random.next())
            transaction.names[name] = fresh
            return fresh
        }
    }

    /// The rows that meet all `conditions`, in order.
    func matching(
        _ tableName: String, _ conditions: [Condition], in transaction: inout Transaction,
        random: inout UUIDSource
    ) -> [RowName] {
        let place = schema.place(of: tableName) ?? 0
        var resolved: [Condition] = []
        for condition in conditions {
            if case .compare(let column, let function, let operand) = condition {
                let operand = resolve(operand, in: &transaction, random: &random)
                resolved.append(.compare(column: column, function, operand))
            } else {
                resolved.append(condition)
            }
        }
        let test = RowTest(resolved, table: tables[place].schema)
        if let only = test.onlyRow {
            guard let row = tables[place].rows[only], test.isMetEntirely(by: row) else { return [] }
            return [RowName(table: place, uuid: only)]
        }
        if let few = candidates(resolved, place, transaction) {
            return few.filter { row($0).map(test.isMetEntirely) ?? false }
        }
        var found: [UUIDValue] = []
        for (uuid, row) in tables[place].rows where test.isMetEntirely(by: row) {
            found.append(uuid)
        }
        return found.sorted().map { RowName(table: place, uuid: $0) }
    }

    /// If the conditions name the values of an index: the only rows that may meet them, in order.
    /// The indexes know the rows as they were before the transaction.
    private func candidates(
        _ conditions: [Condition], _ place: Int, _ transaction: Transaction
    ) -> [RowName]? {
        let table = tables[place]
        guard table.rows.count > 8 else { return nil }
        var wanted: [Int: Datum] = [:]
        for case .compare(let column, .equal, let operand) in conditions {
            if let column = table.schema.place(of: column) { wanted[column] = operand }
        }
        guard !wanted.isEmpty else { return nil }
        for (index, columns) in table.indexColumns.enumerated() {
            let key = columns.compactMap { wanted[$0] }
            guard key.count == columns.count else { continue }
            var names = Set(transaction.touched.lazy.map(\.name).filter { $0.table == place })
            if let uuid = table.indexes[index][key] {
                names.insert(RowName(table: place, uuid: uuid))
            }
            return names.sorted()
        }
        return nil
    }

    /// The result of a "select".
    func select(
        _ tableName: String, _ conditions: [Condition], _ columns: [String]?,
        in transaction: inout Transaction, random: inout UUIDSource
    ) -> JSON {
        let table = tables[schema.place(of: tableName) ?? 0].schema
        let names = columns ?? ["_uuid", "_version"] + table.columns.map(\.name)
        let places = names.map { ($0, ColumnPlace($0, in: table)) }
        var seen: Set<JSONObject> = []
        var rows: [JSON] = []
        for name in matching(tableName, conditions, in: &transaction, random: &random) {
            guard let row = row(name) else { continue }
            let object = JSONObject(
                distinct: places.map { ($0, $1.value(in: row).json) })
            // Of rows that look alike in the wanted columns one is told. RFC 7047 §5.2.2.
            guard names.contains("_uuid") || seen.insert(object).inserted else { continue }
            rows.append(.object(object))
        }
        return ["rows": .array(rows)]
    }

    /// Whether the rows are as a "wait" wishes. RFC 7047 §5.2.6.
    func isContent(
        _ operation: Operation, in transaction: inout Transaction,
        random: inout UUIDSource
    ) -> Bool {
        guard
            case .wait(let tableName, let conditions, let columns, let until, let wishes, _) =
                operation
        else { return true }
        let table = tables[schema.place(of: tableName) ?? 0].schema
        let names = columns ?? table.columns.map(\.name)
        let places = names.map { ColumnPlace($0, in: table) }
        var present: Set<[Datum]> = []
        for name in matching(tableName, conditions, in: &transaction, random: &random) {
            if let row = row(name) { present.insert(places.map { $0.value(in: row) }) }
        }
        var wanted: Set<[Datum]> = []
        for wish in wishes {
            var values: [Datum] = []
            for name in names {
                let type = table.column(name)?.type ?? ColumnSchema.uuid.type
                let value = wish[name] ?? .initial(of: type)
                values.append(resolve(value, in: &transaction, random: &random))
            }
            wanted.insert(values)
        }
        return (present == wanted) == (until == .equal)
    }
}
