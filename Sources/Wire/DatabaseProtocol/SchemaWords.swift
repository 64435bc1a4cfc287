// The words in which our schemas are written down: one line for a column, read like a sentence.
//
//     .column("tag", .optional(.vlan))
//     .column("ports", .any(.rows(of: "Port")))
//     .column("statistics", .counters).ephemeral
//
// A schema is data, not text: its JSON is made from it, never the other way round.

extension BaseType {
    static let boolean = BaseType(.boolean)
    static let integer = BaseType(.integer)
    static let string = BaseType(.string)
    static let uuid = BaseType(.uuid)

    static func integer(_ range: ClosedRange<Int64>) -> BaseType {
        var base = BaseType(.integer)
        (base.integerMin, base.integerMax) = (range.lowerBound, range.upperBound)
        return base
    }

    static func integer(_ range: PartialRangeFrom<Int64>) -> BaseType {
        var base = BaseType(.integer)
        base.integerMin = range.lowerBound
        return base
    }

    static func one(of words: String...) -> BaseType {
        var base = BaseType(.string)
        base.allowed = Datum(set: words.map(Atom.string)).keys
        return base
    }

    static func rows(
        of table: String, _ strength: ReferenceStrength = .strong
    ) -> BaseType {
        var base = BaseType(.uuid)
        (base.referencedTable, base.strength) = (table, strength)
        return base
    }

    /// Numbers of VLANs; 0 is "priority-tagged only".
    static let vlan = integer(0...4095)
    static let unsigned32 = integer(0...0xffff_ffff)
}

extension ColumnType {
    static let boolean = ColumnType(key: .boolean)
    static let integer = ColumnType(key: .integer)
    static let string = ColumnType(key: .string)

    static func one(_ base: BaseType) -> ColumnType { ColumnType(key: base) }
    static func optional(_ base: BaseType) -> ColumnType { ColumnType(key: base, min: 0) }
    static func any(_ base: BaseType) -> ColumnType { ColumnType(key: base, min: 0, max: nil) }
    static func some(_ base: BaseType) -> ColumnType { ColumnType(key: base, max: nil) }
    static func upTo(_ count: Int, _ base: BaseType) -> ColumnType {
        ColumnType(key: base, min: 0, max: count)
    }
    static func map(_ key: BaseType, _ value: BaseType) -> ColumnType {
        ColumnType(key: key, value: value, min: 0, max: nil)
    }

    /// A map between strings.
    static let strings = map(.string, .string)
    /// A map from names to counts.
    static let counters = map(.string, .integer)
}

/// One line of a schema.
struct ColumnLine {
    var column: ColumnSchema

    static func column(_ name: String, _ type: ColumnType) -> ColumnLine {
        ColumnLine(column: ColumnSchema(name, type))
    }

    /// Gone after a restart: what a daemon observes, not what an operator wants.
    var ephemeral: ColumnLine {
        var line = self
        line.column.isEphemeral = true
        return line
    }

    /// Fixed when the row is inserted.
    var immutable: ColumnLine {
        var line = self
        line.column.isMutable = false
        return line
    }
}

extension TableSchema {
    init(
        _ name: String, rowCountMax: Int? = nil, isRoot: Bool = false, index: [String] = [],
        _ lines: [ColumnLine]
    ) {
        self.init(
            name, columns: lines.map(\.column), rowCountMax: rowCountMax, isRoot: isRoot,
            indexes: index.isEmpty ? [] : [index])
    }
}
