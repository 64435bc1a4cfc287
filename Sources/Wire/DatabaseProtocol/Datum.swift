// What one column of one row holds: a set of atoms or a map between atoms. RFC 7047 §5.1.
//
// Always sorted and free of duplicates, so that two equal values are equal element by element, a
// key is found by halving, and nothing ever depends on the order in which somebody wrote a set.

/// The value of a column: a set (a single value is a set of one) or a map.
public struct Datum: Hashable, Sendable {
    /// The set's elements or the map's keys, ascending.
    public private(set) var keys: [Atom]
    /// The value of the key at the same place; empty for a set.
    public private(set) var values: [Atom]
    /// Whether this is a map; an empty map is not an empty set.
    public let isMap: Bool

    /// The empty set.
    public static let empty = Datum(set: [])
    /// The empty map.
    public static let emptyMap = Datum(map: [])

    /// A set of one.
    public init(_ atom: Atom) { (keys, values, isMap) = ([atom], [], false) }

    /// What is sorted and free of duplicates already.
    private init(sorted keys: [Atom], _ values: [Atom], isMap: Bool) {
        (self.keys, self.values, self.isMap) = (keys, values, isMap)
    }

    /// A set of `elements`; duplicates are merged.
    public init(set elements: some Sequence<Atom>) {
        var sorted: [Atom] = []
        for atom in elements.sorted() where sorted.last != atom { sorted.append(atom) }
        (keys, values, isMap) = (sorted, [], false)
    }

    /// A map of `pairs`; of equal keys the last wins.
    public init(map pairs: some Sequence<(Atom, Atom)>) {
        (keys, values, isMap) = ([], [], true)
        let order = pairs.enumerated().sorted {
            $0.element.0 != $1.element.0 ? $0.element.0 < $1.element.0 : $0.offset < $1.offset
        }
        for (_, (key, value)) in order {
            if keys.last == key {
                values[values.count - 1] = value
            } else {
                keys.append(key)
                values.append(value)
            }
        }
    }

    /// A map between strings, as `other_config` and its like are.
    public init(strings: [String: String]) {
        self.init(map: strings.map { (.string($0.key), .string($0.value)) })
    }

    /// The value a column of `type` has when nobody gave one. RFC 7047 §5.2.1.
    public static func initial(of type: ColumnType) -> Datum {
        guard type.min > 0 else { return type.isMap ? .emptyMap : .empty }
        guard let value = type.value else { return Datum(.initial(of: type.key.type)) }
        return Datum(map: [(.initial(of: type.key.type), .initial(of: value.type))])
    }

    /// How many elements or pairs there are.
    public var count: Int { keys.count }
    public var isEmpty: Bool { keys.isEmpty }

    /// The only element of a set of one; `nil` for everything else.
    public var only: Atom? { !isMap && keys.count == 1 ? keys[0] : nil }

    /// Pairs of a map, by ascending key.
    public var pairs: Zip2Sequence<[Atom], [Atom]> { zip(keys, values) }

    /// Whether the set or the map's keys contain `key`.
    public func contains(_ key: Atom) -> Bool { place(of: key) != nil }

    /// The value of `key`, if this is a map that has it. Setting `nil` removes the pair; setting a
    /// value in a set does nothing.
    public subscript(key: Atom) -> Atom? {
        get { isMap ? place(of: key).map { values[$0] } : nil }
        set {
            guard isMap else { return }
            guard let newValue else {
                remove(key)
                return
            }
            let place = firstPlace(notBelow: key)
            if place < keys.count, keys[place] == key {
                values[place] = newValue
            } else {
                keys.insert(key, at: place)
                values.insert(newValue, at: place)
            }
        }
    }

    /// The value of a string key as a string: `other_config["mac-aging-time"]`.
    public subscript(key: String) -> String? { self[.string(key)]?.string }

    /// Adds `atom` to a set; does nothing to a map.
    public mutating func insert(_ atom: Atom) {
        guard !isMap else { return }
        let place = firstPlace(notBelow: atom)
        guard place == keys.count || keys[place] != atom else { return }
        keys.insert(atom, at: place)
    }

    /// Removes an element, or a pair by its key.
    public mutating func remove(_ key: Atom) {
        guard let place = place(of: key) else { return }
        keys.remove(at: place)
        if isMap { values.remove(at: place) }
    }

