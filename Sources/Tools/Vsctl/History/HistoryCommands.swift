// What was done, taking it back, and what would be done: commands that Open vSwitch does not have.
//
//     log [COUNT]      transactions of the database's file: when, who, what
//     undo [NUMBER]    the inverse of the last one, as a new transaction
//     diff FILE        what the lines of FILE would change, and nothing more

import DatabaseHistory
import DatabaseProtocol
import DatabaseReplica

extension VsctlCommand {
    static let history = [
        VsctlCommand(
            "log", 0...1, "[COUNT]", options: ["--file=", "--all"],
            prints: ["number", "date", "who", "command", "changes"], run: log),
        VsctlCommand(
            "undo", 0...1, "[NUMBER]", options: ["--file="],
            prints: ["change", "table", "record", "columns"], run: undo),
        VsctlCommand(
            "diff", 1...1, "FILE", prints: ["change", "table", "record", "columns"], run: diff),
    ]

    // MARK: log

    @Sendable private static func log(_ context: inout VsctlContext) throws(VsctlStop) {
        let history = try context.history()
        var changes = history.changes.filter { context.has("--all") || $0.isOfOperator }
        if let word = context.arguments.first {
            guard let count = Int(word), count > 0 else {
                throw .failure("\(word) is no number of transactions")
            }
            changes = Array(changes.suffix(count))
        }
        var names = RowNames()
        for change in changes {
            names.learn(change.rows)
            let date = change.milliseconds.map(HistoryDate.text) ?? "(no date)"
            let lines = change.wishedRows.map { PastRowText(row: $0, names, history.schema) }
            var text = ["\(change.number)  \(date)  \(change.author)"]
            text += change.text.split(separator: "\n").map { "    \($0)" }
            text += lines.map { "    \($0.line)" }
            context.say(
                text,
                cells: [
                    .integer(Int64(change.number)), .string(date), .string(change.author),
                    .string(change.text), .array(lines.map { .string($0.line) }),
                ])
        }
    }

    // MARK: undo

    @Sendable private static func undo(_ context: inout VsctlContext) throws(VsctlStop) {
        let history = try context.history()
        let change: PastChange
        if let word = context.arguments.first {
            guard let number = Int(word), let found = history.change(number) else {
                throw .failure("there is no transaction \(word); see: ovs-vsctl log")
            }
            guard found.isOfOperator else {
                throw .failure("transaction \(word) only reports what the switch does")
            }
            change = found
        } else {
            guard let last = history.lastOfOperator else {
                throw .failure(
                    "there is nothing to undo: the file tells of no change since it was "
                        + "compacted or made")
            }
            change = last
        }
        guard change.number > 1 || !change.comment.hasPrefix("compact") else {
            throw .failure(
                "transaction \(change.number) is what was left when the file was compacted; what "
                    + "came before cannot be undone")
        }
        var names = RowNames()
        for past in history.changes { names.learn(past.rows) }
        // Rows before references to them, so that a refusal names the row.
        let isWhole = { (row: PastRow) in row.before == nil || row.after == nil }
        let rows = change.wishedRows.filter(isWhole) + change.wishedRows.filter { !isWhole($0) }
        for row in rows { try context.takeBack(row, of: change, names) }
        context.comment = "undo of \(change.number): \(change.text)"
        for row in change.wishedRows {
            context.say(PastRowText(row: row.inverse, names, history.schema))
        }
    }

    // MARK: diff

    /// The lines are carried out on the draft, which is then shown and thrown away.
    @Sendable private static func diff(_ context: inout VsctlContext) throws(VsctlStop) {
        let path = context.arguments[0]
        guard let text = context.files.texts[path] else {
            throw .failure("\(path) was not read")
        }
        let own = context.invocation
        for line in try ChangeFile.lines(of: text, called: path) {
            do throws(VsctlStop) {
                for invocation in line.invocations {
                    context.begin(invocation, isLast: false)
                    try invocation.command.check?(&context)
                }
                for invocation in line.invocations {
                    context.begin(invocation, isLast: false)
                    try invocation.command.run(&context)
                }
            } catch {
                throw ChangeFile.stop(error, path, line.number)
            }
        }
        context.begin(own, isLast: true)
        context.discardsDraft = true
        let names = RowNames(context.draft)
        for row in context.draft.changedRows() {
            context.say(PastRowText(row: row, names, context.draft.schema))
        }
    }
}

