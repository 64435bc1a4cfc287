// The part of unix sockets that SwiftNIO leaves to us: the name in the file system.
//
// A socket's file outlives its process, so a file alone says nothing. Whoever wants the place asks
// whether somebody answers there: if so it is refused, if not the file is a leftover and goes.

import Glibc

/// The file of a listening socket, so that only that one is removed at the end.
struct UnixSocketFile: Sendable, Equatable {
    let path: String
    private let device: UInt
    private let inode: UInt

    /// Binds a socket that can be read and written by its owner and group.
    ///
    /// - Returns: The descriptor, not yet listening, and its file.
    static func bind(_ path: String) throws(StreamError) -> (descriptor: Int32, file: Self) {
        let remote = Remote.passiveUnix(path: path)
        guard path.utf8.count <= unixSocketPathByteCountMax else {
            throw .cannotListen(remote, reason: Remote.pathIsTooLong(path))
        }
        try removeStale(path)
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | cloexec | nonblock, 0)
        guard descriptor >= 0 else { throw .cannotListen(remote, reason: systemPhrase(errno)) }
        // The mode of the descriptor is the mode the file is born with, less the umask; the second
        // call gives the group its right back. There is no moment at which others may enter.
        // Safe: see `withSocketAddress`.
        let isBound = unsafe withSocketAddress(path) {
            unsafe fchmod(descriptor, mode) == 0
                && Glibc.bind(descriptor, $0, $1) == 0
                && chmod(path, mode) == 0
        }
        guard isBound, let file = Self(at: path) else {
            let reason = systemPhrase(errno)
            close(descriptor)
            throw .cannotListen(remote, reason: reason)
        }
        return (descriptor, file)
    }

    /// Removes the file, if it is still the one that was made here.
    func remove() {
        // Safe: Swift lends the call a C string.
        if Self(at: path) == self { unsafe unlink(path) }
    }

    private static let mode: mode_t = 0o660
    private static let cloexec = Int32(SOCK_CLOEXEC.rawValue)
    private static let nonblock = Int32(SOCK_NONBLOCK.rawValue)

    private init?(at path: String) {
        var status = stat()
        // Safe: `status` is a whole `struct stat`, which the kernel fills during the call.
        guard unsafe lstat(path, &status) == 0 else { return nil }
        guard status.st_mode & S_IFMT == S_IFSOCK else { return nil }
        self.path = path
        device = status.st_dev
        inode = status.st_ino
    }

    private static func removeStale(_ path: String) throws(StreamError) {
        let remote = Remote.passiveUnix(path: path)
        var status = stat()
        // Safe: as in `init`.
        guard unsafe lstat(path, &status) == 0 else {
            guard errno == ENOENT else {
                throw .cannotListen(remote, reason: systemPhrase(errno))
            }
            return
        }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw .cannotListen(remote, reason: "a file that is no socket stands there")
        }
        // Does not block: a listener whose backlog is full answers EAGAIN, and lives.
        let probe = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | cloexec | nonblock, 0)
        guard probe >= 0 else { throw .cannotListen(remote, reason: systemPhrase(errno)) }
        defer { close(probe) }
        // Safe: see `withSocketAddress`.
        let isAnswered = unsafe withSocketAddress(path) { unsafe connect(probe, $0, $1) == 0 }
        guard !isAnswered, errno == ECONNREFUSED || errno == ENOENT else {
            throw .addressInUse(remote)
        }
        guard unsafe unlink(path) == 0 || errno == ENOENT else {
            throw .cannotListen(remote, reason: systemPhrase(errno))
        }
    }

    /// Calls `body` with the address of `path`, which must have been checked to fit.
    private static func withSocketAddress(
        _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Bool
    ) -> Bool {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // Safe: at most 107 bytes go into the 108 of `sun_path`, and the rest stays zero.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { place in
            unsafe place.copyBytes(from: path.utf8.prefix(unixSocketPathByteCountMax))
        }
        let byteCount = socklen_t(MemoryLayout<sockaddr_un>.size)
        // Safe: a `sockaddr_un` is what a `sockaddr` of this family is, and lives during the call.
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, byteCount)
            }
        }
    }
}

/// The system's phrase for an error number.
func systemPhrase(_ code: Int32) -> String {
    // Safe: glibc returns a string that this thread may read until its next call.
    unsafe String(cString: strerror(code))
}