    private func place(of key: Atom) -> Int? {
        let place = firstPlace(notBelow: key)
        return place < keys.count && keys[place] == key ? place : nil
    }

    private func firstPlace(notBelow key: Atom) -> Int {
        var (low, high) = (0, keys.count)
        while low < high {
            let middle = (low + high) / 2
            if keys[middle] < key { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension Datum {
    /// Reads a value of `type`: an atom alone, `["set", […]]` or `["map", [[k, v], …]]`.
    ///
    /// Named rows stay `.namedUUID`.
    ///
    /// - Throws: "syntax error" if `json` has another form, or too few or too many elements;
    ///   "ovsdb error" if it has duplicates; "constraint violation" if an element is outside the
    ///   column's limits. (The names are those of Open vSwitch.)
    public init(parsing json: JSON, as type: ColumnType) throws(DatabaseError) {
        if let value = type.value {
            self = try Self.map(json, type, value)
        } else {
            self = try Self.set(json, type)
        }
    }

    private static func check(
        _ count: Int, _ type: ColumnType, _ json: JSON
    ) throws(DatabaseError) {
        guard count >= type.min, type.max.map({ count <= $0 }) ?? true else {
            throw .syntax(
                "\(type.countText) expected, but \(count) \(count == 1 ? "is" : "are") given", json)
        }
    }

    private static func set(_ json: JSON, _ type: ColumnType) throws(DatabaseError) -> Datum {
        guard let pair = json.array, pair.count == 2, pair[0] == "set" else {
            return Datum(try type.key.parse(json))
        }
        guard let elements = pair[1].array else { throw .syntax("a set needs an array", json) }
        try check(elements.count, type, json)
        var atoms: [Atom] = []
        atoms.reserveCapacity(elements.count)
        var isSorted = true
        for element in elements {
            let atom = try type.key.parse(element)
            if let last = atoms.last, isSorted { isSorted = last < atom }
            atoms.append(atom)
        }
        if isSorted { return Datum(sorted: atoms, [], isMap: false) }
        let datum = Datum(set: atoms)
        guard datum.count == atoms.count else {
            throw DatabaseError(.ovsdbError, "set contains duplicate", syntax: json)
        }
        return datum
    }

    private static func map(
        _ json: JSON, _ type: ColumnType, _ value: BaseType
    ) throws(DatabaseError) -> Datum {
        let key = type.key
        guard let outer = json.array, outer.count == 2, outer[0] == "map",
            let elements = outer[1].array
        else { throw .syntax("expected [\"map\", […]]", json) }
        try check(elements.count, type, json)
        var keys: [Atom] = []
        var values: [Atom] = []
        keys.reserveCapacity(elements.count)
        values.reserveCapacity(elements.count)
        var isSorted = true
        for element in elements {
            guard let pair = element.array, pair.count == 2 else {
                throw .syntax("a map's element must be a pair", element)
            }
            let atom = try key.parse(pair[0])
            if let last = keys.last, isSorted { isSorted = last < atom }
            keys.append(atom)
            values.append(try value.parse(pair[1]))
        }
        if isSorted { return Datum(sorted: keys, values, isMap: true) }
        let datum = Datum(map: zip(keys, values))
        guard datum.count == keys.count else {
            throw DatabaseError(.ovsdbError, "map contains duplicate key", syntax: json)
        }
        return datum
    }

    /// The value as Open vSwitch writes it: a set of one as its only element.
    public var json: JSON {
        if isMap { return ["map", .array(pairs.map { [$0.json, $1.json] })] }
        if let only { return only.json }
        return ["set", .array(keys.map(\.json))]
    }

    /// Appends the text of `json`, which is not made.
    public func write(to out: inout [UInt8]) {
        if !isMap, keys.count == 1 { return keys[0].write(to: &out) }
        out.append(contentsOf: (isMap ? #"["map",["# : #"["set",["#).utf8)
        var place = 0
        while place < keys.count {
            if place > 0 { out.append(UInt8(ascii: ",")) }
            if isMap { out.append(UInt8(ascii: "[")) }
            keys[place].write(to: &out)
            if isMap {
                out.append(UInt8(ascii: ","))
                values[place].write(to: &out)
                out.append(UInt8(ascii: "]"))
            }
            place += 1
        }
        out.append(contentsOf: "]]".utf8)
    }
}
