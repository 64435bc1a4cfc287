// How `--detach` returns to the shell exactly when the daemon is ready.
//
//     shell ── starts ──> parent ── forks ──> child, the daemon
//                           |                   |  opens sockets, reads the database …
//                           | waits             v
//     shell <── exit 0 ── parent <── a byte ── ready
//     shell <── exit 1 ── parent <── closed ── the child stopped (and has said why)
//
// The fork is the first thing of all, while the process has one thread: a thread of SwiftNIO would
// not live on in the child.

import CProcess
import Glibc

struct Detachment {
    /// How long the parent waits for the child.
    static let readinessTimeoutMilliseconds: Int32 = 30_000

    /// The child's end of the pipe to its parent.
    private let pipe: Int32

    /// Forks. Returns in the child only; the parent waits and exits.
    static func begin(_ name: String) throws(DaemonError) -> Detachment {
        var ends: [Int32] = [-1, -1]
        // Safe: the array has room for the two descriptors.
        guard unsafe Glibc.pipe(&ends) == 0 else {
            throw DaemonError("cannot detach: \(systemPhrase(errno))")
        }
        let child = process_fork()
        guard child >= 0 else { throw DaemonError("cannot detach: \(systemPhrase(errno))") }
        guard child == 0 else {
            close(ends[1])
            waitForReadiness(of: child, name, ends[0])
        }
        close(ends[0])
        setsid()
        return Detachment(pipe: ends[1])
    }

    /// Lets go of the terminal and lets the parent exit.
    func finish(changingDirectory: Bool) throws(DaemonError) {
        // Safe: Swift lends the calls C strings.
        let null = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
        guard null >= 0 else {
            throw DaemonError("cannot open /dev/null: \(systemPhrase(errno))")
        }
        for descriptor: Int32 in 0...2 { dup2(null, descriptor) }
        if null > 2 { close(null) }
        if changingDirectory, unsafe chdir("/") != 0 {
            throw DaemonError("cannot change to /: \(systemPhrase(errno))")
        }
        var byte: UInt8 = 1
        // Safe: one byte is read from `byte`. If the parent is gone, nobody needs to know.
        unsafe write(pipe, &byte, 1)
        close(pipe)
    }

    private static func waitForReadiness(of child: pid_t, _ name: String, _ pipe: Int32) -> Never {
        var waited = pollfd(fd: pipe, events: Int16(POLLIN), revents: 0)
        // Safe: one `pollfd`, which lives during the call.
        let answer = unsafe poll(&waited, 1, readinessTimeoutMilliseconds)
        guard answer > 0 else {
            kill(child, SIGKILL)
            stop("\(name) was not ready after \(readinessTimeoutMilliseconds / 1000) s")
        }
        var byte: UInt8 = 0
        // Safe: one byte is written into `byte`.
        if unsafe read(pipe, &byte, 1) == 1 { exit(0) }
        var status: Int32 = 0
        // Safe: `status` lives during the call.
        unsafe waitpid(child, &status, 0)
        let signal = status & 0x7f
        stop(
            signal == 0
                ? "\(name) stopped before it was ready, with exit code \(status >> 8 & 0xff)"
                : "\(name) was stopped by signal \(signal) before it was ready")
    }

    private static func stop(_ sentence: String) -> Never {
        var line = sentence + "\n"
        line.withUTF8 { bytes in
            // Safe: the call reads the string's own bytes while they are lent.
            _ = unsafe write(2, bytes.baseAddress, bytes.count)
        }
        exit(1)
    }
}
