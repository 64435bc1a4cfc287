// What became of a transaction.

public import DatabaseProtocol

/// The number of a transaction of one replica; never used twice.
public struct TransactionID: Hashable, Sendable {
    let number: Int64
}

/// How a transaction ended.
public enum TransactionOutcome: Hashable, Sendable {
    /// All of it is in the database. A transaction that ended with `abort` on purpose counts too.
    case committed(TransactionResults)
    /// A `wait` was not met: the picture from which the transaction was made is no longer true.
    /// Make it anew from the present picture.
    case tryAgain
    /// The lock is held by somebody else.
    case notOwner
    /// The database refuses it; `operation` is the offending one's place, if one is to blame.
    case refused(name: String, details: String, operation: Int?)
    /// The connection ended before the answer came: it may or may not be in the database.
    case unknown
}

/// What the operations of a committed transaction gave back. RFC 7047 §5.2.
public struct TransactionResults: Hashable, Sendable {
    /// One result for each operation, in their order.
    public let results: [JSON]

    /// The name that the row inserted by operation `place` got.
    public func insertedUUID(by place: Int) -> UUIDValue? {
        guard let pair = object(place)?["uuid"]?.array, pair.count == 2, pair[0] == "uuid" else {
            return nil
        }
        return pair[1].string.flatMap { UUIDValue($0) }
    }

    /// How many rows operation `place` (update, mutate, delete) was about.
    public func count(of place: Int) -> Int64? { object(place)?["count"]?.integer }

    /// The rows, as JSON objects, that the select at `place` found.
    public func rows(of place: Int) -> [JSONObject] {
        object(place)?["rows"]?.array?.compactMap(\.object) ?? []
    }

    private func object(_ place: Int) -> JSONObject? {
        results.indices.contains(place) ? results[place].object : nil
    }
}

extension TransactionOutcome {
    /// Reads the result of a `transact` with `operationCount` operations.
    ///
    /// A result may be longer than the transaction by one: an error that showed only at the end,
    /// as a broken reference does. RFC 7047 §4.1.3.
    init(results: JSON, operationCount: Int) {
        guard let elements = results.array else {
            self = .refused(name: "syntax error", details: "no results came", operation: nil)
            return
        }
        for (place, element) in elements.enumerated() {
            guard let object = element.object, let name = object["error"]?.string else { continue }
            switch name {
            case "timed out": self = .tryAgain
            case "not owner": self = .notOwner
            case "aborted": continue
            default:
                self = .refused(
                    name: name, details: object["details"]?.string ?? "",
                    operation: place < operationCount ? place : nil)
            }
            return
        }
        guard elements.count >= operationCount else {
            self = .refused(
                name: "syntax error",
                details: "\(elements.count) results for \(operationCount) operations",
                operation: nil)
            return
        }
        self = .committed(TransactionResults(results: elements))
    }
}
