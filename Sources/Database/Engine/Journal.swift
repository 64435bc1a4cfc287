// What must outlive the process leaves the engine here, at the one moment at which it can still be
// refused: everything has been checked, nobody has been told, and the rows can be put back.
//
//     operations -> checks -> journal takes the record -> counts, indexes, news, reply
//                                  '-> refuses (disk full): rows put back, "I/O error"

public import DatabaseProtocol

/// The files behind the databases, as the engine sees them.
///
/// A journal need not wait for the disk: the caller holds back the effects of a call until all that
/// the journal took during it is durable.
public protocol DatabaseJournal: AnyObject {
    /// Takes the record of one transaction on `database`.
    ///
    /// - Parameter isDurable: Whether the client asked for durability by "commit".
    /// - Throws: "I/O error"; then the file is as it was, and the transaction is undone.
    func append(
        _ record: LogRecord, to database: String, isDurable: Bool
    ) throws(DatabaseError)

    /// Puts `snapshot` in the place of the file's whole content.
    ///
    /// - Throws: "I/O error"; then the file is as it was, and the conversion does not happen.
    func replace(_ database: String, with snapshot: DatabaseSnapshot) throws(DatabaseError)
}

/// Forgets everything: for databases that no file stands behind.
public final class NoJournal: DatabaseJournal {
    public init() {}

    public func append(
        _ record: LogRecord, to database: String, isDurable: Bool
    ) throws(DatabaseError) {}

    public func replace(
        _ database: String, with snapshot: DatabaseSnapshot
    ) throws(DatabaseError) {}
}
