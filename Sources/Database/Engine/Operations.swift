// Each operation of RFC 7047 §5.2, carried out on the tables.

import DatabaseProtocol

/// What an operation came to, if it did not fail.
enum Step {
    case result(JSON)
    /// A "wait" is not content; it may stay so until this long after the transaction arrived.
    case wait(untilMillisecondsAfterArrival: Int64?)
}

extension Database {
    /// Parses and carries out one operation.
    mutating func execute(
        _ json: JSON, in transaction: inout Transaction, random: inout UUIDSource
    ) throws(DatabaseError) -> Step {
        let operation = try Operation(parsing: json, schema: schema)
        switch operation {
        case .insert, .update, .mutate, .delete:
            guard !transaction.context.isReadOnly else {
                throw DatabaseError(
                    .notAllowed, "\(schema.name) database is read-only", syntax: json)
            }
            return .result(try write(operation, in: &transaction, random: &random))
        case .select(let table, let conditions, let columns):
            return .result(select(table, conditions, columns, in: &transaction, random: &random))
        case .wait(_, _, _, _, _, let timeout):
            guard !isContent(operation, in: &transaction, random: &random) else {
                return .result([:])
            }
            let elapsed = transaction.context.elapsedMilliseconds
            guard let timeout, elapsed >= timeout else {
                return .wait(untilMillisecondsAfterArrival: timeout)
            }
            throw DatabaseError(.timedOut, "\"wait\" timed out after \(elapsed) ms")
        case .commit(let durable):
            transaction.isDurable = transaction.isDurable || durable
            return .result([:])
        case .abort: throw DatabaseError(.aborted, "aborted by request")
        case .comment(let text):
            transaction.comments.append(text)
            return .result([:])
        case .assert(let lock):
            guard transaction.context.ownedLocks.contains(lock) else {
                throw DatabaseError(.notOwner, "asserted lock \(lock) is not held")
            }
            return .result([:])
        }
    }

    private mutating func write(
        _ operation: Operation, in transaction: inout Transaction,
        random: inout UUIDSource
    ) throws(DatabaseError) -> JSON {
        switch operation {
        case .insert(let table, let row, let name, let uuid):
            return try insert(table, row, name, uuid, in: &transaction, random: &random)
        case .update(let table, let conditions, let row):
            return try update(table, conditions, row, in: &transaction, random: &random)
        case .mutate(let table, let conditions, let mutations):
            return try mutate(table, conditions, mutations, in: &transaction, random: &random)
        case .delete(let table, let conditions):
            let names = matching(table, conditions, in: &transaction, random: &random)
            for name in names { change(name, to: nil, in: &transaction) }
            return ["count": .integer(Int64(names.count))]
        case .select, .wait, .commit, .abort, .comment, .assert: return [:]
        }
    }

    /// Replaces a row (`nil` removes it) and remembers what it was.
    mutating func change(_ name: RowName, to row: Row?, in transaction: inout Transaction) {
        transaction.touch(name, was: self.row(name))
        setRow(name, row)
    }

    private mutating func insert(
        _ tableName: String, _ given: RowValues, _ name: String?, _ givenUUID: UUIDValue?,
        in transaction: inout Transaction, random: inout UUIDSource
    ) throws(DatabaseError) -> JSON {
        let place = schema.place(of: tableName) ?? 0
        guard rowCount < EngineLimits.rowCountMax else {
            throw DatabaseError(
                .resourcesExhausted, "more than \(EngineLimits.rowCountMax) rows")
        }
        var uuid = givenUUID ?? UUIDValue(random: random.next(), random.next())
        if let name {
            guard transaction.insertedNames.insert(name).inserted else {
                throw DatabaseError(
                    .duplicateUUIDName,
                    "this \"uuid-name\" appeared on an earlier \"insert\" "
                        + "operation: \(name)")
            }
            uuid = transaction.names[name] ?? uuid
            transaction.names[name] = uuid
        }
        let rowName = RowName(table: place, uuid: uuid)
        guard row(rowName) == nil, transaction.original(rowName) == nil else {
            throw DatabaseError(.duplicateUUID, "this UUID is already in use: \(uuid)")
        }
        var row = tables[place].initialRow(
            uuid, version: UUIDValue(random: random.next(), random.next()))
        for (column, value) in given.columns {
            // "_uuid" and "_version" may be given, and mean nothing, as in Open vSwitch.
            guard let place = tables[place].schema.place(of: column) else { continue }
            row.values[place] = resolve(value, in: &transaction, random: &random)
        }
        // What was given has been checked; what was not may not be allowed either.
        for column in tables[place].columnsToGive {
            let schema = tables[place].schema.columns[column]
            guard let complaint = schema.type.complaint(about: row.values[column]) else { continue }
            throw DatabaseError(.constraintViolation, "column \(schema.name): \(complaint)")
        }
        transaction.touch(rowName, was: nil)
        setRow(rowName, row)
        return ["uuid": Atom.uuid(uuid).json]
    }

    private mutating func update(
        _ table: String, _ conditions: [Condition], _ given: RowValues,
        in transaction: inout Transaction, random: inout UUIDSource
    ) throws(DatabaseError) -> JSON {
        let place = schema.place(of: table) ?? 0
        var columns: [(Int, Datum)] = []
        for (name, value) in given.columns {
            // The parser has refused immutable columns.
            guard let column = tables[place].schema.place(of: name) else { continue }
            columns.append((column, resolve(value, in: &transaction, random: &random)))
        }
        let names = matching(table, conditions, in: &transaction, random: &random)
        for name in names {
            guard var row = row(name) else { continue }
            for (column, value) in columns { row.values[column] = value }
            change(name, to: row, in: &transaction)
        }
        return ["count": .integer(Int64(names.count))]
    }

    private mutating func mutate(
        _ table: String, _ conditions: [Condition], _ mutations: [Mutation],
        in transaction: inout Transaction, random: inout UUIDSource
    ) throws(DatabaseError) -> JSON {
        let schema = tables[schema.place(of: table) ?? 0].schema
        var steps: [(Int, Mutation)] = []
        for var mutation in mutations {
            mutation.operand = resolve(mutation.operand, in: &transaction, random: &random)
            if let place = schema.place(of: mutation.column) { steps.append((place, mutation)) }
        }
        let names = matching(table, conditions, in: &transaction, random: &random)
        for name in names {
            guard var row = row(name) else { continue }
            for (place, mutation) in steps {
                row.values[place] = try row.values[place].mutated(
                    by: mutation, type: schema.columns[place].type)
            }
            change(name, to: row, in: &transaction)
        }
        return ["count": .integer(Int64(names.count))]
    }
}
