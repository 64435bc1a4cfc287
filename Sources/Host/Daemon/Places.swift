// Where a daemon's files stand. Several instances live side by side in different places.

import Glibc
import Product

/// The three directories of one instance. Always absolute, so that a daemon may change directory.
public struct Places: Equatable, Sendable {
    /// Sockets and pid files.
    public let rundir: String
    /// The database.
    public let dbdir: String
    /// Log files.
    public let logdir: String

    public init(rundir: String, dbdir: String, logdir: String) {
        self.rundir = Self.absolute(rundir)
        self.dbdir = Self.absolute(dbdir)
        self.logdir = Self.absolute(logdir)
    }

    /// As the environment says: OVS_RUNDIR, OVS_DBDIR and OVS_LOGDIR, each with a default that is
    /// ours and never that of an Open vSwitch on the same machine. An empty value counts as none.
    public static func fromEnvironment() -> Places {
        Places(
            rundir: variable("OVS_RUNDIR") ?? Product.rundir,
            dbdir: variable("OVS_DBDIR") ?? Product.dbdir,
            logdir: variable("OVS_LOGDIR") ?? Product.logdir)
    }

    /// `path` itself if it is absolute, else what it means in `directory`.
    public static func absolute(_ path: String, in directory: String? = nil) -> String {
        guard !path.hasPrefix("/") else { return path }
        return "\(directory ?? workingDirectory)/\(path)"
    }

    private static var workingDirectory: String {
        // Safe: with `nil` glibc allocates the string, which is freed after it was copied.
        guard let path = unsafe getcwd(nil, 0) else { return "" }
        defer { unsafe free(path) }
        return unsafe String(cString: path)
    }

    private static func variable(_ name: String) -> String? {
        // Safe: no thread of ours changes the environment, and the value is copied at once.
        guard let value = unsafe getenv(name) else { return nil }
        let text = unsafe String(cString: value)
        return text.isEmpty ? nil : text
    }

    /// Makes a directory if it is missing, with those above it; only its owner may write there.
    public static func create(_ directory: String) throws(DaemonError) {
        let parts = directory.split(separator: "/")
        for count in parts.indices.map({ $0 + 1 }) {
            let path = "/" + parts.prefix(count).joined(separator: "/")
            // Safe: Swift lends the call a C string.
            guard unsafe mkdir(path, 0o755) == 0 || errno == EEXIST else {
                throw DaemonError("cannot make the directory \(path): \(systemPhrase(errno))")
            }
        }
    }
}
