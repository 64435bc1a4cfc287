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
    /// Members in order, without two of one name.
    public private(set) var members: [(name: String, value: JSON)] = []
    /// Where each name is; kept only above `linearCountMax` members, where searching costs more,
    /// and only of objects that were made by setting members.
    private var positions: [String: Int]?

    private static let linearCountMax = 12

    public init() {}

    /// Creates an object of `members`; of equal names the last wins.
    public init(_ members: some Sequence<(String, JSON)>) {
        for (name, value) in members { self[name] = value }
    }

    /// Creates an object of `members` whose names are all different, in O(1): for what is made to
    /// be written, and not to be searched.
    public init(distinct members: [(name: String, value: JSON)]) { self.members = members }

    /// How many members there are.
    public var count: Int { members.count }
    public var isEmpty: Bool { members.isEmpty }

    /// Names in order, and the values in the same order.
    public var names: [String] { members.map(\.name) }
    public var values: [JSON] { members.map(\.value) }

    /// The value called `name`. Setting `nil` removes the member, in O(count).
    public subscript(name: String) -> JSON? {
        get { position(of: name).map { members[$0].value } }
        set {
            switch (position(of: name), newValue) {
            case (let place?, let value?): members[place].value = value
            case (nil, let value?): append(name, value)
            case (let place?, nil): remove(at: place)
            case (nil, nil): break
            }
        }
    }

    mutating func reserveCapacity(_ count: Int) { members.reserveCapacity(count) }

    private func position(of name: String) -> Int? {
        if let positions { return positions[name] }
        return members.firstIndex { $0.name == name }
    }

    private mutating func append(_ name: String, _ value: JSON) {
        members.append((name, value))
        guard members.count > Self.linearCountMax else { return }
        if positions == nil { reindex() } else { positions?[name] = members.count - 1 }
    }

    private mutating func remove(at place: Int) {
        members.remove(at: place)
        reindex()
    }

    private mutating func reindex() {
        positions = nil
        guard members.count > Self.linearCountMax else { return }
        var places: [String: Int] = [:]
        for (place, member) in members.enumerated() { places[member.name] = place }
        positions = places
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
