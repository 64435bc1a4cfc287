// The few system calls that the log needs, each with an error that names the file.

import Glibc

/// Why the database's file cannot be used. Each description is a sentence for the operator.
public enum DurableLogError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Another process has the file; `process` is 0 if it is not known which.
    case locked(path: String, process: Int32)
    /// The system refused: `operation` is a verb.
    case system(operation: String, path: String, code: Int32)
    /// Half a record may be in the file, and could not be removed.
    case broken(path: String, reason: String)
    /// The file is not a standalone database.
    case notDatabase(path: String, reason: String)

    public var description: String {
        switch self {
        case .locked(let path, let process):
            "\(path) is in use"
                + (process > 0 ? " by process \(process)" : "")
                + "; stop that server, or name another database file"
        case .system(let operation, let path, let code):
            "cannot \(operation) \(path): \(Self.phrase(code))"
        case .broken(let path, let reason):
            "\(path) cannot be brought back to its last whole record: \(reason)"
        case .notDatabase(let path, let reason):
            "\(path) is not a database that we can open: \(reason)"
        }
    }

    private static func phrase(_ code: Int32) -> String {
        // Safe: the text is copied before any other call can change it.
        unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
    }
}

/// An open file, closed with the object.
final class OpenFile: Sendable {
    let path: String
    let descriptor: Int32

    init(_ path: String, _ flags: Int32) throws(DurableLogError) {
        self.path = path
        // Safe: Swift lends the call a C string.
        descriptor = unsafe open(path, flags | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else {
            throw .system(operation: "open", path: path, code: errno)
        }
    }

    deinit { close(descriptor) }

    /// All bytes of the file.
    func readAll() throws(DurableLogError) -> [UInt8] {
        var status = stat()
        // Safe: a whole `struct stat`, which the kernel fills during the call.
        guard unsafe fstat(descriptor, &status) == 0 else { throw failure("read") }
        guard status.st_size <= LogLimits.fileByteCountMax else {
            throw .notDatabase(
                path: path, reason: "it has more than \(LogLimits.fileByteCountMax) bytes")
        }
        var count = 0
        var code: Int32 = 0
        let wanted = Int(status.st_size)
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: wanted) { buffer, filled in
            while count < wanted {
                // Safe: the place and the count lie inside the buffer, as `count < wanted` says.
                let got = unsafe pread(
                    descriptor, buffer.baseAddress.map { unsafe $0 + count }, wanted - count, count)
                if got < 0 && errno == EINTR { continue }
                if got < 0 { code = errno }
                guard got > 0 else { break }
                count += got
            }
            filled = count
        }
        guard code == 0 else { throw .system(operation: "read", path: path, code: code) }
        return bytes
    }

    /// Writes all of `bytes` at `offset`.
    func write(_ bytes: [UInt8], at offset: Int) throws(DurableLogError) {
        var written = 0
        while written < bytes.count {
            let got = unsafe bytes.withUnsafeBytes { buffer in
                // Safe: `written` is less than the count, so place and rest lie inside the buffer.
                unsafe pwrite(
                    descriptor, buffer.baseAddress.map { unsafe $0 + written },
                    buffer.count - written, offset + written)
            }
            if got < 0 && errno == EINTR { continue }
            guard got > 0 else { throw failure("write") }
            written += got
        }
    }

    /// Cuts the file to its first `count` bytes.
    func cut(to count: Int) throws(DurableLogError) {
        guard ftruncate(descriptor, count) == 0 else { throw failure("shorten") }
    }

    /// Waits until everything written is on the disk.
    func synchronize() throws(DurableLogError) {
        guard fdatasync(descriptor) == 0 else { throw failure("synchronize") }
    }

    /// Locks the whole file for this process.
    func lock() throws(DurableLogError) {
        var wish = flock()
        wish.l_type = Int16(F_WRLCK)
        wish.l_whence = Int16(SEEK_SET)
        // Safe: `wish` is a whole `struct flock` and lives during the calls.
        guard unsafe fcntl(descriptor, F_SETLK, &wish) != 0 else { return }
        guard errno == EACCES || errno == EAGAIN else { throw failure("lock") }
        let isKnown = unsafe fcntl(descriptor, F_GETLK, &wish) == 0
        throw .locked(path: path, process: isKnown ? wish.l_pid : 0)
    }

    private func failure(_ operation: String) -> DurableLogError {
        .system(operation: operation, path: path, code: errno)
    }
}

/// Bounds of the log.
public enum LogLimits {
    /// Largest file that is opened, or written to; it is replaced by a smaller one far below.
    public static let fileByteCountMax = 1 << 30
    /// A file with fewer transactions or bytes is never worth replacing, as in Open vSwitch.
    public static let replacedRecordCountMin = 100
    public static let replacedByteCountMin = 10 << 20
    /// A synchronisation that usually takes longer is carried out on a thread of its own: others
    /// shall not wait so long to be heard.
    public static let ownThreadSynchronization = Duration.milliseconds(2)
    /// Longest wait for more transactions before a synchronisation.
    public static let groupPauseMax = Duration.milliseconds(1)
}
