// Hearing of interfaces that come, change and go.
//
// The kernel tells all listeners. If this one is too slow, it loses messages and is told so: then
// `.eventsLost` stands among the events, and whoever keeps a picture reads all links anew.

internal import CNetlink
internal import Glibc

/// One change to the interfaces of a network namespace.
public enum LinkEvent: Hashable, Sendable {
    /// An interface that is new, or has changed in some way; a renamed one has its old index.
    case present(Link)
    /// The interface with this index is gone, or went to another network namespace.
    case removed(index: Int, name: String)
    /// Some events did not arrive.
    case eventsLost
}

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

    /// To be watched with poll or epoll: readable while events wait.
    public var descriptor: CInt { unsafe nl_socket_get_fd(socket.pointer) }

    /// What has happened since the last call, in order; empty if nothing. Never waits.
    ///
    /// - Throws: If the socket is broken; losing events is no error.
    public mutating func events() throws(LinkError) -> [LinkEvent] {
        var events: [LinkEvent] = []
        var code: CInt = 0
        for _ in 0..<Self.eventsPerCall {
            // Safe: the callback gets the pointer to `events` only during nl_recvmsgs_default.
            unsafe withUnsafeMutablePointer(to: &events) { events in
                _ = unsafe nl_socket_modify_cb(
                    socket.pointer, NL_CB_VALID, NL_CB_CUSTOM, noteMessage, events)
                code = unsafe nl_recvmsgs_default(socket.pointer)
            }
            switch -code {
            case NLE_SUCCESS, NLE_INTR: continue
            case NLE_AGAIN: return events
            case NLE_NOMEM: events.append(.eventsLost)  // ENOBUFS
            default: throw LinkError(interface: "netlink", attempt: "read changes", code: code)
            }
        }
        return events
    }
}

/// Adds the event of one netlink message to the array of events that `context` points to.
private func noteMessage(_ message: OpaquePointer?, _ context: UnsafeMutableRawPointer?) -> CInt {
    // Safe: libnl hands in the message that it just read, and the context given above.
    guard let message = unsafe message, let header = unsafe nlmsg_hdr(message) else {
        return CInt(NL_OK.rawValue)
    }
    let isRemoval = unsafe header.pointee.nlmsg_type == UInt16(RTM_DELLINK)
    if isRemoval {
        _ = unsafe nl_msg_parse(message, noteRemoved, context)
    } else {
        _ = unsafe nl_msg_parse(message, notePresent, context)
    }
    return CInt(NL_OK.rawValue)
}

private func notePresent(_ object: OpaquePointer?, _ context: UnsafeMutableRawPointer?) {
    // Safe: an object of a link message is a link, held by libnl during the callback.
    guard let object = unsafe linkObject(object), let link = unsafe Link(object) else { return }
    unsafe context?.assumingMemoryBound(to: [LinkEvent].self).pointee.append(.present(link))
}

private func noteRemoved(_ object: OpaquePointer?, _ context: UnsafeMutableRawPointer?) {
    // Safe: as in notePresent.
    guard let object = unsafe linkObject(object),
        let name = unsafe rtnl_link_get_name(object)
    else { return }
    let event = unsafe LinkEvent.removed(
        index: Int(rtnl_link_get_ifindex(object)), name: String(cString: name))
    unsafe context?.assumingMemoryBound(to: [LinkEvent].self).pointee.append(event)
}

/// The link of a message about a link itself. Bridges speak in the same group, of their ports
/// (family AF_BRIDGE): there "deleted" means that the interface left a bridge, not that it is gone.
private func linkObject(_ object: OpaquePointer?) -> OpaquePointer? {
    guard let object = unsafe object, unsafe rtnl_link_get_family(object) == AF_UNSPEC else {
        return nil
    }
    return unsafe object
}
