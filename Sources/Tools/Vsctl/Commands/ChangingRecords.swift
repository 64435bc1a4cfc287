// Database commands that change records. ovs-vsctl(8), "Database Commands".

import DatabaseProtocol

extension VsctlCommand {
    static let changingRecords = [
        VsctlCommand(
            "set", 3..., "TABLE RECORD COLUMN[:KEY]=VALUE...", options: ["--if-exists"],
            check: checkSettings, run: set),
        VsctlCommand(
            "add", 4..., "TABLE RECORD COLUMN [KEY=]VALUE...", options: ["--if-exists"],
            check: checkColumn, run: add),
        VsctlCommand(
            "remove", 4..., "TABLE RECORD COLUMN KEY|VALUE|KEY=VALUE...",
            options: ["--if-exists"], check: checkColumn, run: remove),
        VsctlCommand(
            "clear", 3..., "TABLE RECORD COLUMN...", options: ["--if-exists"],
            check: checkColumns, run: clear),
        VsctlCommand(
            "create", 2..., "TABLE COLUMN[:KEY]=VALUE...", options: ["--id="], prints: ["_uuid"],
            check: checkCreate, run: create),
        VsctlCommand(
            "destroy", 1..., "TABLE [RECORD]...", options: ["--if-exists", "--all"],
            check: { context throws(VsctlStop) in
                _ = try context.draft.table(context.arguments[0])
            }, run: destroy),
    ]

    // MARK: Names, looked at before anything runs

    @Sendable private static func checkColumn(_ context: inout VsctlContext) throws(VsctlStop) {
        let table = try context.draft.table(context.arguments[0])
        _ = try table.column(matching: context.arguments[2])
    }

    @Sendable private static func checkColumns(_ context: inout VsctlContext) throws(VsctlStop) {
        let table = try context.draft.table(context.arguments[0])
        for name in context.arguments.dropFirst(2) { _ = try table.column(matching: name) }
    }

    @Sendable private static func checkCreate(_ context: inout VsctlContext) throws(VsctlStop) {
        let table = try context.draft.table(context.arguments[0])
        if context.value(of: "--id") == nil, !table.isRoot {
            context.warnings.append(
                "applying \"create\" command to table \(table.name) without --id option will "
                    + "have no effect")
        }
    }

    // MARK: Columns

    /// The record that is to be changed; `nil` if `--if-exists` allows it to be missing.
    private static func record(
        _ context: inout VsctlContext
    ) throws(VsctlStop) -> (table: TableSchema, row: RowKey?) {
        let table = try context.draft.table(context.arguments[0])
        let row = try context.draft.row(
            context.arguments[1], in: table, isOptional: context.has("--if-exists"))
        return (table, row)
    }

    @Sendable private static func set(_ context: inout VsctlContext) throws(VsctlStop) {
        guard let row = try record(&context).row else { return }
        for setting in context.arguments.dropFirst(2) { try context.set(setting, of: row) }
    }

    @Sendable private static func add(_ context: inout VsctlContext) throws(VsctlStop) {
        let (table, row) = try record(&context)
        guard let row else { return }
        let column = try table.column(matching: context.arguments[2])
        try context.refuseReadOnly(column, row)
        var type = column.type
        (type.min, type.max) = (1, nil)
        var value = context.draft.read(row, column.name)
        for text in context.arguments.dropFirst(3) {
            let more = try ValueReader(type: type).read(text, &context.draft.symbols)
            if type.isMap {
                // What is there already stays as it is.
                for (key, element) in more.pairs where !value.contains(key) {
                    value[key] = element
                }
            } else {
                value = Datum(set: value.keys + more.keys)
            }
        }
        if let max = column.type.max, value.count > max {
            throw .failure(
                "\"add\" operation would put \(value.count) \(unit(type)) in column "
                    + "\(column.name) of table \(table.name) but the maximum number is \(max)")
        }
        context.draft.verify(row, column.name)
        context.draft.write(row, column.name, value)
    }

