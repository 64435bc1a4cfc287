// The database's memory: what was appended and synchronised here is still there after any crash.
//
//     open     lock -> check all records -> keep what follows the last whole one aside, and cut it
//     append   write after the last record        (a failure cuts the file to where it was)
//     sync     wait for the disk; only now may anybody be told
//     replace  write another file, sync it, rename it over this one
//
// After a failed synchronisation nobody knows what is on the disk, and asking again does not tell:
// the program has to end.

public import DatabaseProtocol
import Glibc

/// The file of one standalone database, held by this process alone. Belongs to one thread; only
/// `synchronization` may be carried to another.
public final class DurableLog {
    /// What stood behind the last whole record and was cut off.
    public struct Cut: Equatable, Sendable {
        /// Where it began, in bytes.
        public let offset: Int
        public let byteCount: Int
        /// What was wrong with it.
        public let reason: String
        /// The file that it is kept in now.
        public let keptIn: String
    }

    /// Waits for the disk, on whatever thread calls it.
    public struct Synchronization: Sendable {
        let file: OpenFile

        /// Returns when everything that was appended before the call is on the disk.
        public func callAsFunction() throws(DurableLogError) { try file.synchronize() }
    }

    public let path: String
    private var file: OpenFile
    private let lockFile: OpenFile
    private var end: Int
    /// What is in the file, until it is taken by `takeRecords`.
    private var unread: (bytes: [UInt8], records: [Range<Int>])
    /// What was wrong with the end of the file, if anything.
    public let cut: Cut?
    /// Transactions in the file.
    public private(set) var recordCount: Int
    /// Bytes of the file just after it was opened or replaced.
    private var initialByteCount: Int

    /// Opens the database at `path`; if there is no such file, creates it.
    ///
    /// - Parameter schema: The first record of a new file; `nil` if the file must be there.
    /// - Throws: A sentence for the operator. Nothing has then been changed.
    public init(opening path: String, schemaIfNew schema: DatabaseSchema?) throws(DurableLogError) {
        let lockFile = try Self.lock(path)
        // Safe: Swift lends the call a C string.
        if let schema, unsafe access(path, F_OK) != 0 && errno == ENOENT {
            try Self.writeAnew(path, "create", [RecordFormat.bytes(of: schema.json)])
        }
        let file = try OpenFile(path, O_RDWR)
        let bytes = try file.readAll()
        let (found, damage) = Self.records(in: bytes)
        guard let end = found.last?.upperBound else {
            throw .notDatabase(path: path, reason: Self.complaint(bytes, damage))
        }
        self.cut =
            if let damage { try Self.cutOff(bytes, at: end, damage, file) } else { nil }
        (self.path, self.end, self.file, self.lockFile) = (path, end, file, lockFile)
        unread = (bytes, found)
        (recordCount, initialByteCount) = (found.count - 1, end)
    }

    /// Where the contents of all whole records are, and what is wrong with what follows. Each range
    /// ends where the record does.
    private static func records(in bytes: [UInt8]) -> ([Range<Int>], RecordFormat.Damage?) {
        var found: [Range<Int>] = []
        while (found.last?.upperBound ?? 0) < bytes.count {
            do throws(RecordFormat.Damage) {
                found.append(
                    try RecordFormat.record(in: bytes, at: found.last?.upperBound ?? 0))
            } catch {
                return (found, error)
            }
        }
        return (found, nil)
    }

    /// Takes the lock that Open vSwitch takes too, so that neither opens a file the other has.
    private static func lock(_ path: String) throws(DurableLogError) -> OpenFile {
        let file = try OpenFile(beside(path, prefix: ".", suffix: ".~lock~"), O_RDWR | O_CREAT)
        do throws(DurableLogError) {
            try file.lock()
        } catch {
            guard case .locked(_, let process) = error else { throw error }
            throw .locked(path: path, process: process)
        }
        return file
    }

    /// The name of the file at `path` with something before and after it, in the same directory.
    private static func beside(_ path: String, prefix: String, suffix: String) -> String {
        let slash = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
        return path[..<slash] + prefix + path[slash...] + suffix
    }

    private static func complaint(_ bytes: [UInt8], _ damage: RecordFormat.Damage?) -> String {
        if bytes.starts(with: RecordFormat.clusterMagic.utf8) {
            return "it is a clustered database; \"ovsdb-tool cluster-to-standalone\" converts it"
        }
        return damage?.reason ?? "it is empty; remove it and a new one is made"
    }

