// Names such as `@m` by which commands of one line speak of rows that have no name yet.
//
//     set bridge br0 mirrors=@m -- --id=@m create mirror name=m0
//
// The name may be used before the command that makes the row.

import DatabaseProtocol

struct VsctlSymbols {
    private struct Symbol {
        var row: Atom
        var isCreated = false
        var hasStrongReference = false
        var hasWeakReference = false
    }

    private var symbols: [String: Symbol] = [:]
    private var rowCount = 0
    /// What the database has called rows of this very transaction.
    private let permanentNames: [Atom: UUIDValue]

    init(permanentNames: [Atom: UUIDValue] = [:]) { self.permanentNames = permanentNames }

    /// What the transaction calls the next row that it inserts; once it has a name, that.
    mutating func freshRow() -> Atom {
        rowCount += 1
        let name = Atom.namedUUID("row\(rowCount)")
        return permanentNames[name].map(Atom.uuid) ?? name
    }

    /// The row that `name` stands for or will stand for.
    mutating func reference(_ name: String, strength: BaseType.ReferenceStrength) -> Atom {
        var symbol = symbols[name] ?? Symbol(row: freshRow())
        switch strength {
        case .strong: symbol.hasStrongReference = true
        case .weak: symbol.hasWeakReference = true
        }
        symbols[name] = symbol
        return symbol.row
    }

    /// `--id=@name create`: the row that is about to be inserted.
    ///
    /// - Parameter isRoot: Whether the row stays though nothing refers to it.
    mutating func create(_ name: String, isRoot: Bool) throws(VsctlStop) -> Atom {
        var symbol = try uncreated(name) ?? Symbol(row: freshRow())
        symbol.isCreated = true
        if isRoot { symbol.hasStrongReference = true }
        symbols[name] = symbol
        return symbol.row
    }

    /// `--id=@name get`: a row that is there already.
    mutating func define(_ name: String, as row: Atom) throws(VsctlStop) {
        guard try uncreated(name) == nil else {
            throw .failure(
                "row id \"\(name)\" specified on \"get\" command was used before it was defined")
        }
        symbols[name] = Symbol(row: row, isCreated: true, hasStrongReference: true)
    }

    private func uncreated(_ name: String) throws(VsctlStop) -> Symbol? {
        guard name.utf8.first == UInt8(ascii: "@") else {
            throw .failure("row id \"\(name)\" does not begin with \"@\"")
        }
        guard symbols[name]?.isCreated != true else {
            throw .failure("row id \"\(name)\" may only be specified on one --id option")
        }
        return symbols[name]
    }

    /// To be asked when all commands have run.
    ///
    /// - Returns: Warnings about rows that will not stay.
    /// - Throws: If a name was used whose row nobody made.
    func check() throws(VsctlStop) -> [String] {
        var warnings: [String] = []
        for name in symbols.keys.sortedByBytes() {
            guard let symbol = symbols[name] else { continue }
            guard symbol.isCreated else {
                throw .failure(
                    "row id \"\(name)\" is referenced but never created (e.g. with "
                        + "\"-- --id=\(name) create ...\")")
            }
            guard !symbol.hasStrongReference else { continue }
            let what =
                symbol.hasWeakReference
                ? "only a weak reference to it was inserted"
                : "no reference to it was inserted"
            warnings.append(
                "row id \"\(name)\" was created but \(what), so it will not actually appear "
                    + "in the database")
        }
        return warnings
    }
}
