// What a client is told when its request cannot be carried out. RFC 7047 §3.1.

/// An error in the database's own words: the name is part of the protocol, the details are for
/// people.
public struct DatabaseError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Names of RFC 7047 and of Open vSwitch; clients decide by them whether to try again.
    public enum Name: String, Hashable, Sendable, CaseIterable {
        case aborted
        case canceled
        case constraintViolation = "constraint violation"
        case domainError = "domain error"
        case duplicateUUID = "duplicate uuid"
        case duplicateUUIDName = "duplicate uuid-name"
        case invalidParameters = "invalid parameters"
        case ioError = "I/O error"
        case notAllowed = "not allowed"
        case notOwner = "not owner"
        case notSupported = "not supported"
        /// What Open vSwitch calls duplicates in a set or a map.
        case ovsdbError = "ovsdb error"
        case rangeError = "range error"
        case referentialIntegrityViolation = "referential integrity violation"
        case resourcesExhausted = "resources exhausted"
        case syntaxError = "syntax error"
        case timedOut = "timed out"
        case unknownColumn = "unknown column"
        case unknownDatabase = "unknown database"
        case unknownMonitor = "unknown monitor"
        case unknownFunction = "unknown function"
        case unknownMutator = "unknown mutator"
        case unknownTable = "unknown table"
        case unknownMethod = "unknown method"
    }
    public let name: Name
    /// One sentence without a full stop; empty if the name says it all.
    public let details: String
    /// The JSON that was refused, as text.
    public let syntax: String?

    public init(_ name: Name, _ details: String = "", syntax: JSON? = nil) {
        self.name = name
        self.details = details
        self.syntax = syntax.map { Self.shortened($0.text) }
    }

    /// The object that stands in the place of a result.
    public var json: JSON {
        var object: JSONObject = [:]
        if !details.isEmpty { object["details"] = .string(details) }
        object["error"] = .string(name.rawValue)
        if let syntax { object["syntax"] = .string(syntax) }
        return .object(object)
    }

    public var description: String {
        details.isEmpty ? name.rawValue : "\(name.rawValue): \(details)"
    }

    static func syntax(_ details: String, _ json: JSON) -> DatabaseError {
        DatabaseError(.syntaxError, details, syntax: json)
    }

    /// A client's own megabytes need not all be sent back to it.
    private static func shortened(_ text: String) -> String {
        text.utf8.count <= 512 ? text : String(text.prefix(500)) + "…"
    }
}
