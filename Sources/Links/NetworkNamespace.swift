// Network namespaces by name. Only the calling thread goes to one, and it comes back at once: what
// is opened there stays there, which is how one process works in several.

internal import CNetlink
internal import Glibc

public enum NetworkNamespace {
    /// The file that stands for namespace `name`: one that `ip netns add` made; for a number, that
    /// of the process with it; a path is taken as it is.
    public static func path(of name: String) -> String {
        if name.contains("/") { return name }
        if UInt32(name) != nil { return "/proc/\(name)/ns/net" }
        return "/run/netns/\(name)"
    }

    /// Opens the file, close-on-exec. The caller closes it.
    static func open(_ name: String) throws(LinkError) -> CInt {
        let path = path(of: name)
        // Safe: the path is lent for the call.
        let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            let reason =
                errno == ENOENT
                ? "there is no network namespace of that name (ip netns add \(name))"
                : unsafe String(cString: strerror(errno))
            throw LinkError(
                kind: .refused, interface: name, attempt: "open network namespace", reason: reason)
        }
        return descriptor
    }

    /// Runs `body` with the calling thread in namespace `name`; `nil` is where it is now. Needs
    /// CAP_SYS_ADMIN.
    ///
    /// If there were no way back, the process would stop: it could not know where it works.
    public static func enter<Result: ~Copyable>(
        _ name: String?, _ body: () throws(LinkError) -> Result
    ) throws(LinkError) -> Result {
        guard let name else { return try body() }
        let target = try open(name)
        defer { close(target) }
        // Safe: the path is lent for the call.
        let home = unsafe Glibc.open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
        guard home >= 0 else {
            throw LinkError(interface: name, attempt: "remember its own namespace", errno: errno)
        }
        defer { close(home) }
        guard apus_links_namespace_enter(target) == 0 else {
            throw LinkError(interface: name, attempt: "enter network namespace", errno: errno)
        }
        defer {
            precondition(
                apus_links_namespace_enter(home) == 0, "no way back to the own namespace")
        }
        return try body()
    }
}
