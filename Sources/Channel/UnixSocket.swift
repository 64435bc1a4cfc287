import Glibc

// Unix sockets of SOCK_SEQPACKET: connected like a stream, and each datagram arrives whole and in
// order, or not at all. That is what a netlink socket offers, without the kernel at the other end.

enum UnixSocket {
    /// The path of the datapath's socket in run directory `runDirectory`.
    static func path(in runDirectory: String) -> String { runDirectory + "/apus-datapath.sock" }

    static func make() throws(ChannelError) -> Int32 {
        let kind = Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(AF_UNIX, kind | Int32(SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { throw .system(call: "socket", code: errno) }
        return descriptor
    }

    /// Calls `body` with the address of `path`.
    static func withAddress(
        _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) throws(ChannelError) -> Int32 {
        let octets = Array(path.utf8)
        guard (1...ChannelLimits.pathByteCountMax).contains(octets.count), !octets.contains(0)
        else { throw .invalidPath(path) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) {
            // In bounds: at most 107 of 108 bytes, the last stays zero.
            unsafe $0.copyBytes(from: octets)
        }
        return unsafe withUnsafePointer(to: &address) { pointer in
            // The kernel's convention: every address structure begins as sockaddr does.
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    /// Large buffers: by privilege if we have it, else as large as the system allows.
    static func enlargeBuffers(_ descriptor: Int32) {
        var size = ChannelLimits.socketBufferByteCount
        let length = socklen_t(MemoryLayout<Int32>.size)
        for (forced, asked) in [(SO_SNDBUFFORCE, SO_SNDBUF), (SO_RCVBUFFORCE, SO_RCVBUF)] {
            // The option's value is one Int32, which lives through the call.
            if unsafe setsockopt(descriptor, SOL_SOCKET, forced, &size, length) != 0 {
                // Refused too, the default remains, which holds one datagram of the largest kind.
                _ = unsafe setsockopt(descriptor, SOL_SOCKET, asked, &size, length)
            }
        }
    }

    /// Connects. With a full backlog at the other end the result is `.notReachable` with EAGAIN.
    static func connected(to path: String) throws(ChannelError) -> Int32 {
        let descriptor = try make()
        let result: Int32
        do {
            result = try unsafe withAddress(path) { unsafe connect(descriptor, $0, $1) }
        } catch {
            close(descriptor)
            throw error
        }
        guard result == 0 else {
            let code = errno
            close(descriptor)
            throw .notReachable(path, code: code)
        }
        return descriptor
    }
}
