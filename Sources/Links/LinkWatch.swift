// Hearing of interfaces that come, change and go.
//
// The kernel tells all listeners. If this one is too slow, it loses messages and is told so: then
// `.eventsLost` stands among the events, and whoever keeps a picture reads all links anew.

internal import CNetlink
internal import Glibc
public import LinkValues

/// Listens to changes of interfaces in the network namespace of the thread that made it. Needs no
/// privilege.
@safe
public struct LinkWatch: ~Copyable {
    /// Messages that one call of `events` reads at most; the rest stays for the next call.
    public static let eventsPerCall = 256
    /// What the kernel keeps for us while we do not read, in bytes: some hundreds of messages.
    private static let bufferByteCount: CInt = 1 << 20

    private let socket: LinkSocket

    /// Changes after this call are heard. Read all links after it, not before, to miss none.
    public init() throws(LinkError) {
        let socket = try LinkSocket()
        // Safe: the socket lives until the end of this value. Events carry no sequence number.
        unsafe nl_socket_disable_seq_check(socket.pointer)
        var code = unsafe nl_socket_add_membership(socket.pointer, CInt(RTNLGRP_LINK.rawValue))
        if code == 0 { code = unsafe nl_socket_set_nonblocking(socket.pointer) }
        if code == 0 {
            code = unsafe nl_socket_set_buffer_size(socket.pointer, Self.bufferByteCount, 0)
        }
        guard code == 0 else {
            throw LinkError(interface: "netlink", attempt: "listen to changes", code: code)
        }
        self.socket = socket
    }

    /// In network namespace `name`; `nil` is that of the calling thread.
    public init(namespace name: String?) throws(LinkError) {
        self = try NetworkNamespace.enter(name) { () throws(LinkError) in try LinkWatch() }
    }

    /// To be watched with poll or epoll: readable while events wait.
    public var descriptor: CInt { unsafe nl_socket_get_fd(socket.pointer) }

    /// What has happened since the last call, in order; empty if nothing. Never waits.
    ///
    /// - Throws: If the socket is broken; losing events is no error.
    public mutating func events() throws(LinkError) -> [LinkEvent] {
        var context = WatchContext(control: socket.control)
        var code: CInt = 0
        for _ in 0..<Self.eventsPerCall {
            // Safe: the callback gets the pointer only during nl_recvmsgs_default.
            unsafe withUnsafeMutablePointer(to: &context) { context in
                _ = unsafe nl_socket_modify_cb(
                    socket.pointer, NL_CB_VALID, NL_CB_CUSTOM, noteEvent, context)
                code = unsafe nl_recvmsgs_default(socket.pointer)
            }
            switch -code {
            case NLE_SUCCESS, NLE_INTR: continue
            case NLE_AGAIN: return context.events
            case NLE_NOMEM: context.events.append(.eventsLost)  // ENOBUFS
            default: throw LinkError(interface: "netlink", attempt: "read changes", code: code)
            }
        }
        return context.events
    }
}

private struct WatchContext {
    /// For ethtool's questions.
    let control: CInt
    var events: [LinkEvent] = []
    init(control: CInt) { self.control = control }
}

/// Adds the event of one netlink message to those of the context.
private func noteEvent(_ message: OpaquePointer?, _ context: UnsafeMutableRawPointer?) -> CInt {
    // Safe: libnl hands in the message that it just read, and the context given above.
    guard let message = unsafe message, let header = unsafe nlmsg_hdr(message),
        let context = unsafe context?.assumingMemoryBound(to: WatchContext.self),
        let (link, _) = unsafe Link.read(message, control: context.pointee.control)
    else { return CInt(NL_OK.rawValue) }
    let isRemoval = unsafe header.pointee.nlmsg_type == UInt16(RTM_DELLINK)
    unsafe context.pointee.events.append(
        isRemoval ? .removed(index: link.index, name: link.name) : .present(link))
    return CInt(NL_OK.rawValue)
}
