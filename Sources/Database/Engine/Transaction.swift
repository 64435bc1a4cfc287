// What a transaction has done so far, so that it can be undone.
//
// Operations change the tables in place; the first time one touches a row, the row as it was is
// kept here. Failing means putting those back; succeeding means comparing them with what is there.

package import DatabaseProtocol

/// One row that a transaction changed.
package struct RowChange: Sendable {
    /// Of the table, in the schema.
    package let table: Int
    package let uuid: UUIDValue
    /// `nil` if the row was inserted.
    package let old: Row?
    /// `nil` if the row was deleted.
    package let new: Row?
}

/// How a transaction ended.
package enum Outcome: Sendable {
    /// Done, and in the journal.
    case committed(results: [JSON], changes: [RowChange])
    /// Undone. One of the results is the error.
    case failed(results: [JSON])
    /// Undone for now: a "wait" is not content. To be tried again after any change, and at the
    /// moment that lies this many milliseconds after the transaction arrived (`nil`: never).
    case waiting(untilMillisecondsAfterArrival: Int64?)
}

/// What a transaction may know of the world around it.
package struct TransactionContext: Sendable {
    /// Locks that the client owns.
    package var ownedLocks: Set<String>
    /// Whether the client may only look.
    package var isReadOnly: Bool
    /// How long ago it arrived, in milliseconds.
    package var elapsedMilliseconds: Int64

    package init(
        ownedLocks: Set<String> = [], isReadOnly: Bool = false, elapsedMilliseconds: Int64 = 0
    ) {
        self.ownedLocks = ownedLocks
        self.isReadOnly = isReadOnly
        self.elapsedMilliseconds = elapsedMilliseconds
    }
}

/// A row's name and its table's place.
struct RowName: Hashable, Comparable, Sendable {
    let table: Int
    let uuid: UUIDValue

    static func < (a: RowName, b: RowName) -> Bool {
        a.table != b.table ? a.table < b.table : a.uuid < b.uuid
    }
}

/// A transaction in progress.
struct Transaction {
    /// A row that was touched, as it was before; `nil` if it was not there.
    typealias Touched = (name: RowName, was: Row?)

    /// In the order in which they were touched first.
    private(set) var touched: [Touched] = []
    /// Where each of them is; kept only above `linearCountMax` rows, where searching costs more.
    private var places: [RowName: Int]?
    private var sortedNames: [RowName]?
    /// The UUIDs behind the names given by "uuid-name", also of rows still to be inserted.
    var names: [String: UUIDValue] = [:]
    var insertedNames: Set<String> = []
    var comments: [String] = []
    /// Whether "commit" asked for it.
    var isDurable = false
    let context: TransactionContext

    private static let linearCountMax = 8

    init(context: TransactionContext) { self.context = context }

    /// Must be called before a row changes. Only the first call for a row counts.
    mutating func touch(_ name: RowName, was row: @autoclosure () -> Row?) {
        guard place(of: name) == nil else { return }
        touched.append((name, row()))
        sortedNames = nil
        if places != nil {
            places?[name] = touched.count - 1
        } else if touched.count > Self.linearCountMax {
            var places: [RowName: Int] = [:]
            for (place, row) in touched.enumerated() { places[row.name] = place }
            self.places = places
        }
    }

    private func place(of name: RowName) -> Int? {
        if let places { return places[name] }
        return touched.firstIndex { $0.name == name }
    }

    /// Names of the rows that were touched, in order.
    mutating func touchedNames() -> [RowName] {
        if let sortedNames { return sortedNames }
        let sorted = touched.map(\.name).sorted()
        sortedNames = sorted
        return sorted
    }

    /// The row as it was before the transaction, if that has touched it.
    func original(_ name: RowName) -> Row? { place(of: name).flatMap { touched[$0].was } }
}
