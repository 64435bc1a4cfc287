// Asking the kernel about interfaces, and changing them, one request and answer at a time.

internal import CNetlink
internal import Glibc
public import Packets

/// A conversation with the kernel about the interfaces of one network namespace: that of the thread
/// which made it. Reading needs no privilege. For one thread at a time; calls wait for the
/// kernel's answer, which takes microseconds.
@safe
public struct LinkTable: ~Copyable {
    private let socket: LinkSocket

    /// - Throws: If the kernel refuses a netlink socket.
    public init() throws(LinkError) {
        socket = try LinkSocket()
    }

    /// The interface called `name`.
    ///
    /// - Throws: `.noSuchLink` if there is none.
    public func link(named name: String) throws(LinkError) -> Link {
        var object: OpaquePointer?
        // Safe: `name` is a C string for the length of the call; on success the object is ours.
        let code = unsafe rtnl_link_get_kernel(socket.pointer, 0, name, &object)
        guard code == 0, let object = unsafe object else {
            throw LinkError(interface: name, attempt: "read", code: code == 0 ? -NLE_NODEV : code)
        }
        defer { unsafe rtnl_link_put(object) }
        guard let link = unsafe Link(object) else {
            throw LinkError(interface: name, attempt: "read", code: -NLE_NODEV)
        }
        return link
    }

    /// All interfaces, by rising index.
    public func links() throws(LinkError) -> [Link] {
        var cache: OpaquePointer?
        // Safe: on success the cache is ours.
        let code = unsafe rtnl_link_alloc_cache(socket.pointer, AF_UNSPEC, &cache)
        guard code == 0, let cache = unsafe cache else {
            throw LinkError(interface: "netlink", attempt: "list interfaces", code: code)
        }
        defer { unsafe nl_cache_free(cache) }
        var links: [Link] = []
        // Safe: the objects belong to the cache, which is kept until the end of the function.
        var object = unsafe nl_cache_get_first(cache)
        while let present = unsafe object {
            if let link = unsafe Link(present) { links.append(link) }
            unsafe object = nl_cache_get_next(present)
        }
        return links.sorted { $0.index < $1.index }
    }

    /// Switches an interface on or off.
    ///
    /// - Throws: `.noSuchLink`, `.notPermitted`, or what the kernel said.
    public func set(_ name: String, up: Bool) throws(LinkError) {
        unsafe try change(name, attempt: up ? "switch on" : "switch off") {
            if up {
                unsafe rtnl_link_set_flags($0, UInt32(IFF_UP))
            } else {
                unsafe rtnl_link_unset_flags($0, UInt32(IFF_UP))
            }
        }
    }

    /// Sets the largest payload of a frame, in bytes; the driver decides what is possible.
    public func set(_ name: String, mtu: Int) throws(LinkError) {
        guard let number = UInt32(exactly: mtu) else {
            throw LinkError(interface: name, attempt: "set MTU \(mtu)", code: -NLE_RANGE)
        }
        unsafe try change(name, attempt: "set MTU \(mtu)") { unsafe rtnl_link_set_mtu($0, number) }
    }

    /// Sets the interface's own MAC address.
    public func set(_ name: String, address: MACAddress) throws(LinkError) {
        let octets = (0..<6).map { UInt8(truncatingIfNeeded: address.bits >> (40 - 8 * $0)) }
        // Safe: libnl copies the six bytes.
        guard let copy = unsafe nl_addr_build(AF_LLC, octets, 6) else {
            throw LinkError(interface: name, attempt: "set address", code: -NLE_NOMEM)
        }
        defer { unsafe nl_addr_put(copy) }
        unsafe try change(name, attempt: "set address") { unsafe rtnl_link_set_addr($0, copy) }
    }

    private func change(
        _ name: String, attempt: String, _ edit: (OpaquePointer) -> Void
    ) throws(LinkError) {
        let present = try link(named: name)
        // Safe: both objects are ours until they are put back.
        guard let target = unsafe rtnl_link_alloc(), let changes = unsafe rtnl_link_alloc() else {
            throw LinkError(interface: name, attempt: attempt, code: -NLE_NOMEM)
        }
        defer {
            unsafe rtnl_link_put(target)
            unsafe rtnl_link_put(changes)
        }
        unsafe rtnl_link_set_ifindex(target, CInt(present.index))
        unsafe edit(changes)
        let code = unsafe rtnl_link_change(socket.pointer, target, changes, 0)
        guard code == 0 else { throw LinkError(interface: name, attempt: attempt, code: code) }
    }
}