    @Sendable private static func remove(_ context: inout VsctlContext) throws(VsctlStop) {
        let (table, row) = try record(&context)
        guard let row else { return }
        let column = try table.column(matching: context.arguments[2])
        try context.refuseReadOnly(column, row)
        var type = column.type
        (type.min, type.max) = (1, nil)
        var value = context.draft.read(row, column.name)
        for text in context.arguments.dropFirst(3) {
            for (key, element) in try elements(text, type, &context) {
                if element == nil || value[key] == element { value.remove(key) }
            }
        }
        if value.count < column.type.min {
            throw .failure(
                "\"remove\" operation would put \(value.count) \(unit(type)) in column "
                    + "\(column.name) of table \(table.name) but the minimum number is "
                    + "\(column.type.min)")
        }
        context.draft.verify(row, column.name)
        context.draft.write(row, column.name, value)
    }

    /// What to remove: elements of a set, pairs of a map, or keys of a map whatever their values.
    private static func elements(
        _ text: String, _ type: ColumnType, _ context: inout VsctlContext
    ) throws(VsctlStop) -> [(key: Atom, value: Atom?)] {
        guard type.isMap else {
            let set = try ValueReader(type: type).read(text, &context.draft.symbols)
            return set.keys.map { ($0, nil) }
        }
        do throws(VsctlStop) {
            let pairs = try ValueReader(type: type).read(text, &context.draft.symbols)
            return pairs.pairs.map { ($0, $1) }
        } catch {
            var keys = type
            keys.value = nil
            let set = try ValueReader(type: keys).read(text, &context.draft.symbols)
            return set.keys.map { ($0, nil) }
        }
    }

    private static func unit(_ type: ColumnType) -> String { type.isMap ? "pairs" : "values" }

    @Sendable private static func clear(_ context: inout VsctlContext) throws(VsctlStop) {
        let (table, row) = try record(&context)
        guard let row else { return }
        for name in context.arguments.dropFirst(2) {
            let column = try table.column(matching: name)
            try context.refuseReadOnly(column, row)
            guard column.type.min == 0 else {
                throw .failure(
                    "\"clear\" operation cannot be applied to column \(column.name) of table "
                        + "\(table.name), which is not allowed to be empty")
            }
            context.draft.write(row, column.name, column.type.isMap ? .emptyMap : .empty)
        }
    }

    // MARK: Rows

    @Sendable private static func create(_ context: inout VsctlContext) throws(VsctlStop) {
        let table = try context.draft.table(context.arguments[0])
        let row: RowKey
        if let id = context.value(of: "--id") {
            if let uuid = UUIDValue(id) {
                row = context.draft.insert(into: table.name, uuid: uuid)
            } else {
                let name = try context.draft.symbols.create(id, isRoot: table.isRoot)
                row = context.draft.insert(into: table.name, as: name)
            }
        } else {
            row = context.draft.insert(into: table.name)
        }
        for setting in context.arguments.dropFirst() { try context.set(setting, of: row) }
        context.say(row.name.text, row.name.json)
    }

    @Sendable private static func destroy(_ context: inout VsctlContext) throws(VsctlStop) {
        let table = try context.draft.table(context.arguments[0])
        let names = context.arguments.dropFirst()
        let isOptional = context.has("--if-exists")
        guard context.has("--all") else {
            if names.isEmpty {
                context.warnings.append("either --all or records argument should be specified")
            }
            for name in names {
                let row = try context.draft.row(name, in: table, isOptional: isOptional)
                if let row { context.draft.delete(row) }
            }
            return
        }
        guard names.isEmpty else {
            throw .failure("--all and records argument should not be specified together")
        }
        guard !isOptional else {
            throw .failure("--all and --if-exists should not be specified together")
        }
        for row in context.draft.rows(of: table.name) { context.draft.delete(row) }
    }
}
