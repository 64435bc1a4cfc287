// A socket that is waited for by poll(2), in the caller's thread. No thread of its own, no event
// loop: a tool that asks one question is done before either would have started.

import Glibc
import Timekeeping

/// A place that can be connected to without looking up a name.
struct SocketAddress {
    let family: Int32
    private var storage = sockaddr_storage()
    private let byteCount: socklen_t

    /// - Returns: `nil` if SwiftNIO has to do it: for TLS, and for names of hosts.
    init?(_ remote: Remote) {
        switch remote {
        case .unix(let path) where path.utf8.count <= unixSocketPathByteCountMax:
            family = AF_UNIX
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            // Safe: at most 107 bytes go into the 108 of `sun_path`, and the rest stays zero.
            unsafe withUnsafeMutableBytes(of: &address.sun_path) { place in
                unsafe place.copyBytes(from: path.utf8)
            }
            byteCount = Self.copy(address, to: &storage)
        case .tcp(let host, let port):
            var address = sockaddr_in()
            var address6 = sockaddr_in6()
            // Safe: Swift lends a C string, and each call writes one whole address structure.
            if unsafe inet_pton(AF_INET, host, &address.sin_addr) == 1 {
                family = AF_INET
                address.sin_family = sa_family_t(AF_INET)
                address.sin_port = port.bigEndian
                byteCount = Self.copy(address, to: &storage)
            } else if unsafe inet_pton(AF_INET6, host, &address6.sin6_addr) == 1 {
                family = AF_INET6
                address6.sin6_family = sa_family_t(AF_INET6)
                address6.sin6_port = port.bigEndian
                byteCount = Self.copy(address6, to: &storage)
            } else {
                return nil
            }
        case .unix, .tls, .passiveUnix, .passiveTCP, .passiveTLS: return nil
        }
    }

    private static func copy<Address>(
        _ address: Address, to storage: inout sockaddr_storage
    ) -> socklen_t {
        let byteCount = MemoryLayout<Address>.size
        // Safe: `sockaddr_storage` is as large and as aligned as the largest address there is.
        unsafe withUnsafeMutableBytes(of: &storage) { place in
            unsafe withUnsafeBytes(of: address) { unsafe place.copyMemory(from: $0) }
        }
        return socklen_t(byteCount)
    }

    /// - Returns: 0, or the number of the error.
    func connect(_ descriptor: Int32) -> Int32 {
        // Safe: a `sockaddr_storage` is what a `sockaddr` of its family is, and lives during the
        // call, which reads as many bytes as were written.
        let result = unsafe withUnsafePointer(to: storage) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.connect(descriptor, $0, byteCount)
            }
        }
        return result == 0 ? 0 : errno
    }
}

final class SocketClient {
    /// Why there is nothing more to read.
    enum End: Error {
        case closed(String)
        case timedOut
    }

    private let descriptor: Int32
    /// Moment of CLOCK_MONOTONIC in nanoseconds; `nil` waits for ever.
    private let deadline: Int64?
    private var unsent: ArraySlice<UInt8> = []
    private static let receivedByteCountMax = 65_536

    init(connectingTo address: SocketAddress, timeout: Duration?) throws(End) {
        deadline = timeout.map { duration in
            let (moment, isBeyond) = Self.now.addingReportingOverflow(duration.nanosecondsClamped)
            return isBeyond ? .max : moment
        }
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        descriptor = socket(address.family, kind, 0)
        guard descriptor >= 0 else { throw .closed(systemPhrase(errno)) }
        // The kernel ends a connect that takes longer than one may send.
        var left = timeval()
        if let nanoseconds = nanosecondsLeft {
            let microseconds = max(nanoseconds / 1000, 1)
            left = timeval(
                tv_sec: Int(microseconds / 1_000_000), tv_usec: Int(microseconds % 1_000_000))
        }
        // Safe: the option is a whole `struct timeval`, read during the call.
        unsafe setsockopt(
            descriptor, SOL_SOCKET, SO_SNDTIMEO, &left, socklen_t(MemoryLayout<timeval>.size))
        switch address.connect(descriptor) {
        case 0: break
        case EINPROGRESS, EAGAIN: throw .timedOut
        case let code: throw .closed(systemPhrase(code))
        }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    func send(_ bytes: [UInt8]) {
        unsent += bytes
        flush()
    }

    func receive() throws(End) -> [UInt8] {
        while true {
            try wait()
            flush()
            var bytes = [UInt8](repeating: 0, count: Self.receivedByteCountMax)
            // Safe: at most as many bytes are written as the array has.
            let count = unsafe recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
            if count > 0 {
                bytes.removeLast(bytes.count - count)
                return bytes
            }
            guard count < 0 else { throw .closed("the peer closed the connection") }
            guard errno == EAGAIN || errno == EINTR else { throw .closed(systemPhrase(errno)) }
        }
    }

    /// Until there is something to read, or room for what is unsent.
    private func wait() throws(End) {
        let events = Int16(POLLIN) | (unsent.isEmpty ? 0 : Int16(POLLOUT))
        var watched = pollfd(fd: descriptor, events: events, revents: 0)
        while true {
            var milliseconds: Int32 = -1
            if let left = nanosecondsLeft {
                guard left > 0 else { throw .timedOut }
                milliseconds = Int32(clamping: (left + 999_999) / 1_000_000)
            }
            // Safe: one `pollfd`, which lives during the call.
            guard unsafe poll(&watched, 1, milliseconds) <= 0 else { return }
        }
    }

    /// Writes what the kernel takes. That nobody reads any more shows when we read.
    private func flush() {
        let flags = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
        while !unsent.isEmpty {
            // Safe: the call reads the array's own bytes while they are lent.
            let count = unsafe unsent.withUnsafeBytes {
                unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, flags)
            }
            if count < 0, errno == EAGAIN { return }
            if count < 0, errno != EINTR {
                unsent = []
                return
            }
            unsent = unsent.dropFirst(max(count, 0))
        }
    }

    private var nanosecondsLeft: Int64? { deadline.map { $0 - Self.now } }

    private static var now: Int64 {
        var time = timespec()
        // Safe: `time` lives during the call, which cannot fail for this clock.
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
