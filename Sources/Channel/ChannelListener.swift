import Glibc

// Where clients come in. The socket's file lasts longer than a process that dies without cleaning
// up, so a file that nobody answers on is taken away; one that somebody answers on is never.

/// Accepts clients on `<run directory>/apus-datapath.sock`. Owned by one thread.
public final class ChannelListener {
    public let path: String
    /// For `poll`: readable when a client waits.
    public let descriptor: Int32
    /// Clients turned away because `ChannelLimits.clientCountMax` were there.
    public private(set) var refusedCount: UInt64 = 0

    /// Listens on `path` with mode 0660.
    ///
    /// - Throws: `.alreadyServed` if another process answers there, `.notASocket` if something else
    ///   stands there, `.invalidPath`, or `.system` (no such directory, no permission).
    public init(path: String) throws(ChannelError) {
        try Self.removeStale(path)
        let descriptor = try UnixSocket.make()
        do throws(ChannelError) {
            // Nobody may come in between bind and the final mode.
            guard fchmod(descriptor, 0o600) == 0 else {
                throw .system(call: "fchmod \(path)", code: errno)
            }
            // The address lives through the call.
            guard try unsafe UnixSocket.withAddress(path, { unsafe bind(descriptor, $0, $1) }) == 0
            else { throw .system(call: "bind \(path)", code: errno) }
            guard listen(descriptor, Int32(ChannelLimits.clientCountMax)) == 0 else {
                throw .system(call: "listen \(path)", code: errno)
            }
            // The path is lent for the call.
            guard unsafe chmod(path, 0o660) == 0 else {
                throw .system(call: "chmod \(path)", code: errno)
            }
        } catch {
            close(descriptor)
            throw error
        }
        self.path = path
        self.descriptor = descriptor
    }

    /// Listens in `runDirectory` under the name that clients look for.
    public convenience init(runDirectory: String) throws(ChannelError) {
        try self.init(path: UnixSocket.path(in: runDirectory))
    }

    deinit {
        close(descriptor)
        // The path is lent for the call.
        unsafe unlink(path)
    }

    /// A client that waits, nil if none does.
    ///
    /// - Parameter clientCount: How many are connected now; one too many is accepted and closed at
    ///   once, so that it hears of it.
    public func accept(clientCount: Int) throws(ChannelError) -> ChannelConnection? {
        // The address is not asked for.
        let client = Glibc.accept(descriptor, nil, nil)
        guard client >= 0 else {
            switch errno {
            case EAGAIN, EINTR, ECONNABORTED: return nil
            default: throw .system(call: "accept", code: errno)
            }
        }
        // A new descriptor cannot refuse the flag.
        _ = fcntl(client, F_SETFD, FD_CLOEXEC)
        guard clientCount < ChannelLimits.clientCountMax else {
            close(client)
            refusedCount += 1
            return nil
        }
        return ChannelConnection(adopting: client)
    }

    private static func removeStale(_ path: String) throws(ChannelError) {
        var status = stat()
        // `status` is written only if the call succeeds.
        guard unsafe lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw .notASocket(path) }
        do throws(ChannelError) {
            close(try UnixSocket.connected(to: path))
        } catch {
            guard case .notReachable(_, let code) = error, code == ECONNREFUSED else { throw error }
            // The path is lent for the call.
            unsafe unlink(path)
            return
        }
        throw .alreadyServed(path)
    }
}
