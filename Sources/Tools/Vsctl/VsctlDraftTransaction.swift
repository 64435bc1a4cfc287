// From the draft to the transaction. The order of operations is that of Open vSwitch's own tool,
// but where that one leaves it to chance: waits, an empty singleton, changes, the counter, comment.

import DatabaseProtocol
import DatabaseReplica

/// A transaction, and where in it to look for what the user wants to know.
struct VsctlTransaction {
    var builder: TransactionBuilder
    /// Where each inserted row's permanent name will be told.
    var insertPlaces: [Atom: Int] = [:]
    /// Where the new `next_cfg` will be told; `nil` if nobody waits for the switch.
    var nextConfigurationPlace: Int?
}

extension VsctlDraft {
    /// The draft as one transaction; `nil` if it would change nothing.
    ///
    /// - Parameters:
    ///   - root: The row of `Open_vSwitch` whose `next_cfg` is counted up; `nil` for `--no-wait`.
    ///   - comment: For the database's log.
    func transaction(
        waitingAt root: RowKey?, comment: String, isDryRun: Bool
    ) -> VsctlTransaction? {
        var result = VsctlTransaction(builder: TransactionBuilder(database: schema.name))
        appendWaits(to: &result.builder)
        var hasChanges = false
        for key in touched {
            guard let edit = edits[key] else { continue }
            if append(edit, of: key, to: &result) { hasChanges = true }
        }
        guard hasChanges else { return nil }
        if let root {
            result.nextConfigurationPlace = result.builder.bumpNextConfiguration(of: root.name)
        }
        result.builder.comment(comment)
        if isDryRun { result.builder.append(.abort) }
        return result
    }

    private func appendWaits(to builder: inout TransactionBuilder) {
        for key in verified.keys.sorted(by: Self.precede) {
            guard let row = original(key), let columns = verified[key] else { continue }
            builder.verify(row, columns.sortedByBytes())
        }
        for table in schema.tables where table.rowCountMax == 1 {
            let isEmpty = replica.rows(of: table.name).isEmpty
            if isEmpty, rows(of: table.name).count == 1 { builder.verifyEmpty(table.name) }
        }
    }

    private static func precede(_ a: RowKey, _ b: RowKey) -> Bool {
        a.table == b.table ? a.name < b.name : a.table.precedes(b.table)
    }

    /// - Returns: Whether the database will differ for it.
    private func append(
        _ edit: RowEdit, of key: RowKey, to result: inout VsctlTransaction
    ) -> Bool {
        guard let table = schema.table(key.table) else { return false }
        if edit.isDeleted {
            // Rows of other tables go by themselves when nothing refers to them any more.
            guard !edit.isInserted, table.isRoot, let row = original(key) else { return false }
            result.builder.delete(row)
            return true
        }
        if edit.isInserted {
            let given = edit.written.columns.filter { name, value in
                table.column(name).map { value != .initial(of: $0.type) } ?? true
            }
            result.insertPlaces[key.name] = result.builder.append(
                .insert(
                    table: key.table, row: RowValues(given), name: name(of: key),
                    uuid: edit.persistentUUID))
            return true
        }
        guard let row = original(key) else { return false }
        var hasChanged = false
        if !edit.written.isEmpty {
            result.builder.update(row, edit.written)
            hasChanged = edit.written.columns.contains { name, value in row[name] != value }
        }
        if !edit.mutations.isEmpty {
            result.builder.mutate(row, edit.mutations)
            hasChanged = true
        }
        return hasChanged
    }

    private func name(of key: RowKey) -> String? {
        if case .namedUUID(let name) = key.name { name } else { nil }
    }
}