extension VsctlContext {
    /// The history that the program read for this command line.
    fileprivate func history() throws(VsctlStop) -> History {
        guard let history = files.history else { throw .failure("no history was read") }
        return history
    }

    fileprivate mutating func say(_ row: PastRowText) {
        say(
            row.line, .string(row.sign), .string(row.table), .string(row.name),
            .array(row.columns.map { .string($0) }))
    }

    /// Makes the draft have `row` as it was before, if it still is as it was after.
    fileprivate mutating func takeBack(
        _ row: PastRow, of change: PastChange, _ names: RowNames
    ) throws(VsctlStop) {
        let key = RowKey(table: row.table, name: .uuid(row.uuid))
        let what = "\(row.table) \(names.name(of: row.uuid))"
        let present = draft.original(key)
        // A table that always has its one row cannot lose it: only what it says goes back.
        let table = try draft.table(row.table)
        let before =
            row.before == nil && table.rowCountMax == 1
            ? RowValues(table.storedColumns.map { ($0.name, .initial(of: $0.type)) }) : row.before
        switch (before, row.after) {
        case (let before?, nil):
            guard present == nil else {
                throw .failure("cannot undo \(change.number): \(what) is there again")
            }
            let key = draft.insert(into: row.table, uuid: row.uuid)
            for name in row.wishedColumns { draft.write(key, name, before[name] ?? .empty) }
        case (nil, let after?):
            guard present != nil else {
                throw .failure("cannot undo \(change.number): \(what) is gone already")
            }
            for name in row.wishedColumns {
                guard let was = after[name], draft.read(key, name) == was else {
                    throw .failure(
                        "cannot undo \(change.number): \(name) of \(what) was changed since")
                }
                draft.verify(key, name)
            }
            draft.delete(key)
        case (let before?, let after?):
            guard present != nil else {
                throw .failure("cannot undo \(change.number): \(what) is gone")
            }
            for name in row.wishedColumns {
                draft.verify(key, name)
                let inverse = ColumnInverse(
                    before: before[name] ?? .empty, after: after[name] ?? .empty,
                    isCollection: draft.isCollection(key, name))
                guard let value = inverse.applied(to: draft.read(key, name)) else {
                    throw .failure(
                        "cannot undo \(change.number): \(name) of \(what) was changed since")
                }
                draft.write(key, name, value)
            }
        case (nil, nil): break
        }
    }
}

extension VsctlDraft {
    fileprivate func isCollection(_ row: RowKey, _ column: String) -> Bool {
        schema.table(row.table)?.column(column)?.type.max != 1
    }
}

/// How the change of one column is taken back.
struct ColumnInverse {
    let before: Datum
    let after: Datum
    /// Sets and maps of any size: others may have added elements since, which stay.
    let isCollection: Bool

    /// - Returns: `nil` if `present` no longer shows the change.
    func applied(to present: Datum) -> Datum? {
        guard isCollection else { return present == after ? before : nil }
        var value = present
        for (key, element) in elements(of: after) where before[key] != element || isNew(key) {
            guard present.contains(key), element == nil || present[key] == element else {
                return nil
            }
            value.remove(key)
        }
        for (key, element) in elements(of: before) where after[key] != element || isGone(key) {
            guard !value.contains(key) else { return nil }
            if let element { value[key] = element } else { value.insert(key) }
        }
        return value
    }

    private func isNew(_ key: Atom) -> Bool { !before.contains(key) }
    private func isGone(_ key: Atom) -> Bool { !after.contains(key) }

    private func elements(of datum: Datum) -> [(Atom, Atom?)] {
        datum.isMap ? datum.pairs.map { ($0, $1) } : datum.keys.map { ($0, nil) }
    }
}
