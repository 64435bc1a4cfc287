// The five kinds of single value a column can hold, and the name that stands for a row not yet
// born. RFC 7047 §5.1.

/// What kind of value an atom is.
public enum AtomType: String, Hashable, Sendable, CaseIterable {
    case integer, real, boolean, string, uuid
}

/// One value.
///
/// Strings are compared byte by byte: to Swift "é" in its two spellings is one string, to Open
/// vSwitch (and to every other tool that reads the file) it is two.
public enum Atom: Sendable {
    case integer(Int64)
    case real(Double)
    case boolean(Bool)
    case string(String)
    case uuid(UUIDValue)
    /// A row that the same transaction inserts under this name. Never stored.
    case namedUUID(String)

    /// What kind of value this is; a named row counts as a UUID.
    public var type: AtomType {
        switch self {
        case .integer: .integer
        case .real: .real
        case .boolean: .boolean
        case .string: .string
        case .uuid, .namedUUID: .uuid
        }
    }

    /// The number, if this is an integer.
    public var integer: Int64? { if case .integer(let value) = self { value } else { nil } }
    /// The number, if this is a real.
    public var real: Double? { if case .real(let value) = self { value } else { nil } }
    /// The truth value, if this is one.
    public var boolean: Bool? { if case .boolean(let value) = self { value } else { nil } }
    /// The text, if this is a string.
    public var string: String? { if case .string(let value) = self { value } else { nil } }
    /// The row's name, if this is a UUID.
    public var uuid: UUIDValue? { if case .uuid(let value) = self { value } else { nil } }

    /// The value that a column of this type has when nobody gave one. RFC 7047 §5.2.1.
    public static func initial(of type: AtomType) -> Atom {
        switch type {
        case .integer: .integer(0)
        case .real: .real(0)
        case .boolean: .boolean(false)
        case .string: .string("")
        case .uuid: .uuid(.zero)
        }
    }
}

extension Atom: Hashable, Comparable {
    public static func == (a: Atom, b: Atom) -> Bool {
        switch (a, b) {
        case (.integer(let a), .integer(let b)): a == b
        case (.real(let a), .real(let b)): a == b
        case (.boolean(let a), .boolean(let b)): a == b
        case (.string(let a), .string(let b)): a.utf8.elementsEqual(b.utf8)
        case (.uuid(let a), .uuid(let b)): a == b
        case (.namedUUID(let a), .namedUUID(let b)): a.utf8.elementsEqual(b.utf8)
        default: false
        }
    }

    public func hash(into hasher: inout Hasher) {
        switch self {
        case .integer(let value): hasher.combine(value)
        case .real(let value): hasher.combine(value)
        case .boolean(let value): hasher.combine(value)
        case .string(let value), .namedUUID(let value): hasher.combine(value)
        case .uuid(let value): hasher.combine(value)
        }
    }

    /// The order in which sets and maps are kept: numbers by size, false before true, strings by
    /// bytes, UUIDs as 128-bit numbers, named rows after those.
    public static func < (a: Atom, b: Atom) -> Bool {
        switch (a, b) {
        case (.integer(let a), .integer(let b)): a < b
        case (.real(let a), .real(let b)): a < b
        case (.boolean(let a), .boolean(let b)): !a && b
        case (.string(let a), .string(let b)), (.namedUUID(let a), .namedUUID(let b)):
            a.utf8.lexicographicallyPrecedes(b.utf8)
        case (.uuid(let a), .uuid(let b)): a < b
        default: a.rank < b.rank
        }
    }

    private var rank: Int {
        switch self {
        case .integer: 0
        case .real: 1
        case .boolean: 2
        case .string: 3
        case .uuid: 4
        case .namedUUID: 5
        }
    }
}

extension Atom {
    /// Reads one value of `type`. An integer will do where a real is asked for.
    ///
    /// - Throws: "syntax error" if `json` is of another kind.
    public init(parsing json: JSON, as type: AtomType) throws(DatabaseError) {
        switch (type, json) {
        case (.integer, .integer(let number)): self = .integer(number)
        case (.real, .integer(let number)): self = .real(Double(number))
        case (.real, .real(let number)): self = .real(number)
        case (.boolean, .bool(let value)): self = .boolean(value)
        case (.string, .string(let text)): self = .string(text)
        case (.uuid, .array(let pair)):
            guard pair.count == 2, let text = pair[1].string else { fallthrough }
            switch pair[0] {
            case "uuid":
                guard let uuid = UUIDValue(text) else {
                    throw .syntax("\"\(text)\" is not a valid UUID", json)
                }
                self = .uuid(uuid)
            case "named-uuid": self = .namedUUID(text)
            default: throw .syntax("expected [\"uuid\", …] or [\"named-uuid\", …]", json)
            }
        default: throw .syntax("expected \(type.rawValue)", json)
        }
    }

    /// The value as RFC 7047 §5.1 writes it.
    public var json: JSON {
        switch self {
        case .integer(let value): .integer(value)
        case .real(let value): .real(value)
        case .boolean(let value): .bool(value)
        case .string(let value): .string(value)
        case .uuid(let value): ["uuid", .string(value.description)]
        case .namedUUID(let name): ["named-uuid", .string(name)]
        }
    }

    /// Appends the text of `json`, which is not made.
    public func write(to out: inout [UInt8]) {
        switch self {
        case .integer(let value): JSON.write(value, to: &out)
        case .string(let value): JSON.write(value, to: &out)
        case .uuid(let value):
            out.append(contentsOf: #"["uuid",""#.utf8)
            value.write(to: &out)
            out.append(contentsOf: "\"]".utf8)
        case .real, .boolean, .namedUUID: json.write(to: &out)
        }
    }
}
