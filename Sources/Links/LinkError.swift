// What went wrong with an interface, in words an operator can act on.

internal import CNetlink
internal import Glibc

/// Why an interface could not be read or changed.
public struct LinkError: Error, Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        /// No interface of that name or number in this network namespace.
        case noSuchLink
        /// The name is taken.
        case exists
        /// The process lacks CAP_NET_ADMIN, which changing needs and reading does not.
        case notPermitted
        /// Any other refusal; `reason` says which.
        case refused
    }

    public var kind: Kind
    /// Name of the interface, or "netlink" if it was about none.
    public var interface: String
    /// What was tried, for example "set MTU 9000".
    public var attempt: String
    /// libnl's words for it, or the system's.
    public var reason: String
    /// The kernel's own sentence (its extended acknowledgement); empty if it had none.
    public var kernel: String

    /// - Parameter code: A negative result of libnl.
    init(interface: String, attempt: String, code: CInt, kernel: String = "") {
        let kind: Kind =
            switch -code {
            case NLE_NODEV, NLE_OBJ_NOTFOUND: .noSuchLink
            case NLE_EXIST: .exists
            case NLE_PERM, NLE_NOACCESS: .notPermitted
            default: .refused
            }
        // Safe: libnl returns a constant C string for every number.
        let reason = unsafe String(cString: nl_geterror(code))
        self.init(
            kind: kind, interface: interface, attempt: attempt, reason: reason, kernel: kernel)
    }

    init(interface: String, attempt: String, errno: Int32) {
        let kind: Kind =
            switch errno {
            case ENODEV: .noSuchLink
            case EEXIST, EBUSY: .exists
            case EPERM, EACCES: .notPermitted
            default: .refused
            }
        // Safe: a terminated string that stays until the next call of this thread.
        let reason = unsafe String(cString: strerror(errno))
        self.init(kind: kind, interface: interface, attempt: attempt, reason: reason, kernel: "")
    }

    init(kind: Kind, interface: String, attempt: String, reason: String, kernel: String = "") {
        self.kind = kind
        self.interface = interface
        self.attempt = attempt
        self.reason = reason
        self.kernel = kernel
    }
}

extension LinkError: CustomStringConvertible {
    /// One sentence, for example "eth7: cannot read: there is no such interface here".
    public var description: String {
        let sentence =
            switch kind {
            case .noSuchLink: "there is no such interface here"
            case .exists: "there is one of that name already"
            case .notPermitted: "not permitted (needs CAP_NET_ADMIN)"
            case .refused: reason
            }
        let said = kernel.isEmpty ? "" : " (the kernel says: \(kernel))"
        return "\(interface): cannot \(attempt): \(sentence)\(said)"
    }
}
