// As which Swift types columns are read and written.
//
//     one element      Bool, Int64, String, UUIDValue, Reference<Table>
//     none or one      an optional of these
//     any number       an array of these, ascending
//     a map            ColumnMap, by ascending key
//
// A `Datum` knows only at run time what it holds; these say it to the compiler.

/// What a column holds, as a Swift value.
public protocol ColumnValue: Sendable {
    /// Reads what a column holds. A datum of another type, which a server with another schema may
    /// tell of, reads as the initial value of this one.
    init(datum: Datum)
    /// As it is written.
    var datum: Datum { get }
}

/// One element of a column, as a Swift value.
public protocol AtomValue: ColumnValue, Hashable {
    /// - Returns: `nil` if the atom is of another kind.
    init?(atom: Atom)
    var atom: Atom { get }
    /// The value of a column that nobody gave one. RFC 7047 §5.2.1.
    static var initial: Self { get }
}

extension AtomValue {
    public init(datum: Datum) { self = datum.only.flatMap(Self.init(atom:)) ?? .initial }
    public var datum: Datum { Datum(atom) }
}

extension Bool: AtomValue {
    public static let initial = false
    public init?(atom: Atom) {
        guard let value = atom.boolean else { return nil }
        self = value
    }
    public var atom: Atom { .boolean(self) }
}

extension Int64: AtomValue {
    public static let initial: Int64 = 0
    public init?(atom: Atom) {
        guard let value = atom.integer else { return nil }
        self = value
    }
    public var atom: Atom { .integer(self) }
}

extension String: AtomValue {
    public static let initial = ""
    public init?(atom: Atom) {
        guard let value = atom.string else { return nil }
        self = value
    }
    public var atom: Atom { .string(self) }
}

extension UUIDValue: AtomValue {
    public static let initial = UUIDValue.zero
    public init?(atom: Atom) {
        guard let value = atom.uuid else { return nil }
        self = value
    }
    public var atom: Atom { .uuid(self) }
}

/// The name of a row of one table.
public struct Reference<Table: TableColumns>: AtomValue {
    public let uuid: UUIDValue

    public init(_ uuid: UUIDValue) { self.uuid = uuid }

    public static var initial: Reference { Reference(.zero) }
    public init?(atom: Atom) {
        guard let uuid = atom.uuid else { return nil }
        self.uuid = uuid
    }
    public var atom: Atom { .uuid(uuid) }
}

extension Optional: ColumnValue where Wrapped: AtomValue {
    public init(datum: Datum) { self = datum.only.flatMap(Wrapped.init(atom:)) }
    public var datum: Datum { map { Datum($0.atom) } ?? .empty }
}

extension Array: ColumnValue where Element: AtomValue {
    /// Ascending.
    public init(datum: Datum) { self = datum.keys.compactMap(Element.init(atom:)) }
    public var datum: Datum { Datum(set: map(\.atom)) }
}

/// A map between atoms, by ascending key.
public struct ColumnMap<Key: AtomValue, Value: AtomValue>: ColumnValue, Hashable {
    public let datum: Datum

    public init(datum: Datum) { self.datum = datum }

    /// Of equal keys the last wins.
    public init(_ pairs: some Sequence<(Key, Value)>) {
        datum = Datum(map: pairs.map { ($0.0.atom, $0.1.atom) })
    }

    public subscript(key: Key) -> Value? { datum[key.atom].flatMap(Value.init(atom:)) }

    public var pairs: [(key: Key, value: Value)] {
        datum.pairs.compactMap { key, value in
            guard let key = Key(atom: key), let value = Value(atom: value) else { return nil }
            return (key, value)
        }
    }
}
