// A changed row as a line: `+ Port eth5: tag=5`, `~ Bridge br0: ports +eth5 -eth6`, `- Port eth9`.

import DatabaseHistory
import DatabaseProtocol
import DatabaseReplica

/// What rows are called by people.
struct RowNames {
    private var names: [UUIDValue: String] = [:]

    init() {}

    /// Rows of the picture and those that the draft inserts.
    init(_ draft: VsctlDraft) {
        for table in draft.schema.tables {
            for row in draft.replica.rows(of: table.name) {
                learn(row.uuid, Self.name { row[$0] })
            }
        }
        for key in draft.touched {
            guard let uuid = Self.uuid(of: key.name) else { continue }
            learn(uuid, Self.name { draft.read(key, $0) })
        }
    }

    mutating func learn(_ rows: [PastRow]) {
        for row in rows {
            guard let values = row.after ?? row.before else { continue }
            learn(row.uuid, Self.name { values[$0] ?? .empty })
        }
    }

    private mutating func learn(_ uuid: UUIDValue, _ name: String?) {
        if let name { names[uuid] = name }
    }

    func name(of uuid: UUIDValue) -> String {
        names[uuid] ?? String(uuid.description.prefix(8))
    }

    func text(_ atom: Atom) -> String {
        if let uuid = Self.uuid(of: atom) { return name(of: uuid) }
        let text = atom.bareText
        let isPlain = !text.isEmpty && !text.utf8.contains { " ,\n\"".utf8.contains($0) }
        return isPlain ? text : atom.text
    }

    private static func name(_ column: (String) -> Datum) -> String? {
        for name in ["name", "target"] {
            if let text = column(name).only?.string, !text.isEmpty { return text }
        }
        return nil
    }

    /// A row that the draft inserts has no UUID yet; it gets one here that nobody else has.
    static func uuid(of atom: Atom) -> UUIDValue? {
        switch atom {
        case .uuid(let uuid): uuid
        case .namedUUID(let name):
            UUIDValue(
                high: 0, low: UInt64(leadingNumber(String(name.dropFirst(3)))))
        case .integer, .real, .boolean, .string: nil
        }
    }
}

/// One line, and the same in pieces.
struct PastRowText {
    let sign: String
    let table: String
    let name: String
    var columns: [String] = []

    init(row: PastRow, _ names: RowNames, _ schema: DatabaseSchema) {
        table = row.table
        name = names.name(of: row.uuid)
        switch (row.before, row.after) {
        case (nil, _): sign = "+"
        case (_, nil): sign = "-"
        case (_, _): sign = "~"
        }
        guard let table = schema.table(row.table), let after = row.after else { return }
        for name in row.wishedColumns {
            guard let column = table.column(name) else { continue }
            let new = after[name] ?? .empty
            guard let before = row.before else {
                if new != .initial(of: column.type), name != "name" {
                    columns.append("\(name)=\(Self.value(new, names))")
                }
                continue
            }
            let change = Self.change(before[name] ?? .empty, new, column.type, names)
            columns.append("\(name) \(change)")
        }
    }

    var line: String {
        "\(sign) \(table) \(name)" + (columns.isEmpty ? "" : ": " + columns.joined(separator: ", "))
    }

    private static func value(_ datum: Datum, _ names: RowNames) -> String {
        let words = elements(datum, names)
        return words.count == 1 && !datum.isMap
            ? words[0]
            : (datum.isMap ? "{" : "[") + words.joined(separator: " ") + (datum.isMap ? "}" : "]")
    }

    private static func elements(_ datum: Datum, _ names: RowNames) -> [String] {
        datum.isMap
            ? datum.pairs.map { "\($0.bareText)=\(names.text($1))" } : datum.keys.map(names.text)
    }

    private static func change(
        _ old: Datum, _ new: Datum, _ type: ColumnType, _ names: RowNames
    ) -> String {
        guard type.max != 1 else {
            return "\(value(old, names)) -> \(value(new, names))"
        }
        let (old, new) = (elements(old, names), elements(new, names))
        let gone = old.filter { !new.contains($0) }.map { "-\($0)" }
        let come = new.filter { !old.contains($0) }.map { "+\($0)" }
        return (gone + come).joined(separator: " ")
    }
}

extension PastRow {
    /// The row of the transaction that takes this one back.
    var inverse: PastRow { PastRow(table: table, uuid: uuid, before: after, after: before) }
}

extension VsctlDraft {
    /// What the draft changes, by table and then in the order of the commands.
    func changedRows() -> [PastRow] {
        var rows: [PastRow] = []
        for key in touched {
            guard let edit = edits[key], let table = schema.table(key.table),
                let uuid = RowNames.uuid(of: key.name)
            else { continue }
            let columns = table.columns.filter {
                !$0.isEphemeral && !PastRow.isReport($0.name, of: key.table)
            }
            let before = original(key).map { row in
                RowValues(columns.map { ($0.name, row[$0.name]) })
            }
            let after = RowValues(
                columns.map { ($0.name, read(key, $0.name).mutated(by: edit, $0)) })
            guard !(edit.isInserted && edit.isDeleted), edit.isDeleted || before != after else {
                continue
            }
            rows.append(
                PastRow(
                    table: key.table, uuid: uuid, before: edit.isInserted ? nil : before,
                    after: edit.isDeleted ? nil : after))
        }
        return rows
    }
}

extension Datum {
    /// This value after the mutations that the draft holds for its column.
    fileprivate func mutated(by edit: VsctlDraft.RowEdit, _ column: ColumnSchema) -> Datum {
        var value = self
        for mutation in edit.mutations where mutation.column == column.name {
            switch mutation.mutator {
            case .insert:
                for (key, element) in mutation.operand.pairs { value[key] = element }
            case .delete:
                for key in mutation.operand.keys { value.remove(key) }  // sorted
            case .add, .subtract, .multiply, .divide, .remainder: break
            }
        }
        return value
    }
}
