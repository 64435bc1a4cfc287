// A netlink socket of libnl, closed and freed exactly once.

internal import CNetlink
internal import Glibc

/// Owns a connected rtnetlink socket.
@safe
struct LinkSocket: ~Copyable {
    let pointer: OpaquePointer

    init() throws(LinkError) {
        guard let socket = unsafe nl_socket_alloc() else {
            throw LinkError(interface: "netlink", attempt: "open", code: -NLE_NOMEM)
        }
        // Safe here and below: `socket` is ours from the allocation to deinit.
        let code = unsafe nl_connect(socket, NETLINK_ROUTE)
        guard code == 0 else {
            unsafe nl_socket_free(socket)
            throw LinkError(interface: "netlink", attempt: "connect", code: code)
        }
        unsafe pointer = socket
    }

    deinit { unsafe nl_socket_free(pointer) }
}
