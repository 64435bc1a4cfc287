// A database under another schema.
//
// Tables and columns that the new schema does not know go; new ones are at their initial values; a
// value of another type is read anew from its text. What then breaks a rule of the new schema
// refuses the conversion as a whole.

import DatabaseProtocol

extension Database {
    /// The same rows under `new`.
    ///
    /// - Throws: What does not fit, by table, row and column.
    func converted(
        to new: DatabaseSchema, random: inout UUIDSource
    ) throws(DatabaseError) -> Database {
        var result = Database(schema: new)
        var transaction = Transaction(context: TransactionContext())
        for (place, table) in new.tables.enumerated() {
            guard let oldPlace = schema.place(of: table.name) else { continue }
            let old = tables[oldPlace]
            for uuid in old.sortedUUIDs {
                guard let row = old.rows[uuid] else { continue }
                var made = result.tables[place].initialRow(uuid, version: row.version)
                for (column, definition) in table.columns.enumerated() {
                    guard let before = old.schema.place(of: definition.name) else { continue }
                    do throws(DatabaseError) {
                        made.values[column] = try row.values[before].converted(
                            from: old.schema.columns[before].type, to: definition.type)
                    } catch {
                        throw DatabaseError(
                            error.name,
                            "column \(definition.name) of row \(uuid) in table \(table.name): "
                                + error.details)
                    }
                }
                result.change(RowName(table: place, uuid: uuid), to: made, in: &transaction)
            }
        }
        _ = try result.commit(&transaction, random: &random) { (_, _) throws(DatabaseError) in }
        return result
    }
}

extension Datum {
    /// The value of a column of type `old` in a column of type `new`.
    fileprivate func converted(
        from old: ColumnType, to new: ColumnType
    ) throws(DatabaseError) -> Datum {
        guard old != new else { return self }
        guard old.isMap == new.isMap else {
            throw DatabaseError(.constraintViolation, "a set cannot become a map, nor a map a set")
        }
        let keys = try Self.atoms(keys, new.key)
        guard let value = new.value else { return try checked(Datum(set: keys), new) }
        return try checked(Datum(map: zip(keys, try Self.atoms(values, value))), new)
    }

    private func checked(_ datum: Datum, _ type: ColumnType) throws(DatabaseError) -> Datum {
        guard datum.count >= type.min, type.max.map({ datum.count <= $0 }) ?? true else {
            throw DatabaseError(
                .constraintViolation, "\(datum.count) elements do not fit the new type")
        }
        return datum
    }

    private static func atoms(_ atoms: [Atom], _ base: BaseType) throws(DatabaseError) -> [Atom] {
        var result: [Atom] = []
        for atom in atoms {
            let converted = atom.converted(to: base.type)
            guard let converted else {
                throw DatabaseError(
                    .constraintViolation, "\(atom.json.text) is no \(base.type.rawValue)")
            }
            if let complaint = base.complaint(about: converted) {
                throw DatabaseError(.constraintViolation, complaint)
            }
            result.append(converted)
        }
        return result
    }
}

extension Atom {
    /// The atom as one of another type; `nil` if its text does not stand for one.
    fileprivate func converted(to type: AtomType) -> Atom? {
        guard self.type != type else { return self }
        let text = string ?? uuid?.description ?? json.text
        switch type {
        case .integer: return Int64(text).map(Atom.integer)
        case .real: return Double(text).flatMap { $0.isFinite ? .real($0) : nil }
        case .boolean:
            return text == "true" ? .boolean(true) : text == "false" ? .boolean(false) : nil
        case .string: return .string(text)
        case .uuid: return UUIDValue(text).map(Atom.uuid)
        }
    }
}
