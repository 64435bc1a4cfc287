// What went wrong with an interface, in words an operator can act on.

internal import CNetlink

/// Why an interface could not be read or changed.
public struct LinkError: Error, Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        /// No interface of that name or number in this network namespace.
        case noSuchLink
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
    /// libnl's words for it.
    public var reason: String

    /// - Parameter code: A negative result of libnl.
    init(interface: String, attempt: String, code: CInt) {
        let kind: Kind =
            switch -code {
            case NLE_NODEV, NLE_OBJ_NOTFOUND: .noSuchLink
            case NLE_PERM, NLE_NOACCESS: .notPermitted
            default: .refused
            }
        self.kind = kind
        self.interface = interface
        self.attempt = attempt
        // Safe: libnl returns a constant C string for every number.
        reason = unsafe String(cString: nl_geterror(code))
    }
}

extension LinkError: CustomStringConvertible {
    /// One sentence, for example "eth7: cannot read: there is no such interface here".
    public var description: String {
        let sentence =
            switch kind {
            case .noSuchLink: "there is no such interface here"
            case .notPermitted: "not permitted (needs CAP_NET_ADMIN)"
            case .refused: reason
            }
        return "\(interface): cannot \(attempt): \(sentence)"
    }
}
