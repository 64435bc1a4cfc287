// One database: tables, and transactions on them that happen wholly or not at all.
// RFC 7047 §4.1.3.

package import DatabaseProtocol

/// The tables of one database.
package struct Database: Sendable {
    package let schema: DatabaseSchema
    var tables: [Table]
    /// Places of the tables that have such columns.
    let tablesWithWeakReferences: [Int]
    var rowCount = 0

    /// An empty database.
    package init(schema: DatabaseSchema) {
        self.schema = schema
        let tables = schema.tables.map { Table($0, in: schema) }
        self.tables = tables
        tablesWithWeakReferences = tables.indices.filter { !tables[$0].weakReferences.isEmpty }
    }

    /// Carries out the operations of one transaction, in order.
    ///
    /// The results are one for each operation up to the one that failed, then its error, then
    /// `null` for those never tried; an error of the whole stands behind all results.
    ///
    /// - Parameters:
    ///   - random: Where the names of new rows come from.
    ///   - persist: Takes the record of what changed and lasts, and whether it was to be durable.
    ///     If it throws, nothing has changed.
    package mutating func execute(
        _ operations: [JSON], context: TransactionContext,
        random: inout UUIDSource,
        persisting persist: (LogRecord, Bool) throws(DatabaseError) -> Void
    ) -> Outcome {
        var transaction = Transaction(context: context)
        bindGivenNames(operations, in: &transaction)
        var results: [JSON] = []
        do throws(DatabaseError) {
            for json in operations {
                switch try execute(json, in: &transaction, random: &random) {
                case .result(let result): results.append(result)
                case .wait(let until):
                    undo(transaction)
                    return .waiting(untilMillisecondsAfterArrival: until)
                }
            }
            return .committed(
                results: results,
                changes: try commit(&transaction, random: &random, persisting: persist))
        } catch {
            undo(transaction)
            results.append(error.json)
            let untried = max(0, operations.count - results.count)
            return .failed(results: results + Array(repeating: .null, count: untried))
        }
    }

    /// A row with both a name and a given UUID must have it even where it is named beforehand.
    private func bindGivenNames(_ operations: [JSON], in transaction: inout Transaction) {
        for json in operations {
            guard let name = json.object?["uuid-name"]?.string, json.object?["op"] == "insert",
                let uuid = json.object?["uuid"]?.string.flatMap({ UUIDValue($0) })
            else { continue }
            transaction.names[name] = uuid
        }
    }

    private mutating func undo(_ transaction: Transaction) {
        for (name, was) in transaction.touched { setRow(name, was) }
    }

    /// Puts a row in its place, or removes it.
    mutating func setRow(_ name: RowName, _ row: Row?) {
        let old =
            if let row {
                tables[name.table].rows.updateValue(row, forKey: name.uuid)
            } else {
                tables[name.table].rows.removeValue(forKey: name.uuid)
            }
        rowCount += (row == nil ? 0 : 1) - (old == nil ? 0 : 1)
    }

    func row(_ name: RowName) -> Row? { tables[name.table].rows[name.uuid] }

    func isThere(_ name: RowName) -> Bool {
        tables[name.table].rows.index(forKey: name.uuid) != nil
    }
}
