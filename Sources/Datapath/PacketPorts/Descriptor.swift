// A file descriptor that is closed exactly once.

internal import Glibc

/// Owns one file descriptor; closes it at the end of its life.
struct Descriptor: ~Copyable {
    let number: CInt

    /// Takes over the result of a call that makes a descriptor, whose `errno` is still there.
    init(_ result: CInt, interface: String, call: String) throws(PortError) {
        guard result >= 0 else { throw PortError(interface: interface, call: call) }
        number = result
    }

    deinit {
        // The only error that close of a good descriptor has here is EINTR, after which Linux has
        // closed it all the same.
        _ = close(number)
    }
}
