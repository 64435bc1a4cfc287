// A network namespace for the length of a test: interfaces in it disturb nobody, and vanish with
// it.
//
// A namespace belongs to a thread, and a socket to the namespace of the thread that made it, for
// ever. So work is sent to a thread that has entered the namespace, and what it returns can be used
// anywhere.

import CLinuxPacket
import Glibc
import Testing

struct Refused: Error, CustomStringConvertible {
    var description: String
}

/// Needs root; suites are enabled only for root and say so.
final class NetworkNamespace: Sendable {
    let descriptor: CInt

    static var isAllowed: Bool { geteuid() == 0 }

    init() throws {
        descriptor = try onThread {
            guard apus_network_namespace_make() == 0 else {
                throw Refused(description: "unshare: \(errno)")
            }
            let descriptor = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw Refused(description: "open ns: \(errno)") }
            return descriptor
        }
        try run { try command("ip", "link", "set", "lo", "up") }
    }

    deinit { close(descriptor) }

    /// For `ip link set … netns`.
    var path: String { "/proc/\(getpid())/fd/\(descriptor)" }

    /// Runs `body` on a new thread within the namespace, and waits for it.
    func run<Result>(_ body: () throws -> Result) throws -> Result {
        try onThread {
            guard apus_network_namespace_enter(descriptor) == 0 else {
                throw Refused(description: "setns: \(errno)")
            }
            return try body()
        }
    }

    /// Makes a veth pair, both ends up, without IPv6: so nobody speaks on it unasked.
    func addPair(_ name: String, _ peer: String, mtu: Int = 1500, peerIn: NetworkNamespace? = nil)
        throws
    {
        try run {
            try command(
                "ip", "link", "add", name, "mtu", "\(mtu)", "type", "veth", "peer", "name", peer,
                "mtu", "\(mtu)")
            try quiet(name)
            if let peerIn {
                try command("ip", "link", "set", peer, "netns", peerIn.path)
            } else {
                try quiet(peer)
            }
        }
        if let peerIn { try peerIn.run { try quiet(peer) } }
    }

    private func quiet(_ name: String) throws {
        try command("ip", "link", "set", name, "addrgenmode", "none")
        try command("ip", "link", "set", name, "up")
    }
}

/// Runs a program of the search path in the calling thread's namespace; fails unless it exits with
/// 0.
func command(_ words: String...) throws {
    let process = try spawn(words)
    var status: CInt = 0
    guard waitpid(process, &status, 0) == process, status == 0 else {
        throw Refused(description: "\(words.joined(separator: " ")): status \(status)")
    }
}

/// Starts a program; `handing` is a descriptor that it gets as number 50.
func spawn(_ words: [String], handing descriptor: CInt? = nil) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    if let descriptor { posix_spawn_file_actions_adddup2(&actions, descriptor, 50) }
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var process: pid_t = 0
    let result = posix_spawnp(&process, words[0], &actions, nil, &arguments, environ)
    guard result == 0 else { throw Refused(description: "\(words[0]): error \(result)") }
    return process
}

/// Runs `body` on a thread of its own, so that what it does to the thread's namespace ends with it.
func onThread<Value>(_ body: () throws -> Value) throws -> Value {
    try withoutActuallyEscaping(body) { body in
        let job = Job(body)
        var thread = pthread_t()
        let context = Unmanaged.passRetained(job)
        let result = pthread_create(
            &thread, nil,
            { context in
                Unmanaged<Work>.fromOpaque(context!).takeRetainedValue().run()
                return nil
            }, context.toOpaque())
        guard result == 0 else {
            context.release()
            throw Refused(description: "pthread_create: \(result)")
        }
        pthread_join(thread, nil)
        defer { job.forget() }
        return try job.result!.get()
    }
}

private class Work {
    func run() {}
}

private final class Job<Value>: Work {
    private var body: (() throws -> Value)?
    private(set) var result: Result<Value, any Error>?

    init(_ body: @escaping () throws -> Value) { self.body = body }

    override func run() {
        guard let body else { return }
        result = Result(catching: body)
    }

    func forget() { body = nil }
}

/// Waits until `descriptor` can be read, at most `milliseconds`; says whether it can.
func waitUntilReadable(_ descriptor: CInt, milliseconds: CInt = 2000) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, milliseconds) > 0
}

/// Whether `condition` comes true within 10 s, asked every 10 ms.
func eventually(_ condition: () -> Bool) -> Bool {
    let end = ContinuousClock.now + .seconds(10)
    while ContinuousClock.now < end {
        if condition() { return true }
        usleep(10_000)
    }
    return false
}
