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
    /// Rows that were touched, as they were before; `nil` if they were not there.
    private(set) var touched: [RowName: Row?] = [:]
    /// The UUIDs behind the names given by "uuid-name", also of rows still to be inserted.
    var names: [String: UUIDValue] = [:]
    var insertedNames: Set<String> = []
    var comments: [String] = []
    /// Whether "commit" asked for it.
    var isDurable = false
    let context: TransactionContext

    init(context: TransactionContext) { self.context = context }

    /// Must be called before a row changes. Only the first call for a row counts.
    mutating func touch(_ name: RowName, was row: Row?) {
        if touched.index(forKey: name) == nil { touched.updateValue(row, forKey: name) }
    }

    /// Names of the rows that were touched, in order.
    var touchedNames: [RowName] {
        touched.count < 2 ? Array(touched.keys) : touched.keys.sorted()
    }

    /// The row as it was before the transaction.
    func original(_ name: RowName) -> Row? { touched[name] ?? nil }
}
