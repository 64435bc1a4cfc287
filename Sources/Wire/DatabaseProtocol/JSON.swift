// JSON as OVSDB and the control sockets use it.
//
// Numbers are whole or not: OVSDB tells the integer 1 from the real 1, so a text that stands for a
// whole number that fits 64 bits is an integer (also "1.0" and "1e3"), everything else is a real.

/// A JSON value. RFC 8259.
public enum JSON: Hashable, Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    /// Finite: JSON has no infinities.
    case real(Double)
    case string(String)
    case array([JSON])
    case object(JSONObject)

    /// The members, if this is an object.
    public var object: JSONObject? {
        if case .object(let object) = self { object } else { nil }
    }
    /// The elements, if this is an array.
    public var array: [JSON]? {
        if case .array(let elements) = self { elements } else { nil }
    }
    /// The text, if this is a string.
    public var string: String? {
        if case .string(let text) = self { text } else { nil }
    }
    /// The number, if this is a whole one.
    public var integer: Int64? {
        if case .integer(let number) = self { number } else { nil }
    }
    /// The truth value, if this is one.
    public var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }
}

/// The members of a JSON object, in the order in which they came.
///
/// Of members with one name the last wins and keeps the place of the first, as in Open vSwitch's
/// parser. Two objects are equal if they have the same members, in whatever order.
public struct JSONObject: Sendable {
    /// Names in order, without duplicates.
    public private(set) var names: [String] = []
    /// The value of the name at the same place.
    public private(set) var values: [JSON] = []
    /// Where each name is; kept only above `linearCountMax` members, where searching costs more,
    /// and only of objects that were made by setting members.
    private var positions: [String: Int] = [:]

    private static let linearCountMax = 12

    public init() {}

    /// Creates an object of `members`; of equal names the last wins.
    public init(_ members: some Sequence<(String, JSON)>) {
        for (name, value) in members { self[name] = value }
    }

    /// Creates an object of `members` whose names are all different, in O(count): for what is made
    /// to be written, and not to be searched.
    public init(distinct members: some Collection<(String, JSON)>) {
        names = members.map(\.0)
        values = members.map(\.1)
    }

    /// How many members there are.
    public var count: Int { names.count }
    public var isEmpty: Bool { names.isEmpty }

    /// Members in order.
    public var members: Zip2Sequence<[String], [JSON]> { zip(names, values) }

    /// The value called `name`. Setting `nil` removes the member, in O(count).
    public subscript(name: String) -> JSON? {
        get { position(of: name).map { values[$0] } }
        set {
            switch (position(of: name), newValue) {
            case (let place?, let value?): values[place] = value
            case (nil, let value?): append(name, value)
            case (let place?, nil): remove(at: place)
            case (nil, nil): break
            }
        }
    }

    private func position(of name: String) -> Int? {
        positions.isEmpty ? names.firstIndex(of: name) : positions[name]
    }

    private mutating func append(_ name: String, _ value: JSON) {
        names.append(name)
        values.append(value)
        guard names.count > Self.linearCountMax else { return }
        if positions.isEmpty { reindex() } else { positions[name] = names.count - 1 }
    }

    private mutating func remove(at place: Int) {
        names.remove(at: place)
        values.remove(at: place)
        reindex()
    }

    private mutating func reindex() {
        positions = [:]
        guard names.count > Self.linearCountMax else { return }
        for (place, name) in names.enumerated() { positions[name] = place }
    }
}

extension JSONObject: Hashable {
    public static func == (a: JSONObject, b: JSONObject) -> Bool {
        a.count == b.count && a.members.allSatisfy { name, value in b[name] == value }
    }

    public func hash(into hasher: inout Hasher) {
        for name in names.sorted() { hasher.combine(name) }
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, JSON)...) { self.init(elements) }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral,
    ExpressibleByNilLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int64) { self = .integer(value) }
    public init(floatLiteral value: Double) { self = .real(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(arrayLiteral elements: JSON...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(JSONObject(elements))
    }
    public init(nilLiteral: ()) { self = .null }
}
