// What each mutator makes of a value. RFC 7047 §5.1, <mutation>.

import DatabaseProtocol

extension Datum {
    /// This value of a column of `type` after `mutation`.
    ///
    /// - Throws: "domain error" for a division by zero, "range error" for a number that does not
    ///   fit, "constraint violation" if the column's type does not allow the outcome.
    func mutated(by mutation: Mutation, type: ColumnType) throws(DatabaseError) -> Datum {
        var result = self
        switch mutation.mutator {
        case .insert:
            for (place, key) in mutation.operand.keys.enumerated() {  // sorted
                if !isMap {
                    result.insert(key)
                } else if mutation.operand.isMap, !contains(key) {
                    result[key] = mutation.operand.values[place]
                }
            }
        case .delete:
            for (place, key) in mutation.operand.keys.enumerated() {  // sorted
                if mutation.operand.isMap, self[key] != mutation.operand.values[place] { continue }
                result.remove(key)
            }
        case .add, .subtract, .multiply, .divide, .remainder:
            guard let operand = mutation.operand.only else { return self }
            var atoms: [Atom] = []
            for atom in keys {
                let atom = try atom.mutated(by: mutation.mutator, operand)
                if let complaint = type.key.complaint(about: atom) {
                    throw DatabaseError(.constraintViolation, complaint)
                }
                atoms.append(atom)
            }
            result = Datum(set: atoms)
            guard result.count == count else {
                throw DatabaseError(
                    .constraintViolation, "mutation makes elements of \(mutation.column) equal")
            }
        }
        guard result.count >= type.min, type.max.map({ result.count <= $0 }) ?? true else {
            throw DatabaseError(
                .constraintViolation,
                "\(result.count) elements in column \(mutation.column) after mutation, "
                    + "\(type.min) to \(type.max.map(String.init) ?? "unlimited") allowed")
        }
        return result
    }
}

extension Atom {
    fileprivate func mutated(
        by mutator: Mutation.Mutator, _ operand: Atom
    ) throws(DatabaseError) -> Atom {
        switch (self, operand) {
        case (.integer(let a), .integer(let b)): .integer(try Self.whole(a, mutator, b))
        case (.real(let a), .real(let b)): .real(try Self.real(a, mutator, b))
        default: self
        }
    }

    private static func whole(
        _ a: Int64, _ mutator: Mutation.Mutator, _ b: Int64
    ) throws(DatabaseError) -> Int64 {
        let (result, overflow) =
            switch mutator {
            case .add: a.addingReportingOverflow(b)
            case .subtract: a.subtractingReportingOverflow(b)
            case .multiply: a.multipliedReportingOverflow(by: b)
            case .divide, .remainder:
                try quotient(a, mutator, b)
            case .insert, .delete: (a, false)
            }
        guard !overflow else {
            throw DatabaseError(
                .rangeError, "result of \"\(mutator.rawValue)\" does not fit 64 bits")
        }
        return result
    }

    private static func quotient(
        _ a: Int64, _ mutator: Mutation.Mutator, _ b: Int64
    ) throws(DatabaseError) -> (Int64, Bool) {
        guard b != 0 else { throw DatabaseError(.domainError, "division by zero") }
        return mutator == .divide
            ? a.dividedReportingOverflow(by: b) : a.remainderReportingOverflow(dividingBy: b)
    }

    private static func real(
        _ a: Double, _ mutator: Mutation.Mutator, _ b: Double
    ) throws(DatabaseError) -> Double {
        if mutator == .divide, b == 0 { throw DatabaseError(.domainError, "division by zero") }
        let result =
            switch mutator {
            case .add: a + b
            case .subtract: a - b
            case .multiply: a * b
            case .divide: a / b
            case .remainder, .insert, .delete: a
            }
        guard result.isFinite else {
            throw DatabaseError(.rangeError, "result of \"\(mutator.rawValue)\" is not finite")
        }
        return result
    }
}
