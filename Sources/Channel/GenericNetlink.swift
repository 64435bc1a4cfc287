internal import CNetlink
internal import DatapathMessages
internal import Glibc

// A socket to the kernel's generic netlink, and the numbers of the module's families.

@safe
struct GenericNetlinkSocket: ~Copyable {
    private let pointer: OpaquePointer
    let descriptor: Int32
    /// Its number on the netlink bus, `nl_pid`.
    let port: UInt32

    /// Never waits when it is read.
    init() throws(ChannelError) {
        guard let socket = unsafe nl_socket_alloc() else {
            throw .system(call: "nl_socket_alloc", code: ENOMEM)
        }
        // Safe here and below: `socket` is ours from the allocation to deinit.
        guard unsafe genl_connect(socket) == 0 else {
            unsafe nl_socket_free(socket)
            throw .system(call: "genl_connect", code: errno)
        }
        unsafe pointer = socket
        descriptor = unsafe nl_socket_get_fd(socket)
        port = unsafe nl_socket_get_local_port(socket)
        UnixSocket.enlargeBuffers(descriptor)
        var one: Int32 = 1
        for option in [NETLINK_EXT_ACK, NETLINK_CAP_ACK] {
            // An old kernel refuses: then its sentences are missing, and nothing else.
            _ = unsafe setsockopt(
                descriptor, 270 /* SOL_NETLINK */, option, &one,
                socklen_t(MemoryLayout<Int32>.size))
        }
    }

    deinit { unsafe nl_socket_free(pointer) }

    /// The module's families; nil if it is not loaded. Asks for the list of all, because asking for
    /// one by name would make the kernel load it.
    func families() throws(ChannelError) -> DatapathFamilies? {
        var cache: OpaquePointer?
        // Safe: on success the cache is ours; families found in it are counted references.
        guard unsafe genl_ctrl_alloc_cache(pointer, &cache) == 0, let cache = unsafe cache else {
            throw .system(call: "genl_ctrl_alloc_cache", code: errno)
        }
        defer { unsafe nl_cache_free(cache) }
        var numbers: [UInt16] = []
        for name in ["ovs_datapath", "ovs_vport", "ovs_flow", "ovs_packet", "ovs_meter"] {
            guard let family = unsafe genl_ctrl_search_by_name(cache, name) else { return nil }
            numbers.append(unsafe UInt16(genl_family_get_id(family)))
            unsafe genl_family_put(family)
        }
        return DatapathFamilies(
            datapath: numbers[0], vport: numbers[1], flow: numbers[2], packet: numbers[3],
            meter: numbers[4])
    }

    /// Hands the kernel one datagram, which it works off before this returns.
    func send(_ bytes: [UInt8]) throws(ChannelError) {
        // The array lends its memory for the call, which only reads it.
        let sent = unsafe bytes.withUnsafeBytes {
            unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, 0)
        }
        guard sent >= 0 else { throw .system(call: "send to openvswitch.ko", code: errno) }
    }

    /// Reads one datagram into `buffer`; nil if there is none.
    ///
    /// - Throws: `.lost` if the kernel had more to say than the socket holds.
    func receive(into buffer: UnsafeMutableRawBufferPointer) throws(ChannelError) -> Int? {
        let flags = Int32(MSG_DONTWAIT) | Int32(MSG_TRUNC)
        while true {
            // In bounds: the kernel writes at most the buffer's size.
            let count = unsafe recv(descriptor, buffer.baseAddress, buffer.count, flags)
            guard count < 0 else { return count }
            switch errno {
            case EINTR: continue
            case EAGAIN: return nil
            case ENOBUFS: throw .lost
            default: throw .system(call: "recv from openvswitch.ko", code: errno)
            }
        }
    }
}
