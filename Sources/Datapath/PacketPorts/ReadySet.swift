// Which of many ports has something: one descriptor to wait on, whatever their number.

internal import CLinuxPacket
internal import Glibc

/// A set of descriptors, each with the number of its port (epoll, level-triggered). One thread
/// waits; any may add and remove.
public struct ReadySet: ~Copyable {
    /// A port that has something.
    public struct Ready: Hashable, Sendable {
        public var port: UInt32
        /// An error condition stands: ask the port why, or it is reported again and again.
        public var hasError: Bool
    }

    /// Ports that one call of `ready` names at most; the others come with the next.
    public static let readyCountMax = 256

    private let epoll: Descriptor

    /// - Throws: What the kernel said (too many open files).
    public init() throws(PortError) {
        epoll = try Descriptor(
            epoll_create1(CInt(EPOLL_CLOEXEC)), interface: "ports", call: "epoll_create1")
    }

    /// To be watched with poll: readable while a port has something.
    public var descriptor: CInt { epoll.number }

    /// - Throws: What the kernel said (no memory, or too many watched descriptors).
    public borrowing func add(_ descriptor: CInt, port: UInt32) throws(PortError) {
        // Safe: the union is written and read as a number of 32 bits only.
        var event = unsafe epoll_event(events: EPOLLIN.rawValue, data: epoll_data_t(u32: port))
        // Safe: `event` lives through the call.
        guard unsafe epoll_ctl(epoll.number, EPOLL_CTL_ADD, descriptor, &event) == 0 else {
            throw PortError(interface: "port \(port)", call: "epoll_ctl")
        }
    }

    /// Takes a descriptor out of the set; nothing happens if it is not in it.
    public borrowing func remove(_ descriptor: CInt) {
        // Safe: all zero is a valid event.
        var event = unsafe epoll_event()
        // Safe: it lives through the call. ENOENT means that it was not there.
        _ = unsafe epoll_ctl(epoll.number, EPOLL_CTL_DEL, descriptor, &event)
    }

    /// Ports that have something now.
    ///
    /// - Parameter waiting: Until there is one, or a signal came.
    public borrowing func ready(waiting: Bool = false) -> [Ready] {
        unsafe withUnsafeTemporaryAllocation(
            of: epoll_event.self, capacity: Self.readyCountMax
        ) { events in
            // Safe: the kernel writes at most the capacity, and tells how many.
            let count = unsafe epoll_wait(
                epoll.number, events.baseAddress, Int32(Self.readyCountMax), waiting ? -1 : 0)
            let problems = EPOLLERR.rawValue | EPOLLHUP.rawValue
            return (0..<max(0, Int(count))).map { index in
                let event = unsafe events[index]
                return unsafe Ready(
                    port: event.data.u32, hasError: event.events & problems != 0)
            }
        }
    }
}
