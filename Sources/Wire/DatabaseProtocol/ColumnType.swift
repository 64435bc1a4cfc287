// What a column may hold: the kinds of its keys and values, their limits, and how many.
// RFC 7047 §3.2, <type> and <base-type>.

/// A kind of atom and what is asked of it.
public struct BaseType: Hashable, Sendable {
    /// What a reference does when the row it names goes away.
    public enum ReferenceStrength: String, Hashable, Sendable {
        /// The row may not go while it is referred to, and goes when nobody refers to it any more.
        case strong
        /// The row may go; the reference then goes too.
        case weak
    }

    /// What is asked of an atom beyond its kind.
    private struct Limits: Hashable, Sendable {
        var allowed: [Atom] = []
        var integerMin: Int64?
        var integerMax: Int64?
        var realMin: Double?
        var realMax: Double?
        var lengthMin: Int?
        var lengthMax: Int?
        var referencedTable: String?
        var strength = ReferenceStrength.strong
    }

    /// Types are handed about with every value that is read or checked, and most have no limits: so
    /// those that have them share one object, and copying a type costs next to nothing.
    private final class Box: Sendable {
        let limits: Limits
        init(_ limits: Limits) { self.limits = limits }
    }

    public var type: AtomType
    private var box: Box?

    public init(_ type: AtomType) { self.type = type }

    private subscript<Value>(_ path: WritableKeyPath<Limits, Value>) -> Value {
        get { (box?.limits ?? Limits())[keyPath: path] }
        set {
            var limits = box?.limits ?? Limits()
            limits[keyPath: path] = newValue
            box = limits == Limits() ? nil : Box(limits)
        }
    }

    /// The only values allowed; empty if any is.
    public var allowed: [Atom] {
        get { box?.limits.allowed ?? [] }
        set { self[\.allowed] = newValue }
    }
    /// Least and greatest integer allowed.
    public var integerMin: Int64? {
        get { box?.limits.integerMin }
        set { self[\.integerMin] = newValue }
    }
    public var integerMax: Int64? {
        get { box?.limits.integerMax }
        set { self[\.integerMax] = newValue }
    }
    /// Least and greatest real allowed.
    public var realMin: Double? {
        get { box?.limits.realMin }
        set { self[\.realMin] = newValue }
    }
    public var realMax: Double? {
        get { box?.limits.realMax }
        set { self[\.realMax] = newValue }
    }
    /// Shortest and longest string allowed, in characters (Unicode code points).
    public var lengthMin: Int? {
        get { box?.limits.lengthMin }
        set { self[\.lengthMin] = newValue }
    }
    public var lengthMax: Int? {
        get { box?.limits.lengthMax }
        set { self[\.lengthMax] = newValue }
    }
    /// The table whose rows a UUID names.
    public var referencedTable: String? {
        get { box?.limits.referencedTable }
        set { self[\.referencedTable] = newValue }
    }
    public var strength: ReferenceStrength {
        get { box?.limits.strength ?? .strong }
        set { self[\.strength] = newValue }
    }

    public static func == (a: BaseType, b: BaseType) -> Bool {
        a.type == b.type && (a.box === b.box || a.box?.limits == b.box?.limits)
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(type)
        hasher.combine(box?.limits)
    }

    /// Reads one atom and checks it.
    ///
    /// - Throws: "syntax error" or "constraint violation".
    public func parse(_ json: JSON) throws(DatabaseError) -> Atom {
        let atom = try Atom(parsing: json, as: type)
        if let complaint = complaint(about: atom) {
            throw DatabaseError(.constraintViolation, complaint, syntax: json)
        }
        return atom
    }

    /// What is wrong with `atom`, or `nil` if it may stand here. Does not follow references.
    public func complaint(about atom: Atom) -> String? {
        guard atom.type == type else { return "\(atom.json.text) is not of type \(type.rawValue)" }
        guard box != nil else { return nil }
        if !allowed.isEmpty, !allowed.contains(atom) {
            let list = allowed.map { $0.json.text }.joined(separator: ", ")
            return "\(atom.json.text) is not one of the allowed values ([\(list)])"
        }
        switch atom {
        case .integer(let value):
            return isOutside(value, integerMin, integerMax)
                ? rangeText(atom, integerMin, integerMax) : nil
        case .real(let value):
            return isOutside(value, realMin, realMax) ? rangeText(atom, realMin, realMax) : nil
        case .string(let text) where lengthMin != nil || lengthMax != nil:
            let length = text.unicodeScalars.count
            guard isOutside(length, lengthMin, lengthMax) else { return nil }
            return "length \(length) of \(atom.json.text) is outside "
                + "\(lengthMin ?? 0) to \(lengthMax.map(String.init) ?? "unlimited")"
        default: return nil
        }
    }

    private func isOutside<Number: Comparable>(_ value: Number, _ low: Number?, _ high: Number?)
        -> Bool
    {
        low.map { value < $0 } ?? false || high.map { value > $0 } ?? false
    }

    private func rangeText<Number>(_ atom: Atom, _ low: Number?, _ high: Number?) -> String {
        switch (low, high) {
        case (let low?, let high?): "\(atom.json.text) is not in the valid range \(low) to \(high)"
        case (let low?, nil): "\(atom.json.text) is less than minimum allowed value \(low)"
        case (nil, let high?): "\(atom.json.text) exceeds maximum allowed value \(high)"
        case (nil, nil): atom.json.text
        }
    }
}

/// What a column holds: a set of `key`, or a map from `key` to `value`.
public struct ColumnType: Hashable, Sendable {
    public var key: BaseType
    /// `nil` for a set.
    public var value: BaseType?
    /// Fewest elements: 0 or 1.
    public var min: Int
    /// Most elements; `nil` is "unlimited".
    public var max: Int?

    public init(key: BaseType, value: BaseType? = nil, min: Int = 1, max: Int? = 1) {
        (self.key, self.value, self.min, self.max) = (key, value, min, max)
    }

    public var isMap: Bool { value != nil }
    /// Exactly one element: shown without brackets.
    public var isScalar: Bool { value == nil && min == 1 && max == 1 }
    /// None or one.
    public var isOptional: Bool { value == nil && min == 0 && max == 1 }

    /// What is wrong with an element of `datum`, or `nil` if all may stand here.
    public func complaint(about datum: Datum) -> String? {
        for atom in datum.keys {  // sorted
            if let complaint = key.complaint(about: atom) { return complaint }
        }
        guard let value else { return nil }
        for atom in datum.values {  // sorted by the keys
            if let complaint = value.complaint(about: atom) { return complaint }
        }
        return nil
    }

    /// "1", "0 to 5" or "0 or more", for messages.
    var countText: String {
        let range =
            max.map { $0 == min ? "\(min)" : "\(min) to \($0)" } ?? "\(min) or more"
        return "\(range) \(isMap ? "pairs" : "elements")"
    }
}
