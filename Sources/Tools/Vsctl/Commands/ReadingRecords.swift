// Database commands that only read. ovs-vsctl(8), "Database Commands".

import DatabaseProtocol

extension VsctlCommand {
    static let readingRecords = [
        VsctlCommand(
            "list", 1..., "TABLE [RECORD]...", options: ["--if-exists", "--columns="],
            check: checkColumnList, run: list),
        VsctlCommand(
            "find", 1..., "TABLE [COLUMN[:KEY]=VALUE]...", options: ["--columns="],
            check: checkFind, run: find),
        VsctlCommand(
            "get", 2..., "TABLE RECORD [COLUMN[:KEY]]...", options: ["--if-exists", "--id="],
            check: checkSettings, run: get),
        VsctlCommand(
            "wait-until", 2..., "TABLE RECORD [COLUMN[:KEY]=VALUE]...", check: checkSettings,
            run: waitUntil),
        VsctlCommand("comment", 0..., "[WORD]...") { _ throws(VsctlStop) in
            // The whole command line goes into the database's log anyway.
        },
    ]

    // MARK: Names, looked at before anything runs

    /// The table, and the columns of the settings or conditions after the record.
    @Sendable static func checkSettings(_ context: inout VsctlContext) throws(VsctlStop) {
        let table = try context.draft.table(context.arguments[0])
        for argument in context.arguments.dropFirst(2) where !isUUIDColumn(argument) {
            _ = try ColumnExpression.column(of: argument, table)
        }
    }

    @Sendable private static func checkFind(_ context: inout VsctlContext) throws(VsctlStop) {
        try checkColumnList(&context)
        let table = try context.draft.table(context.arguments[0])
        for argument in context.arguments.dropFirst() {
            _ = try ColumnExpression.column(of: argument, table)
        }
    }

    @Sendable private static func checkColumnList(
        _ context: inout VsctlContext
    ) throws(VsctlStop) {
        _ = try columns(&context, of: context.draft.table(context.arguments[0]))
    }

    private static func isUUIDColumn(_ argument: String) -> Bool {
        folded(argument) == "_uuid"
    }

    /// Those of `--columns`, or all; the row's UUID first.
    private static func columns(
        _ context: inout VsctlContext, of table: TableSchema
    ) throws(VsctlStop) -> [ColumnSchema] {
        guard let names = context.value(of: "--columns") else { return [.uuid] + table.columns }
        var columns: [ColumnSchema] = []
        for name in names.split(whereSeparator: { $0 == "," || $0 == " " }).map(String.init) {
            columns.append(
                name.lowercased() == "_uuid" ? .uuid : try table.column(matching: name))
        }
        guard !columns.isEmpty else { throw .failure("must specify at least one column name") }
        return columns
    }

    // MARK: Tables of records

    @Sendable private static func list(_ context: inout VsctlContext) throws(VsctlStop) {
        let table = try context.draft.table(context.arguments[0])
        let columns = try columns(&context, of: table)
        var output = VsctlTable(columns: columns)
        if context.arguments.count == 1 {
            for row in context.draft.rows(of: table.name) { output.add(row, context) }
        }
        for name in context.arguments.dropFirst() {
            let row = try context.draft.row(
                name, in: table, isOptional: context.has("--if-exists"))
            if let row { output.add(row, context) }
        }
        context.output = .table(output)
    }

    @Sendable private static func find(_ context: inout VsctlContext) throws(VsctlStop) {
        let table = try context.draft.table(context.arguments[0])
        var output = VsctlTable(columns: try columns(&context, of: table))
        rows: for row in context.draft.rows(of: table.name) {
            for condition in context.arguments.dropFirst() {
                guard try context.meets(condition, row, of: table) else { continue rows }
            }
            output.add(row, context)
        }
        context.output = .table(output)
    }

    // MARK: Single values

    @Sendable private static func get(_ context: inout VsctlContext) throws(VsctlStop) {
        let isOptional = context.has("--if-exists")
        let id = context.value(of: "--id")
        guard id == nil || !isOptional else {
            throw .failure("--if-exists and --id may not be specified together")
        }
        let table = try context.draft.table(context.arguments[0])
        let name = context.arguments[1]
        guard let row = try context.draft.row(name, in: table, isOptional: isOptional) else {
            return
        }
        if let id { try context.draft.symbols.define(id, as: row.name) }
        for argument in context.arguments.dropFirst(2) {
            if isUUIDColumn(argument) {
                context.say(row.name.text, as: argument, row.name.json)
                continue
            }
            let expression = try ColumnExpression(argument, of: table, operators: [])
            let column = expression.column
            context.draft.verify(row, column.name)
            let value = context.read(row, column)
            guard let keyText = expression.key else {
                context.say(value.text(as: column.type), as: argument, value.json)
                continue
            }
            guard column.type.isMap else {
                throw .failure("cannot specify key to get for non-map column \(column.name)")
            }
            let key = try ValueReader.atom(keyText, column.type.key, &context.draft.symbols)
            let element = value[key]
            guard element != nil || isOptional else {
                throw .failure(
                    "no key \"\(keyText)\" in \(table.name) record \"\(name)\" column "
                        + column.name
                        + suggestion(for: keyText, among: value.keys.map(\.bareText)))
            }
            context.say(element?.text ?? "", as: argument, element?.json ?? .null)
        }
    }

    @Sendable private static func waitUntil(_ context: inout VsctlContext) throws(VsctlStop) {
        let table = try context.draft.table(context.arguments[0])
        guard let row = try context.draft.row(context.arguments[1], in: table) else {
            throw .notYet
        }
        for condition in context.arguments.dropFirst(2) {
            guard try context.meets(condition, row, of: table) else { throw .notYet }
        }
    }
}

extension VsctlTable {
    fileprivate mutating func add(_ row: RowKey, _ context: VsctlContext) {
        rows.append(columns.map { context.read(row, $0) })
    }
}