    /// Makes a file that is either whole or not there; what stood at `path` is there until then.
    @discardableResult
    private static func writeAnew(
        _ path: String, _ operation: String, _ records: [[UInt8]]
    ) throws(DurableLogError) -> OpenFile {
        let draft = beside(path, prefix: ".", suffix: ".new")
        do throws(DurableLogError) {
            let file = try OpenFile(draft, O_RDWR | O_CREAT | O_TRUNC)
            var end = 0
            for record in records {
                try file.write(record, at: end)
                end += record.count
            }
            try file.synchronize()
            // Safe: Swift lends the call C strings.
            guard unsafe rename(draft, path) == 0 else {
                throw DurableLogError.system(operation: operation, path: path, code: errno)
            }
            try synchronizeDirectory(of: path)
            return file
        } catch {
            // Safe: Swift lends the call a C string. It may be gone already.
            unsafe unlink(draft)
            throw error
        }
    }

    private static func synchronizeDirectory(of path: String) throws(DurableLogError) {
        let slash = path.lastIndex(of: "/").map { path.index(after: $0) }
        let directory = slash.map { String(path[..<$0]) } ?? "."
        try OpenFile(directory, O_RDONLY | O_DIRECTORY).synchronize()
    }

    private static func cutOff(
        _ bytes: [UInt8], at end: Int, _ damage: RecordFormat.Damage, _ file: OpenFile
    ) throws(DurableLogError) -> Cut {
        let keptIn = "\(file.path).cut"
        let kept = try OpenFile(keptIn, O_RDWR | O_CREAT | O_TRUNC)
        try kept.write(Array(bytes[end...]), at: 0)
        try kept.synchronize()
        try file.cut(to: end)
        try file.synchronize()
        return Cut(
            offset: end, byteCount: bytes.count - end, reason: damage.reason, keptIn: keptIn)
    }

    /// The schema, which is the file's first record.
    ///
    /// - Throws: `.notDatabase` if it is none. Traps after `takeRecords`.
    public func schema() throws(DurableLogError) -> DatabaseSchema {
        do {
            return try DatabaseSchema(parsing: json(unread.records[0]))
        } catch {
            throw .notDatabase(path: path, reason: "its schema is none: \(error)")
        }
    }

    /// Hands out the transactions of the file, in order and one at a time. None the second time.
    ///
    /// - Throws: What `take` throws, or that a record is whole but no JSON.
    public func takeRecords(_ take: (JSON) throws -> Void) throws {
        let (bytes, records) = unread
        defer { unread = ([], []) }
        for (number, record) in records.enumerated().dropFirst() {
            do {
                try take(RecordFormat.json(in: bytes, record))
            } catch {
                throw DurableLogError.notDatabase(path: path, reason: "record \(number): \(error)")
            }
        }
    }

    private func json(_ record: Range<Int>) throws(JSONError) -> JSON {
        try RecordFormat.json(in: unread.bytes, record)
    }

    /// Bytes of the file.
    public var byteCount: Int { end }

    /// Whether the file has grown so much since it was last written anew that doing so again costs
    /// less than it saves: on average every byte is written at most twice more.
    public var isWorthReplacing: Bool {
        recordCount >= LogLimits.replacedRecordCountMin
            && end >= max(LogLimits.replacedByteCountMin, 2 * initialByteCount)
    }

    /// Puts off the moment at which `isWorthReplacing` becomes true again.
    public func postponeReplacing() { initialByteCount = end }

    /// Writes a record of the JSON text `text` after the last. It is durable after the next
    /// synchronisation.
    ///
    /// - Throws: What the system said. The file is then as it was before; if even that fails, the
    ///   error is `.broken` and nothing may be written any more.
    public func append(_ text: [UInt8]) throws(DurableLogError) {
        let bytes = RecordFormat.bytes(ofText: text)
        guard end + bytes.count <= LogLimits.fileByteCountMax else {
            throw .system(operation: "write", path: path, code: EFBIG)
        }
        do throws(DurableLogError) {
            try file.write(bytes, at: end)
        } catch {
            do throws(DurableLogError) {
                try file.cut(to: end)
            } catch {
                throw .broken(path: path, reason: error.description)
            }
            throw error
        }
        end += bytes.count
        recordCount += 1
    }

    /// Puts `schema`, and then one record of the JSON text `content`, in the place of all that the
    /// file holds. Durable on return.
    ///
    /// - Throws: What the system said. The file is then as it was before.
    public func replace(
        with schema: DatabaseSchema, _ content: [UInt8]?
    ) throws(DurableLogError) {
        let texts = [schema.json.bytes] + (content.map { [$0] } ?? [])
        let bytes = texts.map(RecordFormat.bytes(ofText:))
        guard bytes.map(\.count).reduce(0, +) <= LogLimits.fileByteCountMax else {
            throw .system(operation: "replace", path: path, code: EFBIG)
        }
        file = try Self.writeAnew(path, "replace", bytes)
        end = bytes.map(\.count).reduce(0, +)
        initialByteCount = end
        recordCount = bytes.count - 1
    }

    /// What makes durable all that has been appended before it is called.
    public var synchronization: Synchronization { Synchronization(file: file) }

    /// Waits until all records are on the disk.
    public func synchronize() throws(DurableLogError) { try file.synchronize() }
}
