// The words in which our schemas are written down: one line for a column, read like a sentence.
//
//     let tag = Column("tag", .optional(.vlan))
//     let ports = Column("ports", .any(.rows(of: PortColumns.self)))
//     let statistics = Column("statistics", .counters).ephemeral
//
// Each word carries two things that so cannot differ: what the schema says of the column, and as
// which Swift type it is read.

/// A kind of atom, with what is asked of it, that reads as `Element`.
struct AtomKind<Element: AtomValue> {
    var base: BaseType

    fileprivate init(_ base: BaseType) { self.base = base }
}

extension AtomKind where Element == Bool {
    static var boolean: AtomKind { AtomKind(BaseType(.boolean)) }
}

extension AtomKind where Element == UUIDValue {
    static var uuid: AtomKind { AtomKind(BaseType(.uuid)) }
}

extension AtomKind where Element == String {
    static var string: AtomKind { AtomKind(BaseType(.string)) }

    static func word(of words: String...) -> AtomKind {
        var base = BaseType(.string)
        base.allowed = Datum(set: words.map(Atom.string)).keys
        return AtomKind(base)
    }
}

extension AtomKind where Element == Int64 {
    static var integer: AtomKind { AtomKind(BaseType(.integer)) }

    static func integer(_ range: ClosedRange<Int64>) -> AtomKind {
        var base = BaseType(.integer)
        (base.integerMin, base.integerMax) = (range.lowerBound, range.upperBound)
        return AtomKind(base)
    }

    static func integer(_ range: PartialRangeFrom<Int64>) -> AtomKind {
        var base = BaseType(.integer)
        base.integerMin = range.lowerBound
        return AtomKind(base)
    }

    /// Numbers of VLANs; 0 is "priority-tagged only".
    static var vlan: AtomKind { integer(0...4095) }
    static var unsigned32: AtomKind { integer(0...0xffff_ffff) }
}

extension AtomKind {
    static func rows<Table>(
        of table: Table.Type, _ strength: BaseType.ReferenceStrength = .strong
    ) -> AtomKind where Element == Reference<Table> {
        var base = BaseType(.uuid)
        (base.referencedTable, base.strength) = (Table.table, strength)
        return AtomKind(base)
    }
}

/// The type of a column that reads as `Value`.
struct ColumnKind<Value: ColumnValue> {
    var type: ColumnType

    fileprivate init(_ type: ColumnType) { self.type = type }
}

extension ColumnKind where Value: AtomValue {
    static func one(_ kind: AtomKind<Value>) -> ColumnKind {
        ColumnKind(ColumnType(key: kind.base))
    }
}

extension ColumnKind where Value == Bool {
    static var boolean: ColumnKind { one(.boolean) }
}

extension ColumnKind where Value == Int64 {
    static var integer: ColumnKind { one(.integer) }
}

extension ColumnKind where Value == String {
    static var string: ColumnKind { one(.string) }
}

extension ColumnKind {
    static func optional<Element>(_ kind: AtomKind<Element>) -> ColumnKind
    where Value == Element? {
        ColumnKind(ColumnType(key: kind.base, min: 0))
    }

    static func any<Element>(_ kind: AtomKind<Element>) -> ColumnKind where Value == [Element] {
        ColumnKind(ColumnType(key: kind.base, min: 0, max: nil))
    }

    static func some<Element>(_ kind: AtomKind<Element>) -> ColumnKind where Value == [Element] {
        ColumnKind(ColumnType(key: kind.base, max: nil))
    }

    static func upTo<Element>(
        _ count: Int, _ kind: AtomKind<Element>
    ) -> ColumnKind where Value == [Element] {
        ColumnKind(ColumnType(key: kind.base, min: 0, max: count))
    }

    static func map<Key, Element>(
        _ key: AtomKind<Key>, _ value: AtomKind<Element>
    ) -> ColumnKind where Value == ColumnMap<Key, Element> {
        ColumnKind(ColumnType(key: key.base, value: value.base, min: 0, max: nil))
    }
}

extension ColumnKind where Value == ColumnMap<String, String> {
    /// A map between strings.
    static var strings: ColumnKind { map(.string, .string) }
}

extension ColumnKind where Value == ColumnMap<String, Int64> {
    /// A map from names to counts.
    static var counters: ColumnKind { map(.string, .integer) }
}
