// The file that says which process is the daemon, and the lock that proves it.
//
// The file's text alone would lie after a crash. Its lock does not: the kernel drops it with the
// process. Open vSwitch's tools look for this very lock (fcntl, the whole file) and believe a pid
// file only if the process named in it holds it.

import CProcess
import Glibc

struct PidFile {
    let path: String
    private let descriptor: Int32

    /// Writes the file for this process.
    ///
    /// - Parameters:
    ///   - name: Of the daemon, for the error.
    ///   - overwriting: Whether another instance's file may be replaced.
    /// - Throws: What is in the way; if it is another instance, with its process id.
    static func take(
        _ path: String, for name: String, overwriting: Bool
    ) throws(DaemonError) -> PidFile {
        for _ in 0..<attemptCountMax {
            // Safe: Swift lends the call a C string.
            let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else {
                throw DaemonError("cannot write the pid file \(path): \(systemPhrase(errno))")
            }
            if process_lock(descriptor) == 0 {
                if isSame(descriptor, path) { return try write(path, descriptor) }
            } else if !overwriting {
                let owner = process_lock_owner(descriptor)
                close(descriptor)
                throw DaemonError(
                    "\(name) runs already\(owner > 0 ? " as process \(owner)" : ""), says \(path); "
                        + "stop that one, or use another OVS_RUNDIR")
            } else {
                // Safe: as above. The other instance keeps its lock on a file without a name.
                unsafe unlink(path)
            }
            close(descriptor)
        }
        throw DaemonError("the pid file \(path) changes all the time; who else writes it?")
    }

    /// Removes the file, if it is still this one.
    func remove() {
        // Safe: Swift lends the call a C string.
        if Self.isSame(descriptor, path) { unsafe unlink(path) }
        close(descriptor)
    }

    /// An instance that stops removes its file between our open and our lock; then we try again.
    private static let attemptCountMax = 10

    private static func write(_ path: String, _ descriptor: Int32) throws(DaemonError) -> PidFile {
        var text = "\(getpid())\n"
        let isWritten = text.withUTF8 { bytes in
            // Safe: the call reads the string's own bytes while they are lent.
            unsafe ftruncate(descriptor, 0) == 0
                && Glibc.write(descriptor, bytes.baseAddress, bytes.count) == bytes.count
        }
        guard isWritten else {
            throw DaemonError("cannot write the pid file \(path): \(systemPhrase(errno))")
        }
        return PidFile(path: path, descriptor: descriptor)
    }

    private static func isSame(_ descriptor: Int32, _ path: String) -> Bool {
        var (mine, named) = (stat(), stat())
        // Safe: both are whole `struct stat`s, which the kernel fills during the calls.
        guard unsafe fstat(descriptor, &mine) == 0, unsafe stat(path, &named) == 0 else {
            return false
        }
        return mine.st_dev == named.st_dev && mine.st_ino == named.st_ino
    }
}
