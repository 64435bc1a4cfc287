// A netlink socket of libnl, closed and freed exactly once.
//
// The kernel's refusals carry a sentence of its own when they are asked for ("extended
// acknowledgement"). libnl keeps only the number, so the sentence is caught as it passes by.

internal import CNetlink
internal import Glibc
internal import LinkValues

/// Owns a connected rtnetlink socket, in the network namespace of the thread that made it.
@safe
struct LinkSocket: ~Copyable {
    let pointer: OpaquePointer
    /// For what netlink has no words for (ethtool), in the same namespace.
    let control: CInt
    private let complaint: UnsafeMutablePointer<Complaint>

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
        let kind = CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
        let control = Glibc.socket(AF_INET, kind, 0)
        guard control >= 0 else {
            unsafe nl_socket_free(socket)
            throw LinkError(interface: "netlink", attempt: "open a socket", errno: errno)
        }
        self.control = control
        unsafe pointer = socket
        // Freed in deinit, after the socket that knows its address.
        unsafe complaint = .allocate(capacity: 1)
        unsafe complaint.initialize(to: Complaint())
        let descriptor = unsafe nl_socket_get_fd(socket)
        var one: CInt = 1
        for option in [NETLINK_EXT_ACK, NETLINK_CAP_ACK] {
            // An old kernel refuses: then its sentences are missing, and nothing else.
            _ = unsafe setsockopt(
                descriptor, 270 /* SOL_NETLINK */, option, &one, socklen_t(MemoryLayout<CInt>.size))
        }
        _ = unsafe nl_socket_modify_err_cb(socket, NL_CB_CUSTOM, noteRefusal, complaint)
    }

    deinit {
        unsafe nl_socket_free(pointer)
        close(control)
        unsafe complaint.deinitialize(count: 1)
        unsafe complaint.deallocate()
    }

    /// What the kernel said when it last refused; empty if it said nothing.
    func takeComplaint() -> String {
        defer { unsafe complaint.pointee = Complaint() }
        return unsafe complaint.pointee.text
    }

    /// Sends `message`, frees it, and waits for the kernel's verdict.
    func order(_ message: OpaquePointer, interface: String, attempt: String) throws(LinkError) {
        // Safe: the message is ours, and nl_send_sync frees it whatever comes of it.
        let code = unsafe nl_send_sync(pointer, message)
        guard code >= 0 else {
            throw LinkError(
                interface: interface, attempt: attempt, code: code, kernel: takeComplaint())
        }
    }

    /// Sends `message`, frees it, and hands each answer to `note`.
    ///
    /// - Parameter isDump: Whether the answers end by themselves; else there is one, and a verdict.
    func ask(
        _ message: OpaquePointer, isDump: Bool, interface: String, attempt: String,
        _ note: @escaping nl_recvmsg_msg_cb_t, _ context: UnsafeMutableRawPointer
    ) throws(LinkError) {
        // Safe: the callback and its context are used only by the calls below.
        _ = unsafe nl_socket_modify_cb(pointer, NL_CB_VALID, NL_CB_CUSTOM, note, context)
        var code = unsafe nl_send_auto(pointer, message)
        unsafe nlmsg_free(message)
        if code >= 0 { code = unsafe nl_recvmsgs_default(pointer) }
        if code >= 0, !isDump { code = unsafe nl_wait_for_ack(pointer) }
        _ = unsafe nl_socket_modify_cb(pointer, NL_CB_VALID, NL_CB_DEFAULT, nil, nil)
        guard code >= 0 else {
            throw LinkError(
                interface: interface, attempt: attempt, code: code, kernel: takeComplaint())
        }
    }
}

/// What the kernel said beside its error number.
struct Complaint {
    var text = ""
}

/// Finds the kernel's sentence in its refusal: attributes behind the header of the refused message,
/// whose payload NETLINK_CAP_ACK leaves out.
private func noteRefusal(
    _ sender: UnsafeMutablePointer<sockaddr_nl>?, _ refusal: UnsafeMutablePointer<nlmsgerr>?,
    _ context: UnsafeMutableRawPointer?
) -> CInt {
    guard let refusal = unsafe refusal, let context = unsafe context else {
        return CInt(NL_STOP.rawValue)
    }
    // Safe: libnl hands in the payload of a message that it holds whole, header in front.
    let message = unsafe (UnsafeMutableRawPointer(refusal) - 16)
        .assumingMemoryBound(to: nlmsghdr.self)
    let flags = unsafe CInt(message.pointee.nlmsg_flags)
    guard flags & CInt(NLM_F_ACK_TLVS) != 0, flags & CInt(NLM_F_CAPPED) != 0 else {
        return CInt(NL_STOP.rawValue)
    }
    let fixed = CInt(MemoryLayout<nlmsgerr>.size)
    let attributes = unsafe nlmsg_attrdata(message, fixed)
    let count = unsafe nlmsg_attrlen(message, fixed)
    if count > 0,
        let sentence = unsafe nla_find(attributes, count, CInt(NLMSGERR_ATTR_MSG.rawValue)),
        let text = unsafe nla_strdup(sentence)
    {
        unsafe context.assumingMemoryBound(to: Complaint.self).pointee.text =
            String(cString: text)
        unsafe free(text)
    }
    return CInt(NL_STOP.rawValue)
}
