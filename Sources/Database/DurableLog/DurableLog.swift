// The database's memory: what was appended and synchronised here is still there after any crash.
//
//     open     lock -> read all records -> keep what follows the last whole one aside, and cut it
//     append   write after the last record        (a failure cuts the file to where it was)
//     sync     wait for the disk; only now may anybody be told
//
// After a failed `synchronize` nobody knows what is on the disk, and asking again does not tell:
// the program has to end.

public import DatabaseProtocol
import Glibc

/// The file of one standalone database, held by this process alone.
public struct DurableLog: ~Copyable {
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

    public let path: String
    private let file: OpenFile
    private let lockFile: OpenFile
    private var end: Int
    /// What is in the file, until it is taken by `takeRecords`.
    private var records: [JSON]
    /// What was wrong with the end of the file, if anything.
    public let cut: Cut?
    private var isSynchronized = true

    /// Opens the database at `path`; if there is no such file, creates it.
    ///
    /// - Parameter schema: The first record of a new file.
    /// - Throws: A sentence for the operator. Nothing has then been changed.
    public init(opening path: String, schemaIfNew schema: DatabaseSchema) throws(DurableLogError) {
        let lockFile = try Self.lock(path)
        // Safe: Swift lends the call a C string.
        if unsafe access(path, F_OK) != 0 && errno == ENOENT {
            try Self.create(path, RecordFormat.bytes(of: schema.json))
        }
        let file = try OpenFile(path, O_RDWR)
        let bytes = try file.readAll()
        let (found, end, damage) = Self.read(bytes)
        guard !found.isEmpty else {
            throw .notDatabase(path: path, reason: Self.complaint(bytes, damage))
        }
        let cut: Cut? =
            if let damage { try Self.cutOff(bytes, at: end, damage, file) } else { nil }
        (self.path, self.end, records, self.cut) = (path, end, found, cut)
        self.file = file
        self.lockFile = lockFile
    }

    /// All whole records, where the last one ends, and what is wrong with what follows.
    private static func read(_ bytes: [UInt8]) -> ([JSON], Int, RecordFormat.Damage?) {
        var found: [JSON] = []
        var end = 0
        while end < bytes.count {
            do throws(RecordFormat.Damage) {
                let record = try RecordFormat.record(in: bytes, at: end)
                found.append(record.json)
                end = record.end
            } catch {
                return (found, end, error)
            }
        }
        return (found, end, nil)
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

    /// Makes a new file that is either whole or not there.
    private static func create(_ path: String, _ bytes: [UInt8]) throws(DurableLogError) {
        let draft = beside(path, prefix: ".", suffix: ".new")
        do {
            let file = try OpenFile(draft, O_RDWR | O_CREAT | O_TRUNC)
            try file.write(bytes, at: 0)
            try file.synchronize()
        }
        // Safe: Swift lends the call C strings.
        guard unsafe rename(draft, path) == 0 else {
            throw .system(operation: "create", path: path, code: errno)
        }
        try synchronizeDirectory(of: path)
    }

    private static func synchronizeDirectory(of path: String) throws(DurableLogError) {
        let slash = path.lastIndex(of: "/").map { path.index(after: $0) }
        let directory = slash.map { String(path[..<$0]) } ?? "."
        try OpenFile(directory, O_RDONLY | O_DIRECTORY).synchronize()
    }

    private static func cutOff(
        _ bytes: [UInt8], at end: Int, _ damage: RecordFormat.Damage, _ file: borrowing OpenFile
    ) throws(DurableLogError) -> Cut {
        let keptIn = "\(file.path).cut"
        do {
            let kept = try OpenFile(keptIn, O_RDWR | O_CREAT | O_TRUNC)
            try kept.write(Array(bytes[end...]), at: 0)
            try kept.synchronize()
        }
        try file.cut(to: end)
        try file.synchronize()
        return Cut(
            offset: end, byteCount: bytes.count - end, reason: damage.reason, keptIn: keptIn)
    }

    /// The records of the file: the schema, then the transactions. Empty when asked again.
    public mutating func takeRecords() -> [JSON] {
        defer { records = [] }
        return records
    }

    /// Writes a record after the last. It is durable after the next `synchronize`.
    ///
    /// - Throws: What the system said. The file is then as it was before.
    public mutating func append(_ record: JSON) throws(DurableLogError) {
        let bytes = RecordFormat.bytes(of: record)
        do throws(DurableLogError) {
            try file.write(bytes, at: end)
        } catch {
            try file.cut(to: end)
            throw error
        }
        end += bytes.count
        isSynchronized = false
    }

    /// Waits until all records are on the disk.
    public mutating func synchronize() throws(DurableLogError) {
        guard !isSynchronized else { return }
        try file.synchronize()
        isSynchronized = true
    }
}
